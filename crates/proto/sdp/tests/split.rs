//! Sections that are served each by its own side: taken out of one description, put into another.

mod peer;

use offhook_sdp::{SessionDescription, answer, offer};
use peer::{CHROMIUM, CHROMIUM_CAMERA, CHROMIUM_VIDEO, local, parse};

const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

fn video_alone() -> SessionDescription {
    let offer = parse(CHROMIUM_CAMERA);
    let (index, _) = offer.video().expect("a video section");
    offer.section_alone(index).expect("it is there")
}

/// What a browser is offered: audio of ours and the video of another browser.
fn audio_and_video() -> SessionDescription {
    let mut description = offer(&local(), &offhook_sdp::OfferPolicy::dtls()).expect("an offer");
    assert!(description.put_section(1, &video_alone(), false));
    description
}

#[test]
fn a_video_section_alone_is_in_no_bundle_and_names_no_mid_in_its_packets() {
    let whole = parse(CHROMIUM_CAMERA);
    let (index, section) = whole.video().expect("a video section");
    assert!(section.extension_maps().iter().any(|map| map.uri == MID_EXTENSION));
    let alone = video_alone();
    assert!(alone.bundles().is_empty());
    assert_eq!(alone.media.len(), 1);
    let left = &alone.media[0];
    assert_eq!(left.formats, section.formats);
    assert_eq!(left.lines.len(), section.lines.len() - 1);
    assert!(left.extension_maps().iter().all(|map| map.uri != MID_EXTENSION));
    assert!(whole.section_alone(index + 7).is_none());
}

#[test]
fn a_section_without_a_transport_of_its_own_is_no_video_for_us() {
    assert!(parse(CHROMIUM).video().is_none());
    assert!(
        parse(CHROMIUM_VIDEO).video().is_none(),
        "its audio is sent over the video's transport"
    );
    let mut bundled = parse(CHROMIUM_CAMERA);
    bundled.media[1].port = 0;
    assert!(bundled.video().is_none());
}

#[test]
fn an_offer_has_both_sections_and_bundles_neither_with_the_other() {
    let offered = audio_and_video();
    let mids: Vec<_> = offered.media.iter().filter_map(|section| section.mid()).collect();
    assert_eq!(mids, ["0", "1"]);
    assert_eq!(offered.bundles()[0].mids, ["0"]);
    let again = parse(&offered.to_string());
    assert_eq!(again, offered);
    assert!(offered.media[1].connection().is_some(), "its address may be another's");
}

#[test]
fn sections_that_are_unbundled_have_transports_of_their_own() {
    let mut asked = parse(CHROMIUM_CAMERA);
    assert!(asked.is_bundled_with_others(&asked.media[1]));
    let lines = asked.lines.len();
    asked.unbundle();
    assert!(asked.bundles().is_empty() && !asked.is_bundled_with_others(&asked.media[1]));
    assert_eq!(asked.lines.len(), lines - 1);
    let audio = parse(CHROMIUM);
    assert!(!audio.is_bundled_with_others(&audio.media[0]));
}

#[test]
fn an_answer_takes_the_place_and_the_mid_of_the_section_it_answers() {
    let mut asked = parse(CHROMIUM_CAMERA);
    let (index, _) = asked.video().expect("a video section");
    for line in &mut asked.media[index].lines {
        if line.value.starts_with("mid:") {
            line.value = "mid:picture".into();
        }
    }
    let (mut answered, _) = answer(&asked, &local()).expect("an answer");
    assert_eq!(answered.media[index].port, 0);
    assert!(answered.put_section(index, &video_alone(), true));
    assert_ne!(answered.media[index].port, 0);
    assert_eq!(answered.media[index].mid(), Some("picture"));
    assert_eq!(answered.media.len(), asked.media.len());
    assert!(!answered.put_section(7, &video_alone(), true));
}

#[test]
fn a_place_that_was_rejected_is_used_again_under_another_mid() {
    let before = audio_and_video();
    let mut without = offer(&local(), &offhook_sdp::OfferPolicy::dtls()).expect("an offer");
    without.keep_sections_of(&before);
    assert_eq!((without.media.len(), without.media[1].port), (2, 0));
    assert_eq!(without.media[1].mid(), Some("1"));
    without.set_version_after(&before);
    let mut again = offer(&local(), &offhook_sdp::OfferPolicy::dtls()).expect("an offer");
    again.keep_sections_of(&without);
    assert!(again.put_section(1, &video_alone(), false));
    assert_eq!(again.media[1].mid(), Some("v1"));
    assert_eq!(again.media.len(), 2);
}

#[test]
fn a_party_without_mids_gets_none() {
    let mut plain = offer(&local(), &offhook_sdp::OfferPolicy::plain()).expect("an offer");
    assert!(plain.put_section(1, &video_alone(), false));
    assert_eq!(plain.media[1].mid(), None);
}

#[test]
fn the_version_counts_changes_of_either_section() {
    let first = audio_and_video();
    let version = |description: &SessionDescription| description.origin.version.clone();
    let mut same = audio_and_video();
    same.set_version_after(&first);
    assert_eq!(version(&same), version(&first));
    let mut held = audio_and_video();
    held.media[1].push_attribute("x-changed", "");
    held.set_version_after(&first);
    let before: u64 = version(&first).parse().expect("a number");
    assert_eq!(version(&held), (before + 1).to_string());
}

#[test]
fn streams_are_the_same_when_only_their_transport_has_moved() {
    let one = video_alone().media.remove(0);
    let mut moved = one.clone();
    moved.port = 4_004;
    for line in &mut moved.lines {
        if line.value.starts_with("ice-ufrag:") {
            line.value = "ice-ufrag:else".into();
        }
    }
    moved.push_attribute("candidate", "1 1 udp 1 192.0.2.7 4004 typ host");
    assert!(moved.has_streams_of(&one));
    let mut held = one.clone();
    for line in &mut held.lines {
        if line.value == "sendrecv" {
            line.value = "sendonly".into();
        }
    }
    assert!(!held.has_streams_of(&one));
    let mut fewer = one.clone();
    fewer.formats.pop();
    assert!(!fewer.has_streams_of(&one));
}
