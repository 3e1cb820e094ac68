//! What the tests of offer and answer share: the field's offers and one local side.

#![allow(dead_code, reason = "each test file uses its part")]

use offhook_sdp::{
    AudioFormat, Candidate, Encoding, Fingerprint, LocalCodec, LocalIce, LocalMedia, LocalSdes,
    SessionDescription,
};

pub const CHROMIUM: &str = include_str!("../data/chromium.sdp");
pub const CHROMIUM_VIDEO: &str = include_str!("../data/chromium-video.sdp");
pub const CHROMIUM_CAMERA: &str = include_str!("../data/chromium-camera.sdp");
pub const BARESIP: &str = include_str!("../data/baresip.sdp");
pub const PJSIP: &str = include_str!("../data/pjsip.sdp");
pub const DESK_PHONE: &str = include_str!("../data/desk-phone.sdp");

pub fn parse(text: &str) -> SessionDescription {
    SessionDescription::parse(text.as_bytes()).expect("a description")
}

/// A side with every codec, DTLS, SDES and ICE lite.
pub fn local() -> LocalMedia {
    let address = "192.0.2.1:30000".parse().expect("an address");
    LocalMedia {
        session_id: 42,
        codecs: vec![
            LocalCodec::new(AudioFormat::OPUS, 111),
            LocalCodec::new(AudioFormat::G722, 9),
            LocalCodec::new(AudioFormat::PCMA, 8),
            LocalCodec::new(AudioFormat::PCMU, 0),
            LocalCodec::new(AudioFormat::new(Encoding::L16, 16_000, 1), 118),
        ],
        ptime_ms: Some(20),
        ice: Some(LocalIce {
            ufrag: "ours".to_owned(),
            pwd: "ourPasswordOfSomeLength".to_owned(),
            lite: true,
            candidates: vec![Candidate::host(address, 1, 65_535)],
        }),
        fingerprint: Some(Fingerprint {
            algorithm: "sha-256".to_owned(),
            digest: (0..32).collect(),
        }),
        sdes: Some(LocalSdes::new(std::array::from_fn(|i| i as u8))),
        ..LocalMedia::new(address.ip(), address.port())
    }
}

/// A side like a plain phone: G.711 alone, no ICE, no keys.
pub fn phone() -> LocalMedia {
    LocalMedia {
        codecs: vec![LocalCodec::new(AudioFormat::PCMA, 8), LocalCodec::new(AudioFormat::PCMU, 0)],
        ..LocalMedia::new("192.0.2.60".parse().expect("an address"), 40_000)
    }
}

/// An offer of plain RTP with the given lines in its audio section.
pub fn plain_offer(address: &str, formats: &str, lines: &str) -> SessionDescription {
    parse(&format!(
        "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 {address}\nt=0 0\n\
         m=audio 5000 RTP/AVP {formats}\n{lines}"
    ))
}

/// The names of a description's audio formats, with payload types, in order.
pub fn formats(description: &SessionDescription) -> Vec<String> {
    let (_, section) = description.audio().expect("audio");
    section.rtpmaps().map(|map| map.to_string()).collect()
}
