//! Playout over a network that delays, reorders, loses and doubles packets.

use std::time::{Duration, Instant};

use offhook_rtp::{
    CONCEAL_PIECES_MAX, Dropped, IDLE_PIECES_MAX, JITTER_PACKETS_MAX, JitterBuffer, JitterConfig,
    Playout, RtpHeader, RtpPacket,
};
use proptest::prelude::*;

const FRAME: Duration = Duration::from_millis(20);

/// A piece as it was played: the packet's number, or what stood in for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Frame(u32),
    Conceal { has_following: bool },
    Silence,
}

struct Player {
    buffer: JitterBuffer,
    start: Instant,
    ssrc: u32,
    pieces: Vec<Piece>,
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Player {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(JitterConfig::new(8_000)),
            start: Instant::now(),
            ssrc: 1,
            pieces: Vec::new(),
        }
    }

    /// Puts packet `number`, whose timestamp is its number times 160, in at a time.
    fn put(&mut self, number: u32, at: Duration) -> Result<(), Dropped> {
        self.put_at(number, number.wrapping_mul(160), at)
    }

    fn put_at(&mut self, number: u32, timestamp: u32, at: Duration) -> Result<(), Dropped> {
        let header = RtpHeader {
            sequence_number: number as u16,
            timestamp,
            ssrc: self.ssrc,
            ..RtpHeader::default()
        };
        let mut bytes = [0; 16];
        let length = header.write_packet(&number.to_be_bytes(), &mut bytes).expect("room");
        let packet = RtpPacket::parse(&bytes[..length]).expect("a packet");
        self.buffer.put(&packet, self.start + at)
    }

    fn pop(&mut self, at: Duration) -> Piece {
        let piece = match self.buffer.pop(self.start + at) {
            Playout::Frame(frame) => {
                let bytes = frame.payload.try_into().expect("four bytes");
                Piece::Frame(u32::from_be_bytes(bytes))
            }
            Playout::Conceal { following, units } => {
                assert_eq!(units, 160);
                Piece::Conceal { has_following: following.is_some() }
            }
            Playout::Silence { .. } => Piece::Silence,
        };
        self.pieces.push(piece);
        piece
    }

    /// Packets `numbers` come at the times `arrival` gives, and a piece is played every 20 ms
    /// from 7 ms on, until one second after the last packet.
    fn run(&mut self, numbers: std::ops::Range<u32>, arrival: impl Fn(u32) -> Option<Duration>) {
        let mut arrivals: Vec<(Duration, u32)> =
            numbers.filter_map(|number| Some((arrival(number)?, number))).collect();
        arrivals.sort();
        let end = arrivals.last().map_or(ms(0), |(at, _)| *at) + ms(1_000);
        let mut arrivals = arrivals.into_iter().peekable();
        let mut at = ms(7);
        while at < end {
            while let Some((arrival, number)) = arrivals.next_if(|(arrival, _)| *arrival <= at) {
                self.put(number, arrival).ok();
            }
            self.pop(at);
            at += FRAME;
        }
    }

    fn played(&self) -> Vec<u32> {
        let numbers = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Frame(number) => Some(*number),
            _ => None,
        });
        numbers.collect()
    }

    /// The pieces from the first frame to the last.
    fn speech(&self) -> &[Piece] {
        let is_frame = |piece: &Piece| matches!(piece, Piece::Frame(_));
        let first = self.pieces.iter().position(is_frame).expect("something was played");
        let last = self.pieces.iter().rposition(is_frame).expect("something was played");
        &self.pieces[first..=last]
    }

    fn concealed(&self) -> usize {
        let is_concealed = |piece: &&Piece| matches!(piece, Piece::Conceal { .. });
        self.speech().iter().filter(is_concealed).count()
    }
}

/// A number from 0 to 1 that depends on `number` alone.
fn chance(number: u32, seed: u32) -> f64 {
    let mut x = u64::from(number) << 32 | u64::from(seed) | 1;
    for _ in 0..4 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    (x % 1_000_003) as f64 / 1_000_003.0
}

