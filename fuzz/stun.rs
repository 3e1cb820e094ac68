// What the stun target runs; the media peer's tests include this file to
// replay the corpus.

use std::net::SocketAddr;
use std::time::Instant;

use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceCreds, Protocol};

/// The credentials that the requests of the corpus are signed with.
const UFRAG: &str = "fuzz";
const PASSWORD: &str = "fuzzfuzzfuzzfuzzfuzzfuzz";

/// Hands `input` to a lite ICE agent as a packet from the network. It must
/// return for every input.
pub fn agent(input: &[u8]) {
    let Ok(message) = StunMessage::parse(input) else {
        return;
    };
    let (local, source) =
        (SocketAddr::from(([192, 0, 2, 1], 4_000)), SocketAddr::from(([192, 0, 2, 2], 5_000)));
    let credentials = || IceCreds { ufrag: UFRAG.to_owned(), pass: PASSWORD.to_owned() };
    let mut agent = IceAgent::new(credentials());
    agent.set_ice_lite(true);
    agent.set_controlling(false);
    agent.set_remote_credentials(credentials());
    agent.add_local_candidate(Candidate::host(local, Protocol::Udp).expect("a usable address"));
    let now = Instant::now();
    let packet = StunPacket { proto: Protocol::Udp, source, destination: local, message };
    std::hint::black_box(agent.handle_packet(now, packet));
    agent.handle_timeout(now);
    while let Some(transmit) = agent.poll_transmit() {
        assert!(StunMessage::parse(&transmit.contents).is_ok(), "what the agent sends can be read");
    }
}
