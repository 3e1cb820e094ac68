//! Sums of speakers, in which nobody hears itself.
//!
//! A frame's time is one round: [`Mixer::start_frame`], [`Mixer::add`] for each speaker, then
//! [`Mixer::mix_for`] for each listener. What is said to everyone is summed once; a listener's mix
//! is that sum without its own part and with what is whispered to it, so that a frame costs
//! additions in the number of speakers plus the number of listeners whose mix is their own.

/// The most speakers of one frame.
pub const SPEAKERS_MAX: usize = 20;

/// Up to here samples are left alone; beyond, they are bent so that they never reach full scale.
const KNEE: i32 = 24_576;

/// Who hears a speaker. Members are named by numbers of the caller's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everyone but itself.
    Everyone,
    /// One member alone.
    Only(u64),
}

/// How a speaker's frame begins and ends, so that a change of speakers makes no click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fade {
    /// As loud as it is.
    None,
    /// From silence to its loudness.
    In,
    /// From its loudness to silence.
    Out,
}

/// Mixes frames of one length at one sample rate. Nothing allocates after construction.
#[derive(Debug, Clone)]
pub struct Mixer {
    sum: Vec<i32>,
    speakers: Vec<Speaker>,
    speaker_count: usize,
}

#[derive(Debug, Clone)]
struct Speaker {
    member: u64,
    reach: Reach,
    frame: Vec<i16>,
}

impl Mixer {
    /// A mixer of frames of so many samples.
    #[must_use]
    pub fn new(frame_samples: usize) -> Self {
        let speaker = Speaker { member: 0, reach: Reach::Everyone, frame: vec![0; frame_samples] };
        Self {
            sum: vec![0; frame_samples],
            speakers: vec![speaker; SPEAKERS_MAX],
            speaker_count: 0,
        }
    }

    /// Samples of a frame.
    #[must_use]
    pub fn frame_samples(&self) -> usize {
        self.sum.len()
    }

    /// Forgets the speakers of the frame before.
    pub fn start_frame(&mut self) {
        self.sum.fill(0);
        self.speaker_count = 0;
    }

    /// Adds a speaker's frame; what is missing of it is silence. `false` when there are
    /// [`SPEAKERS_MAX`] already, and it is not heard.
    pub fn add(&mut self, member: u64, reach: Reach, frame: &[i16], fade: Fade) -> bool {
        let Some(speaker) = self.speakers.get_mut(self.speaker_count) else { return false };
        self.speaker_count += 1;
        speaker.member = member;
        speaker.reach = reach;
        let samples = frame.len().min(speaker.frame.len());
        speaker.frame[samples..].fill(0);
        let own = &mut speaker.frame[..samples];
        own.copy_from_slice(&frame[..samples]);
        apply(fade, own);
        if reach == Reach::Everyone {
            for (sum, sample) in self.sum.iter_mut().zip(&speaker.frame) {
                *sum += i32::from(*sample);
            }
        }
        true
    }

    /// Whether the member's mix is another than what all hear.
    #[must_use]
    pub fn is_own(&self, member: u64) -> bool {
        self.speakers().any(|speaker| speaker.sign_for(member) != 0)
    }

    /// What the member hears.
    pub fn mix_for(&self, member: u64, output: &mut [i16]) {
        let parts = || self.speakers().filter(|speaker| speaker.sign_for(member) != 0);
        if parts().next().is_none() {
            return self.mix_for_all(output);
        }
        for (at, (output, sum)) in output.iter_mut().zip(&self.sum).enumerate() {
            let own: i32 =
                parts().map(|part| part.sign_for(member) * i32::from(part.frame[at])).sum();
            *output = limit(sum + own);
        }
    }

    /// What those hear who do not speak and to whom nobody whispers.
    pub fn mix_for_all(&self, output: &mut [i16]) {
        for (output, sum) in output.iter_mut().zip(&self.sum) {
            *output = limit(*sum);
        }
    }

    fn speakers(&self) -> impl Iterator<Item = &Speaker> {
        self.speakers[..self.speaker_count].iter()
    }
}

impl Speaker {
    /// How the speaker's part in the member's mix differs from its part in the sum: it is taken out, put
    /// in, or left.
    fn sign_for(&self, member: u64) -> i32 {
        match self.reach {
            Reach::Everyone => -i32::from(self.member == member),
            Reach::Only(listener) => i32::from(listener == member && self.member != member),
        }
    }
}

fn apply(fade: Fade, frame: &mut [i16]) {
    let length = frame.len() as i32;
    let gain_at = |at: i32| match fade {
        Fade::None => length,
        Fade::In => at,
        Fade::Out => length - 1 - at,
    };
    if fade == Fade::None {
        return;
    }
    for (at, sample) in (0..length).zip(frame) {
        // The gain is at most 1, so that the product fits.
        *sample = (i32::from(*sample) * gain_at(at) / length) as i16;
    }
}

