//! Two sessions that report to each other: interval, round trip, loss, jitter.

use std::time::{Duration, Instant};

use offhook_rtp::rtcp::{Compound, CompoundWriter, RtcpPacket};
use offhook_rtp::{
    REMOTE_SOURCES_MAX, REPORT_BYTES_MAX, ReceiveStatistics, RtcpConfig, RtcpEvent, RtcpSession,
    RtpHeader,
};

const FRAME: Duration = Duration::from_millis(20);

fn config(ssrc: u32, seed: u64) -> RtcpConfig {
    RtcpConfig {
        ssrc,
        cname: "test".to_owned(),
        clock_rate: 8_000,
        bandwidth_bps: 80_000,
        seed,
        unix_time: Duration::from_secs(1_800_000_000),
    }
}

fn header(ssrc: u32, number: u32) -> RtpHeader {
    RtpHeader {
        ssrc,
        sequence_number: number as u16,
        timestamp: number * 160,
        ..RtpHeader::default()
    }
}

/// Alice sends 50 packets a second to Bob; reports take `delay` each way.
struct Pair {
    alice: RtcpSession,
    bob: RtcpSession,
    now: Instant,
    number: u32,
    delay: Duration,
    on_the_way: Vec<(Instant, bool, Vec<u8>)>,
    reports: Vec<Instant>,
}

