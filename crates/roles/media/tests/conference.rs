//! Who hears whom in a conference, by the tones that each hears.

mod world;

use offhook_audio::Codec;
use offhook_bus::{
    Audience, ConferenceCommand, ConferenceEvent, ConferenceId, JoinRefusal, MediaCommand,
    MediaEvent, MemberRole,
};
use offhook_model::LegId;
use std::time::Duration;
use world::{CODECS, PROTECTIONS, Protection, World};

const ROOM: ConferenceId = ConferenceId(3_000);
/// A frequency for each party, none a multiple of another.
const TONES: [f64; 6] = [440.0, 570.0, 740.0, 960.0, 1_250.0, 1_630.0];
const SECOND: Duration = Duration::from_secs(1);

fn order(world: &mut World, command: ConferenceCommand) {
    world.command(MediaCommand::Conference { conference: ROOM, command });
}

fn join(world: &mut World, party: usize, role: MemberRole) {
    let leg = world.parties[party].leg;
    order(world, ConferenceCommand::Join { leg, role });
}

fn set_role(world: &mut World, party: usize, role: MemberRole) {
    let leg = world.parties[party].leg;
    order(world, ConferenceCommand::SetRole { leg, role });
}

fn took(world: &mut World, wanted: ConferenceEvent) -> bool {
    let wanted = MediaEvent::Conference { conference: ROOM, event: wanted };
    world.take_event(|event| *event == wanted)
}

/// Parties of these codecs in one conference, each speaking its tone.
fn room(codecs: &[Codec]) -> World {
    let mut world = World::new();
    for (codec, hz) in codecs.iter().zip(TONES) {
        let party = world.call(Protection::Plain, *codec);
        world.parties[party].speak(hz);
        join(&mut world, party, MemberRole::TALKS);
    }
    world
}

/// Lets half a second pass, and then asserts who hears whom in the second that follows: a row for each
/// listener, a column for each speaker.
#[track_caller]
fn assert_hearing(world: &mut World, expected: &[&str]) {
    world.advance(SECOND / 2);
    world.forget();
    world.advance(SECOND);
    for (listener, row) in expected.iter().enumerate() {
        let party = &world.parties[listener];
        let levels: Vec<f64> = TONES[..row.len()].iter().map(|hz| party.tone_level(*hz)).collect();
        let heard: String =
            levels.iter().map(|level| if *level > -20.0 { 'x' } else { '.' }).collect();
        assert_eq!(heard, *row, "listener {listener}, {:?}: {levels:.0?}", party.codec);
        let faint = levels.iter().filter(|level| (-40.0..=-20.0).contains(*level)).count();
        assert_eq!(faint, 0, "listener {listener}, {:?}: {levels:.0?}", party.codec);
        let heard_ms = party.heard_ms();
        assert!((980..=1_020).contains(&heard_ms), "{heard_ms} ms were heard");
    }
}

#[test]
fn three_of_every_codec_hear_each_other_and_not_themselves() {
    for codec in CODECS {
        for other in CODECS {
            let mut world = room(&[codec, other, codec]);
            assert_hearing(&mut world, &[".xx", "x.x", "xx."]);
        }
    }
}

#[test]
fn every_protection_may_take_part() {
    let mut world = World::new();
    for (protection, hz) in PROTECTIONS.into_iter().zip(TONES) {
        let party = world.call(protection, Codec::Pcmu);
        world.parties[party].speak(hz);
        join(&mut world, party, MemberRole::TALKS);
    }
    world.advance(SECOND);
    assert_hearing(&mut world, &[".xxx", "x.xx", "xx.x", "xxx."]);
}

