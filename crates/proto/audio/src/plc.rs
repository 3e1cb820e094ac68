//! Concealment of lost frames by repeating the pitch of what was heard last.
//!
//! In the spirit of ITU-T G.711 appendix I, for any sample rate and without its delay: the last
//! pitch period is repeated, after 10 ms two of them and after 20 ms three, so that a long loss
//! does not buzz; from 10 ms on the sound fades and is silent after 60 ms. Seams are
//! cross-faded, the first one by an offset that dies away, since what was played cannot be
//! changed.

/// Shortest pitch period that is looked for, in microseconds (200 Hz; higher pitches are found as
/// multiples of their period).
const MIN_PITCH_US: usize = 5_000;
/// Longest pitch period, in microseconds (67 Hz).
const MAX_PITCH_US: usize = 15_000;
/// How much of the past is compared with itself, in microseconds.
const MATCH_US: usize = 20_000;
/// Pitch periods that are repeated at most.
const MAX_PERIODS: usize = 3;
/// One more period is repeated after each such time, in microseconds.
const PERIOD_STEP_US: usize = 10_000;
/// When the sound begins to fade and when it is gone, in microseconds from the loss.
const FADE_US: (usize, usize) = (10_000, 60_000);
/// Cross-fade back to good frames: at most this, in microseconds.
const MAX_RECOVERY_US: usize = 10_000;
/// The pitch search first looks at the signal at about this rate, in Hz.
const COARSE_RATE: usize = 8_000;
/// Room for the coarse signal: [`MATCH_US`] and [`MAX_PITCH_US`] at just under twice
/// [`COARSE_RATE`].
const COARSE_SAMPLES: usize = 560;

/// Remembers what was heard and invents what was not.
#[derive(Debug, Clone)]
pub struct Concealer {
    rate: usize,
    /// What was played last, concealed or not; the newest sample is the last one.
    history: Vec<f32>,
    /// `history` as it was when the loss began.
    source: Vec<f32>,
    loss: Option<Loss>,
}

/// A loss going on.
#[derive(Debug, Clone)]
struct Loss {
    pitch: usize,
    /// Samples concealed so far.
    elapsed: usize,
    cycle: Cycle,
    /// The cycle before the last change, and how many samples it is still heard.
    previous: (Cycle, usize),
    /// What the first sample needs to join the last good one.
    offset: f32,
}

/// A place in the repetition of some pitch periods.
#[derive(Debug, Clone, Copy)]
struct Cycle {
    periods: usize,
    position: usize,
}

impl Concealer {
    /// A concealer for a stream of `sample_rate` samples per second, 8000 to 48000.
    pub fn new(sample_rate: u32) -> Concealer {
        let rate = sample_rate.clamp(8_000, 48_000) as usize;
        let longest = samples(rate, MAX_PITCH_US);
        let length = MAX_PERIODS * longest + longest / 4 + 1;
        Concealer { rate, history: vec![0.0; length], source: vec![0.0; length], loss: None }
    }

    /// Takes a frame that came. After a loss its beginning is blended with the concealment.
    pub fn handle_good(&mut self, pcm: &mut [i16]) {
        if let Some(mut loss) = self.loss.take() {
            let fade = self.recovery_samples(&loss).min(pcm.len());
            for (n, sample) in pcm[..fade].iter_mut().enumerate() {
                let good = (n + 1) as f32 / (fade + 1) as f32;
                let concealed = loss.next_sample(&self.source, self.rate);
                *sample = (f32::from(*sample) * good + concealed * (1.0 - good)).round() as i16;
            }
        }
        self.remember(pcm);
    }

    /// Fills all of `pcm` with what may have been said.
    pub fn conceal(&mut self, pcm: &mut [i16]) {
        let mut loss = self.loss.take().unwrap_or_else(|| self.begin_loss());
        for sample in pcm.iter_mut() {
            *sample = loss.next_sample(&self.source, self.rate).round() as i16;
        }
        self.loss = Some(loss);
        self.remember(pcm);
    }

    fn begin_loss(&mut self) -> Loss {
        self.source.copy_from_slice(&self.history);
        let pitch = find_pitch(&self.source, self.rate);
        let end = self.source.len();
        let cycle = Cycle { periods: 1, position: 0 };
        Loss {
            pitch,
            elapsed: 0,
            cycle,
            previous: (cycle, 0),
            offset: self.source[end - 1] - self.source[end - 1 - pitch],
        }
    }

    fn recovery_samples(&self, loss: &Loss) -> usize {
        (loss.seam() + loss.elapsed * 2 / 5).min(samples(self.rate, MAX_RECOVERY_US))
    }

    fn remember(&mut self, pcm: &[i16]) {
        let length = self.history.len();
        let new = &pcm[pcm.len().saturating_sub(length)..];
        self.history.copy_within(new.len().., 0);
        for (slot, &sample) in self.history[length - new.len()..].iter_mut().zip(new) {
            *slot = f32::from(sample);
        }
    }
}

impl Loss {
    /// Length of a cross-fade: a quarter of a pitch period.
    fn seam(&self) -> usize {
        self.pitch / 4
    }

