//! One party: its description, its transport, the stream to it and the stream from it.

use super::agreed::{Agreed, FRAME_MS, PayloadKind};
use super::delay_line::DelayLine;
use super::description::{self, LocalSide};
use super::digits::{self, DigitFrame, DigitSender};
use super::packet::{PACKET_BYTES_MAX, Packet, PacketPool};
use super::player::{Player, SoundWanted};
use super::reports::Reports;
use super::seed::Seed;
use super::settings::{Clock, LegAddresses, Settings};
use super::speech_decoder::SpeechDecoder;
use super::timeline::Timeline;
use super::{Counts, Output, Outputs};
use offhook_audio::{Codec, Encoder, Resampler};
use offhook_bus::{MediaEvent, MediaRefusal, MediaTrouble, OfferPolicy};
use offhook_model::{LegId, StreamReport};
use offhook_rtc::{
    Component, IceLocal, Incoming, PROTECTION_BYTES_MAX, Peer, PeerConfig, Protected, Remote,
};
use offhook_rtp::{
    Digit, EventDetector, EventPacket, RTP_HEADER_BYTES, RtpHeader, RtpPacket, TelephoneEvent,
};
use offhook_sdp::{AudioFormat, Negotiated, Session, SessionDescription};
use offhook_speech::Pcm;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Samples of a frame at the highest rate.
const FRAME_SAMPLES_MAX: usize = 960;
/// The time of one frame.
const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// A clock that is further behind than this starts afresh: nobody wants to hear old frames in a burst.
const CLOCK_LAG_MAX: Duration = Duration::from_millis(200);
/// How long after an event packet that was passed on speech still waits for the next one.
const EVENT_GAP: Duration = Duration::from_millis(100);

/// Where legs put what they want done.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) outputs: Outputs,
    pub(crate) pool: PacketPool,
    pub(crate) counts: Counts,
}

