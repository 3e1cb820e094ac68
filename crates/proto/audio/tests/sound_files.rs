//! Every kind of file that may be a prompt is a second of 440 Hz; broken ones are errors.

use offhook_audio::goertzel;
use offhook_audio::sound_file::{self, SoundFileError};
use proptest::prelude::*;

const FILES: [(&str, &[u8]); 4] = [
    ("MP3", include_bytes!("sounds/tone-440.mp3")),
    ("Ogg Vorbis", include_bytes!("sounds/tone-440-vorbis.ogg")),
    ("Ogg Opus", include_bytes!("sounds/tone-440-opus.ogg")),
    ("A-law WAV", include_bytes!("sounds/tone-440-alaw.wav")),
];

#[test]
fn every_format_is_read() {
    for (name, bytes) in FILES {
        let sound = sound_file::read(bytes.to_vec()).expect(name);
        let ms = sound.samples.len() * 1_000 / sound.rate as usize;
        assert!(ms.abs_diff(1_000) <= 60, "{name} has {ms} ms");
        let middle = &sound.samples[sound.samples.len() / 10..sound.samples.len() * 9 / 10];
        let share = goertzel::power_share(middle, sound.rate, 440.0);
        assert!(share > 0.98, "{name}: {share:.3} of it is 440 Hz");
        let level = goertzel::dbm0(middle, sound.rate, 440.0);
        assert!((level + 13.0 - 3.17).abs() < 3.5, "{name}: {level:.1} dBm0");
    }
}

#[test]
fn other_files_are_refused() {
    for bytes in [&b""[..], b"hello", b"RIFF\x04\0\0\0WAVE", b"OggS", &[0xFF; 4_000]] {
        let error = sound_file::read(bytes.to_vec()).expect_err("no sound");
        assert!(matches!(error, SoundFileError::UnknownFormat | SoundFileError::Size), "{error}");
    }
}

#[test]
fn a_file_that_is_cut_short_is_played_as_far_as_it_goes() {
    for (name, bytes) in FILES.iter().filter(|(name, _)| name.starts_with("MP3")) {
        let sound = sound_file::read(bytes[..bytes.len() / 2].to_vec()).expect(name);
        let ms = sound.samples.len() * 1_000 / sound.rate as usize;
        assert!((300..700).contains(&ms), "{name}: {ms} ms");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_files_never_panic(
        file in 0..FILES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = FILES[file].1.to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(length.index(bytes.len()) + 1);
        if let Ok(sound) = sound_file::read(bytes) {
            prop_assert!(!sound.samples.is_empty());
        }
    }
}
