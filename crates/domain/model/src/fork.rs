use crate::{CallRef, ForkUrl};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Forks of one leg at a time.
pub const FORKS_PER_LEG_MAX: usize = 4;

/// One audio fork: a leg's audio on its way to a WebSocket server, and perhaps back. Unique within a node's
/// life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForkId(pub u64);

impl ForkId {
    /// Takes an id that was printed before; `None` when it could not be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for ForkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The party at whose leg a call is forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkParty {
    /// Who placed the call.
    Caller,
    /// Who answered it.
    Callee,
}

impl ForkParty {
    /// `caller` or `callee`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }

    /// Whether its leg came in or was placed by us: `inbound` or `outbound`.
    #[must_use]
    pub fn direction(self) -> &'static str {
        match self {
            Self::Caller => "inbound",
            Self::Callee => "outbound",
        }
    }
}

/// What of a leg a fork sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkChannels {
    /// One channel: what the party says.
    Said,
    /// One channel: what the party says and what it hears, added up.
    Mixed,
    /// Two channels: left what the party says, right what it hears.
    Stereo,
}

impl ForkChannels {
    /// `said`, `mixed` or `stereo`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Mixed => "mixed",
            Self::Stereo => "stereo",
        }
    }
}

/// The sample rate of a fork, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum ForkRate {
    /// 8,000 samples per second.
    Hz8000,
    /// 16,000 samples per second.
    Hz16000,
    /// 24,000 samples per second.
    Hz24000,
}

/// A sample rate that no fork has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sample rate of a fork is 8000, 16000 or 24000")]
pub struct UnsupportedRate;

impl ForkRate {
    /// Samples per second.
    #[must_use]
    pub fn hz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
        }
    }
}

impl TryFrom<u32> for ForkRate {
    type Error = UnsupportedRate;

    fn try_from(hz: u32) -> Result<Self, UnsupportedRate> {
        let rates = [Self::Hz8000, Self::Hz16000, Self::Hz24000];
        rates.into_iter().find(|rate| rate.hz() == hz).ok_or(UnsupportedRate)
    }
}

impl From<ForkRate> for u32 {
    fn from(rate: ForkRate) -> Self {
        rate.hz()
    }
}

/// Headers of a fork's HTTP request. Their values may be secrets and are not printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForkHeaders(pub Vec<(String, String)>);

impl fmt::Debug for ForkHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// How a fork is to be. What its receiver is told is not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkRequest {
    /// The call, which the receiver is told.
    pub call: CallRef,
    /// The party whose leg it is, which the receiver is told.
    pub party: ForkParty,
    /// The receiver.
    pub url: ForkUrl,
    /// Samples per second, in both directions.
    pub rate: ForkRate,
    /// What is sent.
    pub channels: ForkChannels,
    /// Whether the party hears what the receiver sends.
    pub is_bidirectional: bool,
    /// Whether the receiver may end the call.
    pub may_hang_up: bool,
    /// Whether a connection that was lost is tried again.
    pub reconnects: bool,
    /// A JSON object that the receiver is told; empty for none.
    pub metadata: String,
    /// Further headers of the HTTP request, with credentials perhaps.
    pub headers: ForkHeaders,
}

impl fmt::Debug for ForkRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (party, channels) = (self.party.as_str(), self.channels.as_str());
        write!(
            f,
            "{party} {channels} at {} Hz to {:?} {:?}",
            self.rate.hz(),
            self.url,
            self.headers
        )
    }
}

/// What the switch asks of a fork of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForkCommand {
    /// Begins. Answered by [`ForkEvent::Connected`] or [`ForkEvent::Failed`].
    Start(Box<ForkRequest>),
    /// From here on nothing of what is said or pressed leaves the media thread.
    Pause,
    /// It goes on.
    Resume,
    /// Ends it; it also ends with its leg. Answered by [`ForkEvent::Ended`], unless it has ended before.
    Stop,
}

/// What went over a fork, in milliseconds of sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkCounts {
    /// Sent to the receiver.
    pub sent_ms: u64,
    /// Not sent, since the receiver or its connection was too slow or away.
    pub dropped_ms: u64,
    /// Taken from the receiver.
    pub received_ms: u64,
    /// Not taken from the receiver, since too much of it waited to be heard.
    pub refused_ms: u64,
    /// Messages of the receiver that were not understood or not allowed.
    pub messages_refused: u64,
    /// How often a lost connection was made again.
    pub reconnects: u32,
}

