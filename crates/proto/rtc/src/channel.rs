//! One component's way to the party: its address, its keys, and the association they come from.

use crate::dtls::{Dtls, DtlsError, DtlsSnapshot, Keys};
use crate::identity::Identity;
use crate::latch::{Latch, SourceRule};
use crate::peer::Refusal;
use crate::protection::{KeyError, MasterKey, Protection, ProtectionSnapshot, Unprotected};
use crate::remote::Security;
use offhook_rtp::SentSince;
use offhook_sdp::DtlsRole;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Instant;

pub(crate) struct Channel {
    identity: Identity,
    latch: Latch,
    dtls: Option<Dtls>,
    protection: Protection,
    /// How many keys there were for what is sent.
    send_keys: u32,
}

/// A [`Channel`] as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelSnapshot {
    latch: Latch,
    protection: ProtectionSnapshot,
    /// Absent while the handshake lasts: another is begun then.
    dtls: Option<DtlsSnapshot>,
    #[serde(default)]
    send_keys: u32,
}

impl ChannelSnapshot {
    pub(crate) fn send_keys(&self) -> u32 {
        self.send_keys
    }
}

impl Channel {
    pub(crate) fn new(identity: Identity) -> Self {
        let protection = Protection::Waiting;
        Self { identity, latch: Latch::new(None), dtls: None, protection, send_keys: 0 }
    }

    pub(crate) fn snapshot(&self) -> ChannelSnapshot {
        ChannelSnapshot {
            latch: self.latch,
            protection: self.protection.snapshot(),
            dtls: self.dtls.as_ref().and_then(Dtls::snapshot),
            send_keys: self.send_keys,
        }
    }

    /// A channel with the keys of another, and with what may have been sent `since`.
    pub(crate) fn restore(
        identity: Identity,
        snapshot: &ChannelSnapshot,
        since: &SentSince<'_>,
    ) -> Result<Self, KeyError> {
        let dtls = snapshot.dtls.as_ref().map(|dtls| Dtls::restore(&identity, dtls));
        let protection = Protection::restore(&snapshot.protection, since)?;
        let send_keys = snapshot.send_keys;
        Ok(Self { identity, latch: snapshot.latch, dtls, protection, send_keys })
    }

    /// Descriptions that follow find what those before have left: the address is what it was, as open as it
    /// was, and the association that of the certificate by which it began.
    pub(crate) fn finish_restoring(&mut self, snapshot: &ChannelSnapshot) {
        self.latch = snapshot.latch;
        if let (Some(dtls), Some(snapshot)) = (&mut self.dtls, &snapshot.dtls) {
            dtls.restore_own(snapshot);
        }
    }

    /// Takes what was agreed on. A new fingerprint of either side or another role means a new association
    /// (RFC 8842 4); keys that are the same stay where they are. On an error nothing has changed.
    pub(crate) fn set_security(
        &mut self,
        security: &Security,
        now: Instant,
    ) -> Result<Result<(), DtlsError>, KeyError> {
        match security {
            Security::Plain => self.protection = Protection::Plain,
            Security::Sdes { send, receive } => {
                self.set_keys(send.clone(), receive.clone())?;
            }
            Security::Dtls { role, stack, fingerprints } => {
                let is_same = |dtls: &Dtls| {
                    dtls.role() == *role
                        && dtls.is_known_by(&self.identity)
                        && dtls.fingerprints() == *fingerprints
                        && !dtls.has_failed()
                };
                if self.dtls.as_ref().is_some_and(is_same) {
                    return Ok(Ok(()));
                }
                self.protection = Protection::Waiting;
                let made = Dtls::new(&self.identity, *role, *stack, fingerprints.clone(), now);
                return Ok(made.map(|dtls| self.dtls = Some(dtls)));
            }
        }
        self.dtls = None;
        Ok(Ok(()))
    }

    /// The party's description names this address.
    pub(crate) fn set_address(&mut self, described: Option<SocketAddr>) {
        self.latch.reopen(described);
    }

    pub(crate) fn set_source_rule(&mut self, rule: SourceRule) {
        self.latch.set_rule(rule);
    }

    /// The component is not used: what it had is gone.
    pub(crate) fn close(&mut self) {
        self.dtls = None;
        self.protection = Protection::Waiting;
    }

    /// The highest index of a source to the party, where it is encrypted.
    pub(crate) fn sent_index(&self, ssrc: u32) -> Option<u64> {
        self.protection.sent_index(ssrc)
    }

    pub(crate) fn protection(&mut self) -> &mut Protection {
        &mut self.protection
    }

    /// Whether packets can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.protection.is_ready()
    }

    /// Whether packets are protected by keys.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.protection.is_authenticated()
    }

    pub(crate) fn has_dtls(&self) -> bool {
        self.dtls.is_some()
    }

    /// Where to send to.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.latch.destination()
    }

    /// Whether a packet from there is looked at. Keys speak for any address.
    pub(crate) fn admits(&self, source: SocketAddr) -> bool {
        self.is_authenticated() || self.latch.admits(source)
    }

    pub(crate) fn unprotect_rtp(
        &mut self,
        source: SocketAddr,
        packet: &mut [u8],
    ) -> Result<usize, Refusal> {
        match self.protection.unprotect_rtp(packet) {
            Unprotected::Packet { length } => {
                self.latch.handle_packet(source);
                Ok(length)
            }
            Unprotected::Refused(refusal) => Err(refusal),
        }
    }

    /// A packet of the party that is not RTP came from there.
    pub(crate) fn handle_source(&mut self, source: SocketAddr) {
        self.latch.handle_packet(source);
    }

    /// Takes a datagram of the handshake. Before there are keys it decides on the address, too, unless ICE
    /// does.
    pub(crate) fn handle_dtls(
        &mut self,
        source: SocketAddr,
        packet: &[u8],
        decides_address: bool,
        now: Instant,
    ) -> Result<(), DtlsError> {
        if decides_address && !self.is_authenticated() {
            self.latch.handle_packet(source);
        }
        let Some(dtls) = &mut self.dtls else { return Ok(()) };
        let keys = dtls.handle_packet(packet, now)?;
        self.take_keys(keys)
    }

    /// Lets the handshake act when it is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        let Some(dtls) = &mut self.dtls else { return Ok(()) };
        if dtls.poll_timeout().is_none_or(|due| due > now) {
            return Ok(());
        }
        let keys = dtls.handle_timeout(now)?;
        self.take_keys(keys)
    }

    fn take_keys(&mut self, keys: Option<Keys>) -> Result<(), DtlsError> {
        let (Some(Keys { client, server }), Some(dtls)) = (keys, &self.dtls) else {
            return Ok(());
        };
        let (send, receive) = match dtls.role() {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        self.set_keys(send, receive).map_err(|_| DtlsError::NoCommonProfile)
    }

    fn set_keys(&mut self, send: MasterKey, receive: MasterKey) -> Result<(), KeyError> {
        let is_new = self.protection.set_keys(send, receive)?;
        self.send_keys = self.send_keys.wrapping_add(u32::from(is_new));
        Ok(())
    }

    /// How many keys there were for what is sent.
    pub(crate) fn send_keys(&self) -> u32 {
        self.send_keys
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.dtls.as_ref().and_then(Dtls::poll_timeout)
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.dtls.as_mut().and_then(Dtls::poll_transmit)
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Channel");
        shown.field("latch", &self.latch).field("is_ready", &self.is_ready());
        shown.finish_non_exhaustive()
    }
}
