//! The certificate with which this process speaks DTLS.

use openssl::ec::EcKey;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContext, SslMethod, SslMode, SslOptions, SslVerifyMode};
use openssl::x509::X509;
use std::sync::Arc;
use std::time::Duration;

/// How long a handshake may take from its first packet to its last.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// When the first flight of a handshake is repeated.
const FLIGHT_RTO: Duration = Duration::from_millis(500);
/// Bytes of a DTLS datagram at most, so that none is fragmented on its way.
pub(crate) const DTLS_MTU: usize = 1_200;
/// The SRTP profiles that OpenSSL offers or accepts (RFC 5764 4.1.2, RFC 7714 14.2), preferred ones first.
const SRTP_PROFILES: &str =
    "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32";

/// A self-signed ECDSA certificate (RFC 8827 6.5) and what both DTLS implementations need of it.
///
/// It is made once for a process and shared by all its peers; a clone shares it.
#[derive(Clone)]
pub struct Identity(Arc<Parts>);

struct Parts {
    certificate: dimpl::DtlsCertificate,
    digest: Vec<u8>,
    dimpl: Arc<dimpl::Config>,
    openssl: SslContext,
}

/// The certificate could not be made or loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the DTLS certificate cannot be used: {0}")]
pub struct IdentityError(String);

impl Identity {
    /// Makes a key and a certificate from the operating system's randomness.
    ///
    /// # Errors
    /// When the cryptographic libraries refuse to.
    pub fn generate() -> Result<Self, IdentityError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| IdentityError(error.to_string()))?;
        Self::with(certificate)
    }

    /// The one whose [`Self::to_pem`] this is.
    ///
    /// # Errors
    /// When it is no key with its certificate.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let damaged = |error: openssl::error::ErrorStack| IdentityError(error.to_string());
        let certificate = X509::from_pem(pem.as_bytes()).map_err(damaged)?;
        let key = PKey::private_key_from_pem(pem.as_bytes()).map_err(damaged)?;
        if !certificate.public_key().is_ok_and(|public| public.public_eq(&key)) {
            return Err(IdentityError("the key is not that of the certificate".to_owned()));
        }
        Self::with(dimpl::DtlsCertificate {
            certificate: certificate.to_der().map_err(damaged)?,
            private_key: key.private_key_to_pkcs8().map_err(damaged)?,
        })
    }

    /// Key and certificate, for a process that shall be known as the same one. Whoever has it can pretend to
    /// be it.
    ///
    /// # Errors
    /// When the cryptographic libraries refuse to.
    pub fn to_pem(&self) -> Result<String, IdentityError> {
        let refused = |error: openssl::error::ErrorStack| IdentityError(error.to_string());
        let key = private_key(&self.0.certificate.private_key).map_err(refused)?;
        let certificate = X509::from_der(&self.0.certificate.certificate).map_err(refused)?;
        let mut pem = key.private_key_to_pem_pkcs8().map_err(refused)?;
        pem.extend(certificate.to_pem().map_err(refused)?);
        String::from_utf8(pem).map_err(|error| IdentityError(error.to_string()))
    }

    /// How many days the certificate is valid from this second of Unix time on; negative when it is not any
    /// longer.
    ///
    /// # Errors
    /// When the cryptographic libraries refuse to.
    pub fn days_left(&self, unix_s: i64) -> Result<i32, IdentityError> {
        let refused = |error: openssl::error::ErrorStack| IdentityError(error.to_string());
        let certificate = X509::from_der(&self.0.certificate.certificate).map_err(refused)?;
        let now = openssl::asn1::Asn1Time::from_unix(unix_s).map_err(refused)?;
        Ok(now.diff(certificate.not_after()).map_err(refused)?.days)
    }

    fn with(certificate: dimpl::DtlsCertificate) -> Result<Self, IdentityError> {
        let dimpl = dimpl::Config::builder()
            .mtu(DTLS_MTU)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            .flight_start_rto(FLIGHT_RTO)
            .use_server_cookie(false)
            .build()
            .map_err(|error| IdentityError(error.to_string()))?;
        let openssl =
            openssl_context(&certificate).map_err(|error| IdentityError(error.to_string()))?;
        Ok(Self(Arc::new(Parts {
            digest: certificate.fingerprint(),
            certificate,
            dimpl: Arc::new(dimpl),
            openssl,
        })))
    }

    /// The SHA-256 hash of the certificate, for `a=fingerprint:sha-256` (RFC 8122).
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.0.digest
    }

    pub(crate) fn certificate(&self) -> dimpl::DtlsCertificate {
        self.0.certificate.clone()
    }

    pub(crate) fn dimpl(&self) -> Arc<dimpl::Config> {
        Arc::clone(&self.0.dimpl)
    }

    pub(crate) fn openssl(&self) -> &SslContext {
        &self.0.openssl
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// The peer's certificate is asked for and taken whatever it is: its fingerprint decides (RFC 5763 5).
fn openssl_context(
    certificate: &dimpl::DtlsCertificate,
) -> Result<SslContext, openssl::error::ErrorStack> {
    let mut context = SslContext::builder(SslMethod::dtls())?;
    context.set_certificate(X509::from_der(&certificate.certificate)?.as_ref())?;
    context.set_private_key(private_key(&certificate.private_key)?.as_ref())?;
    context.set_tlsext_use_srtp(SRTP_PROFILES)?;
    let both_ways = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    context.set_verify_callback(both_ways, |_, _| true);
    context.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_TICKET);
    context.set_mode(SslMode::AUTO_RETRY);
    context.set_read_ahead(true);
    Ok(context.build())
}

fn private_key(der: &[u8]) -> Result<PKey<Private>, openssl::error::ErrorStack> {
    PKey::private_key_from_pkcs8(der)
        .or_else(|_| PKey::from_ec_key(EcKey::private_key_from_der(der)?))
}
