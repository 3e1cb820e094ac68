//! One fork without its connection.

use super::frames::{FRAME_MS, Frames};
use super::wire::{self, Refusal, Said};
use crate::state::fork::{Forked, Forking, MARKS_MAX, PLAYOUT_MAX, PlayedMark, Spoken};
use offhook_model::{ForkCounts, ForkEnd, ForkEvent, ForkFailure, ForkId, ForkRequest, LegId};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames that wait for the receiver: two seconds of sound.
const FRAMES_MAX: usize = 100;
/// Texts that wait for the receiver.
const TEXTS_MAX: usize = 256;
/// Bytes of a text message of the receiver.
const TEXT_BYTES_MAX: usize = 8_192;
/// Bytes of a mark's name.
const MARK_BYTES_MAX: usize = 256;
/// Text messages that may come at once, and how long it takes to be allowed one more.
const MESSAGES_MAX: u32 = 100;
const MESSAGE_REFILL: Duration = Duration::from_millis(50);
/// How often the switch is told how it fares.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// How long each key lasts that the receiver presses.
const KEY_MS: u32 = 120;

/// What goes to the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A JSON message.
    Text(String),
    /// A frame of sound.
    Frame(Vec<u8>),
}

/// What a session wants of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// The party is to hear this.
    Speak(Vec<Spoken>),
    /// Keys are to be pressed for the party.
    Press {
        /// `0-9*#A-D`.
        digits: String,
        /// How long each, in milliseconds.
        duration_ms: u32,
    },
    /// The switch is to be told.
    Tell(ForkEvent),
}

/// One fork: what waits for its receiver, what its receiver has sent, and what went over it.
#[derive(Debug)]
pub struct Session {
    fork: ForkId,
    leg: LegId,
    request: Box<ForkRequest>,
    frames: Frames,
    outgoing: VecDeque<Outgoing>,
    frames_waiting: usize,
    texts_waiting: usize,
    /// Milliseconds that were dropped and not told of.
    untold_ms: u64,
    orders: VecDeque<Order>,
    has_begun: bool,
    is_connected: bool,
    connections: u32,
    /// What the receiver said since the last frame.
    spoken: Vec<Spoken>,
    /// When all that the receiver said will have been heard.
    spoken_until: Option<Instant>,
    marks_waiting: usize,
    messages_left: u32,
    refilled_at: Option<Instant>,
    progress_due: Option<Instant>,
    failure: Option<ForkFailure>,
    end: Option<ForkEnd>,
    counts: ForkCounts,
}

impl Session {
    /// A fork that has not begun.
    #[must_use]
    pub fn new(fork: ForkId, leg: LegId, request: Box<ForkRequest>) -> Self {
        Self {
            fork,
            leg,
            frames: Frames::new(request.rate, request.channels),
            request,
            outgoing: VecDeque::new(),
            frames_waiting: 0,
            texts_waiting: 0,
            untold_ms: 0,
            orders: VecDeque::new(),
            has_begun: false,
            is_connected: false,
            connections: 0,
            spoken: Vec::new(),
            spoken_until: None,
            marks_waiting: 0,
            messages_left: MESSAGES_MAX,
            refilled_at: None,
            progress_due: None,
            failure: None,
            end: None,
            counts: ForkCounts::default(),
        }
    }

    /// How the fork is to be.
    #[must_use]
    pub fn request(&self) -> &ForkRequest {
        &self.request
    }

    /// Whether the engine has begun to feed it.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether the receiver has ever accepted.
    #[must_use]
    pub fn was_connected(&self) -> bool {
        self.connections > 0
    }

    /// Why the engine refuses it.
    #[must_use]
    pub fn failure(&self) -> Option<&ForkFailure> {
        self.failure.as_ref()
    }

    /// Why it is over. The last messages may still wait for the receiver.
    #[must_use]
    pub fn end(&self) -> Option<&ForkEnd> {
        self.end.as_ref()
    }

    /// What went over it.
    #[must_use]
    pub fn counts(&self) -> ForkCounts {
        self.counts
    }

    /// Takes what the engine hands over.
    pub fn handle_forked(&mut self, forked: &Forked) {
        self.make_frames(forked.at);
        self.frames.handle_forked(forked);
        match &forked.what {
            Forking::Begun => self.has_begun = true,
            Forking::Refused(why) => self.failure = Some(why.clone()),
            Forking::Packet { .. } => {}
            Forking::Key { digit, duration_ms } => self.text(wire::dtmf(*digit, *duration_ms)),
            Forking::Paused => self.text(wire::paused(true)),
            Forking::Resumed => self.text(wire::paused(false)),
            Forking::Played(PlayedMark { name, is_cleared }) => {
                self.marks_waiting = self.marks_waiting.saturating_sub(1);
                self.text(wire::mark(name, *is_cleared));
            }
            Forking::Overflow { samples } => self.refuse_sound(*samples),
            Forking::Ended(why) => self.finish(why.clone()),
        }
    }

