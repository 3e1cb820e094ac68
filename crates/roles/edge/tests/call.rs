//! A call through the edge: from a device to the switch, from the switch to a device, and what follows
//! inside the dialog.

mod rig;

use offhook_sip::HeaderName;
use rig::{Rig, response, udp, ws};

const BROWSER: &str =
    "<sip:x1@abc123.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";

#[test]
fn a_browser_registers_and_calls_the_switch() {
    let mut rig = Rig::new();
    let browser = ws(7);
    let ok = rig.register(&browser, "1001", BROWSER);
    assert!(ok.header(HeaderName::Contact).unwrap().contains("expires=600"), "{ok}");
    assert_eq!(rig.bindings("1001")[0].contact, "sip:x1@abc123.invalid;transport=ws");

    let invite =
        rig.request("INVITE", "sip:9196@offhook.local").header("Contact: <sip:x1@abc123.invalid>");
    let out = rig.say_as(&browser, "1001", "demo-1001", &invite);
    assert!(out.to_switch[0].1, "a WebSocket is reliable");
    let passed = out.only_to_switch();
    assert_eq!(passed.header(HeaderName::PAssertedIdentity), Some("<sip:1001@offhook.local>"));
    assert!(!passed.has(HeaderName::ProxyAuthorization), "{passed}");
    assert_eq!(passed.header(HeaderName::MaxForwards), Some("69"));
    assert_eq!(passed.vias().count(), 2);
    assert!(
        passed.header(HeaderName::RecordRoute).unwrap().contains("transport=ws;lr"),
        "{passed}"
    );

    let (flow, ringing) =
        rig.switch_says(&response(&passed, "180 Ringing", "s", &[])).only_to_device();
    assert_eq!(flow.id, browser.id);
    assert_eq!(ringing.vias().count(), 1);
    assert_eq!(ringing.via_top().unwrap().received(), Some("192.0.2.50".parse().unwrap()));
    let (_, answered) = rig
        .switch_says(&response(&passed, "200 OK", "s", &["Contact: <sip:switch@127.0.0.1:5080>"]))
        .only_to_device();

    let route = format!("Route: {}", answered.header(HeaderName::RecordRoute).unwrap());
    let mut ack = rig.request("ACK", "sip:switch@127.0.0.1:5080").in_dialog("s").header(&route);
    ack.call_id = invite.call_id.clone();
    let acked = rig.say(&browser, &ack.to_string()).only_to_switch();
    assert!(!acked.has(HeaderName::Route) && !acked.has(HeaderName::RecordRoute), "{acked}");

    let bye = format!(
        "BYE sip:x1@abc123.invalid SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs1\r\n\
         {route}\r\nMax-Forwards: 70\r\nFrom: <sip:9196@offhook.local>;tag=s\r\n\
         To: <sip:1001@offhook.local>;tag=from\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\r\n",
        invite.call_id
    );
    let (flow, bye) = rig.switch_says(&bye).only_to_device();
    assert_eq!(flow.id, browser.id);
    assert!(!bye.has(HeaderName::Route), "{bye}");
    let done = rig.say(&browser, &response(&bye, "200 OK", "", &[])).only_to_switch();
    assert_eq!(done.via_top().unwrap().branch(), Some("z9hG4bKs1"));
    assert_eq!(done.vias().count(), 1);
}

#[test]
fn the_switch_calls_a_registered_browser() {
    let mut rig = Rig::new();
    let browser = ws(7);
    rig.register(&browser, "1001", BROWSER);
    let binding = rig.bindings("1001").remove(0);
    let invite = switch_invite(&binding.contact, &binding.route);
    let (flow, invite) = rig.switch_says(&invite).only_to_device();
    assert_eq!((flow.id, flow.remote), (browser.id, browser.remote));
    assert_eq!(invite.request_uri_text(), "sip:x1@abc123.invalid;transport=ws");
    assert_eq!(invite.header(HeaderName::RecordRoute), Some(binding.route.as_str()));
    assert!(invite.via_top().unwrap().as_str().starts_with("SIP/2.0/WS 198.51.100.1"));
    let answer = response(&invite, "200 OK", "b", &["Contact: <sip:x1@abc123.invalid>"]);
    let answered = rig.say(&browser, &answer).only_to_switch();
    assert_eq!(answered.via_top().unwrap().branch(), Some("z9hG4bKs9"));
}

