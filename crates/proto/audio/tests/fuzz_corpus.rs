//! Replays the corpora of the fuzz targets: what made trouble once stays found.

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use offhook_audio::fuzz;
use replay::replay;

#[test]
fn sound_files_of_the_corpus_return() {
    assert!(replay("sound_file", fuzz::file) >= 10);
}

#[test]
fn payloads_of_the_corpus_return() {
    assert!(replay("audio_payload", fuzz::payloads) >= 10);
}

#[test]
fn tones_of_the_corpus_return() {
    assert!(replay("tone_prompt", fuzz::tone) >= 10);
}
