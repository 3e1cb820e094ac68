//! What is sealed is read back at any place, whole or cut short, and nothing else is.

use offhook_sealed::{CHUNK_BYTES, HEADER_BYTES, Key, KeyRing, OpenError, Recording, Sealer};
use proptest::prelude::*;
use std::io::{Cursor, ErrorKind};

const TAG_BYTES: usize = 16;

fn key(number: u8) -> Key {
    Key::parse(&std::array::from_fn::<u8, 32, _>(|at| at as u8 ^ number)).expect("32 bytes")
}

fn ring(number: u8) -> KeyRing {
    KeyRing::new(vec![key(number)])
}

/// A file of these bytes, handed over in pieces of so many.
fn seal(plain: &[u8], piece: usize, is_finished: bool) -> Vec<u8> {
    let mut sealer = Sealer::new(&key(1), [9; 32]);
    let mut file = sealer.header().to_vec();
    for piece in plain.chunks(piece) {
        sealer.push(piece, &mut file);
    }
    if is_finished {
        sealer.finish(&mut file);
    }
    file
}

fn open(file: &[u8]) -> Recording<Cursor<&[u8]>> {
    Recording::open(Cursor::new(file), &ring(1)).expect("it opens")
}

fn read_all(recording: &mut Recording<Cursor<&[u8]>>) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = [0; 1_000];
    loop {
        match recording.read_at(all.len() as u64, &mut buffer)? {
            0 => return Ok(all),
            read => all.extend_from_slice(&buffer[..read]),
        }
    }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

