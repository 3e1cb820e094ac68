//! Flow tokens, branches and tags: what the edge writes into messages so that it need not remember them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use offhook_model::Transport;
use offhook_net::{Flow, FlowId};
use offhook_sip::headers::MAGIC_COOKIE;
use offhook_sip::{Message, Via};
use sha2::Sha256;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Bytes of a flow token's signature: 80 bits, as RFC 5626 section 5.2 suggests.
const SIGNATURE_BYTES: usize = 10;
/// Bytes of a branch and of a tag before they are written in base64.
const BRANCH_BYTES: usize = 15;
/// Transport, port and connection.
const FIXED_BYTES: usize = 1 + 2 + 8;

/// Signs and reads what only this edge can have written.
#[derive(Clone)]
pub(super) struct Signer {
    tokens: Hmac<Sha256>,
    branches: Hmac<Sha256>,
    tags: Hmac<Sha256>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// A key for one purpose, made from the secret of all.
pub(super) fn derive(secret: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut mac = keyed(secret);
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104)")
}

impl Signer {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        let keyed_for = |purpose| keyed(&derive(secret, purpose));
        Self {
            tokens: keyed_for("flow token"),
            branches: keyed_for("branch"),
            tags: keyed_for("tag"),
        }
    }

    /// The token of a flow (RFC 5626 section 5.2): the same for as long as the flow is the same.
    pub(super) fn token(&self, flow: &Flow) -> String {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + 16 + SIGNATURE_BYTES);
        bytes.push(transport_code(flow.transport));
        bytes.extend_from_slice(&flow.remote.port().to_be_bytes());
        bytes.extend_from_slice(&flow.id.0.to_be_bytes());
        match flow.remote.ip() {
            IpAddr::V4(ip) => bytes.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes.extend_from_slice(&ip.octets()),
        }
        let mut mac = self.tokens.clone();
        mac.update(&bytes);
        bytes.extend_from_slice(&mac.finalize().into_bytes()[..SIGNATURE_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The flow that a token names; `None` when this edge did not write it. Our own address is not in it.
    pub(super) fn flow(&self, token: &str) -> Option<Flow> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (content, signature) =
            bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE_BYTES)?)?;
        let mut mac = self.tokens.clone();
        mac.update(content);
        mac.verify_truncated_left(signature).ok()?;
        let (fixed, ip) = content.split_at_checked(FIXED_BYTES)?;
        let ip = match ip.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
            _ => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        };
        let port = u16::from_be_bytes(fixed[1..3].try_into().ok()?);
        Some(Flow {
            id: FlowId(u64::from_be_bytes(fixed[3..].try_into().ok()?)),
            transport: transport_of(fixed[0])?,
            local: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            remote: SocketAddr::new(ip, port),
        })
    }

    /// The branch of our Via on a request (RFC 3261 section 16.11): the same for a retransmission, a
    /// CANCEL and the ACK of a final response other than 2xx, and for nobody else's request.
    ///
    /// `from` is the address the request came from; `None` for the switch, of which there is one.
    pub(super) fn branch(&self, request: &Message, from: Option<IpAddr>) -> Option<String> {
        let mut mac = self.branches.clone();
        update_with_transaction(&mut mac, request, &request.via_top().ok()?)?;
        if let Some(ip) = from {
            update_with(&mut mac, &ip.to_string());
        }
        Some(printed(MAGIC_COOKIE, mac))
    }

    /// Whether a response, its own Via on top, answers a request that this edge sent for the switch.
    pub(super) fn is_branch_of_ours(&self, response: &Message) -> bool {
        let mut vias = response.vias();
        let (Some(Ok(ours)), Some(Ok(beneath))) = (vias.next(), vias.next()) else {
            return false;
        };
        let mut mac = self.branches.clone();
        let known = update_with_transaction(&mut mac, response, &beneath);
        known.is_some() && ours.branch() == Some(printed(MAGIC_COOKIE, mac).as_str())
    }

    /// The To tag of the edge's own responses to a request: the same for a retransmission and for the ACK
    /// (RFC 3261 section 8.2.7).
    pub(super) fn tag(&self, request: &Message) -> String {
        let mut mac = self.tags.clone();
        for text in [
            request.via_top().ok().and_then(|via| via.branch()).unwrap_or_default(),
            request.call_id().unwrap_or_default(),
            request.from_tag().unwrap_or_default(),
        ] {
            update_with(&mut mac, text);
        }
        printed("", mac)
    }
}

