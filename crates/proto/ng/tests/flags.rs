//! One flag has one meaning, whichever way it is written.

use offhook_ng::{AddressFamily, Command, Dtls, Flags, Ice, Request, RequestError, Value};

fn request(json: &str) -> Request {
    let (value, _) = Value::parse(json.as_bytes()).expect("a body");
    Request::from_value(&value).expect("a request")
}

fn flags(json: &str) -> Flags {
    request(&format!(r#"{{"command":"offer",{json}}}"#)).flags
}

#[test]
fn keys_entries_and_words_say_the_same() {
    let keys = flags(
        r#""replace":["origin","session connection"],"ICE":"force","DTLS":"passive",
        "SDES":["no-AES_CM_128_HMAC_SHA1_32","only-AES_256_CM_HMAC_SHA1_80"],"rtcp-mux":["demux"],
        "transport-protocol":"RTP/SAVPF","codec":{"mask":["all"],"transcode":["PCMU"]},
        "flags":["trust-address"],"address family":"IP6","TOS":184,"delete-delay":5,
        "direction":["pub","priv"]"#,
    );
    let entries = flags(
        r#""flags":["replace-origin","replace-session-connection","ICE=force","DTLS=passive",
        "SDES-no-AES_CM_128_HMAC_SHA1_32","SDES-only-AES_256_CM_HMAC_SHA1_80","rtcp-mux-demux",
        "RTP/SAVPF","codec-mask-all","transcode-PCMU","trust-address","address-family=IP6","TOS=184",
        "delete-delay=5","direction=pub","direction=priv"]"#,
    );
    let words = flags(
        r#""rtpp-flags":"replace-origin replace-session-connection ICE=force DTLS=passive SDES-no-AES_CM_128_HMAC_SHA1_32 SDES-only-AES_256_CM_HMAC_SHA1_80 rtcp-mux=[demux] RTP/SAVPF codec-mask=[all] codec-transcode-PCMU trust-address address-family=IP6 TOS=184 delete-delay=5 direction=[pub priv]""#,
    );
    assert_eq!(keys.unknown, Vec::<String>::new());
    assert_eq!(keys.ice, Some(Ice::Force));
    assert_eq!(keys.dtls, Some(Dtls::Passive));
    assert_eq!(keys.address_family, Some(AddressFamily::V6));
    assert_eq!((keys.tos, keys.delete_delay_s), (Some(184), Some(5)));
    assert_eq!(keys.direction, ["pub", "priv"]);
    assert_eq!(keys.codec.mask, ["all"]);
    assert_eq!(keys.codec.transcode, ["PCMU"]);
    assert_eq!(keys.sdes.no, ["AES_CM_128_HMAC_SHA1_32"]);
    assert_eq!(keys.sdes.only, ["AES_256_CM_HMAC_SHA1_80"]);
    assert!(keys.replace.origin && keys.replace.session_connection && keys.rtcp_mux.demux);
    assert_eq!(keys.transport_protocol.as_deref(), Some("RTP/SAVPF"));
    assert_eq!(keys, entries);
    assert_eq!(keys, words);
}

#[test]
fn ice_and_dtls_have_all_their_values() {
    let ice = |value: &str| flags(&format!(r#""ICE":"{value}""#)).ice;
    assert_eq!(ice("remove"), Some(Ice::Remove));
    assert_eq!(ice("default"), Some(Ice::Default));
    assert_eq!(ice("force-relay"), Some(Ice::ForceRelay));
    assert_eq!(ice("force_relay"), Some(Ice::ForceRelay));
    assert_eq!(ice("sometimes"), None);
    let dtls = |value: &str| flags(&format!(r#""DTLS":"{value}""#)).dtls;
    assert_eq!(dtls("off"), Some(Dtls::Off));
    assert_eq!(dtls("active"), Some(Dtls::Active));
    assert!(flags(r#""SDES":"off""#).sdes.off);
}

#[test]
fn addresses_are_read() {
    let found = flags(r#""received-from":["IP4","192.0.2.7"],"media-address":"[2001:db8::1]""#);
    assert_eq!(found.received_from, Some("192.0.2.7".parse().expect("an address")));
    assert_eq!(found.media_address, Some("2001:db8::1".parse().expect("an address")));
    assert_eq!(flags(r#""flags":["SIP-source-address"]"#).trust_address, Some(false));
}

#[test]
fn what_is_not_known_is_kept_apart() {
    let mut unknown =
        flags(r#""flags":["symmetric","frobnicate","codec-frob-x"],"frob":{}"#).unknown;
    unknown.sort();
    assert_eq!(unknown, ["codec-frob-x", "frob", "frobnicate"]);
}

#[test]
fn the_call_is_named_by_its_keys() {
    let found = request(
        r#"{"command":"play media","call-id":"c","from-tag":"f","to-tag":"t","via-branch":"b",
        "sdp":"v=0\r\n","file":"/x.wav","repeat-times":3}"#,
    );
    assert_eq!(found.command, Command::PlayMedia);
    assert_eq!(found.call_id.as_deref(), Some("c"));
    assert_eq!((found.from_tag.as_deref(), found.to_tag.as_deref()), (Some("f"), Some("t")));
    assert_eq!(found.via_branch.as_deref(), Some("b"));
    assert_eq!(found.sdp.as_deref(), Some(&b"v=0\r\n"[..]));
    assert_eq!(found.argument("file"), Some("/x.wav"));
    assert_eq!(found.number("repeat-times"), Some(3));
    assert_eq!(found.flags, Flags::default());
}

#[test]
fn a_request_has_a_command() {
    let error = |json: &str| {
        let (value, _) = Value::parse(json.as_bytes()).expect("a body");
        Request::from_value(&value).expect_err("no request")
    };
    assert_eq!(error("{}"), RequestError::NoCommand);
    assert_eq!(error(r#"{"command":[]}"#), RequestError::NoCommand);
    let unknown = RequestError::UnknownCommand("reboot".to_owned());
    assert_eq!(error(r#"{"command":"reboot"}"#), unknown);
}

#[test]
fn a_word_for_browsers_stands_for_several() {
    let short = flags(r#""flags":["WebRTC"]"#);
    let long = flags(
        r#""transport-protocol":"UDP/TLS/RTP/SAVPF","ICE":"force","rtcp-mux":["offer","require"],
        "SDES":["off"],"flags":["no-rtcp-attribute","generate-mid"]"#,
    );
    assert_eq!(short, long);
    assert_eq!(short.unknown, Vec::<String>::new());
}

#[test]
fn lists_and_words_of_rarer_flags_say_the_same() {
    let keys = flags(
        r#""OSRTP":["offer","accept"],"T.38":["decode","no-ECM"],"from-tags":["a","B"],
        "drop-traffic":"start","ptime":30,"ptime-reverse":40"#,
    );
    let words = flags(
        r#""flags":["OSRTP-offer","OSRTP-accept","T.38-decode","T.38-no-ECM","from-tags-a",
        "from-tags-B","drop-traffic-start","ptime=30","ptime-reverse=40"]"#,
    );
    assert_eq!(keys, words);
    assert_eq!(keys.unknown, Vec::<String>::new());
    assert_eq!(keys.t38, ["decode", "no-ecm"]);
    assert_eq!(keys.from_tags, ["a", "B"]);
    assert!(keys.switches.osrtp_offer);
    assert_eq!((keys.ptime_ms, keys.ptime_reverse_ms), (Some(30), Some(40)));
    assert_eq!(keys.drop_traffic, Some(true));
    let both = flags(r#""drop-traffic":"stop","flags":["drop-traffic=start"]"#);
    assert_eq!(both.drop_traffic, Some(false));
    assert!(!flags(r#""all":"none""#).switches.all);
    let done_anyway = flags(r#""ICE-lite":"both","flags":["generate RTCP","unidirectional"]"#);
    assert_eq!(done_anyway, Flags::default());
    assert_eq!(flags(r#""ICE":"force","flags":["ICE-lite-forward"]"#).ice, Some(Ice::Force));
    assert!(flags(r#""flags":["reject ICE"]"#).switches.reject_ice);
}
