//! Parties and an engine in virtual time: no socket, no thread, no sleep.

#![allow(dead_code, reason = "every test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

pub mod sections;

use offhook_audio::{Codec, Decoder, Encoder, Tone, ToneGenerator, goertzel, level};
use offhook_bus::{
    IceRole, LegSnapshot, MediaCommand, MediaEvent, OfferPolicy as BusPolicy, Terms,
};
use offhook_media::state::{
    Clock, Engine, Forked, InbandDtmf, LegAddresses, Output, Recorded, Reserved, SEED_BYTES, Seed,
    Settings, SoundSource,
};
use offhook_model::LegId;
use offhook_rtc::{
    Component, IceCredentials, IceLocal, Identity, Incoming, PROTECTION_BYTES_MAX, Peer,
    PeerConfig, Remote,
};
use offhook_rtp::rtcp::{Compound, CompoundWriter, ReportBlock, RtcpPacket};
use offhook_rtp::{Digit, EventDetector, EventGenerator, RtpHeader, RtpPacket, TelephoneEvent};
use offhook_sdp::{
    AudioFormat, Candidate, Direction, Encoding, Fingerprint, LocalCodec, LocalIce, LocalMedia,
    LocalSdes, Negotiated, OfferPolicy, Session, SessionDescription,
};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

pub const FRAME: Duration = Duration::from_millis(20);
/// The address of our side.
const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ALL_CODECS: [AudioFormat; 4] =
    [AudioFormat::PCMU, AudioFormat::PCMA, AudioFormat::G722, AudioFormat::OPUS];

/// Certificates are dear; one for each side serves all tests of a file.
static OUR_IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap());
static THEIR_IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap());

/// How a party protects its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    Plain,
    Sdes,
    Dtls,
    /// DTLS with ICE, rtcp-mux and BUNDLE.
    Browser,
}

pub const PROTECTIONS: [Protection; 4] =
    [Protection::Plain, Protection::Sdes, Protection::Dtls, Protection::Browser];

pub const CODECS: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

pub struct World {
    pub engine: Engine,
    pub now: Instant,
    pub parties: Vec<Party>,
    pub events: Vec<MediaEvent>,
    pub wanted: Vec<(LegId, u64, SoundSource)>,
    pub closed: Vec<LegId>,
    pub recorded: Vec<Recorded>,
    pub forked: Vec<Forked>,
    /// What legs have reserved, which outlives the engine.
    pub noted: HashMap<LegId, Reserved>,
    /// Says of each RTP packet to the engine, counted from zero, whether it is lost.
    pub loses: fn(usize) -> bool,
    /// How much of a processor's time the engine took for each command and for each datagram.
    pub held: Vec<(Held, Duration)>,
    settings: Settings,
    sent: usize,
    seeds: u8,
    next_frame: Instant,
    start: Instant,
}

/// The time of a processor that this thread has had.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What a thread is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A command.
    Command,
    /// STUN or DTLS.
    Control,
    /// RTP or RTCP.
    Media,
}

pub struct Party {
    pub leg: LegId,
    pub address: SocketAddr,
    pub local: LocalMedia,
    pub protection: Protection,
    pub negotiated: Option<Negotiated>,
    pub speech: Option<ToneGenerator>,
    pub heard: Vec<i16>,
    pub digits: String,
    /// How long the keys that the party was told of were held.
    pub held: Vec<Duration>,
    pub headers: Vec<RtpHeader>,
    pub rtcp: Vec<Vec<u8>>,
    pub own_rtcp: Vec<u8>,
    last_report: Option<(u32, u32, Instant)>,
    pub answers: Vec<String>,
    pub connected: bool,
    /// Whether nothing reaches the party and nothing of it reaches us.
    pub deaf: bool,
    /// Whether the party's transport may fail.
    pub may_fail: bool,
    pub codec: Codec,
    /// Whether it looks at nothing that it gets, but keeps it in `passed`.
    pub is_opaque: bool,
    pub passed: Vec<Vec<u8>>,
    /// Milliseconds of speech in a packet: 20, or a part of it.
    pub ptime_ms: u32,
    session: Session,
    peer: Peer,
    ours: SocketAddr,
    encoder: Encoder,
    decoder: Decoder,
    detector: EventDetector,
    keys: Option<(u8, EventGenerator)>,
    sequence_number: u16,
    timestamp: u32,
    last_heard: Instant,
}

