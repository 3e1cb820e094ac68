//! Legs whose audio leaves for receivers, and that hear what those say.
//!
//! A fork is fed by the tap that feeds recordings: copies of packets, decoded elsewhere. What its receiver
//! says is added to what the party hears, and to that only: its partner does not hear it.

mod speaker;

use super::leg::{Leg, Outgoing};
use super::recorded::Track;
use super::{Engine, Output};
use offhook_audio::Codec;
use offhook_bus::ForkCommand;
use offhook_model::{FORKS_PER_LEG_MAX, ForkEnd, ForkFailure, ForkId, ForkRequest, LegId};
use offhook_rtp::{RTP_HEADER_BYTES, RtpHeader};
use speaker::Speaker;
pub(crate) use speaker::{MARKS_MAX, PLAYOUT_MAX, PlayedMark};
use std::time::{Duration, Instant};

/// What an engine hands to a fork's session.
#[derive(Debug)]
pub struct Forked {
    pub(crate) fork: ForkId,
    pub(crate) at: Instant,
    pub(crate) what: Forking,
}

impl Forked {
    /// The fork that it is for.
    #[must_use]
    pub fn fork(&self) -> ForkId {
        self.fork
    }

    /// Whether it is one of many packets, which may be lost.
    pub(crate) fn is_packet(&self) -> bool {
        matches!(self.what, Forking::Packet { .. })
    }
}

/// What happened to a fork in the engine.
#[derive(Debug)]
pub(crate) enum Forking {
    Begun,
    Refused(ForkFailure),
    /// An RTP packet; without a codec it carries something else than speech.
    Packet {
        track: Track,
        codec: Option<Codec>,
        bytes: Vec<u8>,
    },
    /// The party has pressed a key.
    Key {
        digit: char,
        duration_ms: u32,
    },
    Paused,
    Resumed,
    /// What the receiver said was heard up to its mark.
    Played(PlayedMark),
    /// So much of what the receiver said found no room.
    Overflow {
        samples: usize,
    },
    Ended(ForkEnd),
}

/// What a fork's receiver wants the party to hear, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// Sound at the fork's rate.
    Pcm(Vec<i16>),
    /// A place of which the receiver is told when it was heard.
    Mark(String),
    /// What was not heard yet is not to be heard.
    Clear,
}

/// The forks of one leg.
#[derive(Debug, Default)]
pub(crate) struct Forks(Vec<Fork>);

#[derive(Debug)]
struct Fork {
    id: ForkId,
    wants_heard: bool,
    is_paused: bool,
    /// Absent where the party hears nothing of the receiver.
    speaker: Option<Box<Speaker>>,
}

impl Fork {
    fn new(id: ForkId, request: &ForkRequest) -> Self {
        let speaker = || Box::new(Speaker::new(request.rate.hz()));
        Self {
            id,
            wants_heard: request.channels != offhook_model::ForkChannels::Said,
            is_paused: false,
            speaker: request.is_bidirectional.then(speaker),
        }
    }

    fn wants(&self, track: Track) -> bool {
        !self.is_paused && (track == Track::Said || self.wants_heard)
    }
}

impl Forks {
    fn get(&mut self, id: ForkId) -> Option<&mut Fork> {
        self.0.iter_mut().find(|fork| fork.id == id)
    }

    /// Whether a packet has to be copied.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a receiver speaks, so that the party's frames have to be made by us.
    pub(crate) fn are_speaking(&self) -> bool {
        self.0.iter().any(|fork| fork.speaker.as_ref().is_some_and(|speaker| speaker.is_active()))
    }

    /// Copies a packet for every fork that wants it.
    pub(crate) fn push_packet(
        &self,
        track: Track,
        codec: Option<Codec>,
        header: &RtpHeader,
        payload: &[u8],
        outgoing: &mut Outgoing,
        at: Instant,
    ) {
        for fork in self.0.iter().filter(|fork| fork.wants(track)) {
            let mut bytes = vec![0; RTP_HEADER_BYTES + payload.len()];
            if header.write_packet(payload, &mut bytes).is_ok() {
                outgoing.fork(fork.id, Forking::Packet { track, codec, bytes }, at);
            }
        }
    }

    /// Tells of a key that the party has pressed.
    pub(crate) fn push_key(
        &self,
        digit: char,
        duration: Duration,
        out: &mut Outgoing,
        at: Instant,
    ) {
        let duration_ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        for fork in self.0.iter().filter(|fork| !fork.is_paused) {
            out.fork(fork.id, Forking::Key { digit, duration_ms }, at);
        }
    }

