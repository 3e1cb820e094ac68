//! Minutes of speech and music in which no key was pressed: no digit may be heard (talk-off).

use offhook_audio::music::{self, hold_music};
use offhook_audio::{
    Codec, Decoder, DtmfDetector, DtmfEvent, Encoder, Resampler, Tone, ToneGenerator,
};
use offhook_speech::{Engine, Speech};

/// What call centres say, with numbers, names and many vowels.
const SENTENCES: &[&str] = &[
    "Welcome to our customer service. Your call is important to us, so please stay on the line.",
    "You are number three in the queue. The estimated waiting time is about four minutes.",
    "For sales press one, for support press two, for all other matters press zero or hash.",
    "Our opening hours are Monday to Friday, from nine in the morning until half past five.",
    "Please have your customer number ready. It is printed at the top right of every invoice.",
    "Who are you? You knew too few new tunes, you fool. The moon grew blue in June.",
    "Easy peasy, Lee sees three green trees. He feels he needs these deep sea fees.",
    "Are our cars far apart? Father calmly harmed the palm art in the barn yard.",
    "Your order of nineteen blue umbrellas and eighty eight yellow raincoats has been shipped.",
    "This call may be recorded for training purposes. If you do not want that, please tell us.",
    "The number you have dialled is five five five, one two one two. Please check it and dial again.",
    "Mary had a little lamb, its fleece was white as snow, and everywhere that Mary went it went too.",
    "The quick brown fox jumps over the lazy dog while seven wizards quietly brew fizzy potions.",
    "Nobody is available to take your call at the moment. Leave a message after the tone.",
    "Zero, one, two, three, four, five, six, seven, eight, nine. A, B, C, D, star, hash.",
    "We will transfer you to our colleagues in accounting, who know about refunds and invoices.",
    "Oh no, oh go home, the old rowboat slowly floats below the stone bridge over the cold flow.",
    "Thank you for holding. One of our agents will be with you shortly. We apologise for the delay.",
];
/// Seconds of speech that are listened to at least.
const SECONDS_MIN: usize = 300;

fn digits_in(pcm: &[i16], rate: u32) -> String {
    let mut detector = DtmfDetector::new(rate);
    let mut heard = String::new();
    for frame in pcm.chunks(rate as usize / 50) {
        detector.handle_samples(frame);
        while let Some(event) = detector.poll_output() {
            if let DtmfEvent::Started(digit) = event {
                heard.push(digit);
            }
        }
    }
    heard
}

fn resampled(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).expect("rates of voices are joined");
    let mut output = vec![0; resampler.max_output(pcm.len())];
    let length = resampler.process(pcm, &mut output).expect("there is room");
    output.truncate(length);
    output
}

/// Through a codec and back, as a caller's voice comes.
fn coded(pcm: &[i16], codec: Codec) -> Vec<i16> {
    let (mut encoder, mut decoder) =
        (Encoder::new(codec).expect("a codec"), Decoder::new(codec).expect("a codec"));
    let mut heard = Vec::new();
    for frame in pcm.chunks_exact(codec.frame_samples(20)) {
        let (mut payload, mut output) = ([0; 1_400], [0; 5_760]);
        let length = encoder.encode(frame, &mut payload).expect("a frame");
        let samples = decoder.decode(&payload[..length], &mut output).expect("its own payload");
        heard.extend(&output[..samples]);
    }
    heard
}

/// The same speech at another pitch and pace: read at another rate than it was made with.
fn as_another_voice(pcm: &[i16], percent: u32) -> Vec<i16> {
    let step = f64::from(percent) / 100.0;
    let count = (pcm.len() as f64 / step) as usize;
    (0..count).map(|i| pcm[((i as f64 * step) as usize).min(pcm.len() - 1)]).collect()
}

