//! What governs a play list while it plays: barge-in, pause, position, volume.

use super::{Item, Player, samples};
use offhook_audio::ToneGenerator;
use offhook_bus::PlayControl;

/// The softest and the loudest that a list is made, in dB.
const VOLUME_DB_MIN: i8 = -40;
const VOLUME_DB_MAX: i8 = 12;

/// How a list is governed.
#[derive(Debug, Default)]
pub(super) struct Control {
    barge_in: String,
    pub(super) is_paused: bool,
    /// What each sample is multiplied with; `None` for one.
    gain: Option<f32>,
    /// Milliseconds into the current item at which it goes on, once that item is there.
    pub(super) seek_ms: Option<u32>,
}

impl Control {
    /// Makes the frame as loud as is wanted.
    pub(super) fn set_level(&self, frame: &mut [i16]) {
        let Some(gain) = self.gain else { return };
        for sample in frame {
            // A cast of a float saturates.
            *sample = (f32::from(*sample) * gain).round() as i16;
        }
    }
}

impl Player {
    /// Whether this key ends the list.
    pub(crate) fn is_ended_by(&self, key: char) -> bool {
        self.control.barge_in.contains(key)
    }

    /// Governs the list.
    pub(crate) fn control(&mut self, control: &PlayControl) {
        match control {
            PlayControl::BargeIn(keys) => self.control.barge_in.clone_from(keys),
            PlayControl::Pause => self.control.is_paused = true,
            PlayControl::Resume => self.control.is_paused = false,
            PlayControl::SeekTo(ms) => self.seek_to(*ms),
            PlayControl::SeekBy(ms) => {
                let position = self.position_ms();
                self.seek_to(position.saturating_add_signed(*ms));
            }
            PlayControl::Volume(db) => {
                let db = f32::from((*db).clamp(VOLUME_DB_MIN, VOLUME_DB_MAX));
                self.control.gain = (db != 0.0).then(|| 10_f32.powf(db / 20.0));
            }
        }
    }

    /// Milliseconds since the beginning of the list. Sounds that are not there yet count as none.
    fn position_ms(&self) -> u32 {
        let before = (0..self.current).map(|at| self.length_at_ms(at).unwrap_or(0));
        let before: u64 = before.map(u64::from).sum();
        let rate = self.items.get(self.current).map_or(self.rate, |item| self.rate_of(item));
        let within = self.position as u64 * 1_000 / u64::from(rate.max(1));
        let within = within.max(self.control.seek_ms.unwrap_or(0).into());
        u32::try_from(before + within).unwrap_or(u32::MAX)
    }

    fn seek_to(&mut self, ms: u32) {
        self.made.clear();
        self.resampler = None;
        self.current = 0;
        self.start_at(ms);
    }

    /// Goes on at so many milliseconds behind the beginning of the current item, or waits until that item's
    /// length is known.
    pub(super) fn start_at(&mut self, mut ms: u32) {
        self.position = 0;
        self.control.seek_ms = None;
        while let Some(item) = self.items.get(self.current) {
            match self.length_at_ms(self.current) {
                None if matches!(item, Item::Waiting { .. }) => {
                    self.control.seek_ms = (ms > 0).then_some(ms);
                    return;
                }
                Some(length) if length <= ms => {
                    ms -= length;
                    self.current += 1;
                }
                None | Some(_) => {
                    self.position = samples(self.rate_of(item), ms);
                    return self.begin_tone();
                }
            }
        }
    }

    fn begin_tone(&mut self) {
        let rate = self.rate;
        if let Some(Item::Tone { prompt, generator }) = self.items.get_mut(self.current) {
            *generator = ToneGenerator::new(rate, &prompt.tones);
        }
    }

    /// How long the item at this place of the list is. What is played in the place of others has no part in
    /// the list's time.
    fn length_at_ms(&self, at: usize) -> Option<u32> {
        if self.is_instead(at) { Some(0) } else { self.length_ms(self.items.get(at)?) }
    }

    /// `None` for what has no end, or one that is not known yet.
    fn length_ms(&self, item: &Item) -> Option<u32> {
        match item {
            Item::Tone { prompt, .. } => Some(prompt.duration_ms),
            Item::Silence { duration_ms } => Some(*duration_ms),
            Item::Sound(sound) => {
                let ms = sound.samples.len() as u64 * 1_000 / u64::from(sound.rate.max(1));
                Some(u32::try_from(ms).unwrap_or(u32::MAX))
            }
            Item::Missing => Some(0),
            Item::Music | Item::Waiting { .. } => None,
        }
    }

