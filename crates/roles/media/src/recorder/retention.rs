//! Which recordings are old enough to go.

use super::storage::ENCRYPTED_EXTENSION;
use std::ffi::OsStr;
use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folders within folders that are looked into: year, month and day.
const DEPTH_MAX: u32 = 3;

/// Deletes the recordings beneath the folder that were last written longer than `age` before `now`, and the
/// folders that this leaves empty; which they were, relative to the folder. Only `.wav` and `.ogg` files are
/// recordings, and encrypted ones, and links are not followed.
///
/// # Errors
/// When the folder cannot be listed. What cannot be deleted is logged and tried again the next time.
pub fn delete_older(folder: &Path, age: Duration, now: SystemTime) -> io::Result<Vec<PathBuf>> {
    let Some(limit) = now.checked_sub(age) else { return Ok(Vec::new()) };
    let deleted = delete_in(folder, limit, DEPTH_MAX)?;
    let within = |path: PathBuf| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path);
    Ok(deleted.into_iter().map(within).collect())
}

fn delete_in(folder: &Path, limit: SystemTime, depth: u32) -> io::Result<Vec<PathBuf>> {
    let mut deleted = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match visit(&entry, limit, depth) {
            Ok(more) => deleted.extend(more),
            Err(error) => tracing::warn!(%error, "an old recording cannot be deleted"),
        }
    }
    Ok(deleted)
}

fn visit(entry: &DirEntry, limit: SystemTime, depth: u32) -> io::Result<Vec<PathBuf>> {
    let path = entry.path();
    // This is what a link is, not what it leads to.
    let metadata = entry.metadata()?;
    if metadata.is_dir() && depth > 0 {
        let deleted = delete_in(&path, limit, depth - 1)?;
        if !deleted.is_empty() && std::fs::read_dir(&path)?.next().is_none() {
            std::fs::remove_dir(&path)?;
        }
        return Ok(deleted);
    }
    if !is_old_recording(&path, &metadata, limit)? {
        return Ok(Vec::new());
    }
    std::fs::remove_file(&path)?;
    Ok(vec![path])
}

fn is_old_recording(path: &Path, metadata: &Metadata, limit: SystemTime) -> io::Result<bool> {
    let kinds = ["wav", "ogg", ENCRYPTED_EXTENSION].map(OsStr::new);
    let is_recording = path.extension().is_some_and(|kind| kinds.contains(&kind));
    Ok(metadata.is_file() && is_recording && metadata.modified()? < limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    const DAY: Duration = Duration::from_secs(86_400);

    fn write(folder: &Path, name: &str, age: Duration, now: SystemTime) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("is made");
        File::create(&path).expect("is made").set_modified(now - age).expect("is aged");
        path
    }

    #[test]
    fn old_recordings_go_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("offhook-retention-{}", std::process::id()));
        let now = SystemTime::now();
        let old = write(&folder, "2026/01/02/a.wav", DAY * 31, now);
        let old_opus = write(&folder, "2026/02/02/a.ogg", DAY * 31, now);
        let old_sealed = write(&folder, "2026/02/02/a.wav.enc", DAY * 31, now);
        let young = write(&folder, "2026/02/02/b.wav", DAY * 29, now);
        let foreign = write(&folder, "2026/01/notes.txt", DAY * 500, now);
        let linked = write(&folder, "linked/c.wav", DAY * 500, now);
        let recordings = folder.join("2026");
        std::os::unix::fs::symlink(folder.join("linked"), recordings.join("link")).expect("a link");
        let mut deleted = delete_older(&recordings, DAY * 30, now).expect("a folder");
        deleted.sort();
        assert_eq!(deleted, ["01/02/a.wav", "02/02/a.ogg", "02/02/a.wav.enc"].map(PathBuf::from));
        assert!(!old.exists() && !old_opus.exists() && !old_sealed.exists());
        assert!(young.exists() && foreign.exists() && linked.exists());
        assert!(!recordings.join("01/02").exists(), "an empty folder goes too");
        assert!(delete_older(&recordings, DAY * 30, now).expect("a folder").is_empty());
        std::fs::remove_dir_all(&folder).expect("the folder goes");
        assert!(delete_older(&folder, DAY, now).is_err());
    }
}
