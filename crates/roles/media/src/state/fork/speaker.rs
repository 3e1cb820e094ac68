//! What a fork's receiver says, on its way to the party.

use offhook_audio::Resampler;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much waits to be heard at most. Receivers may send faster than it is heard: a whole answer at once.
pub(crate) const PLAYOUT_MAX: Duration = Duration::from_secs(30);
/// The room of the queue: a little more than a session lets through, since its clock is not the party's.
const ROOM: Duration = PLAYOUT_MAX.saturating_add(Duration::from_secs(1));
/// How much is gathered before it is heard, so that a receiver that sends as it speaks is not torn.
const PREFILL: Duration = Duration::from_millis(60);
/// For how many frames behind the last sound the party's frames are still made by us, so that pauses
/// between words do not change where they come from.
const QUIET_FRAMES: u32 = 50;
/// Marks that wait at most.
pub(crate) const MARKS_MAX: usize = 64;
/// Samples of a frame at the highest rate.
const FRAME_SAMPLES_MAX: usize = 960;

const FRAMES_PER_SECOND: u32 = 50;

/// A queue of sound at the fork's rate, heard at the party's.
#[derive(Debug)]
pub(crate) struct Speaker {
    rate: u32,
    queue: VecDeque<i16>,
    /// Samples that were put into the queue, and that left it.
    put: u64,
    taken: u64,
    /// By how many samples have to have left.
    marks: VecDeque<(u64, String)>,
    reached: VecDeque<PlayedMark>,
    resampler: Option<(u32, Resampler)>,
    phase: Phase,
}

/// A place in what the receiver says that was heard, or that will not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlayedMark {
    pub(crate) name: String,
    /// Whether what is before it was cleared away.
    pub(crate) is_cleared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    /// Sound is being gathered since then.
    Gathering {
        since: Instant,
    },
    Sounding,
    /// Nothing is left to be heard.
    Quiet {
        frames_left: u32,
    },
}

impl Speaker {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            queue: VecDeque::new(),
            put: 0,
            taken: 0,
            marks: VecDeque::new(),
            reached: VecDeque::new(),
            resampler: None,
            phase: Phase::Idle,
        }
    }

    /// Whether the party's frames have to be made by us.
    pub(crate) fn is_active(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Takes sound; how many samples of it found no room.
    pub(crate) fn put(&mut self, pcm: &[i16], now: Instant) -> usize {
        let room = samples(self.rate, ROOM).saturating_sub(self.queue.len());
        let taken = &pcm[..pcm.len().min(room)];
        self.queue.extend(taken);
        self.put += taken.len() as u64;
        if !taken.is_empty() && matches!(self.phase, Phase::Idle | Phase::Quiet { .. }) {
            self.phase = Phase::Gathering { since: now };
        }
        pcm.len() - taken.len()
    }

    /// Marks the end of what was taken so far; whether there was room for that.
    pub(crate) fn mark(&mut self, name: String) -> bool {
        if self.marks.len() >= MARKS_MAX {
            return false;
        }
        self.marks.push_back((self.put, name));
        self.reach(false);
        true
    }

    /// Forgets what was not heard yet. The marks in it are reached.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.taken = self.put;
        self.reach(true);
        if self.is_active() {
            self.phase = Phase::Quiet { frames_left: QUIET_FRAMES };
        }
    }

    /// The next mark that was reached.
    pub(crate) fn poll_mark(&mut self) -> Option<PlayedMark> {
        self.reached.pop_front()
    }

    fn reach(&mut self, is_cleared: bool) {
        while let Some((place, _)) = self.marks.front()
            && *place <= self.taken
            && let Some((_, name)) = self.marks.pop_front()
        {
            self.reached.push_back(PlayedMark { name, is_cleared });
        }
    }

    /// Adds the next 20 ms to a frame of `rate` samples per second.
    pub(crate) fn add_to(&mut self, frame: &mut [i16], rate: u32, now: Instant) {
        match self.phase {
            Phase::Idle => {}
            Phase::Gathering { since } => {
                let is_enough = self.queue.len() >= samples(self.rate, PREFILL);
                if is_enough || now.saturating_duration_since(since) >= PREFILL {
                    self.phase = Phase::Sounding;
                    self.sound(frame, rate);
                }
            }
            Phase::Sounding => self.sound(frame, rate),
            Phase::Quiet { frames_left: 0 } => {
                self.phase = Phase::Idle;
                self.resampler = None;
            }
            Phase::Quiet { frames_left } => {
                self.phase = Phase::Quiet { frames_left: frames_left - 1 };
            }
        }
    }

    fn sound(&mut self, frame: &mut [i16], rate: u32) {
        let mut own = [0; FRAME_SAMPLES_MAX];
        let own = &mut own[..(self.rate / FRAMES_PER_SECOND) as usize];
        let count = own.len().min(self.queue.len());
        for (slot, sample) in own.iter_mut().zip(self.queue.drain(..count)) {
            *slot = sample;
        }
        self.taken += count as u64;
        self.reach(false);
        if self.queue.is_empty() {
            self.phase = Phase::Quiet { frames_left: QUIET_FRAMES };
        }
        if self.resampler.as_ref().is_none_or(|(to, _)| *to != rate) {
            self.resampler = Resampler::new(self.rate, rate).ok().map(|made| (rate, made));
        }
        let Some((_, resampler)) = &mut self.resampler else { return };
        let mut converted = [0; FRAME_SAMPLES_MAX];
        match resampler.process(own, &mut converted) {
            Ok(length) => {
                for (slot, sample) in frame.iter_mut().zip(&converted[..length]) {
                    *slot = slot.saturating_add(*sample);
                }
            }
            Err(error) => tracing::debug!(%error, "a frame of a receiver is not heard"),
        }
    }
}

