//! One press is one digit, whatever the network does to its packets.

use std::time::{Duration, Instant};

use offhook_rtp::{
    DIGITS_QUEUED_MAX, Digit, EventDetector, EventGenerator, EventPacket, EventPayload,
    TelephoneEvent,
};
use proptest::prelude::*;

const FRAME: Duration = Duration::from_millis(20);

fn digit(key: char) -> Digit {
    Digit::from_char(key).expect("a key")
}

/// What a generator sends for some keys: the packets with their places in packet times.
fn sent(keys: &str, duration: Duration, clock_rate: u32) -> Vec<(u32, EventPacket)> {
    let mut generator = EventGenerator::new(clock_rate, FRAME);
    for key in keys.chars() {
        assert!(generator.press(digit(key), duration));
    }
    let mut packets = Vec::new();
    let mut place = 0;
    while generator.is_active() {
        let timestamp = 5_000_u32.wrapping_add(place * clock_rate / 50);
        packets.extend(generator.poll_packet(timestamp).map(|packet| (place, packet)));
        place += 1;
    }
    packets
}

/// The keys a detector sees in the packets it gets.
fn detected(packets: &[(u32, EventPacket)], clock_rate: u32) -> (String, Vec<Duration>) {
    let start = Instant::now();
    let mut detector = EventDetector::new(clock_rate);
    let (mut keys, mut durations) = (String::new(), Vec::new());
    let mut drain = |detector: &mut EventDetector| {
        while let Some(event) = detector.poll_output() {
            match event {
                TelephoneEvent::Pressed(digit) => keys.push(digit.as_char()),
                TelephoneEvent::Released { duration, .. } => durations.push(duration),
            }
        }
    };
    let mut end = start;
    for (place, packet) in packets {
        end = start + FRAME * *place;
        detector.handle_timeout(end);
        detector.handle_packet(&packet.payload, packet.timestamp, end);
        drain(&mut detector);
    }
    detector.handle_timeout(end + Duration::from_secs(1));
    drain(&mut detector);
    assert_eq!(detector.poll_timeout(), None);
    (keys, durations)
}

#[test]
fn a_press_begins_with_the_marker_and_ends_three_times() {
    let packets = sent("5", Duration::from_millis(100), 8_000);
    let payloads: Vec<_> = packets
        .iter()
        .map(|(_, packet)| EventPayload::parse(&packet.payload).expect("an event"))
        .collect();
    let durations: Vec<_> = payloads.iter().map(|payload| payload.duration).collect();
    assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
    let ends: Vec<_> = payloads.iter().map(|payload| payload.end).collect();
    assert_eq!(ends, [false, false, false, false, true, true, true]);
    let markers = packets.iter().filter(|(_, packet)| packet.marker).count();
    assert!(packets[0].1.marker && markers == 1);
    assert!(packets.iter().all(|(_, packet)| packet.timestamp == 5_000));
    assert!(payloads.iter().all(|payload| payload.event == 5 && payload.volume == 10));
}

#[test]
fn all_sixteen_keys_cross_at_any_clock_rate() {
    let keys = "0123456789*#ABCD";
    for clock_rate in [8_000, 16_000, 48_000] {
        let packets = sent(keys, Duration::from_millis(100), clock_rate);
        let (found, durations) = detected(&packets, clock_rate);
        assert_eq!(found, keys);
        assert_eq!(durations, [Duration::from_millis(100); 16]);
    }
}

#[test]
fn the_same_key_twice_is_two_presses() {
    let packets = sent("1122", Duration::from_millis(60), 8_000);
    assert_eq!(detected(&packets, 8_000).0, "1122");
}

#[test]
fn doubled_and_late_packets_make_no_further_press() {
    let packets = sent("123", Duration::from_millis(100), 8_000);
    let mut twice = packets.clone();
    twice.extend(packets.iter().filter(|(_, packet)| packet.payload[1] & 0x80 != 0));
    twice.sort_by_key(|(place, _)| *place);
    assert_eq!(detected(&twice, 8_000).0, "123");
    let mut late = packets.clone();
    late.extend(&packets[..7]);
    assert_eq!(detected(&late, 8_000).0, "123");
}

#[test]
fn a_press_whose_ends_are_lost_ends_by_the_next_or_by_time() {
    let mut packets = sent("47", Duration::from_millis(100), 8_000);
    packets.retain(|(_, packet)| packet.payload[1] & 0x80 == 0);
    let (keys, durations) = detected(&packets, 8_000);
    assert_eq!(keys, "47");
    assert_eq!(durations, [Duration::from_millis(80); 2]);
}