#[test]
fn a_steady_stream_plays_without_a_gap_and_soon() {
    let mut player = Player::new();
    player.run(0..500, |number| Some(FRAME * number));
    assert_eq!(player.played(), (0..500).collect::<Vec<_>>());
    assert_eq!(player.concealed(), 0);
    let first = player.pieces.iter().position(|piece| *piece == Piece::Frame(0));
    assert_eq!(first, Some(2), "40 ms are waited, pieces come at 7, 27, 47 ms");
    assert_eq!(player.buffer.delay_target(), ms(20), "without jitter the delay is the least");
    let statistics = player.buffer.statistics();
    assert_eq!((statistics.played, statistics.lost, statistics.skipped), (500, 0, 0));
}

#[test]
fn jitter_lengthens_the_delay_until_nearly_all_come_in_time() {
    let mut player = Player::new();
    let jitter = |number| Duration::from_secs_f64(chance(number, 3) * 0.060);
    player.run(0..3_000, |number| Some(FRAME * number + jitter(number)));
    let statistics = player.buffer.statistics();
    assert!(statistics.late <= 90, "3 % may be late: {statistics:?}");
    let target = player.buffer.delay_target();
    assert!(target >= ms(50) && target <= ms(65), "{target:?}");
    assert!(player.played().is_sorted());
    assert_eq!(statistics.played + statistics.lost + statistics.skipped, 3_000);
}

#[test]
fn the_delay_shrinks_again_when_the_jitter_is_over() {
    let mut player = Player::new();
    player.run(0..2_000, |number| {
        let jitter = if number < 500 { chance(number, 5) * 0.150 } else { 0.0 };
        Some(FRAME * number + Duration::from_secs_f64(jitter))
    });
    assert_eq!(player.buffer.delay_target(), ms(20));
    let statistics = player.buffer.statistics();
    assert!((4..=10).contains(&statistics.skipped), "{statistics:?}");
    let tail = &player.speech()[player.speech().len() - 200..];
    assert!(tail.iter().all(|piece| matches!(piece, Piece::Frame(_))));
}

#[test]
fn reordered_packets_play_in_order() {
    let mut player = Player::new();
    player.run(0..400, |number| {
        let swapped = if number % 10 == 4 { ms(25) } else { ms(0) };
        Some(FRAME * number + swapped)
    });
    assert_eq!(player.played(), (0..400).collect::<Vec<_>>());
    assert_eq!(player.buffer.statistics().lost, 0);
}

#[test]
fn a_lost_packet_is_concealed_once_with_the_one_behind_it_at_hand() {
    let mut player = Player::new();
    player.run(0..300, |number| (number != 150).then_some(FRAME * number));
    let place = player.pieces.iter().position(|piece| *piece == Piece::Frame(149)).unwrap();
    let around = &player.pieces[place..place + 3];
    let conceal = Piece::Conceal { has_following: true };
    assert_eq!(around, [Piece::Frame(149), conceal, Piece::Frame(151)]);
    assert_eq!(player.concealed(), 1);
    let statistics = player.buffer.statistics();
    assert_eq!((statistics.lost, statistics.loss_bursts), (1, 1));
}

#[test]
fn loss_is_counted_by_packets_and_bursts() {
    let mut player = Player::new();
    let is_lost = |number: u32| number % 100 >= 97 || number % 100 == 50;
    player.run(0..1_010, |number| (!is_lost(number)).then_some(FRAME * number));
    let statistics = player.buffer.statistics();
    assert_eq!((statistics.lost, statistics.loss_bursts), (40, 20), "{statistics:?}");
    assert_eq!(player.concealed(), 40, "time goes on by as much as was lost");
}

#[test]
fn doubles_are_refused() {
    let mut player = Player::new();
    assert_eq!(player.put(0, ms(0)), Ok(()));
    assert_eq!(player.put(0, ms(1)), Err(Dropped::Duplicate));
    assert_eq!(player.pop(ms(45)), Piece::Frame(0));
    assert_eq!(player.put(0, ms(46)), Err(Dropped::Duplicate));
    assert_eq!(player.buffer.statistics().duplicates, 2);
}

