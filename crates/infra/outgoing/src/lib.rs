//! What HTTP requests to other servers have in common: webhooks, menus' questions, speech.
//!
//! [`requests`] gives the settings of a `ureq` agent, to which a caller adds its own. It asks nobody and
//! knows no URL: which hosts may be asked is decided by whoever asks.

use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

/// Settings for requests that take `timeout` at most. No redirection is followed, since it would lead to a
/// host that was not allowed, and no proxy of the environment is used.
///
/// `with_https` checks certificates against the machine's, which are read once, when they are wanted for the
/// first time.
#[must_use]
pub fn requests(timeout: Duration, with_https: bool) -> ConfigBuilder<AgentScope> {
    let config =
        ureq::Agent::config_builder().timeout_global(Some(timeout)).max_redirects(0).proxy(None);
    if with_https { config.tls_config(tls().clone()) } else { config }
}

fn tls() -> &'static TlsConfig {
    static TLS: OnceLock<TlsConfig> = OnceLock::new();
    TLS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(Arc::new(provider))
            .build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_redirection_and_no_proxy_leads_elsewhere() {
        for with_https in [false, true] {
            let config = requests(Duration::from_secs(3), with_https).build();
            assert_eq!(config.max_redirects(), 0);
            assert!(config.proxy().is_none());
            assert_eq!(config.timeouts().global, Some(Duration::from_secs(3)));
        }
    }
}
