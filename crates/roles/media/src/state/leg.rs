//! One party: its description, its transport, the stream to it and the stream from it.

mod agreement;
mod inbound;
mod keys;
mod opaque;
pub(crate) mod outbound;
mod overheard;
mod restored;
mod terms;

pub(crate) use restored::LegState;

use super::agreed::{Agreed, FRAME_MS, Passage, PayloadKind};
use super::conference::Membership;
use super::delay_line::DelayLine;
use super::description::LocalSide;
use super::digits::DigitSender;
use super::evidence::Evidence;
use super::fork::Forks;
use super::heard_keys::HeardKeys;
use super::inband::{InbandDetector, InbandDtmf};
use super::listener::{Listeners, Listening};
use super::notice::Notice;
use super::opaque::Opaque;
use super::packet::{PACKET_BYTES_MAX, PacketPool};
use super::packing::Packing;
use super::player::{Player, SoundWanted};
use super::recorded::Recorded;
use super::recording::Tap;
use super::reports::Reports;
use super::reserved::Reserved;
use super::seed::Seed;
use super::settings::{Clock, LegAddresses, Settings};
use super::speech_decoder::SpeechDecoder;
use super::timeline::Timeline;
use super::{Counts, Output, Outputs};
use offhook_audio::{Encoder, Resampler};
use offhook_bus::{MediaEvent, MediaTrouble, OfferPolicy, PlayControl, SpeechGate};
use offhook_model::{LegId, StreamReport};
use offhook_rtc::{IceLocal, Peer, PeerConfig, Refusal};
use offhook_rtp::{Digit, EventDetector, EventRelay, RtpPacket};
use offhook_sdp::{AudioFormat, Session};
use offhook_speech::Pcm;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time of one frame.
pub(crate) const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// A clock that is further behind than this starts afresh: nobody wants to hear old frames in a burst.
pub(crate) const CLOCK_LAG_MAX: Duration = Duration::from_millis(200);

/// Where legs put what they want done.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) outputs: Outputs,
    pub(crate) pool: PacketPool,
    pub(crate) counts: Counts,
    pub(crate) recorded: Recorded,
}

/// One party's media.
#[derive(Debug)]
pub struct Leg {
    id: LegId,
    local: LocalSide,
    session: Session,
    /// Whether speech and keys of the party are passed on to its partner.
    gate: Gate,
    /// Whether a hold is left to the parties: no music of ours is heard.
    is_quiet_when_held: bool,
    /// The type of service of packets to the party (RFC 2474), when one was asked for.
    type_of_service: Option<u8>,
    /// What the first offer of ours was like.
    policy: Option<OfferPolicy>,
    peer: Peer,
    /// What is spoken with the party; `None` while nothing is, and on an opaque leg.
    agreed: Option<Agreed>,
    /// What serves an opaque leg; then `agreed` is `None`.
    opaque: Option<Opaque>,
    /// Whether our last offer was one of an opaque leg.
    is_offer_opaque: bool,
    /// Numbers of packets that are passed on, once somebody keeps the leg.
    reserved: Option<Box<Reserved>>,
    timeline: Timeline,
    encoder: Option<Encoder>,
    /// What Opus to the party may take, where that is asked for, in bits per second.
    opus_bitrate: Option<u32>,
    /// Makes packets of a length that is asked for; ours are frames without it.
    packing: Option<Packing>,
    program: Program,
    hold_music: Option<Box<Player>>,
    partner: Option<LegId>,
    /// The leg that this one will be bridged to, as far as whoever described it knows.
    expected_partner: Option<LegId>,
    /// Whether it was bridged or mixed before.
    has_talked: bool,
    membership: Option<Membership>,
    /// Whose party this one listens to.
    listening: Option<Listening>,
    /// Those that listen to the party.
    listeners: Listeners,
    tap: Option<Tap>,
    forks: Forks,
    /// Tells the party that it is recorded.
    notice: Notice,
    next_frame: Option<Instant>,
    digits_out: DigitSender,
    digits_in: Option<(u32, EventDetector)>,
    /// When keys are listened for in the audio, and what listens.
    inband_dtmf: InbandDtmf,
    inband: Option<Box<InbandDetector>>,
    /// Keys that signalling told of and nobody has asked for yet.
    signalled: VecDeque<(Digit, Duration)>,
    heard_keys: HeardKeys,
    /// Whether the party can be told of keys by signalling.
    takes_info: bool,
    /// Events of the partner on their way to the party.
    event_relay: EventRelay,
    /// Until when an event that is passed on takes the place of speech.
    event_until: Option<Instant>,
    last_heard: Option<Instant>,
    is_silence_reported: bool,
    reports: Reports,
    evidence: Evidence,
    /// What the party says, decoded for a partner that has another codec.
    speech: Option<Box<SpeechDecoder>>,
    /// From the partner's sample rate to the party's.
    resampler: Option<(u32, Resampler)>,
}

