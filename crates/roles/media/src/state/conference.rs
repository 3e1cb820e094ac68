//! Legs whose parties hear a mix of each other.

mod shared;
mod tap;

use super::agreed::{Agreed, FRAME_MS};
use super::capacity::{Work, cost_of};
use super::leg::{CLOCK_LAG_MAX, FRAME, Leg, Outgoing};
use super::notice::Notice;
use super::player::{Played, Player, SoundWanted};
use super::{Engine, Output};
use offhook_audio::{Activity, Codec, Fade, Mixer, Reach, Resampler};
use offhook_bus::{
    Audience, ConferenceCommand, ConferenceEvent, JoinRefusal, MediaEvent, MemberRole,
};
use offhook_model::{ConferenceId, LegId};
use offhook_speech::Pcm;
use shared::SharedEncoder;

use std::sync::Arc;
use std::time::Instant;
use tap::ConferenceTap;

/// Members of one conference at most.
pub(crate) const MEMBERS_MAX: usize = 250;
/// How many of those who speak to everyone are mixed: the loudest.
const MIXED_MAX: usize = 8;
/// How many whisper at once.
const WHISPERS_MAX: usize = 3;
/// How much louder somebody must be to take the place of one who is mixed: 6 dB in power.
const PLACE_ADVANTAGE: u64 = 4;
/// For how many frames after a mix of its own a member keeps an encoder of its own, so that pauses between
/// words do not make it change streams.
const OWN_FRAMES: u64 = 100;
/// Samples of a frame at the highest rate.
const FRAME_SAMPLES_MAX: usize = 960;
/// What is played to all has this number among the speakers; no leg has it.
const PLAYER: u64 = u64::MAX;

/// A leg's place in a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) conference: ConferenceId,
    /// Whether anybody hears it, so that it must be decoded.
    pub(crate) is_heard: bool,
}

/// One mix. All its members are legs of one engine.
#[derive(Debug)]
pub(crate) struct Conference {
    id: ConferenceId,
    members: Vec<Member>,
    mixer: Mixer,
    /// Samples per second of the mix: what the best codec among the members has.
    rate: u32,
    next_frame: Instant,
    frame_count: u64,
    encoders: Vec<SharedEncoder>,
    player: Option<Box<Player>>,
    /// Sounds that the player waits for.
    wanted: Vec<SoundWanted>,
    /// Members by loudness, while those who are mixed are chosen.
    ranking: Vec<(u64, usize)>,
    tap: Option<Box<ConferenceTap>>,
    notice: Notice,
    frame: Box<[i16; FRAME_SAMPLES_MAX]>,
}

#[derive(Debug)]
struct Member {
    leg: LegId,
    role: MemberRole,
    activity: Activity,
    is_chosen: bool,
    /// Whether it was in the mix of the frame before.
    was_mixed: bool,
    /// Until which frame it keeps an encoder of its own.
    own_until: u64,
    /// From the member's sample rate to the mix's.
    resampler: Option<(u32, Resampler)>,
}

impl Member {
    fn reach(&self) -> Option<Reach> {
        match self.role.speaks_to {
            Audience::Everyone => Some(Reach::Everyone),
            Audience::Only(leg) => Some(Reach::Only(leg.0)),
            Audience::Nobody => None,
        }
    }
}

type Legs = super::leg_map::LegMap<Box<Leg>>;

impl Conference {
    fn new(id: ConferenceId, now: Instant) -> Self {
        let rate = Codec::Pcmu.sample_rate();
        Self {
            id,
            members: Vec::new(),
            mixer: Mixer::new(frame_samples(rate)),
            rate,
            next_frame: now,
            frame_count: 0,
            encoders: Vec::new(),
            player: None,
            wanted: Vec::new(),
            ranking: Vec::with_capacity(MEMBERS_MAX),
            tap: None,
            notice: Notice::default(),
            frame: Box::new([0; FRAME_SAMPLES_MAX]),
        }
    }

    /// The member whose timer drives the conference.
    fn host(&self) -> Option<LegId> {
        self.members.first().map(|member| member.leg)
    }

