//! Replays the corpora of the fuzz targets: what made trouble once stays found.

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn descriptions_of_the_corpus_return() {
    assert!(replay("sdp", offhook_sdp::fuzz) >= 30);
}

#[test]
fn edits_of_the_corpus_return() {
    assert!(replay("sdp_edit", offhook_sdp::fuzz_edit) >= 10);
    assert!(replay("sdp", offhook_sdp::fuzz_edit) >= 30);
}