    /// Adds what the receivers say to a frame of `rate` samples per second.
    pub(crate) fn add_to(
        &mut self,
        frame: &mut [i16],
        rate: u32,
        out: &mut Outgoing,
        now: Instant,
    ) {
        for fork in &mut self.0 {
            if let Some(speaker) = &mut fork.speaker {
                speaker.add_to(frame, rate, now);
                tell_marks(fork.id, speaker, out, now);
            }
        }
    }
}

fn tell_marks(fork: ForkId, speaker: &mut Speaker, outgoing: &mut Outgoing, now: Instant) {
    while let Some(mark) = speaker.poll_mark() {
        outgoing.fork(fork, Forking::Played(mark), now);
    }
}

impl Outgoing {
    fn fork(&mut self, fork: ForkId, what: Forking, at: Instant) {
        self.push(Output::Forked(Box::new(Forked { fork, at, what })));
    }
}

impl Engine {
    pub(super) fn fork(&mut self, id: LegId, fork: ForkId, command: ForkCommand, now: Instant) {
        match command {
            ForkCommand::Start(request) => {
                let what = match self.begin_fork(id, fork, &request) {
                    Ok(()) => Forking::Begun,
                    Err(why) => Forking::Refused(why),
                };
                self.outgoing.fork(fork, what, now);
            }
            ForkCommand::Pause => self.pause_fork(id, fork, true, now),
            ForkCommand::Resume => self.pause_fork(id, fork, false, now),
            ForkCommand::Stop => {
                let Some(leg) = self.legs.get_mut(&id) else { return };
                let Forks(forks) = leg.forks_mut();
                if let Some(at) = forks.iter().position(|known| known.id == fork) {
                    forks.remove(at);
                    self.outgoing.fork(fork, Forking::Ended(ForkEnd::Stopped), now);
                    self.settle(id, now);
                }
            }
        }
    }

    fn begin_fork(
        &mut self,
        id: LegId,
        fork: ForkId,
        request: &ForkRequest,
    ) -> Result<(), ForkFailure> {
        let leg = self.legs.get_mut(&id).ok_or(ForkFailure::NoSuchLeg)?;
        let forks = leg.forks_mut();
        if forks.0.len() >= FORKS_PER_LEG_MAX || forks.get(fork).is_some() {
            return Err(ForkFailure::TooMany);
        }
        forks.0.push(Fork::new(fork, request));
        Ok(())
    }

    fn pause_fork(&mut self, id: LegId, fork: ForkId, is_paused: bool, now: Instant) {
        let leg = self.legs.get_mut(&id);
        let Some(known) = leg.and_then(|leg| leg.forks_mut().get(fork)) else { return };
        if std::mem::replace(&mut known.is_paused, is_paused) != is_paused {
            let what = if is_paused { Forking::Paused } else { Forking::Resumed };
            self.outgoing.fork(fork, what, now);
        }
    }

    /// The leg goes, and its forks with it.
    pub(super) fn end_forks_of(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        for fork in std::mem::take(&mut leg.forks_mut().0) {
            self.outgoing.fork(fork.id, Forking::Ended(ForkEnd::CallEnded), now);
        }
    }

    /// The receiver of a fork wants the party to hear something.
    pub fn handle_spoken(&mut self, id: LegId, fork: ForkId, spoken: Vec<Spoken>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let was_speaking = leg.forks_mut().are_speaking();
        let known = leg.forks_mut().get(fork);
        let Some(speaker) = known.and_then(|fork| fork.speaker.as_mut()) else { return };
        for spoken in spoken {
            match spoken {
                Spoken::Pcm(pcm) => {
                    let samples = speaker.put(&pcm, now);
                    if samples > 0 {
                        self.outgoing.fork(fork, Forking::Overflow { samples }, now);
                    }
                }
                Spoken::Mark(name) => {
                    if !speaker.mark(name) {
                        tracing::debug!(%fork, "a mark finds no room");
                    }
                }
                Spoken::Clear => speaker.clear(),
            }
        }
        tell_marks(fork, speaker, &mut self.outgoing, now);
        if !was_speaking {
            leg.begin_speaking();
        }
        self.settle(id, now);
    }
}

impl Leg {
    /// Whether a fork's receiver speaks to the party.
    pub(crate) fn is_spoken_to(&self) -> bool {
        self.forks().are_speaking()
    }
}
