//! Hold and resume, new offers from either side, and those that come to nothing.

mod world;

use offhook_audio::Codec;
use offhook_bus::{MediaCommand, MediaEvent, MediaRefusal};
use offhook_sdp::Direction;
use std::time::Duration;
use world::{PROTECTIONS, Protection, World};

fn assert_talk(world: &mut World, a: usize, b: usize) {
    world.forget();
    world.parties[a].speak(440.0);
    world.parties[b].speak(1_004.0);
    world.advance(Duration::from_millis(1_000));
    world.assert_hears(a, 1_004.0);
    world.assert_hears(b, 440.0);
}

#[test]
fn a_party_that_holds_hears_nothing_and_its_partner_hears_music() {
    for protection in PROTECTIONS {
        for direction in [Direction::SendOnly, Direction::Inactive] {
            let mut world = World::new();
            let a = world.call(protection, Codec::Pcmu);
            let b = world.call(Protection::Plain, Codec::Opus);
            world.advance(Duration::from_secs(1));
            world.bridge(a, b);
            assert_talk(&mut world, a, b);
            world.parties[a].set_direction(direction);
            world.offer(a);
            world.forget();
            world.advance(Duration::from_secs(2));
            assert!(world.parties[a].heard.is_empty(), "{protection:?}");
            assert!(world.parties[b].share(440.0) < 0.2, "the holder is not heard");
            assert!((-35.0..-10.0).contains(&world.parties[b].level()), "music is heard");
            world.parties[a].set_direction(Direction::SendRecv);
            world.offer(a);
            assert_talk(&mut world, a, b);
        }
    }
}

#[test]
fn without_hold_music_directions_alone_decide() {
    let mut world = World::with(|settings| settings.hold_music = false);
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    world.bridge(a, b);
    assert_talk(&mut world, a, b);
    for (direction, is_heard) in [(Direction::SendOnly, true), (Direction::Inactive, false)] {
        world.parties[a].set_direction(direction);
        world.offer(a);
        world.forget();
        world.advance(Duration::from_secs(1));
        assert!(world.parties[a].heard.is_empty());
        assert_eq!(!world.parties[b].heard.is_empty(), is_heard, "{direction:?}");
    }
}

#[test]
fn we_may_offer_again_with_every_protection() {
    for protection in PROTECTIONS {
        let mut world = World::new();
        let a = world.invite(protection, Codec::G722, None);
        let b = world.call(Protection::Plain, Codec::G722);
        world.advance(Duration::from_secs(1));
        world.bridge(a, b);
        assert_talk(&mut world, a, b);
        world.reinvite(a, None);
        assert_talk(&mut world, a, b);
        let leg = world.parties[a].leg;
        let connected = world.events.iter().filter(|e| **e == MediaEvent::Connected { leg });
        assert_eq!(connected.count(), 1, "{protection:?} connects once");
    }
}

#[test]
fn a_browser_may_restart_ice() {
    let mut world = World::new();
    let a = world.call(Protection::Browser, Codec::Opus);
    let b = world.call(Protection::Plain, Codec::Opus);
    world.advance(Duration::from_secs(1));
    world.bridge(a, b);
    assert_talk(&mut world, a, b);
    let credentials = |world: &World| {
        let answer = world.parties[a].answers.last().expect("we answered").clone();
        let line = answer.lines().find(|line| line.starts_with("a=ice-ufrag:"));
        line.expect("an ICE answer").to_owned()
    };
    let before = credentials(&world);
    world.parties[a].restart_ice();
    world.offer(a);
    assert_ne!(credentials(&world), before, "the answer to a restart has new credentials");
    world.advance(Duration::from_secs(40));
    assert_talk(&mut world, a, b);
    assert!(!world.take_event(|event| matches!(event, MediaEvent::Trouble { .. })));
    let kept = credentials(&world);
    world.offer(a);
    assert_eq!(credentials(&world), kept, "an offer without a restart keeps them");
}

#[test]
fn an_offer_that_is_withdrawn_changes_nothing() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    world.bridge(a, b);
    let leg = world.parties[a].leg;
    let policy = offhook_bus::OfferPolicy {
        security: offhook_bus::Security::Dtls,
        ice: offhook_bus::IceRole::Full,
        prefer_codec_of: None,
    };
    world.command(MediaCommand::Offer { leg, policy });
    assert!(world.take_event(|event| matches!(event, MediaEvent::Described { .. })));
    assert_talk(&mut world, a, b);
    world.command(MediaCommand::Rollback { leg });
    assert_talk(&mut world, a, b);
    world.offer(a);
    assert_talk(&mut world, a, b);
}

#[test]
fn what_cannot_be_agreed_on_is_refused_with_the_reason() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[a].leg;
    let refused = |world: &mut World, is_it: fn(&MediaRefusal) -> bool| {
        let is_it =
            |event: &MediaEvent| matches!(event, MediaEvent::Refused { why, .. } if is_it(why));
        assert!(world.take_event(is_it), "{:?}", world.events);
    };
    let offer = "v=0\r\nnonsense\r\n".to_owned();
    world.command(MediaCommand::Answer { leg, offer });
    refused(&mut world, |why| matches!(why, MediaRefusal::Malformed(text) if text.contains('2')));
    let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP 18\r\n";
    world.command(MediaCommand::Answer { leg, offer: offer.to_owned() });
    refused(&mut world, |why| matches!(why, MediaRefusal::NothingInCommon { .. }));
    world.command(MediaCommand::AcceptAnswer { leg, answer: offer.to_owned() });
    refused(&mut world, |why| *why == MediaRefusal::NoSuchLeg);
    world.command(MediaCommand::Echo { leg, delay_ms: 0 });
    world.parties[a].speak(440.0);
    world.advance(Duration::from_secs(1));
    world.assert_hears(a, 440.0);
}

#[test]
fn a_leg_whose_first_description_fails_is_closed() {
    let mut world = World::new();
    let a = world.add_party(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[a].leg;
    world.command(MediaCommand::Answer { leg, offer: "hello".to_owned() });
    assert_eq!(world.closed, [leg]);
    world.command(MediaCommand::Release { leg });
    assert!(world.take_event(|event| *event == MediaEvent::Released { leg, report: None }));
}
