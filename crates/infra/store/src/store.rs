use crate::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a statement waits for another process's lock before it fails with [`StoreError::Locked`].
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to the database, each with a thread and a cache of pages.
const CONNECTIONS_MAX: u32 = 3;
/// How long a caller waits for one of them.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The database. Cheap to clone; all clones share its connections.
#[derive(Debug, Clone)]
pub enum Store {
    /// A file on this machine.
    Sqlite(SqlitePool),
}

impl Store {
    /// Opens the database file, makes it when it is absent, and brings its tables up to date.
    ///
    /// A new file can be read by its owner only, since it holds the passwords of devices.
    ///
    /// # Errors
    /// Says whether the folder is missing, the file cannot be written, is no database, is locked, or was
    /// made by another version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, BUSY_TIMEOUT).await
    }

    /// Opens the database with another time-out for locks than [`BUSY_TIMEOUT`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        create_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(busy_timeout);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|error| named(error.into(), path))?;
        MIGRATIONS.run(&pool).await.map_err(|error| named(from_migration(error), path))?;
        let store = Self::Sqlite(pool);
        store.empty_active_calls().await?;
        store.end_interrupted_recordings().await?;
        store.end_interrupted_stays().await?;
        Ok(store)
    }

    /// Opens the database of a server that runs, which brings its tables up to date itself.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub async fn open_beside(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        Ok(Self::Sqlite(pool.map_err(|error| named(error.into(), path))?))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// What keeps it from answering.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(self.pool()).await?;
        Ok(())
    }

    /// Finishes what is being written and closes the file.
    pub async fn close(&self) {
        self.pool().close().await;
    }

    pub(crate) fn pool(&self) -> &SqlitePool {
        match self {
            Self::Sqlite(pool) => pool,
        }
    }
}

/// Makes an absent file with mode 0600, and finds out early what is wrong with the place.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(StoreError::FolderMissing(folder.to_owned()));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => StoreError::NotWritable { path: path.to_owned(), reason: error.to_string() },
    })
}

fn from_migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => StoreError::OtherVersion(other.to_string()),
    }
}

/// Puts the file's name into an error that was made where only SQLite's code was known.
fn named(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::NotADatabase(_) => StoreError::NotADatabase(path.to_owned()),
        StoreError::ReadOnly => {
            StoreError::NotWritable { path: path.to_owned(), reason: "it is read-only".to_owned() }
        }
        other => other,
    }
}

/// The wall clock in milliseconds of Unix time.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A moment or a count as SQL keeps it; what does not fit is held at the largest number.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The reverse of [`to_sql`]; a negative number, which nothing here writes, is read as zero.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
