use crate::{
    AgentId, AgentStatus, AudioVerdict, CallRef, HangupCause, LegId, QueueRecord, RecordingId,
    RecordingRecord, SupervisorMode, VoicemailId, VoicemailRecord,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which way a leg was set up, seen from Offhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The party called us.
    Inbound,
    /// We called the party.
    Outbound,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Who placed the call.
    Caller,
    /// Who was called.
    Callee,
    /// Offhook itself: a time-out, the end of a prompt, an administrator.
    System,
}

impl Party {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::System => "system",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Caller, Self::Callee, Self::System];
        all.into_iter().find(|party| party.as_str() == word)
    }
}

/// What was measured on a leg's RTP stream. Nothing is filled in that was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct StreamReport {
    /// The codec received, `PCMU`, `opus` and so on.
    pub codec: Option<String>,
    /// `none`, `sdes` or `dtls`.
    pub security: Option<String>,
    /// RTP packets received from the party.
    pub packets_received: u64,
    /// RTP packets sent to the party.
    pub packets_sent: u64,
    /// Packets that the party sent and that never came.
    pub packets_lost: u64,
    /// Interarrival jitter (RFC 3550 A.8) at the end, milliseconds.
    pub jitter_ms: Option<f64>,
    /// Packets that the party reported lost of those sent to it (RTCP), in percent of those sent.
    pub remote_loss_percent: Option<f64>,
    /// Round trip by RTCP, milliseconds.
    pub round_trip_ms: Option<f64>,
    /// Mean opinion score by the E-model (G.107) of what was received, 1 to 4.5.
    pub mos: Option<f64>,
    /// Packets dropped because they failed authentication, were replays or came from elsewhere.
    pub packets_refused: u64,
    /// How much longer the runs of lost packets were than chance would make them (G.107 section 7.5); 1 for
    /// chance.
    #[serde(default)]
    pub burst_ratio: Option<f64>,
    /// How much faster the party's clock runs than ours, in parts per million.
    #[serde(default)]
    pub clock_drift_ppm: Option<f64>,
    /// Why no audio came from the party, when none did.
    #[serde(default)]
    pub verdict: Option<Box<AudioVerdict>>,
}

/// One leg in a call's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegRecord {
    /// The leg.
    pub leg: LegId,
    /// Which way it was set up.
    pub direction: Direction,
    /// The party's number or user name.
    pub number: String,
    /// SIP's Call-ID of this leg.
    pub sip_call_id: String,
    /// The last SIP status: what it was answered or refused with.
    pub sip_status: Option<u16>,
    /// Its media, when it had any.
    pub stream: Option<StreamReport>,
}

/// What remains of a call: one row of `call_logs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call.
    pub call: CallRef,
    /// Who called: number or user name.
    pub caller: String,
    /// The caller's display name, when it gave one.
    pub caller_name: Option<String>,
    /// The number as dialled.
    pub dialled: String,
    /// Who answered: an extension, or the service number itself.
    pub answered_by: Option<String>,
    /// When the call came in, milliseconds of Unix time.
    pub started_at_ms: u64,
    /// When it was answered.
    pub answered_at_ms: Option<u64>,
    /// When it ended.
    pub ended_at_ms: u64,
    /// From the call's coming to its answer or end, milliseconds.
    pub ring_ms: u64,
    /// From the answer to the end, milliseconds; zero when it was not answered.
    pub talk_ms: u64,
    /// Why it ended.
    pub cause: HangupCause,
    /// The SIP status of a call that was refused.
    pub sip_status: Option<u16>,
    /// Who ended it.
    pub hung_up_by: Party,
    /// Its legs, the caller's first.
    pub legs: Vec<LegRecord>,
    /// Its recordings, in the order in which they began.
    #[serde(default)]
    pub recordings: Vec<RecordingId>,
}

/// What is written down of calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LogEntry {
    /// A call has ended.
    Call(Box<CallRecord>),
    /// A recording began or ended.
    Recording(Box<RecordingRecord>),
    /// The files of these recordings were deleted since they had been kept long enough.
    RecordingsExpired(Vec<PathBuf>),
    /// Somebody has left a message.
    Voicemail(Box<VoicemailRecord>),
    /// The owner of a message has listened to it by telephone.
    VoicemailHeard(VoicemailId),
    /// The owner of a message has deleted it by telephone.
    VoicemailDeleted(VoicemailId),
    /// An agent has another status.
    AgentStatus {
        /// Who.
        agent: AgentId,
        /// What it is.
        status: AgentStatus,
        /// The reason beside it.
        reason: Option<String>,
        /// When, milliseconds of Unix time.
        at_ms: u64,
    },
    /// Something happened in a queue or to an agent.
    Queue(Box<QueueRecord>),
}

impl CallRecord {
    /// Why audio was missing or one-way in the call: the leg whose party was not heard, and the reason. The
    /// caller's comes first.
    #[must_use]
    pub fn verdict(&self) -> Option<(&LegRecord, &AudioVerdict)> {
        self.legs.iter().find_map(|leg| Some((leg, leg.stream.as_ref()?.verdict.as_deref()?)))
    }
}

/// Where a live call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// It came in and is being routed or is ringing.
    Ringing,
    /// It was answered.
    Answered,
}

/// A call in progress, as `active_calls` and the API show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveCall {
    /// The call.
    pub call: CallRef,
    /// Who called.
    pub caller: String,
    /// The number as dialled.
    pub dialled: String,
    /// Who answered, once somebody did.
    pub answered_by: Option<String>,
    /// Where it stands.
    pub state: CallState,
    /// When it came in, milliseconds of Unix time.
    pub started_at_ms: u64,
    /// When it was answered.
    pub answered_at_ms: Option<u64>,
    /// Whether and how it is being recorded.
    pub recording: Option<LiveRecording>,
    /// The supervisors on it, in the order in which they came.
    pub supervisors: Vec<LiveSupervisor>,
}

/// How the recording of a call in progress stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveRecording {
    /// What is said is recorded.
    Running,
    /// The recording is silent until it is resumed.
    Paused,
}

impl LiveRecording {
    /// The word that is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
        }
    }
}

/// A supervisor on a call in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSupervisor {
    /// The supervisor's extension.
    pub extension: String,
    /// What the supervisor does.
    pub mode: SupervisorMode,
    /// Whether the supervisor's device is still ringing.
    pub is_ringing: bool,
}
