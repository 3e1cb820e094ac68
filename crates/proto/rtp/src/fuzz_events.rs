use crate::{EventDetector, EventRelay, RtpHeader, comfort_noise};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Bytes of a step: the timestamp's advance, the source, the time that passes, and a payload of four.
const STEP_BYTES: usize = 8;
/// Clocks of events, by the first byte.
const CLOCKS: [u32; 4] = [8_000, 16_000, 48_000, 1];

/// Entry point for fuzzing: reads `input` as event packets that one detector hears and one relay passes on, from
/// one clock to another, and as comfort noise.
///
/// It must return for every input.
#[doc(hidden)]
pub fn fuzz_events(input: &[u8]) {
    black_box(comfort_noise::parse_level(input));
    let Some((clocks, steps)) = input.split_first() else { return };
    let clock = |shift: u8| CLOCKS[usize::from(clocks >> shift & 3)];
    let clocks = (clock(0), clock(2));
    let (mut detector, mut relay) = (EventDetector::new(clocks.0), EventRelay::default());
    let (mut now, mut header) = (Instant::now(), RtpHeader::default());
    for step in steps.chunks(STEP_BYTES) {
        let byte = |at: usize| step.get(at).copied().unwrap_or_default();
        let advance = i32::from(i16::from_be_bytes([byte(0), byte(1)]));
        header.timestamp = header.timestamp.wrapping_add_signed(advance * 16);
        header.ssrc = u32::from(byte(2) & 3);
        now += Duration::from_millis(u64::from(byte(3)));
        let payload = step.get(4..).unwrap_or_default();
        detector.handle_packet(payload, header.timestamp, now);
        detector.handle_timeout(now);
        black_box(relay.handle_packet(&header, payload, clocks, header.timestamp));
        while let Some(event) = detector.poll_output() {
            black_box(event);
        }
    }
}
