// What the peer target runs; the media peer's tests include this file to
// replay the corpus.

use offhook_rtc::{
    Component, DtlsStack, IceCredentials, IceLocal, IceRemote, Identity, Output,
    PROTECTION_BYTES_MAX, Peer, PeerConfig, Remote, Security,
};
use offhook_sdp::{DtlsRole, Fingerprint};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Datagrams that are carried for one input at most.
const DATAGRAMS_MAX: usize = 400;
/// The longest time that one step of an input lets pass.
const STEP_MAX: Duration = Duration::from_millis(255);

/// Two peers and a network that does with each datagram what the next byte of
/// `input` says: deliver, lose, double, cut or corrupt it, or put something
/// else in its place. It must return for every input.
pub fn peer(input: &[u8]) {
    let mut script = Script(input);
    let mut pair = Pair::new(script.byte());
    for _ in 0..DATAGRAMS_MAX {
        if script.0.is_empty() {
            break;
        }
        pair.step(&mut script);
    }
}

struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }
}

struct Side {
    peer: Peer,
    address: SocketAddr,
    sequence: u16,
}

struct Pair {
    sides: [Side; 2],
    now: Instant,
}

/// Certificates are costly to make, and say nothing of an input.
fn identities() -> &'static [Identity; 2] {
    static IDENTITIES: OnceLock<[Identity; 2]> = OnceLock::new();
    let made = || Identity::generate().expect("a certificate");
    IDENTITIES.get_or_init(|| [made(), made()])
}

impl Pair {
    /// The kind says whether there is ICE and what speaks DTLS on each side.
    fn new(kind: u8) -> Self {
        let with_ice = kind & 1 != 0;
        let stack = |bit: u8| {
            if kind & bit == 0 { DtlsStack::Dimpl } else { DtlsStack::Openssl }
        };
        let now = Instant::now();
        let addresses: [SocketAddr; 2] =
            [SocketAddr::from(([192, 0, 2, 1], 4_000)), SocketAddr::from(([192, 0, 2, 2], 5_000))];
        let sides = [0_u8, 1].map(|place| {
            let identity = identities()[usize::from(place)].clone();
            let address = addresses[usize::from(place)];
            let ice = with_ice.then(|| IceLocal {
                credentials: credentials(place),
                candidates: vec![address],
                tie_breaker: u64::from(place),
            });
            Side { peer: Peer::new(PeerConfig { identity, ice }), address, sequence: 0 }
        });
        let mut pair = Self { sides, now };
        pair.learn(0, DtlsRole::Client, stack(2), with_ice);
        pair.learn(1, DtlsRole::Server, stack(4), with_ice);
        pair
    }

    /// One side gets the other's description.
    fn learn(&mut self, place: usize, role: DtlsRole, stack: DtlsStack, with_ice: bool) {
        let other = 1 - place;
        let digest = identities()[other].digest().to_vec();
        let fingerprints = vec![Fingerprint { algorithm: "sha-256".to_owned(), digest }];
        let address = self.sides[other].address;
        let remote = Remote {
            rtp: Some(address),
            rtcp: Some(address),
            rtcp_mux: true,
            payload_types: 1,
            is_rtp: true,
            security: Security::Dtls { role, stack, fingerprints },
            ice: with_ice.then(|| IceRemote {
                credentials: credentials(if other == 0 { 0 } else { 1 }),
                is_lite: other == 1,
                candidates: vec![address],
            }),
        };
        self.sides[place].peer.set_remote(&remote, self.now).expect("no keys are given");
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let order = script.byte();
        let from = usize::from(order >> 7);
        let datagram = self.next_datagram(from);
        let (source, target) = (self.sides[from].address, 1 - from);
        match order & 7 {
            0 | 1 => self.deliver(target, source, datagram),
            2 => {}
            3 => {
                self.deliver(target, source, datagram.clone());
                self.deliver(target, source, datagram);
            }
            4 => self.deliver(target, source, corrupted(datagram, script)),
            5 => {
                let length = usize::from(script.byte()) * 8;
                self.deliver(target, source, datagram.into_iter().take(length).collect());
            }
            6 => {
                let length = usize::from(script.byte());
                let stranger = SocketAddr::from(([203, 0, 113, 6], 6_666));
                let source = if script.byte() & 1 == 0 { source } else { stranger };
                let bytes = script.take(length);
                self.deliver(target, source, bytes);
            }
            _ => self.pass_time(Duration::from_millis(u64::from(script.byte()))),
        }
    }

    /// What a side wants sent, or a media packet when it wants nothing.
    fn next_datagram(&mut self, from: usize) -> Vec<u8> {
        let side = &mut self.sides[from];
        while let Some(output) = side.peer.poll_output() {
            if let Output::Transmit { datagram, .. } = output {
                return datagram;
            }
        }
        side.sequence = side.sequence.wrapping_add(1);
        let mut packet = vec![0x80, 0];
        packet.extend(side.sequence.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 9]);
        packet.resize(12 + 160, 0xd5);
        let length = packet.len();
        packet.resize(length + PROTECTION_BYTES_MAX, 0);
        let protected = side.peer.protect_rtp(&mut packet, length);
        packet.truncate(protected.map_or(length, |protected| protected.length));
        packet
    }

    fn deliver(&mut self, target: usize, source: SocketAddr, mut datagram: Vec<u8>) {
        let peer = &mut self.sides[target].peer;
        std::hint::black_box(peer.handle_packet(Component::Rtp, source, &mut datagram, self.now));
    }

    fn pass_time(&mut self, time: Duration) {
        self.now += time.min(STEP_MAX);
        for side in &mut self.sides {
            side.peer.handle_timeout(self.now);
        }
    }
}

fn credentials(place: u8) -> IceCredentials {
    IceCredentials::from_random(&[place + 1; 32])
}

fn corrupted(mut datagram: Vec<u8>, script: &mut Script<'_>) -> Vec<u8> {
    let (place, change) = (usize::from(script.byte()) * 6, script.byte());
    if let Some(byte) = datagram.get_mut(place) {
        *byte ^= change;
    }
    datagram
}
