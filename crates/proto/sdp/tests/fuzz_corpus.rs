//! Replays the corpora of the fuzz targets: what made trouble once stays found.

use std::path::Path;

/// Gives each file of a corpus to `run` and says how many there were.
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus is in the repository")
        .map(|file| file.expect("a readable folder").path())
        .collect();
    for file in &files {
        run(&std::fs::read(file).expect("a readable file"));
    }
    files.len()
}

#[test]
fn descriptions_of_the_corpus_return() {
    assert!(replay("sdp", offhook_sdp::fuzz) >= 30);
}
