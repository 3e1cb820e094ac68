//! Packets of one stream put back into order and time before they are decoded.
//!
//! Packets are put in as they come. Whoever plays asks for the next piece whenever it has no more
//! samples, which makes the playout clock. The buffer keeps the time between a packet's earliest
//! possible arrival and its playing just long enough for nearly all packets to come in time.

mod delay;
mod slots;
mod stream;

use std::time::{Duration, Instant};

use crate::rtp::RtpPacket;
use delay::DelayEstimator;
use slots::{Content, Slots};
use stream::Stream;

pub use slots::{JITTER_PACKETS_MAX, JITTER_PAYLOAD_BYTES_MAX};

/// Pieces of concealment in a row; what follows is silence.
pub const CONCEAL_PIECES_MAX: u32 = 5;
/// Pieces without any packet after which playing stops, to begin anew with the next packet.
pub const IDLE_PIECES_MAX: u32 = 25;
/// The shortest time between two pieces that are left out, or put in, to change the delay.
pub const ADJUST_INTERVAL: Duration = Duration::from_millis(400);
/// Packets this far from the newest in number begin the stream anew.
const JUMP_PACKETS: u64 = 3_000;

/// Bounds of the delay, and what the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// The RTP clock in Hz.
    pub clock_rate: u32,
    /// The packet time until the packets show theirs.
    pub packet_time: Duration,
    /// The delay before anything is known.
    pub delay_initial: Duration,
    /// The shortest delay.
    pub delay_min: Duration,
    /// The longest delay; packets that take longer are late.
    pub delay_max: Duration,
}

impl JitterConfig {
    /// 20 ms packets, 40 ms to begin with, between 20 and 400 ms.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            packet_time: Duration::from_millis(20),
            delay_initial: Duration::from_millis(40),
            delay_min: Duration::from_millis(20),
            delay_max: Duration::from_millis(400),
        }
    }
}

/// What to play next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playout<'a> {
    /// A packet's payload.
    Frame(Frame<'a>),
    /// A packet is missing: let the decoder conceal.
    Conceal {
        /// How long, in units of the RTP clock.
        units: u32,
        /// The packet right behind the missing one, when it is there: Opus may carry a copy of
        /// the missing one in it. It is played in its turn.
        following: Option<Frame<'a>>,
    },
    /// Nothing is being said, or nothing came for long: silence or comfort noise.
    Silence {
        /// How long, in units of the RTP clock.
        units: u32,
    },
}

/// A packet to be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The payload type.
    pub payload_type: u8,
    /// The payload.
    pub payload: &'a [u8],
    /// The sequence number.
    pub sequence_number: u16,
    /// The timestamp.
    pub timestamp: u32,
}

/// Why a packet was not put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Its time to be played was over.
    Late,
    /// It is there or was played.
    Duplicate,
    /// Its payload is longer than [`JITTER_PAYLOAD_BYTES_MAX`].
    TooLong,
    /// It is far from the others; if the next one follows it, the stream begins anew there.
    OutOfPlace,
}

/// Counts since the buffer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterBufferStatistics {
    /// Packets that were given out.
    pub played: u64,
    /// Packets that did not come in time, late ones included.
    pub lost: u64,
    /// Runs of such packets.
    pub loss_bursts: u64,
    /// Packets that came too late.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Pieces of concealment.
    pub concealed: u64,
    /// Packets that were left out to shorten the delay.
    pub skipped: u64,
    /// Pieces that were put in to lengthen the delay.
    pub stretched: u64,
    /// How often the stream began anew: another source, a jump.
    pub resyncs: u64,
}

/// An adaptive jitter buffer.
#[derive(Debug)]
pub struct JitterBuffer {
    config: JitterConfig,
    stream: Option<Stream>,
    slots: Slots,
    delay: DelayEstimator,
    statistics: JitterBufferStatistics,
    /// Source and number that would confirm a jump.
    suspect: Option<(u32, u16)>,
    epoch: Option<Instant>,
}

/// What a piece is.
enum Choice {
    Play(u64),
    Conceal,
    Silence,
    /// A packet was left out; choose among the others.
    Again,
}

impl JitterBuffer {
    /// An empty buffer.
    pub fn new(config: JitterConfig) -> Self {
        Self {
            delay: DelayEstimator::new(&config),
            config,
            stream: None,
            slots: Slots::default(),
            statistics: JitterBufferStatistics::default(),
            suspect: None,
            epoch: None,
        }
    }

    /// Puts a packet in.
    pub fn put(&mut self, packet: &RtpPacket<'_>, now: Instant) -> Result<(), Dropped> {
        let (payload_type, payload) = (packet.payload_type, packet.payload);
        if payload.len() > JITTER_PAYLOAD_BYTES_MAX {
            return Err(Dropped::TooLong);
        }
        let content = Content::Speech { payload_type, payload };
        self.insert(packet, content, now)
    }

