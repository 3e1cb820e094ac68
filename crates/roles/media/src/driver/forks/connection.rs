//! How a fork's receiver is reached.

use crate::config::ForkConfig;
use anyhow::Context;
use offhook_model::{ForkFailure, ForkRequest};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// How long everything may take until the receiver has accepted: its name, TCP, TLS and WebSocket.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a message of the receiver: at the highest rate 21 seconds of sound.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that the kernel keeps for a receiver: more would be old before it is heard.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes of a connection's read buffer.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// What a WebSocket runs over.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

pub(super) type Socket = WebSocketStream<Box<dyn Transport>>;

/// Connects to receivers.
pub(super) struct Connector {
    tls: TlsConnector,
}

impl Connector {
    /// A connector that trusts the machine's certificate authorities and those of the configuration.
    pub(super) fn new(config: &ForkConfig) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        // Without an allowed host nothing is ever connected.
        if !config.allowed_hosts.is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if let Some(path) = &config.ca_file {
            let context = || format!("media.fork.ca_file: {}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).with_context(context)? {
                roots.add(certificate.with_context(context)?).with_context(context)?;
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(tls)) })
    }

    /// Connects to the receiver of a fork.
    pub(super) async fn connect(&self, request: &ForkRequest) -> Result<Socket, ForkFailure> {
        let connected = timeout(CONNECT_TIMEOUT, self.try_connect(request)).await;
        connected.unwrap_or(Err(ForkFailure::TimedOut))
    }

    async fn try_connect(&self, request: &ForkRequest) -> Result<Socket, ForkFailure> {
        let url = &request.url;
        let unreachable = |error: std::io::Error| ForkFailure::Unreachable(error.to_string());
        let stream = TcpStream::connect((url.host(), url.port())).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let socket = socket2::SockRef::from(&stream);
        socket.set_send_buffer_size(SEND_BUFFER_BYTES).map_err(unreachable)?;
        let stream: Box<dyn Transport> = if url.is_secure() {
            let name = ServerName::try_from(url.host().to_owned());
            let name = name.map_err(|error| ForkFailure::Unreachable(error.to_string()))?;
            Box::new(self.tls.connect(name, stream).await.map_err(unreachable)?)
        } else {
            Box::new(stream)
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(MESSAGE_BYTES_MAX)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let request = http_request(request)?;
        let connected = client_async_with_config(request, stream, Some(config)).await;
        connected.map(|(socket, _response)| socket).map_err(|error| refused(&error))
    }
}

/// The request of the opening handshake (RFC 6455 section 4.1), with the headers that were asked for.
fn http_request(request: &ForkRequest) -> Result<Request, ForkFailure> {
    let unusable = |what: &dyn std::fmt::Display| ForkFailure::Unreachable(what.to_string());
    // The library reads the URL for its Host header and its path only; where it goes is decided above.
    let text = String::from(request.url.clone());
    let mut http = text.into_client_request().map_err(|error| unusable(&error))?;
    for (name, value) in &request.headers.0 {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| unusable(&error))?;
        let mut value = HeaderValue::from_str(value).map_err(|error| unusable(&error))?;
        value.set_sensitive(true);
        http.headers_mut().insert(name, value);
    }
    Ok(http)
}

fn refused(error: &tungstenite::Error) -> ForkFailure {
    match error {
        Error::Http(response) => ForkFailure::Refused(format!("HTTP {}", response.status())),
        Error::Io(error) => ForkFailure::Unreachable(error.to_string()),
        other => ForkFailure::Refused(other.to_string()),
    }
}