#[test]
fn a_single_end_packet_is_a_press() {
    let packets = sent("9", Duration::from_millis(100), 8_000);
    assert_eq!(detected(&packets[6..], 8_000).0, "9");
}

#[test]
fn a_press_too_long_for_one_segment_is_one_press() {
    for clock_rate in [8_000, 48_000] {
        let packets = sent("8", Duration::from_secs(5), clock_rate);
        let timestamps: std::collections::BTreeSet<_> =
            packets.iter().map(|(_, packet)| packet.timestamp).collect();
        assert_eq!(timestamps.len(), if clock_rate == 48_000 { 4 } else { 1 });
        let payloads = packets.iter().filter_map(|(_, packet)| {
            EventPayload::parse(&packet.payload).filter(|payload| payload.duration == 0xFFFF)
        });
        let full: Vec<_> = payloads.map(|payload| payload.end).collect();
        assert_eq!(full, vec![false; timestamps.len() - 1], "each full segment is told once");
        let (keys, durations) = detected(&packets, clock_rate);
        assert_eq!(keys, "8");
        let error = durations[0].abs_diff(Duration::from_secs(5));
        assert!(error < Duration::from_millis(2), "{durations:?}");
    }
}

#[test]
fn a_gateway_that_counts_the_timestamp_up_makes_one_press() {
    let mut packets = sent("6", Duration::from_millis(200), 8_000);
    for (place, packet) in &mut packets {
        packet.timestamp += *place * 160;
    }
    assert_eq!(detected(&packets, 8_000).0, "6");
}

#[test]
fn presses_after_a_change_of_source_count_though_their_timestamps_are_lower() {
    let mut packets = sent("1", Duration::from_millis(100), 8_000);
    packets[..].iter_mut().for_each(|(_, packet)| packet.timestamp += 900_000);
    packets.extend(sent("2", Duration::from_millis(100), 8_000));
    assert_eq!(detected(&packets, 8_000).0, "12");
}

#[test]
fn what_is_no_digit_is_ignored() {
    let mut detector = EventDetector::new(8_000);
    let now = Instant::now();
    for payload in [&[][..], &[1, 0x80, 0], &[16, 0x80, 1, 0], &[255, 0, 1, 0]] {
        detector.handle_packet(payload, 1, now);
    }
    assert_eq!(detector.poll_output(), None);
}

#[test]
fn durations_and_the_queue_have_bounds() {
    let mut generator = EventGenerator::new(8_000, FRAME);
    for _ in 0..DIGITS_QUEUED_MAX {
        assert!(generator.press(digit('1'), Duration::ZERO));
    }
    assert!(!generator.press(digit('1'), Duration::ZERO));
    assert_eq!(sent("1", Duration::ZERO, 8_000).len(), 4);
    assert_eq!(sent("1", Duration::from_secs(900), 8_000).len(), 402);
}

proptest! {
    /// As long as one packet of each press arrives, and each press arrives before the next one
    /// begins, the keys are those pressed.
    #[test]
    fn keys_survive_loss_duplicates_and_reordering(
        keys in "[0-9*#A-D]{1,12}",
        dice in prop::collection::vec((0_u8..100, 0_u32..3), 400),
        clock_rate in prop::sample::select(vec![8_000_u32, 48_000]),
    ) {
        let packets = sent(&keys, Duration::from_millis(100), clock_rate);
        let mut arrived: Vec<(u32, EventPacket)> = Vec::new();
        let presses = packets.chunk_by(|a, b| a.1.timestamp == b.1.timestamp);
        let mut dice = dice.iter().cycle();
        for press in presses {
            let before = arrived.len();
            for (place, packet) in press {
                let (chance, delay) = dice.next().copied().unwrap_or_default();
                if chance >= 40 {
                    arrived.push((place + delay, *packet));
                }
                if chance >= 85 {
                    arrived.push((place + delay, *packet));
                }
            }
            if arrived.len() == before {
                arrived.push(press[0]);
            }
        }
        arrived.sort_by_key(|(place, _)| *place);
        prop_assert_eq!(detected(&arrived, clock_rate).0, keys);
    }

    #[test]
    fn arbitrary_payloads_never_panic(
        packets in prop::collection::vec((any::<[u8; 4]>(), any::<u32>(), 0_u64..2_000), 0..50),
    ) {
        let mut detector = EventDetector::new(8_000);
        let mut now = Instant::now();
        for (payload, timestamp, wait) in packets {
            now += Duration::from_millis(wait);
            detector.handle_timeout(now);
            detector.handle_packet(&payload, timestamp, now);
        }
        while detector.poll_output().is_some() {}
    }
}