#[test]
fn minutes_of_speech_hold_no_digit() {
    let speech = Speech::new(Engine::Flite, None);
    let mut listened = 0;
    for sentence in SENTENCES {
        let pcm = speech.synthesize(sentence).expect("flite speaks");
        for percent in [70, 80, 90, 100, 115] {
            let voice = as_another_voice(&pcm.samples, percent);
            let narrow = resampled(&voice, pcm.rate, 8_000);
            listened += narrow.len() / 8_000;
            for (name, pcm, rate) in [
                ("PCMU", coded(&narrow, Codec::Pcmu), 8_000),
                ("wideband", voice.clone(), pcm.rate),
            ] {
                assert_eq!(digits_in(&pcm, rate), "", "{name}, {percent} %: {sentence}");
            }
        }
    }
    assert!(listened >= SECONDS_MIN, "{listened} s of speech");
}

/// Samples per second of what is composed here.
const RATE: u32 = 8_000;

/// A note with its overtones, each weaker than the one below it, that fades.
fn add_note(pcm: &mut [i16], hz: f64, level: f64) {
    for (place, sample) in pcm.iter_mut().enumerate() {
        let time = place as f64 / f64::from(RATE);
        let overtones = (1..=8).map(f64::from).filter(|overtone| hz * overtone < 3_600.0);
        let wave = overtones
            .map(|overtone| (std::f64::consts::TAU * hz * overtone * time).sin() / overtone.sqrt())
            .sum::<f64>();
        let fading = (-2.0 * time).exp();
        *sample = sample.saturating_add((wave * fading * level) as i16);
    }
}

/// The frequency of a key of a piano, the 49th being A at 440 Hz.
fn piano(key: i32) -> f64 {
    440.0 * 2_f64.powf(f64::from(key - 49) / 12.0)
}

#[test]
fn minutes_of_hold_music_hold_no_digit() {
    let mut listened = 0;
    for percent in [60, 75, 90, 100, 110, 130] {
        let pcm = as_another_voice(hold_music(), percent);
        let narrow = resampled(&pcm, music::SAMPLE_RATE, RATE);
        listened += narrow.len() / RATE as usize;
        assert_eq!(digits_in(&pcm, music::SAMPLE_RATE), "", "{percent} %");
        assert_eq!(digits_in(&coded(&narrow, Codec::Pcmu), RATE), "", "{percent} %, PCMU");
    }
    assert!(listened >= 120, "{listened} s of music");
}

/// Chords and single notes over five octaves: among them are pairs of notes that lie as near to the tones of a
/// key as those of a phone do.
#[test]
fn chords_hold_no_digit() {
    let chords: [&[i32]; 7] =
        [&[0], &[0, 4, 7], &[0, 3, 7], &[0, 4, 7, 10], &[0, 7, 16], &[0, 5, 9], &[0, 8]];
    for root in 16..72 {
        for chord in chords {
            for level in [1_000.0, 3_000.0] {
                let mut pcm = vec![0; RATE as usize];
                chord.iter().for_each(|step| add_note(&mut pcm, piano(root + step), level));
                for (name, pcm) in [("as it is", pcm.clone()), ("PCMU", coded(&pcm, Codec::Pcmu))] {
                    assert_eq!(digits_in(&pcm, RATE), "", "{name}: {chord:?} over key {root}");
                }
            }
        }
    }
}

/// Tones that are almost a key: others are heard with the two, one of them is missing, or is far weaker.
#[test]
fn tones_beside_those_of_keys_are_no_digit() {
    let rows = [697.0, 770.0, 852.0, 941.0];
    let columns = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
    for row in rows {
        for column in columns {
            for tones in [
                vec![(row, -10.0), (column, -10.0), (2.0 * row, -10.0), (3_000.0, -10.0)],
                vec![(row, -10.0)],
                vec![(column, -10.0)],
                vec![(row, -30.0), (column, -10.0)],
            ] {
                let tones = tones.into_iter().map(|(hz, dbm0)| Tone { hz, dbm0 });
                let tones: Vec<Tone> = tones.collect();
                let mut pcm = vec![0; RATE as usize];
                ToneGenerator::new(RATE, &tones).fill(&mut pcm);
                assert_eq!(digits_in(&pcm, RATE), "", "{tones:?}");
            }
        }
    }
}
