//! The file of what legs have reserved, which a killed process leaves behind.
//!
//! It is in memory: a media thread writes into it and never waits for a disk. Each leg has a place of its own,
//! by the port of its RTP. What a machine before its last start had written is not read.

use crate::state::{RESERVED_SOURCES_MAX, Reserved};
use anyhow::Context;
use offhook_model::LegId;
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// Bytes of a place. That of port 0, which no leg has, is the file's head.
const PLACE_BYTES: usize = 256;
/// The beginning of the head, with the form of what follows.
const MAGIC: &[u8; 16] = b"offhook numbers1";
/// The number that the kernel draws at each start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Leg, keys, count of sources and whether they are full, each as a number of eight bytes.
const LEAD_BYTES: usize = 32;
/// A source in four bytes and its index in eight.
const SOURCE_BYTES: usize = 12;

const _: () = assert!(LEAD_BYTES + RESERVED_SOURCES_MAX * SOURCE_BYTES <= PLACE_BYTES);

/// What legs have reserved. Without a file nothing is noted and nothing known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    file: Option<Arc<File>>,
}

impl Numbers {
    /// Opens the file, and makes it when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, another process has it, or somebody else could have written into it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let boot_id = std::fs::read(BOOT_ID).with_context(|| format!("reading {BOOT_ID}"))?;
        let file = open_own(path)?;
        let head = [MAGIC.as_slice(), &boot_id].concat();
        let mut found = vec![0; head.len()];
        if file.read_exact_at(&mut found, 0).is_err() || found != head {
            file.set_len(0)?;
            file.write_all_at(&head, 0)?;
        }
        Ok(Self { file: Some(Arc::new(file)) })
    }

    /// Notes what a leg has reserved, before packets with these numbers are sent.
    pub(crate) fn note(&self, leg: LegId, rtp_port: u16, reserved: &Reserved) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.write_all_at(&print(leg, reserved), offset(rtp_port)) {
            tracing::warn!(%error, "media.numbers_file cannot be written");
        }
    }

    /// What the leg had reserved in the process before; `None` when that is not known.
    pub(crate) fn of(&self, leg: LegId, rtp_port: u16) -> Option<Reserved> {
        let mut place = [0; PLACE_BYTES];
        self.file.as_ref()?.read_exact_at(&mut place, offset(rtp_port)).ok()?;
        parse(leg, &place)
    }
}

/// Opens a file of ours that nobody else reads or writes. The folder may be one in which everybody may write.
fn open_own(path: &Path) -> anyhow::Result<File> {
    let shown = path.display();
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).context("a flag")?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow);
    let file = options.open(path).with_context(|| format!("opening {shown}"))?;
    let found = file.metadata()?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw();
    let is_private = found.is_file() && found.mode() & 0o077 == 0;
    anyhow::ensure!(is_ours && is_private, "{shown} has to be a file of this user's alone");
    // It ends with the process, however that ends.
    let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
    locked.with_context(|| format!("another process has {shown}"))?;
    Ok(file)
}

fn offset(rtp_port: u16) -> u64 {
    u64::from(rtp_port) * PLACE_BYTES as u64
}

fn print(leg: LegId, reserved: &Reserved) -> [u8; PLACE_BYTES] {
    let mut place = [0; PLACE_BYTES];
    let lead =
        [leg.0, reserved.keys.into(), reserved.indices.len() as u64, reserved.is_full.into()];
    for (room, value) in place.chunks_exact_mut(8).zip(lead) {
        room.copy_from_slice(&value.to_be_bytes());
    }
    let rooms = place[LEAD_BYTES..].chunks_exact_mut(SOURCE_BYTES);
    for (room, (ssrc, index)) in rooms.zip(&reserved.indices) {
        room[..4].copy_from_slice(&ssrc.to_be_bytes());
        room[4..].copy_from_slice(&index.to_be_bytes());
    }
    place
}

fn parse(leg: LegId, place: &[u8; PLACE_BYTES]) -> Option<Reserved> {
    let mut lead = place.chunks_exact(8).map(number);
    let (found, keys, count, is_full) = (lead.next()?, lead.next()?, lead.next()?, lead.next()?);
    let count = usize::try_from(count).ok().filter(|count| *count <= RESERVED_SOURCES_MAX)?;
    if found != leg.0 {
        return None;
    }
    let mut reserved = Reserved { keys: u32::try_from(keys).ok()?, ..Reserved::default() };
    let sources = place[LEAD_BYTES..].chunks_exact(SOURCE_BYTES).take(count);
    reserved.indices.extend(sources.map(|room| (number(&room[..4]) as u32, number(&room[4..]))));
    reserved.is_full = is_full != 0;
    Some(reserved)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const LEG: LegId = LegId(1 << 40 | 5);

    fn reserved(count: u32) -> Reserved {
        let mut reserved = Reserved { keys: 3, is_full: true, ..Reserved::default() };
        reserved.indices.extend((0..count).map(|n| (u32::MAX - n, (1 << 48) - 1 - u64::from(n))));
        reserved
    }

    #[test]
    fn what_was_noted_is_found_by_another_process() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("numbers");
        assert_eq!(Numbers::open(&path)?.of(LEG, 30_000), None);
        for count in [0, 1, 16] {
            let numbers = Numbers::open(&path)?;
            numbers.note(LEG, 30_000, &reserved(count));
            let other = LegId(6);
            numbers.note(other, u16::MAX, &Reserved::default());
            Numbers::open(&path).expect_err("a process has it");
            drop(numbers);
            let again = Numbers::open(&path)?;
            assert_eq!(again.of(LEG, 30_000), Some(reserved(count)));
            assert_eq!(again.of(other, u16::MAX), Some(Reserved::default()));
            assert_eq!(again.of(other, 30_000), None, "the port is another leg's by then");
            assert_eq!(again.of(LEG, 30_002), None);
        }
        Ok(())
    }

    #[test]
    fn what_another_start_of_the_machine_has_left_is_not_read() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("numbers");
        Numbers::open(&path)?.note(LEG, 30_000, &reserved(1));
        let file = OpenOptions::new().write(true).open(&path)?;
        file.write_all_at(b"0", MAGIC.len() as u64 + 3)?;
        file.write_all_at(b"1", MAGIC.len() as u64 + 4)?;
        assert_eq!(Numbers::open(&path)?.of(LEG, 30_000), None);
        Ok(())
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("numbers");
        Numbers::open(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
        let error = Numbers::open(&path).expect_err("anybody may have written into it");
        assert!(error.to_string().contains("this user's alone"), "{error}");
        let link = folder.path().join("link");
        symlink(folder.path().join("elsewhere"), &link)?;
        Numbers::open(&link).expect_err("it is a link to somewhere else");
        Ok(())
    }

    #[test]
    fn a_place_that_somebody_has_made_up_is_harmless() {
        let mut place = print(LEG, &reserved(16));
        place[23] = 17;
        assert_eq!(parse(LEG, &place), None);
        assert_eq!(parse(LEG, &[0xff; PLACE_BYTES]), None);
    }
}
