//! What is measured on a leg: RTCP both ways and the report in the end.

mod world;

use offhook_audio::Codec;
use offhook_bus::{MediaCommand, MediaEvent};
use offhook_model::StreamReport;
use offhook_rtp::rtcp::{Compound, RtcpPacket};
use std::time::Duration;
use world::{PROTECTIONS, Protection, World};

fn release(world: &mut World, party: usize) -> StreamReport {
    let wanted = world.parties[party].leg;
    world.command(MediaCommand::Release { leg: wanted });
    let report = world.events.iter().find_map(|event| match event {
        MediaEvent::Released { leg, report } if *leg == wanted => report.clone(),
        _ => None,
    });
    assert_eq!(world.closed.last(), Some(&wanted));
    report.expect("the leg was there")
}

fn talk(loses: fn(usize) -> bool, protection: Protection, codec: Codec) -> (World, usize) {
    let mut world = World::new();
    let party = world.call(protection, codec);
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Echo { leg, delay_ms: 0 });
    world.advance(Duration::from_secs(1));
    world.loses = loses;
    world.parties[party].speak(440.0);
    world.advance(Duration::from_secs(30));
    (world, party)
}

#[test]
fn a_good_call_is_counted_and_scored() {
    for (protection, security) in [
        (Protection::Plain, "none"),
        (Protection::Sdes, "sdes"),
        (Protection::Dtls, "dtls"),
        (Protection::Browser, "dtls"),
    ] {
        let (mut world, party) = talk(|_| false, protection, Codec::Opus);
        let report = release(&mut world, party);
        assert_eq!(report.codec.as_deref(), Some("opus"));
        assert_eq!(report.security.as_deref(), Some(security));
        assert!((1_490..=1_510).contains(&report.packets_received), "{report:?}");
        assert_eq!(report.packets_sent, report.packets_received);
        assert_eq!((report.packets_lost, report.packets_refused), (0, 0));
        assert!(report.jitter_ms.expect("it was measured") < 2.0);
        assert!(report.mos.expect("it was measured") > 4.3, "{report:?}");
    }
}

#[test]
fn loss_lowers_the_score() {
    let (mut world, party) = talk(|packet| packet % 10 == 7, Protection::Plain, Codec::Pcmu);
    let report = release(&mut world, party);
    assert!((148..=152).contains(&report.packets_lost), "{report:?}");
    let mos = report.mos.expect("it was measured");
    assert!((2.0..3.8).contains(&mos), "{mos}");
}

#[test]
fn nothing_is_claimed_of_a_leg_that_heard_nothing() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    world.advance(Duration::from_secs(1));
    let report = release(&mut world, party);
    assert_eq!((report.mos, report.jitter_ms, report.round_trip_ms), (None, None, None));
    assert_eq!((report.packets_received, report.packets_lost), (0, 0));
    assert_eq!(report.remote_loss_percent, None);
}

#[test]
fn our_reports_say_what_was_sent_and_lost_and_the_last_says_goodbye() {
    for protection in PROTECTIONS {
        let (mut world, party) = talk(|packet| packet % 4 == 3, protection, Codec::Pcmu);
        let reports = world.parties[party].rtcp.len();
        assert!((3..=14).contains(&reports), "{reports} in half a minute");
        let last = world.parties[party].rtcp.last().expect("reports came").clone();
        let compound = Compound::parse(&last).expect("our reports parse");
        let report = compound.packets().find_map(|packet| match packet {
            RtcpPacket::SenderReport(report) => Some(report),
            _ => None,
        });
        let report = report.expect("a sender reports as one");
        assert!(report.info.packet_count > 500);
        let block = report.reports().next().expect("a block on what the party sent");
        assert!((55..=73).contains(&block.fraction_lost), "a quarter is {}", block.fraction_lost);
        release(&mut world, party);
        let last = world.parties[party].rtcp.last().expect("the last report");
        let mut packets = Compound::parse(last).expect("it parses").packets();
        assert!(packets.any(|packet| matches!(packet, RtcpPacket::Goodbye(_))));
    }
}

#[test]
fn the_partys_reports_give_round_trip_and_loss() {
    let (mut world, party) = talk(|_| false, Protection::Plain, Codec::Pcmu);
    world.parties[party].report_back(Duration::from_millis(80), 12);
    world.deliver_rtcp(party);
    let report = release(&mut world, party);
    let round_trip = report.round_trip_ms.expect("it was measured");
    assert!((75.0..=85.0).contains(&round_trip), "{round_trip} ms");
    let loss = report.remote_loss_percent.expect("it was reported");
    assert!((0.7..0.9).contains(&loss), "{loss} %");
}
