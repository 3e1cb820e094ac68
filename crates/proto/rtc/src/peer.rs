//! One party's media transport: packets in, packets out.

use crate::channel::{Channel, ChannelSnapshot};
use crate::demux::{PacketKind, is_stun, packet_kind};
use crate::dtls::DtlsError;
use crate::ice::{Ice, IceCredentials, IceLocal, IceRemote, IceSnapshot};
use crate::identity::Identity;
use crate::latch::SourceRule;
use crate::protection::{KeyError, Unprotected};
use crate::remote::{Remote, Security};
use offhook_rtp::SentSince;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

/// Control datagrams and events that may wait for [`Peer::poll_output`].
const OUTPUTS_WAITING_MAX: usize = 256;

/// Which of the two sockets of a media section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Component {
    /// The even port: RTP, and everything else with rtcp-mux.
    Rtp,
    /// The odd port: RTCP without rtcp-mux.
    Rtcp,
}

/// Our side of the transport.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// The DTLS certificate.
    pub identity: Identity,
    /// Our ICE agent; `None` when we speak no ICE with this party.
    pub ice: Option<IceLocal>,
}

/// What a received datagram was. The packet is in the buffer's first `length` bytes, in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// An RTP packet of the party.
    Rtp {
        /// Its length in bytes.
        length: usize,
    },
    /// An RTCP packet of the party.
    Rtcp {
        /// Its length in bytes.
        length: usize,
    },
    /// A datagram of the party that is passed on as it is, where no RTP is spoken.
    Datagram {
        /// Its length in bytes.
        length: usize,
    },
    /// STUN or DTLS: dealt with.
    Control,
    /// It was dropped.
    Refused(Refusal),
}

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is none of the protocols of a media port, or a malformed one.
    Malformed,
    /// It came from an address that is not the party's.
    Source,
    /// It failed authentication.
    Authentication,
    /// It was there before, or is too old to tell.
    Replay,
    /// It came before the keys, or for a protocol that was not agreed on.
    Unexpected,
}

impl Refusal {
    /// The word under which it is counted.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Source => "source",
            Self::Authentication => "authentication",
            Self::Replay => "replay",
            Self::Unexpected => "unexpected",
        }
    }
}

/// A media packet that is ready to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protected {
    /// Its length in bytes with what protection added.
    pub length: usize,
    /// The socket that sends it.
    pub component: Component,
    /// Where it goes.
    pub destination: SocketAddr,
}

/// What the peer wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A STUN or DTLS datagram to send.
    Transmit {
        /// The socket that sends it.
        component: Component,
        /// Where it goes.
        destination: SocketAddr,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// Media can flow. It is said once, and again when a path was lost and is there again.
    Connected,
    /// ICE found no path, or lost it.
    IceFailed,
    /// There will be no keys.
    DtlsFailed(DtlsError),
}

/// The transport of one party's media. See the crate's documentation.
#[derive(Debug)]
pub struct Peer {
    ice: Option<Ice>,
    uses_ice: bool,
    rtp: Channel,
    /// RTCP's own way, unless it shares that of RTP.
    rtcp: Channel,
    rtcp_mux: bool,
    /// Whether RTCP has keys of its own: without rtcp-mux each port has its handshake (RFC 5764 5.1.2).
    has_rtcp_keys: bool,
    payload_types: u128,
    is_rtp: bool,
    outputs: VecDeque<Output>,
    is_connected: bool,
}

/// A [`Peer`] as plain data: keys, packet counters, addresses and paths. What descriptions tell is not in it.
///
/// The keys do not show in `Debug`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSnapshot {
    ice: Option<IceSnapshot>,
    rtp: ChannelSnapshot,
    rtcp: ChannelSnapshot,
    is_connected: bool,
}

impl Peer {
    /// A transport that waits for [`Self::set_remote`].
    #[must_use]
    pub fn new(config: PeerConfig) -> Self {
        Self {
            ice: config.ice.map(Ice::new),
            uses_ice: false,
            rtp: Channel::new(config.identity.clone()),
            rtcp: Channel::new(config.identity),
            rtcp_mux: false,
            has_rtcp_keys: false,
            payload_types: 0,
            is_rtp: true,
            outputs: VecDeque::new(),
            is_connected: false,
        }
    }

    /// What [`Self::restore`] needs beside the descriptions. It is of use for as long as fewer than
    /// [`offhook_rtp::RESTORED_PACKETS_MAX`] packets have come or gone since.
    #[must_use]
    pub fn snapshot(&self) -> PeerSnapshot {
        PeerSnapshot {
            ice: self.ice.as_ref().map(Ice::snapshot),
            rtp: self.rtp.snapshot(),
            rtcp: self.rtcp.snapshot(),
            is_connected: self.is_connected,
        }
    }

