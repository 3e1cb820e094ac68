//! Recordings that are encrypted: their key files, and decrypting one at a shell.

use anyhow::{Context, bail, ensure};
use offhook_sealed::{KEYS_MAX, Key, KeyRing, Recording};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Bytes of a key file at most: a key as text, and white space.
const KEY_FILE_BYTES_MAX: u64 = 1_024;
/// Bytes that are decrypted at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// The right of everybody to read a file.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Reads the key files, the one that encrypts first.
pub(crate) fn load_keys(files: &[PathBuf]) -> anyhow::Result<KeyRing> {
    ensure!(files.len() <= KEYS_MAX, "there are {} key files, at most {KEYS_MAX}", files.len());
    let keys: anyhow::Result<Vec<Key>> = files.iter().map(|file| load_key(file)).collect();
    Ok(KeyRing::new(keys?))
}

fn load_key(path: &Path) -> anyhow::Result<Key> {
    let named = || format!("the key file {}", path.display());
    let file = File::open(path).with_context(named)?;
    let mode = file.metadata().with_context(named)?.permissions().mode();
    if mode & READABLE_BY_OTHERS != 0 {
        bail!(
            "the key file {0} can be read by everybody (mode {1:o}): `chmod o-rwx {0}`",
            path.display(),
            mode & 0o777
        );
    }
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut bytes).with_context(named)?;
    Key::parse(&bytes).with_context(named)
}

/// Writes what a recording has, decrypted, and says when it was cut short.
pub(crate) fn decrypt(
    path: &Path,
    key_files: &[PathBuf],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let keys = load_keys(key_files)?;
    let named = || format!("the recording {}", path.display());
    let file = File::open(path).with_context(named)?;
    let mut recording = Recording::open(file, &keys).with_context(named)?;
    ensure!(recording.is_sealed(), "the recording {} is not encrypted", path.display());
    let mut piece = vec![0; PIECE_BYTES];
    let mut written = 0;
    loop {
        let read = recording.read_at(written, &mut piece).with_context(named)?;
        if read == 0 {
            break;
        }
        out.write_all(&piece[..read]).context("writing what was decrypted")?;
        written += read as u64;
    }
    out.flush().context("writing what was decrypted")?;
    ensure!(
        recording.is_complete(),
        "the recording {} has no end: it is still being made, or its making was cut short, or somebody \
         shortened it; all {written} bytes that are there were written",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_sealed::Sealer;

    fn write(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("is written");
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).expect("is set");
        path
    }

    fn refusal<T: std::fmt::Debug>(result: anyhow::Result<T>) -> String {
        format!("{:#}", result.expect_err("refused"))
    }

    #[test]
    fn a_key_file_that_cannot_be_used_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let key: Vec<u8> = (0..32).collect();
        let good = write(folder.path(), "good", &key, 0o640);
        assert!(load_keys(&[good]).expect("loads").sealing_key().is_some());
        let missing = refusal(load_keys(&[folder.path().join("missing")]));
        assert!(missing.contains("missing") && missing.contains("No such file"), "{missing}");
        let short = refusal(load_keys(&[write(folder.path(), "short", &key[1..], 0o600)]));
        assert!(short.contains("short") && short.contains("31 bytes"), "{short}");
        let open = refusal(load_keys(&[write(folder.path(), "open", &key, 0o644)]));
        assert!(open.contains("mode 644") && open.contains("chmod o-rwx"), "{open}");
        let many = vec![PathBuf::from("k"); KEYS_MAX + 1];
        assert!(refusal(load_keys(&many)).contains("at most 32"));
        assert_eq!(load_keys(&[]).expect("none"), KeyRing::default());
    }

    #[test]
    fn a_recording_is_decrypted_with_the_key_that_it_was_made_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let key: Vec<u8> = (0..32).collect();
        let key_file = write(folder.path(), "key", &key, 0o600);
        let newer = write(folder.path(), "newer", &[&key[1..], &[99]].concat(), 0o600);
        let mut sealer = Sealer::new(&Key::parse(&key).expect("a key"), [3; 32]);
        let mut sealed = sealer.header().to_vec();
        let speech = vec![7; 100_000];
        sealer.push(&speech, &mut sealed);
        let cut = write(folder.path(), "cut", &sealed, 0o600);
        sealer.finish(&mut sealed);
        let whole = write(folder.path(), "whole", &sealed, 0o600);

        let mut out = Vec::new();
        decrypt(&whole, &[newer.clone(), key_file.clone()], &mut out).expect("decrypts");
        assert_eq!(out, speech);
        let mut out = Vec::new();
        let short = refusal(decrypt(&cut, std::slice::from_ref(&key_file), &mut out));
        assert!(short.contains("no end") && short.contains("98304 bytes"), "{short}");
        assert_eq!(out, speech[..98_304]);
        let other = refusal(decrypt(&whole, &[newer], &mut Vec::new()));
        assert!(other.contains("not among the key files"), "{other}");
        let plain = write(folder.path(), "plain", b"RIFF", 0o600);
        assert!(refusal(decrypt(&plain, &[key_file], &mut Vec::new())).contains("not encrypted"));
    }
}
