//! A list of prompts as a stream of frames.

mod control;

use super::prompt::{self, PIECES_MAX, PROMPTS_MAX, Prompt, SoundSource};
use control::Control;
use offhook_audio::{Resampler, ToneGenerator, TonePrompt, music};
use offhook_speech::Pcm;
use std::collections::VecDeque;
use std::sync::Arc;

/// What begins a prompt that is played when the one before it cannot be.
const INSTEAD: &str = "else:";
/// Milliseconds of sound that are made at a time.
const CHUNK_MS: u32 = 20;
/// Samples of the longest chunk at the highest rate.
const CHUNK_SAMPLES_MAX: usize = 192_000 / 1_000 * CHUNK_MS as usize;

/// Plays to one leg at that leg's sample rate.
#[derive(Debug)]
pub(crate) struct Player {
    items: Vec<Item>,
    /// Which items are played only when what comes before them cannot be.
    is_instead: Vec<bool>,
    /// Whether the prompt before could not be played.
    is_missing: bool,
    current: usize,
    /// Samples of the current item that were played, at its own rate.
    position: usize,
    is_repeated: bool,
    has_sounded: bool,
    rate: u32,
    resampler: Option<(u32, Resampler)>,
    made: VecDeque<i16>,
    control: Control,
}

#[derive(Debug)]
enum Item {
    Tone { prompt: TonePrompt, generator: ToneGenerator },
    Silence { duration_ms: u32 },
    Music,
    Waiting { ticket: u64 },
    Sound(Arc<Pcm>),
    Missing,
}

/// A sound that somebody has to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundWanted {
    pub(crate) ticket: u64,
    pub(crate) source: SoundSource,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Played {
    /// Sound.
    Sound,
    /// Silence, since what comes next is not there yet.
    Waiting,
    /// Silence, since there is nothing more to play.
    Finished,
}

enum Step {
    Made,
    Waiting,
    Finished,
}

impl Player {
    /// A player of the URIs at `rate` samples per second, and the sounds it needs, whose tickets count up
    /// from `first_ticket`. What cannot be read is skipped and counted.
    pub(crate) fn new(
        uris: &[String],
        is_repeated: bool,
        rate: u32,
        first_ticket: u64,
    ) -> (Self, Vec<SoundWanted>) {
        let mut wanted = Vec::new();
        let prompts = uris.iter().take(PROMPTS_MAX).flat_map(|uri| read(uri));
        let mut ticket = first_ticket;
        let items = prompts.take(PIECES_MAX).map(|(prompt, is_instead)| {
            let item = match prompt {
                Some(Prompt::Tone(prompt)) => {
                    Item::Tone { generator: ToneGenerator::new(rate, &prompt.tones), prompt }
                }
                Some(Prompt::Silence { duration_ms }) => Item::Silence { duration_ms },
                Some(Prompt::Music) => Item::Music,
                Some(Prompt::Sound(source)) => {
                    wanted.push(SoundWanted { ticket, source });
                    ticket += 1;
                    Item::Waiting { ticket: ticket - 1 }
                }
                None => Item::Missing,
            };
            (item, is_instead)
        });
        let (items, is_instead) = items.unzip();
        let player = Self {
            items,
            is_instead,
            is_missing: false,
            current: 0,
            position: 0,
            is_repeated,
            has_sounded: false,
            rate,
            resampler: None,
            made: VecDeque::new(),
            control: Control::default(),
        };
        (player, wanted)
    }

