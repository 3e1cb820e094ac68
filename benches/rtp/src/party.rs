//! One end of a call: the stream that it sends and the one that it expects.

use crate::latency::Latencies;
use anyhow::Result;
use offhook_audio::{Codec, Decoder, Encoder, Tone, ToneGenerator, level};
use offhook_rtp::{RtpHeader, RtpPacket, SrtpReceiver, SrtpSender};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

/// Frames of sound that are repeated.
const FRAMES: usize = 64;
/// Packets whose time of sending is remembered: 1.3 s.
const REMEMBERED: usize = 64;
/// Milliseconds of a frame.
const FRAME_MS: u32 = 20;
/// The level of the two tones that are sent, in dBm0, and the one from which on sound is taken for theirs.
const TONE_DBM0: f64 = -10.0;
const HEARD_DBM0: f64 = -30.0;
/// Samples of a frame at the highest rate, with room to spare.
const FRAME_SAMPLES_MAX: usize = 5_760;

/// Encoded frames of two tones, made once for all parties.
pub struct Sounds {
    pcmu: Rc<[Vec<u8>]>,
    pcma: Rc<[Vec<u8>]>,
    opus: Rc<[Vec<u8>]>,
}

impl Sounds {
    /// Encodes them.
    pub fn new() -> Result<Self> {
        let (pcmu, pcma) = (frames(Codec::Pcmu)?, frames(Codec::Pcma)?);
        Ok(Self { pcmu, pcma, opus: frames(Codec::Opus)? })
    }

    fn of(&self, codec: Codec) -> Rc<[Vec<u8>]> {
        Rc::clone(match codec {
            Codec::Pcma => &self.pcma,
            Codec::Opus => &self.opus,
            _ => &self.pcmu,
        })
    }
}

fn frames(codec: Codec) -> Result<Rc<[Vec<u8>]>> {
    let tone = |hz| Tone { hz, dbm0: TONE_DBM0 };
    let mut tones = ToneGenerator::new(codec.sample_rate(), &[tone(450.0), tone(1_150.0)]);
    let mut encoder = Encoder::new(codec)?;
    let mut pcm = vec![0; codec.frame_samples(FRAME_MS)];
    let frame = |_| {
        tones.fill(&mut pcm);
        let mut payload = vec![0; 1_300];
        let length = encoder.encode(&pcm, &mut payload)?;
        payload.truncate(length);
        Ok(payload)
    };
    Ok((0..FRAMES).map(frame).collect::<Result<Vec<_>>>()?.into())
}

/// SRTP of a party, if it speaks that.
pub struct Keys {
    /// What it sends with.
    pub send: SrtpSender,
    /// What the proxy sends to it with.
    pub receive: SrtpReceiver,
}

/// How a packet that comes is found to be one that was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Recognition {
    /// The payload passes unchanged: its first two bytes are the sequence number that was sent.
    Payload,
    /// The payload is transcoded: the first packet with the tones in it was the first that was sent, and
    /// the sequence numbers go on from there.
    Sound,
}

/// One end of a call.
pub struct Party {
    /// Where its packets go.
    pub destination: SocketAddrV4,
    /// Packets sent while it counted.
    pub sent: u64,
    /// Those of them that came out at the other end.
    pub received: u64,
    /// Packets that failed authentication.
    pub refused: u64,
    codec: Codec,
    payload_type: u8,
    frames: Rc<[Vec<u8>]>,
    keys: Option<Keys>,
    recognition: Recognition,
    header: RtpHeader,
    first_sequence_number: u16,
    remembered: [Remembered; REMEMBERED],
    /// What is added to the partner's sequence numbers on their way.
    offset: Option<u16>,
}

#[derive(Clone, Copy, Default)]
struct Remembered {
    sequence_number: u16,
    sent_at: Duration,
    is_awaited: bool,
}

impl Party {
    /// A party that has not sent anything. `number` tells it apart from others.
    pub fn new(
        number: usize,
        (codec, payload_type): (Codec, u8),
        keys: Option<Keys>,
        recognition: Recognition,
        destination: SocketAddrV4,
        sounds: &Sounds,
    ) -> Self {
        let low = u16::try_from(number % 30_000).expect("it is below 30,000");
        let header = RtpHeader {
            payload_type,
            sequence_number: 1_000 + low,
            timestamp: u32::from(low) * 160,
            ssrc: 0x0001_0000 + u32::from(low),
            ..RtpHeader::default()
        };
        Self {
            destination,
            sent: 0,
            received: 0,
            refused: 0,
            codec,
            payload_type,
            frames: sounds.of(codec),
            keys,
            recognition,
            header,
            first_sequence_number: header.sequence_number,
            remembered: [Remembered::default(); REMEMBERED],
            offset: None,
        }
    }

