//! Recordings that are encrypted at rest.
//!
//! A sealed file is a header and chunks of [`CHUNK_BYTES`], each encrypted and authenticated by itself with
//! AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015): the nonce has the
//! chunk's number and whether it is the last, so that chunks cannot be exchanged, repeated or left out, and
//! the end cannot be cut off unnoticed. No chunk is ever written twice. What a killed process leaves is a
//! file without a last chunk, of which every whole chunk can be read.
//!
//! [`Sealer`] makes such a file and [`Recording`] reads one at any place, or a file that was never sealed.
//! [`Key`]s come from key files, whose text this crate parses; it opens no file and draws no random number.

mod format;
mod key;
mod recording;
mod sealer;

pub use format::{CHUNK_BYTES, HEADER_BYTES, SALT_BYTES};
pub use key::{KEYS_MAX, Key, KeyError, KeyId, KeyRing};
pub use recording::{OpenError, Recording};
pub use sealer::Sealer;
