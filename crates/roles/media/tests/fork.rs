//! What leaves a leg by its forks and what comes back, by tones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use offhook_audio::{Codec, Tone, ToneGenerator, goertzel, level};
use offhook_bus::{
    ConferenceCommand, ConferenceId, ForkCommand, ForkEvent, MediaCommand, MemberRole,
};
use offhook_media::fork::{Order, Outgoing, Session};
use offhook_model::{
    CallRef, FORKS_PER_LEG_MAX, ForkChannels, ForkFailure, ForkHeaders, ForkId, ForkParty,
    ForkRate, ForkRequest, ForkUrl, LegId,
};
use serde_json::{Value, json};
use std::time::Duration;
use world::{CODECS, Protection, World};

const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(20);
const RATES: [ForkRate; 3] = [ForkRate::Hz8000, ForkRate::Hz16000, ForkRate::Hz24000];

fn request(rate: ForkRate, channels: ForkChannels) -> ForkRequest {
    ForkRequest {
        call: CallRef::from_bits(7),
        party: ForkParty::Caller,
        url: ForkUrl::parse("ws://asr.example/").unwrap(),
        rate,
        channels,
        is_bidirectional: true,
        may_hang_up: false,
        reconnects: false,
        metadata: r#"{"language":"en"}"#.to_owned(),
        headers: ForkHeaders::default(),
    }
}

/// A fork with a receiver that takes everything at once.
struct Fork {
    id: ForkId,
    leg: LegId,
    rate: u32,
    session: Session,
    sound: Vec<Vec<i16>>,
    texts: Vec<Value>,
    told: Vec<ForkEvent>,
}

impl Fork {
    fn start(world: &mut World, party: usize, request: ForkRequest) -> Self {
        let (id, leg) = (ForkId(1), world.parties[party].leg);
        let channels = if request.channels == ForkChannels::Stereo { 2 } else { 1 };
        let request = Box::new(request);
        let command = ForkCommand::Start(request.clone());
        world.command(MediaCommand::Fork { leg, fork: id, command });
        let mut session = Session::new(id, leg, request.clone());
        session.handle_connected(world.now);
        let sound = vec![Vec::new(); channels];
        let rate = request.rate.hz();
        let mut fork = Self { id, leg, rate, session, sound, texts: Vec::new(), told: Vec::new() };
        fork.exchange(world);
        assert!(fork.session.has_begun());
        fork
    }

    fn command(&mut self, world: &mut World, command: ForkCommand) {
        world.command(MediaCommand::Fork { leg: self.leg, fork: self.id, command });
        self.exchange(world);
    }

    /// Takes what the engine hands over and carries out what the session wants.
    fn exchange(&mut self, world: &mut World) {
        for forked in std::mem::take(&mut world.forked) {
            self.session.handle_forked(&forked);
        }
        self.session.handle_timeout(world.now);
        while let Some(order) = self.session.poll_order() {
            match order {
                Order::Speak(spoken) => {
                    world.engine.handle_spoken(self.leg, self.id, spoken, world.now);
                }
                Order::Press { digits, duration_ms } => {
                    let leg = self.leg;
                    world.command(MediaCommand::SendDtmf { leg, digits, duration_ms });
                }
                Order::Tell(event) => self.told.push(event),
            }
        }
        while let Some(outgoing) = self.session.poll_send() {
            match outgoing {
                Outgoing::Text(text) => self.texts.push(serde_json::from_str(&text).unwrap()),
                Outgoing::Frame(bytes) => {
                    let channels = self.sound.len();
                    assert_eq!(bytes.len(), self.rate as usize / 50 * 2 * channels);
                    for (at, pair) in bytes.chunks_exact(2).enumerate() {
                        self.sound[at % channels].push(i16::from_le_bytes([pair[0], pair[1]]));
                    }
                }
            }
        }
    }

    fn advance(&mut self, world: &mut World, duration: Duration) {
        let end = world.now + duration;
        while world.now < end {
            world.advance(FRAME);
            self.exchange(world);
        }
    }

    fn say(&mut self, world: &mut World, message: &Value) {
        self.session.handle_text(&message.to_string(), world.now);
        self.exchange(world);
    }

    /// The receiver sends a tone, all at once.
    fn speak(&mut self, world: &mut World, hz: f64, ms: u32) {
        let mut pcm = vec![0; (self.rate * ms / 1_000) as usize];
        ToneGenerator::new(self.rate, &[Tone { hz, dbm0: -10.0 }]).fill(&mut pcm);
        let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.session.handle_binary(&bytes, world.now);
        self.exchange(world);
    }

