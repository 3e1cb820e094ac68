//! Video of a call: offered to who may take it, answered by who takes it, changed and ended.

mod rig;

use offhook_call::{Failure, LegAction, LegInput};
use offhook_model::{
    Binding, HangupCause, LegId, MediaCommand, MediaEvent, MediaTrouble, Transport,
};
use offhook_sdp::{MediaKind, SessionDescription};
use rig::{CALLER, Rig, binding, extension, port_of};

const AUDIO: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 5000 RTP/AVP 0\r\na=mid:0\r\n";

/// A party's description with a video section that says this.
fn with_video(port: u16, lines: &str) -> String {
    format!(
        "{AUDIO}m=video {port} UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n{lines}"
    )
}

fn camera(direction: &str) -> String {
    with_video(5_002, &format!("a=ice-ufrag:abcd\r\na={direction}\r\n"))
}

fn browser() -> Binding {
    binding("sip:1001@browser.invalid", Transport::Wss)
}

fn call_from_a_browser(offer: &str, devices: Vec<Binding>) -> Rig {
    Rig::from(Transport::Wss, Some(offer), extension("1001"), devices)
}

/// Two browsers that see each other.
fn seeing() -> (Rig, LegId) {
    let mut rig = call_from_a_browser(&camera("sendrecv"), vec![browser()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some(camera("sendrecv"))));
    (rig, callee)
}

/// Two browsers that hear each other.
fn hearing() -> (Rig, LegId) {
    let mut rig = call_from_a_browser(AUDIO, vec![browser()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some(AUDIO.into())));
    (rig, callee)
}

fn parse(sdp: &str) -> SessionDescription {
    SessionDescription::parse(sdp.as_bytes()).expect("SDP")
}

fn sdp_of(action: &LegAction) -> Option<SessionDescription> {
    match action {
        LegAction::Invite { offer: sdp, .. }
        | LegAction::Accept(sdp)
        | LegAction::Reinvite(sdp)
        | LegAction::AnswerReinvite(Ok(sdp)) => Some(parse(sdp)),
        _ => None,
    }
}

/// What was said to the party last.
fn told(rig: &Rig, leg: LegId) -> SessionDescription {
    let mut signals = rig.signals_to(leg).into_iter().rev();
    signals.find_map(sdp_of).expect("a description was sent")
}

/// The ports of the video sections in what was said to the party last.
fn video_ports(rig: &Rig, leg: LegId) -> Vec<u16> {
    let description = told(rig, leg);
    let videos = description.media.iter().filter(|section| section.kind == MediaKind::Video);
    videos.map(|section| section.port).collect()
}

fn video_legs(rig: &Rig) -> Vec<LegId> {
    rig.call.video_legs().collect()
}

fn was_told_to_change(rig: &Rig, leg: LegId) -> bool {
    matches!(rig.signals_to(leg).last(), Some(LegAction::Reinvite(_)))
}

#[test]
fn two_browsers_see_each_other() {
    let (rig, callee) = seeing();
    let legs = video_legs(&rig);
    let [theirs, ours] = legs[..] else { panic!("a leg for each: {legs:?}") };
    assert_eq!(video_ports(&rig, callee), [port_of(theirs)]);
    assert_eq!(video_ports(&rig, CALLER), [port_of(ours)]);
    assert!(rig.was_bridged(CALLER, callee) && rig.was_bridged(ours, theirs));
    assert_eq!(rig.signals_to(CALLER).len(), 1, "the answer waits for the video");
}

#[test]
fn what_a_browser_says_of_its_video_reaches_the_other() {
    let offer = with_video(5_002, "a=ice-ufrag:abcd\r\na=rtcp-fb:96 nack pli\r\na=x-own:1\r\n");
    let rig = call_from_a_browser(&offer, vec![browser()]);
    let offered = told(&rig, rig.invited()[0]);
    assert!(offered.media[1].has("rtcp-fb") && offered.media[1].has("x-own"));
    assert_eq!(offered.media[1].formats, ["96"]);
}

#[test]
fn a_callee_without_a_camera_gives_audio_alone() {
    let mut rig = call_from_a_browser(&camera("sendrecv"), vec![browser()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some(with_video(0, "a=inactive\r\n"))));
    assert_eq!(video_ports(&rig, CALLER), [0]);
    assert!(video_legs(&rig).is_empty());
    assert!(rig.was_bridged(CALLER, callee));
}

