//! Keys heard as tones in what a party says.

use offhook_audio::{Codec, Decoder, DtmfDetector, DtmfEvent};
use offhook_rtp::{Digit, RtpPacket};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Samples of the longest packet that is decoded.
const PACKET_SAMPLES_MAX: usize = 5_760;
/// A tone of which nothing more comes has ended.
const SILENCE_AFTER: Duration = Duration::from_millis(150);
/// How much silence the detector is given then: two of its blocks and a part of a third.
const SILENCE_MS: u32 = 40;
/// A number this far behind is that of another stream and not of a late packet.
const MISORDER_MAX: i16 = 100;
/// How long after a tone what is played late of it may still be heard.
const TAIL: Duration = Duration::from_millis(60);

/// When keys are listened for in what a party says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InbandDtmf {
    /// Never: no party's audio is decoded for it.
    Never,
    /// When the party and we have agreed on no telephone-event (RFC 4733).
    #[default]
    Needed,
    /// Always, which costs the decoding of every stream.
    Always,
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InbandKey {
    Pressed(Digit),
    Released { digit: Digit, duration: Duration },
}

/// Decodes packets as they come and listens for tones.
///
/// A late packet and one that comes twice are left out, and a lost one leaves no gap: a tone with a piece
/// missing is still one press.
#[derive(Debug)]
pub(crate) struct InbandDetector {
    codec: Codec,
    decoder: Decoder,
    detector: DtmfDetector,
    /// The source and the highest number of what was decoded.
    last: Option<(u32, u16)>,
    last_packet: Option<Instant>,
    is_sounding: bool,
    ended: Option<Instant>,
    keys: VecDeque<InbandKey>,
}