    /// The samples per second that the position in an item counts.
    fn rate_of(&self, item: &Item) -> u32 {
        match item {
            Item::Sound(sound) => sound.rate,
            Item::Music => super::music_for(self.rate).1,
            Item::Tone { .. } | Item::Silence { .. } | Item::Waiting { .. } | Item::Missing => {
                self.rate
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::player::Played;
    use offhook_audio::goertzel;
    use offhook_speech::Pcm;
    use std::sync::Arc;

    fn player(uris: &[&str]) -> Player {
        let uris: Vec<String> = uris.iter().map(|&uri| uri.to_owned()).collect();
        Player::new(&uris, false, 8_000, 0).0
    }

    fn hear(player: &mut Player, ms: usize) -> (Vec<i16>, Played) {
        let mut heard = vec![0; ms * 8];
        let mut played = Played::Sound;
        for frame in heard.chunks_mut(160) {
            played = player.next_frame(frame);
        }
        (heard, played)
    }

    fn is_tone(pcm: &[i16], hz: f64) -> bool {
        goertzel::power_share(pcm, 8_000, hz) > 0.95
    }

    #[test]
    fn a_paused_list_is_silent_and_goes_on_where_it_was() {
        let mut player = player(&["tone:700,100", "tone:1100,100"]);
        assert!(is_tone(&hear(&mut player, 100).0, 700.0));
        player.control(&PlayControl::Pause);
        let (heard, played) = hear(&mut player, 1_000);
        assert!(heard.iter().all(|sample| *sample == 0) && played == Played::Waiting);
        player.control(&PlayControl::Resume);
        assert!(is_tone(&hear(&mut player, 100).0, 1_100.0));
        assert_eq!(hear(&mut player, 20).1, Played::Finished);
    }

    #[test]
    fn a_position_is_found_across_the_items() {
        let mut player = player(&["tone:700,1000", "silence:500", "tone:1100,1000"]);
        player.control(&PlayControl::SeekTo(1_700));
        let (heard, _) = hear(&mut player, 800);
        assert!(is_tone(&heard, 1_100.0));
        assert_eq!(hear(&mut player, 20).1, Played::Finished);
        player.control(&PlayControl::SeekTo(900));
        assert!(is_tone(&hear(&mut player, 100).0, 700.0));
        player.control(&PlayControl::SeekBy(600));
        assert!(is_tone(&hear(&mut player, 200).0, 1_100.0));
        player.control(&PlayControl::SeekBy(-60_000));
        assert!(is_tone(&hear(&mut player, 200).0, 700.0));
        player.control(&PlayControl::SeekTo(90_000));
        assert_eq!(hear(&mut player, 20).1, Played::Finished);
    }

    #[test]
    fn a_position_in_a_sound_that_is_not_there_yet_is_kept_for_it() {
        let mut player = player(&["tts:Hello.", "tone:1100,100"]);
        player.control(&PlayControl::SeekTo(500));
        assert_eq!(hear(&mut player, 20).1, Played::Waiting);
        let mut pcm = vec![0; 8_000];
        let tone = [offhook_audio::Tone { hz: 440.0, dbm0: -10.0 }];
        ToneGenerator::new(16_000, &tone).fill(&mut pcm);
        pcm.extend([0; 1_600]);
        let sound = Arc::new(Pcm { samples: pcm, rate: 16_000 });
        player.handle_sound(0, Some(&sound));
        let (heard, _) = hear(&mut player, 200);
        assert!(heard[..640].iter().all(|sample| sample.abs() < 1_000), "it begins behind 500 ms");
        assert!(is_tone(&heard[960..], 1_100.0), "100 ms of it were left");
    }

    #[test]
    fn volume_is_in_decibels_and_clips() {
        for (db, expected) in [(0, -10.0), (-20, -30.0), (6, -4.0), (-128, -50.0)] {
            let mut player = player(&["tone:1000,500"]);
            player.control(&PlayControl::Volume(db));
            let (heard, _) = hear(&mut player, 500);
            let level = goertzel::dbm0(&heard, 8_000, 1_000.0);
            assert!((level - expected).abs() < 0.6, "{db} dB gives {level} dBm0");
        }
        let mut player = player(&["tone:1000,500,3"]);
        player.control(&PlayControl::Volume(12));
        assert!(hear(&mut player, 100).0.contains(&i16::MAX));
    }

    #[test]
    fn only_the_keys_that_were_named_end_it() {
        let mut player = player(&["music:"]);
        assert!(!player.is_ended_by('1'));
        player.control(&PlayControl::BargeIn("12#".to_owned()));
        assert!(player.is_ended_by('#') && !player.is_ended_by('3'));
    }
}