#[test]
fn what_comes_after_its_time_is_late() {
    let mut player = Player::new();
    for number in (0..10).filter(|number| *number != 5) {
        player.put(number, FRAME * number).unwrap();
    }
    for place in 0..8 {
        player.pop(ms(45) + FRAME * place);
    }
    assert_eq!(player.put(5, ms(210)), Err(Dropped::Late));
    let statistics = player.buffer.statistics();
    assert_eq!((statistics.late, statistics.lost), (1, 1));
}

#[test]
fn a_pause_of_the_sender_is_silence_and_no_loss() {
    let mut player = Player::new();
    // 100 packets, two seconds of nothing in which the timestamp goes on, 100 packets.
    let start = player.start;
    let mut at = ms(0);
    while at < ms(6_600) {
        let frame = (at.as_millis() / 20) as u32;
        if frame < 100 {
            player.put(frame, at).unwrap();
        } else if (200..300).contains(&frame) {
            player.put_at(frame - 100, frame * 160, at).unwrap();
        }
        player.pop(at + ms(7));
        at += FRAME;
    }
    assert_eq!(player.played(), (0..200).collect::<Vec<_>>());
    let statistics = player.buffer.statistics();
    assert_eq!((statistics.lost, statistics.late, statistics.resyncs), (0, 0, 0));
    assert_eq!(statistics.concealed, 2 * u64::from(CONCEAL_PIECES_MAX));
    assert!(player.buffer.is_empty());
    assert!(player.buffer.delay(start + at) <= ms(60));
}

#[test]
fn a_short_pause_brings_the_delay_to_its_target_and_keeps_it_there() {
    let mut player = Player::new();
    let mut number = 0;
    let mut silences = Vec::new();
    for frame in 0..400_u32 {
        if frame % 100 < 96 {
            player.put_at(number, frame * 160, FRAME * frame).unwrap();
            number += 1;
        }
        player.pop(FRAME * frame + ms(7));
        if frame % 100 == 50 {
            let speech = player.speech().iter();
            silences.push(speech.filter(|piece| !matches!(piece, Piece::Frame(_))).count());
        }
    }
    assert_eq!(silences, [0, 3, 7, 11], "the first pause takes the excess of the beginning");
    assert_eq!(player.buffer.statistics().lost, 0);
    assert!(player.buffer.delay(player.start + FRAME * 400) <= ms(45));
}

#[test]
fn after_a_stall_playing_goes_on_at_the_same_delay() {
    let mut player = Player::new();
    player.run(0..400, |number| {
        let arrival = FRAME * number;
        let is_stalled = arrival > ms(4_000) && arrival < ms(4_100);
        Some(if is_stalled { ms(4_100) } else { arrival })
    });
    let statistics = player.buffer.statistics();
    assert!((1..=4).contains(&statistics.late), "{statistics:?}");
    assert_eq!(player.buffer.delay_target(), ms(20));
    assert_eq!(player.played().last(), Some(&399));
}

#[test]
fn a_long_emptiness_ends_playing_and_the_next_packet_starts_it() {
    let mut player = Player::new();
    player.put(0, ms(0)).unwrap();
    let mut at = ms(47);
    let pieces: Vec<_> = (0..IDLE_PIECES_MAX + 10)
        .map(|_| {
            at += FRAME;
            player.pop(at)
        })
        .collect();
    assert_eq!(pieces[0], Piece::Frame(0));
    let conceals = pieces.iter().filter(|p| matches!(p, Piece::Conceal { .. })).count();
    assert_eq!(conceals as u32, CONCEAL_PIECES_MAX);
    assert_eq!(pieces.last(), Some(&Piece::Silence));
    let timestamp = (at.as_millis() * 8) as u32;
    player.put_at(1, timestamp, at).unwrap();
    assert_eq!(player.pop(at + ms(1)), Piece::Silence);
    let mut waited = at;
    while player.pop(waited) == Piece::Silence {
        waited += FRAME;
        assert!(waited < at + ms(100), "it plays soon");
    }
    assert_eq!(player.pieces.last(), Some(&Piece::Frame(1)));
}

