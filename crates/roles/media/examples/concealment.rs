//! How near to the unlost signal speech stays when packets are lost: segmental signal-to-noise ratio and
//! log-spectral distance, with and without concealment.
//!
//! Run with `cargo run --release -p offhook-media --example concealment`. Speech is flite's. The distance is
//! over frames in which there is speech, between what was decoded without loss and with it.

use offhook_audio::codec::MAX_FRAME_SAMPLES;
use offhook_audio::{Codec, Decoder, Encoder, Resampler, level};
use offhook_speech::{Engine, Pcm, Speech};
use std::f64::consts::TAU;

const TEXT: [&str; 4] = [
    "Welcome to our customer service. Your call is important to us, so please stay on the line.",
    "You are number three in the queue. The estimated waiting time is about four minutes.",
    "Our opening hours are Monday to Friday, from nine in the morning until half past five.",
    "Thank you for holding. One of our agents will be with you shortly.",
];
/// Frames quieter than this are pauses, in dBm0.
const PAUSE_DBM0: f64 = -45.0;
/// A frame's ratio is held within these bounds, as is usual for the segmental ratio.
const RATIO_DB: (f64, f64) = (-10.0, 35.0);
/// Seeds of the random loss.
const SEEDS: u64 = 8;

/// What is done about a lost packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repair {
    Silence,
    Concealment,
    /// The copy in the next packet where there is one.
    ErrorCorrection,
}

fn main() {
    let speech = spoken();
    #[allow(clippy::print_stdout, reason = "the figures are what it is for")]
    {
        println!("| codec | loss | repair | segmental SNR, dB | log-spectral distance, dB |");
        println!("|---|---|---|---|---|");
    }
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        let repairs: &[_] = match codec {
            Codec::Opus => &[Repair::Silence, Repair::Concealment, Repair::ErrorCorrection],
            _ => &[Repair::Silence, Repair::Concealment],
        };
        let payloads = encode(&speech, codec);
        let unlost = decode(&payloads, codec, Repair::Silence, |_| false);
        for percent in [1, 5, 10] {
            for repair in repairs {
                show(codec, percent, *repair, &payloads, &unlost);
            }
        }
    }
}

fn show(codec: Codec, percent: u64, repair: Repair, payloads: &[Vec<u8>], unlost: &[i16]) {
    let (mut ratio, mut distance) = (0.0, 0.0);
    for seed in 1..=SEEDS {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let lost = decode(payloads, codec, repair, |_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % 100 < percent
        });
        let (one_ratio, one_distance) = compare(unlost, &lost, codec);
        ratio += one_ratio / SEEDS as f64;
        distance += one_distance / SEEDS as f64;
    }
    let name = match repair {
        Repair::Silence => "silence",
        Repair::Concealment => "concealment",
        Repair::ErrorCorrection => "FEC, else concealment",
    };
    #[allow(clippy::print_stdout, reason = "the figures are what it is for")]
    {
        let codec = codec.encoding_name();
        println!("| {codec} | {percent} % | {name} | {ratio:.1} | {distance:.2} |");
    }
}

fn spoken() -> Pcm {
    let speech = Speech::new(Engine::Flite, None);
    let sentences = TEXT.map(|text| speech.synthesize(text).expect("flite speaks"));
    let samples = sentences.iter().flat_map(|pcm| pcm.samples.iter().copied()).collect();
    Pcm { samples, rate: sentences[0].rate }
}

fn encode(speech: &Pcm, codec: Codec) -> Vec<Vec<u8>> {
    let pcm = match Resampler::new(speech.rate, codec.sample_rate()) {
        Ok(mut resampler) if speech.rate != codec.sample_rate() => {
            let mut output = vec![0; resampler.max_output(speech.samples.len())];
            let length = resampler.process(&speech.samples, &mut output).expect("there is room");
            output.truncate(length);
            output
        }
        _ => speech.samples.clone(),
    };
    let mut encoder = Encoder::new(codec).expect("a codec");
    encoder.set_expected_loss(10);
    let frames = pcm.chunks_exact(codec.frame_samples(20));
    let mut payload = [0; 1_400];
    let encoded = frames.map(|frame| {
        let length = encoder.encode(frame, &mut payload).expect("a frame");
        payload[..length].to_vec()
    });
    encoded.collect()
}