    /// Goes on at another rate; what was made at the old one is lost.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        if rate == self.rate {
            return;
        }
        if let Some(Item::Music) = self.items.get(self.current) {
            let (before, now) = (music_for(self.rate).1 as usize, music_for(rate).1 as usize);
            self.position = self.position * now / before;
        }
        self.rate = rate;
        self.resampler = None;
        self.made.clear();
        for item in &mut self.items {
            if let Item::Tone { prompt, generator } = item {
                *generator = ToneGenerator::new(rate, &prompt.tones);
            }
        }
    }

    /// A sound was fetched; `None` when it cannot be had.
    pub(crate) fn handle_sound(&mut self, ticket: u64, sound: Option<&Arc<Pcm>>) {
        for item in &mut self.items {
            if matches!(item, Item::Waiting { ticket: waiting } if *waiting == ticket) {
                *item = sound.map_or(Item::Missing, |sound| Item::Sound(Arc::clone(sound)));
            }
        }
        if let Some(ms) = self.control.seek_ms {
            self.start_at(ms);
        }
    }

    /// Fills all of `frame`.
    pub(crate) fn next_frame(&mut self, frame: &mut [i16]) -> Played {
        if self.control.is_paused {
            frame.fill(0);
            return Played::Waiting;
        }
        let mut played = Played::Sound;
        while self.made.len() < frame.len() {
            match self.step() {
                Step::Made => {}
                Step::Waiting => {
                    played = Played::Waiting;
                    break;
                }
                Step::Finished => {
                    played = Played::Finished;
                    break;
                }
            }
        }
        let available = self.made.len().min(frame.len());
        for (slot, sample) in frame.iter_mut().zip(self.made.drain(..available)) {
            *slot = sample;
        }
        frame[available..].fill(0);
        self.control.set_level(frame);
        if available > 0 { Played::Sound } else { played }
    }

    /// Makes a chunk of the current item, or goes to the next.
    fn step(&mut self) -> Step {
        let is_instead = self.is_instead(self.current);
        let Some(item) = self.items.get_mut(self.current) else {
            return self.start_over();
        };
        if is_instead && !self.is_missing {
            self.current += 1;
            return Step::Made;
        }
        if self.position == 0 && !is_instead && !matches!(item, Item::Waiting { .. }) {
            self.is_missing = matches!(item, Item::Missing);
        }
        let chunk = samples(self.rate, CHUNK_MS);
        let left = match item {
            Item::Tone { prompt, generator } => {
                let left = samples(self.rate, prompt.duration_ms).saturating_sub(self.position);
                let mut pcm = [0; CHUNK_SAMPLES_MAX];
                let pcm = &mut pcm[..chunk.min(left)];
                generator.fill(pcm);
                self.made.extend(&*pcm);
                left
            }
            Item::Silence { duration_ms } => {
                let left = samples(self.rate, *duration_ms).saturating_sub(self.position);
                self.made.extend(std::iter::repeat_n(0, chunk.min(left)));
                left
            }
            Item::Music => return self.make_music(),
            Item::Sound(sound) => {
                let sound = Arc::clone(sound);
                return self.make_sound(&sound);
            }
            Item::Waiting { .. } => return Step::Waiting,
            Item::Missing => 0,
        };
        self.advance(chunk, left)
    }

    /// Whether an item is played only when what comes before it cannot be.
    fn is_instead(&self, at: usize) -> bool {
        self.is_instead.get(at).copied().unwrap_or_default()
    }

    fn make_music(&mut self) -> Step {
        let (piece, rate) = music_for(self.rate);
        let chunk = samples(rate, CHUNK_MS);
        let start = self.position % piece.len();
        let end = (start + chunk).min(piece.len());
        self.convert(&piece[start..end], rate);
        self.position = end % piece.len();
        self.has_sounded = true;
        Step::Made
    }

    fn make_sound(&mut self, sound: &Pcm) -> Step {
        let chunk = samples(sound.rate, CHUNK_MS).max(1);
        let rest = sound.samples.get(self.position..).unwrap_or_default();
        self.convert(&rest[..chunk.min(rest.len())], sound.rate);
        self.advance(chunk, rest.len())
    }

    /// Appends samples of another rate. Rates that no resampler joins are skipped.
    fn convert(&mut self, pcm: &[i16], rate: u32) {
        if rate == self.rate {
            self.made.extend(pcm);
            return;
        }
        if self.resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
            self.resampler = Resampler::new(rate, self.rate).ok().map(|made| (rate, made));
        }
        let Some((_, resampler)) = &mut self.resampler else { return };
        let mut output = [0; CHUNK_SAMPLES_MAX];
        let needed = resampler.max_output(pcm.len());
        let Some(output) = output.get_mut(..needed) else { return };
        if let Ok(length) = resampler.process(pcm, output) {
            self.made.extend(&output[..length]);
        }
    }

    /// `chunk` samples were wanted and `left` were there.
    fn advance(&mut self, chunk: usize, left: usize) -> Step {
        self.has_sounded |= left > 0;
        self.position += chunk;
        if chunk < left {
            return Step::Made;
        }
        self.current += 1;
        self.position = 0;
        let is_seamless = self.items.len() == 1 && self.is_repeated;
        if let (false, Some(Item::Tone { prompt, generator })) =
            (is_seamless, self.items.get_mut(self.current))
        {
            *generator = ToneGenerator::new(self.rate, &prompt.tones);
        }
        Step::Made
    }

    /// A round in which nothing could be played is the last.
    fn start_over(&mut self) -> Step {
        if !self.is_repeated || !self.has_sounded {
            return Step::Finished;
        }
        self.current = 0;
        self.has_sounded = false;
        if let (true, Some(Item::Tone { prompt, generator })) =
            (self.items.len() > 1, self.items.first_mut())
        {
            *generator = ToneGenerator::new(self.rate, &prompt.tones);
        }
        Step::Made
    }
}

