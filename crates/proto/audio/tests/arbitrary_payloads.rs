//! No payload and no order of payloads and losses makes a decoder panic.

use offhook_audio::codec::MAX_FRAME_SAMPLES;
use offhook_audio::{
    Codec, Decoder, DtmfDetector, Encoder, L16Rate, Resampler, silent_payload, wav,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Arrival {
    Payload(Vec<u8>),
    Lost(usize),
    LostBefore(Vec<u8>, usize),
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![
        Just(Codec::Pcmu),
        Just(Codec::Pcma),
        Just(Codec::G722),
        Just(Codec::Opus),
        Just(Codec::L16(L16Rate::Hz8000)),
        Just(Codec::L16(L16Rate::Hz44100)),
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..1500)
}

fn arrival() -> impl Strategy<Value = Arrival> {
    prop_oneof![
        payload().prop_map(Arrival::Payload),
        (0..MAX_FRAME_SAMPLES).prop_map(Arrival::Lost),
        (payload(), 0..MAX_FRAME_SAMPLES / 120).prop_map(|(p, n)| Arrival::LostBefore(p, n * 120)),
    ]
}

proptest! {
    #[test]
    fn decoders_take_anything(codec in codec(), arrivals in prop::collection::vec(arrival(), 1..12)) {
        let mut decoder = Decoder::new(codec).unwrap();
        let mut pcm = [0i16; MAX_FRAME_SAMPLES];
        for arrival in arrivals {
            match arrival {
                Arrival::Payload(payload) => {
                    let expected = decoder.decoded_samples(&payload);
                    let decoded = decoder.decode(&payload, &mut pcm);
                    if let (Ok(expected), Ok(decoded)) = (expected, decoded) {
                        prop_assert_eq!(expected, decoded);
                    }
                }
                Arrival::Lost(samples) => drop(decoder.conceal(&mut pcm[..samples])),
                Arrival::LostBefore(next, samples) => drop(decoder.recover(&next, &mut pcm[..samples])),
            }
        }
    }

    #[test]
    fn any_payload_is_silenced_or_refused(codec in codec(), payload in payload()) {
        let mut silent = [0; 1500];
        let length = silent_payload(codec, &payload, &mut silent);
        if let (Some(length), Ok(samples)) = (length, codec.payload_samples(&payload)) {
            prop_assert_eq!(codec.payload_samples(&silent[..length]), Ok(samples));
        }
    }

    #[test]
    fn encoders_take_any_sound(codec in codec(), frames in prop::collection::vec(any::<(i16, i16)>(), 1..8)) {
        let mut encoder = Encoder::new(codec).unwrap();
        let mut decoder = Decoder::new(codec).unwrap();
        let mut payload = [0; 5760];
        for (a, b) in frames {
            let pcm: Vec<i16> = [a, b].repeat(codec.frame_samples(20) / 2);
            let mut decoded = vec![0; pcm.len()];
            let length = encoder.encode(&pcm, &mut payload).unwrap();
            prop_assert_eq!(decoder.decode(&payload[..length], &mut decoded), Ok(pcm.len()));
        }
    }

    #[test]
    fn the_other_listeners_take_any_sound(pcm in prop::collection::vec(any::<i16>(), 0..3000)) {
        DtmfDetector::new(8000).handle_samples(&pcm);
        let mut resampler = Resampler::new(8000, 44_100).unwrap();
        let mut out = vec![0; resampler.max_output(pcm.len())];
        prop_assert!(resampler.process(&pcm, &mut out).unwrap() <= out.len());
    }

    #[test]
    fn wav_takes_any_bytes(cut in 0..200usize, at in 0..60usize, byte in any::<u8>()) {
        let mut bytes = wav::Wav { rate: 8000, samples: vec![5; 80] }.to_bytes().unwrap();
        let place = at % bytes.len();
        bytes[place] = byte;
        bytes.truncate(bytes.len().saturating_sub(cut));
        if let Ok(wav) = wav::read(&bytes) {
            prop_assert!(!wav.samples.is_empty());
        }
    }
}
