//! DTMF heard in the audio (ITU-T Q.23, Q.24), for callers that send no telephone-event.
//!
//! Blocks of 12.75 ms are measured at the eight frequencies. A block holds a digit when one row
//! and one column stand out of their groups, neither is much louder than the other, and the two
//! are most of what is heard, which speech seldom is. Two such blocks in a row begin a digit when
//! the phases of both tones have gone on from one to the other as those of the digit do, and two
//! others end it, so that 40 ms are always enough and 12 ms never.

use crate::goertzel::Goertzel;
use crate::level;
use crate::tone::{DTMF_COLUMNS, DTMF_DIGITS, DTMF_ROWS};
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// Length of a block in microseconds: 102 samples at 8 kHz.
const BLOCK_US: u64 = 12_750;
/// Least level of either tone, in dBm0.
const MIN_DBM0: f64 = -36.0;
/// How much louder the row may be than the column, as a power ratio (8 dB).
const MAX_ROW_OVER_COLUMN: f64 = 6.3;
/// How much louder the column may be than the row, as a power ratio (6 dB).
const MAX_COLUMN_OVER_ROW: f64 = 4.0;
/// How much a tone stands out of its group, as a power ratio (6 dB).
const MIN_OVER_GROUP: f64 = 4.0;
/// Least part of the block's power that the two tones make up.
const MIN_SHARE: f64 = 0.65;
/// How far a row and a column may be off their frequencies, as a part of these: 1.5 % is a digit and
/// 3.5 % is none (Q.24). A block that begins before the tone makes it seem up to a sixth nearer, and
/// the other tone of the digit moves the phase of a row more, since that is a smaller part of its own.
const MAX_ROW_OFF: f64 = 0.024;
const MAX_COLUMN_OFF: f64 = 0.020;
/// Blocks of a kind in a row that begin or end a digit.
const CONFIRMING_BLOCKS: u32 = 2;
/// Events that wait to be fetched; further ones are dropped.
const MAX_EVENTS: usize = 32;

/// What the detector heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtmfEvent {
    /// A digit began.
    Started(char),
    /// It ended.
    Ended {
        /// The digit: 0-9, A-D, * or #.
        digit: char,
        /// How long it was heard, in milliseconds, to within a block.
        duration_ms: u32,
    },
}

/// The digit of a block, with the phases of its row and its column in radians.
#[derive(Debug, Clone, Copy)]
struct Heard {
    row: usize,
    column: usize,
    phases: (f64, f64),
}

impl Heard {
    fn digit(self) -> char {
        DTMF_DIGITS[self.row][self.column]
    }
}

/// Listens to one stream for DTMF digits.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    rows: [Goertzel; 4],
    columns: [Goertzel; 4],
    block_samples: usize,
    samples: usize,
    energy: f64,
    min_power: f64,
    sample_rate: f64,
    /// What the last blocks held, and how many in a row held it.
    recent: Option<Heard>,
    repeats: u32,
    /// The digit that sounds and how many blocks it has.
    sounding: Option<(char, u32)>,
    events: VecDeque<DtmfEvent>,
}

impl DtmfDetector {
    /// A detector for a stream of `sample_rate` samples per second.
    pub fn new(sample_rate: u32) -> DtmfDetector {
        DtmfDetector {
            rows: DTMF_ROWS.map(|hz| Goertzel::new(sample_rate, hz)),
            columns: DTMF_COLUMNS.map(|hz| Goertzel::new(sample_rate, hz)),
            block_samples: (u64::from(sample_rate) * BLOCK_US / 1_000_000).max(1) as usize,
            sample_rate: f64::from(sample_rate),
            samples: 0,
            energy: 0.0,
            min_power: level::sine_amplitude(MIN_DBM0).powi(2) / 2.0,
            recent: None,
            repeats: 0,
            sounding: None,
            events: VecDeque::with_capacity(MAX_EVENTS),
        }
    }