proptest! {
    #[test]
    fn what_is_sealed_is_read_back(length in 0..20_000_usize, piece in 1..9_000_usize, at in 0..20_000_u64) {
        let plain = noise(length);
        let file = seal(&plain, piece, true);
        let mut recording = open(&file);
        prop_assert!(recording.is_complete() && recording.is_sealed());
        prop_assert_eq!(recording.length(), length as u64);
        prop_assert_eq!(&read_all(&mut recording).expect("reads"), &plain);
        let mut buffer = [0; 100];
        let read = recording.read_at(at, &mut buffer).expect("reads");
        let rest = plain.get(at as usize..).unwrap_or_default();
        prop_assert_eq!(&buffer[..read], &rest[..read]);
        prop_assert_eq!(read == 0, rest.is_empty());
    }

    #[test]
    fn of_a_file_that_was_cut_every_whole_chunk_is_read(length in 0..20_000_usize, cut in 0..30_000_usize) {
        let plain = noise(length);
        let mut file = seal(&plain, 777, true);
        let whole = file.len();
        file.truncate(HEADER_BYTES.max(whole.saturating_sub(cut)));
        let mut recording = open(&file);
        let chunks = (file.len() - HEADER_BYTES) / (CHUNK_BYTES + TAG_BYTES);
        let wanted = if file.len() == whole { length } else { chunks * CHUNK_BYTES };
        prop_assert_eq!(recording.is_complete(), file.len() == whole);
        prop_assert_eq!(&read_all(&mut recording).expect("reads"), &plain[..wanted]);
    }

    #[test]
    fn a_changed_byte_is_noticed(length in 1..12_000_usize, at in 0..12_000_usize, bit in 0..8_u32) {
        let plain = noise(length);
        let mut file = seal(&plain, 500, true);
        let at = at % file.len();
        file[at] ^= 1 << bit;
        match Recording::open(Cursor::new(file.as_slice()), &ring(1)) {
            Err(_) => {}
            Ok(recording) if !recording.is_sealed() => prop_assert!(at < 8),
            Ok(mut recording) => match read_all(&mut recording) {
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidData),
                // A last chunk that does not open is as if it had not been written.
                Ok(read) => {
                    prop_assert!(!recording.is_complete());
                    prop_assert_eq!(&read[..], &plain[..read.len()]);
                }
            },
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(mut file in prop::collection::vec(any::<u8>(), 0..600), magic in any::<bool>()) {
        if magic {
            let header = seal(&[], 1, false);
            let length = file.len().min(header.len());
            file[..length].copy_from_slice(&header[..length]);
        }
        if let Ok(mut recording) = Recording::open(Cursor::new(file.as_slice()), &ring(1)) {
            drop(read_all(&mut recording));
        }
    }
}

#[test]
fn chunks_cannot_change_places_or_files() {
    let plain = noise(3 * CHUNK_BYTES);
    let sealed = CHUNK_BYTES + TAG_BYTES;
    let mut swapped = seal(&plain, 512, true);
    let (one, rest) = swapped[HEADER_BYTES..].split_at_mut(sealed);
    one.swap_with_slice(&mut rest[..sealed]);
    let opened = Recording::open(Cursor::new(swapped.as_slice()), &ring(1));
    assert!(matches!(opened, Err(OpenError::Io(e)) if e.kind() == ErrorKind::InvalidData));
    let mut missing = seal(&plain, 512, true);
    missing.drain(HEADER_BYTES..HEADER_BYTES + sealed);
    assert!(Recording::open(Cursor::new(missing.as_slice()), &ring(1)).is_err());
}

#[test]
fn the_end_cannot_be_taken_for_another() {
    let file = seal(&noise(CHUNK_BYTES + 100), 512, true);
    let cut = HEADER_BYTES + CHUNK_BYTES + TAG_BYTES;
    let mut recording = open(&file[..cut]);
    assert!(!recording.is_complete(), "the last chunk is gone");
    assert_eq!(read_all(&mut recording).expect("reads").len(), CHUNK_BYTES);
}

#[test]
fn two_files_of_one_key_have_nothing_in_common() {
    let mut files = [1, 2].map(|salt| {
        let mut sealer = Sealer::new(&key(1), [salt; 32]);
        let mut file = sealer.header().to_vec();
        sealer.push(&[0; CHUNK_BYTES], &mut file);
        sealer.finish(&mut file);
        file.split_off(HEADER_BYTES)
    });
    let [one, other] = &mut files;
    let same = one.iter().zip(other.iter()).filter(|(a, b)| a == b).count();
    assert!(same < CHUNK_BYTES / 50, "{same} bytes are the same");
}

#[test]
fn another_key_and_another_version_are_told_apart() {
    let mut file = seal(b"secret", 6, true);
    let opened = Recording::open(Cursor::new(file.as_slice()), &ring(2));
    assert!(matches!(opened, Err(OpenError::NoKey(id)) if id == key(1).id()));
    let both = KeyRing::new(vec![key(2), key(1)]);
    assert!(Recording::open(Cursor::new(file.as_slice()), &both).is_ok());
    file[8] = 2;
    let opened = Recording::open(Cursor::new(file.as_slice()), &ring(1));
    assert!(matches!(opened, Err(OpenError::UnknownVersion)));
}

#[test]
fn a_file_that_was_never_sealed_is_read_as_it_is() {
    let mut recording = open(b"RIFF and so on");
    assert!(!recording.is_sealed() && recording.is_complete());
    assert_eq!(read_all(&mut recording).expect("reads"), b"RIFF and so on");
    assert_eq!(open(b"").length(), 0);
}

#[test]
fn a_wav_says_how_long_it_became() {
    let mut plain = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    plain.extend([0; 20]);
    plain.extend(b"data\xff\xff\xff\xff");
    plain.extend(noise(9_000));
    for is_finished in [true, false] {
        let file = seal(&plain, 600, is_finished);
        let mut recording = open(&file);
        let read = read_all(&mut recording).expect("reads");
        let length = |at: usize| u32::from_le_bytes(read[at..at + 4].try_into().expect("four"));
        assert_eq!(length(4) as usize, read.len() - 8);
        assert_eq!(length(40) as usize, read.len() - 44);
        assert_eq!(read[44..], plain[44..read.len()]);
        let mut part = [0; 8];
        assert_eq!(recording.read_at(40, &mut part).expect("reads"), 4, "up to the header's end");
    }
}
