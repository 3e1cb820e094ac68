//! Interactive connectivity establishment (RFC 8445) for one component.

use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceConnectionState, IceCreds, Protocol};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the checks may go on before the path is given up.
pub const ICE_TIMEOUT: Duration = Duration::from_secs(30);
/// Candidate pairs that are checked at most (RFC 8445 6.1.2.5).
const CANDIDATE_PAIRS_MAX: usize = 100;
/// Addresses that are remembered as the peer's own.
const VALIDATED_MAX: usize = 32;
/// Letters of which credentials are made: `ice-char` without its two signs (RFC 8839 5.4).
const ICE_CHARS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Characters of a user name fragment of ours; four are the least (RFC 8839 5.4).
const UFRAG_CHARS: usize = 8;
/// Characters of a password of ours; 22 are the least (RFC 8839 5.4).
const PWD_CHARS: usize = 24;

/// User name fragment and password (RFC 8445 5.3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceCredentials {
    /// The user name fragment.
    pub ufrag: String,
    /// The password.
    pub pwd: String,
}

/// Our side of ICE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceLocal {
    /// The credentials of our description.
    pub credentials: IceCredentials,
    /// The addresses at which the RTP socket can be reached.
    pub candidates: Vec<SocketAddr>,
    /// A random number that settles role conflicts (RFC 8445 7.3.1.1).
    pub tie_breaker: u64,
}

/// The peer's side of ICE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceRemote {
    /// The credentials of its description.
    pub credentials: IceCredentials,
    /// Whether it only answers checks, so that we must make them.
    pub is_lite: bool,
    /// Its UDP candidates for RTP. Those with a name are left out: checks from there reveal the address.
    pub candidates: Vec<SocketAddr>,
}

impl IceCredentials {
    /// Makes credentials of 32 random bytes.
    #[must_use]
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        let letter = |byte: &u8| char::from(ICE_CHARS[usize::from(*byte) % ICE_CHARS.len()]);
        let (ufrag, pwd) = bytes.split_at(UFRAG_CHARS);
        Self {
            ufrag: ufrag.iter().map(letter).collect(),
            pwd: pwd[..PWD_CHARS].iter().map(letter).collect(),
        }
    }

    fn to_creds(&self) -> IceCreds {
        IceCreds { ufrag: self.ufrag.clone(), pass: self.pwd.clone() }
    }
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IceCredentials({}, ..)", self.ufrag)
    }
}

/// What the checks have brought, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IceSnapshot {
    validated: Vec<SocketAddr>,
    nominated: Option<SocketAddr>,
}

/// The agent with what a server needs of it.
#[derive(Debug)]
pub(crate) struct Ice {
    agent: IceAgent,
    local: IceLocal,
    validated: Vec<SocketAddr>,
    nominated: Option<SocketAddr>,
    checking_since: Option<Instant>,
    has_failed: bool,
    is_failure_told: bool,
    /// There was a path, and there is none.
    is_lost: bool,
    has_returned: bool,
}

impl Ice {
    /// A lite agent (RFC 8445 2.5) until the peer turns out to be one too.
    pub(crate) fn new(local: IceLocal) -> Self {
        let mut agent = IceAgent::new(local.credentials.to_creds());
        agent.set_ice_lite(true);
        agent.set_controlling(false);
        agent.set_control_tie_breaker(local.tie_breaker);
        agent.set_max_candidate_pairs(CANDIDATE_PAIRS_MAX);
        let mut ice = Self {
            agent,
            local,
            validated: Vec::new(),
            nominated: None,
            checking_since: None,
            has_failed: false,
            is_failure_told: false,
            is_lost: false,
            has_returned: false,
        };
        ice.add_local_candidates();
        ice
    }

    pub(crate) fn snapshot(&self) -> IceSnapshot {
        IceSnapshot { validated: self.validated.clone(), nominated: self.nominated }
    }

    /// The path is the one that an agent with the same credentials had. Checks of the peer go on and confirm
    /// it or find another.
    pub(crate) fn restore(&mut self, snapshot: &IceSnapshot) {
        self.validated = snapshot.validated.iter().copied().take(VALIDATED_MAX).collect();
        self.nominated = snapshot.nominated;
    }

    fn add_local_candidates(&mut self) {
        for address in &self.local.candidates {
            // An address that ICE forbids, such as a link-local one, is no candidate.
            if let Ok(candidate) = Candidate::host(*address, Protocol::Udp) {
                self.agent.add_local_candidate(candidate);
            }
        }
    }

    pub(crate) fn nominated(&self) -> Option<SocketAddr> {
        self.nominated
    }

    /// Where the peer can be reached: the nominated address, or before there is one the address of the
    /// latest check that proved to be the peer's.
    pub(crate) fn path(&self) -> Option<SocketAddr> {
        self.nominated.or(self.validated.last().copied())
    }

