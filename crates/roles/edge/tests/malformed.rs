//! Bad input at the edge: what deserves an answer gets one, the rest is dropped, nothing else notices.

mod rig;

use rig::{Rig, udp};

#[test]
fn what_was_wrong_stands_in_the_reason() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let good =
        rig.request("INVITE", "sip:6000@offhook.local").from("sip:x@example.org").to_string();
    let cases = [
        ("Call-ID:", "X-Call-ID:", 400, "Missing Call-ID"),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE", 400, "CSeq method does not match"),
        ("Max-Forwards: 70", "Max-Forwards: 700", 400, "Malformed Max-Forwards"),
        ("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 505, "Version Not Supported"),
        ("Content-Length: 0", "Content-Length: 10", 400, "Body shorter than Content-Length"),
        ("Content-Length: 0", "Content-Length: 0\r\nCall-ID: again", 400, "Multiple Call-ID"),
        ("To: <sip:6000", "To: \"a <sip:6000", 400, "Malformed To"),
    ];
    for (from, to, status, reason) in cases {
        assert!(good.contains(from), "{from}");
        let refused = rig.say(&phone, &good.replacen(from, to, 1)).only_response(status);
        assert_eq!(refused.reason(), reason);
    }
    rig.say(&phone, &good).only_to_switch();
}

#[test]
fn a_thousand_vias_are_refused() {
    let mut rig = Rig::new();
    let vias = "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx\r\n".repeat(1_000);
    let text = rig.request("OPTIONS", "sip:offhook.local").to_string();
    let out = rig.say(
        &udp("192.0.2.7:5062"),
        &text.replacen("Max-Forwards", &format!("{vias}Max-Forwards"), 1),
    );
    let refused = out.only_response(400);
    assert_eq!((refused.reason(), refused.vias().count()), ("Too many header lines", 1));
    let one_line = vec!["SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx"; 180].join(",");
    rig.say(
        &udp("192.0.2.7:5062"),
        &text.replacen("Max-Forwards", &format!("Via: {one_line}\r\nMax-Forwards"), 1),
    )
    .only_response(400);
}

#[test]
fn a_header_of_64_kilobytes_is_refused() {
    let mut rig = Rig::new();
    let request = rig
        .request("OPTIONS", "sip:offhook.local")
        .header(&format!("X-Long: {}", "x".repeat(64_000)));
    let out = rig.say(&udp("192.0.2.7:5062"), &request.to_string());
    let status = out.to_devices[0].1.status().unwrap().code();
    assert!(matches!(status, 400 | 513), "{status}");
}

#[test]
fn nul_bytes_change_nothing_for_others() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let good = rig.request("OPTIONS", "sip:offhook.local").to_string();
    for at in 0..good.len() {
        let mut broken = good.clone().into_bytes();
        broken[at] = 0;
        let out = rig.say_bytes(&phone, &broken);
        assert!(out.to_switch.is_empty(), "byte {at}");
        for (_, response) in out.to_devices {
            assert!(
                matches!(response.status().unwrap().code(), 400 | 505),
                "byte {at}: {response}"
            );
        }
    }
    rig.say(&phone, &good).only_response(200);
}

#[test]
fn only_the_first_of_two_messages_in_one_datagram_counts() {
    let mut rig = Rig::new();
    let first = rig.request("OPTIONS", "sip:offhook.local").to_string();
    let second =
        rig.request("INVITE", "sip:6000@offhook.local").from("sip:x@example.org").to_string();
    rig.say(&udp("192.0.2.7:5062"), &(first + &second)).only_response(200);
}

#[test]
fn every_cut_of_a_message_is_survived() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    let mut whole = rig.request("INVITE", "sip:6000@offhook.local").from("sip:x@example.org");
    whole.body = "v=0\r\n".repeat(20);
    let whole = whole.to_string();
    for end in 0..whole.len() {
        let out = rig.say(&phone, &whole[..end]);
        assert!(out.to_switch.is_empty(), "cut at {end}");
    }
    rig.say(&phone, &whole).only_to_switch();
}

#[test]
fn keep_alives_and_noise_are_not_answered() {
    let mut rig = Rig::new();
    let phone = udp("192.0.2.7:5062");
    for noise in ["\r\n\r\n", "", "\0", "hello", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"]
    {
        rig.say(&phone, noise).nothing();
    }
    let noise: Vec<u8> = (0..=255).cycle().take(4_000).collect();
    rig.say_bytes(&phone, &noise).nothing();
}
