//! Lost frames are filled with more of the same, without clicks.

use offhook_audio::codec::MAX_PAYLOAD;
use offhook_audio::{Codec, Decoder, Encoder, L16Rate, Tone, ToneGenerator, goertzel, level};

const CODECS: [Codec; 6] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::L16(L16Rate::Hz44100),
    Codec::L16(L16Rate::Hz48000),
];

/// A voice-like sound: a pitch of 147 Hz with some harmonics.
fn voice(rate: u32) -> Vec<i16> {
    let tones = [147.0, 294.0, 441.0, 735.0].map(|hz| Tone { hz, dbm0: -16.0 });
    let mut pcm = vec![0; rate as usize];
    ToneGenerator::new(rate, &tones).fill(&mut pcm);
    pcm
}

/// Codes `pcm` in frames of 20 ms and loses those that `lost` names.
fn with_losses(codec: Codec, pcm: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let mut encoder = Encoder::new(codec).expect("a codec of ours");
    let mut decoder = Decoder::new(codec).expect("a codec of ours");
    let mut payload = [0; MAX_PAYLOAD];
    let mut out = Vec::new();
    for (n, frame) in pcm.chunks_exact(codec.frame_samples(20)).enumerate() {
        let length = encoder.encode(frame, &mut payload).expect("20 ms is a frame");
        let mut decoded = vec![0; frame.len()];
        if lost(n) {
            decoder.conceal(&mut decoded).expect("20 ms is whole steps");
        } else {
            decoder.decode(&payload[..length], &mut decoded).expect("own payload");
        }
        out.extend(decoded);
    }
    out
}

/// The sharpest bend of the signal: a click bends it more than any of its own frequencies does.
fn sharpest_bend(pcm: &[i16]) -> i32 {
    let bend = |w: &[i16]| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs();
    pcm.windows(3).map(bend).max().unwrap_or(0)
}

#[test]
fn a_single_lost_frame_sounds_like_its_neighbours() {
    for codec in CODECS {
        let pcm = voice(codec.sample_rate());
        let lost = 20;
        let out = with_losses(codec, &pcm, |n| n == lost);
        let frame = codec.frame_samples(20);
        let concealed = &out[lost * frame..(lost + 1) * frame];
        let neighbour = &out[(lost - 1) * frame..lost * frame];
        let drop = level::dbm0(neighbour) - level::dbm0(concealed);
        assert!(drop.abs() < 3.0, "{codec:?}: {drop:.1} dB quieter");
    }
}

/// How much sharper than without losses the signal bends when two frames in seven are lost.
fn bend_ratio(codec: Codec, pcm: &[i16]) -> f64 {
    let settled = 10 * codec.frame_samples(20);
    let clean = sharpest_bend(&with_losses(codec, pcm, |_| false)[settled..]);
    let lossy = sharpest_bend(&with_losses(codec, pcm, |n| n % 7 < 2)[settled..]);
    f64::from(lossy) / f64::from(clean)
}

#[test]
fn losses_do_not_click() {
    for codec in CODECS {
        let ratio = bend_ratio(codec, &voice(codec.sample_rate()));
        println!("{codec:?}: sharpest bend {ratio:.2} of the clean one");
        assert!(ratio < 2.0, "{codec:?}: {ratio:.2}");
    }
}

#[test]
fn losses_of_a_sound_without_pitch_do_not_click() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::L16(L16Rate::Hz8000)] {
        let tones = [311.0, 447.3, 618.9, 812.1].map(|hz| Tone { hz, dbm0: -16.0 });
        let mut pcm = vec![0; codec.sample_rate() as usize];
        ToneGenerator::new(codec.sample_rate(), &tones).fill(&mut pcm);
        let ratio = bend_ratio(codec, &pcm);
        println!("{codec:?}: sharpest bend {ratio:.2} of the clean one");
        assert!(ratio < 4.0, "{codec:?}: {ratio:.2}");
    }
}

#[test]
fn a_tone_stays_a_tone_at_ten_percent_loss() {
    for codec in CODECS {
        let rate = codec.sample_rate();
        let mut pcm = vec![0; rate as usize];
        ToneGenerator::new(rate, &[Tone { hz: 440.0, dbm0: -10.0 }]).fill(&mut pcm);
        let out = with_losses(codec, &pcm, |n| n > 3 && n % 10 == 0);
        let share = goertzel::power_share(&out[rate as usize / 5..], rate, 440.0);
        println!("{codec:?}: share {share:.3}");
        assert!(share > 0.85, "{codec:?}: {share:.3}");
    }
}

#[test]
fn a_long_loss_fades_and_the_voice_comes_back() {
    for codec in CODECS {
        let pcm = voice(codec.sample_rate());
        let out = with_losses(codec, &pcm, |n| (20..40).contains(&n));
        let frame = codec.frame_samples(20);
        let before = level::dbm0(&out[18 * frame..20 * frame]);
        let late = level::dbm0(&out[38 * frame..40 * frame]);
        let after = level::dbm0(&out[44 * frame..]);
        assert!(late < before - 20.0, "{codec:?}: {late:.1} of {before:.1} dBm0 late in the loss");
        assert!((after - before).abs() < 1.5, "{codec:?}: {after:.1} after {before:.1} dBm0");
    }
}

#[test]
fn opus_recovers_a_lost_frame_from_the_next_one() {
    let mut encoder = Encoder::new(Codec::Opus).unwrap();
    encoder.set_expected_loss(20);
    // Each frame is a different note, so that repeating the last one is wrong.
    let hz_of = |n: usize| 300.0 + 150.0 * (n % 3) as f64;
    let mut payloads = Vec::new();
    for n in 0..30 {
        let mut pcm = [0; 960];
        ToneGenerator::new(48_000, &[Tone { hz: hz_of(n / 5), dbm0: -10.0 }]).fill(&mut pcm);
        let mut payload = [0; 1275];
        let length = encoder.encode(&pcm, &mut payload).unwrap();
        payloads.push(payload[..length].to_vec());
    }
    // Frame 15 begins another note and is lost.
    let share_of_new_note = |recover: bool| {
        let mut decoder = Decoder::new(Codec::Opus).unwrap();
        let mut pcm = [0; 960];
        for payload in &payloads[..15] {
            decoder.decode(payload, &mut pcm).unwrap();
        }
        if recover {
            decoder.recover(&payloads[16], &mut pcm).unwrap();
        } else {
            decoder.conceal(&mut pcm).unwrap();
        }
        goertzel::power_share(&pcm, 48_000, hz_of(3))
    };
    let (recovered, concealed) = (share_of_new_note(true), share_of_new_note(false));
    assert!(recovered > 0.4 && concealed < 0.2, "{recovered:.2} against {concealed:.2}");
}

#[test]
fn opus_conceals_whole_steps_only() {
    let mut decoder = Decoder::new(Codec::Opus).unwrap();
    assert!(decoder.conceal(&mut [0; 960]).is_ok());
    assert!(decoder.conceal(&mut [0; 961]).is_err());
    assert!(decoder.conceal(&mut []).is_err());
}