    fn next_sample(&mut self, source: &[f32], rate: usize) -> f32 {
        self.lengthen_cycle(rate);
        let seam = self.seam();
        let mut value = self.read(source, self.cycle);
        if self.previous.1 > 0 {
            let old = self.read(source, self.previous.0);
            let part = self.previous.1 as f32 / (seam + 1) as f32;
            value += (old - value) * part;
            self.previous.1 -= 1;
            self.previous.0.advance(self.pitch);
        }
        if self.elapsed < seam {
            value += self.offset * (seam - self.elapsed) as f32 / (seam + 1) as f32;
        }
        self.cycle.advance(self.pitch);
        value *= fade_gain(self.elapsed, rate);
        self.elapsed = self.elapsed.saturating_add(1);
        value
    }

    /// Repeats one more period when it is time, at the same place of the pitch.
    fn lengthen_cycle(&mut self, rate: usize) {
        let due = (1 + self.elapsed / samples(rate, PERIOD_STEP_US)).min(MAX_PERIODS);
        if due > self.cycle.periods {
            self.previous = (self.cycle, self.seam());
            self.cycle.periods = due;
        }
    }

    /// The source at a place of a cycle; the cycle's end is blended into what came before its
    /// beginning, so that it can start again.
    fn read(&self, source: &[f32], cycle: Cycle) -> f32 {
        let length = cycle.periods * self.pitch;
        let start = source.len() - length;
        let value = source[start + cycle.position];
        let until_seam = length - self.seam();
        if cycle.position < until_seam {
            return value;
        }
        let into = cycle.position - until_seam;
        let before = source[start - self.seam() + into];
        value + (before - value) * (into + 1) as f32 / (self.seam() + 1) as f32
    }
}

impl Cycle {
    fn advance(&mut self, pitch: usize) {
        self.position = (self.position + 1) % (self.periods * pitch);
    }
}

fn samples(rate: usize, us: usize) -> usize {
    rate * us / 1_000_000
}

fn fade_gain(elapsed: usize, rate: usize) -> f32 {
    let (from, to) = (samples(rate, FADE_US.0), samples(rate, FADE_US.1));
    if elapsed <= from {
        return 1.0;
    }
    to.saturating_sub(elapsed) as f32 / (to - from) as f32
}

/// The period in samples at which the end of `source` resembles itself most: roughly on a
/// decimated copy, then exactly.
fn find_pitch(source: &[f32], rate: usize) -> usize {
    let step = rate / COARSE_RATE;
    let coarse_rate = rate / step;
    let mut coarse = [0f32; COARSE_SAMPLES];
    let wanted = samples(coarse_rate, MATCH_US + MAX_PITCH_US).min(COARSE_SAMPLES);
    let tail = &source[source.len() - wanted * step..];
    for (slot, group) in coarse.iter_mut().zip(tail.chunks_exact(step)) {
        *slot = group.iter().sum();
    }
    let (shortest, longest) =
        (samples(coarse_rate, MIN_PITCH_US), samples(coarse_rate, MAX_PITCH_US));
    let rough =
        best_lag(&coarse[..wanted], samples(coarse_rate, MATCH_US), shortest, longest) * step;
    if step == 1 {
        return rough;
    }
    let least = (rough - step).max(samples(rate, MIN_PITCH_US));
    let most = (rough + step).min(samples(rate, MAX_PITCH_US));
    best_lag(source, samples(rate, MATCH_US), least, most)
}

/// The lag within `shortest..=longest` whose normalized correlation with the last `window`
/// samples is greatest.
fn best_lag(signal: &[f32], window: usize, shortest: usize, longest: usize) -> usize {
    let recent = signal.len() - window;
    let likeness = |lag: usize| {
        let (mut correlation, mut energy) = (0f32, 1f32);
        for (&now, &then) in signal[recent..].iter().zip(&signal[recent - lag..]) {
            correlation += now * then;
            energy += then * then;
        }
        correlation / energy.sqrt()
    };
    (shortest..=longest)
        .map(|lag| (lag, likeness(lag)))
        .fold((shortest, f32::MIN), |best, next| if next.1 > best.1 { next } else { best })
        .0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitch_of_a_pulse_train_is_found_at_every_rate() {
        for rate in [8000, 16000, 44100, 48000usize] {
            let period = rate / 110;
            let concealer = Concealer::new(rate as u32);
            let length = concealer.source.len();
            let source: Vec<f32> = (0..length)
                .map(|n| 8000.0 * (-((n % period) as f32) / (rate as f32 / 1000.0)).exp())
                .collect();
            let found = find_pitch(&source, rate);
            assert!(found.abs_diff(period) <= 1, "{rate}: {found} for {period}");
        }
    }

    #[test]
    fn nothing_heard_conceals_as_silence() {
        let mut concealer = Concealer::new(8000);
        let mut pcm = [7; 160];
        concealer.conceal(&mut pcm);
        assert_eq!(pcm, [0; 160]);
    }

    #[test]
    fn a_long_loss_ends_in_silence() {
        let mut concealer = Concealer::new(8000);
        concealer.handle_good(&mut [9000; 400]);
        let mut pcm = [0; 160];
        for _ in 0..3 {
            concealer.conceal(&mut pcm);
        }
        assert!(pcm[0] > 0);
        concealer.conceal(&mut pcm);
        assert_eq!(pcm, [0; 160]);
    }
}
