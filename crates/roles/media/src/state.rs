//! The media role without I/O: legs, what they hear, and who hears them.
//!
//! [`Engine`] owns the legs of one thread. Commands, packets and instants come in; packets to send, events
//! and wishes go out. It opens no socket, reads no clock and draws no random number.

mod agreed;
mod bridge;
mod capacity;
mod conference;
mod delay_line;
mod description;
mod digits;
mod evidence;
pub(crate) mod fork;
mod heard_keys;
mod inband;
mod leg;
mod leg_map;
mod listener;
mod notice;
mod opaque;
mod packet;
mod packing;
mod player;
mod prompt;
pub(crate) mod recorded;
mod recording;
mod reports;
mod reserved;
mod restoring;
mod seed;
mod settings;
pub(crate) mod speech_decoder;
mod timeline;
mod timer;

pub use fork::{Forked, Spoken};
pub use inband::InbandDtmf;
pub use leg::Leg;
pub(crate) use leg::LegState;
pub(crate) use leg_map::LegMap;
pub use packet::Packet;
pub use prompt::SoundSource;
pub use recorded::Recorded;
pub use reserved::{RESERVED_SOURCES_MAX, Reserved};
pub use seed::{SEED_BYTES, Seed};
pub use settings::{Clock, LegAddresses, Settings};

use agreed::{Agreed, PayloadKind};
use bridge::Scratch;
use capacity::{Admission, Capacity, Work};
use conference::Conference;
use leg::Outgoing;
use offhook_bus::{MediaCommand, MediaEvent, MediaRefusal, OfferPolicy, Terms};
use offhook_model::{ConferenceId, LegId};
use offhook_rtc::{Component, Incoming};
use offhook_rtp::RtpPacket;
use offhook_speech::Pcm;
use opaque::Passed;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use timer::Timers;

/// What the engine wants done.
#[derive(Debug)]
pub enum Output {
    /// Send this packet, then give it back with [`Engine::recycle`].
    Transmit {
        /// The leg whose socket sends it.
        leg: LegId,
        /// Which of its sockets.
        component: Component,
        /// Where it goes.
        destination: SocketAddr,
        /// The packet.
        packet: Packet,
    },
    /// Tell the switch.
    Event(MediaEvent),
    /// Make or read a sound, and say so with [`Engine::handle_sound`].
    Fetch {
        /// The leg that plays it.
        leg: LegId,
        /// Names the sound within the leg.
        ticket: u64,
        /// Where it comes from.
        source: SoundSource,
    },
    /// Write this to recordings, whose [`MediaEvent::Recording`]s are told by whoever writes them.
    Recorded(Box<Recorded>),
    /// Hand this to the session of the fork.
    Forked(Box<Forked>),
    /// Note what [`Engine::reserved`] says of the leg, for a process after this one, before packets that
    /// follow are sent.
    Reserve {
        /// The leg.
        leg: LegId,
    },
    /// The leg is gone: close its sockets.
    Closed {
        /// The leg.
        leg: LegId,
    },
}

/// The legs of one thread.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    legs: LegMap<Box<Leg>>,
    conferences: HashMap<ConferenceId, Box<Conference>>,
    timers: Timers,
    outgoing: Outgoing,
    scratch: Box<Scratch>,
    capacity: Capacity,
    next_ticket: u64,
}

/// How many packets came, went and were refused since it was asked last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// RTP packets received, and datagrams that are passed on in their place.
    pub received: u64,
    /// RTP packets sent, and datagrams that are passed on in their place.
    pub sent: u64,
    /// Datagrams dropped, by the word of [`offhook_rtc::Refusal`]; `too_long` and `unsent` are those that
    /// an opaque leg could not pass on.
    pub refused: HashMap<&'static str, u64>,
    /// Transcoding and mixing that the thread had no room for, by what it was wanted for.
    pub overloaded: HashMap<&'static str, u64>,
}

impl Counts {
    fn refuse(&mut self, why: &'static str) {
        *self.refused.entry(why).or_default() += 1;
    }