    /// Forgets what was sent so far.
    fn forget(&mut self) {
        self.sound.iter_mut().for_each(Vec::clear);
        self.texts.clear();
    }

    /// Asserts that this tone is in a channel at the level at which it was said.
    #[track_caller]
    fn assert_sends(&self, channel: usize, hz: f64) {
        let level = self.level(channel, hz);
        assert!((-13.0..-8.0).contains(&level), "{hz} Hz is in channel {channel} at {level} dBm0");
    }

    #[track_caller]
    fn assert_does_not_send(&self, channel: usize, hz: f64) {
        let level = self.level(channel, hz);
        assert!(level < -40.0, "{hz} Hz is in channel {channel} at {level} dBm0");
    }

    /// The level of a tone, as the median over pieces of 100 ms.
    fn level(&self, channel: usize, hz: f64) -> f64 {
        let pieces = self.sound[channel].chunks_exact(self.rate as usize / 10);
        let mut levels: Vec<f64> = pieces.map(|p| goertzel::dbm0(p, self.rate, hz)).collect();
        levels.sort_by(f64::total_cmp);
        levels.get(levels.len() / 2).copied().unwrap_or(level::SILENCE_DB)
    }

    fn texts_of(&self, event: &str) -> Vec<&Value> {
        self.texts.iter().filter(|text| text["event"] == event).collect()
    }
}

/// Two bridged parties that speak 440 and 740 Hz.
fn talk(world: &mut World, a: Codec, b: Codec) -> (usize, usize) {
    let a = world.call(Protection::Plain, a);
    let b = world.call(Protection::Plain, b);
    world.parties[a].speak(440.0);
    world.parties[b].speak(740.0);
    world.bridge(a, b);
    (a, b)
}

#[test]
fn both_sides_of_a_bridge_arrive_at_every_rate_from_every_codec() {
    for codec in CODECS {
        for rate in RATES {
            let mut world = World::new();
            let (a, _) = talk(&mut world, codec, Codec::Pcma);
            let mut fork = Fork::start(&mut world, a, request(rate, ForkChannels::Stereo));
            fork.advance(&mut world, SECOND);
            fork.forget();
            fork.advance(&mut world, SECOND * 2);
            fork.assert_sends(0, 440.0);
            fork.assert_sends(1, 740.0);
            fork.assert_does_not_send(0, 740.0);
            fork.assert_does_not_send(1, 440.0);
            assert_eq!(fork.sound[0].len(), 2 * rate.hz() as usize, "a frame every 20 ms");
        }
    }
}

#[test]
fn one_channel_has_the_party_alone_or_both() {
    for (channels, has_both) in [(ForkChannels::Said, false), (ForkChannels::Mixed, true)] {
        let mut world = World::new();
        let (a, _) = talk(&mut world, Codec::Pcmu, Codec::Pcmu);
        let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz16000, channels));
        fork.advance(&mut world, SECOND * 2);
        fork.assert_sends(0, 440.0);
        match has_both {
            true => fork.assert_sends(0, 740.0),
            false => fork.assert_does_not_send(0, 740.0),
        }
    }
}

#[test]
fn the_receiver_is_told_of_what_it_gets() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let request = request(ForkRate::Hz24000, ForkChannels::Stereo);
    let mut fork = Fork::start(&mut world, a, request);
    let start = fork.texts[0].clone();
    for (name, value) in [
        ("event", json!("start")),
        ("call", json!(CallRef::from_bits(7).as_str())),
        ("leg", json!("leg-1")),
        ("direction", json!("inbound")),
        ("sample_rate", json!(24_000)),
        ("channels", json!("stereo")),
        ("channel_count", json!(2)),
        ("encoding", json!("linear16le")),
        ("metadata", json!({"language": "en"})),
    ] {
        assert_eq!(start[name], value, "{name}");
    }
    fork.command(&mut world, ForkCommand::Stop);
    let stop = fork.texts.last().unwrap();
    assert_eq!((&stop["event"], &stop["reason"]), (&json!("stop"), &json!("stopped")));
}