    /// Notes a packet of the stream that holds no speech, such as a digit, so that it does not
    /// count as lost.
    pub fn put_other(&mut self, packet: &RtpPacket<'_>, now: Instant) -> Result<(), Dropped> {
        self.insert(packet, Content::Other, now)
    }

    fn insert(
        &mut self,
        packet: &RtpPacket<'_>,
        content: Content<'_>,
        now: Instant,
    ) -> Result<(), Dropped> {
        let arrival = self.arrival(now);
        let mut stream = match self.stream.take() {
            Some(stream) if self.belongs(&stream, packet, arrival) => stream,
            before => self.begin_anew(before, packet)?,
        };
        self.suspect = None;
        let (number, place) = stream.handle_packet(packet.sequence_number, packet.timestamp);
        if matches!(content, Content::Speech { .. }) {
            self.delay.handle_arrival(arrival - place);
        }
        let is_early_straggler = !stream.has_played && self.slots.is_unknown(number);
        if number < stream.next && is_early_straggler {
            stream.next = number;
        }
        let placed = self.place(&mut stream, number, packet.timestamp, content);
        self.stream = Some(stream);
        placed
    }

    fn place(
        &mut self,
        stream: &mut Stream,
        number: u64,
        timestamp: u32,
        content: Content<'_>,
    ) -> Result<(), Dropped> {
        if !self.slots.is_unknown(number) {
            self.statistics.duplicates += 1;
            return Err(Dropped::Duplicate);
        }
        if number < stream.next {
            self.statistics.late += 1;
            return Err(Dropped::Late);
        }
        if number >= stream.next + JITTER_PACKETS_MAX as u64 {
            self.make_room(stream, number);
        }
        self.slots.put(number, timestamp, content);
        Ok(())
    }

    /// Whether a packet fits to the stream in source, number and time.
    fn belongs(&self, stream: &Stream, packet: &RtpPacket<'_>, arrival: i64) -> bool {
        let transit = arrival - stream.place(packet.timestamp);
        let distance = stream.distance(packet.sequence_number);
        stream.ssrc == packet.ssrc && distance < JUMP_PACKETS && self.delay.is_plausible(transit)
    }

    /// Begins anew with a packet of another source at once, after a jump when the next packet
    /// confirms it.
    fn begin_anew(
        &mut self,
        before: Option<Stream>,
        packet: &RtpPacket<'_>,
    ) -> Result<Stream, Dropped> {
        let (ssrc, number) = (packet.ssrc, packet.sequence_number);
        let is_confirmed = self.suspect == Some((ssrc, number));
        let is_jump = before.as_ref().is_some_and(|before| before.ssrc == ssrc);
        if is_jump && !is_confirmed {
            self.suspect = Some((ssrc, number.wrapping_add(1)));
            self.stream = before;
            return Err(Dropped::OutOfPlace);
        }
        self.statistics.resyncs += u64::from(before.is_some());
        self.slots.clear();
        self.delay.forget_base();
        let packet_units = match before {
            Some(before) => before.packet_units,
            None => units(self.config.packet_time, self.config.clock_rate).max(1),
        };
        let clock_rate = self.config.clock_rate;
        Ok(Stream::new(ssrc, number, packet.timestamp, packet_units, clock_rate))
    }

    /// A burst fills the buffer: the oldest packets are left out.
    fn make_room(&mut self, stream: &mut Stream, number: u64) {
        let next = number + 1 - JITTER_PACKETS_MAX as u64;
        let skipped = self.slots.drop_before(next);
        self.statistics.skipped += skipped;
        let missing = (next - stream.next).saturating_sub(skipped);
        stream.count_lost(missing, &mut self.statistics);
        stream.next = next;
        if let Some((_, timestamp)) = self.slots.first() {
            stream.position = stream.place(timestamp);
        }
    }