    fn overload(&mut self, work: Work) {
        *self.overloaded.entry(work.as_str()).or_default() += 1;
    }
}

impl Engine {
    /// An engine without legs.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            capacity: Capacity::new(settings.load_max),
            settings,
            legs: LegMap::default(),
            conferences: HashMap::new(),
            timers: Timers::default(),
            outgoing: Outgoing::default(),
            scratch: Box::default(),
            next_ticket: 0,
        }
    }

    /// How many legs there are.
    #[must_use]
    pub fn leg_count(&self) -> usize {
        self.legs.len()
    }

    /// Whether anything was counted since [`Engine::take_counts`] was called last.
    #[must_use]
    pub fn has_counts(&self) -> bool {
        let Counts { received, sent, refused, overloaded } = &self.outgoing.counts;
        *received > 0 || *sent > 0 || !refused.is_empty() || !overloaded.is_empty()
    }

    /// What was counted since the last time.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.outgoing.counts)
    }

    /// The load of the thread over about the last second, as a share of its time from 0 to 1.
    pub fn handle_load(&mut self, load: f64) {
        self.capacity.handle_measured(load);
    }

    /// Whether no transcoding or mixing is taken on, however little it costs.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.capacity.is_short_of(0.0)
    }

    /// Whether more load is expected than was measured, so that [`Self::handle_load`] is wanted.
    #[must_use]
    pub fn is_load_settling(&self) -> bool {
        self.capacity.is_settling()
    }

    /// Makes a leg, before the first description of it.
    pub fn add_leg(&mut self, leg: LegId, addresses: LegAddresses, seed: &Seed, clock: Clock) {
        let made = Leg::new(leg, addresses, seed, &self.settings, clock);
        self.legs.insert(leg, Box::new(made));
    }

    /// Takes a leg out, to go on in another engine. Its bridge is parted and it leaves its conference.
    pub fn take_leg(&mut self, leg: LegId, now: Instant) -> Option<Box<Leg>> {
        self.detach(leg, now);
        self.dismiss_listeners(leg, now);
        self.outgoing.recorded.hurry();
        self.timers.set(leg, None);
        self.legs.remove(&leg)
    }

    /// Takes in a leg of another engine.
    pub fn put_leg(&mut self, leg: Box<Leg>, now: Instant) {
        let id = leg.id();
        self.legs.insert(id, leg);
        self.settle(id, now);
    }

    /// Removes a leg whose state cannot be trusted any longer, without a word.
    pub fn drop_leg(&mut self, leg: LegId, now: Instant) {
        self.detach(leg, now);
        self.dismiss_listeners(leg, now);
        self.end_recording_of(leg, now);
        self.end_forks_of(leg, now);
        self.timers.set(leg, None);
        if self.legs.remove(&leg).is_some() {
            self.outgoing.push(Output::Closed { leg });
        }
    }

    /// Carries out a command. `seed` is randomness for the descriptions that it may need.
    pub fn handle_command(&mut self, command: MediaCommand, seed: &Seed, now: Instant) {
        if self.refuses_speech(&command) {
            return;
        }
        match command {
            MediaCommand::Answer { leg, offer } => self.answer(leg, &offer, seed, now),
            MediaCommand::Offer { leg, policy } => self.offer(leg, &policy),
            MediaCommand::AcceptAnswer { leg, answer } => {
                self.accept_answer(leg, now, |leg, admission| {
                    leg.accept_answer(&answer, admission, now)
                });
            }
            MediaCommand::AcceptOpaqueAnswer { leg, answer } => {
                self.accept_answer(leg, now, |leg, _| leg.accept_opaque_answer(&answer, now));
            }
            MediaCommand::AnswerOn { leg, offer, terms } => {
                self.answer_on(leg, &offer, &terms, seed, now);
            }
            MediaCommand::OfferOn { leg, terms } => self.offer_on(leg, &terms),
            MediaCommand::Gate { leg, speech, dtmf } => {
                self.with_leg(leg, now, |leg, _| leg.set_gate(speech, dtmf));
            }
            MediaCommand::Listen { leg, to } => self.listen(leg, to, now),
            MediaCommand::Measure { leg } => self.measure(leg, now),
            MediaCommand::Snapshot { leg } => self.snapshot(leg, now),
            MediaCommand::Restore { leg, snapshot, age_ms } => {
                tracing::debug!(%leg, ?snapshot, age_ms, "a leg is restored on its sockets");
            }
            MediaCommand::Rollback { leg } => self.with_leg(leg, now, |leg, _| leg.rollback()),
            MediaCommand::Play { leg, prompts, repeat } => self.play(leg, &prompts, repeat, now),
            MediaCommand::Stop { leg } => self.with_leg(leg, now, |leg, _| leg.stop()),
            MediaCommand::Echo { leg, delay_ms } => {
                self.with_leg(leg, now, |leg, _| leg.echo(delay_ms));
            }
            MediaCommand::Bridge { a, b } => self.bridge(a, b, now),
            MediaCommand::Unbridge { leg } => self.part(leg, now),
            MediaCommand::SendDtmf { leg, digits, duration_ms } => {
                self.with_leg(leg, now, |leg, outgoing| {
                    leg.send_digits(&digits, duration_ms, outgoing);
                });
            }
            MediaCommand::HandleDtmf { leg, digits, duration_ms } => {
                self.with_leg(leg, now, |leg, _| leg.handle_signalled(&digits, duration_ms));
                self.hand_on_digits(leg, now);
            }
            MediaCommand::TakesInfo { leg } => {
                self.with_leg(leg, now, |leg, _| leg.set_takes_info());
            }
            MediaCommand::PlayControl { leg, control } => {
                self.with_leg(leg, now, |leg, _| leg.control(&control));
            }
            MediaCommand::Release { leg } => self.release(leg, now),
            MediaCommand::Conference { conference, command } => {
                self.handle_conference(conference, command, now);
            }
            MediaCommand::Record { source, command } => self.record(source, command, now),
            MediaCommand::Fork { leg, fork, command } => self.fork(leg, fork, command, now),
        }
    }

    fn with_leg(&mut self, id: LegId, now: Instant, act: impl FnOnce(&mut Leg, &mut Outgoing)) {
        let Some(leg) = self.legs.get_mut(&id) else {
            tracing::debug!(leg = %id, "a command for a leg that is not there");
            return;
        };
        act(leg, &mut self.outgoing);
        self.settle(id, now);
    }

    fn answer(&mut self, id: LegId, offer: &str, seed: &Seed, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return self.refuse(id, MediaRefusal::NoSuchLeg);
        };
        let admission = Admission { capacity: &mut self.capacity, partner: None };
        match leg.answer(offer, seed, &self.settings, admission, now) {
            Ok(sdp) => self.outgoing.event(MediaEvent::Described { leg: id, sdp }),
            Err(why) => self.refuse(id, why),
        }
        self.close_if_unused(id);
        self.handle_agreement(id, now);
    }

    fn offer(&mut self, id: LegId, policy: &OfferPolicy) {
        let preferred = policy.prefer_codec_of.and_then(|other| self.legs.get(&other));
        let preferred = preferred.and_then(|other| other.format());
        let Some(leg) = self.legs.get_mut(&id) else {
            return self.refuse(id, MediaRefusal::NoSuchLeg);
        };
        match leg.offer(policy, preferred, &self.settings) {
            Ok(sdp) => self.outgoing.event(MediaEvent::Described { leg: id, sdp }),
            Err(why) => self.refuse(id, why),
        }
        self.close_if_unused(id);
    }

    fn answer_on(&mut self, id: LegId, offer: &str, terms: &Terms, seed: &Seed, now: Instant) {
        let partner = self.agreed_with(terms.partner);
        let Some(leg) = self.legs.get_mut(&id) else {
            return self.refuse(id, MediaRefusal::NoSuchLeg);
        };
        let admission = Admission { capacity: &mut self.capacity, partner };
        match leg.answer_on(offer, terms, seed, &self.settings, admission, now) {
            Ok(sdp) => self.outgoing.event(MediaEvent::Described { leg: id, sdp }),
            Err(why) => self.refuse(id, why),
        }
        self.close_if_unused(id);
        self.handle_agreement(id, now);
    }

    fn offer_on(&mut self, id: LegId, terms: &Terms) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return self.refuse(id, MediaRefusal::NoSuchLeg);
        };
        match leg.offer_on(terms, &self.settings) {
            Ok(sdp) => self.outgoing.event(MediaEvent::Described { leg: id, sdp }),
            Err(why) => self.refuse(id, why),
        }
        self.close_if_unused(id);
    }

    fn measure(&mut self, id: LegId, now: Instant) {
        let measure = self.legs.get(&id).map(|leg| Box::new(leg.measure(now)));
        self.outgoing.event(MediaEvent::Measured { leg: id, measure });
    }

    fn accept_answer(
        &mut self,
        id: LegId,
        now: Instant,
        accept: impl FnOnce(&mut Leg, Admission<'_>) -> Result<(), MediaRefusal>,
    ) {
        let partner = self.legs.get(&id).and_then(|leg| leg.expected_partner());
        let partner = self.agreed_with(partner);
        let Some(leg) = self.legs.get_mut(&id) else {
            return self.refuse(id, MediaRefusal::NoSuchLeg);
        };
        let admission = Admission { capacity: &mut self.capacity, partner };
        match accept(leg, admission) {
            Ok(()) => self.outgoing.event(MediaEvent::Agreed { leg: id }),
            Err(why) => self.refuse(id, why),
        }
        self.handle_agreement(id, now);
    }

    /// What was agreed on with a leg.
    fn agreed_with(&self, leg: Option<LegId>) -> Option<Agreed> {
        self.legs.get(&leg?)?.agreed().cloned()
    }

    fn refuse(&mut self, leg: LegId, why: MediaRefusal) {
        if why == MediaRefusal::Overloaded {
            self.outgoing.counts.overload(Work::Bridge);
        }
        self.outgoing.event(MediaEvent::Refused { leg, why });
    }

    /// A leg whose first description failed was not made.
    fn close_if_unused(&mut self, id: LegId) {
        if self.legs.get(&id).is_some_and(|leg| leg.is_undescribed()) {
            self.legs.remove(&id);
            self.timers.set(id, None);
            self.outgoing.push(Output::Closed { leg: id });
        }
    }

    /// What is heard may be another thing when formats or directions have changed.
    fn handle_agreement(&mut self, id: LegId, now: Instant) {
        self.end_speech_of_opaque(id, now);
        self.refresh_bridge(id);
        if let Some(partner) = self.legs.get(&id).and_then(|leg| leg.partner()) {
            self.settle(partner, now);
        }
        self.settle(id, now);
    }

    fn play(&mut self, id: LegId, prompts: &[String], is_repeated: bool, now: Instant) {
        let first_ticket = self.next_ticket;
        let mut ticket_count = 0;
        self.with_leg(id, now, |leg, outgoing| {
            let wanted = leg.play(prompts, is_repeated, first_ticket);
            ticket_count = wanted.len() as u64;
            for sound in wanted {
                let (ticket, source) = (sound.ticket, sound.source);
                outgoing.push(Output::Fetch { leg: id, ticket, source });
            }
        });
        self.next_ticket += ticket_count;
    }

    /// A sound was fetched; `None` when it cannot be had.
    pub fn handle_sound(&mut self, leg: LegId, ticket: u64, sound: Option<&Arc<Pcm>>) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.handle_sound(ticket, sound);
        }
        self.handle_sound_for_all(ticket, sound);
    }

    fn release(&mut self, id: LegId, now: Instant) {
        self.detach(id, now);
        self.dismiss_listeners(id, now);
        self.end_recording_of(id, now);
        self.end_forks_of(id, now);
        self.timers.set(id, None);
        let Some(mut leg) = self.legs.remove(&id) else {
            return self.outgoing.event(MediaEvent::Released { leg: id, report: None });
        };
        leg.say_goodbye(&mut self.outgoing, now);
        let report = Some(leg.report(now));
        self.outgoing.event(MediaEvent::Released { leg: id, report });
        self.outgoing.push(Output::Closed { leg: id });
    }

    /// Takes a datagram of one of the leg's sockets, `buffer` being exactly it.
    pub fn handle_packet(
        &mut self,
        id: LegId,
        component: Component,
        source: SocketAddr,
        buffer: &mut [u8],
        now: Instant,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match leg.handle_packet(component, source, buffer, now) {
            Incoming::Rtp { length } => {
                self.outgoing.counts.received += 1;
                if leg.is_opaque() {
                    return self.pass_as_it_is(id, Passed::Rtp, &buffer[..length], now);
                }
                self.handle_rtp(id, &buffer[..length], now);
            }
            Incoming::Datagram { length } => {
                self.outgoing.counts.received += 1;
                self.pass_as_it_is(id, Passed::Datagram, &buffer[..length], now);
            }
            Incoming::Rtcp { length } => {
                if leg.is_opaque() {
                    return self.pass_as_it_is(id, Passed::Rtcp, &buffer[..length], now);
                }
                if !leg.handle_rtcp(&buffer[..length], now) {
                    self.outgoing.counts.refuse("malformed");
                }
            }
            Incoming::Control => self.settle(id, now),
            Incoming::Refused(refusal) => {
                leg.handle_refused(refusal, source, buffer);
                self.outgoing.counts.refuse(refusal.as_str());
            }
        }
    }

    fn handle_rtp(&mut self, id: LegId, bytes: &[u8], now: Instant) {
        let Ok(packet) = RtpPacket::parse(bytes) else {
            return self.outgoing.counts.refuse("malformed");
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let kind = leg.handle_rtp(&packet, &mut self.outgoing, now);
        if leg.is_silenced(kind) {
            self.pass_silence_on(id, kind, &packet, now);
        } else {
            if leg.has_listeners() {
                self.pass_to_listeners(id, kind, &packet, now);
            }
            self.pass_to_partner(id, kind, &packet, now);
        }
        let has_tone = self.legs.get(&id).is_some_and(|leg| leg.has_tone());
        if has_tone || matches!(kind, PayloadKind::Event { .. }) {
            self.hand_on_digits(id, now);
            self.settle(id, now);
        }
    }

    /// Lets every leg act that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.take_due(now) {
            self.handle_due(id, now);
        }
    }

    /// The next leg that is due, for a driver that lets them act one by one with [`Self::handle_due`].
    pub fn take_due(&mut self, now: Instant) -> Option<LegId> {
        self.outgoing.recorded.handle_timeout(now);
        self.timers.pop_due(now)
    }

    /// Lets one leg act.
    pub fn handle_due(&mut self, id: LegId, now: Instant) {
        self.run_conference(id, now);
        self.begin_notice(id, now);
        self.play_frames(id, now);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.handle_timeout(&self.settings, &mut self.outgoing, now);
        }
        self.hand_on_digits(id, now);
        self.settle(id, now);
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let recorded = self.outgoing.recorded.poll_timeout();
        [self.timers.poll_timeout(), recorded].into_iter().flatten().min()
    }

    /// Hands on what the leg has to say and sets when it is due.
    fn settle(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.drain(&mut self.outgoing, now);
        let wants_frames = self.wants_frames(id);
        let conference = self.conference_timeout(id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.set_clock(wants_frames, now);
        let due = [leg.poll_timeout(&self.settings), conference];
        self.timers.set(id, due.into_iter().flatten().min());
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outgoing.outputs.pop_front();
        output.or_else(|| self.outgoing.recorded.take_due().map(Output::Recorded))
    }

    /// Takes back a packet that was sent.
    pub fn recycle(&mut self, packet: Packet) {
        self.outgoing.pool.recycle(packet);
    }
}

impl Outgoing {
    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn event(&mut self, event: MediaEvent) {
        self.push(Output::Event(event));
    }
}

type Outputs = VecDeque<Output>;