    /// Takes any number of samples.
    pub fn handle_samples(&mut self, pcm: &[i16]) {
        for &sample in pcm {
            for meter in self.rows.iter_mut().chain(&mut self.columns) {
                meter.push(sample);
            }
            self.energy += f64::from(sample) * f64::from(sample);
            self.samples += 1;
            if self.samples == self.block_samples {
                let heard = self.finish_block();
                self.handle_block(heard);
            }
        }
    }

    /// What was heard, oldest first.
    pub fn poll_output(&mut self) -> Option<DtmfEvent> {
        self.events.pop_front()
    }

    /// Whether the last block held a digit, which the next may show to be one or to be chance.
    pub fn is_suspecting(&self) -> bool {
        self.recent.is_some()
    }

    /// The digit in the block at hand; begins the next block.
    fn finish_block(&mut self) -> Option<Heard> {
        let all = self.energy / self.samples as f64;
        let heard = self.block_digit(all);
        for meter in self.rows.iter_mut().chain(&mut self.columns) {
            meter.reset();
        }
        self.samples = 0;
        self.energy = 0.0;
        heard
    }

    fn block_digit(&self, all: f64) -> Option<Heard> {
        if all < 2.0 * self.min_power {
            return None;
        }
        let (row, row_power) = standing_out(&self.rows)?;
        let (column, column_power) = standing_out(&self.columns)?;
        let twist = row_power / column_power;
        let is_digit = row_power.min(column_power) >= self.min_power
            && (1.0 / MAX_COLUMN_OVER_ROW..=MAX_ROW_OVER_COLUMN).contains(&twist)
            && row_power + column_power >= MIN_SHARE * all;
        let phases = (self.rows[row].phase(), self.columns[column].phase());
        is_digit.then_some(Heard { row, column, phases })
    }

    fn handle_block(&mut self, heard: Option<Heard>) {
        self.repeats = if self.goes_on(heard) { self.repeats.saturating_add(1) } else { 1 };
        self.recent = heard;
        let digit = heard.map(Heard::digit);
        if let Some((sounding, blocks)) = &mut self.sounding
            && digit == Some(*sounding)
        {
            *blocks = blocks.saturating_add(1);
            return;
        }
        if self.repeats >= CONFIRMING_BLOCKS {
            self.change_to(digit);
        }
    }

