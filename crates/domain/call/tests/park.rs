//! Parked calls: fetched by somebody, or given back to whoever parked them.

mod rig;

use offhook_call::{LegAction, LegInput, PARK_MS, PickUp};
use offhook_model::{HangupCause, LegId, MediaCommand, OfferPolicy, Security, Service};
use offhook_routing::Decision;
use rig::{CALLER, Rig};

fn park() -> Decision {
    Decision::Service { number: "5900".into(), service: Service::Park {} }
}

/// A caller whom 1001 has parked, and the leg of 1001.
fn parked() -> (Rig, LegId) {
    let (mut rig, callee) = Rig::talking();
    rig.call.handle_refer(callee, park(), rig.now_ms);
    rig.run();
    (rig, callee)
}

fn fetch(rig: &mut Rig) -> Option<LegId> {
    let policy = OfferPolicy {
        security: Security::Plain,
        ice: offhook_model::IceRole::None,
        prefer_codec_of: None,
    };
    let by = PickUp {
        account: "1003".into(),
        sip_call_id: "fetch".into(),
        offer: Some("offer".into()),
        policy,
    };
    let leg = rig.call.fetch(by);
    rig.run();
    leg
}

#[test]
fn a_parked_party_hears_music_and_the_transferor_is_let_go() {
    let (rig, callee) = parked();
    let music = |command: &MediaCommand| match command {
        MediaCommand::Play { leg: CALLER, prompts, repeat: true } => prompts == &["music:"],
        _ => false,
    };
    assert!(rig.commands.iter().any(music));
    assert!(rig.signals_to(callee).contains(&&LegAction::NotifyRefer(200)));
    assert!(rig.call.parked_since_ms().is_some() && rig.record.is_none());
}

#[test]
fn whoever_fetches_the_party_talks_with_it() {
    let (mut rig, _) = parked();
    let leg = fetch(&mut rig).expect("a party is parked");
    assert!(rig.was_bridged(CALLER, leg));
    assert_eq!(rig.call.parked_since_ms(), None);
    assert_eq!(fetch(&mut rig), None);
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert_eq!(rig.record.expect("a record").answered_by.as_deref(), Some("1003"));
}

#[test]
fn whoever_parked_is_rung_when_nobody_fetches_and_the_party_is_parked_again() {
    let (mut rig, _) = parked();
    rig.advance(PARK_MS);
    let back = *rig.invited().last().expect("somebody is rung");
    assert_eq!(rig.call.number(back), Some("1001"));
    assert_eq!(rig.call.parked_since_ms(), None);
    rig.advance(25_000);
    assert!(rig.call.parked_since_ms().is_some());
    rig.advance(PARK_MS);
    let back = *rig.invited().last().expect("somebody is rung");
    rig.say(back, LegInput::Accepted(Some("answer".into())));
    assert!(rig.was_bridged(CALLER, back));
}

#[test]
fn a_party_that_nobody_wants_is_let_go_in_the_end() {
    let (mut rig, _) = parked();
    rig.advance(7 * (PARK_MS + 25_000));
    assert_eq!(rig.cause(), Some(HangupCause::NO_ANSWER));
}

#[test]
fn who_hangs_up_while_parked_is_gone() {
    let (mut rig, _) = parked();
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert!(rig.record.is_some());
    assert_eq!(fetch(&mut rig), None);
}

#[test]
fn where_nothing_is_parked_there_is_nothing_to_fetch() {
    let rig = Rig::new(Some("offer"), park(), vec![]);
    assert_eq!(rig.cause(), Some(HangupCause::SUBSCRIBER_ABSENT));
    assert!(matches!(rig.signals_to(CALLER)[..], [LegAction::Reject(_)]));
}
