//! Datagrams.

use crate::network::Context;
use crate::{Flow, FlowId, Incoming};
use bytes::Bytes;
use offhook_model::Transport;
use offhook_sip::Message;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;

/// One more than the longest payload of a datagram, so that none is cut.
const DATAGRAM_BYTES: usize = 65_536;

/// Reads datagrams until the network stops.
pub(crate) async fn receive(context: Arc<Context>) {
    let Some(socket) = context.udp() else {
        return;
    };
    let Ok(local) = socket.local_addr() else {
        return;
    };
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let stopped = context.stopped();
    tokio::pin!(stopped);
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = &mut stopped => return,
        };
        match received {
            Ok((length, remote)) => take(&context, local, remote, &buffer[..length]),
            // The system reports here that an earlier datagram of ours was refused by its receiver.
            Err(error) => tracing::trace!(%error, "udp receive"),
        }
    }
}

fn take(context: &Context, local: SocketAddr, remote: SocketAddr, datagram: &[u8]) {
    if offhook_sip::message::is_keep_alive(datagram) {
        return;
    }
    let flow = Flow { id: FlowId::DATAGRAMS, transport: Transport::Udp, local, remote };
    let message = Message::parse(Bytes::copy_from_slice(datagram));
    match context.incoming.try_send(Incoming::Received { flow, message }) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => refused("queue_full"),
        Err(TrySendError::Closed(_)) => tracing::trace!("nobody reads datagrams any longer"),
    }
}

/// Counts something that was refused.
pub(crate) fn refused(why: &'static str) {
    metrics::counter!("offhook_sip_refused_total", "why" => why).increment(1);
}

/// Whether an address is one host's: answering to a broadcast or multicast address would make us an
/// amplifier (RFC 4475 section 3.3.10).
pub(crate) fn is_single_host(address: SocketAddr) -> bool {
    address.port() != 0
        && match address.ip() {
            IpAddr::V4(ip) => !ip.is_broadcast() && !ip.is_multicast() && !ip.is_unspecified(),
            IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_hosts_are_answered() {
        let is_host = |text: &str| is_single_host(text.parse().unwrap());
        assert!(is_host("192.0.2.1:5060"));
        assert!(is_host("[2001:db8::1]:5060"));
        for address in ["255.255.255.255:5060", "224.0.1.75:5060", "0.0.0.0:5060", "192.0.2.1:0"] {
            assert!(!is_host(address), "{address}");
        }
        assert!(!is_host("[ff02::1]:5060"));
    }
}
