//! A 440 Hz tone stays a 440 Hz tone of the same level through every codec and every pair of
//! sample rates.

use offhook_audio::codec::MAX_PAYLOAD;
use offhook_audio::{
    Codec, Decoder, Encoder, L16Rate, Resampler, Tone, ToneGenerator, goertzel, level,
};

const TONE: Tone = Tone { hz: 440.0, dbm0: -10.0 };

const CODECS: [Codec; 10] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::L16(L16Rate::Hz8000),
    Codec::L16(L16Rate::Hz16000),
    Codec::L16(L16Rate::Hz44100),
    Codec::L16(L16Rate::Hz48000),
    Codec::L16Stereo(L16Rate::Hz16000),
    Codec::L16Stereo(L16Rate::Hz44100),
];

fn tone(rate: u32, ms: u32) -> Vec<i16> {
    let mut pcm = vec![0; (rate * ms / 1000) as usize];
    ToneGenerator::new(rate, &[TONE]).fill(&mut pcm);
    pcm
}

fn through_codec(codec: Codec, ptime: u32, pcm: &[i16]) -> Vec<i16> {
    let mut encoder = Encoder::new(codec).expect("a codec of ours");
    let mut decoder = Decoder::new(codec).expect("a codec of ours");
    let mut payload = [0; MAX_PAYLOAD];
    let mut out = Vec::new();
    for frame in pcm.chunks_exact(codec.frame_samples(ptime)) {
        let length = encoder.encode(frame, &mut payload).expect("ptime is a frame");
        let mut decoded = vec![0; frame.len()];
        let samples =
            decoder.decode(&payload[..length], &mut decoded).expect("own buffers are large enough");
        assert_eq!(samples, frame.len());
        out.extend(decoded);
    }
    out
}

fn resample(from: u32, to: u32, pcm: &[i16]) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).expect("rates of ours");
    let mut out = Vec::new();
    for frame in pcm.chunks(from as usize / 50) {
        let mut converted = vec![0; resampler.max_output(frame.len())];
        let samples =
            resampler.process(frame, &mut converted).expect("own buffers are large enough");
        out.extend(&converted[..samples]);
    }
    out
}

/// Signal to noise in dB of a tone, once the first 200 ms have settled; asserts its level.
fn tone_to_noise(rate: u32, pcm: &[i16], what: &str) -> f64 {
    let settled = &pcm[rate as usize / 5..];
    let heard = goertzel::dbm0(settled, rate, TONE.hz);
    assert!((heard - TONE.dbm0).abs() < 1.0, "{what}: {heard} dBm0");
    let share = goertzel::power_share(settled, rate, TONE.hz).min(1.0 - 1e-12);
    10.0 * (share / (1.0 - share)).log10()
}

#[test]
fn through_every_codec() {
    for (codec, least) in CODECS.into_iter().zip([35.0, 35.0, 35.0, 25.0, 60.0, 60.0, 60.0, 60.0]) {
        for ptime in [10, 20, 40, 60] {
            let what = format!("{codec:?} at {ptime} ms");
            let out = through_codec(codec, ptime, &tone(codec.sample_rate(), 1200));
            let snr = tone_to_noise(codec.sample_rate(), &out, &what);
            println!("{what}: {snr:.1} dB");
            assert!(snr > least, "{what}: {snr:.1} dB");
        }
    }
}

#[test]
fn through_every_pair_of_rates() {
    let rates = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000];
    for from in rates {
        for to in rates {
            let what = format!("{from} to {to}");
            let out = resample(from, to, &tone(from, 1000));
            assert!(out.len().abs_diff(to as usize) <= 1, "{what}: {}", out.len());
            let snr = tone_to_noise(to, &out, &what);
            println!("{what}: {snr:.1} dB");
            assert!(snr > 65.0, "{what}: {snr:.1} dB");
        }
    }
}

#[test]
fn from_every_codec_to_every_other() {
    for from in CODECS {
        for to in CODECS {
            let what = format!("{from:?} to {to:?}");
            let first = through_codec(from, 20, &tone(from.sample_rate(), 1000));
            let between = resample(from.sample_rate(), to.sample_rate(), &first);
            let second = through_codec(to, 20, &between);
            let snr = tone_to_noise(to.sample_rate(), &second, &what);
            assert!(snr > 20.0, "{what}: {snr:.1} dB");
        }
    }
}

#[test]
fn silence_stays_silent() {
    for codec in CODECS {
        let out = through_codec(codec, 20, &vec![0; codec.sample_rate() as usize]);
        assert!(level::dbm0(&out) < -60.0, "{codec:?}: {}", level::dbm0(&out));
    }
}

#[test]
fn a_stereo_opus_packet_is_heard_as_mono() {
    let mut encoder =
        opus::Encoder::new(48_000, opus::Channels::Stereo, opus::Application::Audio).unwrap();
    let mut decoder = Decoder::new(Codec::Opus).unwrap();
    let mut out = Vec::new();
    for frame in tone(48_000, 1000).chunks_exact(960) {
        let both: Vec<i16> = frame.iter().flat_map(|&s| [s, s]).collect();
        let payload = encoder.encode_vec(&both, 1500).unwrap();
        let mut pcm = [0; 960];
        assert_eq!(decoder.decode(&payload, &mut pcm), Ok(960));
        out.extend(pcm);
    }
    assert!(tone_to_noise(48_000, &out, "stereo") > 25.0);
}

/// What comes in two channels is heard whole, whichever of them it is in.
#[test]
fn both_channels_of_linear_samples_are_heard() {
    let codec = Codec::L16Stereo(L16Rate::Hz16000);
    let mut decoder = Decoder::new(codec).expect("a codec of ours");
    let frame = [[1_000_i16, 3_000], [-2_000, 0], [i16::MIN, i16::MIN], [i16::MAX, i16::MAX]];
    let payload: Vec<u8> = frame.concat().iter().flat_map(|sample| sample.to_be_bytes()).collect();
    let mut pcm = [0; 4];
    assert_eq!(decoder.decode(&payload, &mut pcm), Ok(4));
    assert_eq!(pcm, [2_000, -1_000, i16::MIN, i16::MAX]);
    assert!(decoder.decode(&payload[..6], &mut pcm).is_err(), "half of a pair of samples");
}
