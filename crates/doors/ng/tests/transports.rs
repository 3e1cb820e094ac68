//! The door on real sockets: UDP, TCP, HTTP and WebSockets.

use futures_util::{SinkExt, StreamExt};
use offhook_bus::{Inbox, MediaCommand, MediaEvent, Outbox, queue};
use offhook_ng_door::{Config, Links, NgDoor, start};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const PATIENCE: Duration = Duration::from_secs(10);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Rig {
    door: NgDoor,
    /// The media role's ends, held so that the door has somebody to talk to.
    _media: (Inbox<MediaCommand>, Outbox<MediaEvent>),
}

async fn rig() -> Rig {
    let (media_commands, commands) = queue(64);
    let (events, media_events) = queue(64);
    let config = Config { bind: LOOPBACK, port: 0, ..Config::default() };
    let links = Links { media_commands, media_events, kept: None };
    let door = start(&config, links, &Handle::current()).await.expect("a door");
    Rig { door, _media: (commands, events) }
}

async fn ask_udp(socket: &UdpSocket, to: SocketAddr, message: &[u8]) -> Vec<u8> {
    socket.send_to(message, to).await.expect("sent");
    let mut buffer = vec![0; 65_536];
    let received = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.expect("in time");
    buffer.truncate(received.expect("received").0);
    buffer
}

#[tokio::test]
async fn udp_is_answered_in_the_encoding_that_was_used() {
    let rig = rig().await;
    let to = rig.door.addresses().udp;
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.expect("a socket");
    let pong = ask_udp(&socket, to, b"a d7:command4:pinge").await;
    assert_eq!(pong, b"a d6:result4:ponge");
    let pong = ask_udp(&socket, to, br#"b {"command":"ping"}"#).await;
    assert_eq!(pong, br#"b {"result":"pong"}"#);
}

#[tokio::test]
async fn a_repeated_cookie_gets_its_first_reply() {
    let rig = rig().await;
    let to = rig.door.addresses().udp;
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.expect("a socket");
    let first = ask_udp(&socket, to, b"a d7:command4:pinge").await;
    // What is asked is not even looked at when the cookie is known.
    assert_eq!(ask_udp(&socket, to, b"a d7:command4:liste").await, first);
}

#[tokio::test]
async fn whatever_has_a_cookie_is_told_what_is_wrong_with_it() {
    let rig = rig().await;
    let to = rig.door.addresses().udp;
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.expect("a socket");
    socket.send_to(b"no-cookie", to).await.expect("sent");
    socket.send_to(b"", to).await.expect("sent");
    let bad: [(&[u8], &str); 6] = [
        (b"1 ", "the body is a dictionary in bencode or JSON"),
        (b"2 d7:command", "malformed bencode at byte"),
        (b"3 {\"command\":", "malformed JSON"),
        (b"4 de", "Dictionary contains no key \"command\""),
        (b"5 d7:command4:frobe", "Unrecognized command"),
        (b"6 d7:command5:query7:call-id1:xe", "Unknown call-id"),
    ];
    for (message, reason) in bad {
        let reply = ask_udp(&socket, to, message).await;
        let reply = String::from_utf8_lossy(&reply).into_owned();
        assert!(reply.starts_with(&format!("{} ", char::from(message[0]))), "{reply}");
        assert!(reply.contains("error-reason"), "{reply}");
        assert!(reply.contains(reason), "{reply}");
    }
}

#[tokio::test]
async fn tcp_carries_messages_one_after_the_other() {
    let rig = rig().await;
    let to = rig.door.addresses().tcp.expect("TCP");
    let mut stream = TcpStream::connect(to).await.expect("connected");
    stream.write_all(b"a d7:command4:pingeb d7:comm").await.expect("sent");
    let mut heard = vec![0; b"a d6:result4:ponge".len()];
    timeout(PATIENCE, stream.read_exact(&mut heard)).await.expect("in time").expect("read");
    assert_eq!(heard, b"a d6:result4:ponge");
    stream.write_all(b"and4:pinge").await.expect("sent");
    timeout(PATIENCE, stream.read_exact(&mut heard)).await.expect("in time").expect("read");
    assert_eq!(heard, b"b d6:result4:ponge");
    stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("in time");
    assert!(ended.is_ok_and(|length| length == 0), "what is no message ends the connection");
}

async fn http(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("in time").expect("read");
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(body: &str) -> String {
    format!(
        "POST /ng HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-rtpengine-ng\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn http_takes_a_message_and_gives_its_reply() {
    let rig = rig().await;
    let to = rig.door.addresses().http.expect("HTTP");
    let answer = http(to, &post("a d7:command4:pinge")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("application/x-rtpengine-ng"), "{answer}");
    assert!(answer.ends_with("\r\n\r\na d6:result4:ponge"), "{answer}");
    let answer = http(to, &post("nonsense")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let ping = "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(http(to, ping).await.ends_with("pong\n"));
    let large = http(to, &post(&"x".repeat(70_000))).await;
    assert!(large.starts_with("HTTP/1.1 413 "), "{large}");
}

#[tokio::test]
async fn a_websocket_carries_messages_of_the_subprotocol() {
    let rig = rig().await;
    let to = rig.door.addresses().http.expect("HTTP");
    let mut request = format!("ws://{to}/").into_client_request().expect("a request");
    let name = "ng.rtpengine.com".parse().expect("a header");
    request.headers_mut().insert("Sec-WebSocket-Protocol", name);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("connected");
    socket.send(Frame::text("a {\"command\":\"ping\"}")).await.expect("sent");
    let reply = timeout(PATIENCE, socket.next()).await.expect("in time").expect("open");
    assert_eq!(reply.expect("a frame"), Frame::text("a {\"result\":\"pong\"}"));
    socket.send(Frame::binary(b"b d7:command4:pinge".to_vec())).await.expect("sent");
    let reply = timeout(PATIENCE, socket.next()).await.expect("in time").expect("open");
    assert_eq!(reply.expect("a frame"), Frame::binary(b"b d6:result4:ponge".to_vec()));
    assert!(tokio_tungstenite::connect_async(format!("ws://{to}/")).await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_by_its_key() {
    let rig = rig().await;
    let (media_commands, _commands) = queue(1);
    let (_events, media_events) = queue(1);
    let port = rig.door.addresses().udp.port();
    let config = Config { bind: LOOPBACK, port, ..Config::default() };
    let links = Links { media_commands, media_events, kept: None };
    let refused = start(&config, links, &Handle::current()).await;
    let text = format!("{:#}", refused.expect_err("taken"));
    assert!(text.contains("ng.port") && text.contains(&port.to_string()), "{text}");
}
