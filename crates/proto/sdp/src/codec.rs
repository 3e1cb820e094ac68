//! Audio formats by name, clock and channels, and the parameters of Opus.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::attribute::RtpMap;

/// An encoding this crate knows how to negotiate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s. Its RTP clock says 8000 while it samples at 16000 (RFC 3551 4.5.2).
    G722,
    /// Opus (RFC 7587), always written as 48000 Hz and two channels.
    Opus,
    /// Linear 16-bit samples, big-endian.
    L16,
    /// DTMF and other events (RFC 4733).
    TelephoneEvent,
    /// Comfort noise (RFC 3389).
    ComfortNoise,
}

/// An encoding with its RTP clock and channels, as `rtpmap` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudioFormat {
    /// The encoding.
    pub encoding: Encoding,
    /// The RTP clock in Hz.
    pub clock_rate: u32,
    /// Channels as `rtpmap` writes them.
    pub channels: u8,
}

/// The `fmtp` parameters of Opus (RFC 7587 6.1), with their default where one is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusParameters {
    /// The writer can use in-band forward error correction.
    pub use_inband_fec: bool,
    /// The writer prefers to receive stereo.
    pub stereo: bool,
    /// The writer is likely to send stereo.
    pub sprop_stereo: bool,
    /// The writer prefers discontinuous transmission.
    pub use_dtx: bool,
    /// The writer prefers a constant bit rate.
    pub cbr: bool,
    /// The highest bit rate the writer wants to receive, in bit/s.
    pub max_average_bitrate: Option<u32>,
    /// The highest sample rate the writer plays, in Hz.
    pub max_playback_rate: u32,
}

impl Encoding {
    /// The name in `rtpmap`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
            Self::L16 => "L16",
            Self::TelephoneEvent => "telephone-event",
            Self::ComfortNoise => "CN",
        }
    }

    /// The encoding of that name in any case of letters.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [Encoding; 7] = [
            Encoding::Pcmu,
            Encoding::Pcma,
            Encoding::G722,
            Encoding::Opus,
            Encoding::L16,
            Encoding::TelephoneEvent,
            Encoding::ComfortNoise,
        ];
        let mut all = ALL.into_iter();
        all.find(|encoding| encoding.as_str().eq_ignore_ascii_case(name))
    }
}

impl AudioFormat {
    /// G.711 mu-law.
    pub const PCMU: Self = Self::new(Encoding::Pcmu, 8_000, 1);
    /// G.711 A-law.
    pub const PCMA: Self = Self::new(Encoding::Pcma, 8_000, 1);
    /// G.722.
    pub const G722: Self = Self::new(Encoding::G722, 8_000, 1);
    /// Opus.
    pub const OPUS: Self = Self::new(Encoding::Opus, 48_000, 2);

    /// A format by its parts.
    pub const fn new(encoding: Encoding, clock_rate: u32, channels: u8) -> Self {
        Self { encoding, clock_rate, channels }
    }

    /// What an `rtpmap` says, when the encoding is known.
    ///
    /// Opus without its channels and G.722 with a clock of 16000 occur in the field and mean the
    /// same as the correct form.
    pub fn from_rtpmap(map: &RtpMap) -> Option<Self> {
        match Encoding::from_name(&map.encoding)? {
            Encoding::Opus if map.clock_rate == 48_000 => Some(Self::OPUS),
            Encoding::G722 if matches!(map.clock_rate, 8_000 | 16_000) => Some(Self::G722),
            Encoding::Opus | Encoding::G722 => None,
            encoding => Some(Self::new(encoding, map.clock_rate, map.channels)),
        }
    }

    /// The `rtpmap` with that payload type.
    pub fn to_rtpmap(self, payload_type: u8) -> RtpMap {
        RtpMap {
            payload_type,
            encoding: self.encoding.as_str().to_owned(),
            clock_rate: self.clock_rate,
            channels: self.channels,
        }
    }

    /// The payload type of RFC 3551 6, when the format has one.
    pub fn static_payload_type(self) -> Option<u8> {
        match (self.encoding, self.clock_rate, self.channels) {
            (Encoding::Pcmu, 8_000, 1) => Some(0),
            (Encoding::Pcma, 8_000, 1) => Some(8),
            (Encoding::G722, 8_000, 1) => Some(9),
            (Encoding::L16, 44_100, 2) => Some(10),
            (Encoding::L16, 44_100, 1) => Some(11),
            (Encoding::ComfortNoise, 8_000, 1) => Some(13),
            _ => None,
        }
    }

