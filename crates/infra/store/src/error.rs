use sqlx::error::ErrorKind;
use std::path::PathBuf;

/// Why the store could not do what was asked, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Make the folder, or name another one.
    #[error("the folder {} does not exist", .0.display())]
    FolderMissing(PathBuf),
    /// Give the process the right to write there.
    #[error("the database {} cannot be written: {reason}", .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// Name another file: this one holds something else, or is damaged.
    #[error("{} is not an SQLite database, or is damaged", .0.display())]
    NotADatabase(PathBuf),
    /// Start a newer Offhook, or restore a backup of this version: the tables were made by another version.
    #[error("the database was made by another version of Offhook: {0}")]
    OtherVersion(String),
    /// Make room on the disk; then try again.
    #[error("the disk is full")]
    DiskFull,
    /// Try again: another process holds the database.
    #[error("the database is locked by another process")]
    Locked,
    /// Make the database writable; then try again.
    #[error("the database is read-only")]
    ReadOnly,
    /// Choose another name: this one is in use.
    #[error("{0} exists already")]
    Taken(&'static str),
    /// Name one that exists.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Remove some first.
    #[error("there are {limit} {what} already, which is the most")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: usize,
    },
    /// Make another administrator first.
    #[error("this is the last administrator")]
    LastAdministrator,
    /// Do not try again with the same values: the database refuses them.
    #[error("the database refuses the values: {0}")]
    Refused(String),
    /// Try again later: the database does not answer.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// Whether the same request may succeed later without a change to it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::DiskFull | Self::Locked | Self::ReadOnly | Self::Unavailable(_))
    }
}

/// Primary result codes of SQLite.
mod sqlite {
    pub const BUSY: u32 = 5;
    pub const LOCKED: u32 = 6;
    pub const READONLY: u32 = 8;
    pub const IOERR: u32 = 10;
    pub const CORRUPT: u32 = 11;
    pub const FULL: u32 = 13;
    pub const CANTOPEN: u32 = 14;
    pub const TOO_BIG: u32 = 18;
    pub const CONSTRAINT: u32 = 19;
    pub const MISMATCH: u32 = 20;
    pub const NOTADB: u32 = 26;
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound("row"),
            sqlx::Error::Database(inner) => from_database(inner.as_ref()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    match (code.map(|code| code & 0xff), error.kind()) {
        (Some(sqlite::BUSY | sqlite::LOCKED), _) => StoreError::Locked,
        (Some(sqlite::READONLY), _) => StoreError::ReadOnly,
        (Some(sqlite::FULL), _) => StoreError::DiskFull,
        (Some(sqlite::CORRUPT | sqlite::NOTADB), _) => StoreError::NotADatabase(PathBuf::new()),
        (Some(sqlite::IOERR | sqlite::CANTOPEN), _) => StoreError::Unavailable(error.to_string()),
        (_, ErrorKind::UniqueViolation) => StoreError::Taken("the name"),
        (Some(sqlite::CONSTRAINT | sqlite::MISMATCH | sqlite::TOO_BIG), _) => {
            StoreError::Refused(error.to_string())
        }
        (_, ErrorKind::Other) => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Refused(error.to_string()),
    }
}
