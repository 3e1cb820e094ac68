use crate::{
    AudioVerdict, ConferenceCommand, ConferenceEvent, ConferenceId, ForkCommand, ForkEvent, ForkId,
    LegId, RecordingCommand, RecordingEvent, RecordingSource, StreamReport,
};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How the media of a leg that we offer is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Plain RTP (RTP/AVP).
    Plain,
    /// SDES keys in the description (RFC 4568, RTP/SAVP).
    Sdes,
    /// DTLS-SRTP (RFC 5763, UDP/TLS/RTP/SAVPF).
    Dtls,
    /// SDES keys and a DTLS fingerprint in one description (RTP/SAVP): the phone takes what it knows.
    SdesOrDtls,
}

/// Whether and how we speak ICE (RFC 8445) on a leg that we offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IceRole {
    /// No ICE: symmetric RTP.
    None,
    /// ICE, as browsers demand it.
    Full,
}

/// What an offer of ours contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferPolicy {
    /// The protection.
    pub security: Security,
    /// ICE or not.
    pub ice: IceRole,
    /// The leg that will be bridged to this one: its codec is offered first, so that the bridge need not
    /// transcode.
    pub prefer_codec_of: Option<LegId>,
}

/// What a description of ours says where the client of the media role decides it, as the NG door does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The leg that this one will be bridged to; both are served by the same thread.
    pub partner: Option<LegId>,
    /// Whether the leg is opaque: it serves one section of any kind and in any format (audio, video, T.38)
    /// by passing on what comes as it is, RTP and RTCP or other datagrams, to the opaque leg that it is
    /// bridged to. Only protection ends here. There is nothing that asks for speech to be understood:
    /// prompts, keys, conferences, recordings. Our description is the first section of `like` that is in
    /// use, with our address, port, ICE and keys in place of those it has, and every other line as it is.
    ///
    /// An offer does not change what the leg does before it is answered; see
    /// [`MediaCommand::AcceptAnswer`].
    #[serde(default)]
    pub is_opaque: bool,
    /// A description whose audio section names what ours shall say: its formats with their payload types,
    /// its protocol and its packet time in an offer, its direction in both. Its addresses and keys are not
    /// looked at.
    pub like: String,
    /// The protection of an offer. An answer follows the party's offer.
    pub security: Security,
    /// Whether we speak ICE. An answer speaks it only when the party does too.
    pub ice: IceRole,
    /// Whether RTP and RTCP may share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// The names of the SDES suites (RFC 4568), the preferred first; `None` for our own choice, and none at
    /// all for no SDES in an answer.
    pub sdes_suites: Option<Vec<String>>,
    /// Whether an answer may choose DTLS.
    pub dtls: bool,
    /// Whether we open the DTLS association where the choice is ours.
    pub dtls_active: bool,
    /// From where packets of the party are taken.
    pub sources: SourceRule,
    /// The type of service of packets to the party (RFC 2474), set when the leg is made.
    pub type_of_service: Option<u8>,
    /// How long packets to the party last, in milliseconds, as near as their codec has it: packets of another
    /// length are decoded and made anew. `None` passes packets on as they come and makes those of 20 ms.
    pub ptime_ms: Option<u16>,
    /// What Opus that we make for the party may take, in bits per second; our own choice when `None`.
    pub opus_bitrate: Option<u32>,
    /// Whether keys are listened for in the party's speech when it has no telephone-event.
    pub detects_dtmf: bool,
}

impl Terms {
    /// Terms that leave to the media role what they can: any protection, one port for RTP and RTCP, the first
    /// source, packets as they come.
    #[must_use]
    pub fn new(like: String, security: Security, ice: IceRole) -> Self {
        Self {
            partner: None,
            is_opaque: false,
            like,
            security,
            ice,
            rtcp_mux: true,
            sdes_suites: None,
            dtls: true,
            dtls_active: false,
            sources: SourceRule::default(),
            type_of_service: None,
            ptime_ms: None,
            opus_bitrate: None,
            detects_dtmf: false,
        }
    }
}

/// From where packets of a party are taken and to where they go, when nothing but addresses tells who sent
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceRule {
    /// The first packet after a description decides, and others than its sender are refused.
    #[default]
    Latch,
    /// Every packet decides anew: the party may move at any time, and anyone may take its place.
    Follow,
    /// Packets go to where the description says, and are taken from anywhere.
    Described,
}

/// What of a party's speech reaches its partner and those who listen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeechGate {
    /// What the party says.
    #[default]
    Open,
    /// Packets in the rhythm of the party's own, with silence in them.
    Silent,
    /// No packet.
    Shut,
}

/// All that another process needs to go on with a leg: its descriptions, keys, counters and addresses, as the
/// media role writes it and alone reads it. It has secrets in it and does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegSnapshot(pub String);

