//! What other makers of Opus send: two channels, and nothing while nobody speaks.

use offhook_audio::{Codec, Decoder, Tone, ToneGenerator, goertzel, level};
use opus::{Application, Channels, Encoder};

const RATE: u32 = 48_000;
const FRAME: usize = 960;

fn tone(hz: f64, frames: usize) -> Vec<i16> {
    let mut pcm = vec![0; FRAME * frames];
    ToneGenerator::new(RATE, &[Tone { hz, dbm0: -10.0 }]).fill(&mut pcm);
    pcm
}

/// Decodes packets; an empty one was not sent.
fn decoded(packets: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = Decoder::new(Codec::Opus).expect("Opus");
    let mut pcm = Vec::new();
    for packet in packets {
        let mut frame = [0; FRAME];
        match packet.is_empty() {
            true => decoder.conceal(&mut frame).expect("a frame"),
            false => assert_eq!(decoder.decode(packet, &mut frame), Ok(FRAME)),
        }
        pcm.extend(frame);
    }
    pcm
}

/// A tone in each channel; and the change between one and two channels within a stream.
#[test]
fn both_channels_are_heard() {
    let (left, right) = (tone(440.0, 100), tone(1_250.0, 100));
    let mut stereo =
        Encoder::new(RATE, Channels::Stereo, Application::Audio).expect("libopus works");
    let mut mono = Encoder::new(RATE, Channels::Mono, Application::Voip).expect("libopus works");
    let packets: Vec<Vec<u8>> = (0..100)
        .map(|frame| {
            let place = frame * FRAME..(frame + 1) * FRAME;
            let pairs = left[place.clone()].iter().zip(&right[place.clone()]);
            let interleaved: Vec<i16> = pairs.flat_map(|(left, right)| [*left, *right]).collect();
            let encoded = match frame < 50 {
                true => stereo.encode_vec(&interleaved, 1_275),
                false => mono.encode_vec(&left[place], 1_275),
            };
            encoded.expect("a frame")
        })
        .collect();
    let pcm = decoded(&packets);
    let (both, one) = (&pcm[10 * FRAME..45 * FRAME], &pcm[60 * FRAME..]);
    for hz in [440.0, 1_250.0] {
        let share = goertzel::power_share(both, RATE, hz);
        assert!((0.4..0.6).contains(&share), "{hz} Hz makes {share:.2} of it");
    }
    assert!(goertzel::power_share(one, RATE, 440.0) > 0.95);
}

/// While nobody speaks packets become tiny and then stay away; speech behind them is whole.
#[test]
fn discontinuous_transmission_is_silence_and_not_a_fault() {
    let mut encoder = Encoder::new(RATE, Channels::Mono, Application::Voip).expect("libopus works");
    encoder.set_dtx(true).expect("libopus has DTX");
    let mut pcm = tone(440.0, 50);
    pcm.extend(vec![0; 100 * FRAME]);
    pcm.extend(tone(440.0, 50));
    let frames = pcm.chunks_exact(FRAME);
    let mut packets: Vec<Vec<u8>> =
        frames.map(|frame| encoder.encode_vec(frame, 1_275).expect("a frame")).collect();
    // A packet of one or two bytes need not be sent.
    packets.iter_mut().filter(|packet| packet.len() <= 2).for_each(Vec::clear);
    let unsent = packets.iter().filter(|packet| packet.is_empty()).count();
    assert!(unsent > 60, "{unsent} packets were left out");
    let heard = decoded(&packets);
    assert!(level::dbm0(&heard[80 * FRAME..140 * FRAME]) < -60.0);
    assert!(goertzel::power_share(&heard[160 * FRAME..], RATE, 440.0) > 0.95);
}