fn codec_format(codec: Codec) -> AudioFormat {
    match codec {
        Codec::Pcmu => AudioFormat::PCMU,
        Codec::Pcma => AudioFormat::PCMA,
        Codec::G722 => AudioFormat::G722,
        Codec::Opus => AudioFormat::OPUS,
        Codec::L16(rate) => AudioFormat::new(Encoding::L16, rate.hz(), 1),
        Codec::L16Stereo(rate) => AudioFormat::new(Encoding::L16, rate.hz(), 2),
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            identity: OUR_IDENTITY.clone(),
            advertised: vec![OURS].into(),
            silent_after: None,
            hold_music: true,
            inband_dtmf: InbandDtmf::Needed,
            load_max: None,
        };
        change(&mut settings);
        let now = Instant::now();
        Self {
            engine: Engine::new(settings.clone()),
            settings,
            now,
            parties: Vec::new(),
            events: Vec::new(),
            wanted: Vec::new(),
            closed: Vec::new(),
            recorded: Vec::new(),
            forked: Vec::new(),
            noted: HashMap::new(),
            loses: |_| false,
            held: Vec::new(),
            sent: 0,
            seeds: 0,
            next_frame: now,
            start: now,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn command(&mut self, command: MediaCommand) {
        self.seeds = self.seeds.wrapping_add(1);
        let mut bytes = [self.seeds; SEED_BYTES];
        for (byte, salt) in bytes.iter_mut().zip(0_u8..) {
            *byte = byte.wrapping_mul(31).wrapping_add(salt.wrapping_mul(7));
        }
        let begun = processor_time();
        self.engine.handle_command(command, &Seed::new(bytes), self.now);
        self.held.push((Held::Command, processor_time() - begun));
        self.settle();
    }

    fn add_leg(&mut self) -> (LegId, u16) {
        let number = u16::try_from(self.parties.len()).unwrap() + 1;
        let leg = LegId(u64::from(number));
        let port = 30_000 + 2 * number;
        let advertised = vec![OURS].into();
        let addresses = LegAddresses { advertised, rtp_port: port, rtcp_port: port + 1 };
        let seed = Seed::new([number as u8 | 0x80; SEED_BYTES]);
        let unix_time = Duration::from_secs(1_800_000_000);
        let clock = Clock { now: self.now, unix_time };
        self.engine.add_leg(leg, addresses, &seed, clock);
        (leg, port)
    }

    /// What another process would need of each leg.
    pub fn snapshots(&mut self) -> Vec<(LegId, LegSnapshot)> {
        let legs: Vec<LegId> = self.parties.iter().map(|party| party.leg).collect();
        let mut snapshots = Vec::new();
        for leg in legs {
            self.command(MediaCommand::Snapshot { leg });
            let place = self.events.iter().position(|e| matches!(e, MediaEvent::Snapshot { .. }));
            let event = self.events.remove(place.expect("a snapshot"));
            let MediaEvent::Snapshot { snapshot, .. } = event else { unreachable!() };
            snapshots.push((leg, snapshot.expect("the leg is there")));
        }
        snapshots
    }

    /// The engine is gone without a word, and for so long nobody hears the parties, who speak on. Then
    /// another engine goes on from the snapshots, which are `age` old.
    pub fn restart(&mut self, snapshots: &[(LegId, LegSnapshot)], down: Duration, age: Duration) {
        self.engine = Engine::new(self.settings.clone());
        self.now += down;
        while self.next_frame <= self.now {
            self.next_frame += FRAME;
            for party in &mut self.parties {
                party.next_packet();
            }
        }
        let unix_time = Duration::from_secs(1_800_000_000);
        let clock = Clock { now: self.now, unix_time };
        for (leg, snapshot) in snapshots {
            let (seed, advertised) = (Seed::new([0x55; SEED_BYTES]), vec![OURS].into());
            let state = (snapshot, self.noted.get(leg).cloned());
            self.engine.restore_leg(*leg, state, advertised, &seed, (clock, age));
        }
        self.settle();
    }

    /// A party calls us; it has one codec.
    pub fn call(&mut self, protection: Protection, codec: Codec) -> usize {
        let index = self.add_party(protection, codec);
        self.offer(index);
        index
    }

    pub fn add_party(&mut self, protection: Protection, codec: Codec) -> usize {
        let (leg, port) = self.add_leg();
        let [high, low] = u16::try_from(self.parties.len() + 10).unwrap().to_be_bytes();
        let address = SocketAddr::from((Ipv4Addr::new(198, 51, 100 + high, low), 4_000));
        let ours = SocketAddr::new(OURS, port);
        self.parties.push(Party::new(leg, address, ours, protection, codec));
        self.parties.len() - 1
    }

    /// The party offers, first or again, and takes our answer.
    pub fn offer(&mut self, index: usize) {
        let party = &mut self.parties[index];
        let offer = party.offer();
        let leg = party.leg;
        self.command(MediaCommand::Answer { leg, offer });
        if let Some(answer) = self.described(leg) {
            let now = self.now;
            self.parties[index].accept_answer(&answer, now);
        }
        self.settle();
    }

    /// A party offers to a proxy whose door has terms for our answer.
    pub fn call_on(
        &mut self,
        protection: Protection,
        codec: Codec,
        change: impl FnOnce(&mut Terms),
    ) -> usize {
        let index = self.add_party(protection, codec);
        self.describe_on(index, change);
        index
    }

    /// The party offers, and the door has terms for our answer.
    pub fn describe_on(&mut self, index: usize, change: impl FnOnce(&mut Terms)) {
        let party = &mut self.parties[index];
        let (leg, offer) = (party.leg, party.offer());
        let mut terms = Terms::new(offer.clone(), offhook_bus::Security::Plain, IceRole::Full);
        change(&mut terms);
        self.command(MediaCommand::AnswerOn { leg, offer, terms });
        let answer = self.described(leg).expect("an answer");
        let now = self.now;
        self.parties[index].accept_answer(&answer, now);
        self.settle();
    }

    /// We call a party.
    pub fn invite(
        &mut self,
        protection: Protection,
        codec: Codec,
        prefer_codec_of: Option<LegId>,
    ) -> usize {
        let index = self.add_party(protection, codec);
        self.reinvite(index, prefer_codec_of);
        index
    }

    /// We offer, first or again, and take the party's answer.
    pub fn reinvite(&mut self, index: usize, prefer_codec_of: Option<LegId>) {
        use offhook_bus::Security;
        let party = &self.parties[index];
        let leg = party.leg;
        let (security, ice) = match party.protection {
            Protection::Plain => (Security::Plain, IceRole::None),
            Protection::Sdes => (Security::Sdes, IceRole::None),
            Protection::Dtls => (Security::Dtls, IceRole::None),
            Protection::Browser => (Security::Dtls, IceRole::Full),
        };
        let policy = BusPolicy { security, ice, prefer_codec_of };
        self.command(MediaCommand::Offer { leg, policy });
        let offer = self.described(leg).expect("an offer");
        let answer = self.parties[index].answer(&offer, self.now);
        self.command(MediaCommand::AcceptAnswer { leg, answer });
        assert!(self.take_event(|event| *event == MediaEvent::Agreed { leg }));
    }

    /// Our latest description of the leg.
    pub fn described(&mut self, wanted: LegId) -> Option<String> {
        let place = self.events.iter().rposition(
            |event| matches!(event, MediaEvent::Described { leg, .. } if *leg == wanted),
        )?;
        match self.events.remove(place) {
            MediaEvent::Described { sdp, .. } => Some(sdp),
            _ => None,
        }
    }

    /// Whether there was such an event; it is taken out.
    pub fn take_event(&mut self, is_it: impl Fn(&MediaEvent) -> bool) -> bool {
        let place = self.events.iter().position(is_it);
        place.map(|place| self.events.remove(place)).is_some()
    }

    pub fn bridge(&mut self, a: usize, b: usize) {
        let (a, b) = (self.parties[a].leg, self.parties[b].leg);
        self.command(MediaCommand::Bridge { a, b });
    }

    /// Lets time pass: timers run and parties speak.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        loop {
            let peers = self.parties.iter_mut().filter_map(|party| party.peer.poll_timeout());
            let due = peers.chain(self.engine.poll_timeout()).chain([self.next_frame]).min();
            let due = due.expect("frames are always due").max(self.now);
            if due > end {
                break;
            }
            self.now = due;
            if self.next_frame <= self.now {
                self.next_frame += FRAME;
                self.speak();
            }
            for party in &mut self.parties {
                party.peer.handle_timeout(self.now);
            }
            self.engine.handle_timeout(self.now);
            self.settle();
            // OpenSSL keeps its own clock, so that two timers of one instant may follow each other.
            self.now += Duration::from_micros(100);
        }
        self.now = self.now.max(end);
    }

    fn speak(&mut self) {
        for index in 0..self.parties.len() {
            for _ in 0..20 / self.parties[index].ptime_ms {
                if let Some(packet) = self.parties[index].next_packet() {
                    self.send(index, packet);
                }
            }
        }
    }

    /// Sends an RTP packet of the party, protected.
    pub fn send(&mut self, index: usize, mut packet: Vec<u8>) {
        let party = &mut self.parties[index];
        let length = packet.len();
        packet.resize(length + PROTECTION_BYTES_MAX, 0);
        let Some(sent) = party.peer.protect_rtp(&mut packet, length) else { return };
        packet.truncate(sent.length);
        let (leg, source) = (party.leg, party.address);
        let is_lost = (self.loses)(self.sent);
        self.sent += 1;
        if !is_lost {
            self.deliver(leg, Component::Rtp, source, packet);
        }
        self.settle();
    }

    /// Sends the RTCP that the party has written, in the clear, to where it is expected.
    pub fn deliver_rtcp(&mut self, index: usize) {
        let party = &mut self.parties[index];
        let (leg, datagram) = (party.leg, std::mem::take(&mut party.own_rtcp));
        let source = party.socket(Component::Rtcp);
        self.deliver(leg, Component::Rtcp, source, datagram);
        self.settle();
    }

    /// A datagram reaches one of the leg's sockets.
    pub fn deliver(
        &mut self,
        leg: LegId,
        component: Component,
        source: SocketAddr,
        mut datagram: Vec<u8>,
    ) {
        let what = if datagram.first().is_some_and(|first| *first < 128) {
            Held::Control
        } else {
            Held::Media
        };
        let begun = processor_time();
        self.engine.handle_packet(leg, component, source, &mut datagram, self.now);
        self.held.push((what, processor_time() - begun));
    }

    fn settle(&mut self) {
        loop {
            let mut has_moved = false;
            while let Some(output) = self.engine.poll_output() {
                has_moved = true;
                self.handle_output(output);
            }
            for index in 0..self.parties.len() {
                while let Some(output) = self.parties[index].peer.poll_output() {
                    has_moved = true;
                    self.handle_peer_output(index, output);
                }
            }
            if !has_moved {
                return;
            }
        }
    }

    fn handle_output(&mut self, output: Output) {
        match output {
            Output::Transmit { destination, packet, leg, .. } => {
                let now = self.now;
                let mut parties = self.parties.iter_mut();
                let party = parties.find(|party| party.address.ip() == destination.ip());
                if let Some(party) = party.filter(|party| !party.deaf) {
                    assert_eq!(party.leg, leg, "a packet for another leg's party");
                    party.receive(destination, packet.as_bytes().to_vec(), now);
                }
                self.engine.recycle(packet);
            }
            Output::Event(event) => self.events.push(event),
            Output::Fetch { leg, ticket, source } => self.wanted.push((leg, ticket, source)),
            Output::Recorded(piece) => self.recorded.push(*piece),
            Output::Forked(forked) => self.forked.push(*forked),
            Output::Reserve { leg } => {
                let (_, reserved) = self.engine.reserved(leg).expect("a leg that is kept");
                self.noted.insert(leg, reserved.clone());
            }
            Output::Closed { leg } => self.closed.push(leg),
        }
    }

    fn handle_peer_output(&mut self, index: usize, output: offhook_rtc::Output) {
        let party = &mut self.parties[index];
        match output {
            offhook_rtc::Output::Transmit { component, datagram, .. } => {
                let (leg, source) = (party.leg, party.socket(component));
                if !party.deaf {
                    self.deliver(leg, component, source, datagram);
                }
            }
            offhook_rtc::Output::Connected => party.connected = true,
            _ if party.deaf || party.may_fail => {}
            failed => panic!("the party's transport failed: {failed:?}"),
        }
    }

    /// Forgets what was heard so far.
    pub fn forget(&mut self) {
        for party in &mut self.parties {
            party.heard.clear();
            party.headers.clear();
            party.digits.clear();
        }
    }

    /// Asserts that the party hears this tone and little else.
    #[track_caller]
    pub fn assert_hears(&self, index: usize, hz: f64) {
        let party = &self.parties[index];
        let share = party.share(hz);
        let (leg, codec, samples) = (party.leg, party.codec, party.heard.len());
        assert!(share > 0.9, "{leg} {codec:?} hears {hz} Hz at {share:.3} of {samples} samples");
    }
}

