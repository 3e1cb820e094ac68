//! What the edge refuses: relaying, forged identities, guessed passwords, floods.

mod rig;

use offhook_edge::Limits;
use offhook_model::{guest_password, guest_username};
use offhook_sip::HeaderName;
use rig::{GUEST_KEY, Rig, UNIX, response, udp, ws};

const STRANGER: &str = "sip:somebody@example.org";

#[test]
fn a_caller_without_an_account_reaches_what_the_guest_policy_names() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let dialled = [
        "sip:6000@offhook.local",
        "sip:555-1234@198.51.100.1",
        "sip:555%2D1234@localhost:5060",
        "tel:555-1234",
        "tel:(555)12.34;phone-context=offhook.local",
    ];
    for uri in dialled {
        let invite = rig.request("INVITE", uri).from(STRANGER);
        let passed = rig.say(&phone, &invite.to_string()).only_to_switch();
        assert!(!passed.has(HeaderName::PAssertedIdentity), "{uri}");
    }
    for uri in ["sip:1001@offhook.local", "sip:60001@offhook.local", "tel:555123", "tel:5551234x"] {
        let invite = rig.request("INVITE", uri).from(STRANGER);
        let out = rig.say(&phone, &invite.to_string());
        let status = out.to_devices[0].1.status().unwrap().code();
        assert!(matches!(status, 407 | 400), "{uri} {status}");
        assert!(out.to_switch.is_empty());
    }
    let message = rig.request("MESSAGE", "sip:6000@offhook.local").from(STRANGER);
    rig.say(&phone, &message.to_string()).only_response(407);
}

#[test]
fn an_extension_s_name_is_not_for_strangers() {
    let mut rig = Rig::new();
    for from in [
        "sip:1001@offhook.local",
        "sip:1001@198.51.100.1",
        "sip:1001@example.org",
        "sip:%31001@offhook.local",
    ] {
        let invite = rig.request("INVITE", "sip:6000@offhook.local").from(from);
        rig.say(&udp("192.0.2.7:5062"), &invite.to_string()).only_response(407);
    }
}

#[test]
fn an_identity_is_only_what_we_write() {
    let mut rig = Rig::new();
    let invite = rig
        .request("INVITE", "sip:6000@offhook.local")
        .from(STRANGER)
        .header("P-Asserted-Identity: <sip:1001@offhook.local>")
        .header("p-asserted-identity: <tel:1002>")
        .header("P-Preferred-Identity: <sip:1001@offhook.local>")
        .header("Remote-Party-ID: <sip:1001@offhook.local>")
        .header("X-OFFHOOK-Account: 1001")
        .header("X-Other: kept");
    let passed = rig.say(&udp("192.0.2.7:5062"), &invite.to_string()).only_to_switch();
    let text = passed.to_string().to_lowercase();
    assert!(
        !text.contains("identity") && !text.contains("remote-party") && !text.contains("x-offhook"),
        "{text}"
    );
    assert!(text.contains("x-other: kept"));
}

#[test]
fn credentials_and_from_name_the_same_user() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let forged = rig.request("INVITE", "sip:1002@offhook.local").from("sip:1002@offhook.local");
    let refused = rig.say_as(&phone, "1001", "demo-1001", &forged).only_response(403);
    assert_eq!(refused.reason(), "From is not the user of the credentials");
    let hidden =
        rig.request("INVITE", "sip:1002@offhook.local").from("sip:anonymous@anonymous.invalid");
    let passed = rig.say_as(&phone, "1001", "demo-1001", &hidden).only_to_switch();
    assert_eq!(passed.header(HeaderName::PAssertedIdentity), Some("<sip:1001@offhook.local>"));
}

#[test]
fn credentials_are_not_good_for_another_request_uri() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let invite = rig.request("INVITE", "sip:1002@offhook.local");
    let challenge = rig.say(&phone, &invite.to_string()).only_response(407);
    let mut answered = invite.answering(&challenge, "1001", "demo-1001");
    answered.uri = "sip:6000@offhook.local".to_owned();
    rig.say(&phone, &answered.to_string()).only_response(407);
}