    fn member(&mut self, leg: LegId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.leg == leg)
    }

    /// Makes and sends the frames that are due.
    fn run(&mut self, legs: &mut Legs, outgoing: &mut Outgoing, now: Instant) {
        while self.next_frame <= now {
            let is_late = now.duration_since(self.next_frame) > CLOCK_LAG_MAX;
            self.next_frame = if is_late { now + FRAME } else { self.next_frame + FRAME };
            self.frame_count += 1;
            self.follow_rate(legs);
            self.choose();
            self.gather(legs, outgoing, now);
            self.gather_notice(now);
            self.gather_played(outgoing);
            self.record(outgoing, now);
            self.deal_out(legs, outgoing, now);
        }
    }

    /// The mix is as good as the best of its listeners.
    fn follow_rate(&mut self, legs: &Legs) {
        let agreed = |member: &Member| legs.get(&member.leg)?.agreed();
        let rates = self.members.iter().filter_map(agreed).map(|agreed| agreed.codec.sample_rate());
        let Some(rate) = rates.max().filter(|rate| *rate != self.rate) else { return };
        self.rate = rate;
        self.mixer = Mixer::new(frame_samples(rate));
        self.encoders.clear();
        for member in &mut self.members {
            member.resampler = None;
        }
        if let Some(player) = &mut self.player {
            player.set_rate(rate);
        }
    }

    /// Chooses the loudest of those who speak to everyone, and those who whisper.
    fn choose(&mut self) {
        self.ranking.clear();
        let mut whispers = 0;
        for (index, member) in self.members.iter_mut().enumerate() {
            match member.role.speaks_to {
                Audience::Everyone => {
                    let advantage = if member.is_chosen { PLACE_ADVANTAGE } else { 1 };
                    let loudness = member.activity.loudness().saturating_mul(advantage);
                    self.ranking.push((loudness, index));
                    member.is_chosen = false;
                }
                Audience::Only(_) => {
                    whispers += 1;
                    member.is_chosen = whispers <= WHISPERS_MAX;
                }
                Audience::Nobody => member.is_chosen = false,
            }
        }
        if self.ranking.len() > MIXED_MAX {
            self.ranking.select_nth_unstable_by(MIXED_MAX, |a, b| b.cmp(a));
            self.ranking.truncate(MIXED_MAX);
        }
        for (_, index) in &self.ranking {
            self.members[*index].is_chosen = true;
        }
    }

    /// Takes a frame of everyone who may be heard, and puts those who are chosen into the mix.
    fn gather(&mut self, legs: &mut Legs, outgoing: &mut Outgoing, now: Instant) {
        self.mixer.start_frame();
        for member in &mut self.members {
            let Some(leg) = legs.get_mut(&member.leg) else { continue };
            let Some(reach) = member.reach().or(member.was_mixed.then_some(Reach::Everyone)) else {
                leg.stop_decoding();
                continue;
            };
            let mut frame = [0; FRAME_SAMPLES_MAX];
            let Some((samples, rate)) = leg.next_speech(&mut frame, now) else {
                member.was_mixed = false;
                continue;
            };
            let frame = &frame[..samples];
            if member.role.speaks_to != Audience::Nobody
                && let Some(speaks) = member.activity.push(frame, FRAME_MS)
            {
                let event = ConferenceEvent::Speaking { leg: member.leg, speaks };
                outgoing.event(MediaEvent::Conference { conference: self.id, event });
            }
            let fade = match (member.was_mixed, member.is_chosen) {
                (true, true) => Fade::None,
                (false, true) => Fade::In,
                (true, false) => Fade::Out,
                (false, false) => continue,
            };
            member.was_mixed = member.is_chosen;
            let buffer = &mut self.frame;
            if let Some(samples) =
                convert(&mut member.resampler, frame, rate, self.rate, &mut buffer[..])
            {
                self.mixer.add(member.leg.0, reach, &buffer[..samples], fade);
            }
        }
    }

    /// Puts the tone that tells of the recording into the mix.
    fn gather_notice(&mut self, now: Instant) {
        self.notice.begin_due(now);
        let frame = &mut self.frame[..self.mixer.frame_samples()];
        if self.notice.next_frame(frame, self.rate) {
            self.mixer.add(PLAYER, Reach::Everyone, frame, Fade::None);
        }
    }

    /// Puts what is played to all into the mix.
    fn gather_played(&mut self, outgoing: &mut Outgoing) {
        let Some(player) = &mut self.player else { return };
        let frame = &mut self.frame[..self.mixer.frame_samples()];
        if player.next_frame(frame) == Played::Finished {
            self.player = None;
            let event = ConferenceEvent::PlayFinished;
            outgoing.event(MediaEvent::Conference { conference: self.id, event });
            return;
        }
        self.mixer.add(PLAYER, Reach::Everyone, frame, Fade::None);
    }

    /// Sends every member what it hears.
    fn deal_out(&mut self, legs: &mut Legs, outgoing: &mut Outgoing, now: Instant) {
        for index in 0..self.members.len() {
            let id = self.members[index].leg;
            let Some(leg) = legs.get_mut(&id).filter(|leg| leg.is_listening()) else { continue };
            let frame = &mut self.frame[..];
            if leg.send_digit_frame(frame, outgoing, now) {
                continue;
            }
            if let Some(samples) = leg.next_own_frame(frame, outgoing) {
                leg.send_mixed(&mut frame[..samples], outgoing, now);
                continue;
            }
            self.send_mix(index, leg, outgoing, now);
        }
    }

    /// Sends the mix that all hear, encoded once for all who have the same codec, or one of the member's own.
    fn send_mix(&mut self, index: usize, leg: &mut Leg, outgoing: &mut Outgoing, now: Instant) {
        let member = &mut self.members[index];
        let is_own = !member.role.hears
            || self.mixer.is_own(member.leg.0)
            || leg.is_spoken_to()
            || leg.agreed().is_some_and(Agreed::needs_pieces);
        if is_own {
            member.own_until = self.frame_count + OWN_FRAMES;
        }
        if !is_own && self.frame_count >= member.own_until {
            let Some(codec) = leg.agreed().map(|agreed| agreed.codec) else { return };
            if let Some(payload) = self.shared_payload(codec) {
                leg.send_payload(payload, outgoing, now);
            }
            return;
        }
        let frame = &mut self.frame[..self.mixer.frame_samples()];
        if member.role.hears {
            self.mixer.mix_for(member.leg.0, frame);
        } else {
            frame.fill(0);
        }
        leg.send_speech(frame, self.rate, outgoing, now);
    }

    /// What all hear in this frame, in this codec.
    fn shared_payload(&mut self, codec: Codec) -> Option<&[u8]> {
        let known = self.encoders.iter().position(|encoder| encoder.codec() == codec);
        let index = match known {
            Some(index) => index,
            None => {
                self.encoders.push(SharedEncoder::new(codec, self.rate)?);
                self.encoders.len() - 1
            }
        };
        self.encoders[index].payload(&self.mixer, self.frame_count)
    }
}