/// What names a transaction without its method, which CANCEL and ACK do not share with their INVITE.
fn update_with_transaction(mac: &mut Hmac<Sha256>, message: &Message, via: &Via<'_>) -> Option<()> {
    update_with(mac, via.branch().unwrap_or_default());
    update_with(mac, via.sent_by());
    update_with(mac, message.call_id().ok()?);
    update_with(mac, message.from_tag().unwrap_or_default());
    mac.update(&message.cseq().ok()?.sequence.to_be_bytes());
    Some(())
}

/// Adds a text with an end that cannot stand in it.
fn update_with(mac: &mut Hmac<Sha256>, text: &str) {
    mac.update(text.as_bytes());
    mac.update(b"\n");
}

fn printed(prefix: &str, mac: Hmac<Sha256>) -> String {
    let mut text = prefix.to_owned();
    URL_SAFE_NO_PAD.encode_string(&mac.finalize().into_bytes()[..BRANCH_BYTES], &mut text);
    text
}

fn transport_code(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
    }
}

fn transport_of(code: u8) -> Option<Transport> {
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]
        .into_iter()
        .find(|transport| transport_code(*transport) == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(transport: Transport, id: u64, remote: &str) -> Flow {
        let local = "0.0.0.0:0".parse().unwrap();
        Flow { id: FlowId(id), transport, local, remote: remote.parse().unwrap() }
    }

    #[test]
    fn a_token_is_read_by_its_writer_only() {
        let signer = Signer::new(&[7; 32]);
        let flows = [
            flow(Transport::Udp, 0, "192.0.2.1:5060"),
            flow(Transport::Wss, u64::MAX, "[2001:db8::1]:443"),
            flow(Transport::Tls, 77, "127.0.0.1:65535"),
        ];
        for flow in flows {
            let token = signer.token(&flow);
            assert_eq!(signer.flow(&token), Some(flow));
            assert_eq!(Signer::new(&[8; 32]).flow(&token), None);
            for at in 0..token.len() {
                let mut forged = token.clone().into_bytes();
                forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
                let forged = String::from_utf8(forged).unwrap();
                assert!(forged == token || signer.flow(&forged) != Some(flow), "{at}");
            }
        }
        for token in ["", "AAAA", "not a token", "ffffffffffffffffffffffffffffffffffffffff"] {
            assert_eq!(signer.flow(token), None);
        }
    }

    fn request(method: &str, cseq: u32, branch: &str) -> Message {
        let text = format!(
            "{method} sip:6000@offhook.local SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch={branch}\r\n\
             From: <sip:1001@offhook.local>;tag=a\r\nTo: <sip:6000@offhook.local>\r\n\
             Call-ID: c\r\nCSeq: {cseq} {method}\r\n\r\n"
        );
        Message::parse(text.into()).unwrap()
    }

    #[test]
    fn cancel_and_ack_share_the_branch_of_their_invite() {
        let signer = Signer::new(&[7; 32]);
        let source = Some("192.0.2.1".parse().unwrap());
        let invite = signer.branch(&request("INVITE", 1, "z9hG4bKa"), source).unwrap();
        assert!(invite.starts_with("z9hG4bK"));
        assert_eq!(signer.branch(&request("CANCEL", 1, "z9hG4bKa"), source), Some(invite.clone()));
        assert_eq!(signer.branch(&request("ACK", 1, "z9hG4bKa"), source), Some(invite.clone()));
        let others = [
            signer.branch(&request("INVITE", 2, "z9hG4bKa"), source),
            signer.branch(&request("INVITE", 1, "z9hG4bKb"), source),
            signer.branch(&request("CANCEL", 1, "z9hG4bKa"), Some("192.0.2.2".parse().unwrap())),
            signer.branch(&request("INVITE", 1, "z9hG4bKa"), None),
        ];
        assert!(others.iter().all(|other| other.as_ref() != Some(&invite)));
    }
}
