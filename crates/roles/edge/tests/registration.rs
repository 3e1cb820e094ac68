//! REGISTER at the edge (RFC 3261 section 10, RFC 5626).

mod rig;

use offhook_edge::{Config, DigestAlgorithm, Limits};
use offhook_model::Transport;
use offhook_sip::{HeaderName, Message};
use rig::{Request, Rig, UNIX, flow, udp, ws};

const PHONE: &str = "<sip:1001@192.0.2.7:5062>";

fn register(rig: &mut Rig, user: &str, lines: &[&str]) -> Request {
    let aor = format!("sip:{user}@offhook.local");
    let request = rig.request("REGISTER", "sip:offhook.local").from(&aor).to(&aor);
    lines.iter().fold(request, |request, line| request.header(line))
}

#[test]
fn a_challenge_names_the_realm_and_both_algorithms() {
    let mut rig = Rig::new();
    let request = register(&mut rig, "1001", &["Contact: <sip:1001@192.0.2.7:5062>"]);
    let challenge = rig.say(&udp("192.0.2.7:5062"), &request.to_string()).only_response(401);
    let offered: Vec<&str> = challenge.headers_of(HeaderName::WwwAuthenticate).collect();
    assert_eq!(offered.len(), 2);
    assert!(
        offered[0].contains("realm=\"offhook.local\"") && offered[0].contains("algorithm=SHA-256")
    );
    assert!(offered[1].contains("algorithm=MD5"));
    assert!(rig.bindings("1001").is_empty());
}

#[test]
fn devices_that_know_md5_only_are_offered_nothing_else() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let contact = format!("Contact: {PHONE}");
    let request =
        register(&mut rig, "1001", &[&contact, "User-Agent: baresip v1.0.0 (x86_64/linux)"]);
    let challenge = rig.say(&phone, &request.to_string()).only_response(401);
    let offered: Vec<&str> = challenge.headers_of(HeaderName::WwwAuthenticate).collect();
    assert_eq!(offered.len(), 1);
    assert!(offered[0].contains("algorithm=MD5"), "{}", offered[0]);
    rig.say_as(&phone, "1001", "demo-1001", &request).only_response(200);
}

#[test]
fn an_algorithm_that_is_not_configured_is_not_accepted() {
    let config = Config { digest_algorithms: vec![DigestAlgorithm::Sha256], ..Config::default() };
    let mut rig = Rig::configured(&config, &[]);
    let phone = udp("192.0.2.7:5062");
    let request =
        register(&mut rig, "1001", &[&format!("Contact: {PHONE}"), "User-Agent: baresip v1.0.0"]);
    let challenge = rig.say(&phone, &request.to_string()).only_response(401);
    let offered: Vec<&str> = challenge.headers_of(HeaderName::WwwAuthenticate).collect();
    assert_eq!(offered.len(), 1);
    let sha256 = request.answering(&challenge, "1001", "demo-1001");
    rig.say(&phone, &sha256.to_string()).only_response(200);

    let request = register(&mut rig, "1001", &[&format!("Contact: {PHONE}")]);
    let challenge = rig.say(&phone, &request.to_string()).only_response(401);
    let downgraded =
        Message::parse(challenge.to_string().replace("SHA-256", "MD5").into()).unwrap();
    let md5 = request.answering(&downgraded, "1001", "demo-1001");
    rig.say(&phone, &md5.to_string()).only_response(401);
}

#[test]
fn several_devices_share_an_address() {
    let mut rig = Rig::new();
    rig.register(&udp("192.0.2.7:5062"), "1001", PHONE);
    let ok = rig.register(&ws(3), "1001", "<sip:x@y.invalid;transport=ws>;q=0.5");
    let listed: Vec<&str> = ok.headers_of(HeaderName::Contact).collect();
    assert_eq!(
        listed,
        [
            "<sip:1001@192.0.2.7:5062>;expires=600",
            "<sip:x@y.invalid;transport=ws>;expires=600;q=0.500"
        ]
    );
    assert!(
        ok.has_token(HeaderName::Supported, "outbound")
            && !ok.has_token(HeaderName::Supported, "path")
    );
    let bindings = rig.bindings("1001");
    assert_eq!(bindings[0].transport, Transport::Udp);
    assert_eq!(bindings[0].source, "192.0.2.7:5062");
    assert_eq!(bindings[1].q_thousandths, 500);
    assert_ne!(bindings[0].route, bindings[1].route);
    assert!(
        bindings[0].route.ends_with("@198.51.100.1:5060;transport=udp;lr>"),
        "{}",
        bindings[0].route
    );
}

#[test]
fn expires_too_brief_is_answered_with_what_is_allowed() {
    let mut rig = Rig::new();
    let request = register(&mut rig, "1001", &[&format!("Contact: {PHONE}"), "Expires: 5"]);
    let refused =
        rig.say_as(&udp("192.0.2.7:5062"), "1001", "demo-1001", &request).only_response(423);
    assert_eq!(refused.header(HeaderName::MinExpires), Some("30"));
    assert!(rig.bindings("1001").is_empty());
}

