//! Where a message goes: Routes of our own, Request-URIs of our own, and the way of a response.

use super::names::Names;
use super::reply::Reply;
use super::token::Signer;
use offhook_model::{Directory, Transport};
use offhook_net::Flow;
use offhook_sip::uri::Scheme;
use offhook_sip::{HeaderName, Message, StatusCode, Uri};
use std::net::SocketAddr;

/// The Route headers of a request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Routes {
    /// How many of the topmost are ours and are to be taken off.
    pub(super) own_count: usize,
    /// The flow that the topmost one with a token names.
    pub(super) flow: Option<Flow>,
}

/// Reads a request's Routes.
///
/// # Errors
/// A refusal when one of them leads elsewhere, or carries a token that this edge did not write: this is no
/// open relay.
pub(super) fn read_routes(
    request: &Message,
    names: &Names,
    signer: &Signer,
    directory: &Directory,
) -> Result<Routes, Reply> {
    let mut routes = Routes { own_count: 0, flow: None };
    for route in request.routes() {
        let uri = route.ok().and_then(|route| route.uri().ok());
        let uri = uri.ok_or_else(|| {
            Reply::refusal(StatusCode::BAD_REQUEST, "malformed", "Malformed Route")
        })?;
        let is_ours = uri.host().is_some_and(|host| names.is_ours(host, directory));
        if !is_ours {
            return Err(relaying_is_refused());
        }
        if let Some(token) = uri.user() {
            let flow = signer.flow(token).ok_or_else(|| {
                Reply::refusal(StatusCode::FORBIDDEN, "route_token", "Route is not valid")
            })?;
            routes.flow.get_or_insert(flow);
        }
        routes.own_count += 1;
    }
    Ok(routes)
}

/// The flow that the topmost Route of a request of the switch names; `None` when that is not ours or carries
/// no token of ours.
///
/// The Routes beneath it belong to proxies between us and the device, which recorded themselves when the
/// dialog began: they stay as they are, and the request goes along the flow all the same.
pub(super) fn flow_of_top(
    request: &Message,
    names: &Names,
    signer: &Signer,
    directory: &Directory,
) -> Option<Flow> {
    let route = request.route_top().ok()??;
    let uri = route.uri().ok()?;
    let is_ours = names.is_ours(uri.host()?, directory);
    signer.flow(uri.user()?).filter(|_| is_ours)
}

/// Demands a scheme that can be routed (RFC 3261 section 16.3 step 2).
///
/// # Errors
/// 416 for any other.
pub(super) fn check_scheme(uri: &Uri<'_>) -> Result<(), Reply> {
    match uri.scheme() {
        Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
        Scheme::Other(_) => Err(Reply::counted(StatusCode::UNSUPPORTED_URI_SCHEME, "scheme")),
    }
}

/// Demands that a Request-URI is ours; a tel URI names a number, and numbers are ours to interpret.
///
/// # Errors
/// 403 for the domains of others.
pub(super) fn check_domain(
    uri: &Uri<'_>,
    names: &Names,
    directory: &Directory,
) -> Result<(), Reply> {
    let is_ours = match uri.host() {
        Some(host) => names.is_ours(host, directory),
        None => uri.scheme() == Scheme::Tel,
    };
    is_ours.then_some(()).ok_or_else(relaying_is_refused)
}

fn relaying_is_refused() -> Reply {
    Reply::refusal(StatusCode::FORBIDDEN, "relay", "Relaying is refused")
}

/// Demands nothing of us that we do not know (RFC 3261 section 16.3 step 5).
///
/// # Errors
/// 420 that lists what is unknown.
pub(super) fn check_extensions(
    request: &Message,
    header: HeaderName,
    known: &[&str],
) -> Result<(), Reply> {
    let is_unknown = |tag: &&str| !known.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let unknown: Vec<&str> = request.tokens(header).filter(is_unknown).collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(Reply::counted(StatusCode::BAD_EXTENSION, "extension")
            .header(HeaderName::Unsupported, unknown.join(", "))),
    }
}

/// The number that a Request-URI dials, without visual separators (RFC 3966 section 5.1.1) and without the
/// parameters of a telephone subscriber.
pub(super) fn dialled_number(uri: &Uri<'_>) -> String {
    let user = uri.user_decoded().unwrap_or_default();
    let number = user.split(';').next().unwrap_or_default();
    number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect()
}

/// The way of a response whose topmost Via is the device's (RFC 3261 section 18.2.2, RFC 3581 section 4).
///
/// A response over a connection goes back along it. A datagram goes to where the request came from, except
/// for a device that did not ask for that and is not behind NAT: it listens on the port in its Via. So does
/// the answer to a request whose Via cannot be read.
pub(super) fn response_flow(flow: &Flow, response: &Message) -> Option<Flow> {
    if flow.transport != Transport::Udp {
        return Some(*flow);
    }
    let Ok(via) = response.via_top() else {
        return Some(*flow);
    };
    let is_direct =
        via.host().ip().is_some_and(|ip| ip.to_canonical() == flow.remote.ip().to_canonical());
    if via.rport().is_some() || !is_direct {
        return Some(*flow);
    }
    let remote = SocketAddr::new(flow.remote.ip(), via.port_or_default());
    (remote.port() != 0).then_some(Flow { remote, ..*flow })
}

/// Where a response goes when the connection of its request is gone: to the port in the Via, at the address
/// the request came from (RFC 3261 section 18.2.2).
pub(super) fn response_fallback(
    flow: &Flow,
    response: &Message,
) -> Option<(Transport, SocketAddr)> {
    let port = response.via_top().ok()?.port_or_default();
    let is_connectable = matches!(flow.transport, Transport::Tcp | Transport::Tls) && port != 0;
    is_connectable.then(|| (flow.transport, SocketAddr::new(flow.remote.ip(), port)))
}

/// Where a device that is to be called might be reached by a new connection: the address in its contact,
/// if that is where it registered from.
pub(super) fn connectable(contact: &Uri<'_>, flow: &Flow) -> Option<(Transport, SocketAddr)> {
    let (transport, default_port) = match contact.param("transport")? {
        token if token.eq_ignore_ascii_case("tcp") => (Transport::Tcp, 5060),
        token if token.eq_ignore_ascii_case("tls") => (Transport::Tls, 5061),
        _ => return None,
    };
    let ip = contact.host()?.ip()?;
    let is_source =
        transport == flow.transport && ip.to_canonical() == flow.remote.ip().to_canonical();
    is_source.then(|| (transport, SocketAddr::new(ip, contact.port().unwrap_or(default_port))))
}