    /// Whether the block is of one kind with the one before it.
    fn goes_on(&self, heard: Option<Heard>) -> bool {
        match (self.recent, heard) {
            (None, None) => true,
            (Some(before), Some(heard)) => {
                before.digit() == heard.digit() && self.is_in_tune(before, heard)
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// Whether both tones of a digit have its frequencies, by how their phases have gone on in a block.
    fn is_in_tune(&self, before: Heard, heard: Heard) -> bool {
        let turns = self.block_samples as f64 / self.sample_rate;
        let is_near = |hz: f64, before: f64, after: f64, limit: f64| {
            let beyond = (after - before) / TAU - hz * turns;
            (beyond - beyond.round()).abs() <= limit * hz * turns
        };
        let (row, column) = (DTMF_ROWS[heard.row], DTMF_COLUMNS[heard.column]);
        is_near(row, before.phases.0, heard.phases.0, MAX_ROW_OFF)
            && is_near(column, before.phases.1, heard.phases.1, MAX_COLUMN_OFF)
    }

    fn change_to(&mut self, digit: Option<char>) {
        if let Some((ended, blocks)) = self.sounding.take() {
            let duration_ms = (u64::from(blocks) * BLOCK_US / 1000) as u32;
            self.emit(DtmfEvent::Ended { digit: ended, duration_ms });
        }
        if let Some(started) = digit {
            self.sounding = Some((started, self.repeats));
            self.emit(DtmfEvent::Started(started));
        }
    }

    fn emit(&mut self, event: DtmfEvent) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }
}

/// The meter that measures most and how much, when the others of its group measure far less.
fn standing_out(group: &[Goertzel; 4]) -> Option<(usize, f64)> {
    let powers = [0, 1, 2, 3].map(|i| group[i].power());
    let (best, most) = (0..4).map(|i| (i, powers[i])).max_by(|a, b| a.1.total_cmp(&b.1))?;
    let alone = (0..4).all(|i| i == best || powers[i] * MIN_OVER_GROUP <= most);
    alone.then_some((best, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, ToneGenerator};

    fn sound(rate: u32, tones: &[Tone], ms: u32) -> Vec<i16> {
        let mut pcm = vec![0; (rate * ms / 1000) as usize];
        ToneGenerator::new(rate, tones).fill(&mut pcm);
        pcm
    }

    fn digits(rate: u32, pcm: &[i16]) -> Vec<DtmfEvent> {
        let mut detector = DtmfDetector::new(rate);
        for frame in pcm.chunks(rate as usize / 50) {
            detector.handle_samples(frame);
        }
        std::iter::from_fn(|| detector.poll_output()).collect()
    }

    fn started(rate: u32, pcm: &[i16]) -> String {
        let starts = digits(rate, pcm).into_iter().filter_map(|event| match event {
            DtmfEvent::Started(digit) => Some(digit),
            DtmfEvent::Ended { .. } => None,
        });
        starts.collect()
    }

    #[test]
    fn all_sixteen_digits_are_heard_at_every_rate() {
        let all = "123A456B789C*0#D";
        for rate in [8000, 16000, 48000] {
            let mut pcm = Vec::new();
            for digit in all.chars() {
                pcm.extend(sound(rate, &Tone::dtmf(digit, -12.0).unwrap(), 50));
                pcm.extend(sound(rate, &[], 50));
            }
            assert_eq!(started(rate, &pcm), all);
        }
    }

    #[test]
    fn forty_milliseconds_are_enough_and_twelve_are_not() {
        for delay in 0..102 {
            let of = |ms| {
                let mut pcm = vec![0; delay];
                pcm.extend(sound(8000, &Tone::dtmf('5', -12.0).unwrap(), ms));
                pcm.extend([0; 400]);
                started(8000, &pcm)
            };
            assert_eq!(of(40), "5");
            assert_eq!(of(12), "");
        }
    }

    #[test]
    fn the_end_tells_the_duration() {
        let mut pcm = sound(8000, &Tone::dtmf('#', -20.0).unwrap(), 200);
        pcm.extend([0; 800]);
        let [DtmfEvent::Started('#'), DtmfEvent::Ended { digit: '#', duration_ms }] =
            digits(8000, &pcm)[..]
        else {
            panic!("{:?}", digits(8000, &pcm));
        };
        assert!(duration_ms.abs_diff(200) <= 13, "{duration_ms}");
    }

    #[test]
    fn a_digit_is_suspected_before_it_is_certain() {
        let mut detector = DtmfDetector::new(8000);
        detector.handle_samples(&sound(8000, &Tone::dtmf('1', -12.0).unwrap(), 20));
        assert!(detector.is_suspecting() && detector.poll_output().is_none());
        detector.handle_samples(&[0; 204]);
        assert!(!detector.is_suspecting() && detector.poll_output().is_none());
    }

    #[test]
    fn frequencies_and_twist_within_q24_are_accepted() {
        for (factor, row_dbm0, column_dbm0) in
            [(1.015, -12.0, -12.0), (0.985, -12.0, -12.0), (1.0, -10.0, -17.0), (1.0, -14.0, -10.0)]
        {
            let [mut row, mut column] = Tone::dtmf('9', 0.0).unwrap();
            row = Tone { hz: row.hz * factor, dbm0: row_dbm0 };
            column = Tone { hz: column.hz * factor, dbm0: column_dbm0 };
            assert_eq!(started(8000, &sound(8000, &[row, column], 60)), "9");
        }
    }

    /// A digit with its row and its column so much off, as parts of them, at every place in a block.
    fn heard_off(digit: char, off: (f64, f64), dbm0: (f64, f64)) -> usize {
        let [row, column] = Tone::dtmf(digit, 0.0).unwrap();
        let row = Tone { hz: row.hz * (1.0 + off.0), dbm0: dbm0.0 };
        let column = Tone { hz: column.hz * (1.0 + off.1), dbm0: dbm0.1 };
        let tone = sound(8000, &[row, column], 60);
        let at = |delay: usize| [vec![0; delay], tone.clone(), vec![0; 300]].concat();
        (0..102).step_by(3).filter(|delay| started(8000, &at(*delay)) == digit.to_string()).count()
    }

    #[test]
    fn q24_tells_how_far_off_a_frequency_may_be() {
        let levels = [(-12.0, -12.0), (-8.0, -14.0), (-14.0, -10.0)];
        let near = [-0.015, 0.0, 0.015];
        let far = [-0.06, -0.05, -0.045, -0.04, -0.035, 0.035, 0.04, 0.045, 0.05, 0.06];
        for digit in "123A456B789C*0#D".chars() {
            for dbm0 in levels {
                for row in near {
                    for column in near {
                        let count = heard_off(digit, (row, column), dbm0);
                        assert_eq!(count, 34, "{digit} {row} {column} {dbm0:?}");
                    }
                }
                for off in far {
                    for pair in [(off, 0.0), (0.0, off), (off, off), (off, -0.015)] {
                        assert_eq!(heard_off(digit, pair, dbm0), 0, "{digit} {pair:?} {dbm0:?}");
                    }
                }
            }
        }
    }

    /// White noise of a level in dBm0 is added.
    fn with_noise(pcm: &mut [i16], dbm0: f64, seed: u32) {
        // Numbers that are spread evenly up to a peak have a third of its square as their power.
        let peak = level::sine_amplitude(dbm0) * 1.5_f64.sqrt();
        let mut state = seed;
        for sample in pcm {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) * peak;
            *sample = (f64::from(*sample) + noise) as i16;
        }
    }

    #[test]
    fn noise_changes_neither_what_is_a_digit_nor_what_is_none() {
        let mut seed = 1;
        for digit in "123A456B789C*0#D".chars() {
            for (off, is_heard) in [(0.0, true), (0.015, true), (-0.015, true), (0.035, false)] {
                for _ in 0..20 {
                    let tones = Tone::dtmf(digit, -15.0).unwrap();
                    let tones = tones.map(|tone| Tone { hz: tone.hz * (1.0 + off), ..tone });
                    let mut pcm = [vec![0; 300], sound(8000, &tones, 50), vec![0; 300]].concat();
                    // The two tones are 3 dB louder together.
                    with_noise(&mut pcm, -12.0 - 15.0, seed);
                    seed += 1;
                    let expected = if is_heard { digit.to_string() } else { String::new() };
                    assert_eq!(started(8000, &pcm), expected, "{off} {seed}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_digit_is_not_heard() {
        let [row, column] = Tone::dtmf('9', -12.0).unwrap();
        let quiet = Tone { dbm0: -25.0, ..column };
        let dial = [Tone { hz: 350.0, dbm0: -13.0 }, Tone { hz: 440.0, dbm0: -13.0 }];
        let vowel = [150.0, 700.0, 1220.0, 2600.0].map(|hz| Tone { hz, dbm0: -14.0 });
        let off = [row, column].map(|t| Tone { hz: t.hz * 1.045, ..t });
        for (name, tones) in [
            ("one row", &[row][..]),
            ("too much twist", &[row, quiet]),
            ("dial tone", &dial),
            ("a vowel with two right formants", &vowel),
            ("a semitone off", &off),
            ("too quiet", &Tone::dtmf('1', -40.0).unwrap()),
        ] {
            assert_eq!(started(8000, &sound(8000, tones, 500)), "", "{name}");
        }
    }

    #[test]
    fn music_is_not_taken_for_digits() {
        assert_eq!(started(crate::music::SAMPLE_RATE, crate::music::hold_music()), "");
    }

    #[test]
    fn unfetched_events_are_limited() {
        let mut detector = DtmfDetector::new(8000);
        let press = sound(8000, &Tone::dtmf('1', -12.0).unwrap(), 60);
        for _ in 0..2 * MAX_EVENTS {
            detector.handle_samples(&press);
            detector.handle_samples(&[0; 480]);
        }
        assert_eq!(std::iter::from_fn(|| detector.poll_output()).count(), MAX_EVENTS);
    }
}
