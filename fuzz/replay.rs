// Gives the corpora to what the targets run; the crates' tests include this
// file, so that what made trouble once stays found.

use std::path::Path;

/// Gives each file of a target's corpus to `run` and says how many there were.
/// The names are printed, so that a failing test tells which file it was.
pub fn replay(target: &str, run: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus").join(target);
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
