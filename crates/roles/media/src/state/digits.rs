//! DTMF on its way to a party: as events (RFC 4733), or as tones where the party takes no events.

use super::agreed::{EventFormat, FRAME_MS};
use offhook_audio::{Tone, ToneGenerator};
use offhook_rtp::{DIGITS_QUEUED_MAX, Digit, EventGenerator, EventPacket};
use std::collections::VecDeque;
use std::time::Duration;

/// The level of each of a digit's two tones, in dBm0.
const TONE_DBM0: f64 = -9.0;
/// The shortest and the longest tone.
const TONE_MIN: Duration = Duration::from_millis(60);
const TONE_MAX: Duration = Duration::from_secs(8);
/// Frames of silence behind a tone.
const PAUSE_FRAMES: u32 = 3;

/// Digits that are being sent or wait.
#[derive(Debug, Default)]
pub(crate) struct DigitSender {
    events: Option<(EventFormat, EventGenerator)>,
    tones: Tones,
}

#[derive(Debug, Default)]
struct Tones {
    queue: VecDeque<(Digit, u32)>,
    sounding: Option<Sounding>,
    pause_frames: u32,
}

#[derive(Debug)]
struct Sounding {
    generator: ToneGenerator,
    rate: u32,
    digit: Digit,
    frames_left: u32,
}

/// What a frame's time is used for.
#[derive(Debug)]
pub(crate) enum DigitFrame {
    /// This event packet, under this payload type.
    Event { payload_type: u8, packet: EventPacket },
    /// The frame was filled with a tone or with the silence behind it.
    Tone,
    /// Nothing is sent, so that two digits stay apart.
    Pause,
}

impl DigitSender {
    /// Puts a digit behind those that wait. `format` is that of the party's events, if it takes any.
    pub(crate) fn press(&mut self, digit: Digit, duration: Duration, format: Option<EventFormat>) {
        let is_queued = match format {
            Some(format) => self.events(format).press(digit, duration),
            None => self.tones.press(digit, duration),
        };
        if !is_queued {
            tracing::debug!("too many digits wait");
        }
    }

    /// The generator of this format; another format's queue is given up with it.
    fn events(&mut self, format: EventFormat) -> &mut EventGenerator {
        let is_same = |made: &(EventFormat, EventGenerator)| made.0 == format;
        if !self.events.as_ref().is_some_and(is_same) {
            self.events = None;
        }
        let made = || {
            let frame = Duration::from_millis(u64::from(FRAME_MS));
            (format, EventGenerator::new(format.clock_rate, frame))
        };
        &mut self.events.get_or_insert_with(made).1
    }

    /// Whether speech has to wait.
    pub(crate) fn is_active(&self) -> bool {
        self.events.as_ref().is_some_and(|(_, generator)| generator.is_active())
            || self.tones.is_active()
    }

    /// Uses a frame's time. `timestamp` is the stream's; `frame` is one frame at `rate` samples per second.
    pub(crate) fn next_frame(
        &mut self,
        timestamp: u32,
        rate: u32,
        frame: &mut [i16],
    ) -> DigitFrame {
        if let Some((format, generator)) = self.events.as_mut().filter(|made| made.1.is_active()) {
            let payload_type = format.payload_type;
            let packet = generator.poll_packet(timestamp);
            return packet
                .map_or(DigitFrame::Pause, |packet| DigitFrame::Event { payload_type, packet });
        }
        self.tones.next_frame(rate, frame);
        DigitFrame::Tone
    }
}

impl Tones {
    fn press(&mut self, digit: Digit, duration: Duration) -> bool {
        let duration = duration.clamp(TONE_MIN, TONE_MAX);
        let frames = u32::try_from(duration.as_millis()).unwrap_or(FRAME_MS).div_ceil(FRAME_MS);
        let has_room = self.queue.len() < DIGITS_QUEUED_MAX;
        if has_room {
            self.queue.push_back((digit, frames));
        }
        has_room
    }

    fn is_active(&self) -> bool {
        self.sounding.is_some() || !self.queue.is_empty() || self.pause_frames > 0
    }

    fn next_frame(&mut self, rate: u32, frame: &mut [i16]) {
        if self.pause_frames > 0 {
            self.pause_frames -= 1;
            return frame.fill(0);
        }
        let next = || Sounding::new(self.queue.pop_front()?, rate);
        let Some(mut sounding) = self.sounding.take().or_else(next) else {
            return frame.fill(0);
        };
        sounding.set_rate(rate);
        sounding.generator.fill(frame);
        sounding.frames_left -= 1;
        if sounding.frames_left == 0 {
            self.pause_frames = PAUSE_FRAMES;
        } else {
            self.sounding = Some(sounding);
        }
    }
}

impl Sounding {
    fn new((digit, frames_left): (Digit, u32), rate: u32) -> Option<Self> {
        let tones = Tone::dtmf(digit.as_char(), TONE_DBM0)?;
        Some(Self { generator: ToneGenerator::new(rate, &tones), rate, digit, frames_left })
    }

    fn set_rate(&mut self, rate: u32) {
        if rate != self.rate
            && let Some(again) = Self::new((self.digit, self.frames_left), rate)
        {
            *self = again;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::{DtmfDetector, DtmfEvent};
    use offhook_rtp::EventPayload;

    fn digit(key: char) -> Digit {
        Digit::from_char(key).expect("a key")
    }

    #[test]
    fn digits_become_tones_that_a_detector_hears_one_by_one() {
        for rate in [8_000, 16_000] {
            let mut sender = DigitSender::default();
            for key in "1#D".chars() {
                sender.press(digit(key), Duration::from_millis(100), None);
            }
            let mut detector = DtmfDetector::new(rate);
            let mut heard = String::new();
            let mut frame = vec![0; rate as usize / 50];
            while sender.is_active() {
                assert!(matches!(sender.next_frame(0, rate, &mut frame), DigitFrame::Tone));
                detector.handle_samples(&frame);
                while let Some(event) = detector.poll_output() {
                    if let DtmfEvent::Started(key) = event {
                        heard.push(key);
                    }
                }
            }
            assert_eq!(heard, "1#D", "at {rate} Hz");
        }
    }

    #[test]
    fn digits_become_events_where_the_party_takes_them() {
        let format = EventFormat { payload_type: 101, clock_rate: 48_000 };
        let mut sender = DigitSender::default();
        sender.press(digit('5'), Duration::from_millis(100), Some(format));
        let mut last = None;
        while sender.is_active() {
            let frame = sender.next_frame(7, 8_000, &mut []);
            let DigitFrame::Event { payload_type: 101, packet } = frame else {
                panic!("{frame:?} is no event");
            };
            assert_eq!((packet.timestamp, packet.marker), (7, last.is_none()));
            last = EventPayload::parse(&packet.payload);
        }
        let last = last.expect("packets were sent");
        assert_eq!((last.event, last.end, last.duration), (5, true, 4_800));
    }
}
