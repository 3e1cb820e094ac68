//! What the resampler lets through, what it stops, and how long it takes.

use offhook_audio::{Resampler, Tone, ToneGenerator, goertzel, level};

fn converted(from: u32, to: u32, hz: f64) -> Vec<i16> {
    let mut pcm = vec![0; from as usize];
    ToneGenerator::new(from, &[Tone { hz, dbm0: 0.0 }]).fill(&mut pcm);
    let mut resampler = Resampler::new(from, to).expect("rates of ours");
    let mut out = vec![0; resampler.max_output(pcm.len())];
    let samples = resampler.process(&pcm, &mut out).expect("own buffers are large enough");
    out.truncate(samples);
    out.split_off(to as usize / 10)
}

#[test]
fn the_telephone_band_passes_flat() {
    for (from, to) in [(8000, 16000), (8000, 48000), (16000, 8000), (48000, 8000), (44100, 8000)] {
        for hz in [100.0, 300.0, 1000.0, 2000.0, 3000.0, 3400.0] {
            let heard = goertzel::dbm0(&converted(from, to, hz), to, hz);
            assert!(heard.abs() < 0.3, "{from} to {to} at {hz}: {heard} dB");
        }
    }
}

#[test]
fn wide_band_speech_passes_flat() {
    for (from, to) in [(16000, 48000), (48000, 16000)] {
        for hz in [50.0, 4000.0, 6800.0] {
            let heard = goertzel::dbm0(&converted(from, to, hz), to, hz);
            assert!(heard.abs() < 0.3, "{from} to {to} at {hz}: {heard} dB");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_carry_is_stopped() {
    for (from, to) in [(16000, 8000), (48000, 8000), (48000, 16000), (44100, 8000)] {
        let mut worst = f64::MIN;
        let first = f64::from(to) * 0.54;
        for n in 0..40 {
            let hz = first + (f64::from(from) / 2.0 - 20.0 - first) * f64::from(n) / 39.0;
            worst = worst.max(level::dbm0(&converted(from, to, hz)));
        }
        println!("{from} to {to}: aliases at most {worst:.1} dB");
        assert!(worst < -65.0, "{from} to {to}: {worst:.1} dB");
    }
}

#[test]
fn images_above_the_old_rate_are_stopped() {
    for (from, to) in [(8000, 16000), (8000, 48000), (16000, 48000)] {
        for hz in [300.0, 1000.0, 0.42 * f64::from(from)] {
            let out = converted(from, to, hz);
            let image = goertzel::dbm0(&out, to, f64::from(from) - hz);
            assert!(image < -65.0, "{from} to {to}: image of {hz} at {image} dB");
        }
    }
}

#[test]
fn the_delay_is_short_and_as_stated() {
    for (from, to) in [(8000, 16000), (8000, 48000), (16000, 8000), (48000, 8000), (16000, 48000)] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut pulse = vec![0; from as usize / 50];
        pulse[0] = 20_000;
        let mut out = vec![0; to as usize / 50];
        resampler.process(&pulse, &mut out).unwrap();
        let peak = (0..out.len()).max_by_key(|&n| out[n]).unwrap();
        let measured_us = peak as u64 * 1_000_000 / u64::from(to);
        assert!(measured_us < 3000, "{from} to {to}: {measured_us} us");
        assert!(measured_us.abs_diff(resampler.delay_us()) <= 1_000_000 / u64::from(from.min(to)));
    }
}

#[test]
fn a_clipped_peak_does_not_wrap() {
    let square: Vec<i16> = (0..16000).map(|n| if n % 40 < 20 { 32767 } else { -32768 }).collect();
    let mut out = vec![0; 48000];
    Resampler::new(16000, 48000).unwrap().process(&square, &mut out).unwrap();
    let wraps =
        out[480..].windows(2).filter(|w| (i32::from(w[0]) - i32::from(w[1])).abs() > 50_000);
    assert_eq!(wraps.count(), 0);
}