impl Party {
    fn new(
        leg: LegId,
        address: SocketAddr,
        ours: SocketAddr,
        protection: Protection,
        codec: Codec,
    ) -> Self {
        let number = leg.0 as u8;
        let credentials = IceCredentials::from_random(&[number; 32]);
        let ice = (protection == Protection::Browser).then(|| IceLocal {
            credentials: credentials.clone(),
            candidates: vec![address],
            tie_breaker: leg.0,
        });
        let local = local_media(address, protection, codec, &credentials);
        Self {
            leg,
            address,
            local,
            protection,
            negotiated: None,
            speech: None,
            heard: Vec::new(),
            digits: String::new(),
            held: Vec::new(),
            headers: Vec::new(),
            rtcp: Vec::new(),
            own_rtcp: Vec::new(),
            last_report: None,
            answers: Vec::new(),
            connected: false,
            deaf: false,
            may_fail: false,
            codec,
            is_opaque: false,
            passed: Vec::new(),
            ptime_ms: 20,
            session: Session::new(leg.0),
            peer: Peer::new(PeerConfig { identity: THEIR_IDENTITY.clone(), ice }),
            ours,
            encoder: Encoder::new(codec).unwrap(),
            decoder: Decoder::new(codec).unwrap(),
            detector: EventDetector::new(8_000),
            keys: None,
            sequence_number: 1,
            timestamp: 0,
            last_heard: Instant::now(),
        }
    }