#[test]
fn a_cancel_and_the_ack_of_a_refusal_share_the_branch_of_their_invite() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let invite = rig.request("INVITE", "sip:6000@offhook.local").from("sip:guest@example.org");
    let passed = rig.say(&phone, &invite.to_string()).only_to_switch();
    let repeated = rig.say(&phone, &invite.to_string()).only_to_switch();
    assert_eq!(passed, repeated, "retransmissions pass through, byte for byte the same");
    let branch = passed.via_top().unwrap().branch().unwrap().to_owned();
    let cancel = rig.say(&phone, &invite.clone().method("CANCEL").to_string()).only_to_switch();
    assert_eq!(cancel.via_top().unwrap().branch(), Some(branch.as_str()));
    let ack = invite.method("ACK").in_dialog("s");
    let ack = rig.say(&phone, &ack.to_string()).only_to_switch();
    assert_eq!(ack.via_top().unwrap().branch(), Some(branch.as_str()));
}

#[test]
fn nobody_else_can_cancel() {
    let mut rig = Rig::new();
    let invite = rig.request("INVITE", "sip:6000@offhook.local").from("sip:guest@example.org");
    let passed = rig.say(&udp("192.0.2.7:5062"), &invite.to_string()).only_to_switch();
    let cancel = invite.method("CANCEL");
    let stranger = rig.say(&udp("192.0.2.99:5062"), &cancel.to_string()).only_to_switch();
    assert_ne!(stranger.via_top().unwrap().branch(), passed.via_top().unwrap().branch());
}

#[test]
fn a_repeated_request_with_credentials_is_not_challenged_again() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let invite = rig.request("INVITE", "sip:1002@offhook.local");
    let challenge = rig.say(&phone, &invite.to_string()).only_response(407);
    let answered = invite.answering(&challenge, "1001", "demo-1001").to_string();
    let first = rig.say(&phone, &answered).only_to_switch();
    rig.advance(16);
    let second = rig.say(&phone, &answered).only_to_switch();
    assert_eq!(first, second);
    let elsewhere = rig.say(&udp("192.0.2.8:5062"), &answered).only_response(407);
    assert!(elsewhere.header(HeaderName::ProxyAuthenticate).unwrap().contains("stale=true"));
    rig.advance(100);
    rig.say(&phone, &answered).only_response(407);
}

#[test]
fn credentials_that_were_overheard_are_good_for_nothing_else() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let register = rig
        .request("REGISTER", "sip:offhook.local")
        .to("sip:1001@offhook.local")
        .header("Contact: <sip:1001@10.0.0.9>");
    let challenge = rig.say(&phone, &register.to_string()).only_response(401);
    let answered = register.answering(&challenge, "1001", "demo-1001").to_string();
    rig.say(&phone, &answered).only_response(200);
    let neighbour = udp("192.0.2.7:40000");
    let diverted = answered.replace("1001@10.0.0.9", "1001@10.0.0.66");
    for (flow, request) in [(&neighbour, &answered), (&neighbour, &diverted), (&phone, &diverted)] {
        let again = rig.say(flow, request).only_response(401);
        assert!(again.header(HeaderName::WwwAuthenticate).unwrap().contains("stale=true"));
    }
    let bindings = rig.bindings("1001");
    assert_eq!(bindings.len(), 1);
    assert_eq!(
        (bindings[0].source.as_str(), bindings[0].contact.as_str()),
        ("192.0.2.7:5062", "sip:1001@10.0.0.9")
    );
    rig.say(&phone, &answered).only_response(200);
}

#[test]
fn a_request_for_a_connection_that_is_gone_comes_back_as_430() {
    let mut rig = Rig::new();
    let browser = ws(7);
    rig.register(&browser, "1001", BROWSER);
    let binding = rig.bindings("1001").remove(0);
    let (_, invite) =
        rig.switch_says(&switch_invite(&binding.contact, &binding.route)).only_to_device();
    rig.state.handle_unsent(invite.to_bytes());
    let failed = rig.drain().only_to_switch();
    assert_eq!(failed.status().unwrap().code(), 430);
    assert_eq!(failed.via_top().unwrap().branch(), Some("z9hG4bKs9"));
    assert!(failed.to_tag().is_some());

    let forged = invite.to_string().replace("z9hG4bKs9", "z9hG4bKs8");
    rig.state.handle_unsent(forged.into());
    rig.drain().nothing();
}