    /// A transport that goes on where another was that had the same ICE credentials, and whose party is described by `remote`. What was sent after the snapshot is at most what `since` says.
    ///
    /// Media flows at once where it flowed before. A handshake that had not ended begins anew, and so does one
    /// of another certificate than ours, with the next description.
    ///
    /// # Errors
    /// When a key does not fit its suite.
    pub fn restore(
        config: PeerConfig,
        remote: Option<&Remote>,
        snapshot: &PeerSnapshot,
        since: &SentSince<'_>,
        now: Instant,
    ) -> Result<Self, KeyError> {
        let identity = config.identity.clone();
        let channel = |of| Channel::restore(identity.clone(), of, since);
        let mut peer = Self {
            rtp: channel(&snapshot.rtp)?,
            rtcp: channel(&snapshot.rtcp)?,
            is_connected: snapshot.is_connected,
            ..Self::new(config)
        };
        if let (Some(ice), Some(found)) = (&mut peer.ice, &snapshot.ice) {
            ice.restore(found);
        }
        if let Some(remote) = remote {
            peer.set_remote(remote, now)?;
        }
        peer.rtp.finish_restoring(&snapshot.rtp);
        peer.rtcp.finish_restoring(&snapshot.rtcp);
        Ok(peer)
    }

    /// Whether packets to the party have numbers that must not be used twice, since they are encrypted.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.rtp.is_authenticated()
    }

    /// The highest index of a source to the party, rollover counter and sequence number, where it is encrypted.
    #[must_use]
    pub fn sent_index(&self, ssrc: u32) -> Option<u64> {
        self.rtp.sent_index(ssrc)
    }

    /// How many keys there were for what is sent: indices of one say nothing of those of another.
    #[must_use]
    pub fn send_keys(&self) -> u32 {
        self.rtp.send_keys()
    }

    /// As [`Self::send_keys`], of a peer that is to be restored.
    #[must_use]
    pub fn send_keys_of(snapshot: &PeerSnapshot) -> u32 {
        snapshot.rtp.send_keys()
    }

    /// Whether the party's credentials are new, so that [`Self::restart_ice`] comes before our answer.
    #[must_use]
    pub fn is_ice_restart(&self, remote: &IceRemote) -> bool {
        self.ice.as_ref().is_some_and(|ice| ice.is_restart(remote))
    }

    /// Our ICE credentials change (RFC 8445 9).
    pub fn restart_ice(&mut self, credentials: IceCredentials) {
        if let Some(ice) = &mut self.ice {
            ice.restart(credentials);
        }
    }

    /// A description of the party is in force, the first or a later one. Keys, the association and the
    /// path stay where it says what the one before said.
    ///
    /// # Errors
    /// When a key does not fit its suite. Nothing has changed then.
    pub fn set_remote(&mut self, remote: &Remote, now: Instant) -> Result<(), KeyError> {
        let made = self.rtp.set_security(&remote.security, now)?;
        self.report(made);
        self.uses_ice = remote.ice.is_some() && self.ice.is_some();
        self.rtcp_mux = remote.rtcp_mux || self.uses_ice;
        let is_dtls = matches!(remote.security, Security::Dtls { .. });
        self.has_rtcp_keys = is_dtls && !self.rtcp_mux;
        if self.has_rtcp_keys {
            let made = self.rtcp.set_security(&remote.security, now)?;
            self.report(made);
        } else {
            self.rtcp.close();
        }
        self.rtp.set_address(remote.rtp);
        self.rtcp.set_address(remote.rtcp);
        self.payload_types = remote.payload_types;
        self.is_rtp = remote.is_rtp;
        if let (Some(ice), Some(theirs)) = (&mut self.ice, &remote.ice) {
            ice.set_remote(theirs, now);
        }
        self.advance(now);
        Ok(())
    }

    fn report(&mut self, result: Result<(), DtlsError>) {
        if let Err(error) = result {
            self.push(Output::DtlsFailed(error));
        }
    }

    /// Whether media can flow.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// How the party's address is learnt where neither ICE nor keys tell.
    pub fn set_source_rule(&mut self, rule: SourceRule) {
        self.rtp.set_source_rule(rule);
        self.rtcp.set_source_rule(rule);
    }

    /// Where packets to the party go, once that is known.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.path()
    }

    /// Takes a datagram that a socket received, `buffer` being exactly it, and leaves in `buffer` what
    /// was protected in it.
    pub fn handle_packet(
        &mut self,
        component: Component,
        source: SocketAddr,
        buffer: &mut [u8],
        now: Instant,
    ) -> Incoming {
        if !self.is_rtp {
            return self.handle_datagram(component, source, buffer, now);
        }
        match packet_kind(buffer) {
            PacketKind::Rtp if component == Component::Rtp => self.handle_rtp(source, buffer),
            PacketKind::Rtcp => self.handle_rtcp(component, source, buffer),
            PacketKind::Stun => self.handle_stun(component, source, buffer, now),
            PacketKind::Dtls => self.handle_dtls(component, source, buffer, now),
            PacketKind::Rtp => Incoming::Refused(Refusal::Unexpected),
            PacketKind::Unknown => Incoming::Refused(Refusal::Malformed),
        }
    }

    /// What is no RTP may begin with any byte, so that only checks of ICE are told apart.
    fn handle_datagram(
        &mut self,
        component: Component,
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) -> Incoming {
        if self.uses_ice && is_stun(datagram) {
            return self.handle_stun(component, source, datagram, now);
        }
        if component == Component::Rtcp || datagram.is_empty() {
            return Incoming::Refused(Refusal::Unexpected);
        }
        if !self.admits(Component::Rtp, source) {
            return Incoming::Refused(Refusal::Source);
        }
        self.rtp.handle_source(source);
        Incoming::Datagram { length: datagram.len() }
    }

    fn handle_rtp(&mut self, source: SocketAddr, buffer: &mut [u8]) -> Incoming {
        let is_agreed = buffer.get(1).is_some_and(|byte| {
            let payload_type = byte & 0x7f;
            self.payload_types & (1 << payload_type) != 0
        });
        if !is_agreed {
            return Incoming::Refused(Refusal::Unexpected);
        }
        if !self.admits(Component::Rtp, source) {
            return Incoming::Refused(Refusal::Source);
        }
        match self.rtp.unprotect_rtp(source, buffer) {
            Ok(length) => Incoming::Rtp { length },
            Err(refusal) => Incoming::Refused(refusal),
        }
    }

    fn handle_rtcp(
        &mut self,
        component: Component,
        source: SocketAddr,
        buffer: &mut [u8],
    ) -> Incoming {
        if component == Component::Rtp && !self.rtcp_mux {
            return Incoming::Refused(Refusal::Unexpected);
        }
        if !self.admits(component, source) {
            return Incoming::Refused(Refusal::Source);
        }
        let keys = if self.has_rtcp_keys { &mut self.rtcp } else { &mut self.rtp };
        match keys.protection().unprotect_rtcp(buffer) {
            Unprotected::Packet { length } => {
                if component == Component::Rtcp {
                    self.rtcp.handle_source(source);
                }
                Incoming::Rtcp { length }
            }
            Unprotected::Refused(refusal) => Incoming::Refused(refusal),
        }
    }

    /// With ICE only addresses whose checks were the party's are heard.
    fn admits(&self, component: Component, source: SocketAddr) -> bool {
        if let (true, Some(ice)) = (self.uses_ice, &self.ice) {
            return ice.is_validated(source);
        }
        match component {
            Component::Rtp => self.rtp.admits(source),
            Component::Rtcp => self.rtcp.admits(source),
        }
    }

    fn handle_stun(
        &mut self,
        component: Component,
        source: SocketAddr,
        packet: &[u8],
        now: Instant,
    ) -> Incoming {
        let ice = self.ice.as_mut().filter(|_| component == Component::Rtp);
        let Some(ice) = ice else {
            return Incoming::Refused(Refusal::Unexpected);
        };
        let accepted = ice.handle_packet(source, packet, now);
        self.advance(now);
        match (accepted, self.uses_ice) {
            (true, _) => Incoming::Control,
            (false, true) => Incoming::Refused(Refusal::Authentication),
            (false, false) => Incoming::Refused(Refusal::Unexpected),
        }
    }

    fn handle_dtls(
        &mut self,
        component: Component,
        source: SocketAddr,
        packet: &[u8],
        now: Instant,
    ) -> Incoming {
        if !self.admits(component, source) {
            return Incoming::Refused(Refusal::Source);
        }
        let decides_address = !self.uses_ice;
        let channel = self.channel(component);
        if !channel.has_dtls() {
            return Incoming::Refused(Refusal::Unexpected);
        }
        let result = channel.handle_dtls(source, packet, decides_address, now);
        self.handle_result(component, result);
        self.advance(now);
        Incoming::Control
    }

    /// Without RTCP a call can go on.
    fn handle_result(&mut self, component: Component, result: Result<(), DtlsError>) {
        match (component, result) {
            (_, Ok(())) => {}
            (Component::Rtp, Err(error)) => self.push(Output::DtlsFailed(error)),
            (Component::Rtcp, Err(error)) => {
                tracing::debug!(%error, "there will be no RTCP");
                self.rtcp.close();
            }
        }
    }

    /// Timers of ICE and DTLS.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(ice) = &mut self.ice {
            ice.handle_timeout(now);
        }
        self.advance(now);
    }

    /// Lets the handshake run where there is a path, and hands on what the parts have to say.
    fn advance(&mut self, now: Instant) {
        // The answer to a check goes first: the party hears DTLS only from where it has found us.
        self.drain_ice();
        self.drive(Component::Rtp, self.path(), now);
        self.drive(Component::Rtcp, self.rtcp.destination(), now);
        self.announce();
    }

    /// Lets a component's handshake act and sends what it has to say.
    fn drive(&mut self, component: Component, path: Option<SocketAddr>, now: Instant) {
        let Some(destination) = path else { return };
        let result = self.channel(component).handle_timeout(now);
        self.handle_result(component, result);
        while let Some(datagram) = self.channel(component).poll_transmit() {
            self.push(Output::Transmit { component, destination, datagram });
        }
    }

    fn channel(&mut self, component: Component) -> &mut Channel {
        match component {
            Component::Rtp => &mut self.rtp,
            Component::Rtcp => &mut self.rtcp,
        }
    }

    fn drain_ice(&mut self) {
        let Some(ice) = &mut self.ice else { return };
        let component = Component::Rtp;
        while let Some((destination, datagram)) = ice.poll_transmit() {
            if self.outputs.len() < OUTPUTS_WAITING_MAX {
                self.outputs.push_back(Output::Transmit { component, destination, datagram });
            }
        }
        if ice.take_failure() && self.uses_ice {
            self.outputs.push_back(Output::IceFailed);
        }
        if ice.take_return() && self.uses_ice && self.is_connected {
            self.outputs.push_back(Output::Connected);
        }
    }

    fn announce(&mut self) {
        let has_path = match (&self.ice, self.uses_ice) {
            (Some(ice), true) => ice.nominated().is_some(),
            _ => true,
        };
        if !self.is_connected && has_path && self.rtp.is_ready() {
            self.is_connected = true;
            self.push(Output::Connected);
        }
    }

    fn push(&mut self, output: Output) {
        if self.outputs.len() < OUTPUTS_WAITING_MAX {
            self.outputs.push_back(output);
        }
    }

    fn path(&self) -> Option<SocketAddr> {
        match (&self.ice, self.uses_ice) {
            (Some(ice), true) => ice.path(),
            _ => self.rtp.destination(),
        }
    }

    /// Protects the RTP packet in the first `length` bytes of `buffer`, which must have
    /// [`crate::PROTECTION_BYTES_MAX`] bytes to spare. `None` while it cannot be sent.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<Protected> {
        let destination = self.path().filter(|_| self.is_connected)?;
        let length = self.rtp.protection().protect_rtp(buffer, length)?;
        Some(Protected { length, component: Component::Rtp, destination })
    }

    /// Protects the RTCP packet likewise.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<Protected> {
        let (component, destination) = if self.rtcp_mux {
            (Component::Rtp, self.path())
        } else {
            (Component::Rtcp, self.rtcp.destination())
        };
        let destination = destination.filter(|_| self.is_connected)?;
        let keys = if self.has_rtcp_keys { &mut self.rtcp } else { &mut self.rtp };
        let length = keys.protection().protect_rtcp(buffer, length)?;
        Some(Protected { length, component, destination })
    }

    /// How a datagram of so many bytes goes to the party as it is, where no RTP is spoken. `None` while it
    /// cannot be sent.
    #[must_use]
    pub fn address_datagram(&self, length: usize) -> Option<Protected> {
        let destination = self.path().filter(|_| self.is_connected && !self.is_rtp)?;
        Some(Protected { length, component: Component::Rtp, destination })
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let ice = self.ice.as_mut().filter(|_| self.uses_ice).and_then(Ice::poll_timeout);
        let rtp = self.path().and_then(|_| self.rtp.poll_timeout());
        let rtcp = self.rtcp.destination().and_then(|_| self.rtcp.poll_timeout());
        [ice, rtp, rtcp].into_iter().flatten().min()
    }
}