/// What of a party is passed on to whoever hears it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Gate {
    speech: SpeechGate,
    dtmf: bool,
}

/// What the party hears that is not its partner.
#[derive(Debug)]
enum Program {
    None,
    Player(Box<Player>),
    Echo(DelayLine),
}

impl Leg {
    pub(crate) fn new(
        id: LegId,
        addresses: LegAddresses,
        seed: &Seed,
        settings: &Settings,
        clock: Clock,
    ) -> Self {
        let local = LocalSide::new(addresses, seed);
        let ice = IceLocal {
            credentials: local.credentials.clone(),
            candidates: local.addresses.candidates().collect(),
            tie_breaker: seed.tie_breaker(),
        };
        let identity = settings.identity.clone();
        let (first, timestamp) = (seed.first_sequence_number(), seed.first_timestamp());
        Self {
            id,
            session: Session::new(seed.session_id()),
            gate: Gate { speech: SpeechGate::Open, dtmf: true },
            is_quiet_when_held: false,
            type_of_service: None,
            policy: None,
            peer: Peer::new(PeerConfig { identity, ice: Some(ice) }),
            agreed: None,
            opaque: None,
            is_offer_opaque: false,
            reserved: None,
            timeline: Timeline::new(local.ssrc, first, timestamp),
            reports: Reports::new(
                local.ssrc,
                local.cname.clone(),
                seed.rtcp(),
                clock.unix_time,
                clock.now,
            ),
            local,
            encoder: None,
            opus_bitrate: None,
            packing: None,
            program: Program::None,
            hold_music: None,
            partner: None,
            expected_partner: None,
            has_talked: false,
            membership: None,
            listening: None,
            listeners: Listeners::default(),
            tap: None,
            forks: Forks::default(),
            notice: Notice::default(),
            next_frame: None,
            digits_out: DigitSender::default(),
            digits_in: None,
            inband_dtmf: settings.inband_dtmf,
            inband: None,
            signalled: VecDeque::new(),
            heard_keys: HeardKeys::default(),
            takes_info: false,
            event_relay: EventRelay::default(),
            event_until: None,
            last_heard: None,
            is_silence_reported: false,
            evidence: Evidence::default(),
            speech: None,
            resampler: None,
        }
    }

    pub(crate) fn id(&self) -> LegId {
        self.id
    }

    pub(crate) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// The format that is spoken with the party.
    pub(crate) fn format(&self) -> Option<AudioFormat> {
        self.agreed.as_ref().map(|agreed| agreed.format)
    }

    pub(crate) fn partner(&self) -> Option<LegId> {
        self.partner
    }

    /// The leg that this one is bridged to, or will be.
    pub(crate) fn expected_partner(&self) -> Option<LegId> {
        self.partner.or(self.expected_partner)
    }

    /// Whether the party talks with somebody or did so: its call runs.
    pub(crate) fn has_talked(&self) -> bool {
        self.has_talked
    }

    pub(crate) fn membership(&self) -> Option<Membership> {
        self.membership
    }

    pub(crate) fn set_membership(&mut self, membership: Option<Membership>) {
        self.membership = membership;
        self.has_talked |= membership.is_some();
        self.speech = None;
        self.timeline.interrupt();
        if membership.is_some() {
            self.program = Program::None;
        }
    }

    pub(crate) fn tap(&self) -> Option<Tap> {
        self.tap
    }

    pub(crate) fn set_tap(&mut self, tap: Option<Tap>) {
        self.tap = tap;
    }

    pub(crate) fn forks(&self) -> &Forks {
        &self.forks
    }

    pub(crate) fn forks_mut(&mut self) -> &mut Forks {
        &mut self.forks
    }

    /// The party hears that it is recorded, first at this instant; `None` when not.
    pub(crate) fn set_notice(&mut self, first: Option<Instant>) {
        self.notice.set(first);
    }

    /// Begins the tone that is due; whether it did.
    pub(crate) fn begin_due_notice(&mut self, now: Instant) -> bool {
        let begins = self.notice.begin_due(now);
        if begins {
            self.timeline.interrupt();
        }
        begins
    }

    /// Begins the tone for somebody else's recording.
    pub(crate) fn begin_notice(&mut self) {
        self.notice.begin();
        self.timeline.interrupt();
    }

    /// Whether anybody in the conference hears the party.
    pub(crate) fn set_heard(&mut self, is_heard: bool) {
        if let Some(membership) = &mut self.membership {
            membership.is_heard = is_heard;
        }
    }

    /// Whether no description of the leg was ever made.
    pub(crate) fn is_undescribed(&self) -> bool {
        self.session.local().is_none()
    }

