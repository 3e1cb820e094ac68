//! What a thread that has enough to do takes on, and what it refuses.

mod world;

use offhook_audio::Codec;
use offhook_bus::{
    ConferenceCommand, ConferenceEvent, ConferenceId, IceRole, JoinRefusal, MediaCommand,
    MediaEvent, MediaRefusal, MemberRole, OfferPolicy, Security, Terms,
};
use offhook_model::LegId;
use std::time::Duration;
use world::{Protection, World, all_codecs};

const SECOND: Duration = Duration::from_secs(1);
const ROOM: ConferenceId = ConferenceId(1);

fn world() -> World {
    World::with(|settings| settings.load_max = Some(0.5))
}

/// We call a party with one codec for another; what is said of its answer.
fn call_for(world: &mut World, caller: usize, codec: Codec) -> (usize, MediaEvent) {
    let party = world.add_party(Protection::Plain, codec);
    let leg = world.parties[party].leg;
    let prefer_codec_of = Some(world.parties[caller].leg);
    let policy = OfferPolicy { security: Security::Plain, ice: IceRole::None, prefer_codec_of };
    world.command(MediaCommand::Offer { leg, policy });
    let offer = world.described(leg).expect("an offer");
    let answer = world.parties[party].answer(&offer, world.now);
    world.command(MediaCommand::AcceptAnswer { leg, answer });
    (party, reply(world, leg))
}

/// What was said of the last answer of a leg's party.
fn reply(world: &mut World, of: LegId) -> MediaEvent {
    let is_reply = |event: &MediaEvent| match event {
        MediaEvent::Agreed { leg } | MediaEvent::Refused { leg, .. } => *leg == of,
        _ => false,
    };
    let place = world.events.iter().position(is_reply).expect("a reply");
    world.events.remove(place)
}

fn refused(world: &World, party: usize) -> MediaEvent {
    MediaEvent::Refused { leg: world.parties[party].leg, why: MediaRefusal::Overloaded }
}

fn agreed(world: &World, party: usize) -> MediaEvent {
    MediaEvent::Agreed { leg: world.parties[party].leg }
}

fn join(world: &mut World, party: usize) {
    let leg = world.parties[party].leg;
    let command = ConferenceCommand::Join { leg, role: MemberRole::TALKS };
    world.command(MediaCommand::Conference { conference: ROOM, command });
}

fn is_turned_away(world: &mut World, party: usize) -> bool {
    let leg = world.parties[party].leg;
    let event = ConferenceEvent::Refused { leg, why: JoinRefusal::Overloaded };
    world.take_event(|seen| {
        *seen == MediaEvent::Conference { conference: ROOM, event: event.clone() }
    })
}

#[test]
fn a_call_that_would_have_to_be_transcoded_is_refused_and_those_that_run_go_on() {
    let mut world = world();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let (b, event) = call_for(&mut world, a, Codec::Opus);
    assert_eq!(event, agreed(&world, b));
    world.bridge(a, b);
    world.engine.handle_load(0.6);
    let caller = world.call(Protection::Plain, Codec::Pcmu);
    let (callee, event) = call_for(&mut world, caller, Codec::G722);
    assert_eq!(event, refused(&world, callee));
    assert_eq!(world.engine.take_counts().overloaded.get("bridge"), Some(&1));
    world.parties[a].speak(440.0);
    world.parties[b].speak(740.0);
    world.advance(SECOND);
    world.forget();
    world.advance(SECOND);
    world.assert_hears(a, 740.0);
    world.assert_hears(b, 440.0);
    world.engine.handle_load(0.3);
    let (callee, event) = call_for(&mut world, caller, Codec::G722);
    assert_eq!(event, agreed(&world, callee));
    assert!(!world.engine.has_counts() || world.engine.take_counts().overloaded.is_empty());
}

#[test]
fn packets_that_need_no_decoding_are_passed_on_whatever_the_load() {
    let mut world = world();
    world.engine.handle_load(1.0);
    for (ours, theirs) in [
        (Codec::Pcmu, Codec::Pcmu),
        (Codec::Pcmu, Codec::Pcma),
        (Codec::G722, Codec::G722),
        (Codec::Opus, Codec::Opus),
    ] {
        let a = world.call(Protection::Plain, ours);
        let (b, event) = call_for(&mut world, a, theirs);
        assert_eq!(event, agreed(&world, b), "{ours:?} {theirs:?}");
        world.bridge(a, b);
        world.parties[a].speak(440.0);
        world.advance(SECOND);
        world.assert_hears(b, 440.0);
    }
    assert!(world.engine.take_counts().overloaded.is_empty());
}