impl std::fmt::Debug for LegSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LegSnapshot({} bytes)", self.0.len())
    }
}

/// What was measured on a leg so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct LegMeasure {
    /// Packets, loss and quality.
    pub report: StreamReport,
    /// Bytes of RTP payload received from the party.
    pub octets_received: u64,
    /// Bytes of RTP payload sent to the party.
    pub octets_sent: u64,
    /// The party's last synchronisation source.
    pub ssrc_received: Option<u32>,
    /// Our own synchronisation source.
    pub ssrc_sent: u32,
    /// The port at which the party's RTP is received.
    pub local_port: u16,
    /// Where packets to the party go.
    pub destination: Option<SocketAddr>,
    /// How long ago the party was heard last, in milliseconds.
    pub idle_ms: Option<u64>,
}

/// What the switch asks of the media role. A leg's commands are carried out in the order they were sent.
///
/// [`MediaCommand::Answer`], [`MediaCommand::Offer`], [`MediaCommand::AcceptAnswer`] and their like are each answered
/// by exactly one of [`MediaEvent::Described`], [`MediaEvent::Agreed`] or [`MediaEvent::Refused`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MediaCommand {
    /// Makes the leg (or renegotiates an existing one) from the party's offer.
    /// Answered by `Described` with our answer.
    Answer {
        /// The leg, named by the switch.
        leg: LegId,
        /// The party's SDP.
        offer: String,
    },
    /// Makes the leg (or renegotiates an existing one) with an offer of ours.
    /// Answered by `Described` with our offer. On an existing leg the policy's security is not changed.
    Offer {
        /// The leg, named by the switch.
        leg: LegId,
        /// What to offer.
        policy: OfferPolicy,
    },
    /// Makes the leg (or renegotiates an existing one) from the party's offer, as `Answer`, on these terms.
    /// An offer of ours that waits for its answer is withdrawn.
    AnswerOn {
        /// The leg, named by the client.
        leg: LegId,
        /// The party's SDP.
        offer: String,
        /// What our answer says.
        terms: Terms,
    },
    /// Makes the leg (or renegotiates an existing one) with an offer of ours, as `Offer`, on these terms.
    /// An offer of ours that waits for its answer is withdrawn.
    OfferOn {
        /// The leg, named by the client.
        leg: LegId,
        /// What our offer says.
        terms: Terms,
    },
    /// Whether what the party says, and the keys that it presses, are passed on to its partner and to those
    /// who listen to it.
    Gate {
        /// The leg.
        leg: LegId,
        /// Whether speech is.
        speech: SpeechGate,
        /// Whether DTMF is.
        dtmf: bool,
    },
    /// Lets a leg hear what the party of another one says, as [`SpeechGate`] lets it pass, and nothing else;
    /// nothing changes for that party and its partner. Ends what the leg was bridged with, and lasts until
    /// the leg is bridged or joins a conference, or one of the two is released. Answered by `Refused` when
    /// one of the legs is not there or as many listen already as may.
    Listen {
        /// The leg that hears.
        leg: LegId,
        /// The leg whose party is heard.
        to: LegId,
    },
    /// Asks what was measured on the leg so far. Answered by `Measured`, always.
    Measure {
        /// The leg.
        leg: LegId,
    },
    /// Asks for all that [`MediaCommand::Restore`] needs. Answered by `Snapshot`, always.
    Snapshot {
        /// The leg.
        leg: LegId,
    },
    /// Makes the leg of another process again, on the same ports: its party notices a gap and no more. The
    /// partner that it was bridged with has to be restored too. Answered by `Restored` or `Refused`.
    Restore {
        /// The leg.
        leg: LegId,
        /// What it was.
        snapshot: LegSnapshot,
        /// How long ago, in milliseconds.
        age_ms: u64,
    },
    /// The party's answer to our last offer. Answered by `Agreed`. The leg is opaque from here on when the
    /// terms of the offer said so.
    AcceptAnswer {
        /// The leg.
        leg: LegId,
        /// The party's SDP.
        answer: String,
    },
    /// The party's answer to our last offer, as `AcceptAnswer`; the leg is opaque from here on whatever the
    /// terms of the offer said, since the party has chosen a format that we do not know.
    AcceptOpaqueAnswer {
        /// The leg.
        leg: LegId,
        /// The party's SDP.
        answer: String,
    },
    /// Our last offer on this leg was refused or withdrawn; what was agreed before it holds.
    Rollback {
        /// The leg.
        leg: LegId,
    },
    /// Plays prompts to the leg, in place of what it hears; ends with `PlayFinished` unless repeated.
    Play {
        /// The leg.
        leg: LegId,
        /// Prompt URIs: `tone:Hz[+Hz],ms`, `silence:ms`, `music:`, `tts:text`,
        /// `say:kind:value`, `file:name`; `else:` and another is played when the one before cannot be.
        prompts: Vec<String>,
        /// Whether it starts over when it ends.
        repeat: bool,
    },
    /// Ends whatever is played to the leg.
    Stop {
        /// The leg.
        leg: LegId,
    },
    /// Sends the leg's own audio back to it.
    Echo {
        /// The leg.
        leg: LegId,
        /// How much later, in milliseconds; at most 10,000.
        delay_ms: u32,
    },
    /// Joins two legs: each hears the other. Ends what is played or echoed to them.
    Bridge {
        /// One leg.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Parts the leg from the one it is bridged with; both stay.
    Unbridge {
        /// The leg.
        leg: LegId,
    },
    /// Governs what is being played to the leg. Nothing happens when nothing is.
    PlayControl {
        /// The leg.
        leg: LegId,
        /// What to do.
        control: PlayControl,
    },
    /// Sends DTMF to the party: as telephone-event (RFC 4733) where that was agreed on, by
    /// [`MediaEvent::SendInfo`] where the party takes INFO, as tones otherwise.
    SendDtmf {
        /// The leg.
        leg: LegId,
        /// `0-9*#A-D`.
        digits: String,
        /// Length of each tone in milliseconds.
        duration_ms: u32,
    },
    /// The party has pressed keys and told so in its signalling. It is as if they had come with its audio:
    /// a `Dtmf` event for each follows, and the partner of the leg learns of them.
    HandleDtmf {
        /// The leg.
        leg: LegId,
        /// `0-9*#A-D`.
        digits: String,
        /// How long each was held, in milliseconds.
        duration_ms: u32,
    },
    /// The party's signalling takes keys (SIP INFO): [`MediaEvent::SendInfo`] asks for that when no
    /// telephone-event was agreed on.
    TakesInfo {
        /// The leg.
        leg: LegId,
    },
    /// Ends the leg. Answered by `Released`, always, also for a leg that is not known.
    Release {
        /// The leg.
        leg: LegId,
    },
    /// Mixes legs.
    Conference {
        /// The conference.
        conference: ConferenceId,
        /// What to do.
        command: ConferenceCommand,
    },
    /// Records a leg or a conference.
    Record {
        /// What is recorded.
        source: RecordingSource,
        /// What to do.
        command: RecordingCommand,
    },
    /// Sends a leg's audio to a WebSocket server, and perhaps takes audio back.
    Fork {
        /// The leg.
        leg: LegId,
        /// The fork, named by the switch.
        fork: ForkId,
        /// What to do.
        command: ForkCommand,
    },
}