    /// Whether packets can go to the party and it wants them.
    pub(crate) fn is_listening(&self) -> bool {
        self.peer.is_connected() && self.agreed.as_ref().is_some_and(Agreed::sends)
    }

    /// Whether something takes the place of the partner.
    pub(crate) fn has_program(&self) -> bool {
        !matches!(self.program, Program::None)
            || self.hold_music.is_some()
            || self.notice.is_sounding()
    }

    pub(crate) fn play(
        &mut self,
        prompts: &[String],
        is_repeated: bool,
        first_ticket: u64,
    ) -> Vec<SoundWanted> {
        let (player, wanted) = Player::new(prompts, is_repeated, self.sample_rate(), first_ticket);
        self.program = Program::Player(Box::new(player));
        self.timeline.interrupt();
        wanted
    }

    fn sample_rate(&self) -> u32 {
        self.agreed.as_ref().map_or(8_000, |agreed| agreed.codec.sample_rate())
    }

    pub(crate) fn handle_sound(&mut self, ticket: u64, sound: Option<&Arc<Pcm>>) {
        if let Program::Player(player) = &mut self.program {
            player.handle_sound(ticket, sound);
        }
    }

    /// Governs what is being played.
    pub(crate) fn control(&mut self, control: &PlayControl) {
        if let Program::Player(player) = &mut self.program {
            player.control(control);
        }
    }

    pub(crate) fn stop(&mut self) {
        self.program = Program::None;
        self.timeline.interrupt();
    }

    pub(crate) fn echo(&mut self, delay_ms: u32) {
        let delay = Duration::from_millis(u64::from(delay_ms));
        self.program = Program::Echo(DelayLine::new(delay));
        self.timeline.interrupt();
    }

    pub(crate) fn set_partner(&mut self, partner: Option<LegId>) {
        self.partner = partner;
        self.has_talked |= partner.is_some();
        self.speech = None;
        self.timeline.interrupt();
        if partner.is_some() {
            self.program = Program::None;
        } else {
            self.hold_music = None;
        }
    }

    /// Sets what of the party is passed on to whoever hears it.
    pub(crate) fn set_gate(&mut self, speech: SpeechGate, dtmf: bool) {
        self.gate = Gate { speech, dtmf };
    }

    /// Whether what a packet carries is passed on to the partner.
    pub(crate) fn passes_on(&self, kind: PayloadKind) -> bool {
        match kind {
            PayloadKind::Event { .. } => self.gate.dtmf,
            PayloadKind::Speech(_) | PayloadKind::Noise | PayloadKind::Unknown => {
                self.gate.speech != SpeechGate::Shut
            }
        }
    }

    /// Whether what a packet carries is silenced before it is passed on.
    pub(crate) fn is_silenced(&self, kind: PayloadKind) -> bool {
        let is_sound = matches!(kind, PayloadKind::Speech(_) | PayloadKind::Noise);
        is_sound && self.gate.speech == SpeechGate::Silent
    }

    /// Whether keys of the party are passed on.
    pub(crate) fn passes_digits(&self) -> bool {
        self.gate.dtmf
    }

    /// Whether a hold is left to the parties.
    pub(crate) fn is_quiet_when_held(&self) -> bool {
        self.is_quiet_when_held
    }

    /// Whether the party hears our hold music.
    pub(crate) fn set_hold_music(&mut self, plays: bool) {
        if plays == self.hold_music.is_some() {
            return;
        }
        self.timeline.interrupt();
        let rate = self.sample_rate();
        self.hold_music =
            plays.then(|| Box::new(Player::new(&["music:".to_owned()], true, rate, 0).0));
    }

    /// A datagram was dropped.
    pub(crate) fn handle_refused(&mut self, refusal: Refusal, source: SocketAddr, bytes: &[u8]) {
        self.reports.count_refused();
        self.evidence.handle_refused(refusal, source, bytes);
    }

    /// Whether frames of our own are to be made.
    pub(crate) fn has_player(&self) -> bool {
        matches!(self.program, Program::Player(_))
            || self.hold_music.is_some()
            || self.notice.is_sounding()
            || self.digits_out.is_active()
            || self.is_spoken_to()
    }

