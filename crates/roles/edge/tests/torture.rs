//! All messages of RFC 4475 at the edge, with the verdict that the corpus expects of a server.

mod rig;

use offhook_edge::Limits;
use rig::{Rig, udp};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The domains of the corpus, so that its requests are for this server.
const DOMAINS: [&str; 7] = [
    "example.com",
    "example.net",
    "company.com",
    "host.example.com",
    "registrar.example.com",
    "biloxi.example.com",
    "chair-dnrc.example.com",
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/sip/tests/data/rfc4475")
}

/// What the edge did, in the corpus's words.
fn verdict(rig: &mut Rig, bytes: &[u8]) -> String {
    let out = rig.say_bytes(&udp("192.0.2.7:5062"), bytes);
    match (out.to_devices.first(), out.to_switch.first()) {
        (Some((_, response)), None) => response.status().expect("a response").code().to_string(),
        (None, Some(_)) => "accept".to_owned(),
        (None, None) => "drop".to_owned(),
        (Some(_), Some(_)) => "both".to_owned(),
    }
}

/// `not400` stands for any treatment that takes the message for well-formed: a challenge among them.
fn is_expected(verdict: &str, expect: &str, also_ok: &str) -> bool {
    let fits = |wanted: &str| match wanted {
        "not400" | "accept" => !matches!(verdict, "400" | "505" | "drop" | "both"),
        "nocrash" => verdict == "drop",
        exact => verdict == exact,
    };
    fits(expect) || also_ok.split('|').any(|wanted| !wanted.is_empty() && fits(wanted))
}

#[test]
fn every_message_gets_its_verdict() {
    let table =
        std::fs::read_to_string(corpus().join("expected.csv")).expect("the corpus is there");
    let mut seen = BTreeSet::new();
    let mut surprises = Vec::new();
    for line in table.lines().skip(1) {
        let mut fields = line.splitn(7, ',');
        let mut field = || fields.next().expect("seven fields");
        let (name, _section, _class, _kind, expect, also_ok) =
            (field(), field(), field(), field(), field(), field());
        let bytes =
            std::fs::read(corpus().join(format!("{name}.dat"))).expect("the message is there");
        let verdict = verdict(&mut Rig::with(Limits::default(), &DOMAINS), &bytes);
        seen.insert(name.to_owned());
        if !is_expected(&verdict, expect, also_ok) {
            surprises.push(format!("{name}: {verdict}, expected {expect} or {also_ok}"));
        }
    }
    assert_eq!(seen.len(), 49);
    assert!(surprises.is_empty(), "{surprises:#?}");
}

#[test]
fn the_edge_s_own_verdicts_are_exact() {
    let exact = [
        ("badvers", "505"),
        ("unkscm", "416"),
        ("novelsc", "416"),
        ("unksm2", "416"),
        ("bext01", "420"),
        ("regaut01", "401"),
        ("zeromf", "483"),
        ("insuf", "400"),
        ("multi01", "400"),
        ("mcl01", "400"),
        ("clerr", "400"),
        ("bcast", "drop"),
        ("bigcode", "drop"),
        ("dblreq", "401"),
    ];
    for (name, expected) in exact {
        let bytes =
            std::fs::read(corpus().join(format!("{name}.dat"))).expect("the message is there");
        let verdict = verdict(&mut Rig::with(Limits::default(), &DOMAINS), &bytes);
        assert_eq!(verdict, expected, "{name}");
    }
}

#[test]
fn no_mutilation_of_the_corpus_does_any_harm() {
    let mut rig = Rig::with(Limits::default(), &DOMAINS);
    let files = std::fs::read_dir(corpus()).expect("the corpus is there");
    for file in files.map(|file| file.expect("readable").path()) {
        if file.extension().is_none_or(|extension| extension != "dat") {
            continue;
        }
        let bytes = std::fs::read(&file).expect("readable");
        for at in 0..bytes.len() {
            let mut mutilated = bytes.clone();
            mutilated[at] ^= 1 << (at % 8);
            verdict(&mut rig, &mutilated);
            verdict(&mut rig, &bytes[..at]);
        }
        rig.advance(1);
    }
}
