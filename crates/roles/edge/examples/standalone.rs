//! An edge without the rest of the house: it registers the extensions 1001 to 1009 (password
//! `demo-<extension>`), and in the place of a switch there is something that answers every call at once.
//!
//! `cargo run --example standalone -- 5060` listens on that port of loopback for UDP and TCP, and on the two
//! ports behind it for TLS and WebSocket. `RUST_LOG=debug` tells what happens.

use anyhow::Context;
use offhook_bus::{Bus, GuestKey, Shared, SipLink, SipMessage};
use offhook_edge::{Config, Port};
use offhook_model::{Directory, Extension, Forwarding, GuestPolicy, RecordPolicy, Secret};
use offhook_sip::{HeaderName, Message, Method, ResponseBuilder, StatusCode};
use std::net::Ipv4Addr;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let port: u16 = std::env::args().nth(1).context("which port?")?.parse()?;
    let config = Config {
        bind: Ipv4Addr::LOCALHOST.into(),
        udp_port: Port::Number(port),
        tcp_port: Port::Number(port),
        tls_port: Port::Number(port + 1),
        ws_port: Port::Number(port + 2),
        ..Config::default()
    };
    let bus = Bus::in_process(Shared::new(directory(), GuestKey([0; 32])));
    let edge = offhook_edge::start(&config, bus.edge, bus.shared.clone(), [0; 32])?;
    tracing::info!(addresses = ?edge.addresses(), "listening");
    tokio::select! {
        () = answer_all(bus.switch) => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    edge.stop().await;
    Ok(())
}

fn directory() -> Directory {
    let extension = |number: u32| Extension {
        number: number.to_string(),
        display_name: format!("Extension {number}"),
        secret: Secret::Password(format!("demo-{number}")),
        ring_timeout_s: 20,
        record: RecordPolicy::None,
        forward: Forwarding::default(),
    };
    Directory {
        domain: "offhook.local".to_owned(),
        extensions: (1001..=1009).map(|number| (number.to_string(), extension(number))).collect(),
        guest_policy: GuestPolicy { allowed: vec!["6000".to_owned()] },
        ..Directory::default()
    }
}

async fn answer_all(mut link: SipLink) {
    while let Some(message) = link.from_peer.recv().await {
        let Ok(request) = Message::parse(message.bytes) else {
            continue;
        };
        if matches!(request.method(), None | Some(Method::Ack)) {
            continue;
        }
        let answer = ResponseBuilder::tagged(&request, StatusCode::OK, "standalone")
            .header(HeaderName::Contact, "<sip:standalone@127.0.0.1:5080>")
            .build();
        let answer = SipMessage { bytes: answer.to_bytes(), reliable: true };
        if link.to_peer.send(answer).is_err() {
            tracing::warn!("the edge does not keep up");
        }
    }
}