#[test]
fn a_receiver_is_heard_by_the_party_and_not_by_its_partner() {
    for codec in CODECS {
        for rate in RATES {
            let mut world = World::new();
            let (a, b) = talk(&mut world, codec, codec);
            world.parties[a].speech = None;
            let mut fork = Fork::start(&mut world, a, request(rate, ForkChannels::Said));
            fork.advance(&mut world, SECOND);
            fork.speak(&mut world, 1_100.0, 3_000);
            fork.advance(&mut world, SECOND);
            world.forget();
            fork.advance(&mut world, SECOND);
            for hz in [1_100.0, 740.0] {
                let level = world.parties[a].tone_level(hz);
                assert!((-13.0..-8.0).contains(&level), "{codec:?} {rate:?}: {hz} at {level}");
            }
            assert!(world.parties[b].tone_level(1_100.0) < -40.0, "the partner hears it");
            fork.advance(&mut world, SECOND * 3);
            world.forget();
            fork.advance(&mut world, SECOND);
            world.assert_hears(a, 740.0);
        }
    }
}

#[test]
fn packets_are_passed_on_untouched_again_when_the_receiver_has_spoken() {
    let mut world = World::new();
    let (a, _) = talk(&mut world, Codec::Opus, Codec::Opus);
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz16000, ForkChannels::Said));
    fork.speak(&mut world, 1_100.0, 200);
    fork.advance(&mut world, SECOND * 3);
    world.forget();
    fork.advance(&mut world, SECOND);
    let headers = &world.parties[a].headers;
    assert!(headers.iter().all(|header| !header.marker), "one source, without a break");
    assert_eq!(world.parties[a].headers.len(), 50);
}

#[test]
fn a_receiver_is_heard_alone_over_a_prompt_and_in_the_place_of_an_echo() {
    let mut world = World::new();
    let a = world.call(Protection::Sdes, Codec::Pcmu);
    let leg = world.parties[a].leg;
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz24000, ForkChannels::Said));
    fork.speak(&mut world, 1_100.0, 1_100);
    fork.advance(&mut world, SECOND);
    world.assert_hears(a, 1_100.0);
    fork.advance(&mut world, SECOND * 2);
    let prompts = vec!["tone:500,20000".to_owned()];
    world.command(MediaCommand::Play { leg, prompts, repeat: false });
    world.forget();
    fork.speak(&mut world, 1_100.0, 1_100);
    fork.advance(&mut world, SECOND);
    for hz in [500.0, 1_100.0] {
        let level = world.parties[a].tone_level(hz);
        assert!((-13.0..-8.0).contains(&level), "{hz} Hz at {level} dBm0");
    }
    world.command(MediaCommand::Echo { leg, delay_ms: 0 });
    world.parties[a].speak(440.0);
    fork.advance(&mut world, SECOND * 2);
    world.forget();
    fork.advance(&mut world, SECOND);
    world.assert_hears(a, 440.0);
    fork.speak(&mut world, 1_100.0, 3_000);
    fork.advance(&mut world, SECOND);
    world.forget();
    fork.advance(&mut world, SECOND);
    world.assert_hears(a, 1_100.0);
}

#[test]
fn a_member_of_a_conference_hears_its_receiver_and_the_others_do_not() {
    let mut world = World::new();
    let mut members = Vec::new();
    for hz in [440.0, 740.0, 950.0] {
        let party = world.call(Protection::Plain, Codec::G722);
        world.parties[party].speak(hz);
        let (leg, role) = (world.parties[party].leg, MemberRole::TALKS);
        let command = ConferenceCommand::Join { leg, role };
        world.command(MediaCommand::Conference { conference: ConferenceId(1), command });
        members.push(party);
    }
    let request = request(ForkRate::Hz16000, ForkChannels::Stereo);
    let mut fork = Fork::start(&mut world, members[0], request);
    fork.speak(&mut world, 1_300.0, 4_000);
    fork.advance(&mut world, SECOND);
    world.forget();
    fork.forget();
    fork.advance(&mut world, SECOND * 2);
    fork.assert_sends(0, 440.0);
    fork.assert_sends(1, 740.0);
    fork.assert_sends(1, 950.0);
    fork.assert_sends(1, 1_300.0);
    assert!(world.parties[members[0]].tone_level(1_300.0) > -13.0);
    for other in &members[1..] {
        assert!(world.parties[*other].tone_level(1_300.0) < -40.0);
    }
}

