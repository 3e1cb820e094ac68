//! Replays the corpora of the fuzz targets: what made trouble once stays found.

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn values_of_the_corpus_return() {
    assert!(replay("say", offhook_speech::say::fuzz) >= 10);
}