/// A caller is answered with the codec that every phone has, so that its bridge need not transcode.
#[test]
fn callers_are_given_the_codec_that_costs_least() {
    let mut world = world();
    let call = |world: &mut World, codecs: usize| {
        let party = world.add_party(Protection::Browser, Codec::Opus);
        world.parties[party].local.codecs = all_codecs().into_iter().rev().take(codecs).collect();
        world.offer(party);
        party
    };
    let before = call(&mut world, 4);
    assert_eq!(world.parties[before].codec, Codec::Opus);
    world.engine.handle_load(0.6);
    let caller = call(&mut world, 4);
    assert_eq!(world.parties[caller].codec, Codec::Pcma);
    let (callee, event) = call_for(&mut world, caller, Codec::Pcmu);
    assert_eq!(event, agreed(&world, callee));
    // Where it is not offered, the codec is taken that is.
    let wideband = call(&mut world, 2);
    assert_eq!(world.parties[wideband].codec, Codec::Opus);
    // A call that runs is not made worse by its renegotiation.
    world.offer(before);
    assert_eq!(world.parties[before].codec, Codec::Opus);
}

#[test]
fn many_calls_of_one_moment_do_not_slip_in_before_they_are_measured() {
    let mut world = world();
    let mut admitted = 0;
    for _ in 0..80 {
        let caller = world.call(Protection::Plain, Codec::Opus);
        let (callee, event) = call_for(&mut world, caller, Codec::Pcmu);
        admitted += usize::from(event == agreed(&world, callee));
    }
    assert!((45..60).contains(&admitted), "{admitted}");
}

#[test]
fn a_proxy_s_call_is_refused_where_both_codecs_are_known() {
    let mut world = world();
    world.engine.handle_load(0.6);
    let callee = world.add_party(Protection::Plain, Codec::G722);
    let caller = world.add_party(Protection::Plain, Codec::Pcmu);
    let (callee_leg, caller_leg) = (world.parties[callee].leg, world.parties[caller].leg);
    let offer = world.parties[caller].offer();
    let terms = |like: &str, partner| Terms {
        partner,
        rtcp_mux: false,
        dtls: false,
        ..Terms::new(like.to_owned(), Security::Plain, IceRole::None)
    };
    let wideband = offer.replace("RTP/AVP 0", "RTP/AVP 9");
    world.command(MediaCommand::OfferOn { leg: callee_leg, terms: terms(&wideband, None) });
    let ours = world.described(callee_leg).expect("an offer");
    let answer = world.parties[callee].answer(&ours, world.now);
    world.command(MediaCommand::AcceptAnswer { leg: callee_leg, answer });
    assert_eq!(reply(&mut world, callee_leg), agreed(&world, callee));
    let terms = terms(&offer, Some(callee_leg));
    world.command(MediaCommand::AnswerOn { leg: caller_leg, offer, terms });
    assert_eq!(reply(&mut world, caller_leg), refused(&world, caller));
}

#[test]
fn no_further_member_comes_into_a_conference() {
    let mut world = world();
    let members = [Codec::Pcmu, Codec::G722].map(|codec| world.call(Protection::Plain, codec));
    for party in members {
        join(&mut world, party);
        assert!(!is_turned_away(&mut world, party));
    }
    let (a, late) =
        (world.call(Protection::Plain, Codec::Pcmu), world.call(Protection::Plain, Codec::Pcmu));
    let (b, _) = call_for(&mut world, a, Codec::Pcmu);
    world.bridge(a, b);
    world.engine.handle_load(0.6);
    join(&mut world, late);
    assert!(is_turned_away(&mut world, late));
    assert_eq!(world.engine.take_counts().overloaded.get("conference"), Some(&1));
    // Two who talk with each other go on doing so in a conference, as when somebody supervises them.
    for party in [a, b] {
        join(&mut world, party);
        assert!(!is_turned_away(&mut world, party));
    }
    world.parties[a].speak(440.0);
    world.advance(SECOND);
    world.forget();
    world.advance(SECOND);
    for party in [b, members[0], members[1]] {
        world.assert_hears(party, 440.0);
    }
    assert!(world.parties[late].heard.is_empty());
}
