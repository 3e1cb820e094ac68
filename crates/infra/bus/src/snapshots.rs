//! What is kept of calls, so that another process can go on with them.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A call as text that its owner wrote and alone reads. It has secrets in it and does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct CallSnapshot(pub String);

impl std::fmt::Debug for CallSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallSnapshot({} bytes)", self.0.len())
    }
}

/// What is to be kept of a call from here on. A later change takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotChange {
    /// Names the call.
    pub call_id: String,
    /// The call; `None` when it has ended and nothing is kept.
    pub snapshot: Option<CallSnapshot>,
}

/// Why a snapshot cannot be read. Nothing of it is shown: it has secrets in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Another version of Offhook wrote it.
    #[error("the snapshot has the version {found}, and this Offhook reads version {expected}")]
    Version {
        /// That of the snapshot.
        found: u32,
        /// That which is read.
        expected: u32,
    },
    /// It is damaged.
    #[error("the snapshot cannot be read, from its byte {0} on")]
    Malformed(usize),
}

/// Reads a snapshot, a JSON object whose `version` must be this one.
///
/// # Errors
/// When it is another, or the rest does not fit.
pub fn read_snapshot<T: DeserializeOwned>(text: &str, version: u32) -> Result<T, Unreadable> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    // The error's own text may show what it has found.
    let malformed = |error: serde_json::Error| Unreadable::Malformed(error.column());
    let Versioned { version: found } = serde_json::from_str(text).map_err(malformed)?;
    if found != version {
        return Err(Unreadable::Version { found, expected: version });
    }
    serde_json::from_str(text).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_does_not_show_itself() {
        let snapshot = CallSnapshot("a secret".to_owned());
        assert_eq!(format!("{snapshot:?}"), "CallSnapshot(8 bytes)");
    }

    #[test]
    fn only_the_version_that_is_known_is_read() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Kept {
            key: String,
        }
        let read = |text| read_snapshot::<Kept>(text, 2);
        let kept = Kept { key: "k".to_owned() };
        assert_eq!(read(r#"{"version":2,"key":"k"}"#), Ok(kept));
        let other = read(r#"{"version":1,"key":7}"#);
        assert_eq!(other, Err(Unreadable::Version { found: 1, expected: 2 }));
        for bad in ["", "[]", r#"{"key":"k"}"#, r#"{"version":2}"#, r#"{"version":2,"key":7}"#] {
            assert!(matches!(read(bad), Err(Unreadable::Malformed(_))), "{bad}");
        }
    }
}