    /// Starts or stops the clock of our own frames.
    pub(crate) fn set_clock(&mut self, runs: bool, now: Instant) {
        match (runs && self.is_listening(), self.next_frame) {
            (true, None) => self.next_frame = Some(now),
            (false, Some(_)) => {
                self.next_frame = None;
                self.packing.iter_mut().for_each(Packing::clear);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Whether a frame is due; the next one is due a frame later.
    pub(crate) fn take_due_frame(&mut self, now: Instant) -> bool {
        let Some(due) = self.next_frame.filter(|due| *due <= now) else {
            return false;
        };
        let is_late = now.duration_since(due) > CLOCK_LAG_MAX;
        self.next_frame = Some(if is_late { now + FRAME } else { due + FRAME });
        true
    }

    pub(crate) fn handle_timeout(
        &mut self,
        settings: &Settings,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        self.peer.handle_timeout(now);
        if let Some((_, detector)) = &mut self.digits_in {
            detector.handle_timeout(now);
        }
        if let Some(inband) = &mut self.inband {
            inband.handle_timeout(now);
        }
        self.send_delayed(outgoing, now);
        if self.peer.is_connected() {
            self.send_rtcp(outgoing, |reports, buffer| reports.poll_output(buffer, now));
        }
        self.watch_silence(settings, outgoing, now);
    }

    fn send_delayed(&mut self, outgoing: &mut Outgoing, now: Instant) {
        let mut buffer = [0; PACKET_BYTES_MAX];
        while let Program::Echo(line) = &mut self.program
            && let Some(length) = line.pop_due(now, &mut buffer)
        {
            if let Ok(packet) = RtpPacket::parse(&buffer[..length])
                && !self.is_spoken_to()
            {
                self.relay(&packet, Passage::unchanged(packet.payload_type), outgoing, now);
            }
        }
    }

    fn watch_silence(&mut self, settings: &Settings, outgoing: &mut Outgoing, now: Instant) {
        if let Some(due) = self.silence_due(settings)
            && due <= now
            && let Some(limit) = settings.silent_after
        {
            self.is_silence_reported = true;
            let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX);
            let what = MediaTrouble::Silent { seconds };
            outgoing.event(MediaEvent::Trouble { leg: self.id, what });
        }
    }

    /// A party that may not speak is not silent.
    fn silence_due(&self, settings: &Settings) -> Option<Instant> {
        let may_speak = self.agreed.as_ref().is_some_and(Agreed::receives);
        if self.is_silence_reported || !may_speak {
            return None;
        }
        Some(self.last_heard? + settings.silent_after?)
    }

    /// Hands on what the transport has to say.
    pub(crate) fn drain(&mut self, outgoing: &mut Outgoing, now: Instant) {
        let leg = self.id;
        while let Some(output) = self.peer.poll_output() {
            match output {
                offhook_rtc::Output::Transmit { component, destination, datagram } => {
                    let mut packet = outgoing.pool.take();
                    if let Some(room) = packet.buffer().get_mut(..datagram.len()) {
                        room.copy_from_slice(&datagram);
                        packet.set_length(datagram.len());
                        outgoing.push(Output::Transmit { leg, component, destination, packet });
                    }
                }
                offhook_rtc::Output::Connected => {
                    self.last_heard = Some(now);
                    outgoing.event(MediaEvent::Connected { leg });
                }
                offhook_rtc::Output::IceFailed => {
                    self.evidence.handle_ice_failed();
                    let what = MediaTrouble::IceFailed;
                    outgoing.event(MediaEvent::Trouble { leg, what });
                }
                offhook_rtc::Output::DtlsFailed(error) => {
                    self.evidence.handle_dtls_failed(error.to_string());
                    let what = MediaTrouble::DtlsFailed(error.to_string());
                    outgoing.event(MediaEvent::Trouble { leg, what });
                }
            }
        }
    }

    pub(crate) fn poll_timeout(&mut self, settings: &Settings) -> Option<Instant> {
        let echo = match &self.program {
            Program::Echo(line) => line.poll_timeout(),
            Program::None | Program::Player(_) => None,
        };
        let silence = self.silence_due(settings);
        let digit = self.digits_in.as_ref().and_then(|(_, detector)| detector.poll_timeout());
        let tone = self.inband.as_ref().and_then(|inband| inband.poll_timeout());
        let report = self.reports.poll_timeout().filter(|_| self.peer.is_connected());
        let notice = self.notice.poll_timeout();
        let peer = self.peer.poll_timeout();
        let all = [peer, self.next_frame, echo, silence, digit, tone, report, notice];
        all.into_iter().flatten().min()
    }

    /// Sends the last report.
    pub(crate) fn say_goodbye(&mut self, outgoing: &mut Outgoing, now: Instant) {
        self.send_rtcp(outgoing, |reports, buffer| reports.goodbye(buffer, now));
    }

    /// What was measured.
    pub(crate) fn report(&self, now: Instant) -> StreamReport {
        let agreed = self.agreed.as_ref();
        let buffering = self.speech.as_ref().map(|speech| speech.delay(now)).unwrap_or_default();
        let opaque = self.opaque.as_ref().map(|opaque| opaque.security);
        let security = agreed.map(|agreed| agreed.security).or(opaque);
        let report = self.reports.report(agreed.map(|agreed| agreed.codec), security, buffering);
        let ours = self.local.addresses.advertised();
        let verdict = self.evidence.verdict(agreed, report.packets_sent, ours, now);
        StreamReport { verdict: verdict.map(Box::new), ..report }
    }
}