/// Bends what is beyond the knee towards full scale, which it never reaches, with the same slope at the
/// knee.
fn limit(sum: i32) -> i16 {
    let magnitude = sum.abs();
    if magnitude <= KNEE {
        return sum as i16;
    }
    let room = i32::from(i16::MAX) - KNEE;
    let beyond = i64::from(magnitude - KNEE);
    let bent = i64::from(room) * beyond / (beyond + i64::from(room));
    ((i64::from(KNEE) + bent) * i64::from(sum.signum())) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tone, ToneGenerator, goertzel};

    const RATE: u32 = 16_000;
    const FRAME: usize = 320;

    struct Voice(u64, ToneGenerator, Reach);

    fn voice(member: u64, hz: f64, reach: Reach) -> Voice {
        Voice(member, ToneGenerator::new(RATE, &[Tone { hz, dbm0: -16.0 }]), reach)
    }

    /// What each of the listeners hears of 50 frames.
    fn heard(voices: &mut [Voice], listeners: &[u64]) -> Vec<Vec<i16>> {
        let mut mixer = Mixer::new(FRAME);
        let mut heard = vec![Vec::new(); listeners.len()];
        for _ in 0..50 {
            mixer.start_frame();
            let mut frame = [0; FRAME];
            for Voice(member, generator, reach) in &mut *voices {
                generator.fill(&mut frame);
                assert!(mixer.add(*member, *reach, &frame, Fade::None));
            }
            for (listener, heard) in listeners.iter().zip(&mut heard) {
                mixer.mix_for(*listener, &mut frame);
                heard.extend(frame);
            }
        }
        heard
    }

    fn level(pcm: &[i16], hz: f64) -> f64 {
        goertzel::dbm0(pcm, RATE, hz)
    }

    #[test]
    fn each_hears_the_others_as_loud_as_they_are_and_not_itself() {
        let tones = [440.0, 700.0, 1_000.0];
        let mut voices: Vec<Voice> =
            (0..3).map(|n| voice(n, tones[n as usize], Reach::Everyone)).collect();
        let heard = heard(&mut voices, &[0, 1, 2, 3]);
        for (listener, pcm) in heard.iter().enumerate() {
            for (speaker, hz) in tones.iter().enumerate() {
                let level = level(pcm, *hz);
                if speaker == listener {
                    assert!(level < -70.0, "{listener} hears itself at {level}");
                } else {
                    assert!((level + 16.0).abs() < 0.1, "{listener} hears {speaker} at {level}");
                }
            }
        }
    }

    #[test]
    fn a_whisper_is_heard_by_one() {
        let mut voices = [
            voice(1, 440.0, Reach::Everyone),
            voice(2, 700.0, Reach::Everyone),
            voice(3, 1_000.0, Reach::Only(2)),
        ];
        let heard = heard(&mut voices, &[1, 2, 3]);
        assert!(level(&heard[0], 1_000.0) < -70.0, "the customer hears the whisper");
        assert!((level(&heard[1], 1_000.0) + 16.0).abs() < 0.1);
        assert!((level(&heard[2], 440.0) + 16.0).abs() < 0.1);
        assert!((level(&heard[2], 700.0) + 16.0).abs() < 0.1);
        assert!(level(&heard[2], 1_000.0) < -70.0);
    }

    #[test]
    fn only_speakers_and_those_whispered_to_have_a_mix_of_their_own() {
        let mut mixer = Mixer::new(FRAME);
        mixer.start_frame();
        mixer.add(1, Reach::Everyone, &[1; FRAME], Fade::None);
        mixer.add(2, Reach::Only(3), &[1; FRAME], Fade::None);
        mixer.add(4, Reach::Only(4), &[1; FRAME], Fade::None);
        let own: Vec<u64> = (0..6).filter(|member| mixer.is_own(*member)).collect();
        assert_eq!(own, [1, 3]);
        mixer.start_frame();
        assert!(!mixer.is_own(1));
    }

    #[test]
    fn many_loud_speakers_are_bent_and_never_wrap() {
        let mut mixer = Mixer::new(4);
        mixer.start_frame();
        for member in 0..SPEAKERS_MAX as u64 {
            let frame = [i16::MIN, i16::MAX, 16_000, -16_000];
            assert!(mixer.add(member, Reach::Everyone, &frame, Fade::None));
        }
        assert!(!mixer.add(99, Reach::Everyone, &[1_000; 4], Fade::None), "one too many");
        let mut output = [0; 4];
        mixer.mix_for_all(&mut output);
        assert!(output[0] < -32_000 && output[1] > 32_000);
        assert!(output[2] > 31_000 && output[3] < -31_000);
    }

    #[test]
    fn the_limiter_is_steady_and_rises() {
        assert_eq!((limit(KNEE), limit(-KNEE)), (KNEE as i16, -KNEE as i16));
        let rising = (-400_000..400_000).step_by(7).map(limit);
        assert!(rising.clone().zip(rising.skip(1)).all(|(a, b)| a <= b));
        assert!(limit(KNEE + 10) as i32 - KNEE >= 9, "no bend at the knee");
    }

    #[test]
    fn a_fade_begins_or_ends_in_silence() {
        let mut mixer = Mixer::new(100);
        let mut output = [0; 100];
        for (fade, first, last) in [(Fade::In, 0, 9_900), (Fade::Out, 9_900, 0)] {
            mixer.start_frame();
            mixer.add(1, Reach::Everyone, &[10_000; 100], fade);
            mixer.mix_for_all(&mut output);
            assert_eq!((output[0], output[99]), (first, last));
        }
    }
}
