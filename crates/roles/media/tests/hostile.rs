//! What attackers send to one leg: it is counted under its reason, answered where the protocol says so, and
//! others on the same thread hear each other without a gap meanwhile.

mod world;

use offhook_audio::Codec;
use offhook_bus::{MediaCommand, MediaEvent, MediaRefusal};
use offhook_rtc::Component;
use offhook_rtp::rtcp::{CompoundWriter, RTCP_PACKETS_MAX, ReportBlock};
use offhook_sdp::MEDIA_SECTIONS_MAX;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use world::{FRAME, Protection, World};

/// Frames of 20 ms that an attack lasts.
const FRAMES: usize = 100;

/// Two who talk, and a third party who is attacked.
struct Scene {
    world: World,
    listener: usize,
    target: usize,
    refused: HashMap<&'static str, u64>,
}

fn stranger() -> SocketAddr {
    "203.0.113.66:6666".parse().expect("an address")
}

impl Scene {
    fn new(protection: Protection, codec: Codec) -> Self {
        let mut world = World::new();
        let speaker = world.call(Protection::Plain, Codec::Pcmu);
        let listener = world.call(Protection::Plain, Codec::Pcmu);
        world.bridge(speaker, listener);
        let target = world.call(protection, codec);
        let leg = world.parties[target].leg;
        world.command(MediaCommand::Echo { leg, delay_ms: 0 });
        world.parties[speaker].speak(440.0);
        world.advance(Duration::from_secs(2));
        world.forget();
        world.engine.take_counts();
        Self { world, listener, target, refused: HashMap::new() }
    }

    /// Sends the target what `datagrams` makes of each frame's number, and lets time pass.
    fn attack(
        &mut self,
        mut datagrams: impl FnMut(&mut World, usize) -> Vec<(Component, SocketAddr, Vec<u8>)>,
    ) {
        let leg = self.world.parties[self.target].leg;
        for frame in 0..FRAMES {
            for (component, source, datagram) in datagrams(&mut self.world, frame) {
                self.world.deliver(leg, component, source, datagram);
            }
            self.world.advance(FRAME);
        }
        self.refused = self.world.engine.take_counts().refused;
    }

    fn target_address(&self) -> SocketAddr {
        self.world.parties[self.target].address
    }

    #[track_caller]
    fn assert_refused(&self, why: &str, count: usize) {
        let expected = u64::try_from(count).expect("a count is small");
        assert_eq!(self.refused.get(why), Some(&expected), "{:?}", self.refused);
    }

    /// The two who talk have heard nothing of it: every packet came, and the tone in it.
    #[track_caller]
    fn assert_others_unharmed(&self) {
        let headers = &self.world.parties[self.listener].headers;
        assert!(headers.len() + 1 >= FRAMES, "{} packets", headers.len());
        for pair in headers.windows(2) {
            assert_eq!(pair[1].sequence_number, pair[0].sequence_number.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(160));
        }
        self.world.assert_hears(self.listener, 440.0);
    }

    /// The party that was attacked hears its echo afterwards.
    #[track_caller]
    fn assert_target_goes_on(&mut self) {
        self.world.parties[self.target].speak(740.0);
        self.world.advance(Duration::from_secs(1));
        self.world.parties[self.target].heard.clear();
        self.world.advance(Duration::from_secs(1));
        self.world.assert_hears(self.target, 740.0);
    }
}