#[test]
fn a_response_to_nothing_of_ours_is_dropped() {
    let mut rig = Rig::new();
    let browser = ws(7);
    rig.register(&browser, "1001", BROWSER);
    let binding = rig.bindings("1001").remove(0);
    let (_, invite) =
        rig.switch_says(&switch_invite(&binding.contact, &binding.route)).only_to_device();
    let genuine = response(&invite, "200 OK", "b", &[]);
    rig.say(&browser, &genuine.replace("Call-ID: out", "Call-ID: other")).nothing();
    rig.say(&browser, &genuine.replace("z9hG4bKs9", "z9hG4bKs8")).nothing();
    rig.say(&browser, &genuine.replace("CSeq: 1 ", "CSeq: 2 ")).nothing();
    rig.say(&browser, &genuine).only_to_switch();
}

#[test]
fn datagrams_are_answered_where_they_came_from_or_where_the_device_listens() {
    let mut rig = Rig::new();
    let options = |rig: &mut Rig, via: &str, source: &str| {
        let request = rig.request("OPTIONS", "sip:offhook.local").via(via);
        let (flow, response) = rig.say(&udp(source), &request.to_string()).only_to_device();
        assert_eq!(response.status().unwrap().code(), 200);
        (flow.remote.to_string(), response.header(HeaderName::Via).unwrap().to_owned())
    };
    let via = "SIP/2.0/UDP 192.0.2.7:5062;rport;branch=z9hG4bK1";
    let (to, via) = options(&mut rig, via, "192.0.2.7:40000");
    assert_eq!(to, "192.0.2.7:40000");
    assert_eq!(via, "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK1;received=192.0.2.7;rport=40000");

    let (to, via) =
        options(&mut rig, "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK2", "192.0.2.7:40000");
    assert_eq!((to.as_str(), via.contains("received")), ("192.0.2.7:5062", false));

    let (to, via) =
        options(&mut rig, "SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bK3", "192.0.2.7:40000");
    assert_eq!((to.as_str(), via.contains("received=192.0.2.7")), ("192.0.2.7:40000", true));
}

#[test]
fn a_device_behind_a_proxy_that_recorded_itself_is_reached_through_it() {
    let mut rig = Rig::new();
    let proxy = udp("192.0.2.77:5060");
    let invite = rig
        .request("INVITE", "sip:9196@offhook.local")
        .header("Record-Route: <sip:192.0.2.77;lr>")
        .header("Contact: <sip:1001@10.0.0.9>");
    let passed = rig.say_as(&proxy, "1001", "demo-1001", &invite).only_to_switch();
    let route_set: Vec<&str> = passed.headers_of(HeaderName::RecordRoute).collect();
    assert_eq!(route_set.len(), 2, "{passed}");
    for separator in ["\r\nRoute: ", ", "] {
        let bye = switch_bye("sip:1001@10.0.0.9", &route_set.join(separator));
        let (flow, bye) = rig.switch_says(&bye).only_to_device();
        assert_eq!(flow.remote, proxy.remote);
        let routes: Vec<&str> = bye.headers_of(HeaderName::Route).collect();
        assert_eq!(routes, ["<sip:192.0.2.77;lr>"]);
        assert_eq!(bye.request_uri_text(), "sip:1001@10.0.0.9");
    }
    let foreign_first = [route_set[1], route_set[0]].join(", ");
    let refused = rig.switch_says(&switch_bye("sip:1001@10.0.0.9", &foreign_first));
    assert_eq!(refused.only_to_switch().status().unwrap().code(), 404);
}

#[test]
fn a_dialog_follows_its_device_to_a_new_connection() {
    let mut rig = Rig::new();
    let invite =
        rig.request("INVITE", "sip:9196@offhook.local").header("Contact: <sip:x1@abc123.invalid>");
    let passed = rig.say_as(&ws(7), "1001", "demo-1001", &invite).only_to_switch();
    let route = format!("Route: {}", passed.header(HeaderName::RecordRoute).unwrap());

    let mut again =
        rig.request("INVITE", "sip:switch@127.0.0.1:5080").in_dialog("s").header(&route);
    again.call_id = invite.call_id.clone();
    rig.say(&ws(8), &again.to_string()).only_to_switch();

    let bye = format!(
        "BYE sip:x1@abc123.invalid SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs1\r\n\
         {route}\r\nMax-Forwards: 70\r\nFrom: <sip:9196@offhook.local>;tag=s\r\n\
         To: <sip:somebody@offhook.local>;tag=from\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\r\n",
        invite.call_id
    );
    let (flow, _) = rig.switch_says(&bye).only_to_device();
    assert_eq!(flow.id, ws(8).id);
}