/// Why a fork could not begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ForkFailure {
    /// The administrator does not allow the host.
    #[error("the host is none of media.fork.allowed_hosts")]
    HostNotAllowed,
    /// There is no such party, or its leg is gone.
    #[error("the party is not there")]
    NoSuchLeg,
    /// The leg has as many forks as it may have.
    #[error("the call has {FORKS_PER_LEG_MAX} forks already")]
    TooMany,
    /// There are as many forks as there may be.
    #[error("there are as many forks as media.fork.forks_max allows")]
    Exhausted,
    /// No connection could be made; the text says why.
    #[error("the receiver cannot be reached: {0}")]
    Unreachable(String),
    /// The receiver did not accept the WebSocket; the text says why.
    #[error("the receiver refused the WebSocket: {0}")]
    Refused(String),
    /// The receiver did not accept in time.
    #[error("the receiver did not answer in time")]
    TimedOut,
}

/// Why a fork that had begun ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ForkEnd {
    /// It was told to.
    #[error("stopped")]
    Stopped,
    /// Its leg is gone.
    #[error("the call ended")]
    CallEnded,
    /// The server stops.
    #[error("the server stopped")]
    ServerStopped,
    /// The receiver closed the connection, with this code (RFC 6455 section 7.4).
    #[error("the receiver closed the connection with code {0}")]
    ReceiverClosed(u16),
    /// The connection was lost; the text says why.
    #[error("the connection was lost: {0}")]
    ConnectionLost(String),
    /// The receiver took nothing for too long.
    #[error("the receiver took nothing for too long")]
    TooSlow,
}

impl ForkEnd {
    /// The word that the receiver is told.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::CallEnded => "call_ended",
            Self::ServerStopped => "server_stopped",
            Self::ReceiverClosed(_) => "receiver_closed",
            Self::ConnectionLost(_) => "connection_lost",
            Self::TooSlow => "too_slow",
        }
    }
}

/// What a fork tells the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForkEvent {
    /// The receiver has accepted, first or again.
    Connected,
    /// The connection was lost and is tried again.
    Reconnecting,
    /// It could not begin.
    Failed(ForkFailure),
    /// How it fares, told every few seconds.
    Progress(ForkCounts),
    /// The receiver sent a JSON object that is none of the protocol's: for the application.
    Message(String),
    /// The receiver, which may, wants the call to end.
    HangUp,
    /// It is over.
    Ended {
        /// Why.
        why: ForkEnd,
        /// What went over it.
        counts: ForkCounts,
    },
}

/// Where a fork stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForkState {
    /// The connection is being made.
    Connecting,
    /// It is connected.
    Connected,
    /// It could not begin.
    Failed(ForkFailure),
    /// It is over.
    Ended(ForkEnd),
}

impl ForkState {
    /// Whether it has failed or ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Ended(_))
    }
}

/// A fork of a call in progress, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveFork {
    /// The fork.
    pub fork: ForkId,
    /// The party at whose leg it is.
    pub party: ForkParty,
    /// The receiver, without a query, which may hold secrets.
    pub receiver: String,
    /// Samples per second.
    pub rate: ForkRate,
    /// What is sent.
    pub channels: ForkChannels,
    /// Whether the party hears what the receiver sends.
    pub is_bidirectional: bool,
    /// Where it stands.
    pub state: ForkState,
    /// Whether it is paused.
    pub is_paused: bool,
    /// What went over it, as told last.
    pub counts: ForkCounts,
    /// The last message of the receiver for the application, in JSON.
    pub last_message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_printing() {
        let fork = ForkId(0xfeed);
        assert_eq!(ForkId::parse(&fork.to_string()), Some(fork));
        for bad in ["", "feed", "+eed000000000000", "00000000000000000"] {
            assert_eq!(ForkId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_header_is_not_printed() {
        let headers = ForkHeaders(vec![("Authorization".to_owned(), "Bearer hush".to_owned())]);
        let text = format!("{headers:?}");
        assert!(text.contains("Authorization") && !text.contains("hush"), "{text}");
    }

    #[test]
    fn only_three_rates_are_taken() {
        assert_eq!(serde_json::from_str::<ForkRate>("24000").unwrap(), ForkRate::Hz24000);
        let error = serde_json::from_str::<ForkRate>("44100").unwrap_err().to_string();
        assert!(error.contains("8000, 16000 or 24000"), "{error}");
    }
}