#[test]
fn another_source_starts_anew_at_once() {
    let mut player = Player::new();
    player.run(0..100, |number| Some(FRAME * number));
    player.ssrc = 2;
    let later = ms(10_000);
    for number in 0..50_u32 {
        let at = later + FRAME * number;
        player.put_at(number + 40_000, number * 160 + 3_000_000_000, at).unwrap();
        player.pop(at + ms(7));
    }
    let played = player.played();
    let second: Vec<_> = played.into_iter().filter(|number| *number >= 40_000).collect();
    assert_eq!(second, (40_000..40_049).collect::<Vec<_>>());
    let statistics = player.buffer.statistics();
    assert_eq!((statistics.resyncs, statistics.lost), (1, 0));
}

#[test]
fn a_jump_needs_a_second_packet_and_a_stray_one_does_no_harm() {
    let mut player = Player::new();
    for number in 0..100_u32 {
        player.put(number, FRAME * number).unwrap();
        player.pop(FRAME * number + ms(7));
        if number == 50 {
            let stray = player.put_at(20_000, 9_999_999, FRAME * number + ms(8));
            assert_eq!(stray, Err(Dropped::OutOfPlace));
        }
    }
    assert_eq!(player.buffer.statistics().resyncs, 0);
    assert_eq!(player.concealed(), 0);
    let at = FRAME * 100;
    assert_eq!(player.put_at(30_000, 77, at), Err(Dropped::OutOfPlace));
    assert_eq!(player.put_at(30_001, 237, at + FRAME), Ok(()));
    assert_eq!(player.buffer.statistics().resyncs, 1);
    assert_eq!(player.pop(at + FRAME + ms(45)), Piece::Frame(30_001));
}

#[test]
fn a_timestamp_that_jumps_with_numbers_in_order_starts_anew() {
    let mut player = Player::new();
    for number in 0..50_u32 {
        player.put(number, FRAME * number).unwrap();
        player.pop(FRAME * number + ms(7));
    }
    let jumped = |number: u32| number.wrapping_mul(160).wrapping_add(1 << 30);
    let at = FRAME * 50;
    assert_eq!(player.put_at(50, jumped(50), at), Err(Dropped::OutOfPlace));
    for number in 51..150_u32 {
        let at = FRAME * number;
        player.put_at(number, jumped(number), at).unwrap();
        player.pop(at + ms(7));
    }
    assert!(player.played().contains(&140));
    assert_eq!(player.buffer.statistics().resyncs, 1);
}

#[test]
fn numbers_and_timestamps_wrap() {
    let mut player = Player::new();
    let first = 65_400_u32;
    for step in 0..400_u32 {
        let timestamp = (u32::MAX - 30_000).wrapping_add(step * 160);
        player.put_at(first + step, timestamp, FRAME * step).unwrap();
        player.pop(FRAME * step + ms(7));
    }
    let played = player.played();
    assert_eq!(played, (first..first + played.len() as u32).collect::<Vec<_>>());
    assert!(played.len() > 390);
    assert_eq!(player.concealed(), 0);
}

#[test]
fn clocks_that_drift_are_followed() {
    for drift in [-300_i64, 300] {
        let mut player = Player::new();
        // 300 ppm for ten minutes are 180 ms, nine packets.
        player.run(0..30_000, |number| {
            let micros = i64::from(number) * (20_000 + drift * 20_000 / 1_000_000);
            Some(Duration::from_micros(micros.unsigned_abs()))
        });
        let statistics = player.buffer.statistics();
        let changed = statistics.skipped + statistics.stretched + statistics.concealed;
        assert!((6..=30).contains(&changed), "{drift}: {statistics:?}");
        assert_eq!(statistics.lost + statistics.late, 0, "{drift}: {statistics:?}");
        assert!(player.buffer.delay_target() <= ms(25), "{drift}");
    }
}

#[test]
fn a_burst_without_playing_is_bounded() {
    let mut player = Player::new();
    let count = JITTER_PACKETS_MAX as u32 * 2;
    for number in 0..count {
        player.put(number, ms(0)).ok();
        assert!(player.buffer.len() <= JITTER_PACKETS_MAX);
    }
    assert_eq!(player.buffer.len(), JITTER_PACKETS_MAX);
    assert_eq!(player.buffer.statistics().skipped, u64::from(count / 2));
}

