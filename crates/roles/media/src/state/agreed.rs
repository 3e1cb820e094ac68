//! What was negotiated, in the form that each packet asks for.

use super::description::codec_of;
use offhook_audio::Codec;
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
    speech: Vec<NegotiatedCodec>,
    events: Vec<NegotiatedCodec>,
    noise: Vec<NegotiatedCodec>,
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

impl Agreed {
    /// `None` when the first format is none that can be spoken.
    pub(crate) fn new(negotiated: &Negotiated) -> Option<Self> {
        let first = negotiated.codec();
        Some(Self {
            codec: codec_of(first.format)?,
            format: first.format,
            send_payload_type: first.send_payload_type,
            direction: negotiated.direction,
            security: match negotiated.security {
                Security::Plain => "none",
                Security::Sdes { .. } => "sdes",
                Security::Dtls { .. } => "dtls",
            },
            speech: negotiated.codecs.clone(),
            events: negotiated.telephone_events.clone(),
            noise: negotiated.comfort_noise.clone(),
        })
    }

    pub(crate) fn kind(&self, payload_type: u8) -> PayloadKind {
        let find = |codecs: &[NegotiatedCodec]| {
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

    /// The payload type under which a format is sent to the party, when it takes that format.
    pub(crate) fn payload_type_of(&self, format: AudioFormat) -> Option<u8> {
        let mut speech = self.speech.iter();
        speech.find(|codec| codec.format == format).map(|codec| codec.send_payload_type)
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

    /// Samples in a frame.
    pub(crate) fn frame_samples(&self) -> usize {
        self.codec.frame_samples(FRAME_MS)
    }
}