fn samples(rate: u32, duration: Duration) -> usize {
    usize::try_from(duration.as_millis() * u128::from(rate) / 1_000).expect("seconds of sound fit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::{Tone, ToneGenerator, goertzel};

    fn tone(rate: u32, hz: f64, ms: u32) -> Vec<i16> {
        let mut pcm = vec![0; (rate * ms / 1_000) as usize];
        ToneGenerator::new(rate, &[Tone { hz, dbm0: -10.0 }]).fill(&mut pcm);
        pcm
    }

    /// So many milliseconds as they are heard at a rate.
    fn hear(speaker: &mut Speaker, rate: u32, ms: u32, now: &mut Instant) -> Vec<i16> {
        let mut heard = vec![0; (rate * ms / 1_000) as usize];
        for frame in heard.chunks_mut((rate / 50) as usize) {
            speaker.add_to(frame, rate, *now);
            *now += Duration::from_millis(20);
        }
        heard
    }

    #[test]
    fn a_tone_is_heard_at_every_pair_of_rates() {
        for from in [8_000, 16_000, 24_000] {
            for to in [8_000, 16_000, 48_000] {
                let mut speaker = Speaker::new(from);
                let mut now = Instant::now();
                assert_eq!(speaker.put(&tone(from, 1_000.0, 1_000), now), 0);
                let heard = hear(&mut speaker, to, 1_000, &mut now);
                let (share, level) = (
                    goertzel::power_share(&heard[to as usize / 10..], to, 1_000.0),
                    goertzel::dbm0(&heard[to as usize / 10..], to, 1_000.0),
                );
                assert!(share > 0.99 && (level + 10.0).abs() < 0.3, "{from} to {to}: {level}");
            }
        }
    }

    #[test]
    fn a_little_is_gathered_first_and_a_short_sound_is_not_kept() {
        let mut speaker = Speaker::new(8_000);
        let mut now = Instant::now();
        speaker.put(&tone(8_000, 1_000.0, 20), now);
        assert!(hear(&mut speaker, 8_000, 60, &mut now).iter().all(|sample| *sample == 0));
        assert!(hear(&mut speaker, 8_000, 20, &mut now).iter().any(|sample| *sample != 0));
        assert!(speaker.is_active());
        hear(&mut speaker, 8_000, 1_020, &mut now);
        assert!(!speaker.is_active());
    }

    #[test]
    fn marks_are_reached_in_order_when_what_is_before_them_was_heard() {
        let mut speaker = Speaker::new(8_000);
        let mut now = Instant::now();
        let played = |name: &str, is_cleared| Some(PlayedMark { name: name.into(), is_cleared });
        assert!(speaker.mark("at once".into()));
        assert_eq!(speaker.poll_mark(), played("at once", false));
        speaker.put(&[1; 1_600], now);
        speaker.mark("a".into());
        speaker.put(&[1; 1_600], now);
        speaker.mark("b".into());
        hear(&mut speaker, 8_000, 180, &mut now);
        assert_eq!(speaker.poll_mark(), None);
        hear(&mut speaker, 8_000, 20, &mut now);
        assert_eq!(speaker.poll_mark(), played("a", false));
        speaker.clear();
        assert_eq!((speaker.poll_mark(), speaker.poll_mark()), (played("b", true), None));
        assert!(hear(&mut speaker, 8_000, 100, &mut now).iter().all(|sample| *sample == 0));
        (0..MARKS_MAX).for_each(|_| assert!(speaker.mark(String::new()), "none waits"));
        speaker.put(&[1; 160], now);
        (0..MARKS_MAX).for_each(|_| assert!(speaker.mark(String::new())));
        assert!(!speaker.mark("one too many".into()));
    }

    #[test]
    fn what_is_beyond_the_limit_is_refused() {
        let mut speaker = Speaker::new(8_000);
        let now = Instant::now();
        assert_eq!(speaker.put(&vec![1; 8_000 * 32], now), 8_000);
        assert_eq!(speaker.put(&[1; 160], now), 160);
        speaker.clear();
        assert_eq!(speaker.put(&[1; 160], now), 0);
    }
}
