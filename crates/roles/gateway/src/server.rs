use crate::Config;
use crate::places::{Place, Places};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// How long a client may take to send a request's head, and how long a connection may be silent between
/// two requests.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// How long a stop waits for the requests under way.
pub const STOP_GRACE: Duration = Duration::from_secs(3);
/// The pause after the system refused to accept, when it has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a server grants its clients.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub header_timeout: Duration,
}

impl Limits {
    pub fn new(config: &Config) -> Self {
        Self {
            connections_max: config.connections_max,
            connections_per_address_max: config.connections_per_address_max,
            header_timeout: HEADER_TIMEOUT,
        }
    }
}

/// Accepts connections and serves them until a stop is asked for.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Places::new(limits.connections_max, limits.connections_per_address_max);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = told_to_stop(&mut stopping) => break,
        };
        match accepted {
            Ok((socket, remote)) => match places.take(remote.ip()) {
                Ok(place) => {
                    let serving =
                        Serving { app: app.clone(), place, header_timeout: limits.header_timeout };
                    connections.spawn(connection(socket, remote, serving, stopping.clone()));
                }
                Err(why) => refused(why),
            },
            Err(error) => {
                tracing::debug!(%error, "accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_GRACE, ended).await.is_err() {
        tracing::debug!(
            connections = connections.len(),
            "closed before their requests were answered"
        );
    }
}

/// What one connection is served with.
struct Serving {
    app: Router,
    place: Place,
    header_timeout: Duration,
}

async fn connection(
    socket: TcpStream,
    remote: SocketAddr,
    Serving { app, place, header_timeout }: Serving,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::trace!(%error, "TCP_NODELAY");
    }
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(remote));
        app.clone().oneshot(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = told_to_stop(&mut stopping) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%remote, %error, "connection");
        if error.is_timeout() {
            refused("header_timeout");
        } else if error.is_parse() {
            refused("malformed");
        }
    }
    drop(place);
}

/// Returns when a stop is asked for, or when nobody is left who could ask.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("the gateway was dropped");
    }
}

fn refused(why: &'static str) {
    metrics::counter!("offhook_http_refused_total", "why" => why).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;
    use tokio::sync::Notify;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(10);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    struct Served {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        task: tokio::task::JoinHandle<()>,
    }

    async fn served(app: Router, per_address_max: usize, header_timeout: Duration) -> Served {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let limits = Limits {
            connections_max: 100_000,
            connections_per_address_max: per_address_max,
            header_timeout,
        };
        Served { address, stop, task: tokio::spawn(serve(listener, app, limits, stopping)) }
    }

    fn hello() -> Router {
        Router::new().route("/", get(async || "hello"))
    }

    /// Connects from one of loopback's addresses.
    async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// What comes until the other end closes.
    async fn read_all(mut socket: TcpStream) -> String {
        let mut bytes = Vec::new();
        // A connection that is refused may be reset, which is an end too.
        timeout(SOON, socket.read_to_end(&mut bytes)).await.expect("it ends").ok();
        String::from_utf8(bytes).unwrap()
    }

    async fn ask(from: [u8; 4], to: SocketAddr) -> String {
        let mut socket = connect(from, to).await;
        socket.write_all(REQUEST).await.ok();
        read_all(socket).await
    }

    #[tokio::test]
    async fn a_flood_of_half_open_connections_does_not_keep_others_out() {
        let served = served(hello(), 200, SOON).await;
        let mut flood = Vec::new();
        for _ in 0..1_000 {
            let mut socket = connect([127, 0, 0, 1], served.address).await;
            socket.write_all(b"GET / HTTP/1.1\r\nX-").await.ok();
            flood.push(socket);
        }
        assert_eq!(ask([127, 0, 0, 1], served.address).await, "");
        let answer = ask([127, 0, 0, 2], served.address).await;
        assert!(answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_is_waited_for_and_then_not() {
        let served = served(hello(), 10, Duration::from_millis(50)).await;
        let mut slow = connect([127, 0, 0, 1], served.address).await;
        slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await.unwrap();
        let answer = read_all(slow).await;
        assert!(!answer.contains("hello"), "{answer}");
        let silent = connect([127, 0, 0, 1], served.address).await;
        assert_eq!(read_all(silent).await, "");
    }

    #[tokio::test]
    async fn an_endless_head_is_refused() {
        let served = served(hello(), 10, SOON).await;
        let mut socket = connect([127, 0, 0, 1], served.address).await;
        let head = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEADER_BYTES_MAX * 2));
        socket.write_all(head.as_bytes()).await.ok();
        let answer = read_all(socket).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn garbage_is_told_so_and_the_server_goes_on() {
        let served = served(hello(), 10, SOON).await;
        let mut socket = connect([127, 0, 0, 1], served.address).await;
        socket.write_all(b"\0\x16\x03\x01\xff\xff REGISTER\r\n\r\n").await.unwrap();
        let answer = read_all(socket).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(ask([127, 0, 0, 1], served.address).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn a_stop_lets_a_request_end_and_takes_no_more() {
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (here, on) = (Arc::clone(&arrived), Arc::clone(&go_on));
        let slow = async move || {
            here.notify_one();
            on.notified().await;
            "late"
        };
        let served = served(Router::new().route("/", get(slow)), 10, SOON).await;
        let answer = tokio::spawn(ask([127, 0, 0, 1], served.address));
        arrived.notified().await;
        served.stop.send_replace(true);
        until_refused(served.address).await;
        go_on.notify_one();
        assert!(answer.await.unwrap().ends_with("late"));
        timeout(SOON, served.task).await.expect("it stops").unwrap();
    }

    async fn until_refused(address: SocketAddr) {
        timeout(SOON, async { while TcpStream::connect(address).await.is_ok() {} })
            .await
            .expect("it closes");
    }
}