    /// Writes the next packet; its length.
    pub fn next_packet(&mut self, buffer: &mut [u8], sent_at: Duration, counts: bool) -> usize {
        let sequence_number = self.header.sequence_number;
        let payload = &self.frames[usize::from(sequence_number) % FRAMES];
        let length = self.header.write_packet(payload, buffer).expect("the buffer has room");
        if self.recognition == Recognition::Payload {
            buffer[12..14].copy_from_slice(&sequence_number.to_be_bytes());
        }
        self.remembered[usize::from(sequence_number) % REMEMBERED] =
            Remembered { sequence_number, sent_at, is_awaited: counts };
        self.sent += u64::from(counts);
        self.header.sequence_number = sequence_number.wrapping_add(1);
        let ticks = self.codec.frame_ticks(FRAME_MS);
        self.header.timestamp = self.header.timestamp.wrapping_add(ticks);
        match &mut self.keys {
            Some(keys) => keys.send.protect_rtp(buffer, length).expect("numbers only go up"),
            None => length,
        }
    }

    /// Takes what came for this party, which the `sender` sent.
    pub fn handle_packet(
        &mut self,
        packet: &mut [u8],
        received_at: Duration,
        sender: &mut Self,
        latencies: Option<&mut Latencies>,
    ) {
        let is_rtcp = matches!(packet.get(1), Some(192..=223));
        if is_rtcp {
            return;
        }
        let length = match &mut self.keys {
            Some(keys) => match keys.receive.unprotect_rtp(packet) {
                Ok(length) => length,
                Err(_) => return self.refused += 1,
            },
            None => packet.len(),
        };
        let Ok(packet) = RtpPacket::parse(&packet[..length]) else { return };
        if packet.payload_type != self.payload_type {
            return;
        }
        let Some(sequence_number) = self.sent_as(&packet, sender) else { return };
        let remembered = &mut sender.remembered[usize::from(sequence_number) % REMEMBERED];
        if remembered.sequence_number != sequence_number || !remembered.is_awaited {
            return;
        }
        remembered.is_awaited = false;
        self.received += 1;
        if let Some(latencies) = latencies {
            latencies.note(received_at.saturating_sub(remembered.sent_at));
        }
    }

    /// The sequence number under which the sender sent it.
    fn sent_as(&mut self, packet: &RtpPacket<'_>, sender: &Self) -> Option<u16> {
        if self.recognition == Recognition::Payload {
            return packet.payload.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
        }
        if self.offset.is_none() && has_sound(self.codec, packet.payload) {
            let offset = packet.sequence_number.wrapping_sub(sender.first_sequence_number);
            self.offset = Some(offset);
        }
        self.offset.map(|offset| packet.sequence_number.wrapping_sub(offset))
    }
}

fn has_sound(codec: Codec, payload: &[u8]) -> bool {
    let mut pcm = [0; FRAME_SAMPLES_MAX];
    let decoded = Decoder::new(codec).and_then(|mut decoder| decoder.decode(payload, &mut pcm));
    decoded.is_ok_and(|samples| level::dbm0(&pcm[..samples]) > HEARD_DBM0)
}

/// Which party a packet from the proxy is for, by the port that it came from.
pub struct Destinations {
    by_port: Vec<Option<u32>>,
}

impl Destinations {
    /// Parties by the proxy's ports that they send to.
    pub fn new(parties: &[Party]) -> Self {
        let mut by_port = vec![None; 1 << 16];
        for (number, party) in parties.iter().enumerate() {
            let port = usize::from(party.destination.port());
            by_port[port] = u32::try_from(number).ok();
        }
        Self { by_port }
    }

    /// The number of the party.
    pub fn receiver(&self, source: SocketAddrV4) -> Option<usize> {
        if *source.ip() != Ipv4Addr::LOCALHOST {
            return None;
        }
        self.by_port[usize::from(source.port())].and_then(|party| usize::try_from(party).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 30_000);

    fn party(number: usize, recognition: Recognition, sounds: &Sounds) -> Party {
        Party::new(number, (Codec::Pcmu, 0), None, recognition, PROXY, sounds)
    }

    #[test]
    fn a_packet_counts_once_and_its_latency_is_the_time_between() {
        let sounds = Sounds::new().unwrap();
        for recognition in [Recognition::Payload, Recognition::Sound] {
            let mut sender = party(0, recognition, &sounds);
            let mut receiver = party(1, recognition, &sounds);
            let mut latencies = Latencies::default();
            let mut buffer = [0; 400];
            let begun = Duration::from_secs(1);
            for frame in 0..10 {
                let sent_at = begun + Duration::from_millis(20) * frame;
                let length = sender.next_packet(&mut buffer, sent_at, frame > 4);
                // The proxy numbers by itself.
                buffer[2..4].copy_from_slice(&u16::try_from(frame).unwrap().to_be_bytes());
                for _ in 0..2 {
                    let at = sent_at + Duration::from_micros(250);
                    let packet = &mut buffer[..length];
                    receiver.handle_packet(packet, at, &mut sender, Some(&mut latencies));
                }
            }
            assert_eq!((sender.sent, receiver.received, latencies.count()), (5, 5, 5));
            assert_eq!(latencies.percentile_us(0.5), 250);
        }
    }
}