#[test]
fn a_device_that_takes_no_offer_with_video_is_asked_without() {
    let mut rig = call_from_a_browser(&camera("sendrecv"), vec![browser()]);
    let first = rig.invited()[0];
    let refusal = Failure::new(HangupCause::INCOMPATIBLE_DESTINATION, "Not Acceptable Here");
    rig.say(first, LegInput::Rejected(refusal));
    let second = rig.invited()[1];
    assert!(video_ports(&rig, second).is_empty());
    rig.say(second, LegInput::Accepted(Some(AUDIO.into())));
    assert_eq!(video_ports(&rig, CALLER), [0]);
    assert!(rig.was_bridged(CALLER, second) && video_legs(&rig).is_empty());
}

#[test]
fn no_bundle_is_agreed_on_beside_video_and_video_is_refused_that_is_in_one() {
    let bundle = |sdp: &str| sdp.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0 1\r\n");
    let mut rig = call_from_a_browser(&bundle(&camera("sendrecv")), vec![browser()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some(camera("sendrecv"))));
    assert!(told(&rig, CALLER).bundles().is_empty());
    rig.say(CALLER, LegInput::Reinvite(Some(bundle(&camera("sendonly")))));
    rig.say(callee, LegInput::Reinvited(Some(camera("recvonly"))));
    assert!(told(&rig, CALLER).bundles().is_empty());
    assert_ne!(video_ports(&rig, CALLER), [0]);
    let audio = AUDIO.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0\r\n");
    let mut rig = call_from_a_browser(&audio, vec![browser()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some(AUDIO.into())));
    assert_eq!(told(&rig, CALLER).bundles()[0].mids, ["0"]);
    rig.say(CALLER, LegInput::Reinvite(Some(bundle(&camera("sendrecv")))));
    assert_eq!(video_ports(&rig, CALLER), [0]);
    assert!(!was_told_to_change(&rig, callee));
}

#[test]
fn a_phone_is_offered_audio_alone_by_a_browser_and_video_by_a_phone() {
    let phone = binding("sip:1001@127.0.0.2", Transport::Udp);
    let rig = call_from_a_browser(&camera("sendrecv"), vec![phone.clone()]);
    assert!(video_ports(&rig, rig.invited()[0]).is_empty());
    let offer = with_video(5_002, "").replace("UDP/TLS/RTP/SAVPF", "RTP/AVP");
    let rig = Rig::new(Some(&offer), extension("1001"), vec![phone, browser()]);
    let [phone, browser] = rig.invited()[..] else { panic!("two devices ring") };
    assert_eq!(told(&rig, phone).media[1].protocol.as_str(), "RTP/AVP");
    assert_eq!(told(&rig, browser).media[1].protocol.as_str(), "UDP/TLS/RTP/SAVPF");
}

#[test]
fn the_first_of_several_devices_that_answers_has_the_video() {
    let mut rig = call_from_a_browser(&camera("sendrecv"), vec![browser(); 3]);
    assert_eq!(video_legs(&rig).len(), 3);
    let second = rig.invited()[1];
    rig.say(second, LegInput::Accepted(Some(camera("sendrecv"))));
    assert_eq!(video_legs(&rig).len(), 2, "those of the others are released");
    assert_ne!(video_ports(&rig, CALLER), [0]);
}

#[test]
fn a_video_that_cannot_be_described_is_refused_to_the_caller_and_taken_from_the_callee() {
    let mut rig = call_from_a_browser(&camera("sendrecv"), vec![browser()]);
    let callee = rig.invited()[0];
    rig.has_video_ports = false;
    rig.say(callee, LegInput::Accepted(Some(camera("sendrecv"))));
    assert_eq!(video_ports(&rig, CALLER), [0]);
    assert!(was_told_to_change(&rig, callee));
    assert_eq!(video_ports(&rig, callee), [0]);
    rig.say(callee, LegInput::Reinvited(Some(with_video(0, ""))));
    assert!(video_legs(&rig).is_empty() && rig.record.is_none());
}

