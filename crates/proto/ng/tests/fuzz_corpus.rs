//! Replays the corpus of the fuzz target: what made trouble once stays found.

use std::path::Path;

#[test]
fn messages_of_the_corpus_return() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/ng");
    let files = std::fs::read_dir(&folder).expect("the corpus is in the repository");
    let mut count = 0;
    for file in files {
        let path = file.expect("a readable folder").path();
        offhook_ng::fuzz(&std::fs::read(path).expect("a readable file"));
        count += 1;
    }
    assert!(count >= 18);
}
