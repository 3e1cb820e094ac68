//! Named telephone events, which is how DTMF crosses RTP (RFC 4733).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes of an event's payload.
const PAYLOAD_BYTES: usize = 4;
/// How often the end of an event is sent (RFC 4733 2.5.1.4).
const END_PACKETS: u8 = 3;
/// The longest duration one segment of an event can say (RFC 4733 2.5.1.3).
const SEGMENT_DURATION_MAX: u32 = 0xFFFF;
/// An event of which nothing is heard for so long has ended: its end packets were lost.
const EVENT_TIMEOUT: Duration = Duration::from_millis(500);
/// Packets of an earlier press that arrive within so many seconds of RTP time are stragglers.
const STRAGGLER_SECONDS: u32 = 5;
/// Digits that wait to be sent at most.
pub const DIGITS_QUEUED_MAX: usize = 64;
/// Detector outputs that wait to be fetched at most.
const EVENTS_QUEUED_MAX: usize = 16;
/// The shortest and longest tone that is sent.
const DURATION_MIN: Duration = Duration::from_millis(40);
const DURATION_MAX: Duration = Duration::from_secs(8);
/// The pause between two digits; detectors want 40 ms at least.
const PAUSE: Duration = Duration::from_millis(60);
/// The power of the tone as the payload states it, in -dBm0.
const VOLUME: u8 = 10;

/// A DTMF digit: 0 to 9, `*`, `#`, A to D.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

impl Digit {
    const CHARS: &'static [u8; 16] = b"0123456789*#ABCD";

    /// The digit of a key, letters in either case.
    pub fn from_char(key: char) -> Option<Self> {
        let key = key.to_ascii_uppercase();
        let place = Self::CHARS.iter().position(|c| char::from(*c) == key)?;
        Some(Self(place as u8))
    }

    /// The digit of an event code (RFC 4733 3.2); `None` for a code that is no digit.
    pub fn from_event(event: u8) -> Option<Self> {
        (event < 16).then_some(Self(event))
    }

    /// The key.
    pub fn as_char(self) -> char {
        char::from(Self::CHARS[usize::from(self.0)])
    }

    /// The event code.
    pub fn event(self) -> u8 {
        self.0
    }
}

/// The payload of an event packet (RFC 4733 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPayload {
    /// The event code.
    pub event: u8,
    /// Whether the event has ended.
    pub end: bool,
    /// The tone's power in -dBm0, 0 to 63.
    pub volume: u8,
    /// How long the event, or this segment of it, lasts so far, in timestamp units.
    pub duration: u16,
}

impl EventPayload {
    /// Reads the first event of a payload.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let payload = payload.first_chunk::<PAYLOAD_BYTES>()?;
        Some(Self {
            event: payload[0],
            end: payload[1] & 0x80 != 0,
            volume: payload[1] & 0x3F,
            duration: u16::from_be_bytes([payload[2], payload[3]]),
        })
    }

    /// The payload's bytes.
    pub fn to_bytes(self) -> [u8; PAYLOAD_BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        let flags = u8::from(self.end) << 7 | self.volume & 0x3F;
        [self.event, flags, high, low]
    }
}

/// What the detector found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelephoneEvent {
    /// A key was pressed. It is told once for each press.
    Pressed(Digit),
    /// The key was released.
    Released {
        /// The key.
        digit: Digit,
        /// How long it was down, as far as is known.
        duration: Duration,
    },
}

/// Makes one press out of the packets of one event, whatever of them is lost, late or repeated.
///
/// Packets of one press have one timestamp; that tells two presses of the same key apart.
#[derive(Clone, Debug)]
pub struct EventDetector {
    clock_rate: u32,
    press: Option<Press>,
    events: VecDeque<TelephoneEvent>,
}

#[derive(Clone, Copy, Debug)]
struct Press {
    digit: Digit,
    /// The timestamp of the newest segment.
    timestamp: u32,
    /// The duration of the segments before it, in timestamp units.
    earlier: u32,
    /// The duration of the newest segment.
    duration: u32,
    has_ended: bool,
    last_packet: Instant,
}

impl EventDetector {
    /// A detector for packets with that clock rate in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate: clock_rate.max(1), press: None, events: VecDeque::new() }
    }

    /// Takes an event packet. Payloads that are too short or no digit are ignored.
    pub fn handle_packet(&mut self, payload: &[u8], timestamp: u32, now: Instant) {
        let Some(payload) = EventPayload::parse(payload) else {
            return;
        };
        let Some(digit) = Digit::from_event(payload.event) else {
            return;
        };
        match self.press {
            Some(press) if press.is_older(timestamp, self.clock_rate) => {}
            Some(mut press) if press.continues(digit, timestamp) => {
                press.take(payload, timestamp, now);
                self.press = Some(press);
                self.end_if(payload.end);
            }
            _ => self.start(digit, payload, timestamp, now),
        }
    }

    /// Ends a press of which nothing was heard for a while.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_due = self.poll_timeout().is_some_and(|due| due <= now);
        self.end_if(is_due);
    }

    /// When [`EventDetector::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let press = self.press.filter(|press| !press.has_ended)?;
        Some(press.last_packet + EVENT_TIMEOUT)
    }

    /// The next thing found.
    pub fn poll_output(&mut self) -> Option<TelephoneEvent> {
        self.events.pop_front()
    }

    fn start(&mut self, digit: Digit, payload: EventPayload, timestamp: u32, now: Instant) {
        self.end_if(true);
        self.press = Some(Press {
            digit,
            timestamp,
            earlier: 0,
            duration: payload.duration.into(),
            has_ended: false,
            last_packet: now,
        });
        self.push(TelephoneEvent::Pressed(digit));
        self.end_if(payload.end);
    }

    fn end_if(&mut self, is_end: bool) {
        let clock_rate = self.clock_rate;
        let Some(press) = self.press.as_mut().filter(|p| is_end && !p.has_ended) else {
            return;
        };
        press.has_ended = true;
        let units = u64::from(press.earlier) + u64::from(press.duration);
        let event = TelephoneEvent::Released {
            digit: press.digit,
            duration: Duration::from_micros(units * 1_000_000 / u64::from(clock_rate)),
        };
        self.push(event);
    }

    fn push(&mut self, event: TelephoneEvent) {
        if self.events.len() < EVENTS_QUEUED_MAX {
            self.events.push_back(event);
        }
    }
}

