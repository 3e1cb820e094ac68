//! Replays the corpora of the fuzz targets: what made trouble once stays found.

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use offhook_sip::fuzz;
use replay::replay;

#[test]
fn messages_of_the_corpus_return() {
    assert!(replay("sip_message", fuzz::message) >= 60, "the torture messages at least");
}

#[test]
fn streams_of_the_corpus_return() {
    assert!(replay("sip_stream", fuzz::stream) >= 60, "the torture messages at least");
}

#[test]
fn uris_of_the_corpus_return() {
    assert!(replay("sip_uri", fuzz::uri) >= 20);
}
