//! The embedded voice says something of the right length and level, and remembers it.

use offhook_audio::level;
use offhook_speech::{Engine, LEVEL_DBM0, Speech, SpeechError};
use std::sync::Arc;

fn seconds(samples: usize, rate: u32) -> f64 {
    samples as f64 / f64::from(rate)
}

#[test]
fn a_sentence_is_spoken() {
    let speech = Speech::new(Engine::Flite, None);
    let short = speech.synthesize("Hello.").unwrap();
    let long = speech.synthesize("Welcome. Please hold while we find somebody for you.").unwrap();
    assert_eq!(long.rate, 16_000);
    let (short_s, long_s) =
        (seconds(short.samples.len(), short.rate), seconds(long.samples.len(), long.rate));
    assert!((0.3..2.0).contains(&short_s), "{short_s}");
    assert!((2.0..6.0).contains(&long_s), "{long_s}");
    let heard = level::dbm0(&long.samples);
    assert!((heard - LEVEL_DBM0).abs() < 1.0, "{heard} dBm0");
}

/// Speech is neither a tone nor noise: it is loud and quiet in turn, several times a second.
#[test]
fn it_sounds_like_speech() {
    let speech = Speech::new(Engine::Flite, None);
    let pcm = speech.synthesize("All our agents are busy. Please try again later.").unwrap();
    let loud: Vec<bool> = pcm.samples.chunks(320).map(|frame| level::dbm0(frame) > -26.0).collect();
    let share = loud.iter().filter(|&&l| l).count() as f64 / loud.len() as f64;
    let changes = loud.windows(2).filter(|w| w[0] != w[1]).count() as f64;
    let per_second = changes / seconds(pcm.samples.len(), pcm.rate);
    assert!((0.3..0.9).contains(&share), "{share:.2} is loud");
    assert!((2.0..20.0).contains(&per_second), "{per_second:.1} changes a second");
}

#[test]
fn what_was_said_is_remembered() {
    let speech = Speech::new(Engine::Flite, None);
    let first = speech.synthesize("Your call is important to us.").unwrap();
    let again = speech.synthesize("Your  call is important to us.\n").unwrap();
    assert!(Arc::ptr_eq(&first, &again));
}

#[test]
fn a_folder_outlives_the_speaker() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Nobody is available.";
    let path = || Some(folder.path().join("prompts"));
    let first = Speech::new(Engine::Flite, path()).synthesize(text).unwrap();
    let files: Vec<_> =
        std::fs::read_dir(path().unwrap()).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 1);

    // The second speaker reads the file: it says what the file says.
    let marked = offhook_audio::wav::Wav { rate: 8000, samples: vec![7; 99] };
    std::fs::write(&files[0], marked.to_bytes().unwrap()).unwrap();
    let found = Speech::new(Engine::Flite, path()).synthesize(text).unwrap();
    assert_eq!((found.rate, &found.samples), (8000, &marked.samples));

    // A broken file is spoken anew; the voice's noise differs from one time to the next.
    std::fs::write(&files[0], b"RIFF").unwrap();
    let anew = Speech::new(Engine::Flite, path()).synthesize(text).unwrap();
    assert_eq!((anew.rate, anew.samples.len()), (first.rate, first.samples.len()));
    assert!((level::dbm0(&anew.samples) - LEVEL_DBM0).abs() < 1.0);
}

#[test]
fn a_folder_that_cannot_be_used_is_done_without() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let speech = Speech::new(Engine::Flite, Some(file.path().join("below-a-file")));
    assert!(speech.synthesize("One.").is_ok());
}

#[test]
fn many_threads_speak_at_once() {
    let speech = Arc::new(Speech::new(Engine::Flite, None));
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let speech = Arc::clone(&speech);
            std::thread::spawn(move || speech.synthesize(&format!("Line {n} is open.")).unwrap())
        })
        .collect();
    for thread in threads {
        assert!(level::dbm0(&thread.join().unwrap().samples) > -30.0);
    }
}

#[test]
fn nothing_and_too_much_are_refused() {
    let speech = Speech::new(Engine::Flite, None);
    assert_eq!(speech.synthesize(" ... ").unwrap_err(), SpeechError::NothingToSay);
    assert_eq!(speech.synthesize(&"word ".repeat(1000)).unwrap_err(), SpeechError::TooLong);
}

#[test]
fn the_silent_engine_takes_its_time_and_says_nothing() {
    let pcm = Speech::new(Engine::Silent, None).synthesize("Sixteen letters.").unwrap();
    assert_eq!(pcm.samples, vec![0; 16_000]);
}

/// Words that a text might carry and a dictionary does not have: the library must survive them,
/// since a caller's name or a queue's may be among them.
#[test]
fn awkward_texts_are_survived() {
    let speech = Speech::new(Engine::Flite, None);
    for text in [
        "1e999999 0x7f -0 1/0 99999999999999999999999999999999999999",
        "$1,234,567.89 12:61:99 31/02/2026 1st 2nd 0th IV MCMXC",
        "((((((((((a)))))))))) ''''a'''' \"\"\"a\"\"\" a--b a__b #*#*1",
        "zzzzxqxqxq bcdfghjklmnpqrstvwxz AAAAAAAAAAAAAAAAAAAAAA",
        "a@b.c http://example.org/?q=%20&x=1 +1 (555) 010-0199",
        "%s%s%s%n %d * . , ; : ! ?1",
        &"1".repeat(300),
        &"a".repeat(1000),
        &"a.".repeat(500),
    ] {
        let outcome = speech.synthesize(text);
        assert!(outcome.is_ok(), "{text:.40}: {outcome:?}");
    }
}