/// A frame at another rate: the samples put into `output`.
fn convert(
    resampler: &mut Option<(u32, Resampler)>,
    frame: &[i16],
    from: u32,
    to: u32,
    output: &mut [i16],
) -> Option<usize> {
    if from == to {
        output.get_mut(..frame.len())?.copy_from_slice(frame);
        return Some(frame.len());
    }
    if resampler.as_ref().is_none_or(|(rate, _)| *rate != from) {
        *resampler = Resampler::new(from, to).ok().map(|made| (from, made));
    }
    resampler.as_mut()?.1.process(frame, output).ok()
}

fn frame_samples(rate: u32) -> usize {
    usize::try_from(rate * FRAME_MS / 1_000).expect("a frame is short")
}

impl Engine {
    pub(super) fn handle_conference(
        &mut self,
        id: ConferenceId,
        command: ConferenceCommand,
        now: Instant,
    ) {
        match command {
            ConferenceCommand::Join { leg, role } => self.join(id, leg, role, now),
            ConferenceCommand::SetRole { leg, role } => self.set_role(id, leg, role),
            ConferenceCommand::Leave { leg } => {
                if self.conference_of(leg) == Some(id) {
                    self.leave_conference(leg, now);
                }
            }
            ConferenceCommand::Play { prompts, repeat } => self.play_to_all(id, &prompts, repeat),
            ConferenceCommand::Stop => {
                if let Some(conference) = self.conferences.get_mut(&id) {
                    conference.player = None;
                }
            }
        }
    }

    fn conference_of(&self, leg: LegId) -> Option<ConferenceId> {
        self.legs.get(&leg)?.membership().map(|membership| membership.conference)
    }