impl Pair {
    fn new(seed: u64, delay: Duration) -> Self {
        let now = Instant::now();
        Self {
            alice: RtcpSession::new(config(1, seed), now),
            bob: RtcpSession::new(config(2, seed + 1), now),
            now,
            number: 65_000,
            delay,
            on_the_way: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn advance(&mut self, frames: u32, is_lost: impl Fn(u32) -> bool) {
        for _ in 0..frames {
            self.now += FRAME;
            self.number += 1;
            let header = header(1, self.number);
            self.alice.handle_sent(&header, 160, self.now);
            if !is_lost(self.number) {
                self.bob.handle_received(&header, 160, self.now);
            }
            self.exchange_reports();
        }
    }

    fn exchange_reports(&mut self) {
        let mut buffer = [0; REPORT_BYTES_MAX];
        for (is_alice, session) in [(true, &mut self.alice), (false, &mut self.bob)] {
            if let Some(length) = session.poll_output(&mut buffer, self.now) {
                assert!(session.poll_timeout() > self.now);
                let report = (self.now + self.delay, is_alice, buffer[..length].to_vec());
                self.on_the_way.push(report);
                if is_alice {
                    self.reports.push(self.now);
                }
            }
        }
        for (_, is_alice, report) in self.on_the_way.extract_if(.., |(due, ..)| *due <= self.now) {
            let session = if is_alice { &mut self.bob } else { &mut self.alice };
            session.handle_rtcp(&report, self.now).expect("a report");
        }
    }
}

#[test]
fn reports_come_at_random_within_the_bounds_of_the_rfc() {
    let mut pair = Pair::new(7, Duration::ZERO);
    let start = pair.now;
    pair.advance(50 * 600, |_| false);
    let first = pair.reports[0] - start;
    assert!(first >= Duration::from_secs_f64(1.0) && first <= Duration::from_secs_f64(3.1));
    let gaps: Vec<f64> =
        pair.reports.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!(gaps.iter().all(|gap| (2.0..6.3).contains(gap)), "{gaps:?}");
    assert!((3.4..4.8).contains(&mean), "the mean is 5 / 1.21828: {mean}");
    let other = Pair::new(8, Duration::ZERO).alice.poll_timeout();
    assert_ne!(other - start, first, "seeds differ");
}

#[test]
fn the_round_trip_is_measured() {
    let delay = Duration::from_millis(60);
    let mut pair = Pair::new(3, delay);
    pair.advance(50 * 30, |_| false);
    let round_trip = pair.alice.round_trip().expect("measured");
    assert!(round_trip.abs_diff(2 * delay) < Duration::from_millis(25), "{round_trip:?}");
    assert_eq!(pair.bob.round_trip(), None, "Bob sends nothing, so nobody answers his reports");
    let events: Vec<_> = std::iter::from_fn(|| pair.alice.poll_event()).collect();
    assert!(events.contains(&RtcpEvent::RoundTrip(round_trip)));
}

#[test]
fn loss_is_reported_to_the_sender() {
    let mut pair = Pair::new(5, Duration::ZERO);
    pair.advance(50 * 60, |number| number % 10 == 0);
    let report = pair.alice.remote_report().expect("a report");
    assert_eq!(report.ssrc, 1);
    assert!((23..=28).contains(&report.fraction_lost), "10 % is 25.6: {report:?}");
    assert!((230..=300).contains(&report.cumulative_lost), "{report:?}");
    assert!(report.highest_sequence_number > 65_536, "the cycles count: {report:?}");
    let summary = pair.bob.summary(1).expect("a source");
    assert_eq!(summary.packets_expected, 2_999, "the last one is lost");
    assert_eq!((summary.packets_lost, summary.loss_bursts), (299, 299));
    assert_eq!(summary.payload_bytes, 2_700 * 160);
}

#[test]
fn who_sends_reports_as_sender_with_the_time_of_both_clocks() {
    let mut pair = Pair::new(5, Duration::ZERO);
    pair.advance(10, |_| false);
    let mut buffer = [0; REPORT_BYTES_MAX];
    let later = pair.now + Duration::from_millis(500);
    let length = pair.alice.goodbye(&mut buffer, later).expect("room");
    let packets: Vec<_> = Compound::parse(&buffer[..length]).unwrap().packets().collect();
    let [
        RtcpPacket::SenderReport(report),
        RtcpPacket::SourceDescription(_),
        RtcpPacket::Goodbye(bye),
    ] = packets[..]
    else {
        panic!("{packets:?}");
    };
    assert_eq!((report.info.packet_count, report.info.octet_count), (10, 1_600));
    assert_eq!(report.info.rtp_timestamp, 65_010 * 160 + 4_000);
    assert_eq!(report.info.ntp >> 32, 1_800_000_000 + 2_208_988_800);
    let fraction = (report.info.ntp as u32) as f64 / 2_f64.powi(32);
    assert!((fraction - 0.7).abs() < 0.001, "{fraction}");
    assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [1]);
    let length = pair.alice.goodbye(&mut buffer, later).expect("room");
    let packets: Vec<_> = Compound::parse(&buffer[..length]).unwrap().packets().collect();
    assert!(matches!(packets[0], RtcpPacket::ReceiverReport(_)), "nothing sent since");
}

#[test]
fn goodbyes_and_requests_are_told() {
    let mut buffer = [0; 200];
    let mut writer = CompoundWriter::new(&mut buffer);
    writer.receiver_report(2, &[]).unwrap();
    writer.picture_loss(2, 1).unwrap();
    writer.negative_acknowledgement(2, 1, &[5, 7]).unwrap();
    writer.goodbye(&[2], None).unwrap();
    let length = writer.len();
    let now = Instant::now();
    let mut session = RtcpSession::new(config(1, 1), now);
    session.handle_rtcp(&buffer[..length], now).unwrap();
    let events: Vec<_> = std::iter::from_fn(|| session.poll_event()).collect();
    let expected = [
        RtcpEvent::PictureRequest { ssrc: 1 },
        RtcpEvent::Lost { ssrc: 1, sequence_numbers: vec![5, 7] },
        RtcpEvent::Goodbye { ssrc: 2 },
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_round_trip_that_cannot_be_is_ignored() {
    let now = Instant::now();
    let mut session = RtcpSession::new(config(1, 1), now);
    let mut buffer = [0; 200];
    let block = offhook_rtp::rtcp::ReportBlock {
        ssrc: 1,
        last_sender_report: 0x1234_5678,
        ..Default::default()
    };
    let mut writer = CompoundWriter::new(&mut buffer);
    writer.receiver_report(2, &[block]).unwrap();
    let length = writer.len();
    session.handle_rtcp(&buffer[..length], now).unwrap();
    assert!(session.remote_report().is_some());
    assert_eq!(session.round_trip(), None);
}

#[test]
fn sources_are_bounded_and_the_report_fits() {
    let now = Instant::now();
    let mut session = RtcpSession::new(config(1, 1), now);
    for ssrc in 10..200 {
        session.handle_received(&header(ssrc, 1), 160, now + FRAME * ssrc);
    }
    let mut buffer = [0; REPORT_BYTES_MAX];
    let due = session.poll_timeout();
    let length = session.poll_output(&mut buffer, due).expect("due");
    let packets: Vec<_> = Compound::parse(&buffer[..length]).unwrap().packets().collect();
    let RtcpPacket::ReceiverReport(report) = packets[0] else {
        panic!("{packets:?}");
    };
    let mut sources: Vec<_> = report.reports().map(|report| report.ssrc).collect();
    sources.sort();
    let newest: Vec<_> = (200 - REMOTE_SOURCES_MAX as u32..200).collect();
    assert_eq!(sources, newest);
    assert_eq!(session.total().packets_received, REMOTE_SOURCES_MAX as u64);
}

/// Feeds numbers, 20 ms apart, and gives the statistics.
fn statistics(numbers: impl IntoIterator<Item = u32>) -> ReceiveStatistics {
    let mut statistics = ReceiveStatistics::new(8_000);
    let mut now = Instant::now();
    for number in numbers {
        now += FRAME;
        statistics.handle_packet(number as u16, number * 160, 160, now);
    }
    statistics
}

#[test]
fn reordering_and_doubles_are_no_loss() {
    let numbers = [65_533, 65_535, 65_534, 65_536, 65_536, 65_538, 65_537, 65_533];
    let summary = statistics(numbers).summary();
    assert_eq!((summary.packets_expected, summary.packets_received), (6, 6));
    assert_eq!((summary.packets_lost, summary.duplicates, summary.loss_bursts), (0, 2, 0));
}

#[test]
fn bursts_are_counted_apart_from_single_losses() {
    let is_lost = |number: &u32| *number % 100 < 5 || *number % 100 == 50;
    let summary = statistics((110..2_095).filter(|number| !is_lost(number))).summary();
    assert_eq!(summary.packets_lost, 19 * 5 + 20);
    assert_eq!(summary.loss_bursts, 19 + 20);
}

#[test]
fn a_jump_begins_anew_and_a_stray_packet_does_not() {
    let summary = statistics([1, 2, 30_000, 3, 4]).summary();
    assert_eq!((summary.packets_received, summary.packets_lost), (4, 0));
    let summary = statistics([1, 2, 30_000, 30_001, 30_002]).summary();
    assert_eq!((summary.packets_received, summary.packets_lost), (4, 0));
}

#[test]
fn the_fraction_is_of_the_time_since_the_last_report() {
    let mut statistics = statistics((1..=100).filter(|number| number % 2 == 0 || *number == 1));
    assert_eq!(statistics.take_loss(), (125, 49));
    assert_eq!(statistics.take_loss(), (0, 49));
}

/// Arrivals that alternate between early and late by 10 ms differ by 10 ms each time, and the
/// running mean of RFC 3550 A.8 goes there.
#[test]
fn jitter_goes_to_the_mean_difference() {
    let mut statistics = ReceiveStatistics::new(8_000);
    let start = Instant::now();
    for number in 0..500_u32 {
        let late = Duration::from_millis(if number % 2 == 0 { 10 } else { 0 });
        statistics.handle_packet(number as u16, number * 160, 160, start + FRAME * number + late);
    }
    let jitter_ms = statistics.summary().jitter_ms;
    assert!((jitter_ms - 10.0).abs() < 0.2, "{jitter_ms}");
    assert!((79..=80).contains(&statistics.jitter()));
    let steady = self::statistics(1..500).summary().jitter_ms;
    assert_eq!(steady, 0.0);
}