#[test]
fn a_held_party_is_forked_and_spoken_to_over_the_music() {
    let mut world = World::new();
    let (a, b) = talk(&mut world, Codec::Pcmu, Codec::Pcmu);
    world.parties[b].set_direction(offhook_sdp::Direction::SendOnly);
    world.parties[b].speech = None;
    world.offer(b);
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz8000, ForkChannels::Said));
    fork.advance(&mut world, SECOND);
    fork.speak(&mut world, 2_100.0, 2_000);
    world.forget();
    fork.advance(&mut world, SECOND);
    fork.assert_sends(0, 440.0);
    let level = world.parties[a].tone_level(2_100.0);
    assert!((-13.0..-8.0).contains(&level), "{level} dBm0");
}

#[test]
fn what_is_cleared_is_not_heard_and_marks_are_told_in_order() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz8000, ForkChannels::Said));
    fork.speak(&mut world, 1_100.0, 500);
    fork.say(&mut world, &json!({"event": "mark", "name": "half"}));
    fork.speak(&mut world, 1_100.0, 20_000);
    fork.say(&mut world, &json!({"event": "mark", "name": "whole"}));
    fork.advance(&mut world, Duration::from_millis(440));
    assert!(fork.texts_of("mark").is_empty());
    fork.advance(&mut world, Duration::from_millis(120));
    assert_eq!(
        fork.texts_of("mark"),
        [&json!({"event": "mark", "name": "half", "cleared": false})]
    );
    fork.say(&mut world, &json!({"event": "clear"}));
    fork.advance(&mut world, FRAME * 2);
    assert_eq!(
        fork.texts_of("mark")[1..],
        [&json!({"event": "mark", "name": "whole", "cleared": true})]
    );
    world.forget();
    fork.advance(&mut world, SECOND);
    assert!(world.parties[a].level() < -60.0, "{} dBm0", world.parties[a].level());
    fork.speak(&mut world, 900.0, 1_000);
    fork.advance(&mut world, Duration::from_millis(100));
    world.forget();
    fork.advance(&mut world, Duration::from_millis(800));
    world.assert_hears(a, 900.0);
}

#[test]
fn nothing_leaves_while_it_is_paused() {
    let mut world = World::new();
    let (a, _) = talk(&mut world, Codec::Pcmu, Codec::Pcmu);
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz8000, ForkChannels::Stereo));
    fork.advance(&mut world, SECOND);
    fork.command(&mut world, ForkCommand::Pause);
    assert_eq!(fork.texts_of("pause").len(), 1);
    fork.forget();
    world.parties[a].press('5', 8_000, Duration::from_millis(100));
    fork.advance(&mut world, SECOND);
    assert!(fork.sound[0].is_empty() && fork.texts.is_empty(), "{:?}", fork.texts);
    fork.command(&mut world, ForkCommand::Resume);
    world.parties[a].press('6', 8_000, Duration::from_millis(100));
    fork.advance(&mut world, SECOND);
    assert_eq!(fork.texts_of("resume").len(), 1);
    let keys = fork.texts_of("dtmf");
    assert_eq!((keys.len(), &keys[0]["digit"]), (1, &json!("6")));
    assert_eq!(fork.sound[0].len(), 8_000);
    fork.assert_sends(0, 440.0);
}

#[test]
fn keys_of_the_receiver_reach_the_party() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz8000, ForkChannels::Said));
    fork.say(&mut world, &json!({"event": "dtmf", "digits": "1#"}));
    fork.advance(&mut world, SECOND);
    assert_eq!(world.parties[a].digits, "1#");
}

#[test]
fn more_forks_than_a_leg_may_have_are_refused_and_all_end_with_it() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[a].leg;
    let request = Box::new(request(ForkRate::Hz8000, ForkChannels::Said));
    let mut sessions: Vec<Session> = (0..=FORKS_PER_LEG_MAX as u64)
        .map(|fork| {
            let (fork, command) = (ForkId(fork), ForkCommand::Start(request.clone()));
            world.command(MediaCommand::Fork { leg, fork, command });
            Session::new(fork, leg, request.clone())
        })
        .collect();
    let nobody = ForkId(99);
    let command = ForkCommand::Start(request.clone());
    world.command(MediaCommand::Fork { leg: LegId(500), fork: nobody, command });
    sessions.push(Session::new(nobody, LegId(500), request));
    world.command(MediaCommand::Release { leg });
    for forked in &world.forked {
        let place =
            if forked.fork() == nobody { FORKS_PER_LEG_MAX + 1 } else { forked.fork().0 as usize };
        sessions[place].handle_forked(forked);
    }
    let failures: Vec<_> = sessions.iter().map(|session| session.failure().cloned()).collect();
    assert_eq!(
        failures[FORKS_PER_LEG_MAX..],
        [Some(ForkFailure::TooMany), Some(ForkFailure::NoSuchLeg)]
    );
    for session in &sessions[..FORKS_PER_LEG_MAX] {
        assert_eq!(
            (session.failure(), session.end().map(|end| end.as_str())),
            (None, Some("call_ended"))
        );
    }
}