fn rtp(payload_type: u8, number: usize, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let number = u32::try_from(number).expect("it is small");
    let mut packet = vec![0x80, payload_type];
    packet.extend(number.to_be_bytes()[2..].iter());
    packet.extend((number * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

#[test]
fn a_flood_from_strangers_is_refused_by_its_source() {
    for protection in [Protection::Plain, Protection::Browser] {
        let mut scene = Scene::new(protection, Codec::Pcmu);
        scene.world.parties[scene.target].speak(740.0);
        scene.world.advance(FRAME);
        scene.world.engine.take_counts();
        scene.world.forget();
        scene.attack(|_, frame| {
            let packet = |port| {
                let source = SocketAddr::new(stranger().ip(), port);
                (Component::Rtp, source, rtp(0, frame, 7, &[0x20; 160]))
            };
            (1_000..1_050).map(packet).collect()
        });
        scene.assert_refused("source", 50 * FRAMES);
        scene.assert_others_unharmed();
        scene.assert_target_goes_on();
    }
}

#[test]
fn forged_sources_do_not_open_a_protected_stream() {
    for protection in [Protection::Sdes, Protection::Dtls, Protection::Browser] {
        let mut scene = Scene::new(protection, Codec::Pcmu);
        let source = scene.target_address();
        scene.attack(|_, frame| {
            let packet = |ssrc| (Component::Rtp, source, rtp(0, frame, ssrc, &[0x20; 180]));
            (0..50).map(packet).collect()
        });
        scene.assert_refused("authentication", 50 * FRAMES);
        scene.assert_others_unharmed();
        scene.assert_target_goes_on();
    }
}

/// Nothing but the address tells who sends plain RTP; what it costs must not grow all the same.
#[test]
fn sources_that_change_with_every_plain_packet_leave_the_stream_usable() {
    let mut scene = Scene::new(Protection::Plain, Codec::Pcmu);
    let source = scene.target_address();
    scene.attack(|_, frame| {
        let ssrc = |n: usize| u32::try_from(frame * 50 + n).expect("it is small");
        (0..50).map(|n| (Component::Rtp, source, rtp(0, n, ssrc(n), &[0x20; 160]))).collect()
    });
    scene.assert_others_unharmed();
    scene.assert_target_goes_on();
}

#[test]
fn packets_that_come_again_and_again_are_replays() {
    for protection in [Protection::Sdes, Protection::Dtls, Protection::Browser] {
        let mut scene = Scene::new(protection, Codec::Pcmu);
        let (source, target) = (scene.target_address(), scene.target);
        let mut packet = scene.world.parties[target].packet(0, false, 9_000, &[0xff; 160]);
        let length = scene.world.parties[target].protect(&mut packet);
        packet.truncate(length);
        scene.attack(|_, _| vec![(Component::Rtp, source, packet.clone()); 20]);
        scene.assert_refused("replay", 20 * FRAMES - 1);
        scene.assert_others_unharmed();
        scene.assert_target_goes_on();
    }
}

/// The party's roll-over counter runs away from ours when it sends what never comes.
#[test]
fn packets_of_another_roll_over_counter_fail_authentication() {
    let mut scene = Scene::new(Protection::Sdes, Codec::Pcmu);
    let (source, target) = (scene.target_address(), scene.target);
    let mut protected = |number: u16| {
        let mut packet = rtp(0, usize::from(number), 0x1234, &[0xff; 160]);
        let length = scene.world.parties[target].protect(&mut packet);
        packet.truncate(length);
        packet
    };
    let first = protected(1);
    (20_000..=60_000).step_by(20_000).for_each(|number| drop(protected(number)));
    let wrapped: Vec<_> = (2..2 + 100).map(&mut protected).collect();
    scene.attack(|_, frame| {
        let packet = if frame == 0 { first.clone() } else { wrapped[frame].clone() };
        vec![(Component::Rtp, source, packet)]
    });
    scene.assert_refused("authentication", FRAMES - 1);
    scene.assert_others_unharmed();
}

/// A receiver report with as many blocks as fit.
fn full_report(ssrc: u32) -> Vec<u8> {
    let blocks: Vec<_> = (0..31).map(|ssrc| ReportBlock { ssrc, ..Default::default() }).collect();
    let mut buffer = [0; 1_400];
    let mut writer = CompoundWriter::new(&mut buffer);
    writer.receiver_report(ssrc, &blocks).expect("room");
    writer.source_description(ssrc, "party").expect("room");
    let length = writer.len();
    buffer[..length].to_vec()
}

#[test]
fn report_bombs_and_storms_are_read_and_answered_at_our_own_pace() {
    let mut scene = Scene::new(Protection::Plain, Codec::Pcmu);
    let target = scene.target;
    let address = scene.target_address();
    let source = SocketAddr::new(address.ip(), address.port() + 1);
    // An empty receiver report; too many of them in one datagram are no compound packet.
    let empty = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let bomb = empty.repeat(RTCP_PACKETS_MAX + 1);
    let lying = [0x9f, 201, 0xff, 0xff, 0, 0, 0, 7].to_vec();
    let before = scene.world.parties[target].rtcp.len();
    scene.attack(|_, frame| {
        let ssrc = |n: usize| u32::try_from(frame * 100 + n).expect("it is small");
        let mut datagrams: Vec<_> = (0..48).map(|n| full_report(ssrc(n))).collect();
        datagrams.extend([bomb.clone(), lying.clone()]);
        datagrams.into_iter().map(|datagram| (Component::Rtcp, source, datagram)).collect()
    });
    scene.assert_refused("malformed", 2 * FRAMES);
    let answers = scene.world.parties[target].rtcp.len() - before;
    assert!(answers <= 3, "{answers} reports within two seconds");
    scene.assert_others_unharmed();
    scene.assert_target_goes_on();
}

/// A binding request with a user name and a message integrity of its own.
fn binding_request(number: usize) -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 36, 0x21, 0x12, 0xa4, 0x42];
    packet.extend([number.to_le_bytes()[0]; 12]);
    packet.extend([0, 6, 0, 8]);
    packet.extend(b"us:them!");
    packet.extend([0, 8, 0, 20]);
    packet.extend([number.to_le_bytes()[0]; 20]);
    packet
}

#[test]
fn a_flood_of_stun_neither_moves_nor_ends_a_call() {
    for (protection, why) in
        [(Protection::Browser, "authentication"), (Protection::Plain, "unexpected")]
    {
        let mut scene = Scene::new(protection, Codec::Pcmu);
        scene.attack(|_, frame| {
            let check = |n| (Component::Rtp, stranger(), binding_request(frame * 50 + n));
            (0..50).map(check).collect()
        });
        scene.assert_refused(why, 50 * FRAMES);
        scene.assert_others_unharmed();
        scene.assert_target_goes_on();
    }
}

#[test]
fn malformed_opus_is_concealed() {
    let mut scene = Scene::new(Protection::Plain, Codec::Opus);
    let (target, source) = (scene.target, scene.target_address());
    // Its partner has another codec, so that it is decoded.
    let partner = scene.world.call(Protection::Plain, Codec::Pcmu);
    scene.world.bridge(target, partner);
    let mut state = 7_u64;
    scene.attack(|world, _| {
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        };
        let length = usize::from(random()) * 5;
        let payload: Vec<u8> = (0..length).map(|_| random()).collect();
        let timestamp = u32::from(random()) * 960;
        vec![(
            Component::Rtp,
            source,
            world.parties[target].packet(107, false, timestamp, &payload),
        )]
    });
    scene.assert_others_unharmed();
    let heard = scene.world.parties[partner].heard_ms();
    assert!(heard >= 1_900, "the partner hears something for {heard} ms of two seconds");
    scene.world.parties[target].speak(740.0);
    scene.world.advance(Duration::from_secs(3));
    scene.world.parties[partner].heard.clear();
    scene.world.advance(Duration::from_secs(1));
    scene.world.assert_hears(partner, 740.0);
}

