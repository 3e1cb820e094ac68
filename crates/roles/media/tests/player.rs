//! What is played is heard, by its content.

mod world;

use offhook_audio::{Codec, Tone, ToneGenerator};
use offhook_bus::{MediaCommand, MediaEvent};
use offhook_media::state::SoundSource;
use offhook_model::LegId;
use offhook_speech::Pcm;
use std::sync::Arc;
use std::time::Duration;
use world::{CODECS, PROTECTIONS, Protection, World};

fn play(world: &mut World, leg: LegId, prompts: &[&str], repeat: bool) {
    let prompts = prompts.iter().map(|&prompt| prompt.to_owned()).collect();
    world.command(MediaCommand::Play { leg, prompts, repeat });
}

fn has_finished(world: &mut World, leg: LegId) -> bool {
    world.take_event(|event| *event == MediaEvent::PlayFinished { leg })
}

#[test]
fn a_tone_has_its_frequency_and_level_in_every_codec() {
    for codec in CODECS {
        let mut world = World::new();
        let party = world.call(Protection::Plain, codec);
        let leg = world.parties[party].leg;
        play(&mut world, leg, &["tone:1004,1000"], true);
        world.advance(Duration::from_secs(3));
        world.assert_hears(party, 1_004.0);
        let level = world.parties[party].level();
        assert!((-11.0..-9.0).contains(&level), "{codec:?}: {level} dBm0");
        assert!(!has_finished(&mut world, leg), "what is repeated does not finish");
    }
}

#[test]
fn nothing_is_missed_while_the_transport_connects() {
    for protection in PROTECTIONS {
        let mut world = World::new();
        let party = world.call(protection, Codec::Pcmu);
        let leg = world.parties[party].leg;
        play(&mut world, leg, &["tone:700,500", "silence:100", "tone:1100,500"], false);
        world.advance(Duration::from_secs(4));
        assert!(has_finished(&mut world, leg), "{protection:?}");
        assert_eq!(world.parties[party].heard_ms(), 1_100, "{protection:?}");
        let heard = std::mem::take(&mut world.parties[party].heard);
        world.parties[party].heard = heard[..4_000].to_vec();
        world.assert_hears(party, 700.0);
        world.parties[party].heard = heard[4_800..].to_vec();
        world.assert_hears(party, 1_100.0);
    }
}

#[test]
fn a_text_is_fetched_sentence_by_sentence_and_heard_as_soon_as_the_first_is_there() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Opus);
    let leg = world.parties[party].leg;
    play(&mut world, leg, &["tts:Welcome. Please hold.", "file:missing"], false);
    let texts: Vec<SoundSource> = world.wanted.iter().map(|(_, _, what)| what.clone()).collect();
    let text = |text: &str| SoundSource::Text(text.to_owned());
    let file = SoundSource::File("missing".to_owned());
    assert_eq!(texts, [text("Welcome."), text("Please hold."), file]);
    world.advance(Duration::from_millis(200));
    let wanted = std::mem::take(&mut world.wanted);
    let spoken = |hz| {
        let mut samples = vec![0; 16_000];
        ToneGenerator::new(16_000, &[Tone { hz, dbm0: -20.0 }]).fill(&mut samples);
        Arc::new(Pcm { samples, rate: 16_000 })
    };
    world.forget();
    world.engine.handle_sound(leg, wanted[0].1, Some(&spoken(300.0)));
    world.advance(Duration::from_millis(900));
    world.assert_hears(party, 300.0);
    world.engine.handle_sound(leg, wanted[1].1, Some(&spoken(500.0)));
    world.advance(Duration::from_millis(200));
    world.forget();
    world.advance(Duration::from_millis(600));
    world.assert_hears(party, 500.0);
    assert!(!has_finished(&mut world, leg));
    world.engine.handle_sound(leg, wanted[2].1, None);
    world.advance(Duration::from_secs(1));
    assert!(has_finished(&mut world, leg), "a missing file is skipped");
}

#[test]
fn a_prompt_takes_the_partners_place_until_it_ends() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[b].leg;
    world.bridge(a, b);
    world.parties[a].speak(440.0);
    world.advance(Duration::from_millis(300));
    play(&mut world, leg, &["tone:1004,1000"], false);
    world.forget();
    world.advance(Duration::from_millis(900));
    world.assert_hears(b, 1_004.0);
    world.advance(Duration::from_millis(300));
    assert!(has_finished(&mut world, leg));
    world.forget();
    world.advance(Duration::from_secs(1));
    world.assert_hears(b, 440.0);
}

#[test]
fn stop_ends_it_at_once() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[party].leg;
    play(&mut world, leg, &["music:"], true);
    world.advance(Duration::from_secs(1));
    assert!(world.parties[party].level() > -35.0, "music is heard");
    world.command(MediaCommand::Stop { leg });
    world.forget();
    world.advance(Duration::from_secs(1));
    assert!(world.parties[party].heard.is_empty());
}

#[test]
fn prompts_that_cannot_be_read_finish_at_once() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[party].leg;
    play(&mut world, leg, &["http://example.org", "tone:", "file:../../etc/passwd"], true);
    world.advance(Duration::from_millis(100));
    assert!(has_finished(&mut world, leg));
    assert!(world.wanted.is_empty());
}
