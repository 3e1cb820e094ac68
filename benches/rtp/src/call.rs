//! Setting up and ending a call through the proxy.

use crate::ng::{NgClient, Value};
use crate::party::{Keys, Party, Recognition, Sounds};
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use offhook_audio::Codec;
use offhook_rtp::{SrtpProfile, SrtpReceiver, SrtpSender};
use std::net::{Ipv4Addr, SocketAddrV4};

/// The suite that SRTP parties offer (RFC 4568 6.2).
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
/// Bytes of its master key and salt.
const KEY_BYTES: usize = 30;
/// The payload type that Opus is offered under.
const OPUS_PAYLOAD_TYPE: u8 = 96;

/// What the two parties of a call speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// PCMU on plain RTP, both.
    Relay,
    /// PCMU, with SRTP by SDES on one side.
    Srtp,
    /// PCMU to PCMA.
    Pcma,
    /// Opus to PCMU.
    Opus,
}

impl Case {
    /// Its word on the command line and in the result.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Srtp => "srtp",
            Self::Pcma => "pcma",
            Self::Opus => "opus",
        }
    }

    /// Codec and payload type of both sides.
    fn formats(self) -> [(Codec, u8); 2] {
        let (pcmu, pcma) = ((Codec::Pcmu, 0), (Codec::Pcma, 8));
        match self {
            Self::Relay | Self::Srtp => [pcmu, pcmu],
            Self::Pcma => [pcmu, pcma],
            Self::Opus => [(Codec::Opus, OPUS_PAYLOAD_TYPE), pcmu],
        }
    }

    fn recognition(self) -> Recognition {
        match self {
            Self::Relay | Self::Srtp => Recognition::Payload,
            Self::Pcma | Self::Opus => Recognition::Sound,
        }
    }
}

/// A call that the proxy knows.
pub struct Call {
    id: String,
}

impl Call {
    /// Offer and answer. `ports` are those of the two parties' sockets.
    pub fn set_up(
        number: usize,
        case: Case,
        ports: [u16; 2],
        ng: &mut NgClient,
        sounds: &Sounds,
    ) -> Result<(Self, [Party; 2])> {
        let id = format!("rtp-load-{}-{number}", std::process::id());
        let [a, b] = case.formats();
        let key = (case == Case::Srtp).then(|| master_key(number));
        let offer = description(ports[0], a, key.as_ref());
        let offered = command(ng, "offer", &id, &offer, case)?;
        let b_destination = audio_address(&offered)?;
        let answer = description(ports[1], b, None);
        let answered = command(ng, "answer", &id, &answer, case)?;
        let keys = key.map(|key| keys(&key, &answered)).transpose()?;
        let a_destination = audio_address(&answered)?;
        let recognition = case.recognition();
        let pair = [
            Party::new(2 * number, a, keys, recognition, a_destination, sounds),
            Party::new(2 * number + 1, b, None, recognition, b_destination, sounds),
        ];
        Ok((Self { id }, pair))
    }

    /// The call is over.
    pub fn end(&self, ng: &mut NgClient) -> Result<()> {
        let keys = vec![
            ("command", Value::Text("delete")),
            ("call-id", Value::Text(&self.id)),
            ("from-tag", Value::Text("caller")),
            ("delete-delay", Value::Number(0)),
        ];
        ng.command(keys).context("ending a call").map(drop)
    }
}

/// Sends an offer or an answer and gives the description that comes back.
fn command(ng: &mut NgClient, word: &str, id: &str, sdp: &str, case: Case) -> Result<String> {
    let mut keys = vec![
        ("command", Value::Text(word)),
        ("call-id", Value::Text(id)),
        ("from-tag", Value::Text("caller")),
        ("sdp", Value::Text(sdp)),
        ("replace", Value::List(&["origin"])),
        ("ICE", Value::Text("remove")),
    ];
    if word == "answer" {
        keys.push(("to-tag", Value::Text("callee")));
    } else {
        keys.extend(offer_keys(case));
    }
    let mut answer = ng.command(keys).with_context(|| format!("the {word}"))?;
    answer.remove("sdp").with_context(|| format!("the {word} gave no description"))
}

/// What makes the proxy change what the parties speak.
fn offer_keys(case: Case) -> Option<(&'static str, Value<'static>)> {
    let transcode = |to: &'static [&'static str]| {
        let codec = vec![("mask", Value::List(&["all"])), ("transcode", Value::List(to))];
        Some(("codec", Value::Map(codec)))
    };
    match case {
        Case::Relay => None,
        Case::Srtp => Some(("transport-protocol", Value::Text("RTP/AVP"))),
        Case::Pcma => transcode(&["PCMA"]),
        Case::Opus => transcode(&["PCMU"]),
    }
}

fn description(port: u16, (codec, payload_type): (Codec, u8), key: Option<&[u8; 30]>) -> String {
    let profile = if key.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
    let rtpmap = match codec {
        Codec::Opus => "opus/48000/2",
        Codec::Pcma => "PCMA/8000",
        _ => "PCMU/8000",
    };
    let crypto = key.map_or_else(String::new, |key| {
        format!("a=crypto:1 {SUITE} inline:{}\r\n", STANDARD.encode(key))
    });
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} {profile} {payload_type}\r\na=rtpmap:{payload_type} {rtpmap}\r\n{crypto}\
         a=sendrecv\r\na=ptime:20\r\n"
    )
}

/// A key that differs between calls; it protects nothing but tones.
fn master_key(number: usize) -> [u8; KEY_BYTES] {
    let mut state = u64::try_from(number).unwrap_or_default();
    std::array::from_fn(|_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
}

fn keys(ours: &[u8; KEY_BYTES], answer: &str) -> Result<Keys> {
    let profile = SrtpProfile::AesCm128HmacSha1_80;
    let prefix = format!("{SUITE} inline:");
    let (_, theirs) = answer.split_once(&prefix).context("the answer has no key of our suite")?;
    let theirs = theirs.split(['|', '\r', '\n', ' ']).next().unwrap_or_default();
    let theirs = STANDARD.decode(theirs).context("the proxy's key")?;
    let send = SrtpSender::new(profile, ours)?;
    Ok(Keys { send, receive: SrtpReceiver::new(profile, &theirs)? })
}

/// Where a description wants its audio.
fn audio_address(sdp: &str) -> Result<SocketAddrV4> {
    let after = |prefix: &str| {
        let line = sdp.lines().find_map(|line| line.strip_prefix(prefix));
        let word = line.and_then(|rest| rest.split_whitespace().next());
        word.map(str::to_owned).with_context(|| format!("no {prefix} in {sdp}"))
    };
    let ip: Ipv4Addr = after("c=IN IP4 ")?.parse()?;
    Ok(SocketAddrV4::new(ip, after("m=audio ")?.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_a_key_are_found_in_a_description() {
        let key = master_key(3);
        let sdp = description(4_002, (Codec::Pcmu, 0), Some(&key));
        assert_eq!(audio_address(&sdp).unwrap(), "127.0.0.1:4002".parse().unwrap());
        assert!(keys(&master_key(4), &sdp).is_ok());
        assert!(audio_address("v=0\r\n").is_err());
    }
}