#[test]
fn a_muted_member_is_not_heard_and_a_deaf_one_does_not_hear() {
    let mut world = room(&[Codec::Pcmu, Codec::Opus, Codec::G722]);
    set_role(&mut world, 0, MemberRole::LISTENS);
    assert_hearing(&mut world, &[".xx", "..x", ".x."]);
    set_role(&mut world, 0, MemberRole::TALKS);
    set_role(&mut world, 1, MemberRole { speaks_to: Audience::Everyone, hears: false });
    assert_hearing(&mut world, &[".xx", "...", "xx."]);
    set_role(&mut world, 1, MemberRole::TALKS);
    assert_hearing(&mut world, &[".xx", "x.x", "xx."]);
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in() {
    const CUSTOMER: usize = 0;
    const AGENT: usize = 1;
    const SUPERVISOR: usize = 2;
    let mut world = World::new();
    for (codec, hz) in [Codec::Pcma, Codec::Opus, Codec::G722].into_iter().zip(TONES) {
        let party = world.call(Protection::Plain, codec);
        world.parties[party].speak(hz);
    }
    world.bridge(CUSTOMER, AGENT);
    world.advance(SECOND);
    join(&mut world, CUSTOMER, MemberRole::TALKS);
    join(&mut world, AGENT, MemberRole::TALKS);
    join(&mut world, SUPERVISOR, MemberRole::LISTENS);
    assert_hearing(&mut world, &[".x.", "x..", "xx."]);
    let agent = world.parties[AGENT].leg;
    set_role(&mut world, SUPERVISOR, MemberRole::whispers_to(agent));
    assert_hearing(&mut world, &[".x.", "x.x", "xx."]);
    let customer = world.parties[CUSTOMER].leg;
    set_role(&mut world, SUPERVISOR, MemberRole::whispers_to(customer));
    assert_hearing(&mut world, &[".xx", "x..", "xx."]);
    set_role(&mut world, SUPERVISOR, MemberRole::TALKS);
    assert_hearing(&mut world, &[".xx", "x.x", "xx."]);
    let leg = world.parties[SUPERVISOR].leg;
    order(&mut world, ConferenceCommand::Leave { leg });
    world.bridge(CUSTOMER, AGENT);
    world.forget();
    world.advance(SECOND);
    world.assert_hears(CUSTOMER, TONES[AGENT]);
    world.assert_hears(AGENT, TONES[CUSTOMER]);
    assert!(world.parties[SUPERVISOR].heard.is_empty());
}

#[test]
fn whoever_leaves_is_gone_and_the_others_go_on_also_without_the_first() {
    let mut world = room(&[Codec::Pcmu; 4]);
    assert_hearing(&mut world, &[".xxx", "x.xx", "xx.x", "xxx."]);
    let leg = world.parties[3].leg;
    order(&mut world, ConferenceCommand::Leave { leg });
    assert_hearing(&mut world, &[".xx.", "x.x.", "xx.."]);
    let first = world.parties[0].leg;
    world.command(MediaCommand::Release { leg: first });
    world.advance(SECOND / 2);
    world.forget();
    world.advance(SECOND);
    world.assert_hears(1, TONES[2]);
    world.assert_hears(2, TONES[1]);
    assert!(world.parties[3].heard.is_empty(), "who has left hears nothing");
}

#[test]
fn a_crowd_hears_the_loudest_and_a_new_speaker_takes_the_place_of_a_silent_one() {
    let mut world = World::new();
    for index in 0..30 {
        let party = world.call(Protection::Plain, CODECS[index % CODECS.len()]);
        join(&mut world, party, MemberRole::TALKS);
        // Everyone sends; the first six are loud.
        match TONES.get(index) {
            Some(hz) => world.parties[party].speak(*hz),
            None => world.parties[party].speak_at(2_000.0, -70.0),
        }
    }
    assert_hearing(
        &mut world,
        &[".xxxxx", "x.xxxx", "xx.xxx", "xxx.xx", "xxxx.x", "xxxxx.", "xxxxxx", "xxxxxx"],
    );
    for party in 0..6 {
        world.parties[party].speak_at(2_000.0, -70.0);
    }
    world.parties[29].speak(TONES[0]);
    assert_hearing(&mut world, &["x", "x", "x", "x", "x", "x", "x"]);
    let own = world.parties[29].tone_level(TONES[0]);
    assert!(own < -60.0, "the speaker hears itself at {own}");
}

#[test]
fn an_announcement_is_heard_by_all_beneath_who_speaks() {
    let mut world = room(&[Codec::Pcmu, Codec::Opus]);
    let listener = world.call(Protection::Plain, Codec::G722);
    join(&mut world, listener, MemberRole::LISTENS);
    let prompts = vec![format!("tone:{},2500", TONES[2])];
    order(&mut world, ConferenceCommand::Play { prompts, repeat: false });
    assert_hearing(&mut world, &[".xx", "x.x", "xxx"]);
    assert!(!took(&mut world, ConferenceEvent::PlayFinished));
    world.advance(SECOND * 2);
    assert!(took(&mut world, ConferenceEvent::PlayFinished));
    assert_hearing(&mut world, &[".x.", "x..", "xx."]);
    let prompts = vec![format!("tone:{},500", TONES[2])];
    order(&mut world, ConferenceCommand::Play { prompts, repeat: true });
    assert_hearing(&mut world, &[".xx", "x.x", "xxx"]);
    order(&mut world, ConferenceCommand::Stop);
    assert_hearing(&mut world, &[".x.", "x..", "xx."]);
}

#[test]
fn a_sound_for_all_is_fetched_again_when_the_member_it_was_fetched_for_leaves() {
    let mut world = room(&[Codec::Pcmu, Codec::Pcmu]);
    let prompts = vec!["tts:Hello.".to_owned()];
    order(&mut world, ConferenceCommand::Play { prompts, repeat: false });
    let (host, ticket, source) = world.wanted.pop().expect("a sound is wanted");
    assert_eq!(host, world.parties[0].leg);
    world.command(MediaCommand::Release { leg: host });
    let other = world.parties[1].leg;
    assert_eq!(world.wanted, [(other, ticket, source)]);
    world.engine.handle_sound(other, ticket, None);
    world.advance(SECOND);
    assert!(took(&mut world, ConferenceEvent::PlayFinished));
}

#[test]
fn a_prompt_to_one_takes_the_place_of_the_mix_for_that_one() {
    let mut world = room(&[Codec::Pcmu; 3]);
    let leg = world.parties[0].leg;
    let prompts = vec![format!("tone:{},2000", TONES[5])];
    world.command(MediaCommand::Play { leg, prompts, repeat: false });
    assert_hearing(&mut world, &[".....x", "x.x", "xx."]);
    world.advance(SECOND);
    assert!(world.take_event(|event| *event == MediaEvent::PlayFinished { leg }));
    assert_hearing(&mut world, &[".xx...", "x.x", "xx."]);
}

#[test]
fn who_speaks_is_told_with_hysteresis() {
    let mut world = World::new();
    let parties = [0, 1].map(|_| {
        let party = world.call(Protection::Plain, Codec::Pcmu);
        join(&mut world, party, MemberRole::TALKS);
        party
    });
    let leg = world.parties[parties[0]].leg;
    let speaking = |speaks| ConferenceEvent::Speaking { leg, speaks };
    world.advance(SECOND);
    assert!(!took(&mut world, speaking(true)));
    world.parties[0].speak(440.0);
    world.advance(SECOND / 2);
    assert!(took(&mut world, speaking(true)));
    world.parties[0].speech = None;
    world.advance(SECOND / 4);
    world.parties[0].speak(440.0);
    world.advance(SECOND);
    assert!(!took(&mut world, speaking(false)), "a pause for breath");
    assert!(!took(&mut world, speaking(true)), "it is told once");
    set_role(&mut world, 0, MemberRole::LISTENS);
    assert!(took(&mut world, speaking(false)), "a muted member speaks no longer");
    world.advance(SECOND);
    assert!(!took(&mut world, speaking(true)));
}

#[test]
fn keys_are_reported_from_within_a_conference_and_are_not_heard() {
    let mut world = room(&[Codec::Pcmu, Codec::Pcmu]);
    world.advance(SECOND);
    world.parties[0].press('5', 8_000, Duration::from_millis(120));
    assert_hearing(&mut world, &[".x", "x."]);
    let leg = world.parties[0].leg;
    let is_five = |event: &MediaEvent| matches!(event, MediaEvent::Dtmf { leg: l, digit: '5', .. } if *l == leg);
    assert!(world.take_event(is_five));
    assert!(world.parties[1].digits.is_empty());
}

#[test]
fn a_stream_goes_on_without_a_gap_into_a_conference_and_out_of_it() {
    let mut world = World::new();
    let (a, b) =
        (world.call(Protection::Plain, Codec::Pcmu), world.call(Protection::Plain, Codec::Pcmu));
    world.parties[a].speak(440.0);
    world.parties[b].speak(740.0);
    world.bridge(a, b);
    world.advance(SECOND);
    join(&mut world, a, MemberRole::TALKS);
    join(&mut world, b, MemberRole::TALKS);
    world.advance(SECOND);
    world.bridge(a, b);
    world.advance(SECOND);
    let headers = &world.parties[b].headers;
    assert!(headers.len() > 140, "{} packets", headers.len());
    for (before, after) in headers.iter().zip(&headers[1..]) {
        assert_eq!(before.ssrc, after.ssrc);
        assert_eq!(after.sequence_number, before.sequence_number.wrapping_add(1));
        let ticks = after.timestamp.wrapping_sub(before.timestamp);
        assert!((1..=1_600).contains(&ticks), "a step of {ticks} ticks");
    }
}

#[test]
fn what_is_not_there_cannot_join_and_a_full_conference_refuses() {
    let mut world = World::new();
    let leg = LegId(99);
    order(&mut world, ConferenceCommand::Join { leg, role: MemberRole::TALKS });
    assert!(took(&mut world, ConferenceEvent::Refused { leg, why: JoinRefusal::NoSuchLeg }));
    let parties: Vec<usize> =
        (0..251).map(|_| world.add_party(Protection::Plain, Codec::Pcmu)).collect();
    for party in parties {
        join(&mut world, party, MemberRole::TALKS);
    }
    let last = world.parties[250].leg;
    assert!(took(&mut world, ConferenceEvent::Refused { leg: last, why: JoinRefusal::Full }));
    assert!(world.events.is_empty(), "{:?}", world.events);
}

#[test]
fn a_member_that_changes_its_codec_stays_in_the_mix() {
    let mut world = room(&[Codec::Pcmu; 3]);
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma] {
        let mut other = World::new();
        let donor = other.call(Protection::Plain, codec);
        world.parties[0].local.codecs = other.parties[donor].local.codecs.clone();
        world.offer(0);
        world.parties[0].speak(TONES[0]);
        assert_eq!(world.parties[0].codec, codec);
        assert_hearing(&mut world, &[".xx", "x.x", "xx."]);
    }
}
