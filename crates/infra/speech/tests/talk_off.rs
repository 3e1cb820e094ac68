//! Minutes of speech in which no key was pressed: no digit may be heard (talk-off).

use offhook_audio::{Codec, Decoder, DtmfDetector, DtmfEvent, Encoder, Resampler};
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
