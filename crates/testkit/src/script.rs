//! The text of requests that a scripted peer says.

use offhook_sip::message::Message;

/// A request outside of any dialog, such as a call's first INVITE. `more` is further header lines,
/// and a body behind an empty line.
pub fn new_request(method: &str, call_id: &str, sequence: u32, more: &str) -> String {
    format!(
        "{method} sip:phone@phone.example.org SIP/2.0
        Via: SIP/2.0/UDP peer.example.org;branch=z9hG4bK-{call_id}-{sequence}-{method}
        Max-Forwards: 70
        From: <sip:peer@example.org>;tag=peer
        To: <sip:phone@example.org>
        Call-ID: {call_id}
        CSeq: {sequence} {method}
        Contact: <sip:peer@peer.example.org>
        {}",
        more.trim_start()
    )
}

/// A request within the dialog of `known`, which the engine has sent: a response to the peer's
/// INVITE, or a request, to which the peer has given its `tag`.
pub fn request_within(
    known: &Message,
    method: &str,
    sequence: u32,
    tag: &str,
    more: &str,
) -> String {
    let header = |name: &str| known.header_named(name).unwrap_or_default();
    let (from, to) = if known.is_response() {
        (header("From").to_owned(), header("To").to_owned())
    } else {
        (with_tag(header("To"), tag), header("From").to_owned())
    };
    let call_id = header("Call-ID");
    let target = known.contact().map(|contact| contact.uri_text().to_owned());
    let target = target.unwrap_or_else(|_| "sip:phone@phone.example.org".to_owned());
    format!(
        "{method} {target} SIP/2.0
        Via: SIP/2.0/UDP peer.example.org;branch=z9hG4bK-{call_id}-{sequence}-{method}
        Max-Forwards: 70
        From: {from}
        To: {to}
        Call-ID: {call_id}
        CSeq: {sequence} {method}
        Contact: <sip:peer@peer.example.org>
        {}",
        more.trim_start()
    )
}

fn with_tag(address: &str, tag: &str) -> String {
    if address.contains(";tag=") { address.to_owned() } else { format!("{address};tag={tag}") }
}
