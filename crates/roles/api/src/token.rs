use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use offhook_store::{Session, Store, StoreError, User};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "offhook";

/// What a token says (RFC 7519). The session decides; the rest is for the client to read.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The user's name.
    sub: String,
    /// The user's role.
    role: String,
    /// The session.
    jti: String,
    iat: u64,
    exp: u64,
}

/// Signs and checks the tokens of people who are signed in (HS256).
pub(crate) struct TokenKey {
    sign: EncodingKey,
    check: DecodingKey,
}

impl TokenKey {
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { sign: EncodingKey::from_secret(secret), check: DecodingKey::from_secret(secret) }
    }

    /// A token for a session; `None` never happens with a key of this kind.
    pub fn issue(&self, user: &User, session: &Session, now_ms: u64) -> Option<String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: user.username.clone(),
            role: user.role.as_str().to_owned(),
            jti: session.id.clone(),
            iat: now_ms / 1_000,
            exp: session.expires_at_ms / 1_000,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign).ok()
    }

    /// The session that a token names, when we signed the token and it is not over.
    pub fn session(&self, token: &str) -> Option<String> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.leeway = 0;
        decode::<Claims>(token, &self.check, &validation).ok().map(|token| token.claims.jti)
    }
}

/// How long a program beside the server is signed in, in milliseconds.
const LOCAL_LIFETIME_MS: u64 = 60_000;

/// Signs the first administrator in for a minute, for a program beside the server that can read its
/// database. Gives the token, and the session to be ended afterwards.
///
/// # Errors
/// When the database fails or has no administrator.
pub async fn sign_in_locally(
    store: &Store,
    secret: &[u8; 32],
) -> Result<(String, String), StoreError> {
    let user = store.administrator().await?.ok_or(StoreError::NotFound("administrator"))?;
    let now_ms = crate::moment::now_ms();
    let session = store.begin_session(&user.username, now_ms + LOCAL_LIFETIME_MS).await?;
    let token = TokenKey::new(secret).issue(&user, &session, now_ms);
    let token = token.ok_or_else(|| StoreError::Refused("the token's key".to_owned()))?;
    Ok((token, session.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::now_ms;
    use offhook_store::Role;

    fn token(key: &TokenKey, expires_at_ms: u64) -> String {
        let user =
            User { username: "admin".into(), role: Role::Admin, extension: None, created_at_ms: 0 };
        key.issue(&user, &Session { id: "s1".into(), expires_at_ms }, now_ms()).unwrap()
    }

    #[test]
    fn our_own_token_names_its_session() {
        let key = TokenKey::new(&[1; 32]);
        assert_eq!(key.session(&token(&key, now_ms() + 60_000)), Some("s1".to_owned()));
    }

    #[test]
    fn other_tokens_name_nothing() {
        let key = TokenKey::new(&[1; 32]);
        assert_eq!(key.session(&token(&key, now_ms() - 60_000)), None);
        let foreign = token(&TokenKey::new(&[2; 32]), now_ms() + 60_000);
        assert_eq!(key.session(&foreign), None);
        let good = token(&key, now_ms() + 60_000);
        let (_, rest) = good.split_once('.').unwrap();
        // {"alg":"none"}
        assert_eq!(key.session(&format!("eyJhbGciOiJub25lIn0.{rest}")), None);
        assert_eq!(key.session(""), None);
    }
}
