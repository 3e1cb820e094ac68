//! TLS, both ways.
#![allow(clippy::unwrap_used, reason = "a test may fail here")]

mod rig;

use bytes::Bytes;
use offhook_model::Transport;
use offhook_net::{Incoming, Limits, Network, TlsIdentity};
use rig::*;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A certificate for 127.0.0.1 and its key, in a folder of their own.
struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    fn make(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("offhook-net-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { folder }
    }

    fn identity(&self) -> TlsIdentity {
        TlsIdentity::Files {
            certificate: self.folder.join("cert.pem"),
            key: self.folder.join("key.pem"),
        }
    }

    fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.folder.join("cert.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

#[tokio::test]
async fn messages_travel_under_tls() {
    let certificate = Certificate::make("listen");
    let config =
        offhook_net::Config { tls_identity: certificate.identity(), ..config(Limits::default()) };
    let mut network = Network::bind(&config).unwrap();
    let socket = TcpStream::connect(network.addresses().tls.unwrap()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut socket = certificate.connector().connect(name, socket).await.unwrap();
    write(&mut socket, options("secret").as_bytes()).await;
    let (flow, message) = message(&mut network).await;
    assert_eq!(message.call_id(), Ok("secret"));
    assert_eq!(flow.transport, Transport::Tls);
    network.flows().send(&flow, Bytes::from_static(b"answer")).unwrap();
    expect(&mut socket, b"answer").await;
    network.stop().await;
    expect_end(&mut socket).await;
}

#[tokio::test]
async fn a_device_is_reached_under_tls_when_its_certificate_is_trusted() {
    let certificate = Certificate::make("connect");
    let device_config =
        offhook_net::Config { tls_identity: certificate.identity(), ..config(Limits::default()) };
    let mut device = Network::bind(&device_config).unwrap();
    let address = device.addresses().tls.unwrap();
    let trusting = offhook_net::Config {
        tls_authorities: Some(certificate.folder.join("cert.pem")),
        ..config(Limits::default())
    };
    let network = Network::bind(&trusting).unwrap();
    network.flows().connect_and_send(Transport::Tls, address, Bytes::from(options("out"))).unwrap();
    assert_eq!(message(&mut device).await.1.call_id(), Ok("out"));

    let other = Certificate::make("other");
    let wary = offhook_net::Config {
        tls_authorities: Some(other.folder.join("cert.pem")),
        ..config(Limits::default())
    };
    let mut network = Network::bind(&wary).unwrap();
    let bytes = Bytes::from(options("out"));
    network.flows().connect_and_send(Transport::Tls, address, bytes.clone()).unwrap();
    assert_eq!(next(&mut network).await, Incoming::Unsent { bytes });
}

#[tokio::test]
async fn what_is_no_handshake_is_closed() {
    let limits = Limits { first_message: Duration::from_millis(200), ..Limits::default() };
    let network = network_with(limits);
    let address = network.addresses().tls.unwrap();
    let mut talking = TcpStream::connect(address).await.unwrap();
    write(&mut talking, options("plain").as_bytes()).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    expect_end(&mut silent).await;
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut talking, &mut rest);
    let ended = tokio::time::timeout(PATIENCE, read).await.expect("it is closed in time");
    assert!(ended.is_err() || rest.len() < 32, "an alert at most: {rest:?}");
}
