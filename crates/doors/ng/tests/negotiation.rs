//! Offers and answers: what each side is shown, and what the media role is told.

mod world;

use offhook_bus::{IceRole, MediaCommand, MediaRefusal, Security, SourceRule, SpeechGate};
use world::{OTHER, PHONE, World, address, error_of, sdp_of, text_of};

#[test]
fn an_offer_is_edited_and_the_rest_stays_byte_for_byte() {
    let mut world = World::new();
    let sdp = sdp_of(&world.offer(r#""replace":["origin"],"#, PHONE));
    let expected = PHONE
        .replace("o=phone 1 1 IN IP4 10.0.0.1", "o=phone 1 1 IN IP4 192.0.2.1")
        .replace("c=IN IP4 10.0.0.1", "c=IN IP4 192.0.2.1")
        .replace("m=audio 4000", "m=audio 30000")
        + "a=rtcp:30001\r\n";
    assert_eq!(sdp, expected);
}

#[test]
fn an_answer_goes_back_with_the_other_legs_port() {
    let mut world = World::new();
    world.offer("", PHONE);
    let sdp = sdp_of(&world.answer("", OTHER));
    assert!(sdp.contains("o=other 1 1 IN IP4 10.0.0.2\r\n"), "{sdp}");
    assert!(sdp.contains("m=audio 30002 RTP/AVP 0\r\n"), "{sdp}");
    let bridged = world.commands.iter().any(|c| matches!(c, MediaCommand::Bridge { .. }));
    assert!(bridged, "{:?}", world.commands);
    let Some(MediaCommand::AnswerOn { offer, .. }) = world.commands.get(2) else {
        panic!("{:?}", world.commands)
    };
    assert!(offer.contains("m=audio 4000 RTP/AVP 0\r\n"), "only what both have: {offer}");
}

#[test]
fn a_browser_is_offered_what_it_needs() {
    let mut world = World::new();
    let keys = r#""transport-protocol":"UDP/TLS/RTP/SAVPF","ICE":"force","flags":["generate-mid"],
        "rtcp-mux":["offer"],"#;
    let sdp = sdp_of(&world.offer(keys, PHONE));
    let terms = world.terms()[0];
    assert_eq!((terms.security, terms.ice, terms.rtcp_mux), (Security::Dtls, IceRole::Full, true));
    assert!(sdp.contains("m=audio 30000 UDP/TLS/RTP/SAVPF 8 0 101\r\n"), "{sdp}");
    for line in ["a=ice-ufrag:ours", "a=fingerprint:", "a=setup:actpass", "a=rtcp-mux", "a=mid:0"] {
        assert!(sdp.contains(line), "{line} in {sdp}");
    }
}

#[test]
fn a_phone_is_not_shown_what_a_browser_said() {
    let browser = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
        a=ice-ufrag:u\r\na=ice-pwd:pppppppppppppppppppppp\r\na=ice-options:trickle\r\n\
        a=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=rtpmap:0 PCMU/8000\r\n\
        a=ssrc:5 cname:x\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n";
    let mut world = World::new();
    let keys = r#""transport-protocol":"RTP/AVP","ICE":"remove","rtcp-mux":["demux"],"#;
    let sdp = sdp_of(&world.offer(keys, browser));
    for gone in
        ["ice-", "fingerprint", "setup", "rtcp-mux", "rtcp-fb", "ssrc", "0.0.0.0\r\na=rtcp:9"]
    {
        assert!(!sdp.contains(gone), "{gone} in {sdp}");
    }
    assert!(sdp.contains("m=audio 30000 RTP/AVP 111 0\r\nc=IN IP4 192.0.2.1\r\n"), "{sdp}");
    assert!(sdp.contains("m=video 30002 RTP/AVP 96\r\nc=IN IP4 192.0.2.1\r\n"), "{sdp}");
    assert!(sdp.contains("a=group:BUNDLE 0\r\n"), "{sdp}");
    assert!(!world.terms()[0].rtcp_mux);
}

#[test]
fn an_answer_has_the_mid_and_the_bundle_of_its_offer() {
    let browser = PHONE.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE x\r\n") + "a=mid:x\r\n";
    let mut world = World::new();
    world.offer("", &browser);
    let sdp = sdp_of(&world.answer("", OTHER));
    assert!(sdp.contains("a=group:BUNDLE x\r\n") && sdp.contains("a=mid:x\r\n"), "{sdp}");
    let other = OTHER.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE y\r\n") + "a=mid:y\r\n";
    let sdp = sdp_of(&world.answer("", &other));
    assert!(sdp.contains("a=group:BUNDLE x\r\n") && sdp.contains("a=mid:x\r\n"), "{sdp}");
    assert!(!sdp.contains("y\r\n"), "{sdp}");
}

#[test]
fn security_follows_protocol_and_flags() {
    let security = |keys: &str| {
        let mut world = World::new();
        world.offer(keys, PHONE);
        world.terms()[0].security
    };
    assert_eq!(security(""), Security::Plain);
    assert_eq!(security(r#""transport-protocol":"RTP/SAVP","#), Security::SdesOrDtls);
    assert_eq!(security(r#""transport-protocol":"RTP/SAVP","DTLS":"off","#), Security::Sdes);
    assert_eq!(security(r#""transport-protocol":"RTP/SAVPF","SDES":["off"],"#), Security::Dtls);
    let mut world = World::new();
    let keys = r#""transport-protocol":"RTP/SAVP","DTLS":"off","SDES":"off","#;
    assert!(error_of(&world.offer(keys, PHONE)).contains("neither SDES nor DTLS"));
    assert_eq!(world.door.call_count(), 0, "a call whose offer failed was not made");
}

#[test]
fn suites_are_chosen_by_flags() {
    let suites = |keys: &str| {
        let mut world = World::new();
        world.offer(&format!(r#""transport-protocol":"RTP/SAVP",{keys}"#), PHONE);
        world.terms()[0].sdes_suites.clone()
    };
    assert_eq!(suites(""), None);
    let only = suites(r#""SDES":["only-AES_CM_128_HMAC_SHA1_32"],"#);
    assert_eq!(only, Some(vec!["AES_CM_128_HMAC_SHA1_32".to_owned()]));
    let no = suites(r#""SDES":["no-AES_CM_128_HMAC_SHA1_32"],"#).expect("a choice");
    assert_eq!(no, ["AES_CM_128_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_80"]);
}

#[test]
fn a_reoffer_of_the_callee_goes_the_other_way() {
    let mut world = World::new();
    world.offer("", PHONE);
    world.answer("", OTHER);
    let held = OTHER.replace("sendrecv", "sendonly");
    let sdp = sdp_of(&world.say("offer", r#""from-tag":"b","to-tag":"a","#, &held));
    assert!(sdp.contains("m=audio 30002 "), "towards the caller, on its leg: {sdp}");
    assert!(sdp.contains("a=sendonly\r\n"), "{sdp}");
    let sdp = sdp_of(&world.say("answer", r#""from-tag":"b","to-tag":"a","#, PHONE));
    assert!(sdp.contains("m=audio 30000 "), "towards the callee, on its leg: {sdp}");
}

#[test]
fn a_repeated_offer_keeps_its_leg() {
    let mut world = World::new();
    let first = sdp_of(&world.offer("", PHONE));
    assert_eq!(sdp_of(&world.offer("", PHONE)), first);
}

#[test]
fn branches_have_legs_of_their_own() {
    let mut world = World::new();
    let one = sdp_of(&world.offer(r#""via-branch":"1","#, PHONE));
    let two = sdp_of(&world.offer(r#""via-branch":"2","#, PHONE));
    assert!(one.contains("m=audio 30000") && two.contains("m=audio 30002"), "{one}{two}");
    let answer = sdp_of(&world.answer(r#""via-branch":"2","#, OTHER));
    assert!(answer.contains("m=audio 30004"), "{answer}");
    let accepted = world.commands.iter().find_map(|command| match command {
        MediaCommand::AcceptAnswer { leg, .. } => Some(*leg),
        _ => None,
    });
    let MediaCommand::OfferOn { leg, .. } = &world.commands[1] else { panic!("two offers") };
    assert_eq!(accepted, Some(*leg));
}

#[test]
fn codecs_that_nobody_shares_are_transcoded() {
    let mut world = World::new();
    let keys = r#""codec":{"mask":["all"],"transcode":["opus"]},"#;
    let offered = sdp_of(&world.offer(keys, PHONE));
    assert!(offered.contains("m=audio 30000 RTP/AVP 96 97\r\n"), "{offered}");
    assert!(offered.contains("a=rtpmap:96 opus/48000/2\r\n"), "{offered}");
    let opus = OTHER.replace("AVP 0", "AVP 96").replace("0 PCMU/8000", "96 opus/48000/2");
    let answered = sdp_of(&world.answer("", &opus));
    assert!(answered.contains("m=audio 30002 RTP/AVP 8 101\r\n"), "{answered}");
    assert!(answered.contains("a=rtpmap:8 PCMA/8000") && !answered.contains("opus"), "{answered}");
}

#[test]
fn an_address_can_stand_for_ours() {
    let mut world = World::with(|settings| {
        settings.interfaces.insert("out".to_owned(), address("203.0.113.5"));
        settings.interfaces.insert("in".to_owned(), address("10.9.9.9"));
    });
    let offered = sdp_of(&world.offer(r#""direction":["in","out"],"#, PHONE));
    assert!(offered.contains("c=IN IP4 203.0.113.5"), "{offered}");
    let answered = sdp_of(&world.answer("", OTHER));
    assert!(answered.contains("c=IN IP4 10.9.9.9"), "{answered}");
    let mut world = World::new();
    let offered = sdp_of(&world.offer(r#""media-address":"198.51.100.7","#, PHONE));
    assert!(offered.contains("c=IN IP4 198.51.100.7"), "{offered}");
    let mut world = World::new();
    let refused = error_of(&world.offer(r#""address-family":"IP6","#, PHONE));
    assert!(refused.contains("address-family"), "{refused}");
}

#[test]
fn the_signalling_address_is_believed_when_asked_for() {
    let keys = r#""received-from":["IP4","203.0.113.77"],"flags":["SIP-source-address"],"#;
    let mut world = World::new();
    world.offer("", PHONE);
    world.answer(keys, OTHER);
    let Some(MediaCommand::AcceptAnswer { answer, .. }) = world.commands.get(1) else {
        panic!("{:?}", world.commands)
    };
    assert!(answer.contains("c=IN IP4 203.0.113.77"), "{answer}");
}

#[test]
fn rules_for_sources_and_service_reach_the_media_role() {
    let mut world = World::new();
    world.offer(r#""flags":["media-handover"],"TOS":184,"#, PHONE);
    assert_eq!(world.terms()[0].sources, SourceRule::Follow);
    assert_eq!(world.terms()[0].type_of_service, Some(184));
    world.answer(r#""flags":["asymmetric"],"#, OTHER);
    assert_eq!(world.terms()[1].sources, SourceRule::Described);
}

#[test]
fn a_refused_stream_is_refused_to_the_offerer_too() {
    let mut world = World::new();
    world.offer("", PHONE);
    let sdp = sdp_of(&world.answer("", &OTHER.replace("audio 5000", "audio 0")));
    assert!(sdp.contains("m=audio 0 "), "{sdp}");
    assert!(world.commands.iter().any(|c| matches!(c, MediaCommand::Rollback { .. })));
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    let mut world = World::new();
    let error = |world: &mut World, json: &str| error_of(&world.ask(json));
    assert_eq!(error(&mut world, r#"{"command":"offer"}"#), "No call-id in message");
    assert_eq!(error(&mut world, r#"{"command":"offer","call-id":"c"}"#), "No from-tag in message");
    let no_sdp = r#"{"command":"offer","call-id":"c","from-tag":"a"}"#;
    assert_eq!(error(&mut world, no_sdp), "No SDP body in message");
    assert!(error_of(&world.offer("", "v=1\r\n")).starts_with("Failed to parse SDP: SDP line 1"));
    assert_eq!(error_of(&world.answer("", OTHER)), "Unknown call-id");
    assert_eq!(world.door.call_count(), 0);
    world.offer("", PHONE);
    let reply = world.say("answer", r#""from-tag":"x","to-tag":"b","#, OTHER);
    assert_eq!(error_of(&reply), "there is no offer that this could answer");
    let reply = world.say("answer", r#""from-tag":"a","#, OTHER);
    assert_eq!(error_of(&reply), "No to-tag in message");
}

#[test]
fn what_the_media_role_refuses_is_told_with_its_reason() {
    let mut world = World::new();
    world.refuse_next = Some(MediaRefusal::Exhausted);
    assert_eq!(error_of(&world.offer("", PHONE)), "Ran out of ports");
    assert_eq!(world.door.call_count(), 0);
    world.offer("", PHONE);
    world.refuse_next = Some(MediaRefusal::NotAcceptable("no common codec".to_owned()));
    assert_eq!(error_of(&world.answer("", OTHER)), "no common codec");
    world.refuse_next = Some(MediaRefusal::Overloaded);
    let reason = "there is no capacity left for transcoding";
    assert_eq!(error_of(&world.answer("", OTHER)), reason);
    assert_eq!(text_of(&world.answer("", OTHER), "result"), "ok");
}

#[test]
fn a_media_role_that_is_silent_does_not_hold_up_the_proxy() {
    let mut world = World::new();
    world.is_mute = true;
    let sdp = PHONE.replace('\r', "\\r").replace('\n', "\\n");
    let offer = format!(r#"{{"command":"offer","call-id":"c","from-tag":"a","sdp":"{sdp}"}}"#);
    world.send(&offer);
    world.send(&offer);
    assert!(world.replies.is_empty());
    world.advance(offhook_ng_door::state::MEDIA_TIMEOUT);
    world.advance(offhook_ng_door::state::MEDIA_TIMEOUT);
    let reasons: Vec<_> = world.replies.iter().map(|(_, reply)| error_of(reply)).collect();
    assert_eq!(reasons, ["the media role did not answer in time"; 2]);
}

#[test]
fn calls_are_limited() {
    let mut world = World::with(|settings| settings.calls_max = 1);
    world.offer("", PHONE);
    let sdp = PHONE.replace('\r', "\\r").replace('\n', "\\n");
    let other = format!(r#"{{"command":"offer","call-id":"d","from-tag":"a","sdp":"{sdp}"}}"#);
    assert_eq!(error_of(&world.ask(&other)), "the limit of calls is reached");
}

#[test]
fn a_description_that_comes_back_in_a_loop_is_left_alone() {
    let mut world = World::new();
    let flags = r#""flags":["loop-protect"],"#;
    let sdp = sdp_of(&world.offer(flags, PHONE));
    assert!(sdp.contains("a=rtpengine:instance\r\n"), "{sdp}");
    let legs = world.commands.len();
    assert_eq!(sdp_of(&world.offer(flags, &sdp)), sdp);
    assert_eq!(world.commands.len(), legs, "nothing is asked of the media role");
    let answer = sdp_of(&world.answer(flags, OTHER));
    assert!(answer.contains("a=rtpengine:instance\r\n"), "{answer}");
    assert_eq!(sdp_of(&world.answer(flags, &answer)), answer);
    // Without the flag it is an offer like any other, and so is what others have marked.
    assert_ne!(sdp_of(&world.offer("", &sdp)), sdp);
    let foreign = sdp.replace("a=rtpengine:instance", "a=rtpengine:other");
    assert_ne!(sdp_of(&world.offer(flags, &foreign)), foreign);
}

#[test]
fn a_marked_offer_of_an_unknown_call_makes_none() {
    let mut world = World::new();
    let marked = PHONE.replace("a=sendrecv", "a=rtpengine:instance");
    assert_eq!(sdp_of(&world.offer(r#""flags":["loop-protect"],"#, &marked)), marked);
    assert_eq!(world.door.call_count(), 0);
}

#[test]
fn one_word_offers_to_a_browser() {
    let mut world = World::new();
    let sdp = sdp_of(&world.offer(r#""flags":["WebRTC"],"#, PHONE));
    for expected in [" UDP/TLS/RTP/SAVPF ", "a=ice-ufrag:", "a=rtcp-mux\r\n", "a=fingerprint:"] {
        assert!(sdp.contains(expected), "no {expected} in {sdp}");
    }
    assert!(!sdp.contains("a=crypto") && !sdp.contains("a=rtcp:"), "{sdp}");
}

#[test]
fn keys_are_optional_in_a_plain_offer_when_asked_for_or_passed_through() {
    let security = |world: &World| world.terms().last().expect("terms").security;
    let mut world = World::new();
    let sdp = sdp_of(&world.offer(r#""OSRTP":"offer","transport-protocol":"RTP/AVP","#, PHONE));
    assert!(sdp.contains("RTP/AVP 8") && sdp.contains("a=crypto:"), "{sdp}");
    assert_eq!(security(&world), Security::SdesOrDtls);
    let mut world = World::new();
    world.offer(r#""OSRTP":"offer","DTLS":"off","#, PHONE);
    assert_eq!(security(&world), Security::Sdes);
    let mut world = World::new();
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 \
        inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEy\r\n";
    world.offer("", &format!("{PHONE}{key}"));
    assert_eq!(security(&world), Security::SdesOrDtls);
    world.offer(r#""SDES":"off","DTLS":"off","#, &format!("{PHONE}{key}"));
    assert_eq!(security(&world), Security::Plain);
    let mut world = World::new();
    world.offer("", PHONE);
    assert_eq!(security(&world), Security::Plain);
}

#[test]
fn the_packet_time_of_both_sides_is_set_by_the_offer() {
    let mut world = World::new();
    let phone = PHONE.replace("a=sendrecv", "a=ptime:20");
    let sdp = sdp_of(&world.offer(r#""ptime":30,"ptime-reverse":40,"#, &phone));
    assert!(sdp.contains("a=ptime:30\r\n") && !sdp.contains("a=ptime:20"), "{sdp}");
    let sdp = sdp_of(&world.answer(r#""ptime":10,"#, OTHER));
    assert!(sdp.contains("a=ptime:40\r\n"), "{sdp}");
    let asked: Vec<_> = world.terms().iter().map(|terms| terms.ptime_ms).collect();
    assert_eq!(asked, [Some(30), Some(40)]);
}

#[test]
fn the_ice_of_an_offer_is_rejected_when_asked() {
    for (keys, ice) in [(r#""flags":["reject-ICE"],"#, IceRole::None), ("", IceRole::Full)] {
        let mut world = World::new();
        world.offer(keys, PHONE);
        world.answer("", OTHER);
        assert_eq!(world.terms().last().expect("terms").ice, ice);
    }
}

#[test]
fn the_bits_of_opus_are_set_for_either_side() {
    let mut world = World::new();
    let flags = r#""codec":{"transcode":["opus/48000/2/24000"],"set":["opus/48000/1/16000"]},"#;
    world.offer(flags, PHONE);
    world.answer("", OTHER);
    let asked: Vec<_> = world.terms().iter().map(|terms| terms.opus_bitrate).collect();
    assert_eq!(asked, [Some(24_000), Some(16_000)]);
}

#[test]
fn keys_are_listened_for_in_both_directions_when_asked() {
    let mut world = World::new();
    world.offer(r#""flags":["detect-DTMF"],"#, PHONE);
    world.answer("", OTHER);
    assert!(world.terms().iter().all(|terms| terms.detects_dtmf));
}

#[test]
fn fax_gateways_are_refused_and_a_call_with_speech_is_not() {
    let fax = "v=0\r\no=f 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
        m=image 4000 udptl t38\r\n";
    let mut world = World::new();
    let reply = world.offer(r#""T.38":["decode"],"#, fax);
    assert_eq!(error_of(&reply), "T.38: decode is not served: there is no fax gateway");
    let reply = world.offer(r#""T.38":["force"],"#, PHONE);
    assert_eq!(error_of(&reply), "T.38: force is not served: there is no fax gateway");
    sdp_of(&world.offer(r#""T.38":["decode"],"#, PHONE));
}

#[test]
fn all_media_of_a_call_is_dropped_and_passes_again() {
    let gates = |world: &mut World| {
        let commands = std::mem::take(&mut world.commands);
        let gates = commands.into_iter().filter_map(|command| match command {
            MediaCommand::Gate { speech, dtmf, .. } => Some((speech, dtmf)),
            _ => None,
        });
        gates.collect::<Vec<_>>()
    };
    let mut world = World::new();
    world.offer(r#""drop-traffic":"start","#, PHONE);
    world.answer("", OTHER);
    let gates_shut = gates(&mut world);
    assert!(gates_shut.len() >= 2, "{gates_shut:?}");
    assert!(gates_shut.iter().all(|gate| *gate == (SpeechGate::Shut, false)));
    world.ask(r#"{"command":"unblock media","call-id":"c"}"#);
    assert_eq!(gates(&mut world), [(SpeechGate::Shut, false); 2]);
    world.offer(r#""to-tag":"b","drop-traffic":"stop","#, PHONE);
    assert_eq!(gates(&mut world), [(SpeechGate::Open, true); 2]);
    world.answer("", OTHER);
    assert!(gates(&mut world).is_empty());
}
