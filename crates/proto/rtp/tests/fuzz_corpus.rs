//! Replays the corpora of the fuzz targets: what made trouble once stays found.

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn packets_of_the_corpus_return() {
    assert!(replay("rtp", offhook_rtp::fuzz_rtp) >= 10);
}

#[test]
fn reports_of_the_corpus_return() {
    assert!(replay("rtcp", offhook_rtp::fuzz_rtcp) >= 10);
}

#[test]
fn events_of_the_corpus_return() {
    assert!(replay("telephone_event", offhook_rtp::fuzz_events) >= 10);
}
