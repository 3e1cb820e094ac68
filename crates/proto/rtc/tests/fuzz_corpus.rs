//! Replays the corpora of the fuzz targets: what made trouble once stays found.

#[path = "../../../../fuzz/peer.rs"]
mod peer;
#[path = "../../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../../fuzz/stun.rs"]
mod stun;

use replay::replay;

#[test]
fn the_stun_corpus_returns() {
    assert!(replay("stun", stun::agent) >= 10);
}

#[test]
fn the_peer_corpus_returns() {
    assert!(replay("peer", peer::peer) >= 10);
}

/// Scripts that nobody wrote: each kind of pair, and a network that mostly delivers.
#[test]
fn a_hostile_network_between_two_peers_does_no_harm() {
    for seed in 0..200_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut script = vec![(seed % 8).to_le_bytes()[0]];
        script.extend((0..300).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let byte = state.to_le_bytes()[3];
            // Half of all datagrams arrive whole, so that handshakes get somewhere.
            if byte & 0x10 == 0 { byte & 0x80 } else { byte }
        }));
        peer::peer(&script);
    }
}