    /// Whether a check from there proved to be the peer's.
    pub(crate) fn is_validated(&self, source: SocketAddr) -> bool {
        self.validated.contains(&source) || self.nominated == Some(source)
    }

    /// Our credentials change: what was checked before is void, the path stays until another is found.
    pub(crate) fn restart(&mut self, credentials: IceCredentials) {
        self.local.credentials = credentials;
        self.agent.ice_restart(self.local.credentials.to_creds(), true);
        self.checking_since = None;
    }

    /// Whether the peer's credentials are others than those that are being checked.
    pub(crate) fn is_restart(&self, remote: &IceRemote) -> bool {
        let current = self.agent.remote_credentials();
        current.is_some_and(|creds| *creds != remote.credentials.to_creds())
    }

    pub(crate) fn set_remote(&mut self, remote: &IceRemote, now: Instant) {
        if remote.is_lite {
            self.agent.set_ice_lite(false);
            self.agent.set_controlling(true);
        }
        let theirs = remote.credentials.to_creds();
        let is_same = self.agent.remote_credentials().is_some_and(|current| *current == theirs);
        self.agent.set_remote_credentials(theirs);
        for address in &remote.candidates {
            if let Ok(candidate) = Candidate::host(*address, Protocol::Udp) {
                self.agent.add_remote_candidate(candidate);
            }
        }
        // The same credentials again, as with a hold, leave a path in force that no check has to find anew.
        if !is_same || self.nominated.is_none() {
            self.checking_since.get_or_insert(now);
        }
        self.recover();
        self.advance(now);
    }

    /// Takes a STUN message; `false` when it is not one of the peer's.
    pub(crate) fn handle_packet(
        &mut self,
        source: SocketAddr,
        packet: &[u8],
        now: Instant,
    ) -> bool {
        let Ok(message) = StunMessage::parse(packet) else {
            return false;
        };
        let Some(destination) = self.destination_for(source) else {
            return false;
        };
        let packet = StunPacket { proto: Protocol::Udp, source, destination, message };
        let accepted = self.agent.handle_packet(now, packet);
        self.advance(now);
        accepted
    }

    /// All candidates are one socket, so that any of the right family stands for the one that was meant.
    fn destination_for(&self, source: SocketAddr) -> Option<SocketAddr> {
        let mut candidates = self.agent.local_candidates().map(|candidate| candidate.addr());
        candidates.find(|address| address.is_ipv4() == source.is_ipv4())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.advance(now);
        }
    }

    fn advance(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        while let Some(event) = self.agent.poll_event() {
            self.handle_event(&event, now);
        }
        let is_late = |since: Instant| now.duration_since(since) >= ICE_TIMEOUT;
        if self.checking_since.is_some_and(is_late) {
            self.fail();
        }
    }

    fn handle_event(&mut self, event: &IceAgentEvent, now: Instant) {
        match event {
            IceAgentEvent::NominatedSend { destination, .. } => {
                self.nominated = Some(*destination);
                self.checking_since = None;
            }
            IceAgentEvent::DiscoveredRecv { source, .. } => self.add_validated(*source),
            IceAgentEvent::IceConnectionStateChange(state) => self.handle_state(*state, now),
            IceAgentEvent::IceRestart(_) => {}
        }
    }

    fn add_validated(&mut self, source: SocketAddr) {
        if self.validated.len() < VALIDATED_MAX && !self.validated.contains(&source) {
            self.validated.push(source);
        }
    }

    /// A path that was lost may come back until the time is up.
    fn handle_state(&mut self, state: IceConnectionState, now: Instant) {
        match state {
            IceConnectionState::Disconnected if self.nominated.is_some() => self.fail(),
            IceConnectionState::New
            | IceConnectionState::Checking
            | IceConnectionState::Disconnected => {
                self.checking_since.get_or_insert(now);
            }
            IceConnectionState::Connected | IceConnectionState::Completed => {
                self.checking_since = None;
                self.has_returned |= std::mem::take(&mut self.is_lost);
                self.recover();
            }
        }
    }

    fn fail(&mut self) {
        self.checking_since = None;
        self.has_failed = true;
        self.is_lost = true;
    }

    fn recover(&mut self) {
        self.has_failed = false;
        self.is_failure_told = false;
    }

    /// Whether there is no path, or none any longer. It is said once.
    pub(crate) fn take_failure(&mut self) -> bool {
        self.has_failed && !std::mem::replace(&mut self.is_failure_told, true)
    }

    /// Whether there is a path after there was none. It is said once.
    pub(crate) fn take_return(&mut self) -> bool {
        std::mem::take(&mut self.has_returned)
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let deadline = self.checking_since.map(|since| since + ICE_TIMEOUT);
        let agent = self.agent.poll_timeout();
        [deadline, agent].into_iter().flatten().min()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let transmit = self.agent.poll_transmit()?;
        Some((transmit.destination, transmit.contents.into()))
    }
}