#[test]
fn a_receiver_that_takes_nothing_is_told_what_it_missed() {
    let mut world = World::new();
    let (a, _) = talk(&mut world, Codec::Pcmu, Codec::Pcmu);
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz8000, ForkChannels::Said));
    let end = world.now + SECOND * 5;
    while world.now < end {
        world.advance(FRAME);
        for forked in std::mem::take(&mut world.forked) {
            fork.session.handle_forked(&forked);
        }
        fork.session.handle_timeout(world.now);
    }
    let dropped = fork.session.counts().dropped_ms;
    assert_eq!(dropped, 3_000, "two seconds wait");
    fork.exchange(&mut world);
    assert_eq!(fork.texts_of("dropped"), [&json!({"event": "dropped", "ms": 3_000})]);
    assert_eq!(fork.sound[0].len(), 16_000);
    world.forget();
    world.advance(SECOND);
    world.assert_hears(a, 740.0);
}

#[test]
fn what_a_receiver_may_not_send_is_answered_counted_and_harmless() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let mut fork = Fork::start(&mut world, a, request(ForkRate::Hz8000, ForkChannels::Said));
    let now = world.now;
    fork.session.handle_binary(&[1, 2, 3], now);
    for text in ["", "{", "[]", r#"{"event":"mark"}"#, r#"{"event":"dtmf","digits":"z"}"#] {
        fork.session.handle_text(text, now);
    }
    fork.session.handle_text(r#"{"event":"hangup"}"#, now);
    fork.session.handle_text(&"x".repeat(10_000), now);
    fork.session.handle_binary(&vec![0; 16_000 * 29], now);
    fork.session.handle_binary(&vec![0; 16_000 * 2], now);
    fork.exchange(&mut world);
    let errors: Vec<&str> =
        fork.texts_of("error").iter().map(|text| text["why"].as_str().unwrap()).collect();
    let expected = ["odd_length", "malformed", "malformed", "malformed", "malformed", "malformed"];
    assert_eq!(errors[..6], expected);
    assert_eq!(errors[6..], ["not_allowed", "too_much", "overflow"]);
    let counts = fork.session.counts();
    assert_eq!(
        (counts.messages_refused, counts.refused_ms, counts.received_ms),
        (9, 2_000, 29_000)
    );
    fork.forget();
    for _ in 0..500 {
        fork.session.handle_text(r#"{"event":"clear"}"#, now);
    }
    fork.exchange(&mut world);
    let errors = fork.texts_of("error");
    assert!(errors.iter().all(|text| text["why"] == "too_much") && errors.len() > 200);
    fork.advance(&mut world, SECOND * 6);
    fork.session.handle_text(r#"{"event":"transcript","text":"yes"}"#, world.now);
    fork.exchange(&mut world);
    let message = ForkEvent::Message(r#"{"event":"transcript","text":"yes"}"#.to_owned());
    assert_eq!(fork.told.last(), Some(&message));
}

#[test]
fn a_fork_in_one_direction_takes_no_sound_and_only_one_that_may_ends_the_call() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let one_way = ForkRequest {
        is_bidirectional: false,
        may_hang_up: true,
        ..request(ForkRate::Hz8000, ForkChannels::Said)
    };
    let mut fork = Fork::start(&mut world, a, one_way);
    fork.speak(&mut world, 1_100.0, 500);
    for event in ["clear", "mark", "dtmf"] {
        fork.say(&mut world, &json!({"event": event, "name": "m", "digits": "1"}));
    }
    assert_eq!(fork.texts_of("error").len(), 4);
    assert!(fork.texts_of("error").iter().all(|text| text["why"] == "not_allowed"));
    fork.say(&mut world, &json!({"event": "hangup"}));
    assert_eq!(fork.told.last(), Some(&ForkEvent::HangUp));
    fork.advance(&mut world, SECOND);
    assert_eq!(world.parties[a].heard_ms(), 0);
}