#[test]
fn guests_have_their_time_and_their_numbers() {
    let mut rig = Rig::new();
    let browser = ws(5);
    let user = guest_username(UNIX + 60, 0xfeed);
    let password = guest_password(&GUEST_KEY, &user);
    let from = format!("sip:{user}@offhook.local");
    // A guest's client may register its credentials with the first request or wait to be asked; both pass.
    let invite = rig.request("INVITE", "sip:6000@offhook.local").from(&from);
    rig.say(&browser, &invite.to_string()).only_to_switch();

    let forbidden = rig.request("INVITE", "sip:1001@offhook.local").from(&from);
    let refused = rig.say_as(&browser, &user, &password, &forbidden).only_response(403);
    assert_eq!(refused.reason(), "Guests may not dial this number");
    let wrong = rig.request("INVITE", "sip:1001@offhook.local").from(&from);
    rig.say_as(&browser, &user, "guess", &wrong).only_response(407);

    let register = rig
        .request("REGISTER", "sip:offhook.local")
        .from(&from)
        .to(&from)
        .header("Contact: <sip:x@y.invalid>");
    let refused = rig.say_as(&browser, &user, &password, &register).only_response(403);
    assert_eq!(refused.reason(), "Guests may not register");

    rig.advance(60);
    let late = rig.request("INVITE", "sip:1001@offhook.local").from(&from);
    let refused = rig.say_as(&browser, &user, &password, &late).only_response(403);
    assert_eq!(refused.reason(), "Guest credentials expired");
}

#[test]
fn wrong_passwords_are_slowed_down_and_others_are_not() {
    let mut rig = Rig::with(Limits { wrong_passwords: 3, ..Limits::default() }, &[]);
    let (guesser, owner) = (udp("192.0.2.66:5060"), udp("192.0.2.7:5060"));
    let register = |rig: &mut Rig, user: &str| {
        let aor = format!("sip:{user}@offhook.local");
        rig.request("REGISTER", "sip:offhook.local")
            .from(&aor)
            .to(&aor)
            .header("Contact: <sip:1001@192.0.2.66>")
    };
    for _ in 0..3 {
        let request = register(&mut rig, "1001");
        rig.say_as(&guesser, "1001", "guess", &request).only_response(401);
    }
    let request = register(&mut rig, "1001");
    let slowed = rig.say_as(&guesser, "1001", "demo-1001", &request).only_response(503);
    assert_eq!(slowed.header(HeaderName::RetryAfter), Some("10"));
    rig.register(&owner, "1001", "<sip:1001@192.0.2.7>");
    let request = register(&mut rig, "1002");
    rig.say_as(&guesser, "1002", "demo-1002", &request).only_response(200);
    rig.advance(10);
    let request = register(&mut rig, "1001");
    rig.say_as(&guesser, "1001", "demo-1001", &request).only_response(200);
}

#[test]
fn phones_with_an_old_password_do_not_lock_their_office_out() {
    let mut rig = Rig::new();
    let good = udp("203.0.113.1:5060");
    for round in 0..240 {
        for phone in 0..16 {
            let user = format!("10{}", 20 + phone);
            let aor = format!("sip:{user}@offhook.local");
            let request = rig.request("REGISTER", "sip:offhook.local").from(&aor).to(&aor);
            let request = request.header("Contact: <sip:x@10.0.0.1>");
            let source = udp(&format!("203.0.113.1:{}", 10_000 + phone));
            rig.say_as(&source, &user, "old", &request);
        }
        rig.register(&good, "1001", "<sip:1001@10.0.0.9>");
        if round == 200 {
            rig.register(&good, "1002", "<sip:1002@10.0.0.9>");
        }
        rig.advance(30);
    }
}

#[test]
fn the_domains_of_others_are_not_relayed_to() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    for uri in ["sip:6000@example.org", "sip:6000@192.0.2.200", "sip:6000@[2001:db8::1]:5060"] {
        let invite = rig.request("INVITE", uri).from(STRANGER);
        let refused = rig.say(&phone, &invite.to_string()).only_response(403);
        assert_eq!(refused.reason(), "Relaying is refused");
    }
    let register =
        rig.request("REGISTER", "sip:example.org").header("Contact: <sip:1001@192.0.2.7>");
    rig.say(&phone, &register.to_string()).only_response(403);
}

#[test]
fn routes_of_others_and_forged_tokens_are_refused() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    rig.register(&phone, "1001", "<sip:1001@192.0.2.7:5062>");
    let genuine = rig.bindings("1001").remove(0).route;
    let mut forged = genuine.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let say = |rig: &mut Rig, routes: &str| {
        let bye = rig
            .request("BYE", "sip:switch@127.0.0.1:5080")
            .in_dialog("s")
            .header(&format!("Route: {routes}"));
        rig.say(&phone, &bye.to_string())
    };
    assert_eq!(
        say(&mut rig, "<sip:relay.example.org;lr>").only_response(403).reason(),
        "Relaying is refused"
    );
    assert_eq!(say(&mut rig, &forged).only_response(403).reason(), "Route is not valid");
    assert_eq!(
        say(&mut rig, &format!("{genuine}, <sip:relay.example.org;lr>"))
            .only_response(403)
            .reason(),
        "Relaying is refused"
    );
    let passed = say(&mut rig, &format!("<sip:198.51.100.1;lr>,{genuine}")).only_to_switch();
    assert!(!passed.has(HeaderName::Route));
}