/// What a URI names, `None` for what cannot be read, and whether it is played only in the place of the one
/// before.
fn read(uri: &str) -> Vec<(Option<Prompt>, bool)> {
    let instead = uri.strip_prefix(INSTEAD);
    let uri = instead.unwrap_or(uri);
    let prompts = prompt::parse(uri).map(|prompts| prompts.into_iter().map(Some).collect());
    let prompts: Vec<_> = prompts.unwrap_or_else(|error| {
        tracing::debug!(%error, uri, "a prompt is skipped");
        metrics::counter!("offhook_media_prompts_skipped_total", "why" => "malformed").increment(1);
        vec![None]
    });
    prompts.into_iter().map(|prompt| (prompt, instead.is_some())).collect()
}

/// The hold music for who plays at a rate, and the rate at which it is kept.
fn music_for(rate: u32) -> (&'static [i16], u32) {
    let kept = music::hold_music_at(rate).map(|piece| (piece, rate));
    kept.unwrap_or_else(|| (music::hold_music(), music::SAMPLE_RATE))
}

fn samples(rate: u32, duration_ms: u32) -> usize {
    let samples = u64::from(rate) * u64::from(duration_ms) / 1_000;
    usize::try_from(samples).expect("minutes of sound fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::goertzel;

    fn player(uris: &[&str], is_repeated: bool, rate: u32) -> (Player, Vec<SoundWanted>) {
        let uris: Vec<String> = uris.iter().map(|&uri| uri.to_owned()).collect();
        Player::new(&uris, is_repeated, rate, 10)
    }

    /// Plays up to so many milliseconds, or until it is finished.
    fn play(player: &mut Player, milliseconds: u32) -> (Vec<i16>, Played) {
        let mut heard = Vec::new();
        let mut frame = vec![0; samples(player.rate, 20)];
        let mut played = Played::Sound;
        for _ in 0..milliseconds / 20 {
            played = player.next_frame(&mut frame);
            if played == Played::Finished {
                break;
            }
            heard.extend(&frame);
        }
        (heard, played)
    }

    #[test]
    fn tones_follow_each_other_and_end() {
        for rate in [8_000, 16_000, 48_000] {
            let (mut player, wanted) = player(&["tone:700,500", "tone:1100,500"], false, rate);
            assert!(wanted.is_empty());
            let (heard, played) = play(&mut player, 5_000);
            assert_eq!(played, Played::Finished);
            assert_eq!(heard.len(), samples(rate, 1_000));
            let (first, second) = heard.split_at(heard.len() / 2);
            assert!(goertzel::power_share(first, rate, 700.0) > 0.99);
            assert!(goertzel::power_share(second, rate, 1_100.0) > 0.99);
            assert!((goertzel::dbm0(first, rate, 700.0) + 10.0).abs() < 0.1);
        }
    }

    #[test]
    fn one_tone_repeated_has_no_seam() {
        let (mut player, _) = player(&["tone:1004,90"], true, 8_000);
        let (heard, played) = play(&mut player, 4_000);
        assert_eq!(played, Played::Sound);
        assert!(goertzel::power_share(&heard, 8_000, 1_004.0) > 0.999);
    }

    #[test]
    fn sounds_are_waited_for_in_their_place_and_resampled() {
        let (mut player, wanted) =
            player(&["tone:700,100", "tts:One. Two.", "silence:40"], false, 8_000);
        let tickets: Vec<u64> = wanted.iter().map(|sound| sound.ticket).collect();
        assert_eq!(tickets, [10, 11]);
        let (heard, played) = play(&mut player, 200);
        assert_eq!(played, Played::Waiting);
        assert!(heard[samples(8_000, 100)..].iter().all(|sample| *sample == 0));
        let mut generator =
            ToneGenerator::new(16_000, &[offhook_audio::Tone { hz: 440.0, dbm0: -10.0 }]);
        let mut spoken = vec![0; 16_000];
        generator.fill(&mut spoken);
        player.handle_sound(10, Some(&Arc::new(Pcm { samples: spoken, rate: 16_000 })));
        player.handle_sound(11, None);
        let (heard, played) = play(&mut player, 3_000);
        assert_eq!(played, Played::Finished);
        assert_eq!(heard.len(), samples(8_000, 1_040));
        assert!(goertzel::power_share(&heard[..8_000], 8_000, 440.0) > 0.98);
    }

    #[test]
    fn music_goes_on_beyond_its_loop() {
        let (mut player, _) = player(&["music:"], false, 8_000);
        let (heard, played) = play(&mut player, 25_000);
        assert_eq!(played, Played::Sound);
        let level = offhook_audio::level::dbm0(&heard[21 * 8_000..]);
        assert!((-30.0..-10.0).contains(&level), "{level} dBm0");
    }

    #[test]
    fn music_goes_on_where_it_was_at_another_rate() {
        let (mut player, _) = player(&["music:"], false, 8_000);
        play(&mut player, 3_000);
        for rate in [48_000, 24_000, 8_000] {
            player.set_rate(rate);
            let within_ms = player.position as u64 * 1_000 / u64::from(music_for(rate).1);
            assert_eq!(within_ms, 3_000, "{rate}");
        }
    }

    #[test]
    fn a_list_of_nothing_is_finished_even_when_repeated() {
        for uris in [&[][..], &["bogus"], &["tts:Missing."]] {
            let (mut player, wanted) = player(uris, true, 8_000);
            for sound in wanted {
                player.handle_sound(sound.ticket, None);
            }
            assert_eq!(play(&mut player, 100).1, Played::Finished);
        }
    }

    #[test]
    fn what_cannot_be_played_has_others_in_its_place() {
        let lists = [
            (&["file:gone", "else:tone:700,200", "tone:1100,200"][..], true, 700.0),
            (&["bogus", "else:tone:700,200", "tone:1100,200"], false, 700.0),
            (&["file:gone", "else:bogus", "else:tone:700,200", "tone:1100,200"], true, 700.0),
            (&["tone:500,200", "else:tone:700,200", "tone:1100,200"], false, 500.0),
        ];
        for (uris, has_file, first) in lists {
            let (mut player, wanted) = player(uris, false, 8_000);
            assert_eq!(wanted.len(), usize::from(has_file));
            if has_file {
                assert_eq!(play(&mut player, 100).1, Played::Waiting, "the file may come yet");
            }
            wanted.iter().for_each(|sound| player.handle_sound(sound.ticket, None));
            let (heard, _) = play(&mut player, 1_000);
            assert_eq!(heard.len(), samples(8_000, 400), "{uris:?}");
            assert!(goertzel::power_share(&heard[..1_600], 8_000, first) > 0.99, "{uris:?}");
            assert!(goertzel::power_share(&heard[1_600..], 8_000, 1_100.0) > 0.99, "{uris:?}");
        }
    }

    #[test]
    fn words_in_the_place_of_a_file_are_spoken_to_their_end() {
        let (mut player, wanted) = player(&["file:gone", "else:tts:One. Two."], false, 8_000);
        let word = Arc::new(Pcm { samples: vec![1_000; 800], rate: 8_000 });
        player.handle_sound(wanted[0].ticket, None);
        player.handle_sound(wanted[1].ticket, Some(&word));
        player.handle_sound(wanted[2].ticket, Some(&word));
        assert_eq!(play(&mut player, 1_000).0.len(), 1_600);
    }

    #[test]
    fn another_rate_goes_on_with_the_same_prompt() {
        let (mut player, _) = player(&["tone:440,2000"], false, 8_000);
        play(&mut player, 500);
        player.set_rate(48_000);
        let (heard, _) = play(&mut player, 500);
        assert!(goertzel::power_share(&heard, 48_000, 440.0) > 0.99);
    }
}