    /// The address of one of the party's sockets.
    fn socket(&self, component: Component) -> SocketAddr {
        let port = self.address.port() + u16::from(component == Component::Rtcp);
        SocketAddr::new(self.address.ip(), port)
    }

    fn policy(&self) -> OfferPolicy {
        match self.protection {
            Protection::Plain => OfferPolicy::plain(),
            Protection::Sdes => OfferPolicy::sdes(),
            Protection::Dtls | Protection::Browser => OfferPolicy::dtls(),
        }
    }

    pub fn offer(&mut self) -> String {
        self.session.offer(&self.local, &self.policy()).expect("an offer").to_string()
    }

    pub fn accept_answer(&mut self, answer: &str, now: Instant) {
        self.answers.push(answer.to_owned());
        let answer = SessionDescription::parse(answer.as_bytes()).expect("our answer parses");
        let negotiated = self.session.handle_answer(&answer).expect("our answer fits").clone();
        self.agree(negotiated, now);
    }

    pub fn answer(&mut self, offer: &str, now: Instant) -> String {
        self.answers.push(offer.to_owned());
        let offer = SessionDescription::parse(offer.as_bytes()).expect("our offer parses");
        let (answer, negotiated) = self.session.answer(&offer, &self.local).expect("an answer");
        self.agree(negotiated, now);
        answer.to_string()
    }

