//! Replays the corpora of the fuzz targets: what made trouble once stays found.

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn messages_of_the_corpus_return() {
    assert!(replay("ng", offhook_ng::fuzz) >= 26);
}

#[test]
fn flags_of_the_corpus_return() {
    assert!(replay("ng_flags", offhook_ng::fuzz_flags) >= 10);
}
