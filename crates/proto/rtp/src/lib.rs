//! RTP and RTCP (RFC 3550), SRTP (RFC 3711, RFC 7714), playout and stream quality, without I/O.
//!
//! [`RtpPacket`] reads a packet and [`RtpHeader`] writes one, in place and without allocation.
//! [`SrtpSender`] and [`SrtpReceiver`] protect and unprotect packets in place.
//! [`RtcpSession`] measures what arrives and makes the reports; [`JitterBuffer`] puts packets back
//! into order and time; [`quality`] turns what was measured into a mean opinion score.
//! [`EventDetector`] and [`EventGenerator`] are the two ends of RFC 4733, [`EventRelay`] passes events on.
//!
//! The crate opens no sockets and reads no clock: `now` is an argument, randomness comes in through
//! constructors. It decodes no audio: a jitter buffer gives back payloads, not samples. It agrees on
//! no keys: they come from SDP or from a DTLS handshake. It logs nothing.

use std::hint::black_box;

mod clock_drift;
pub mod comfort_noise;
mod event_relay;
mod fuzz_events;
mod jitter_buffer;
pub mod quality;
mod receive_statistics;
pub mod rtcp;
mod rtcp_session;
mod rtp;
mod sequence;
mod srtp;
mod telephone_event;

pub use clock_drift::ClockDrift;
pub use event_relay::{EventRelay, RelayedEventPacket};
#[doc(hidden)]
pub use fuzz_events::fuzz_events;
pub use jitter_buffer::{
    ADJUST_INTERVAL, CONCEAL_PIECES_MAX, Dropped, Frame, IDLE_PIECES_MAX, JITTER_PACKETS_MAX,
    JITTER_PAYLOAD_BYTES_MAX, JitterBuffer, JitterBufferStatistics, JitterConfig, Playout,
};
pub use receive_statistics::{ReceiveStatistics, ReceiveSummary};
pub use rtcp_session::{
    REMOTE_SOURCES_MAX, REPORT_BYTES_MAX, REPORT_INTERVAL_MAX, REPORT_INTERVAL_MIN, ROUND_TRIP_MAX,
    RtcpConfig, RtcpEvent, RtcpSession,
};
pub use rtp::{
    CSRC_MAX, ExtensionElement, HeaderExtension, RTP_HEADER_BYTES, RtpError, RtpHeader, RtpPacket,
    RtpRewrite,
};
pub use sequence::SequenceExtender;
pub use srtp::{
    MASTER_KEY_BYTES_MAX, PROTECTION_BYTES_MAX, PassedOn, REPLAY_WINDOW_PACKETS,
    RESTORED_PACKETS_MAX, SRTP_STREAMS_MAX, SentSince, SrtpError, SrtpProfile, SrtpReceiver,
    SrtpSender, SrtpState, SrtpStreamState,
};
pub use telephone_event::{
    DIGITS_QUEUED_MAX, Digit, EventDetector, EventGenerator, EventPacket, EventPayload,
    TelephoneEvent,
};

/// Entry point for fuzzing: reads `input` as a packet, with its extension and as an event.
///
/// It must return for every input.
#[doc(hidden)]
pub fn fuzz_rtp(input: &[u8]) {
    let Ok(packet) = RtpPacket::parse(input) else {
        return;
    };
    let elements = packet.extension.iter().flat_map(HeaderExtension::elements);
    black_box(elements.count() + packet.csrcs().count());
    let now = std::time::Instant::now();
    let mut buffer = JitterBuffer::new(JitterConfig::new(8_000));
    black_box(buffer.put(&packet, now).is_ok());
    black_box(buffer.pop(now));
    let mut detector = EventDetector::new(8_000);
    detector.handle_packet(packet.payload, packet.timestamp, now);
}

/// Entry point for fuzzing: reads `input` as RTCP and lets a session take it.
///
/// It must return for every input.
#[doc(hidden)]
pub fn fuzz_rtcp(input: &[u8]) {
    rtcp::fuzz(input);
    let now = std::time::Instant::now();
    let config = RtcpConfig {
        ssrc: 1,
        cname: "fuzz".to_owned(),
        clock_rate: 8_000,
        bandwidth_bps: 64_000,
        seed: 1,
        unix_time: std::time::Duration::ZERO,
    };
    let mut session = RtcpSession::new(config, now);
    black_box(session.handle_rtcp(input, now).is_ok());
    let mut report = [0; REPORT_BYTES_MAX];
    let due = session.poll_timeout();
    debug_assert!(session.poll_output(&mut report, due).is_some());
}