#[test]
fn a_token_opens_no_way_from_device_to_device() {
    let mut rig = Rig::new();
    let (phone, victim) = (udp("192.0.2.7:5062"), udp("192.0.2.8:5062"));
    rig.register(&victim, "1002", "<sip:1002@192.0.2.8:5062>");
    let route = rig.bindings("1002").remove(0).route;
    let invite = rig
        .request("INVITE", "sip:1002@192.0.2.8")
        .from(STRANGER)
        .header(&format!("Route: {route}"));
    rig.say(&phone, &invite.to_string()).only_response(407);
}

#[test]
fn hops_run_out_and_demands_are_listed() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let text = rig.request("INVITE", "sip:6000@offhook.local").from(STRANGER).to_string();
    rig.say(&phone, &text.replace("Max-Forwards: 70", "Max-Forwards: 0")).only_response(483);
    let passed = rig.say(&phone, &text.replace("Max-Forwards: 70\r\n", "")).only_to_switch();
    assert_eq!(passed.header(HeaderName::MaxForwards), Some("70"));

    let demanding = rig
        .request("INVITE", "sip:6000@offhook.local")
        .from(STRANGER)
        .header("Proxy-Require: magic, sec-agree")
        .header("Require: 100rel");
    let refused = rig.say(&phone, &demanding.to_string()).only_response(420);
    assert_eq!(refused.header(HeaderName::Unsupported), Some("magic, sec-agree"));
    let for_switch =
        rig.request("INVITE", "sip:6000@offhook.local").from(STRANGER).header("Require: 100rel");
    rig.say(&phone, &for_switch.to_string()).only_to_switch();
}

#[test]
fn the_ack_of_our_own_refusal_goes_no_further() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let invite = rig.request("INVITE", "sip:1002@offhook.local");
    let challenge = rig.say(&phone, &invite.to_string()).only_response(407);
    let tag = challenge.to_tag().expect("our tag").to_owned();
    let ack = invite.clone().method("ACK").in_dialog(&tag);
    rig.say(&phone, &ack.to_string()).nothing();
    let other = invite.method("ACK").in_dialog("of-the-switch");
    rig.say(&phone, &other.to_string()).only_to_switch();
}

#[test]
fn an_ack_is_never_answered() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let ack = rig.request("ACK", "sip:6000@example.org").in_dialog("x");
    rig.say(&phone, &ack.to_string()).nothing();
    rig.say(&phone, &ack.to_string().replace("CSeq: 1 ACK", "CSeq: one ACK")).nothing();
}

#[test]
fn options_to_the_edge_is_answered_and_to_a_number_passed_on() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let request = rig.request("OPTIONS", "sip:198.51.100.1:5060").from(STRANGER);
    let ok = rig.say(&phone, &request.to_string()).only_response(200);
    assert!(ok.has_token(HeaderName::Allow, "INVITE") && ok.has(HeaderName::Accept));
    let request = rig.request("OPTIONS", "sip:6000@offhook.local").from(STRANGER);
    rig.say(&phone, &request.to_string()).only_to_switch();
    let request = rig.request("OPTIONS", "sip:1001@offhook.local").from(STRANGER);
    rig.say(&phone, &request.to_string()).only_response(407);
}

#[test]
fn a_source_that_floods_is_not_heard_any_longer() {
    let limits = Limits { requests_per_second_per_source: 10, ..Limits::default() };
    let mut rig = Rig::with(limits, &[]);
    let answered = |rig: &mut Rig, source: &str| {
        let request = rig.request("OPTIONS", "sip:offhook.local").to_string();
        rig.say(&udp(source), &request).to_devices.len()
    };
    let count: usize = (0..100).map(|_| answered(&mut rig, "192.0.2.66:5060")).sum();
    assert_eq!(count, 20);
    assert_eq!(answered(&mut rig, "192.0.2.7:5060"), 1);
    rig.advance(1);
    let count: usize = (0..100).map(|_| answered(&mut rig, "192.0.2.66:5060")).sum();
    assert_eq!(count, 10);
}

#[test]
fn a_user_that_floods_is_told_to_wait() {
    let limits = Limits { requests_per_second_per_user: 2, ..Limits::default() };
    let mut rig = Rig::with(limits, &[]);
    let phone = udp("192.0.2.7:5060");
    for _ in 0..4 {
        let invite = rig.request("INVITE", "sip:1002@offhook.local");
        rig.say_as(&phone, "1001", "demo-1001", &invite).only_to_switch();
    }
    let invite = rig.request("INVITE", "sip:1002@offhook.local");
    let refused = rig.say_as(&phone, "1001", "demo-1001", &invite).only_response(503);
    assert_eq!(refused.header(HeaderName::RetryAfter), Some("1"));
}