    /// So many packets were not handed over; silence takes their place.
    pub fn handle_lost(&mut self, packets: u64) {
        self.drop_ms(packets * FRAME_MS, packets);
    }

    /// The receiver has accepted a connection.
    pub fn handle_connected(&mut self, now: Instant) {
        self.make_frames(now);
        self.counts.reconnects = self.connections;
        let start = wire::start(self.fork, self.leg, &self.request, self.connections);
        self.connections += 1;
        self.is_connected = true;
        self.progress_due = Some(now + PROGRESS_INTERVAL);
        // What was said before the connection is not sent, and is told of behind the start.
        self.outgoing.push_front(Outgoing::Text(start));
        self.texts_waiting += 1;
        self.orders.push_back(Order::Tell(ForkEvent::Connected));
    }

    /// The connection was lost. What waits for the receiver is dropped.
    pub fn handle_disconnected(&mut self) {
        self.is_connected = false;
        let frames = std::mem::take(&mut self.frames_waiting) as u64;
        self.outgoing.clear();
        self.texts_waiting = 0;
        self.drop_ms(frames * FRAME_MS, frames);
        self.silence();
    }

    /// It ends, after what waits for the receiver was sent.
    pub fn finish(&mut self, why: ForkEnd) {
        if self.end.is_some() {
            return;
        }
        // The last words are never left out.
        if self.is_connected {
            self.outgoing.push_back(Outgoing::Text(wire::stop(&why, self.counts)));
        }
        self.end = Some(why);
        self.silence();
    }

    /// Nothing more of what the receiver said is to be heard.
    fn silence(&mut self) {
        self.spoken.clear();
        self.marks_waiting = 0;
        if self.request.is_bidirectional && self.spoken_until.take().is_some() {
            self.orders.push_back(Order::Speak(vec![Spoken::Clear]));
        }
    }

    /// Takes a binary message: sound for the party.
    pub fn handle_binary(&mut self, bytes: &[u8], now: Instant) {
        if !self.request.is_bidirectional {
            return self.refuse(Refusal::NotAllowed, "the fork is not bidirectional");
        }
        if !bytes.len().is_multiple_of(2) {
            return self.refuse(Refusal::OddLength, "samples have two bytes");
        }
        let samples = bytes.len() / 2;
        let until = self.spoken_until.map_or(now, |until| until.max(now)) + self.time_of(samples);
        if until.saturating_duration_since(now) > PLAYOUT_MAX {
            return self.refuse_sound(samples);
        }
        self.spoken_until = Some(until);
        self.counts.received_ms += self.ms_of(samples);
        let pcm = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        match self.spoken.last_mut() {
            Some(Spoken::Pcm(before)) => before.extend(pcm),
            _ => self.spoken.push(Spoken::Pcm(pcm.collect())),
        }
    }

    /// Takes a text message.
    pub fn handle_text(&mut self, text: &str, now: Instant) {
        if !self.may_say_more(now) {
            return self.refuse(Refusal::TooMuch, "at most 20 text messages per second");
        }
        if text.len() > TEXT_BYTES_MAX {
            return self.refuse(Refusal::TooMuch, "a text message has at most 8192 bytes");
        }
        match wire::read(text) {
            Ok(said) => self.handle_said(said, text),
            Err(why) => self.refuse(Refusal::Malformed, &why),
        }
    }

    fn handle_said(&mut self, said: Said, text: &str) {
        let speaks = matches!(said, Said::Clear | Said::Mark { .. } | Said::Dtmf { .. });
        if speaks && !self.request.is_bidirectional {
            return self.refuse(Refusal::NotAllowed, "the fork is not bidirectional");
        }
        match said {
            Said::Clear => {
                self.clear();
            }
            Said::Mark { name } => self.mark(name),
            Said::Dtmf { digits } => {
                self.orders.push_back(Order::Press { digits, duration_ms: KEY_MS });
            }
            Said::HangUp if self.request.may_hang_up => {
                self.orders.push_back(Order::Tell(ForkEvent::HangUp));
            }
            Said::HangUp => self.refuse(Refusal::NotAllowed, "the fork may not end the call"),
            Said::Other => {
                self.orders.push_back(Order::Tell(ForkEvent::Message(text.to_owned())));
            }
        }
    }

    /// Marks in what is cleared are told of, so they stay in their order.
    fn clear(&mut self) {
        self.spoken.retain(|spoken| !matches!(spoken, Spoken::Pcm(_)));
        self.spoken.push(Spoken::Clear);
        self.spoken_until = None;
    }