    /// The next piece to play. Ask again when what it gave has been played.
    pub fn pop(&mut self, now: Instant) -> Playout<'_> {
        let arrival = self.arrival(now);
        let choice = loop {
            match self.choose(arrival, now) {
                Choice::Again => {}
                choice => break choice,
            }
        };
        match choice {
            Choice::Play(number) => self.play(number),
            Choice::Conceal => self.conceal(),
            Choice::Silence | Choice::Again => Playout::Silence { units: self.packet_units() },
        }
    }

    fn choose(&mut self, arrival: i64, now: Instant) -> Choice {
        let Some(stream) = &mut self.stream else {
            return Choice::Silence;
        };
        step_over_others(stream, &mut self.slots);
        let Some((first, timestamp)) = self.slots.first() else {
            return stream.go_on_empty();
        };
        let place = stream.place(timestamp);
        let (delay, target) = (self.delay.of(arrival - place), self.delay.target());
        let is_its_time = delay >= target;
        if !stream.is_playing {
            if !is_its_time {
                return Choice::Silence;
            }
            stream.is_playing = true;
            stream.position = place;
        }
        stream.empty_pieces = 0;
        if place > stream.position + stream.packet_units / 2 {
            // A pause may end early when the delay is longer than need be. Missing packets are
            // left without concealment only when it is much longer.
            let is_pause = first == stream.next;
            let ends_early = is_its_time && (is_pause || delay > target + stream.slack());
            if !ends_early {
                return stream.wait_for(first);
            }
            stream.position = place;
        }
        self.choose_due(first, place, arrival, now)
    }

    /// The first packet is due; it is played unless the delay is to change.
    fn choose_due(&mut self, first: u64, place: i64, arrival: i64, now: Instant) -> Choice {
        let second = self.slots.second();
        let Some(stream) = &mut self.stream else {
            return Choice::Silence;
        };
        let units = stream.packet_units;
        let (delay, target) = (self.delay.of(arrival - stream.position), self.delay.target());
        let is_overdue = place + units / 2 <= stream.position;
        let is_due = |timestamp| stream.place(timestamp) <= stream.position + units / 2;
        let successor_is_due = second.is_some_and(|(_, timestamp)| is_due(timestamp));
        if is_overdue && successor_is_due && delay >= target {
            // Its time was filled by concealment already.
            self.statistics.late += 1;
            stream.leave_out(first, &mut self.statistics);
            stream.count_lost(1, &mut self.statistics);
            self.slots.take(first);
            return Choice::Again;
        }
        if !stream.may_adjust(now) {
            return Choice::Play(first);
        }
        if let (Some((_, timestamp)), true) = (second, delay > target + stream.slack()) {
            stream.last_adjusted = Some(now);
            self.statistics.skipped += 1;
            stream.leave_out(first, &mut self.statistics);
            stream.position = stream.place(timestamp);
            self.slots.take(first);
            return Choice::Again;
        }
        if delay + units < target && !is_overdue {
            stream.last_adjusted = Some(now);
            self.statistics.stretched += 1;
            return Choice::Conceal;
        }
        Choice::Play(first)
    }

    fn play(&mut self, number: u64) -> Playout<'_> {
        let units = self.packet_units();
        let (Some(stream), Some(slot)) = (&mut self.stream, self.slots.take(number)) else {
            return Playout::Silence { units };
        };
        stream.leave_out(number, &mut self.statistics);
        stream.is_in_burst = false;
        stream.has_played = true;
        stream.position = stream.place(slot.timestamp) + stream.packet_units;
        self.statistics.played += 1;
        Playout::Frame(slot.frame())
    }

    fn conceal(&mut self) -> Playout<'_> {
        self.statistics.concealed += 1;
        let missing = self.stream.as_ref().map_or(0, |stream| stream.next);
        let following = self.slots.get(missing + 1);
        Playout::Conceal {
            units: self.packet_units(),
            following: following.map(|slot| slot.frame()),
        }
    }

    /// The packet time in units of the RTP clock.
    pub fn packet_units(&self) -> u32 {
        let initial = || units(self.config.packet_time, self.config.clock_rate).max(1);
        let packet_units = self.stream.as_ref().map_or_else(initial, |s| s.packet_units);
        u32::try_from(packet_units).unwrap_or(u32::MAX)
    }

    /// How long packets wait at present so that nearly all come in time.
    pub fn delay_target(&self) -> Duration {
        duration(self.delay.target(), self.config.clock_rate)
    }

    /// The time from a packet's earliest possible arrival to its playing.
    pub fn delay(&self, now: Instant) -> Duration {
        let playing = self.stream.as_ref().filter(|stream| stream.is_playing);
        let Some((stream, epoch)) = playing.zip(self.epoch) else {
            return self.delay_target();
        };
        let arrival = units(now.saturating_duration_since(epoch), self.config.clock_rate);
        duration(self.delay.of(arrival - stream.position), self.config.clock_rate)
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no packet waits.
    pub fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// Counts since the beginning.
    pub fn statistics(&self) -> JitterBufferStatistics {
        self.statistics
    }

    /// Time as units of the RTP clock.
    fn arrival(&mut self, now: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(now);
        units(now.saturating_duration_since(epoch), self.config.clock_rate)
    }
}

/// Packets without speech take no time of their own.
fn step_over_others(stream: &mut Stream, slots: &mut Slots) {
    while slots.get(stream.next).is_some_and(|slot| slot.is_other) {
        slots.take(stream.next);
        stream.next += 1;
        stream.is_in_burst = false;
        stream.empty_pieces = stream.empty_pieces.max(CONCEAL_PIECES_MAX);
    }
}

fn units(time: Duration, clock_rate: u32) -> i64 {
    let units = time.as_micros() * u128::from(clock_rate) / 1_000_000;
    i64::try_from(units).unwrap_or(i64::MAX)
}

fn duration(units: i64, clock_rate: u32) -> Duration {
    let micros = units.max(0).saturating_mul(1_000_000) / i64::from(clock_rate.max(1));
    Duration::from_micros(micros.unsigned_abs())
}