impl Press {
    /// Whether a packet is a straggler of a press before this one. A timestamp far behind is
    /// that of another source.
    fn is_older(&self, timestamp: u32, clock_rate: u32) -> bool {
        let behind = self.timestamp.wrapping_sub(timestamp);
        behind > 0 && behind <= clock_rate.saturating_mul(STRAGGLER_SECONDS)
    }

    /// Whether a packet belongs to this press: it has its timestamp, is its next segment, or
    /// begins before it is over. Some gateways count the timestamp up within a press.
    fn continues(&self, digit: Digit, timestamp: u32) -> bool {
        let ahead = timestamp.wrapping_sub(self.timestamp);
        let is_next_segment = ahead == SEGMENT_DURATION_MAX && !self.has_ended;
        digit == self.digit && (is_next_segment || ahead <= self.duration)
    }

    fn take(&mut self, payload: EventPayload, timestamp: u32, now: Instant) {
        if timestamp.wrapping_sub(self.timestamp) == SEGMENT_DURATION_MAX {
            self.earlier = self.earlier.saturating_add(SEGMENT_DURATION_MAX);
            self.duration = 0;
        }
        self.timestamp = timestamp;
        self.duration = self.duration.max(payload.duration.into());
        self.last_packet = now;
    }
}

/// A packet of an event that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// The marker, set on the first packet of a press.
    pub marker: bool,
    /// The timestamp of the press.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; PAYLOAD_BYTES],
}

/// Sends digits one after the other: asked once for each packet time, it gives one packet.
#[derive(Clone, Debug)]
pub struct EventGenerator {
    /// Timestamp units of a second and of a packet.
    clock_rate: u32,
    packet_units: u32,
    queue: VecDeque<(Digit, Duration)>,
    tone: Option<Tone>,
    /// Packet times of pause that are left.
    pause_packets: u32,
}

#[derive(Clone, Copy, Debug)]
struct Tone {
    digit: Digit,
    /// The timestamp of the segment.
    timestamp: u32,
    /// Units of the segment so far, and of the whole tone that are left.
    duration: u32,
    left: u32,
    is_first: bool,
    end_packets: u8,
}

impl EventGenerator {
    /// A generator for a clock rate in Hz, asked every `packet_time`.
    pub fn new(clock_rate: u32, packet_time: Duration) -> Self {
        let mut generator = Self {
            clock_rate,
            packet_units: 0,
            queue: VecDeque::new(),
            tone: None,
            pause_packets: 0,
        };
        generator.packet_units = generator.units(packet_time).max(1);
        generator
    }

    /// Puts a digit behind those that wait. `false` when [`DIGITS_QUEUED_MAX`] wait.
    ///
    /// The duration is kept between 40 ms and 8 s.
    pub fn press(&mut self, digit: Digit, duration: Duration) -> bool {
        if self.queue.len() >= DIGITS_QUEUED_MAX {
            return false;
        }
        let duration = duration.clamp(DURATION_MIN, DURATION_MAX);
        self.queue.push_back((digit, duration));
        true
    }

    /// Whether a digit is being sent or waits. Speech pauses meanwhile.
    pub fn is_active(&self) -> bool {
        self.tone.is_some() || !self.queue.is_empty()
    }

    /// The packet for this packet time; `timestamp` is the stream's at its beginning.
    pub fn poll_packet(&mut self, timestamp: u32) -> Option<EventPacket> {
        if self.tone.is_none() {
            if self.pause_packets > 0 {
                self.pause_packets -= 1;
                return None;
            }
            let (digit, duration) = self.queue.pop_front()?;
            self.tone = Some(Tone {
                digit,
                timestamp,
                duration: 0,
                left: self.units(duration),
                is_first: true,
                end_packets: 0,
            });
        }
        let packet_units = self.packet_units;
        let tone = self.tone.as_mut()?;
        let packet = tone.next_packet(packet_units);
        if tone.end_packets == END_PACKETS {
            self.tone = None;
            self.pause_packets = self.units(PAUSE).div_ceil(packet_units);
        }
        Some(packet)
    }

    fn units(&self, time: Duration) -> u32 {
        (time.as_micros() as u64 * u64::from(self.clock_rate) / 1_000_000) as u32
    }
}

impl Tone {
    /// A segment that is full is told as such before the next begins (RFC 4733 2.5.1.3).
    fn next_packet(&mut self, packet_units: u32) -> EventPacket {
        let marker = std::mem::take(&mut self.is_first);
        let step = packet_units.min(self.left);
        self.duration += step;
        self.left -= step;
        let timestamp = self.timestamp;
        let (duration, end) = match u16::try_from(self.duration) {
            Ok(duration) => (duration, self.left == 0),
            Err(_) => {
                self.timestamp = timestamp.wrapping_add(SEGMENT_DURATION_MAX);
                self.duration -= SEGMENT_DURATION_MAX;
                (u16::MAX, false)
            }
        };
        self.end_packets += u8::from(end);
        let payload = EventPayload { event: self.digit.event(), end, volume: VOLUME, duration };
        EventPacket { marker, timestamp, payload: payload.to_bytes() }
    }
}