#[test]
fn either_party_adds_video_to_a_call() {
    for from_caller in [true, false] {
        let (mut rig, callee) = hearing();
        let (asker, other) = if from_caller { (CALLER, callee) } else { (callee, CALLER) };
        rig.say(asker, LegInput::Reinvite(Some(camera("sendrecv"))));
        assert!(was_told_to_change(&rig, other));
        assert_eq!(told(&rig, other).media.len(), 2);
        assert!(!matches!(rig.signals_to(asker).last(), Some(LegAction::AnswerReinvite(_))));
        rig.say(other, LegInput::Reinvited(Some(camera("recvonly"))));
        assert!(told(&rig, asker).media[1].has("recvonly"));
        assert_ne!(video_ports(&rig, asker), [0]);
        assert_eq!(video_legs(&rig).len(), 2);
    }
}

#[test]
fn a_party_that_refuses_the_change_leaves_the_call_as_it_was() {
    let (mut rig, callee) = hearing();
    rig.say(CALLER, LegInput::Reinvite(Some(camera("sendrecv"))));
    rig.say(callee, LegInput::ReinviteRefused);
    assert_eq!(video_ports(&rig, CALLER), [0]);
    assert!(video_legs(&rig).is_empty());
    let (mut rig, callee) = seeing();
    rig.say(CALLER, LegInput::Reinvite(Some(camera("sendonly"))));
    rig.say(callee, LegInput::ReinviteRefused);
    assert_ne!(video_ports(&rig, CALLER), [0], "the video of before goes on");
    assert_eq!(video_legs(&rig).len(), 2);
}

#[test]
fn a_hold_is_told_to_the_other_party_and_a_moved_transport_is_not() {
    let (mut rig, callee) = seeing();
    let moved = camera("sendrecv").replace("5002", "5004").replace("abcd", "efgh");
    rig.say(CALLER, LegInput::Reinvite(Some(moved)));
    assert!(matches!(rig.signals_to(CALLER).last(), Some(LegAction::AnswerReinvite(Ok(_)))));
    assert!(!was_told_to_change(&rig, callee));
    rig.say(CALLER, LegInput::Reinvite(Some(camera("sendonly"))));
    assert!(was_told_to_change(&rig, callee));
    assert!(told(&rig, callee).media[1].has("sendonly"));
    rig.say(callee, LegInput::Reinvited(Some(camera("recvonly"))));
    assert!(told(&rig, CALLER).media[1].has("recvonly"));
}

#[test]
fn each_description_of_a_party_has_a_version_of_its_own() {
    let (mut rig, callee) = seeing();
    let version = |rig: &Rig| told(rig, callee).origin.version.parse::<u64>().expect("a number");
    let before = version(&rig);
    rig.say(CALLER, LegInput::Reinvite(Some(camera("inactive"))));
    assert_eq!(version(&rig), before + 1);
}

#[test]
fn video_that_is_taken_away_leaves_its_place_to_what_comes_after() {
    let (mut rig, callee) = seeing();
    rig.say(CALLER, LegInput::Reinvite(Some(with_video(0, "a=inactive\r\n"))));
    assert_eq!(video_ports(&rig, callee), [0]);
    rig.say(callee, LegInput::Reinvited(Some(with_video(0, "a=inactive\r\n"))));
    assert_eq!(video_ports(&rig, CALLER), [0]);
    assert!(video_legs(&rig).is_empty());
    let again = camera("sendrecv").replace("a=mid:1", "a=mid:2");
    rig.say(CALLER, LegInput::Reinvite(Some(again)));
    assert_eq!(told(&rig, callee).media.len(), 2);
    assert_ne!(video_ports(&rig, callee), [0]);
    rig.say(callee, LegInput::Reinvited(Some(camera("sendrecv"))));
    assert_eq!(told(&rig, CALLER).media[1].mid(), Some("2"));
}

#[test]
fn who_renegotiates_while_the_other_is_being_asked_tries_again_later() {
    let (mut rig, callee) = seeing();
    rig.say(CALLER, LegInput::Reinvite(Some(camera("sendonly"))));
    for party in [CALLER, callee] {
        rig.say(party, LegInput::Reinvite(Some(camera("inactive"))));
        assert_eq!(rig.signals_to(party).last(), Some(&&LegAction::AnswerReinvite(Err(491))));
    }
    rig.say(callee, LegInput::Reinvited(Some(camera("recvonly"))));
    rig.say(callee, LegInput::Reinvite(Some(camera("inactive"))));
    assert!(was_told_to_change(&rig, CALLER));
}

