//! Video as the edge sees it: what one party says of it reaches the other in SIP.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_model::{LegId, MediaCommand};
use offhook_sip::message::Message;
use offhook_testkit::ScriptedPeer;

const VIDEO: &str = "m=video 4002 RTP/AVP 96\na=rtpmap:96 H264/90000";

fn body(message: &Message) -> String {
    String::from_utf8_lossy(&message.body_bytes()).into_owned()
}

fn with_video() -> String {
    format!("{SDP}\n{VIDEO}")
}

/// A call of 1002 to 1001 with these descriptions; our INVITE to the callee and our 200 to the caller.
fn talking(peer: &mut ScriptedPeer<Desk>, offer: &str, answer: &str) -> (Message, Message) {
    peer.say(&invite("1001", Some("1002"), Some(offer)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    peer.reply(&out, "200 OK", "callee", &answered(answer));
    let mut both = [peer.expect(""), peer.expect("")];
    both.sort_by_key(Message::is_request);
    let [ok, ack] = both;
    assert!(ack.as_bytes().starts_with(b"ACK"));
    peer.say(&within("ACK", 1, &ok, ""));
    (out, ok)
}

fn answered(sdp: &str) -> String {
    format!("Contact: <sip:1001@127.0.0.3:5070>\nContent-Type: application/sdp\n\n{sdp}\n")
}

fn offered(sdp: &str) -> String {
    let contact = "Contact: <sip:1002@127.0.0.2:5062>\n";
    format!("{contact}Content-Type: application/sdp\n\n{sdp}\n")
}

#[test]
fn video_of_the_first_offer_reaches_the_callee_and_comes_back() {
    let mut peer = Desk::peer();
    let (out, ok) = talking(&mut peer, &with_video(), &with_video());
    for said in [body(&out), body(&ok)] {
        assert!(said.contains("m=audio 30000") && said.contains("m=video 4002"), "{said}");
    }
    assert_eq!(peer.engine.bridges(), 2);
}

#[test]
fn a_change_of_one_party_is_put_to_the_other_and_its_answer_comes_back() {
    let mut peer = Desk::peer();
    let (out, ok) = talking(&mut peer, SDP, SDP);
    assert!(!body(&out).contains("m=video"));
    peer.say(&within("INVITE", 2, &ok, &offered(&with_video())));
    let asked = [peer.expect(""), peer.expect("")];
    let asked = asked.into_iter().find(Message::is_request).expect("a re-INVITE");
    assert!(asked.as_bytes().starts_with(b"INVITE sip:1001@127.0.0.3:5070"));
    assert!(body(&asked).contains("m=video 4002"));
    peer.reply(&asked, "200 OK", "callee", &answered(&with_video()));
    let both = [peer.expect(""), peer.expect("")];
    let ok = both.iter().find(|message| !message.is_request()).expect("our answer");
    assert!(body(ok).contains("m=video 4002"), "{}", body(ok));
    assert_eq!(peer.engine.bridges(), 2, "of the audio, and then of the video");
}

#[test]
fn a_change_that_the_other_party_refuses_leaves_audio() {
    let mut peer = Desk::peer();
    let (_, ok) = talking(&mut peer, SDP, SDP);
    peer.say(&within("INVITE", 2, &ok, &offered(&with_video())));
    let asked = [peer.expect(""), peer.expect("")];
    let asked = asked.into_iter().find(Message::is_request).expect("a re-INVITE");
    peer.reply(&asked, "488 Not Acceptable Here", "callee", "");
    let both = [peer.expect(""), peer.expect("")];
    let ok = both.iter().find(|message| !message.is_request()).expect("our answer");
    assert!(ok.as_bytes().starts_with(b"SIP/2.0 200"));
    assert!(!body(ok).contains("m=video 4002"), "{}", body(ok));
    let rolled_back = |command: &MediaCommand| matches!(command, MediaCommand::Rollback { .. });
    assert!(peer.engine.commands.iter().any(rolled_back));
}

#[test]
fn an_ended_call_leaves_no_leg_of_its_video() {
    let mut peer = Desk::peer();
    let (_, ok) = talking(&mut peer, &with_video(), &with_video());
    peer.say(&within("BYE", 2, &ok, ""));
    let made = |command: &MediaCommand| match command {
        MediaCommand::OfferOn { leg, .. } | MediaCommand::AnswerOn { leg, .. } => Some(*leg),
        _ => None,
    };
    let made: Vec<LegId> = peer.engine.commands.iter().filter_map(made).collect();
    assert_eq!(made.len(), 2);
    for leg in made {
        assert!(peer.engine.commands.contains(&MediaCommand::Release { leg }));
    }
    assert_eq!(peer.engine.switch.call_count(), 0);
}