    fn join(&mut self, id: ConferenceId, leg_id: LegId, role: MemberRole, now: Instant) {
        if self.conference_of(leg_id) == Some(id) {
            return self.set_role(id, leg_id, role);
        }
        if let Err(why) = self.admit_member(id, leg_id) {
            let event = ConferenceEvent::Refused { leg: leg_id, why };
            return self.outgoing.event(MediaEvent::Conference { conference: id, event });
        }
        self.detach(leg_id, now);
        let made = || Box::new(Conference::new(id, now));
        let conference = self.conferences.entry(id).or_insert_with(made);
        conference.members.push(Member {
            leg: leg_id,
            role,
            activity: Activity::default(),
            is_chosen: false,
            was_mixed: false,
            own_until: 0,
            resampler: None,
        });
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            let is_heard = role.speaks_to != Audience::Nobody;
            leg.set_membership(Some(Membership { conference: id, is_heard }));
        }
        self.settle(leg_id, now);
    }

    /// Whether the leg can be taken in. Whoever has talked with somebody is, whatever the load: the call runs.
    fn admit_member(&mut self, id: ConferenceId, leg: LegId) -> Result<(), JoinRefusal> {
        let count = self.conferences.get(&id).map_or(0, |conference| conference.members.len());
        let leg = self.legs.get(&leg).ok_or(JoinRefusal::NoSuchLeg)?;
        if count >= MEMBERS_MAX {
            return Err(JoinRefusal::Full);
        }
        let cost = leg.agreed().map_or(0.0, |agreed| cost_of(agreed.codec));
        if !leg.has_talked() && !self.capacity.admit(cost) {
            self.outgoing.counts.overload(Work::Conference);
            return Err(JoinRefusal::Overloaded);
        }
        Ok(())
    }

    fn set_role(&mut self, id: ConferenceId, leg_id: LegId, role: MemberRole) {
        let conference = self.conferences.get_mut(&id);
        let member = conference.and_then(|conference| conference.member(leg_id));
        let (Some(member), Some(leg)) = (member, self.legs.get_mut(&leg_id)) else { return };
        member.role = role;
        leg.set_heard(role.speaks_to != Audience::Nobody);
        if role.speaks_to == Audience::Nobody && member.activity.is_speaking() {
            let event = ConferenceEvent::Speaking { leg: leg_id, speaks: false };
            self.outgoing.event(MediaEvent::Conference { conference: id, event });
        }
        if role.speaks_to == Audience::Nobody {
            member.activity = Activity::default();
        }
    }

    /// Takes a leg out of its conference, which ends with its last member.
    pub(super) fn leave_conference(&mut self, leg_id: LegId, now: Instant) {
        let Some(id) = self.conference_of(leg_id) else { return };
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.set_membership(None);
        }
        self.settle(leg_id, now);
        let Some(conference) = self.conferences.get_mut(&id) else { return };
        let was_host = conference.host() == Some(leg_id);
        conference.members.retain(|member| member.leg != leg_id);
        match conference.host() {
            None => {
                self.end_recording_in(id, now);
                self.conferences.remove(&id);
            }
            Some(host) if was_host => {
                for SoundWanted { ticket, source } in conference.wanted.clone() {
                    self.outgoing.push(Output::Fetch { leg: host, ticket, source });
                }
                self.settle(host, now);
            }
            Some(_) => {}
        }
    }

    fn play_to_all(&mut self, id: ConferenceId, prompts: &[String], is_repeated: bool) {
        let Some(conference) = self.conferences.get_mut(&id) else { return };
        let Some(host) = conference.host() else { return };
        let (player, wanted) = Player::new(prompts, is_repeated, conference.rate, self.next_ticket);
        self.next_ticket += wanted.len() as u64;
        for SoundWanted { ticket, source } in wanted.clone() {
            self.outgoing.push(Output::Fetch { leg: host, ticket, source });
        }
        conference.player = Some(Box::new(player));
        conference.wanted = wanted;
    }

    /// A sound that was fetched may be one that is played to all. Tickets are unique within the engine.
    pub(super) fn handle_sound_for_all(&mut self, ticket: u64, sound: Option<&Arc<Pcm>>) {
        for conference in self.conferences.values_mut() {
            let Some(at) = conference.wanted.iter().position(|wanted| wanted.ticket == ticket)
            else {
                continue;
            };
            conference.wanted.swap_remove(at);
            if let Some(player) = &mut conference.player {
                player.handle_sound(ticket, sound);
            }
        }
    }

    /// When the leg has to drive its conference; one of the members does.
    pub(super) fn conference_timeout(&self, leg: LegId) -> Option<Instant> {
        let conference = self.conferences.get(&self.conference_of(leg)?)?;
        (conference.host() == Some(leg)).then_some(conference.next_frame)
    }

    /// Drives the conference that the leg is the host of.
    pub(super) fn run_conference(&mut self, leg: LegId, now: Instant) {
        if self.conference_timeout(leg).is_some_and(|due| due <= now)
            && let Some(id) = self.conference_of(leg)
            && let Some(conference) = self.conferences.get_mut(&id)
        {
            conference.run(&mut self.legs, &mut self.outgoing, now);
        }
    }
}
