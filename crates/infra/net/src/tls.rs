//! Certificates.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Who we are towards TLS clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsIdentity {
    /// PEM files.
    Files {
        /// The certificate chain, our own certificate first.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// A certificate for these names and addresses, made at start and signed by itself.
    SelfSigned {
        /// Host names and IP addresses.
        names: Vec<String>,
    },
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file is missing or holds nothing of the kind.
    #[error("cannot read {what} from {path}: {source}")]
    Unreadable {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the reader says.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate and the key do not belong together, or are of a kind that is not supported.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// No certificate could be made for the configured names.
    #[error("no certificate can be made: {0}")]
    NotMade(#[from] rcgen::Error),
}

pub(crate) fn acceptor(identity: &TlsIdentity) -> Result<TlsAcceptor, TlsError> {
    let (chain, key) = match identity {
        TlsIdentity::Files { certificate, key } => (read_chain(certificate)?, read_key(key)?),
        TlsIdentity::SelfSigned { names } => self_signed(names)?,
    };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

pub(crate) fn connector(authorities: &Path) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in read_chain(authorities)? {
        roots.add(authority)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable =
        |source| TlsError::Unreadable { what: "a certificate", path: path.to_owned(), source };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect();
    let chain = chain.map_err(unreadable)?;
    if chain.is_empty() {
        return Err(unreadable(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::Unreadable {
        what: "a private key",
        path: path.to_owned(),
        source,
    })
}

fn self_signed(
    names: &[String],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    Ok((vec![made.cert.der().clone()], key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let identity = TlsIdentity::Files {
            certificate: "/nowhere/cert.pem".into(),
            key: "/nowhere/key.pem".into(),
        };
        let error = acceptor(&identity).err().expect("there is no such file").to_string();
        assert!(error.starts_with("cannot read a certificate from /nowhere/cert.pem"), "{error}");
    }

    #[test]
    fn a_certificate_is_made_for_names_and_addresses() {
        let names = vec!["offhook.local".to_owned(), "127.0.0.1".to_owned()];
        assert!(acceptor(&TlsIdentity::SelfSigned { names }).is_ok());
    }
}