    fn agree(&mut self, negotiated: Negotiated, now: Instant) {
        let remote = Remote::from_negotiated(&negotiated);
        assert_eq!(remote.rtp, Some(self.ours), "our description names our address");
        self.peer.set_remote(&remote, now).expect("keys fit");
        let format = negotiated.codec().format;
        let channels = u32::from(format.channels);
        let codec = Codec::from_rtpmap(format.encoding.as_str(), format.clock_rate, channels);
        self.set_codec(codec.expect("a codec that we have"));
        if let Some(events) = negotiated.telephone_events.first() {
            self.detector = EventDetector::new(events.format.clock_rate);
        }
        self.negotiated = Some(negotiated);
        self.is_opaque = false;
    }

    fn set_codec(&mut self, codec: Codec) {
        if codec != self.codec {
            self.encoder = Encoder::new(codec).unwrap();
            self.decoder = Decoder::new(codec).unwrap();
            self.codec = codec;
            self.speech = None;
        }
    }

    /// The party begins to speak: one tone.
    pub fn speak(&mut self, hz: f64) {
        self.speak_at(hz, -10.0);
    }

    /// The party begins to speak at this level.
    pub fn speak_at(&mut self, hz: f64, dbm0: f64) {
        let tone = Tone { hz, dbm0 };
        self.speech = Some(ToneGenerator::new(self.codec.sample_rate(), &[tone]));
    }