/// How what is being played is governed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlayControl {
    /// These keys end it, with `PlayInterrupted`, when the party presses one of them.
    BargeIn(String),
    /// It stops where it is; the party hears silence.
    Pause,
    /// It goes on from where it was paused.
    Resume,
    /// It goes on at this many milliseconds from the beginning of the list. Beyond the end it is finished.
    SeekTo(u32),
    /// It goes on this many milliseconds later, or earlier when negative.
    SeekBy(i32),
    /// How much louder or softer it sounds than it was made, in dB, -40 to 12. It holds for this list.
    Volume(i8),
}

/// Why a description was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaRefusal {
    /// The SDP does not parse; the text says where and why.
    Malformed(String),
    /// Nothing in common: no codec, no acceptable protection; the text says what was missing (488).
    NotAcceptable(String),
    /// Nothing in common (488), and it is known what each side has.
    NothingInCommon {
        /// What was missing.
        text: String,
        /// What each side has.
        verdict: Box<AudioVerdict>,
    },
    /// No port or no capacity is left (503).
    Exhausted,
    /// The two legs that are to be bridged have no codec in common, and there is no capacity for transcoding
    /// (503).
    Overloaded,
    /// The leg is not known, or is not in a state for the command.
    NoSuchLeg,
}

/// What goes wrong with a leg's media while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaTrouble {
    /// ICE found no path, or lost it.
    IceFailed,
    /// The DTLS handshake failed; the text is the alert or the reason.
    DtlsFailed(String),
    /// No packet came for this many seconds, while the party should have been sending.
    Silent {
        /// Seconds without a packet.
        seconds: u32,
    },
}

