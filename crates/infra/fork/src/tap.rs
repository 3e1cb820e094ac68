use crate::{ForkSettings, INCOMING_MAX, OUTGOING_MAX};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The media thread's end of a fork. Nothing here waits or allocates.
#[derive(Debug)]
pub struct ForkTap {
    rate: u32,
    channels: usize,
    to_program: Producer<i16>,
    from_program: Consumer<i16>,
    progress: Arc<Progress>,
    heard: u64,
}

/// The connection's end of the rings.
#[derive(Debug)]
pub(crate) struct Rings {
    pub(crate) to_program: Consumer<i16>,
    pub(crate) from_program: Producer<i16>,
    pub(crate) progress: Arc<Progress>,
}

/// What the two ends tell each other beside samples.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Samples that found no room on their way to the program.
    dropped: AtomicU64,
    /// Samples of the program that were heard or cleared away.
    heard: AtomicU64,
    /// Samples of the program before this one are not to be heard.
    cleared: AtomicU64,
}

impl ForkTap {
    pub(crate) fn new(settings: &ForkSettings) -> (Self, Rings) {
        let channels = settings.channels.count();
        let outgoing = samples_in(OUTGOING_MAX, settings.rate) * channels;
        let (to_program, outgoing) = RingBuffer::new(outgoing);
        let (incoming, from_program) = RingBuffer::new(samples_in(INCOMING_MAX, settings.rate));
        let progress = Arc::new(Progress::default());
        let rate = settings.rate;
        let rings =
            Rings { to_program: outgoing, from_program: incoming, progress: Arc::clone(&progress) };
        (Self { rate, channels, to_program, from_program, progress, heard: 0 }, rings)
    }

    /// Samples per second, in both directions.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How many channels [`ForkTap::hand_over`] expects, 1 or 2.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Sends samples to the program; with two channels they alternate, the party first. What finds no room
    /// is dropped as a whole, so that the channels stay in step.
    pub fn hand_over(&mut self, samples: &[i16]) {
        let has_room = self.to_program.slots() >= samples.len();
        if has_room && self.to_program.push_entire_slice(samples).is_ok() {
            return;
        }
        let dropped = u64::try_from(samples.len() / self.channels).unwrap_or(u64::MAX);
        self.progress.dropped.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Fills `samples` with what the program says and returns how many there were.
    pub fn take(&mut self, samples: &mut [i16]) -> usize {
        self.skip_cleared();
        let count = samples.len().min(self.from_program.slots());
        let taken = self.from_program.pop_entire_slice(&mut samples[..count]);
        let count = if taken.is_ok() { count } else { 0 };
        self.advance(count);
        count
    }

    fn skip_cleared(&mut self) {
        let cleared = self.progress.cleared.load(Ordering::Acquire);
        let rest = usize::try_from(cleared.saturating_sub(self.heard)).unwrap_or(usize::MAX);
        let count = rest.min(self.from_program.slots());
        if let Ok(chunk) = self.from_program.read_chunk(count) {
            chunk.commit_all();
            self.advance(count);
        }
    }

    fn advance(&mut self, count: usize) {
        self.heard += u64::try_from(count).unwrap_or(0);
        self.progress.heard.store(self.heard, Ordering::Release);
    }
}

impl Progress {
    /// Samples that were dropped since it was asked last.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    pub(crate) fn clear_before(&self, sample: u64) {
        self.cleared.store(sample, Ordering::Release);
    }
}

/// How many samples of one channel last that long.
fn samples_in(time: Duration, rate: u32) -> usize {
    let samples = time.as_millis() * u128::from(rate) / 1_000;
    usize::try_from(samples).expect("seconds of audio fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ForkChannels;

    fn pair(channels: ForkChannels) -> (ForkTap, Rings) {
        let url = "ws://127.0.0.1".to_owned();
        let metadata = serde_json::Value::Null;
        ForkTap::new(&ForkSettings { url, rate: 8_000, channels, metadata })
    }

    #[test]
    fn what_finds_no_room_is_dropped_whole_and_counted() {
        let (mut tap, rings) = pair(ForkChannels::Both);
        let frame = [7; 320];
        for _ in 0..101 {
            tap.hand_over(&frame);
        }
        assert_eq!(rings.to_program.slots(), 100 * 320);
        assert_eq!(rings.progress.take_dropped(), 160);
        assert_eq!(rings.progress.take_dropped(), 0);
    }

    #[test]
    fn what_was_cleared_is_not_heard() {
        let (mut tap, mut rings) = pair(ForkChannels::Party);
        let told: Vec<i16> = (0..100).collect();
        rings.from_program.push_entire_slice(&told).expect("room");
        let mut heard = [0; 10];
        assert_eq!(tap.take(&mut heard), 10);
        assert_eq!(heard[9], 9);
        rings.progress.clear_before(100);
        rings.from_program.push_entire_slice(&[1_000; 5]).expect("room");
        assert_eq!(tap.take(&mut heard), 5);
        assert_eq!(heard[..5], [1_000; 5]);
        assert_eq!(rings.progress.heard(), 105);
    }
}