    /// The party begins to say these tones, or silence when there are none.
    pub fn speak_tones(&mut self, tones: &[Tone]) {
        self.speech = Some(ToneGenerator::new(self.codec.sample_rate(), tones));
    }

    /// The party presses a key, with events of this clock.
    pub fn press(&mut self, key: char, clock_rate: u32, duration: Duration) {
        let negotiated = self.negotiated.as_ref().expect("a call");
        let events = negotiated.telephone_events.iter();
        let format = events.clone().find(|event| event.format.clock_rate == clock_rate);
        let payload_type = format.expect("this clock was agreed on").send_payload_type;
        let mut generator = EventGenerator::new(clock_rate, FRAME);
        assert!(generator.press(Digit::from_char(key).expect("a key"), duration));
        self.keys = Some((payload_type, generator));
    }

    /// What the party sends in this frame, in the clear.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        let negotiated = self.negotiated.as_ref()?;
        if !negotiated.direction.sends() {
            return None;
        }
        let payload_type = negotiated.codec().send_payload_type;
        let timestamp = self.timestamp;
        self.timestamp += self.codec.frame_ticks(self.ptime_ms);
        if let Some((payload_type, generator)) = self.keys.as_mut().filter(|k| k.1.is_active()) {
            let packet = generator.poll_packet(timestamp)?;
            let payload_type = *payload_type;
            return Some(self.packet(
                payload_type,
                packet.marker,
                packet.timestamp,
                &packet.payload,
            ));
        }
        let mut pcm = vec![0; self.codec.frame_samples(self.ptime_ms)];
        self.speech.as_mut()?.fill(&mut pcm);
        let mut payload = [0; 1_400];
        let length = self.encoder.encode(&pcm, &mut payload).unwrap();
        Some(self.packet(payload_type, false, timestamp, &payload[..length]))
    }

    /// The party's next RTP packet, in the clear.
    pub fn packet(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let ssrc = 0x1000 + self.leg.0 as u32;
        let sequence_number = self.sequence_number;
        self.sequence_number = sequence_number.wrapping_add(1);
        let header = RtpHeader { marker, payload_type, sequence_number, timestamp, ssrc };
        let mut packet = vec![0; payload.len() + 12];
        header.write_packet(payload, &mut packet).unwrap();
        packet
    }

    fn receive(&mut self, destination: SocketAddr, mut datagram: Vec<u8>, now: Instant) {
        let component = if destination == self.address { Component::Rtp } else { Component::Rtcp };
        match self.peer.handle_packet(component, self.ours, &mut datagram, now) {
            Incoming::Rtp { length } | Incoming::Rtcp { length } if self.is_opaque => {
                self.passed.push(datagram[..length].to_vec());
            }
            Incoming::Rtp { length } => self.hear(&datagram[..length], now),
            Incoming::Rtcp { length } => self.handle_rtcp(&datagram[..length], now),
            Incoming::Datagram { length } => self.passed.push(datagram[..length].to_vec()),
            Incoming::Control => {}
            // The RTCP socket is another of our addresses; nothing else may be refused.
            Incoming::Refused(why) => panic!("the party refuses our packet: {why:?}"),
        }
    }

    fn handle_rtcp(&mut self, bytes: &[u8], now: Instant) {
        for packet in Compound::parse(bytes).expect("our reports parse").packets() {
            if let RtcpPacket::SenderReport(report) = packet {
                let middle = (report.info.ntp >> 16) as u32;
                self.last_report = Some((report.ssrc, middle, now));
            }
        }
        self.rtcp.push(bytes.to_vec());
        self.last_heard = now;
    }

    /// Writes a report as if the last of ours had travelled this long, there and back, and so many packets
    /// had been lost.
    pub fn report_back(&mut self, round_trip: Duration, lost: i32) {
        let (ssrc, last_sender_report, then) = self.last_report.expect("a report of ours came");
        let kept = self.last_heard.saturating_duration_since(then);
        let units = |time: Duration| (time.as_secs_f64() * 65_536.0) as u32;
        let block = ReportBlock {
            ssrc,
            cumulative_lost: lost,
            last_sender_report,
            delay_since_last: units(kept).saturating_sub(units(round_trip)),
            ..ReportBlock::default()
        };
        let mut buffer = [0; 200];
        let mut writer = CompoundWriter::new(&mut buffer);
        writer.receiver_report(7, &[block]).unwrap();
        writer.source_description(7, "party").unwrap();
        let length = writer.len();
        self.own_rtcp = buffer[..length].to_vec();
    }

    /// Protects a packet in place and returns its length.
    pub fn protect(&mut self, packet: &mut Vec<u8>) -> usize {
        let length = packet.len();
        packet.resize(length + PROTECTION_BYTES_MAX, 0);
        self.peer.protect_rtp(packet, length).expect("the party is connected").length
    }

    fn hear(&mut self, bytes: &[u8], now: Instant) {
        self.last_heard = now;
        let packet = RtpPacket::parse(bytes).expect("our packets parse");
        self.headers.push(packet.header());
        let negotiated = self.negotiated.as_ref().expect("packets come after the answer");
        if negotiated.received_event(packet.payload_type).is_some() {
            self.detector.handle_packet(packet.payload, packet.timestamp, now);
            while let Some(event) = self.detector.poll_output() {
                match event {
                    TelephoneEvent::Pressed(digit) => self.digits.push(digit.as_char()),
                    TelephoneEvent::Released { duration, .. } => self.held.push(duration),
                }
            }
            return;
        }
        let codec = negotiated.received_codec(packet.payload_type);
        assert!(codec.is_some(), "payload type {} was not agreed on", packet.payload_type);
        let mut pcm = [0; 5_760];
        let samples = self.decoder.decode(packet.payload, &mut pcm).expect("our payload decodes");
        self.heard.extend(&pcm[..samples]);
    }

    /// How much of what the party heard is this tone, on average over pieces of 100 ms: a jitter buffer may
    /// change its delay in between, which shifts the phase. The first piece is left out, since codecs and
    /// filters swing in.
    pub fn share(&self, hz: f64) -> f64 {
        let rate = self.codec.sample_rate();
        let pieces = self.heard.chunks_exact(rate as usize / 10).skip(1);
        let count = pieces.len() as f64;
        pieces.map(|piece| goertzel::power_share(piece, rate, hz)).sum::<f64>() / count
    }

    /// The level of this tone in what the party heard, in dBm0, as the median over pieces of 100 ms.
    pub fn tone_level(&self, hz: f64) -> f64 {
        let rate = self.codec.sample_rate();
        let pieces = self.heard.chunks_exact(rate as usize / 10);
        let mut levels: Vec<f64> = pieces.map(|piece| goertzel::dbm0(piece, rate, hz)).collect();
        levels.sort_by(f64::total_cmp);
        levels.get(levels.len() / 2).copied().unwrap_or(level::SILENCE_DB)
    }

    /// The level of what the party heard, in dBm0.
    pub fn level(&self) -> f64 {
        level::dbm0(&self.heard)
    }

    /// Milliseconds of sound that the party heard.
    pub fn heard_ms(&self) -> usize {
        self.heard.len() * 1_000 / self.codec.sample_rate() as usize
    }

    /// The party's next offer has new ICE credentials.
    pub fn restart_ice(&mut self) {
        let credentials = IceCredentials::from_random(&[self.leg.0 as u8 + 100; 32]);
        let ice = self.local.ice.as_mut().expect("a party with ICE");
        ice.ufrag = credentials.ufrag.clone();
        ice.pwd = credentials.pwd.clone();
        self.peer.restart_ice(credentials);
    }

    /// The party's next offer has another certificate, and there is a new association.
    pub fn replace_certificate(&mut self) {
        let identity = Identity::generate().unwrap();
        let fingerprint = self.local.fingerprint.as_mut().expect("a party with DTLS");
        fingerprint.digest = identity.digest().to_vec();
        let ice = self.local.ice.as_ref().map(|ice| IceLocal {
            credentials: IceCredentials { ufrag: ice.ufrag.clone(), pwd: ice.pwd.clone() },
            candidates: vec![self.address],
            tie_breaker: self.leg.0,
        });
        self.peer = Peer::new(PeerConfig { identity, ice });
    }

    /// Holds the party's partner, or lets it go on.
    pub fn set_direction(&mut self, direction: Direction) {
        self.local.direction = direction;
    }
}

fn local_media(
    address: SocketAddr,
    protection: Protection,
    codec: Codec,
    credentials: &IceCredentials,
) -> LocalMedia {
    let digest = THEIR_IDENTITY.digest().to_vec();
    let is_dtls = matches!(protection, Protection::Dtls | Protection::Browser);
    let mut local = LocalMedia::new(address.ip(), address.port());
    local.codecs = vec![LocalCodec::new(codec_format(codec), 107)];
    local.rtcp_mux = protection == Protection::Browser;
    local.fingerprint = is_dtls.then(|| Fingerprint { algorithm: "sha-256".to_owned(), digest });
    local.sdes = (protection == Protection::Sdes).then(|| LocalSdes::new([9; 46]));
    local.ice = (protection == Protection::Browser).then(|| LocalIce {
        ufrag: credentials.ufrag.clone(),
        pwd: credentials.pwd.clone(),
        lite: false,
        candidates: vec![Candidate::host(address, 1, u16::MAX)],
    });
    local
}

/// A party may have all codecs.
pub fn all_codecs() -> Vec<LocalCodec> {
    ALL_CODECS.map(|format| LocalCodec::new(format, 107)).into()
}