/// A phone at `192.0.2.7:5062` that was heard on another port inside a dialog, as when NAT forgot it.
fn moved_phone(rig: &mut Rig) -> String {
    let phone = udp("192.0.2.7:5062");
    rig.register(&phone, "1001", "<sip:1001@10.0.0.9:5060>");
    let route = rig.bindings("1001").remove(0).route;
    let bye = rig
        .request("BYE", "sip:switch@127.0.0.1:5080")
        .in_dialog("s")
        .header(&format!("Route: {route}"));
    rig.say(&udp("192.0.2.7:40000"), &bye.to_string()).only_to_switch();
    route
}

/// Where the switch's request goes.
fn reached(rig: &mut Rig, request: &str) -> String {
    rig.switch_says(request).only_to_device().0.remote.to_string()
}

#[test]
fn a_device_is_called_where_it_registered() {
    let mut rig = Rig::new();
    let route = moved_phone(&mut rig);
    let contact = "sip:1001@10.0.0.9:5060";
    assert_eq!(reached(&mut rig, &switch_bye(contact, &route)), "192.0.2.7:40000");
    assert_eq!(reached(&mut rig, &switch_invite(contact, &route)), "192.0.2.7:5062");
}

#[test]
fn a_registration_ends_what_was_known_of_a_move() {
    let mut rig = Rig::new();
    let route = moved_phone(&mut rig);
    rig.advance(60);
    rig.register(&udp("192.0.2.7:5062"), "1001", "<sip:1001@10.0.0.9:5060>");
    let bye = switch_bye("sip:1001@10.0.0.9:5060", &route);
    assert_eq!(reached(&mut rig, &bye), "192.0.2.7:5062");
}

#[test]
fn a_move_is_forgotten_when_nothing_uses_it() {
    let mut rig = Rig::new();
    let route = moved_phone(&mut rig);
    let bye = switch_bye("sip:1001@10.0.0.9:5060", &route);
    let hour = |rig: &mut Rig| {
        rig.advance(3_600);
        let options = rig.request("OPTIONS", "sip:offhook.local");
        rig.say(&udp("192.0.2.9:5060"), &options.to_string()).only_response(200);
    };
    hour(&mut rig);
    assert_eq!(reached(&mut rig, &bye), "192.0.2.7:40000", "a dialog may be quiet that long");
    hour(&mut rig);
    hour(&mut rig);
    assert_eq!(reached(&mut rig, &bye), "192.0.2.7:5062");
}

#[test]
fn a_request_outside_a_dialog_moves_nobody() {
    let mut rig = Rig::new();
    let invite = rig.request("INVITE", "sip:9196@offhook.local");
    let passed = rig.say_as(&udp("192.0.2.7:5062"), "1001", "demo-1001", &invite).only_to_switch();
    let route = passed.header(HeaderName::RecordRoute).unwrap().to_owned();
    let stranger = rig
        .request("INVITE", "sip:6000@offhook.local")
        .from("sip:somebody@example.org")
        .header(&format!("Route: {route}"));
    rig.say(&udp("192.0.2.66:5060"), &stranger.to_string());
    let bye = switch_bye("sip:1001@10.0.0.9", &route);
    assert_eq!(reached(&mut rig, &bye), "192.0.2.7:5062");
}

fn switch_invite(contact: &str, route: &str) -> String {
    format!(
        "INVITE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs9\r\n\
         Route: {route}\r\nMax-Forwards: 70\r\nFrom: <sip:1002@offhook.local>;tag=s\r\n\
         To: <{contact}>\r\nCall-ID: out\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:switch@127.0.0.1:5080>\r\n\r\n"
    )
}

fn switch_bye(contact: &str, routes: &str) -> String {
    format!(
        "BYE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs1\r\n\
         Route: {routes}\r\nMax-Forwards: 70\r\nFrom: <sip:9196@offhook.local>;tag=s\r\n\
         To: <sip:somebody@offhook.local>;tag=from\r\nCall-ID: call-1\r\nCSeq: 1 BYE\r\n\r\n"
    )
}