#[test]
fn digits_in_the_stream_are_no_loss() {
    let mut player = Player::new();
    for number in 0..200_u32 {
        let at = FRAME * number;
        if (100..110).contains(&number) {
            let header = RtpHeader {
                sequence_number: number as u16,
                timestamp: 100 * 160,
                ssrc: 1,
                payload_type: 101,
                ..RtpHeader::default()
            };
            let mut bytes = [0; 16];
            header.write_packet(&[5, 10, 0, 160], &mut bytes).unwrap();
            let packet = RtpPacket::parse(&bytes).unwrap();
            player.buffer.put_other(&packet, player.start + at).unwrap();
        } else {
            player.put(number, at).unwrap();
        }
        player.pop(at + ms(7));
    }
    let expected: Vec<_> = (0..100).chain(110..197).collect();
    assert!(player.played().starts_with(&expected));
    let statistics = player.buffer.statistics();
    assert_eq!((statistics.lost, statistics.late), (0, 0), "{statistics:?}");
    let silent = player.speech().iter().filter(|piece| !matches!(piece, Piece::Frame(_)));
    let silent = silent.count();
    assert!((9..=10).contains(&silent), "the digit's time is kept: {silent}");
}

#[test]
fn longer_packets_are_learned() {
    let mut buffer = JitterBuffer::new(JitterConfig::new(48_000));
    assert_eq!(buffer.packet_units(), 960);
    let start = Instant::now();
    for number in 0..5_u32 {
        let header = RtpHeader {
            sequence_number: number as u16,
            timestamp: number * 2_880,
            ..RtpHeader::default()
        };
        let mut bytes = [0; 12];
        header.write(&mut bytes).unwrap();
        buffer.put(&RtpPacket::parse(&bytes).unwrap(), start + ms(60) * number).unwrap();
    }
    assert_eq!(buffer.packet_units(), 2_880);
}

#[test]
fn a_huge_payload_is_refused() {
    let mut bytes = vec![0; 2_000];
    RtpHeader::default().write(&mut bytes).unwrap();
    let mut buffer = JitterBuffer::new(JitterConfig::new(8_000));
    let refused = buffer.put(&RtpPacket::parse(&bytes).unwrap(), Instant::now());
    assert_eq!(refused, Err(Dropped::TooLong));
}

proptest! {
    /// Whatever comes: nothing panics, no number plays twice, numbers of a source rise.
    #[test]
    fn any_order_and_time_is_survived(
        steps in prop::collection::vec((any::<bool>(), 0_u32..400, 0_u64..90, 0_u8..60), 1..400),
    ) {
        let mut player = Player::new();
        let mut at = ms(0);
        for (is_put, number, wait, kind) in steps {
            at += ms(wait);
            if is_put {
                let number = number + (at.as_millis() / 20) as u32;
                let timestamp = match kind {
                    0 => number.wrapping_mul(77_777_777),
                    _ => number * 160,
                };
                player.ssrc = if kind == 1 { 2 } else { 1 };
                player.put_at(number, timestamp, at).ok();
            } else {
                player.pop(at);
            }
            prop_assert!(player.buffer.len() <= JITTER_PACKETS_MAX);
        }
        if player.buffer.statistics().resyncs == 0 {
            prop_assert!(player.played().is_sorted_by(|a, b| a < b));
        }
    }

    /// With loss and jitter within the bounds every packet is accounted for once.
    #[test]
    fn every_packet_is_played_lost_or_skipped(seed in 0_u32..1_000, loss in 0.0_f64..0.3, spread in 0.0_f64..0.15) {
        let mut player = Player::new();
        player.run(0..600, |number| {
            let is_lost = number != 0 && number != 599 && chance(number, seed) < loss;
            let jitter = Duration::from_secs_f64(chance(number, seed + 1_000) * spread);
            (!is_lost).then_some(FRAME * number + jitter)
        });
        let statistics = player.buffer.statistics();
        let total = statistics.played + statistics.lost + statistics.skipped;
        prop_assert!((595..=600).contains(&total), "{:?}", statistics);
        prop_assert!(player.played().is_sorted_by(|a, b| a < b));
    }
}
