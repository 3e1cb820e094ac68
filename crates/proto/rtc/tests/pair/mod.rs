//! Two peers and a network between them that loses what it is told to, in virtual time.

use offhook_rtc::{
    Component, DtlsStack, IceCredentials, IceLocal, IceRemote, Identity, Incoming, Output, Peer,
    PeerConfig, Remote, Security,
};
use offhook_sdp::{DtlsRole, Fingerprint};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The payload type that the pair agreed on.
pub const PAYLOAD_TYPE: u8 = 0;

pub struct Side {
    pub peer: Peer,
    pub address: SocketAddr,
    pub identity: Identity,
    pub credentials: IceCredentials,
    pub outputs: Vec<Output>,
    pub received: Vec<Vec<u8>>,
}

pub struct Pair {
    pub a: Side,
    pub b: Side,
    pub now: Instant,
    /// Which control datagram, counted from zero, is lost.
    pub lost: Vec<usize>,
    /// What arrives of each control datagram that is not lost.
    pub network: fn(usize, Vec<u8>) -> Vec<Vec<u8>>,
    sent: usize,
}

impl Side {
    fn new(address: &str, seed: u8, with_ice: bool) -> Self {
        let address: SocketAddr = address.parse().expect("an address");
        let identity = Identity::generate().expect("a certificate");
        let credentials = IceCredentials::from_random(&[seed; 32]);
        let ice = with_ice.then(|| IceLocal {
            credentials: credentials.clone(),
            candidates: vec![address],
            tie_breaker: u64::from(seed),
        });
        let peer = Peer::new(PeerConfig { identity: identity.clone(), ice });
        let (outputs, received) = (Vec::new(), Vec::new());
        Self { peer, address, identity, credentials, outputs, received }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        let digest = self.identity.digest().to_vec();
        Fingerprint { algorithm: "sha-256".to_owned(), digest }
    }

    /// What this side's description tells the other.
    pub fn remote(&self, security: Security, ice: Option<bool>) -> Remote {
        Remote {
            rtp: Some(self.address),
            rtcp: Some(self.address),
            rtcp_mux: true,
            is_rtp: true,
            payload_types: 1 << PAYLOAD_TYPE,
            security,
            ice: ice.map(|is_lite| IceRemote {
                credentials: self.credentials.clone(),
                is_lite,
                candidates: vec![self.address],
            }),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.outputs.contains(&Output::Connected)
    }
}

impl Pair {
    pub fn new(with_ice: bool) -> Self {
        Self {
            a: Side::new("192.0.2.1:4000", 1, with_ice),
            b: Side::new("192.0.2.2:5000", 2, with_ice),
            now: Instant::now(),
            lost: Vec::new(),
            network: |_, datagram| vec![datagram],
            sent: 0,
        }
    }

    /// Both sides learn of each other's DTLS; `a` is the client and, with ICE, the full agent.
    pub fn agree_dtls(&mut self, stack_a: DtlsStack, stack_b: DtlsStack, ice: bool) {
        let security = |side: &Side, role, stack| Security::Dtls {
            role,
            stack,
            fingerprints: vec![side.fingerprint()],
        };
        let of_b = self.b.remote(security(&self.b, DtlsRole::Client, stack_a), ice.then_some(true));
        let of_a =
            self.a.remote(security(&self.a, DtlsRole::Server, stack_b), ice.then_some(false));
        self.agree(&of_b, &of_a);
    }

    pub fn agree(&mut self, of_b: &Remote, of_a: &Remote) {
        self.a.peer.set_remote(of_b, self.now).expect("keys fit");
        self.b.peer.set_remote(of_a, self.now).expect("keys fit");
    }

    /// Carries datagrams until nothing moves, then advances to the next timer, for this long.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let timers = [self.a.peer.poll_timeout(), self.b.peer.poll_timeout()];
            match timers.into_iter().flatten().min() {
                Some(next) if next <= end => self.now = next.max(self.now),
                _ => break,
            }
            self.a.peer.handle_timeout(self.now);
            self.b.peer.handle_timeout(self.now);
            // OpenSSL keeps its own clock, so that two timers of the same instant may follow each other.
            self.now += Duration::from_millis(1);
        }
        self.now = end.max(self.now);
    }

    fn settle(&mut self) {
        loop {
            let Self { a, b, now, lost, network, sent } = self;
            let mut carry =
                |from: &mut Side, to: &mut Side| carry(from, to, *now, lost, *network, sent);
            let moved = carry(a, b) | carry(b, a);
            if !moved {
                return;
            }
        }
    }

    /// Sends an RTP packet of `a` to `b`, and says what `b` made of it.
    pub fn send_rtp(&mut self, sequence: u16, payload: &[u8]) -> Incoming {
        let mut packet = rtp(sequence, payload);
        let length = packet.len();
        packet.resize(length + offhook_rtc::PROTECTION_BYTES_MAX, 0);
        let sent = self.a.peer.protect_rtp(&mut packet, length).expect("a is connected");
        assert_eq!(sent.destination, self.b.address);
        packet.truncate(sent.length);
        self.deliver_rtp(self.a.address, packet)
    }

    pub fn deliver_rtp(&mut self, source: SocketAddr, mut packet: Vec<u8>) -> Incoming {
        let incoming = self.b.peer.handle_packet(Component::Rtp, source, &mut packet, self.now);
        if let Incoming::Rtp { length } = incoming {
            packet.truncate(length);
            self.b.received.push(packet);
        }
        incoming
    }
}

pub fn rtp(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, PAYLOAD_TYPE];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet.extend_from_slice(&0x1234_5678_u32.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn carry(
    from: &mut Side,
    to: &mut Side,
    now: Instant,
    lost: &[usize],
    network: fn(usize, Vec<u8>) -> Vec<Vec<u8>>,
    sent: &mut usize,
) -> bool {
    let mut moved = false;
    while let Some(output) = from.peer.poll_output() {
        moved = true;
        let Output::Transmit { destination, datagram, .. } = output else {
            from.outputs.push(output);
            continue;
        };
        let number = *sent;
        *sent += 1;
        if destination == to.address && !lost.contains(&number) {
            for mut arriving in network(number, datagram) {
                to.peer.handle_packet(Component::Rtp, from.address, &mut arriving, now);
            }
        }
    }
    moved
}