fn decode(
    payloads: &[Vec<u8>],
    codec: Codec,
    repair: Repair,
    mut is_lost: impl FnMut(usize) -> bool,
) -> Vec<i16> {
    let mut decoder = Decoder::new(codec).expect("a codec");
    let samples = codec.frame_samples(20);
    // The first packet is never lost, so that every decoder has begun.
    let lost: Vec<bool> = (0..payloads.len()).map(|at| is_lost(at) && at > 0).collect();
    let mut heard = Vec::new();
    for (at, payload) in payloads.iter().enumerate() {
        let mut pcm = [0; MAX_FRAME_SAMPLES];
        let frame = &mut pcm[..samples];
        let next = payloads.get(at + 1).filter(|_| !lost.get(at + 1).copied().unwrap_or(true));
        match (lost[at], repair, next) {
            (false, _, _) => {
                decoder.decode(payload, &mut pcm).expect("its own payload");
            }
            (true, Repair::Silence, _) => {}
            (true, Repair::ErrorCorrection, Some(next)) => {
                if decoder.recover(next, frame).is_err() {
                    decoder.conceal(frame).expect("concealment");
                }
            }
            (true, Repair::Concealment | Repair::ErrorCorrection, _) => {
                decoder.conceal(frame).expect("concealment");
            }
        }
        heard.extend(&pcm[..samples]);
    }
    heard
}

/// The segmental ratio and the log-spectral distance over the frames that hold speech, both in dB.
fn compare(unlost: &[i16], lost: &[i16], codec: Codec) -> (f64, f64) {
    let frame = codec.frame_samples(20);
    let frames = unlost.chunks_exact(frame).zip(lost.chunks_exact(frame));
    let spoken: Vec<_> = frames.filter(|(one, _)| level::dbm0(one) > PAUSE_DBM0).collect();
    let count = spoken.len() as f64;
    let ratio: f64 = spoken.iter().map(|(one, other)| ratio_db(one, other)).sum();
    let distance: f64 =
        spoken.iter().map(|(one, other)| distance_db(one, other, codec.sample_rate())).sum();
    (ratio / count, distance / count)
}

fn ratio_db(one: &[i16], other: &[i16]) -> f64 {
    let signal: f64 = one.iter().map(|s| f64::from(*s).powi(2)).sum();
    let noise = one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let noise: f64 = noise.sum::<f64>().max(1e-9);
    (10.0 * (signal / noise).log10()).clamp(RATIO_DB.0, RATIO_DB.1)
}

/// Over 40 frequencies of the telephone band; what is 60 dB below the loudest counts as that.
fn distance_db(one: &[i16], other: &[i16], rate: u32) -> f64 {
    if one == other {
        return 0.0;
    }
    let (one, other) = (spectrum(one, rate), spectrum(other, rate));
    let floor = one.iter().copied().fold(0.0, f64::max) * 1e-6 + 1e-9;
    let squares = one.iter().zip(&other).map(|(a, b)| {
        let (a, b) = (a.max(floor), b.max(floor));
        (10.0 * (a / b).log10()).powi(2)
    });
    (squares.sum::<f64>() / one.len() as f64).sqrt()
}

fn spectrum(frame: &[i16], rate: u32) -> Vec<f64> {
    let length = frame.len() as f64;
    let power = |bin: u32| {
        let step = TAU * f64::from(bin) * 90.0 / f64::from(rate);
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, sample) in frame.iter().enumerate() {
            let window = 0.5 - 0.5 * (TAU * at as f64 / length).cos();
            let (sin, cos) = (step * at as f64).sin_cos();
            real += f64::from(*sample) * window * cos;
            imaginary += f64::from(*sample) * window * sin;
        }
        real * real + imaginary * imaginary
    };
    (1..=40).map(power).collect()
}
