//! What a [`UserAgent`](super::UserAgent) is told once, at construction.

use std::fmt;

use crate::transaction::Transport;

/// Legs a user agent holds at once before it answers a new INVITE with 503.
pub const LEG_COUNT_MAX: usize = 20_000;

/// `Session-Expires` proposed and accepted when the configuration says nothing, in seconds
/// (RFC 4028 section 4 recommends 1800).
pub const SESSION_EXPIRES_DEFAULT_S: u32 = 1_800;

/// Where messages come from and go to; the role's own type, opaque to the engine.
///
/// The engine asks only which transport a peer is reached by, because Via names it and because
/// retransmission depends on it. Two equal peers are the same destination.
pub trait Peer: Clone + fmt::Debug {
    /// The transport that carries messages to and from this peer.
    fn transport(&self) -> Transport;
}

impl Peer for Transport {
    fn transport(&self) -> Transport {
        *self
    }
}

/// When ringing and progress are sent as reliable provisional responses (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReliableProvisionals {
    /// Only when the caller says `Require: 100rel`.
    #[default]
    WhenRequired,
    /// Whenever the caller says `Supported: 100rel` or requires it.
    WhenSupported,
}

/// Session timers of RFC 4028.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimerConfig {
    /// Session interval that is proposed in INVITE and in answers, in seconds.
    pub expires_s: u32,
    /// Smallest interval that is accepted, in seconds; at least 90 (RFC 4028 section 4).
    pub min_se_s: u32,
}

impl Default for SessionTimerConfig {
    fn default() -> Self {
        Self { expires_s: SESSION_EXPIRES_DEFAULT_S, min_se_s: crate::session_timer::MIN_SE_S }
    }
}

/// Configuration of a user agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The URI under which this user agent is reached, such as `sip:switch@192.0.2.1:5080`.
    pub contact_uri: String,
    /// Host and optional port that stand in Via, such as `192.0.2.1:5080`.
    pub sent_by: String,
    /// Value of `User-Agent` and `Server`.
    pub product: String,
    /// Methods named in `Allow`, comma-separated.
    pub allow: String,
    /// Reliable provisional responses of incoming calls.
    pub reliable_provisionals: ReliableProvisionals,
    /// Session timers; `None` offers none, yet still obeys a peer that asks for them.
    pub session_timer: Option<SessionTimerConfig>,
    /// Legs held at once; a new INVITE beyond is answered with 503.
    pub leg_count_max: usize,
    /// Transactions held at once; a new request beyond is answered with 503.
    pub transaction_count_max: usize,
}

/// The methods that a user agent takes unless its owner says otherwise.
const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, MESSAGE, SUBSCRIBE";

impl Config {
    /// A configuration with every default, reached under `contact_uri` and named `sent_by` in Via.
    pub fn new(contact_uri: impl Into<String>, sent_by: impl Into<String>) -> Self {
        Self {
            contact_uri: contact_uri.into(),
            sent_by: sent_by.into(),
            product: "Offhook".to_owned(),
            allow: ALLOW.to_owned(),
            reliable_provisionals: ReliableProvisionals::default(),
            session_timer: Some(SessionTimerConfig::default()),
            leg_count_max: LEG_COUNT_MAX,
            transaction_count_max: crate::transaction::TRANSACTION_COUNT_MAX,
        }
    }
}
