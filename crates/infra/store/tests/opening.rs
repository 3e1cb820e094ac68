//! What is said when the database cannot be opened, and what a good one holds.

mod rig;

use offhook_store::{SecretName, Store, StoreError};
use rig::Rig;
use std::path::Path;

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("absent");
    let error = Store::open(&missing.join("offhook.db")).await.unwrap_err();
    assert_eq!(error, StoreError::FolderMissing(missing.clone()));
    assert!(error.to_string().contains(missing.to_str().unwrap()));
}

#[tokio::test]
async fn a_place_where_nothing_can_be_written_is_named() {
    // Nobody, not even root, makes files in /proc.
    let path = Path::new("/proc/offhook.db");
    let error = Store::open(path).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotWritable { path: at, .. } if at == path), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offhook.db");
    let text = "This is a shopping list.\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert_eq!(Store::open(&path).await.unwrap_err(), StoreError::NotADatabase(path.clone()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let rig = Rig::new().await;
    let Store::Sqlite(pool) = &rig.store;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', 1, x'00', 0)";
    sqlx::query(newer).execute(pool).await.unwrap();
    rig.store.close().await;
    let error = Store::open(&rig.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::OtherVersion(_)), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::new().await;
    let mode = std::fs::metadata(rig.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn secrets_are_drawn_once_and_differ() {
    let rig = Rig::new().await;
    let guest = rig.store.secret(SecretName::GuestKey).await.unwrap();
    assert_ne!(guest, rig.store.secret(SecretName::TokenKey).await.unwrap());
    rig.store.close().await;
    let again = Store::open(&rig.path()).await.unwrap();
    assert_eq!(again.secret(SecretName::GuestKey).await.unwrap(), guest);
    let other = Rig::new().await;
    assert_ne!(other.store.secret(SecretName::GuestKey).await.unwrap(), guest);
}

#[tokio::test]
async fn a_read_only_database_says_so() {
    let rig = Rig::new().await;
    let Store::Sqlite(pool) = &rig.store;
    // Every connection of the pool, since any may serve the write.
    let mut connections = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        let mut connection = pool.acquire().await.unwrap();
        sqlx::query("PRAGMA query_only = ON").execute(&mut *connection).await.unwrap();
        connections.push(connection);
    }
    drop(connections);
    let error = rig.store.write_records(&[rig::record(1)]).await.unwrap_err();
    assert_eq!(error, StoreError::ReadOnly);
    assert!(error.is_passing());
}