#[test]
fn an_offer_that_a_party_leaves_to_us_has_the_video_of_the_call() {
    let (mut rig, callee) = seeing();
    rig.say(callee, LegInput::Reinvite(None));
    assert_ne!(video_ports(&rig, callee), [0]);
    rig.say(callee, LegInput::Acked(Some(with_video(0, "a=inactive\r\n"))));
    assert!(was_told_to_change(&rig, CALLER), "nobody is left to see");
    assert_eq!(video_ports(&rig, CALLER), [0]);
}

#[test]
fn a_path_that_fails_takes_the_video_from_both_and_leaves_the_audio() {
    let (mut rig, callee) = seeing();
    let [_, ours] = video_legs(&rig)[..] else { panic!("a leg for each") };
    rig.media(MediaEvent::Trouble { leg: ours, what: MediaTrouble::IceFailed });
    assert!(was_told_to_change(&rig, CALLER));
    rig.say(CALLER, LegInput::Reinvited(Some(with_video(0, "a=inactive\r\n"))));
    assert!(was_told_to_change(&rig, callee));
    assert_eq!(video_ports(&rig, callee), [0]);
    assert!(video_legs(&rig).is_empty() && rig.record.is_none());
}

#[test]
fn a_transfer_takes_the_video_away_and_it_can_be_added_again() {
    let (mut rig, callee) = seeing();
    rig.call.handle_refer(callee, extension("1003"), rig.now_ms);
    rig.run();
    assert!(video_legs(&rig).is_empty());
    assert_eq!(video_ports(&rig, CALLER), [0]);
    rig.say(CALLER, LegInput::Reinvited(Some(with_video(0, "a=inactive\r\n"))));
    let third = rig.invited()[1];
    assert!(video_ports(&rig, third).is_empty());
    rig.say(third, LegInput::Accepted(Some(AUDIO.into())));
    assert!(rig.was_bridged(CALLER, third));
    rig.say(third, LegInput::Reinvite(Some(camera("sendrecv"))));
    assert!(was_told_to_change(&rig, CALLER));
    rig.say(CALLER, LegInput::Reinvited(Some(camera("sendrecv"))));
    assert_ne!(video_ports(&rig, third), [0]);
}

#[test]
fn a_caller_who_was_answered_before_has_no_video_until_it_asks_again() {
    let welcome = offhook_routing::Decision::Service {
        number: "6000".into(),
        service: offhook_model::Service::GoTo {
            welcome: Some("tts:welcome".into()),
            target: offhook_model::Target::Extension("1001".into()),
            otherwise: Some(offhook_model::Target::Play("tts:sorry".into())),
        },
    };
    let mut rig = Rig::from(Transport::Wss, Some(&camera("sendrecv")), welcome, vec![browser()]);
    assert_eq!(video_ports(&rig, CALLER), [0]);
    rig.media(MediaEvent::PlayFinished { leg: CALLER });
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some(AUDIO.into())));
    rig.say(CALLER, LegInput::Reinvite(Some(camera("sendrecv"))));
    rig.say(callee, LegInput::Reinvited(Some(camera("sendrecv"))));
    assert_ne!(video_ports(&rig, CALLER), [0]);
}

#[test]
fn a_callee_that_is_gone_before_the_caller_is_answered_takes_its_video_along() {
    let mut rig = call_from_a_browser(&camera("sendrecv"), vec![browser()]);
    let callee = rig.invited()[0];
    rig.media_is_slow = true;
    rig.say(callee, LegInput::Accepted(Some(camera("sendrecv"))));
    rig.say(callee, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    rig.media_catches_up();
    assert!(rig.record.is_some() && video_legs(&rig).is_empty());
}

#[test]
fn a_released_leg_is_released_once() {
    let (mut rig, callee) = seeing();
    let legs = video_legs(&rig);
    rig.say(callee, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    for leg in legs {
        let releases = rig.commands.iter().filter(|c| **c == MediaCommand::Release { leg });
        assert_eq!(releases.count(), 1);
    }
    assert_eq!(rig.record.expect("finished").legs.len(), 2, "video has no leg of its own there");
}