#[test]
fn handshakes_with_a_leg_that_has_done_its_own_change_nothing() {
    let hello = {
        let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100];
        record.extend([1; 100]);
        record
    };
    for (protection, refused) in [(Protection::Dtls, 0), (Protection::Plain, 20 * FRAMES)] {
        let mut scene = Scene::new(protection, Codec::Pcmu);
        let source = scene.target_address();
        let alert = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
        scene.attack(|_, _| {
            let mut datagrams = vec![(Component::Rtp, source, hello.clone()); 19];
            datagrams.push((Component::Rtp, source, alert.clone()));
            datagrams
        });
        let unexpected = scene.refused.get("unexpected").copied().unwrap_or_default();
        assert_eq!(unexpected, u64::try_from(refused).expect("it is small"));
        scene.assert_others_unharmed();
        scene.assert_target_goes_on();
    }
}

/// An offer with this many audio sections.
fn sections(count: usize) -> String {
    let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
    format!("{head}{}", "m=audio 4000 RTP/AVP 0\r\n".repeat(count))
}

#[test]
fn one_of_many_sections_is_taken_and_too_many_are_refused_with_the_limit() {
    let mut scene = Scene::new(Protection::Plain, Codec::Pcmu);
    let leg = scene.world.parties[scene.target].leg;
    let offer = sections(MEDIA_SECTIONS_MAX);
    scene.world.command(MediaCommand::Answer { leg, offer });
    let answer = scene.world.described(leg).expect("an answer");
    assert_eq!(answer.matches("\r\nm=audio ").count(), MEDIA_SECTIONS_MAX);
    assert_eq!(answer.matches("\r\nm=audio 0 ").count(), MEDIA_SECTIONS_MAX - 1);
    scene.world.events.clear();
    scene.world.command(MediaCommand::Answer { leg, offer: sections(MEDIA_SECTIONS_MAX + 1) });
    let [MediaEvent::Refused { why: MediaRefusal::Malformed(text), .. }] = &scene.world.events[..]
    else {
        panic!("{:?}", scene.world.events)
    };
    assert!(text.contains(&MEDIA_SECTIONS_MAX.to_string()), "{text}");
    scene.attack(|_, _| Vec::new());
    scene.assert_others_unharmed();
}
