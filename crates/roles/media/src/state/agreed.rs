//! What was negotiated, in the form that each packet asks for.

use super::description::codec_of;
use super::leg::outbound::PAYLOAD_BYTES_MAX;
use offhook_audio::{Codec, g711};
use offhook_sdp::{AudioFormat, Direction, Negotiated, NegotiatedCodec, Security};

/// Milliseconds of a frame of ours.
pub(crate) const FRAME_MS: u32 = 20;

/// What holds for a leg's packets.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    /// What is sent, and in general received.
    pub(crate) codec: Codec,
    pub(crate) format: AudioFormat,
    pub(crate) send_payload_type: u8,
    pub(crate) direction: Direction,
    /// `none`, `sdes` or `dtls`.
    pub(crate) security: &'static str,
    /// What the codec that is sent is received under, the first that a packet is compared with.
    receive_payload_type: u8,
    speech: Box<[Numbered]>,
    events: Box<[Numbered]>,
    noise: Box<[Numbered]>,
}

/// A format and its payload types.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    format: AudioFormat,
    send_payload_type: u8,
    receive_payload_type: u8,
}

/// The name of a protection in reports.
pub(crate) fn security_name(security: &Security) -> &'static str {
    match security {
        Security::Plain => "none",
        Security::Sdes { .. } => "sdes",
        Security::Dtls { .. } => "dtls",
    }
}

fn numbered(codecs: &[NegotiatedCodec]) -> Box<[Numbered]> {
    let numbered = |codec: &NegotiatedCodec| Numbered {
        format: codec.format,
        send_payload_type: codec.send_payload_type,
        receive_payload_type: codec.receive_payload_type,
    };
    codecs.iter().map(numbered).collect()
}

/// What a received packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadKind {
    Speech(AudioFormat),
    Event { clock_rate: u32 },
    Noise,
    Unknown,
}

/// The format of events to a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventFormat {
    pub(crate) payload_type: u8,
    pub(crate) clock_rate: u32,
}

/// How a packet passes on without being decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passage {
    /// The payload type that it is sent under.
    pub(crate) payload_type: u8,
    /// What is done to its payload.
    pub(crate) convert: Option<fn(&mut [u8])>,
}

impl Passage {
    /// The payload stays as it is.
    pub(crate) fn unchanged(payload_type: u8) -> Self {
        Self { payload_type, convert: None }
    }
}

impl Agreed {
    /// `None` when the first format is none that can be spoken.
    pub(crate) fn new(negotiated: &Negotiated) -> Option<Self> {
        let first = negotiated.codec();
        Some(Self {
            codec: codec_of(first.format)?,
            format: first.format,
            send_payload_type: first.send_payload_type,
            direction: negotiated.direction,
            security: security_name(&negotiated.security),
            receive_payload_type: first.receive_payload_type,
            speech: numbered(&negotiated.codecs),
            events: numbered(&negotiated.telephone_events),
            noise: numbered(&negotiated.comfort_noise),
        })
    }

    pub(crate) fn kind(&self, payload_type: u8) -> PayloadKind {
        if payload_type == self.receive_payload_type {
            return PayloadKind::Speech(self.format);
        }
        let find = |codecs: &[Numbered]| {
            let mut codecs = codecs.iter();
            let found = codecs.find(|codec| codec.receive_payload_type == payload_type);
            found.map(|codec| codec.format)
        };
        if let Some(format) = find(&self.speech) {
            return PayloadKind::Speech(format);
        }
        if let Some(format) = find(&self.events) {
            return PayloadKind::Event { clock_rate: format.clock_rate };
        }
        if find(&self.noise).is_some() { PayloadKind::Noise } else { PayloadKind::Unknown }
    }

    /// How packets of this format pass on to the party without being decoded, when they can: it takes the
    /// format itself, or the other law of G.711.
    pub(crate) fn passage_of(&self, format: AudioFormat) -> Option<Passage> {
        if format == self.format {
            return Some(Passage::unchanged(self.send_payload_type));
        }
        let mut speech = self.speech.iter();
        if let Some(codec) = speech.find(|codec| codec.format == format) {
            return Some(Passage::unchanged(codec.send_payload_type));
        }
        let convert: fn(&mut [u8]) = match (codec_of(format)?, self.codec) {
            (Codec::Pcmu, Codec::Pcma) => g711::pcmu_to_pcma,
            (Codec::Pcma, Codec::Pcmu) => g711::pcma_to_pcmu,
            _ => return None,
        };
        Some(Passage { payload_type: self.send_payload_type, convert: Some(convert) })
    }

    /// The format of speech that is sent under this payload type.
    pub(crate) fn sent_format(&self, payload_type: u8) -> Option<AudioFormat> {
        let mut speech = self.speech.iter();
        speech.find(|codec| codec.send_payload_type == payload_type).map(|codec| codec.format)
    }

    /// The events that go with the codec that is sent, or any others.
    pub(crate) fn events(&self) -> Option<EventFormat> {
        let clock_rate = self.codec.clock_rate();
        let matching = self.events.iter().find(|event| event.format.clock_rate == clock_rate);
        let event = matching.or(self.events.first())?;
        let clock_rate = event.format.clock_rate;
        Some(EventFormat { payload_type: event.send_payload_type, clock_rate })
    }

    /// The payload type of comfort noise to the party.
    pub(crate) fn noise(&self) -> Option<u8> {
        self.noise.first().map(|format| format.send_payload_type)
    }

    /// Whether the party wants to hear us.
    pub(crate) fn sends(&self) -> bool {
        self.direction.sends()
    }

    /// Whether the party may speak.
    pub(crate) fn receives(&self) -> bool {
        self.direction.receives()
    }

    /// Ticks of the RTP clock in a frame.
    pub(crate) fn frame_ticks(&self) -> u32 {
        self.codec.frame_ticks(FRAME_MS)
    }

    /// Whether a packet does not hold a frame, so that it is sent in pieces.
    pub(crate) fn needs_pieces(&self) -> bool {
        self.codec.samples_within(PAYLOAD_BYTES_MAX) < self.frame_samples()
    }

    /// Samples in a frame.
    pub(crate) fn frame_samples(&self) -> usize {
        self.codec.frame_samples(FRAME_MS)
    }
}