/// One party's media.
#[derive(Debug)]
pub struct Leg {
    id: LegId,
    local: LocalSide,
    session: Session,
    /// What the first offer of ours was like.
    policy: Option<OfferPolicy>,
    peer: Peer,
    agreed: Option<Agreed>,
    timeline: Timeline,
    encoder: Option<Encoder>,
    program: Program,
    hold_music: Option<Box<Player>>,
    partner: Option<LegId>,
    next_frame: Option<Instant>,
    digits_out: DigitSender,
    digits_in: Option<(u32, EventDetector)>,
    /// Until when an event that is passed on takes the place of speech.
    event_until: Option<Instant>,
    last_heard: Option<Instant>,
    is_silence_reported: bool,
    reports: Reports,
    /// What the party says, decoded for a partner that has another codec.
    speech: Option<Box<SpeechDecoder>>,
    /// From the partner's sample rate to the party's.
    resampler: Option<(u32, Resampler)>,
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
            policy: None,
            peer: Peer::new(PeerConfig { identity, ice: Some(ice) }),
            agreed: None,
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
            program: Program::None,
            hold_music: None,
            partner: None,
            next_frame: None,
            digits_out: DigitSender::default(),
            digits_in: None,
            event_until: None,
            last_heard: None,
            is_silence_reported: false,
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
        !matches!(self.program, Program::None) || self.hold_music.is_some()
    }

    pub(crate) fn answer(
        &mut self,
        offer: &str,
        seed: &Seed,
        settings: &Settings,
        now: Instant,
    ) -> Result<String, MediaRefusal> {
        let offer = SessionDescription::parse(offer.as_bytes())
            .map_err(|error| description::malformed(&error))?;
        let credentials = self.local.credentials.clone();
        let is_restart = self.restarts_ice(&offer, settings);
        if is_restart {
            self.local.credentials = seed.ice_credentials();
        }
        let local = self.local.for_answer(settings, &offer);
        let answered = self.session.answer(&offer, &local);
        let (answer, negotiated) = answered.map_err(|error| {
            self.local.credentials = credentials;
            description::not_agreed(&error)
        })?;
        if is_restart {
            self.peer.restart_ice(self.local.credentials.clone());
        }
        self.agree(&negotiated, now)?;
        Ok(answer.to_string())
    }

    /// Whether the offer has ICE credentials that are others than before, so that ours must change too.
    fn restarts_ice(&self, offer: &SessionDescription, settings: &Settings) -> bool {
        let local = self.local.for_answer(settings, offer);
        let Ok((_, negotiated)) = offhook_sdp::answer(offer, &local) else { return false };
        let ice = Remote::from_negotiated(&negotiated).ice;
        ice.is_some_and(|ice| self.peer.is_ice_restart(&ice))
    }

    pub(crate) fn offer(
        &mut self,
        policy: &OfferPolicy,
        preferred: Option<AudioFormat>,
        settings: &Settings,
    ) -> Result<String, MediaRefusal> {
        let (speaks_ice, sdp_policy) = match self.session.negotiated() {
            Some(agreed) => (agreed.ice.is_some(), offhook_sdp::OfferPolicy::like(agreed)),
            None => {
                let policy = self.policy.get_or_insert_with(|| policy.clone());
                (description::speaks_ice(policy), description::offer_policy(policy))
            }
        };
        let local = self.local.for_offer(settings, speaks_ice, preferred.or(self.format()));
        let offer = self.session.offer(&local, &sdp_policy);
        offer.map(|offer| offer.to_string()).map_err(|error| description::not_agreed(&error))
    }

    pub(crate) fn accept_answer(&mut self, answer: &str, now: Instant) -> Result<(), MediaRefusal> {
        let answer = SessionDescription::parse(answer.as_bytes())
            .map_err(|error| description::malformed(&error))?;
        let negotiated = self.session.handle_answer(&answer);
        let negotiated = negotiated.map_err(|error| description::not_agreed(&error))?.clone();
        self.agree(&negotiated, now)
    }

    pub(crate) fn rollback(&mut self) {
        self.session.handle_refusal();
    }

    /// Puts a negotiation's result in force.
    fn agree(&mut self, negotiated: &Negotiated, now: Instant) -> Result<(), MediaRefusal> {
        let unusable = |why: &str| MediaRefusal::NotAcceptable(why.to_owned());
        let agreed = Agreed::new(negotiated).ok_or_else(|| unusable("the codec is not known"))?;
        let remote = Remote::from_negotiated(negotiated);
        self.peer.set_remote(&remote, now).map_err(|error| unusable(&error.to_string()))?;
        self.timeline.set_clock_rate(agreed.codec.clock_rate());
        self.reports.set_clock_rate(agreed.codec.clock_rate(), now);
        if let Program::Player(player) = &mut self.program {
            player.set_rate(agreed.codec.sample_rate());
        }
        // A party that was held or re-invited is not silent before it had its time again.
        self.last_heard = self.last_heard.map(|_| now);
        self.agreed = Some(agreed);
        Ok(())
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
        self.speech = None;
        self.timeline.interrupt();
        if partner.is_some() {
            self.program = Program::None;
        } else {
            self.hold_music = None;
        }
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

    /// Presses keys for the party to hear. What is no key is skipped.
    pub(crate) fn send_digits(&mut self, digits: &str, duration_ms: u32) {
        let duration = Duration::from_millis(u64::from(duration_ms));
        for digit in digits.chars().filter_map(Digit::from_char) {
            self.press(digit, duration);
        }
    }

    /// Presses one key for the party to hear.
    pub(crate) fn press(&mut self, digit: Digit, duration: Duration) {
        let format = self.agreed.as_ref().and_then(Agreed::events);
        self.digits_out.press(digit, duration, format);
    }

    pub(crate) fn handle_packet(
        &mut self,
        component: Component,
        source: SocketAddr,
        buffer: &mut [u8],
        now: Instant,
    ) -> Incoming {
        self.peer.handle_packet(component, source, buffer, now)
    }

    pub(crate) fn count_refused(&mut self) {
        self.reports.count_refused();
    }

    /// Takes RTCP of the party; `false` when it is malformed.
    pub(crate) fn handle_rtcp(&mut self, packet: &[u8], now: Instant) -> bool {
        self.note_heard(now);
        self.reports.handle_rtcp(packet, now).is_ok()
    }

    /// Takes an RTP packet of the party and says what it carries.
    pub(crate) fn handle_rtp(
        &mut self,
        packet: &RtpPacket<'_>,
        outgoing: &mut Outgoing,
        now: Instant,
    ) -> PayloadKind {
        self.note_heard(now);
        let Some(agreed) = &self.agreed else { return PayloadKind::Unknown };
        let kind = agreed.kind(packet.payload_type);
        let is_speech = matches!(kind, PayloadKind::Speech(_));
        let payload_bytes = packet.payload.len();
        self.reports.handle_received(&packet.header(), payload_bytes, is_speech, now);
        if !agreed.receives() {
            return PayloadKind::Unknown;
        }
        if let PayloadKind::Event { clock_rate } = kind {
            self.detector(clock_rate).handle_packet(packet.payload, packet.timestamp, now);
        }
        if let (PayloadKind::Speech(_), Program::Echo(line)) = (kind, &mut self.program) {
            if line.delay().is_zero() {
                self.relay(packet, packet.payload_type, outgoing, now);
            } else {
                push_packet(line, packet, now);
            }
        }
        kind
    }

    /// The detector for events of this clock, made when the first comes.
    fn detector(&mut self, clock_rate: u32) -> &mut EventDetector {
        if self.digits_in.as_ref().is_some_and(|(clock, _)| *clock != clock_rate) {
            self.digits_in = None;
        }
        let made = || (clock_rate, EventDetector::new(clock_rate));
        &mut self.digits_in.get_or_insert_with(made).1
    }

    /// Tells of keys that the party has released, and returns the next of them.
    pub(crate) fn poll_digit(&mut self, outgoing: &mut Outgoing) -> Option<(Digit, Duration)> {
        let (_, detector) = self.digits_in.as_mut()?;
        while let Some(event) = detector.poll_output() {
            if let TelephoneEvent::Released { digit, duration } = event {
                let duration_ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
                let (leg, digit_char) = (self.id, digit.as_char());
                outgoing.event(MediaEvent::Dtmf { leg, digit: digit_char, duration_ms });
                return Some((digit, duration));
            }
        }
        None
    }

    fn note_heard(&mut self, now: Instant) {
        self.last_heard = Some(now);
        self.is_silence_reported = false;
    }

    /// Passes on a packet of another stream under this payload type.
    pub(crate) fn relay(
        &mut self,
        packet: &RtpPacket<'_>,
        payload_type: u8,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        if !self.is_listening() || self.digits_out.is_active() {
            return;
        }
        let source = RtpHeader { payload_type, ..packet.header() };
        if let Some(header) = self.timeline.relayed(&source, now) {
            self.send(header, packet.payload, outgoing, now);
        }
    }

    /// Whether the party hears its partner and takes no events.
    pub(crate) fn hears_tones_only(&self) -> bool {
        let takes_events = self.agreed.as_ref().is_some_and(|agreed| agreed.events().is_some());
        self.is_listening() && !self.has_program() && !takes_events
    }

    /// Passes on an event packet of another stream, whose clock runs at `clock_rate`. A party that takes no
    /// events is not sent any.
    pub(crate) fn relay_event(
        &mut self,
        packet: &RtpPacket<'_>,
        clock_rate: u32,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let Some(format) = self.agreed.as_ref().and_then(Agreed::events) else { return };
        if !self.is_listening() || self.digits_out.is_active() {
            return;
        }
        self.event_until = Some(now + EVENT_GAP);
        let payload = digits::with_clock(packet.payload, clock_rate, format.clock_rate);
        let source = RtpHeader { payload_type: format.payload_type, ..packet.header() };
        if let Some(payload) = payload
            && let Some(header) = self.timeline.relayed_event(&source, now)
        {
            self.send(header, &payload, outgoing, now);
        }
    }

    fn send(&mut self, header: RtpHeader, payload: &[u8], outgoing: &mut Outgoing, now: Instant) {
        let mut packet = outgoing.pool.take();
        match header.write_packet(payload, packet.buffer()) {
            Ok(_) => self.transmit(packet, &header, payload.len(), outgoing, now),
            Err(_) => outgoing.pool.recycle(packet),
        }
    }

    /// Protects the packet with this header and so many bytes of payload, and sends it.
    fn transmit(
        &mut self,
        mut packet: Packet,
        header: &RtpHeader,
        payload_bytes: usize,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let length = RTP_HEADER_BYTES + payload_bytes;
        let Some(protected) = self.peer.protect_rtp(packet.buffer(), length) else {
            return outgoing.pool.recycle(packet);
        };
        self.reports.handle_sent(header, payload_bytes, now);
        outgoing.counts.sent += 1;
        self.push(packet, protected, outgoing);
    }

    fn push(&self, mut packet: Packet, protected: Protected, outgoing: &mut Outgoing) {
        packet.set_length(protected.length);
        let (component, destination) = (protected.component, protected.destination);
        outgoing.push(Output::Transmit { leg: self.id, component, destination, packet });
    }

    /// Sends a report that is written into a buffer, if one is.
    fn send_rtcp(
        &mut self,
        outgoing: &mut Outgoing,
        write: impl FnOnce(&mut Reports, &mut [u8]) -> Option<usize>,
    ) {
        let mut packet = outgoing.pool.take();
        let room = PACKET_BYTES_MAX - PROTECTION_BYTES_MAX;
        let length = write(&mut self.reports, &mut packet.buffer()[..room]);
        let protected = length.and_then(|length| self.peer.protect_rtcp(packet.buffer(), length));
        match protected {
            Some(protected) => self.push(packet, protected, outgoing),
            None => outgoing.pool.recycle(packet),
        }
    }

    /// Encodes one frame at the leg's sample rate and sends it.
    pub(crate) fn send_frame(&mut self, pcm: &[i16], outgoing: &mut Outgoing, now: Instant) {
        let Some(agreed) = &self.agreed else { return };
        let (codec, payload_type) = (agreed.codec, agreed.send_payload_type);
        let ticks = agreed.frame_ticks();
        let Some(encoder) = encoder(&mut self.encoder, codec) else { return };
        let mut packet = outgoing.pool.take();
        let room = RTP_HEADER_BYTES..PACKET_BYTES_MAX - PROTECTION_BYTES_MAX;
        let Ok(length) = encoder.encode(pcm, &mut packet.buffer()[room]) else {
            return outgoing.pool.recycle(packet);
        };
        let header = self.timeline.own_frame(payload_type, ticks, now);
        match header.write(packet.buffer()) {
            Ok(_) => self.transmit(packet, &header, length, outgoing, now),
            Err(_) => outgoing.pool.recycle(packet),
        }
    }

    /// Takes a packet whose format the partner does not have.
    pub(crate) fn decode(&mut self, packet: &RtpPacket<'_>, format: AudioFormat, now: Instant) {
        let Some(codec) = description::codec_of(format) else { return };
        if self.speech.as_ref().is_none_or(|speech| speech.codec() != codec) {
            self.speech = SpeechDecoder::new(codec).map(Box::new);
        }
        if let Some(speech) = &mut self.speech {
            speech.put(packet, now);
        }
    }

    /// Takes note of an event packet within speech that is decoded.
    pub(crate) fn skip_decoding(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        if let Some(speech) = &mut self.speech {
            speech.put_other(packet, now);
        }
    }

    /// What the party says is passed on as it is.
    pub(crate) fn stop_decoding(&mut self) {
        self.speech = None;
    }

    /// Whether what the party says is decoded.
    pub(crate) fn is_decoded(&self) -> bool {
        self.speech.is_some()
    }

    /// The next decoded frame of what the party says: its samples and their rate.
    pub(crate) fn next_speech(&mut self, frame: &mut [i16], now: Instant) -> Option<(usize, u32)> {
        let speech = self.speech.as_mut()?;
        let samples = speech.fill(frame, now);
        Some((samples, speech.codec().sample_rate()))
    }

    /// Sends a frame of the partner's speech.
    pub(crate) fn send_speech(
        &mut self,
        frame: &[i16],
        rate: u32,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        if self.is_event_passing(now) {
            let ticks = self.agreed.as_ref().map_or(0, Agreed::frame_ticks);
            return self.timeline.skip_frame(ticks);
        }
        let own_rate = self.sample_rate();
        if rate == own_rate {
            return self.send_frame(frame, outgoing, now);
        }
        if self.resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
            self.resampler = Resampler::new(rate, own_rate).ok().map(|made| (rate, made));
        }
        let Some((_, resampler)) = &mut self.resampler else { return };
        let mut output = [0; FRAME_SAMPLES_MAX];
        if let Ok(samples) = resampler.process(frame, &mut output) {
            self.send_frame(&output[..samples], outgoing, now);
        }
    }

    /// Uses a frame's time for a digit; `false` when none is to be sent.
    pub(crate) fn send_digit_frame(
        &mut self,
        frame: &mut [i16],
        outgoing: &mut Outgoing,
        now: Instant,
    ) -> bool {
        let Some(agreed) = self.agreed.as_ref().filter(|_| self.digits_out.is_active()) else {
            return false;
        };
        let (samples, ticks) = (agreed.frame_samples(), agreed.frame_ticks());
        let Some(frame) = frame.get_mut(..samples) else { return false };
        let timestamp = self.timeline.timestamp_at(now);
        match self.digits_out.next_frame(timestamp, self.sample_rate(), frame) {
            DigitFrame::Event { payload_type, packet } => {
                let EventPacket { marker, timestamp, payload } = packet;
                let header = self.timeline.own_event(payload_type, marker, timestamp, now);
                self.send(header, &payload, outgoing, now);
                self.timeline.skip_frame(ticks);
            }
            DigitFrame::Tone => self.send_frame(frame, outgoing, now),
            DigitFrame::Pause => self.timeline.skip_frame(ticks),
        }
        if !self.digits_out.is_active() {
            self.timeline.interrupt();
        }
        true
    }

    /// Whether speech has to wait for an event that is passed on.
    pub(crate) fn is_event_passing(&self, now: Instant) -> bool {
        self.event_until.is_some_and(|until| now < until)
    }

    /// Makes the next frame of what is played, if something is. It also says when a play list has ended.
    pub(crate) fn next_own_frame(
        &mut self,
        frame: &mut [i16],
        outgoing: &mut Outgoing,
    ) -> Option<usize> {
        let samples = self.agreed.as_ref()?.frame_samples();
        let rate = self.sample_rate();
        let frame = frame.get_mut(..samples)?;
        if let Program::Player(player) = &mut self.program {
            player.set_rate(rate);
            if player.next_frame(frame) != super::player::Played::Finished {
                return Some(samples);
            }
            self.program = Program::None;
            self.timeline.interrupt();
            outgoing.event(MediaEvent::PlayFinished { leg: self.id });
        }
        let music = self.hold_music.as_mut()?;
        music.set_rate(rate);
        music.next_frame(frame);
        Some(samples)
    }

    /// Whether frames of our own are to be made.
    pub(crate) fn has_player(&self) -> bool {
        matches!(self.program, Program::Player(_))
            || self.hold_music.is_some()
            || self.digits_out.is_active()
    }

    /// Starts or stops the clock of our own frames.
    pub(crate) fn set_clock(&mut self, runs: bool, now: Instant) {
        match (runs && self.is_listening(), self.next_frame) {
            (true, None) => self.next_frame = Some(now),
            (false, Some(_)) => self.next_frame = None,
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
            if let Ok(packet) = RtpPacket::parse(&buffer[..length]) {
                self.relay(&packet, packet.payload_type, outgoing, now);
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
                    let what = MediaTrouble::IceFailed;
                    outgoing.event(MediaEvent::Trouble { leg, what });
                }
                offhook_rtc::Output::DtlsFailed(error) => {
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
        let report = self.reports.poll_timeout().filter(|_| self.peer.is_connected());
        let all = [self.peer.poll_timeout(), self.next_frame, echo, silence, digit, report];
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
        let security = agreed.map(|agreed| agreed.security);
        self.reports.report(agreed.map(|agreed| agreed.codec), security, buffering)
    }
}

/// The encoder of this codec, made when it is first needed.
fn encoder(slot: &mut Option<Encoder>, codec: Codec) -> Option<&mut Encoder> {
    if slot.as_ref().is_none_or(|encoder| encoder.codec() != codec) {
        *slot = Encoder::new(codec).ok();
    }
    slot.as_mut()
}

/// Puts a packet into a delay line with a plain header.
fn push_packet(line: &mut DelayLine, packet: &RtpPacket<'_>, now: Instant) {
    let mut bytes = [0; PACKET_BYTES_MAX];
    if let Ok(length) = packet.header().write_packet(packet.payload, &mut bytes) {
        line.push(&bytes[..length], now);
    }
}