impl InbandDetector {
    /// `None` when the codec's library fails.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        Some(Self {
            codec,
            decoder: Decoder::new(codec).ok()?,
            detector: DtmfDetector::new(codec.sample_rate()),
            last: None,
            last_packet: None,
            is_sounding: false,
            ended: None,
            keys: VecDeque::new(),
        })
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes a packet of speech.
    pub(crate) fn put(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        if !self.is_next(packet.ssrc, packet.sequence_number) {
            return;
        }
        self.last = Some((packet.ssrc, packet.sequence_number));
        self.last_packet = Some(now);
        let mut pcm = [0; PACKET_SAMPLES_MAX];
        if let Ok(samples) = self.decoder.decode(packet.payload, &mut pcm) {
            self.listen(&pcm[..samples], now);
        }
    }

    fn is_next(&self, ssrc: u32, sequence_number: u16) -> bool {
        let Some((_, last)) = self.last.filter(|last| last.0 == ssrc) else { return true };
        let ahead = sequence_number.wrapping_sub(last) as i16;
        !(-MISORDER_MAX..=0).contains(&ahead)
    }

    fn listen(&mut self, pcm: &[i16], now: Instant) {
        self.detector.handle_samples(pcm);
        while let Some(event) = self.detector.poll_output() {
            self.is_sounding = matches!(event, DtmfEvent::Started(_));
            let key = match event {
                DtmfEvent::Started(key) => Digit::from_char(key).map(InbandKey::Pressed),
                DtmfEvent::Ended { digit, duration_ms } => {
                    self.ended = Some(now);
                    let duration = Duration::from_millis(duration_ms.into());
                    Digit::from_char(digit).map(|digit| InbandKey::Released { digit, duration })
                }
            };
            self.keys.extend(key);
        }
    }

    /// Ends a tone of which nothing more comes.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            let samples = self.codec.sample_rate() * SILENCE_MS / 1_000;
            for _ in 0..samples / 80 {
                self.listen(&[0; 80], now);
            }
            self.is_sounding = false;
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.last_packet.filter(|_| self.is_sounding).map(|last| last + SILENCE_AFTER)
    }

    pub(crate) fn poll_key(&mut self) -> Option<InbandKey> {
        self.keys.pop_front()
    }

    /// Whether there is something to ask for or to wait for.
    pub(crate) fn is_active(&self) -> bool {
        self.is_sounding || !self.keys.is_empty()
    }

    /// Whether what the party says at this instant is a tone, or the rest of one.
    pub(crate) fn is_heard(&self, now: Instant) -> bool {
        self.is_sounding
            || self.detector.is_suspecting()
            || self.ended.is_some_and(|ended| now < ended + TAIL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::{Encoder, Tone, ToneGenerator};
    use offhook_rtp::RtpHeader;

    const FRAME: Duration = Duration::from_millis(20);

    /// The payloads of tones of 100 ms with pauses of 100 ms.
    fn pressed(keys: &str, codec: Codec) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(codec).expect("a codec");
        let mut payloads = Vec::new();
        for key in keys.chars() {
            let tones = Tone::dtmf(key, -10.0).expect("a key");
            let mut generator = ToneGenerator::new(codec.sample_rate(), &tones);
            for frame in 0..10 {
                let mut pcm = vec![0; codec.frame_samples(20)];
                if frame < 5 {
                    generator.fill(&mut pcm);
                }
                let mut payload = [0; 1_400];
                let length = encoder.encode(&pcm, &mut payload).expect("a frame");
                payloads.push(payload[..length].to_vec());
            }
        }
        payloads
    }

    fn heard(codec: Codec, packets: impl Iterator<Item = (u16, Vec<u8>)>) -> String {
        let mut detector = InbandDetector::new(codec).expect("a codec");
        let (mut now, mut keys) = (Instant::now(), String::new());
        let mut drain = |detector: &mut InbandDetector| {
            while let Some(key) = detector.poll_key() {
                if let InbandKey::Released { digit, .. } = key {
                    keys.push(digit.as_char());
                }
            }
        };
        for (sequence_number, payload) in packets {
            let timestamp = u32::from(sequence_number) * codec.frame_ticks(20);
            let header =
                RtpHeader { marker: false, payload_type: 0, sequence_number, timestamp, ssrc: 1 };
            let mut bytes = [0; 1_500];
            let length = header.write_packet(&payload, &mut bytes).expect("there is room");
            now += FRAME;
            detector.put(&RtpPacket::parse(&bytes[..length]).expect("a packet"), now);
            drain(&mut detector);
        }
        detector.handle_timeout(now + SILENCE_AFTER);
        drain(&mut detector);
        assert_eq!(detector.poll_timeout(), None);
        keys
    }

    fn numbered(payloads: Vec<Vec<u8>>) -> Vec<(u16, Vec<u8>)> {
        (65_500_u16..=u16::MAX).chain(0..).zip(payloads).collect()
    }

    #[test]
    fn every_codec_carries_every_key() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            let packets = numbered(pressed("0123456789*#ABCD", codec));
            assert_eq!(heard(codec, packets.into_iter()), "0123456789*#ABCD", "{codec:?}");
        }
    }

    #[test]
    fn lost_late_and_doubled_packets_change_no_digit() {
        let keys = "15590#";
        let packets = numbered(pressed(keys, Codec::Pcmu));
        for lost in 0..10 {
            let left = packets.iter().enumerate().filter(|(at, _)| at % 10 != lost);
            let left = left.map(|(_, packet)| packet.clone());
            assert_eq!(heard(Codec::Pcmu, left), keys, "every tenth is lost, from {lost}");
        }
        for swapped in 0..9 {
            let mut late = packets.clone();
            for at in (swapped..late.len() - 1).step_by(10) {
                late.swap(at, at + 1);
            }
            assert_eq!(heard(Codec::Pcmu, late.into_iter()), keys, "swapped at {swapped}");
        }
        let doubled = packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]);
        assert_eq!(heard(Codec::Pcmu, doubled), keys);
    }

    #[test]
    fn a_tone_after_which_nothing_comes_ends_by_time() {
        let mut packets = numbered(pressed("7", Codec::Pcma));
        packets.truncate(5);
        assert_eq!(heard(Codec::Pcma, packets.into_iter()), "7");
    }
}