    fn mark(&mut self, name: String) {
        if name.len() > MARK_BYTES_MAX {
            return self.refuse(Refusal::TooMuch, "a mark's name has at most 256 bytes");
        }
        if self.marks_waiting >= MARKS_MAX {
            return self.refuse(Refusal::Overflow, "at most 64 marks wait");
        }
        self.marks_waiting += 1;
        self.spoken.push(Spoken::Mark(name));
    }

    /// Lets time pass: frames are made, and what the receiver said is handed on.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.make_frames(now);
        if !self.spoken.is_empty() && self.end.is_none() {
            let spoken = std::mem::take(&mut self.spoken);
            self.orders.push_back(Order::Speak(spoken));
        }
        if self.is_connected && self.progress_due.is_some_and(|due| due <= now) {
            self.progress_due = Some(now + PROGRESS_INTERVAL);
            self.orders.push_back(Order::Tell(ForkEvent::Progress(self.counts)));
        }
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.frames.poll_timeout().into_iter().chain(self.progress_due).min()
    }

    /// What others are to do.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Whether something waits for the receiver.
    #[must_use]
    pub fn has_outgoing(&self) -> bool {
        self.is_connected && !self.outgoing.is_empty()
    }

    /// The next message to the receiver, to be asked for when the connection takes one.
    pub fn poll_send(&mut self) -> Option<Outgoing> {
        if !self.is_connected {
            return None;
        }
        let is_frame = matches!(self.outgoing.front()?, Outgoing::Frame(_));
        if is_frame && self.untold_ms > 0 {
            return Some(Outgoing::Text(wire::dropped(std::mem::take(&mut self.untold_ms))));
        }
        if is_frame {
            self.frames_waiting -= 1;
            self.counts.sent_ms += FRAME_MS;
        } else {
            self.texts_waiting = self.texts_waiting.saturating_sub(1);
        }
        self.outgoing.pop_front()
    }

    fn make_frames(&mut self, until: Instant) {
        while let Some(frame) = self.frames.poll_frame(until) {
            if self.end.is_some() {
                continue;
            }
            if !self.is_connected {
                self.drop_ms(FRAME_MS, 1);
                continue;
            }
            self.outgoing.push_back(Outgoing::Frame(frame));
            self.frames_waiting += 1;
            if self.frames_waiting > FRAMES_MAX {
                self.drop_oldest();
            }
        }
    }

    /// A receiver that is slow hears the latest.
    fn drop_oldest(&mut self) {
        let is_frame = |outgoing: &Outgoing| matches!(outgoing, Outgoing::Frame(_));
        if let Some(at) = self.outgoing.iter().position(is_frame) {
            self.outgoing.remove(at);
            self.frames_waiting -= 1;
            self.drop_ms(FRAME_MS, 1);
        }
    }

    fn drop_ms(&mut self, ms: u64, frames: u64) {
        self.counts.dropped_ms += ms;
        self.untold_ms += ms;
        metrics::counter!("offhook_audio_fork_frames_dropped_total").increment(frames);
    }

    /// A message to the receiver; it is left out when too many wait, or nobody is there to read it.
    fn text(&mut self, text: String) {
        if self.is_connected && self.end.is_none() && self.texts_waiting < TEXTS_MAX {
            self.texts_waiting += 1;
            self.outgoing.push_back(Outgoing::Text(text));
        }
    }

    fn refuse(&mut self, why: Refusal, detail: &str) {
        self.counts.messages_refused += 1;
        metrics::counter!("offhook_audio_fork_messages_refused_total", "why" => why.as_str())
            .increment(1);
        self.text(wire::error(why, detail));
    }

    fn refuse_sound(&mut self, samples: usize) {
        self.counts.refused_ms += self.ms_of(samples);
        self.refuse(Refusal::Overflow, "at most 30 seconds of sound wait to be heard");
    }

    /// A bucket of messages that refills by the time.
    fn may_say_more(&mut self, now: Instant) -> bool {
        let since = *self.refilled_at.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_millis();
        let more = u32::try_from(passed / MESSAGE_REFILL.as_millis()).unwrap_or(MESSAGES_MAX);
        if more > 0 {
            self.messages_left = self.messages_left.saturating_add(more).min(MESSAGES_MAX);
            self.refilled_at = Some(now);
        }
        let may = self.messages_left > 0;
        self.messages_left = self.messages_left.saturating_sub(1);
        may
    }

    fn time_of(&self, samples: usize) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.request.rate.hz()))
    }

    fn ms_of(&self, samples: usize) -> u64 {
        samples as u64 * 1_000 / u64::from(self.request.rate.hz())
    }
}