#[test]
fn what_the_switch_sends_goes_only_where_a_token_leads() {
    let mut rig = Rig::new();
    let bye = "BYE sip:1001@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs1\r\n\
               Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=s\r\nTo: <sip:c@d>;tag=t\r\nCall-ID: x\r\nCSeq: 1 BYE\r\n\r\n";
    let refused = rig.switch_says(bye).only_to_switch();
    assert_eq!(refused.status().unwrap().code(), 404);
    let invite = rig.request("INVITE", "sip:6000@offhook.local").from(STRANGER);
    let passed = rig.say(&udp("192.0.2.7:5062"), &invite.to_string()).only_to_switch();
    let answer = response(&passed, "200 OK", "s", &[]);
    let broken = answer.replacen(";flow=", ";flow=A", 1);
    rig.switch_says(&broken).nothing();
}

#[test]
fn calls_of_one_account_are_counted_until_they_end() {
    let mut rig = Rig::with(Limits { calls_per_account: 2, ..Limits::default() }, &[]);
    let phone = udp("192.0.2.7:5062");
    let call = |rig: &mut Rig, user: &str| {
        let invite = rig
            .request("INVITE", "sip:9196@offhook.local")
            .from(&format!("sip:{user}@offhook.local"));
        rig.say_as(&phone, user, &format!("demo-{user}"), &invite)
    };
    let first = call(&mut rig, "1001").only_to_switch();
    let second = call(&mut rig, "1001").only_to_switch();
    let refused = |rig: &mut Rig| {
        let third = call(rig, "1001").only_response(503);
        assert_eq!(third.header(HeaderName::RetryAfter), Some("10"));
    };
    refused(&mut rig);
    call(&mut rig, "1002").only_to_switch();

    rig.switch_says(&response(&first, "200 OK", "s", &[]));
    // A re-INVITE that is refused ends nothing.
    rig.switch_says(&response(&first, "488 Not Acceptable Here", "s", &[]));
    refused(&mut rig);
    rig.switch_says(&response(&second, "486 Busy Here", "s", &[]));
    let third = call(&mut rig, "1001").only_to_switch();
    refused(&mut rig);

    let bye_of = |call: &offhook_sip::Message| {
        let text = response(call, "200 OK", "s", &[]);
        text.replace(" INVITE\r\n", " BYE\r\n")
    };
    rig.switch_says(&bye_of(&first).replace("200 OK", "481 Gone"));
    refused(&mut rig);
    rig.switch_says(&bye_of(&first));
    call(&mut rig, "1001").only_to_switch();
    refused(&mut rig);

    rig.switch_says(&response(&third, "200 OK", "s", &[]));
    let route = third.header(HeaderName::RecordRoute).unwrap();
    let bye = format!(
        "BYE sip:1001@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKs1\r\n\
         Route: {route}\r\nMax-Forwards: 70\r\nFrom: <sip:9196@offhook.local>;tag=s\r\n\
         To: <sip:1001@offhook.local>;tag=from\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\r\n",
        third.call_id().unwrap()
    );
    rig.switch_says(&bye).only_to_device();
    call(&mut rig, "1001").only_to_switch();
}

#[test]
fn calls_without_an_account_are_counted_by_their_address() {
    let mut rig = Rig::with(Limits { guest_calls_per_source: 3, ..Limits::default() }, &[]);
    let call = |rig: &mut Rig, source: &str| {
        let invite = rig.request("INVITE", "sip:6000@offhook.local").from(STRANGER);
        rig.say(&udp(source), &invite.to_string())
    };
    for port in 5_060..5_063 {
        call(&mut rig, &format!("192.0.2.7:{port}")).only_to_switch();
    }
    call(&mut rig, "192.0.2.7:5070").only_response(503);
    call(&mut rig, "192.0.2.8:5060").only_to_switch();
    for _ in 0..10 {
        call(&mut rig, "127.0.0.1:5060").only_to_switch();
    }
    // Nothing has been heard of these calls for hours.
    rig.advance(7_200);
    call(&mut rig, "192.0.2.7:5070").only_to_switch();
}

#[test]
fn an_invite_that_comes_again_is_one_call_and_another_with_its_names_is_none() {
    let mut rig = Rig::with(Limits { guest_calls_per_source: 2, ..Limits::default() }, &[]);
    let phone = udp("192.0.2.7:5062");
    let mut invite = rig.request("INVITE", "sip:6000@offhook.local").from(STRANGER);
    for _ in 0..5 {
        rig.say(&phone, &invite.to_string()).only_to_switch();
    }
    invite.cseq += 1;
    rig.say(&phone, &invite.to_string()).only_response(503);
}
