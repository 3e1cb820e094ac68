//! What a description says of its audio, in a few words for people.

use crate::attribute::RtpMap;
use crate::description::{MediaDescription, MediaKind, SessionDescription};
use crate::{Encoding, LocalMedia};

/// Formats, keys and characters of a name that are shown at most.
const SHOWN_MAX: usize = 12;
/// Characters of a name that are shown at most.
const NAME_CHARACTERS_MAX: usize = 40;

impl SessionDescription {
    /// The names of the speech formats of the first audio section, as they are written there; a payload type
    /// without a name by its number.
    pub fn audio_formats(&self) -> Vec<String> {
        let Some(section) = self.first_audio() else { return Vec::new() };
        let names = section.formats.iter().filter_map(|format| {
            let map = format.parse().ok().and_then(|payload_type| section.rtpmap(payload_type));
            match map {
                Some(map) => is_speech(&map).then(|| shortened(&map.encoding)),
                None => Some(format!("payload type {}", shortened(format))),
            }
        });
        names.take(SHOWN_MAX).collect()
    }

    /// The profile of the first audio section and the keys that come with it, such as
    /// `RTP/SAVP with AES_CM_128_HMAC_SHA1_80`.
    pub fn audio_protection(&self) -> String {
        let Some(section) = self.first_audio() else { return "no audio".to_owned() };
        let suites = section.attributes("crypto").filter_map(|line| line.split(' ').nth(1));
        let mut keys: Vec<String> = suites.take(SHOWN_MAX).map(shortened).collect();
        let fingerprints = self.fingerprints(section);
        keys.extend(fingerprints.first().map(|print| format!("a {} fingerprint", print.algorithm)));
        let protocol = shortened(section.protocol.as_str());
        match keys.is_empty() {
            true => format!("{protocol} without keys"),
            false => format!("{protocol} with {}", keys.join(", ")),
        }
    }

    fn first_audio(&self) -> Option<&MediaDescription> {
        self.media.iter().find(|section| section.kind == MediaKind::Audio)
    }
}

impl LocalMedia {
    /// The names of the speech formats that this side has, each once.
    pub fn format_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.codecs.iter().map(|codec| codec.format.encoding.as_str()) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// How this side can protect its media.
    pub fn protection(&self) -> String {
        let suites = self.sdes.iter().flat_map(|sdes| &sdes.suites).map(|suite| suite.as_str());
        let mut ways: Vec<&str> = suites.collect();
        ways.extend(self.fingerprint.is_some().then_some("DTLS-SRTP"));
        match ways.is_empty() {
            true => "no keys".to_owned(),
            false => ways.join(", "),
        }
    }
}

fn is_speech(map: &RtpMap) -> bool {
    let beside = [Encoding::TelephoneEvent, Encoding::ComfortNoise];
    !beside.iter().any(|encoding| encoding.as_str().eq_ignore_ascii_case(&map.encoding))
}

fn shortened(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> SessionDescription {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\n{section}");
        SessionDescription::parse(text.as_bytes()).expect("it parses")
    }

    #[test]
    fn formats_are_named_as_they_are_written() {
        let description = read(
            "m=video 4000 RTP/AVP 96\r\nm=audio 4002 RTP/AVP 18 0 97 101 13 77\r\n\
             a=rtpmap:97 iLBC/8000\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:18 G729/8000\r\n",
        );
        assert_eq!(description.audio_formats(), ["G729", "PCMU", "iLBC", "payload type 77"]);
        assert_eq!(description.audio_protection(), "RTP/AVP without keys");
    }

    #[test]
    fn keys_that_are_not_known_are_named_as_well() {
        let description = read(
            "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:x\r\n\
             a=fingerprint:sha-1 00:01\r\n",
        );
        let expected = "RTP/SAVP with F8_128_HMAC_SHA1_80, a sha-1 fingerprint";
        assert_eq!(description.audio_protection(), expected);
        assert_eq!(read("m=video 4000 RTP/AVP 96\r\n").audio_protection(), "no audio");
    }
}
