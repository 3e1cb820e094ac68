//! The series that the edge documents move when they should.

mod rig;

use metrics_exporter_prometheus::PrometheusBuilder;
use offhook_edge::Limits;
use rig::{Rig, udp, ws};

/// Runs `scene` and gives what a scrape would show then.
fn scraped(scene: impl FnOnce()) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, scene);
    recorder.handle().render()
}

#[track_caller]
fn assert_shows(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
}

#[test]
fn requests_and_responses_are_counted_by_kind() {
    let text = scraped(|| {
        let mut rig = Rig::new();
        rig.register(&ws(1), "1001", "<sip:x@y.invalid>");
        let strange = rig.request("DANCE", "sip:6000@offhook.local");
        rig.say(&udp("192.0.2.7:5062"), &strange.to_string());
    });
    assert_shows(&text, "offhook_sip_requests_total{method=\"REGISTER\",transport=\"WS\"} 2");
    assert_shows(&text, "offhook_sip_requests_total{method=\"OTHER\",transport=\"UDP\"} 1");
    assert_shows(&text, "offhook_sip_responses_total{class=\"2xx\",code=\"200\"} 1");
    assert_shows(&text, "offhook_sip_responses_total{class=\"4xx\",code=\"401\"} 1");
    assert_shows(&text, "offhook_sip_responses_total{class=\"4xx\",code=\"407\"} 1");
}

#[test]
fn registrations_rise_and_fall() {
    let after_two = scraped(|| {
        let mut rig = Rig::new();
        rig.register(&ws(1), "1001", "<sip:x@y.invalid>");
        rig.register(&udp("192.0.2.7:5062"), "1001", "<sip:1001@192.0.2.7:5062>");
    });
    assert_shows(&after_two, "offhook_registrations 2");
    let after_the_end = scraped(|| {
        let mut rig = Rig::new();
        rig.register(&ws(1), "1001", "<sip:x@y.invalid>");
        rig.register(&ws(1), "1001", "<sip:x@y.invalid>");
        rig.advance(600);
    });
    assert_shows(&after_the_end, "offhook_registrations 0");
}

#[test]
fn what_is_refused_is_counted_with_its_reason() {
    let text = scraped(|| {
        let mut rig =
            Rig::with(Limits { requests_per_second_per_source: 5, ..Limits::default() }, &[]);
        let phone = udp("192.0.2.7:5062");
        let relayed = rig.request("INVITE", "sip:6000@example.org").from("sip:x@example.org");
        rig.say(&phone, &relayed.to_string());
        rig.say(&phone, &relayed.to_string().replace("CSeq", "X-CSeq"));
        let guessed = rig.request("INVITE", "sip:1002@offhook.local");
        rig.say_as(&phone, "1001", "guess", &guessed);
        rig.say(&phone, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n\r\n");
        for _ in 0..20 {
            rig.say(&phone, &relayed.to_string());
        }
    });
    for (why, count) in [
        ("relay", 7),
        ("malformed", 1),
        ("wrong_password", 1),
        ("stray_response", 1),
        ("source_rate", 14),
    ] {
        assert_shows(&text, &format!("offhook_sip_refused_total{{why=\"{why}\"}} {count}"));
    }
}
