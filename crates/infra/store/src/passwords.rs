use crate::StoreError;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// The most bytes a password may have; longer ones are refused before they are hashed.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Hashes being made at the same time: calls need the other cores more than a sign-in does.
const HASHES_AT_ONCE_MAX: usize = 1;
/// Memory per hash in KiB, passes and lanes, as OWASP recommends for argon2id. Of its equivalent choices this
/// one needs more than 32 MiB, which glibc always maps and gives back; blocks below that stay in the heap of
/// each thread that ever hashed.
const MEMORY_KIB: u32 = 46 * 1024;
const PASSES: u32 = 1;
const LANES: u32 = 1;
/// Letters and digits that cannot be mistaken for each other: 57 of them, 5.8 bits each.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Characters of a password that Offhook draws: 116 bits.
const RANDOM_PASSWORD_CHARACTERS: usize = 20;

static HASHING: Semaphore = Semaphore::const_new(HASHES_AT_ONCE_MAX);

/// Draws a password that nobody can guess and a person can type.
///
/// # Errors
/// When the operating system has no randomness.
pub fn random_password() -> Result<String, StoreError> {
    let mut password = String::with_capacity(RANDOM_PASSWORD_CHARACTERS);
    while password.len() < RANDOM_PASSWORD_CHARACTERS {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let unbiased = ALPHABET.len() * (256 / ALPHABET.len());
        let characters =
            bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < unbiased);
        let room = RANDOM_PASSWORD_CHARACTERS - password.len();
        password
            .extend(characters.take(room).map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])));
    }
    Ok(password)
}

/// Hashes a password away from the threads that serve calls.
pub(crate) async fn hash(password: &str) -> Result<String, StoreError> {
    let password = password.to_owned();
    on_own_thread(move || {
        argon2()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| StoreError::Refused(error.to_string()))
    })
    .await?
}

/// Whether the password belongs to the hash. Without a hash it takes as long, and the answer is no, so that
/// a user name that does not exist cannot be told from a wrong password.
pub(crate) async fn verify(password: &str, hash: Option<String>) -> Result<bool, StoreError> {
    let password = password.to_owned();
    on_own_thread(move || match hash.as_deref().map(PasswordHash::new) {
        Some(Ok(hash)) => argon2().verify_password(password.as_bytes(), &hash).is_ok(),
        Some(Err(_)) | None => argon2().hash_password(password.as_bytes()).is_err(),
    })
    .await
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .expect("the constants are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let _permit = HASHING.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_only() {
        let hash = hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{hash}");
        assert!(verify("correct horse", Some(hash.clone())).await.unwrap());
        assert!(!verify("wrong horse", Some(hash)).await.unwrap());
        assert!(!verify("correct horse", None).await.unwrap());
        assert!(!verify("correct horse", Some("not a hash".into())).await.unwrap());
    }

    #[test]
    fn drawn_passwords_differ() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.len(), RANDOM_PASSWORD_CHARACTERS);
        assert_ne!(one, two);
    }
}