#[test]
fn bindings_are_listed_removed_and_end_by_themselves() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    rig.register(&phone, "1001", PHONE);
    rig.advance(100);
    let fetch = register(&mut rig, "1001", &[]);
    let ok = rig.say_as(&phone, "1001", "demo-1001", &fetch).only_response(200);
    assert_eq!(ok.header(HeaderName::Contact), Some("<sip:1001@192.0.2.7:5062>;expires=500"));

    let star = register(&mut rig, "1001", &["Contact: *", "Expires: 0"]);
    let ok = rig.say_as(&phone, "1001", "demo-1001", &star).only_response(200);
    assert!(!ok.has(HeaderName::Contact));
    assert!(rig.bindings("1001").is_empty());

    rig.register(&phone, "1001", PHONE);
    rig.advance(599);
    assert_eq!(rig.bindings("1001").len(), 1);
    rig.advance(1);
    assert!(rig.bindings("1001").is_empty());
    assert_eq!(rig.state.poll_timeout(rig.moment), None);
}

#[test]
fn refreshing_moves_the_end() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    rig.register(&phone, "1001", PHONE);
    rig.advance(500);
    rig.register(&phone, "1001", PHONE);
    rig.advance(500);
    assert_eq!(rig.bindings("1001")[0].expires_at, UNIX + 1_100);
    rig.advance(100);
    assert!(rig.bindings("1001").is_empty());
}

#[test]
fn a_browser_s_binding_ends_with_its_connection_and_a_phone_s_does_not() {
    let mut rig = Rig::new();
    let (browser, phone) = (ws(3), flow(Transport::Tcp, 4, "192.0.2.7:40000"));
    rig.register(&browser, "1001", "<sip:x@y.invalid;transport=ws>");
    rig.register(&phone, "1001", "<sip:1001@192.0.2.7:5062;transport=tcp>");
    rig.state.handle_closed(&ws(99));
    rig.state.handle_closed(&phone);
    assert_eq!(rig.bindings("1001").len(), 2);
    rig.state.handle_closed(&browser);
    let left: Vec<_> = rig.bindings("1001").into_iter().map(|binding| binding.contact).collect();
    assert_eq!(left, ["sip:1001@192.0.2.7:5062;transport=tcp"]);
}

#[test]
fn a_browser_that_comes_back_keeps_its_new_binding_when_the_old_connection_ends() {
    let mut rig = Rig::new();
    let contact = "<sip:x@y.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    let ok = rig.register(&ws(3), "1001", contact);
    assert!(
        ok.header(HeaderName::Contact)
            .unwrap()
            .contains(";+sip.instance=\"<urn:uuid:1>\";reg-id=1")
    );
    rig.register(&ws(4), "1001", contact);
    rig.state.handle_closed(&ws(3));
    assert_eq!(rig.bindings("1001").len(), 1);
}

#[test]
fn outbound_is_confirmed_to_who_supports_it() {
    let mut rig = Rig::new();
    let contact = "Contact: <sip:x@y.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    let request = register(&mut rig, "1001", &[contact, "Supported: path, outbound"]);
    let ok = rig.say_as(&ws(1), "1001", "demo-1001", &request).only_response(200);
    assert_eq!(ok.header(HeaderName::Require), Some("outbound"));
}

#[test]
fn a_path_that_would_not_be_kept_is_not_promised() {
    let mut rig = Rig::new();
    let contact = format!("Contact: {PHONE}");
    let path = ["Path: <sip:192.0.2.77;lr>", "Supported: path"];
    let demanding = register(&mut rig, "1001", &[&contact, path[0], path[1], "Require: path"]);
    let phone = udp("192.0.2.7:5062");
    let refused = rig.say_as(&phone, "1001", "demo-1001", &demanding).only_response(420);
    assert_eq!(refused.header(HeaderName::Unsupported), Some("path"));
    assert!(rig.bindings("1001").is_empty());
    let content = register(&mut rig, "1001", &[&contact, path[0], path[1]]);
    let ok = rig.say_as(&phone, "1001", "demo-1001", &content).only_response(200);
    assert!(!ok.has(HeaderName::Path), "{ok}");
}

#[test]
fn nobody_registers_in_another_s_name() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let request = register(&mut rig, "1002", &[&format!("Contact: {PHONE}")]);
    let refused = rig.say_as(&phone, "1001", "demo-1001", &request).only_response(403);
    assert_eq!(refused.reason(), "To is not the user of the credentials");
    assert!(rig.bindings("1002").is_empty());
}

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let shape = |response: &Message| {
        let names: Vec<String> =
            response.headers().map(|field| field.name_text.to_owned()).collect();
        (response.status(), response.reason().to_owned(), names)
    };
    let unknown = register(&mut rig, "7777", &[&format!("Contact: {PHONE}")]);
    let unknown = rig.say_as(&phone, "7777", "x", &unknown).only_response(401);
    let wrong = register(&mut rig, "1001", &[&format!("Contact: {PHONE}")]);
    let wrong = rig.say_as(&phone, "1001", "x", &wrong).only_response(401);
    assert_eq!(shape(&unknown), shape(&wrong));
}

#[test]
fn a_device_that_never_stops_coming_back_holds_a_limited_number_of_bindings() {
    let mut rig = Rig::with(Limits { bindings_per_user: 2, ..Limits::default() }, &[]);
    for port in 6_000..6_010 {
        let phone = udp(&format!("192.0.2.7:{port}"));
        rig.register(&phone, "1001", &format!("<sip:1001@192.0.2.7:{port}>"));
    }
    let held: Vec<_> = rig.bindings("1001").into_iter().map(|binding| binding.contact).collect();
    assert_eq!(held.len(), 2);
    assert!(held.contains(&"sip:1001@192.0.2.7:6009".to_owned()));
}
