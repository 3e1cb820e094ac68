//! The running role on loopback: sockets on one side, the bus on the other.
#![allow(clippy::unwrap_used, reason = "a test may fail here")]

mod rig;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use offhook_bus::{Bus, GuestKey, Shared, SipLink, SipMessage};
use offhook_edge::{Config, Edge, Port};
use offhook_model::Aor;
use offhook_sip::{HeaderName, Message};
use rig::{GUEST_KEY, Request, Rig, directory, response};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a test waits for what has to happen; far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    edge: Edge,
    switch: SipLink,
    shared: Shared,
}

fn start() -> Running {
    let bus = Bus::in_process(Shared::new(directory(), GuestKey(GUEST_KEY)));
    let config = Config {
        bind: Ipv4Addr::LOCALHOST.into(),
        udp_port: Port::Number(0),
        tcp_port: Port::Number(0),
        tls_port: Port::Number(0),
        ws_port: Port::Number(0),
        ..Config::default()
    };
    let edge = offhook_edge::start(&config, bus.edge, bus.shared.clone(), [5; 32]).unwrap();
    Running { edge, switch: bus.switch, shared: bus.shared }
}

impl Running {
    async fn at_switch(&mut self) -> Message {
        let message = timeout(PATIENCE, self.switch.from_peer.recv()).await.expect("in time");
        Message::parse(message.expect("the edge lives").bytes).expect("well-formed")
    }

    fn switch_says(&self, text: String) {
        let message = SipMessage { bytes: Bytes::from(text), reliable: true };
        self.switch.to_peer.send(message).expect("there is room");
    }
}

/// A device on one of the transports.
enum Device {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Ws(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
}

impl Device {
    async fn udp(edge: &Edge) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(edge.addresses().udp.unwrap()).await.unwrap();
        Self::Udp(socket)
    }

    async fn tcp(edge: &Edge) -> Self {
        Self::Tcp(TcpStream::connect(edge.addresses().tcp.unwrap()).await.unwrap())
    }

    async fn ws(edge: &Edge) -> Self {
        let url = format!("ws://{}/", edge.addresses().ws.unwrap());
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        Self::Ws(Box::new(connect_async(request).await.unwrap().0))
    }

    async fn say(&mut self, text: &str) {
        match self {
            Self::Udp(socket) => {
                socket.send(text.as_bytes()).await.unwrap();
            }
            Self::Tcp(socket) => socket.write_all(text.as_bytes()).await.unwrap(),
            Self::Ws(socket) => socket.send(tungstenite::Message::text(text)).await.unwrap(),
        }
    }

    async fn hear(&mut self) -> Message {
        let bytes = timeout(PATIENCE, self.read()).await.expect("in time");
        Message::parse(bytes).expect("well-formed")
    }

    async fn read(&mut self) -> Bytes {
        match self {
            Self::Udp(socket) => {
                let mut buffer = vec![0; 65_536];
                let length = socket.recv(&mut buffer).await.unwrap();
                Bytes::copy_from_slice(&buffer[..length])
            }
            // Nothing here has a body, so that a message ends where its head does.
            Self::Tcp(socket) => {
                let mut text = Vec::new();
                while !text.ends_with(b"\r\n\r\n") {
                    text.push(socket.read_u8().await.unwrap());
                }
                Bytes::from(text)
            }
            Self::Ws(socket) => loop {
                if let tungstenite::Message::Text(text) = socket.next().await.unwrap().unwrap() {
                    return text.into();
                }
            },
        }
    }

    /// Says a request, answers the challenge, gives the final response.
    async fn ask(&mut self, request: &Request, user: &str) -> Message {
        self.say(&request.to_string()).await;
        let challenge = self.hear().await;
        assert!(matches!(challenge.status().unwrap().code(), 401 | 407), "{challenge}");
        let answered = request.answering(&challenge, user, &format!("demo-{user}"));
        self.say(&answered.to_string()).await;
        self.hear().await
    }
}

fn register(user: &str, contact: &str) -> Request {
    let aor = format!("sip:{user}@offhook.local");
    let request = Rig::new().request("REGISTER", "sip:offhook.local").from(&aor).to(&aor);
    request.header(&format!("Contact: {contact}"))
}

