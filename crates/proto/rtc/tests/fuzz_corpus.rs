//! Replays the corpora of the fuzz targets, so that what they found once stays
//! found.

use std::path::PathBuf;

#[path = "../../../../fuzz/peer.rs"]
mod peer;
#[path = "../../../../fuzz/stun.rs"]
mod stun;

/// Hands each file of a target's corpus to `run` and gives their number.
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus").join(target);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut file_count = 0;
    for entry in entries {
        let path = entry.expect("an entry").path();
        let input =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        eprintln!("{}", path.display());
        run(&input);
        file_count += 1;
    }
    file_count
}

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