/// What the media role tells the switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MediaEvent {
    /// Our offer or answer for the leg.
    Described {
        /// The leg.
        leg: LegId,
        /// Our SDP.
        sdp: String,
    },
    /// The party's answer is in force.
    Agreed {
        /// The leg.
        leg: LegId,
    },
    /// The description was refused.
    Refused {
        /// The leg.
        leg: LegId,
        /// Why.
        why: MediaRefusal,
    },
    /// The first media can flow: ICE and DTLS are done, where they are used.
    Connected {
        /// The leg.
        leg: LegId,
    },
    /// What was played has ended.
    PlayFinished {
        /// The leg.
        leg: LegId,
    },
    /// A key of [`PlayControl::BargeIn`] has ended what was played; `PlayFinished` does not follow. The key
    /// itself is told by `Dtmf` when it is released.
    PlayInterrupted {
        /// The leg.
        leg: LegId,
        /// The key.
        digit: char,
    },
    /// The party, whose signalling takes keys, is to be told of this one (SIP INFO).
    SendInfo {
        /// The leg.
        leg: LegId,
        /// `0-9*#A-D`.
        digit: char,
        /// How long, in milliseconds.
        duration_ms: u32,
    },
    /// The party pressed a key.
    Dtmf {
        /// The leg.
        leg: LegId,
        /// `0-9*#A-D`.
        digit: char,
        /// How long, in milliseconds.
        duration_ms: u32,
    },
    /// Something is wrong with the leg's media; the switch decides what follows.
    Trouble {
        /// The leg.
        leg: LegId,
        /// What.
        what: MediaTrouble,
    },
    /// What was measured on the leg so far.
    Measured {
        /// The leg.
        leg: LegId,
        /// The measurements; absent when there is no such leg.
        measure: Option<Box<LegMeasure>>,
    },
    /// What the leg is at this moment.
    Snapshot {
        /// The leg.
        leg: LegId,
        /// Absent when there is no such leg.
        snapshot: Option<LegSnapshot>,
    },
    /// The leg of another process is here and goes on.
    Restored {
        /// The leg.
        leg: LegId,
    },
    /// The leg is gone; what was measured on it.
    Released {
        /// The leg.
        leg: LegId,
        /// The measurements; absent when there was no such leg.
        report: Option<StreamReport>,
    },
    /// Something happened in a conference.
    Conference {
        /// The conference.
        conference: ConferenceId,
        /// What.
        event: ConferenceEvent,
    },
    /// Something happened to a recording.
    Recording {
        /// What is recorded.
        source: RecordingSource,
        /// What happened.
        event: RecordingEvent,
    },
    /// These recordings had been kept for as long as they are and were deleted.
    RecordingsExpired {
        /// The files, relative to the folder of the recordings; at most
        /// [`EXPIRED_RECORDINGS_MAX`](crate::EXPIRED_RECORDINGS_MAX).
        paths: Vec<PathBuf>,
    },
    /// Something happened to an audio fork.
    Fork {
        /// The leg.
        leg: LegId,
        /// The fork.
        fork: ForkId,
        /// What happened.
        event: ForkEvent,
    },
}

impl MediaCommand {
    /// The leg that it is about; `None` when that is a conference.
    #[must_use]
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Self::Answer { leg, .. }
            | Self::Offer { leg, .. }
            | Self::AnswerOn { leg, .. }
            | Self::OfferOn { leg, .. }
            | Self::Gate { leg, .. }
            | Self::Listen { leg, .. }
            | Self::Measure { leg }
            | Self::Snapshot { leg }
            | Self::Restore { leg, .. }
            | Self::AcceptAnswer { leg, .. }
            | Self::AcceptOpaqueAnswer { leg, .. }
            | Self::Rollback { leg }
            | Self::Play { leg, .. }
            | Self::Stop { leg }
            | Self::Echo { leg, .. }
            | Self::Bridge { a: leg, .. }
            | Self::Unbridge { leg }
            | Self::SendDtmf { leg, .. }
            | Self::HandleDtmf { leg, .. }
            | Self::TakesInfo { leg }
            | Self::PlayControl { leg, .. }
            | Self::Fork { leg, .. }
            | Self::Release { leg }
            | Self::Record { source: RecordingSource::Leg(leg), .. } => Some(*leg),
            Self::Conference { command, .. } => command.member(),
            Self::Record { source: RecordingSource::Conference(_), .. } => None,
        }
    }
}

impl MediaEvent {
    /// The leg of which it tells; `None` when that is a conference.
    #[must_use]
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Self::Described { leg, .. }
            | Self::Agreed { leg }
            | Self::Refused { leg, .. }
            | Self::Connected { leg }
            | Self::PlayFinished { leg }
            | Self::PlayInterrupted { leg, .. }
            | Self::SendInfo { leg, .. }
            | Self::Dtmf { leg, .. }
            | Self::Trouble { leg, .. }
            | Self::Measured { leg, .. }
            | Self::Snapshot { leg, .. }
            | Self::Restored { leg }
            | Self::Released { leg, .. }
            | Self::Fork { leg, .. }
            | Self::Recording { source: RecordingSource::Leg(leg), .. } => Some(*leg),
            Self::Conference { .. }
            | Self::RecordingsExpired { .. }
            | Self::Recording { source: RecordingSource::Conference(_), .. } => None,
        }
    }
}