#[tokio::test]
async fn devices_of_every_transport_register_and_are_called() {
    let mut running = start();
    let devices = [
        (Device::udp(&running.edge).await, "sip:1001@192.0.2.7:5062"),
        (Device::tcp(&running.edge).await, "sip:1001@192.0.2.7:5062;transport=tcp"),
        (Device::ws(&running.edge).await, "sip:x@y.invalid;transport=ws"),
    ];
    for (mut device, contact) in devices {
        let ok = device.ask(&register("1001", &format!("<{contact}>")), "1001").await;
        assert_eq!(ok.status().unwrap().code(), 200, "{ok}");
        let aor = Aor::new("1001", "offhook.local").unwrap();
        let binding =
            running.shared.bindings(&aor).into_iter().find(|b| b.contact == contact).unwrap();

        running.switch_says(format!(
            "INVITE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs\r\nRoute: {}\r\n\
             From: <sip:1002@offhook.local>;tag=s\r\nTo: <sip:1001@offhook.local>\r\nCall-ID: out\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:switch@127.0.0.1:5080>\r\nContent-Length: 0\r\n\r\n",
            binding.route
        ));
        let invite = device.hear().await;
        assert_eq!(invite.request_uri_text(), contact);
        device.say(&response(&invite, "486 Busy Here", "d", &[])).await;
        let busy = running.at_switch().await;
        assert_eq!(busy.status().unwrap().code(), 486);
        assert_eq!(busy.via_top().unwrap().branch(), Some("z9hG4bKs"));

        let invite = Rig::new().request("INVITE", "sip:9196@offhook.local");
        device.say(&invite.to_string()).await;
        let challenge = device.hear().await;
        device.say(&invite.answering(&challenge, "1001", "demo-1001").to_string()).await;
        let passed = running.at_switch().await;
        assert_eq!(passed.header(HeaderName::PAssertedIdentity), Some("<sip:1001@offhook.local>"));
        running.switch_says(response(
            &passed,
            "200 OK",
            "s",
            &["Contact: <sip:switch@127.0.0.1:5080>"],
        ));
        assert_eq!(device.hear().await.status().unwrap().code(), 200);
    }
    timeout(PATIENCE, running.edge.stop()).await.expect("it stops");
}

#[tokio::test]
async fn a_browser_that_is_gone_is_unregistered_and_its_calls_fail_at_once() {
    let mut running = start();
    let mut browser = Device::ws(&running.edge).await;
    browser.ask(&register("1001", "<sip:x@y.invalid;transport=ws>"), "1001").await;
    let aor = Aor::new("1001", "offhook.local").unwrap();
    let route = running.shared.bindings(&aor)[0].route.clone();
    drop(browser);
    let gone = async {
        while !running.shared.bindings(&aor).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the binding goes with the connection");
    running.switch_says(format!(
        "INVITE sip:x@y.invalid SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs\r\nRoute: {route}\r\n\
         From: <sip:1002@offhook.local>;tag=s\r\nTo: <sip:1001@offhook.local>\r\nCall-ID: out\r\n\
         CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    ));
    assert_eq!(running.at_switch().await.status().unwrap().code(), 430);
}

#[tokio::test]
async fn a_phone_whose_connection_is_gone_is_reached_by_a_new_one() {
    let running = start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let contact = format!("sip:1001@{};transport=tcp", listener.local_addr().unwrap());
    let mut phone = Device::tcp(&running.edge).await;
    phone.ask(&register("1001", &format!("<{contact}>")), "1001").await;
    let route =
        running.shared.bindings(&Aor::new("1001", "offhook.local").unwrap())[0].route.clone();
    // The phone closes its side and waits until the edge has closed the other.
    let Device::Tcp(mut socket) = phone else { unreachable!("it is one") };
    socket.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("the edge closes too").unwrap();
    running.switch_says(format!(
        "INVITE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs\r\n\
         Route: {route}\r\nFrom: <sip:1002@offhook.local>;tag=s\r\nTo: <sip:1001@offhook.local>\r\n\
         Call-ID: out\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    ));
    let (socket, _) = timeout(PATIENCE, listener.accept()).await.expect("in time").unwrap();
    let mut phone = Device::Tcp(socket);
    assert_eq!(phone.hear().await.request_uri_text(), contact);
}

#[tokio::test]
async fn bad_input_on_every_transport_leaves_the_edge_alive() {
    let running = start();
    for round in 0..3 {
        let mut udp = Device::udp(&running.edge).await;
        let mut tcp = TcpStream::connect(running.edge.addresses().tcp.unwrap()).await.unwrap();
        let mut tls = TcpStream::connect(running.edge.addresses().tls.unwrap()).await.unwrap();
        let mut ws = Device::ws(&running.edge).await;
        let noise: Vec<u8> =
            (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> (8 + round)) as u8).collect();
        let Device::Udp(socket) = &udp else { unreachable!("it is one") };
        socket.send(&noise).await.unwrap();
        // Peers may be cut off while they are still sending.
        for socket in [&mut tcp, &mut tls] {
            if let Err(error) = socket.write_all(&noise).await {
                assert_ne!(error.kind(), std::io::ErrorKind::InvalidInput);
            }
        }
        ws.say("\0\0 no SIP \u{1f4a9}").await;
        let request = Rig::new().request("OPTIONS", "sip:offhook.local").to_string();
        for device in [&mut udp, &mut ws] {
            device.say(&request).await;
            assert_eq!(device.hear().await.status().unwrap().code(), 200);
        }
    }
}
