//! Replays the corpora of the fuzz targets, so that what they found once stays
//! found.

use std::path::PathBuf;

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