    /// Whether the format carries speech, and is not an event or comfort noise beside it.
    pub fn is_speech(self) -> bool {
        !matches!(self.encoding, Encoding::TelephoneEvent | Encoding::ComfortNoise)
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.encoding.as_str(), self.clock_rate)?;
        if self.channels > 1 {
            write!(f, "/{}", self.channels)?;
        }
        Ok(())
    }
}

impl Default for OpusParameters {
    fn default() -> Self {
        Self {
            use_inband_fec: false,
            stereo: false,
            sprop_stereo: false,
            use_dtx: false,
            cbr: false,
            max_average_bitrate: None,
            max_playback_rate: 48_000,
        }
    }
}

impl OpusParameters {
    /// Reads `fmtp`; what cannot be read keeps its default.
    pub fn parse(fmtp: &str) -> Self {
        let mut parameters = Self::default();
        for entry in fmtp.split(';') {
            if let Some((name, value)) = entry.split_once('=') {
                parameters.handle(name.trim_ascii(), value.trim_ascii());
            }
        }
        parameters
    }

    fn handle(&mut self, name: &str, value: &str) {
        /// Bounds of `maxaveragebitrate` (RFC 7587 6.1).
        const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=510_000;
        match name.to_ascii_lowercase().as_str() {
            "useinbandfec" => self.use_inband_fec = value == "1",
            "stereo" => self.stereo = value == "1",
            "sprop-stereo" => self.sprop_stereo = value == "1",
            "usedtx" => self.use_dtx = value == "1",
            "cbr" => self.cbr = value == "1",
            "maxaveragebitrate" => {
                let bitrate = value.parse().ok();
                self.max_average_bitrate = bitrate.filter(|rate| BITRATES.contains(rate));
            }
            "maxplaybackrate" => {
                let rate = value.parse().ok();
                let rate = rate.filter(|rate| (8_000..=48_000).contains(rate));
                self.max_playback_rate = rate.unwrap_or(48_000);
            }
            _ => {}
        }
    }
}

/// Prints what differs from the defaults; empty when nothing does.
impl fmt::Display for OpusParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |set: bool, name: &str| set.then(|| format!("{name}=1"));
        let bitrate = self.max_average_bitrate;
        let rate = (self.max_playback_rate != 48_000).then_some(self.max_playback_rate);
        let entries = [
            rate.map(|rate| format!("maxplaybackrate={rate}")),
            bitrate.map(|bitrate| format!("maxaveragebitrate={bitrate}")),
            flag(self.stereo, "stereo"),
            flag(self.sprop_stereo, "sprop-stereo"),
            flag(self.cbr, "cbr"),
            flag(self.use_inband_fec, "useinbandfec"),
            flag(self.use_dtx, "usedtx"),
        ];
        let entries: Vec<String> = entries.into_iter().flatten().collect();
        f.write_str(&entries.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_in_any_spelling() {
        let cases = [
            ("0 PCMU/8000", Some(AudioFormat::PCMU)),
            ("8 pcma/8000/1", Some(AudioFormat::PCMA)),
            ("9 G722/8000", Some(AudioFormat::G722)),
            ("9 G722/16000", Some(AudioFormat::G722)),
            ("111 opus/48000/2", Some(AudioFormat::OPUS)),
            ("107 OPUS/48000", Some(AudioFormat::OPUS)),
            ("107 opus/16000/2", None),
            ("96 iLBC/8000", None),
            ("97 L16/16000", Some(AudioFormat::new(Encoding::L16, 16_000, 1))),
        ];
        for (text, expected) in cases {
            let map: RtpMap = text.parse().expect(text);
            assert_eq!(AudioFormat::from_rtpmap(&map), expected, "{text}");
        }
    }

    #[test]
    fn opus_parameters_are_read_and_printed() {
        let fmtp = "minptime=10; useinbandfec=1;stereo=1;maxaveragebitrate=40000;usedtx=0";
        let parameters = OpusParameters::parse(fmtp);
        assert!(parameters.use_inband_fec && parameters.stereo && !parameters.use_dtx);
        assert_eq!(parameters.max_average_bitrate, Some(40_000));
        let printed = parameters.to_string();
        assert_eq!(printed, "maxaveragebitrate=40000;stereo=1;useinbandfec=1");
        assert_eq!(OpusParameters::parse(&printed), parameters);
        assert_eq!(OpusParameters::default().to_string(), "");
    }

    #[test]
    fn opus_bit_rates_out_of_range_are_ignored() {
        let parameters = OpusParameters::parse("maxaveragebitrate=99;maxplaybackrate=1");
        assert_eq!(parameters, OpusParameters::default());
    }
}
