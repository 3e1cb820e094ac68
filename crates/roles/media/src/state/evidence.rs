//! What a leg has seen of its party, and why it was not heard, when it was not.

use super::agreed::Agreed;
use offhook_audio::codec::MAX_FRAME_SAMPLES;
use offhook_audio::{Codec, Decoder};
use offhook_model::AudioVerdict;
use offhook_rtc::{Refusal, Remote};
use offhook_rtp::RtpPacket;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A party has this long before its silence is a fault.
const PATIENCE: Duration = Duration::from_secs(3);
/// Of so many packets of speech one is looked into.
const LOOK_EVERY: u64 = 50;
/// Packets that were looked into before all of them are called silent: about eight seconds.
const LOOKS_MIN: u64 = 8;
/// A sample of 16 bits that is not above this is silence: 60 dB below the loudest.
const SILENCE_PEAK: u16 = 33;
/// Addresses of the party that are remembered.
const ADDRESSES_MAX: usize = 8;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Since when the party may speak, as the last agreement says.
    speaks_since: Option<Instant>,
    /// The addresses that its description names.
    described: Vec<SocketAddr>,
    uses_ice: bool,
    /// Where its packets came from last.
    heard_from: Option<SocketAddr>,
    received: u64,
    looks: u64,
    sounds: u64,
    ice_failed: bool,
    dtls_failed: Option<String>,
    other_source: Option<(SocketAddr, u64)>,
    other_type: Option<(u8, u64)>,
    wrong_keys: u64,
}

impl Evidence {
    /// A description is in force.
    pub(crate) fn handle_agreement(&mut self, agreed: &Agreed, remote: &Remote, now: Instant) {
        self.note_addresses(remote);
        self.speaks_since = agreed.receives().then(|| self.speaks_since.unwrap_or(now));
    }

    /// What the party sends is passed on without being looked at from here on.
    pub(crate) fn handle_opaque_agreement(&mut self, remote: &Remote) {
        self.note_addresses(remote);
        self.speaks_since = None;
    }

    /// Something came that is passed on.
    pub(crate) fn handle_passed_on(&mut self) {
        self.received += 1;
    }

    fn note_addresses(&mut self, remote: &Remote) {
        self.uses_ice = remote.ice.is_some();
        let candidates = remote.ice.iter().flat_map(|ice| ice.candidates.iter().copied());
        self.described = match self.uses_ice {
            true => candidates.take(ADDRESSES_MAX).collect(),
            false => remote.rtp.into_iter().collect(),
        };
    }

    /// A packet of speech came that was agreed on. Some are looked into, until one of them holds a sound.
    pub(crate) fn handle_speech(&mut self, packet: &RtpPacket<'_>, codec: Codec) {
        self.received += 1;
        let has_sounded = self.sounds > 0;
        if has_sounded || !self.received.is_multiple_of(LOOK_EVERY) {
            return;
        }
        if let Some(is_silent) = is_silent(packet.payload, codec) {
            self.looks += 1;
            self.sounds += u64::from(!is_silent);
        }
    }

    /// A packet that was not refused came from there.
    pub(crate) fn handle_source(&mut self, source: SocketAddr) {
        self.heard_from = Some(source);
    }

    /// A datagram was dropped. Its header is in the clear whatever its protection.
    pub(crate) fn handle_refused(&mut self, refusal: Refusal, source: SocketAddr, bytes: &[u8]) {
        let is_rtp = bytes.len() >= 12 && bytes[0] >> 6 == 2 && !(192..=223).contains(&bytes[1]);
        if !is_rtp {
            return;
        }
        match refusal {
            Refusal::Source => {
                let count = self.other_source.map_or(0, |(_, count)| count);
                self.other_source = Some((source, count + 1));
            }
            Refusal::Unexpected => {
                let count = self.other_type.map_or(0, |(_, count)| count);
                self.other_type = Some((bytes[1] & 0x7F, count + 1));
            }
            Refusal::Authentication => self.wrong_keys += 1,
            Refusal::Malformed | Refusal::Replay => {}
        }
    }

    pub(crate) fn handle_ice_failed(&mut self) {
        self.ice_failed = true;
    }

    pub(crate) fn handle_dtls_failed(&mut self, reason: String) {
        self.dtls_failed = Some(reason);
    }

    /// Why the party was not heard; `None` when it was, or when it is too early to tell. `ours` is the
    /// address that we have named to it.
    pub(crate) fn verdict(
        &self,
        agreed: Option<&Agreed>,
        packets_sent: u64,
        ours: IpAddr,
        now: Instant,
    ) -> Option<AudioVerdict> {
        if let Some(reason) = &self.dtls_failed {
            return Some(AudioVerdict::DtlsFailed { reason: reason.clone() });
        }
        if self.ice_failed && self.received == 0 {
            let unreachable =
                || AudioVerdict::UnreachableCandidates { tried: self.described.clone() };
            return Some(self.private_address(ours).unwrap_or_else(unreachable));
        }
        let waited = now.saturating_duration_since(self.speaks_since?);
        if waited < PATIENCE {
            return None;
        }
        self.refused(agreed).or_else(|| {
            if self.received > 0 {
                return self.silence();
            }
            let nothing = || AudioVerdict::NothingReceived {
                sent_to: self.heard_from.or(self.described.first().copied()),
                packets_sent,
                seconds: waited.as_secs(),
            };
            Some(self.private_address(ours).unwrap_or_else(nothing))
        })
    }

    /// More was refused than was taken.
    fn refused(&self, agreed: Option<&Agreed>) -> Option<AudioVerdict> {
        if let Some((seen, packets)) = self.other_source.filter(|other| other.1 > self.received) {
            let expected = self.heard_from.or(self.described.first().copied());
            return Some(AudioVerdict::WrongSource { expected, seen, packets });
        }
        if let Some((payload_type, packets)) = self.other_type.filter(|o| o.1 > self.received) {
            let agreed = agreed?.codec.encoding_name().to_owned();
            return Some(AudioVerdict::CodecMismatch { payload_type, packets, agreed });
        }
        let packets = self.wrong_keys;
        (packets > self.received).then_some(AudioVerdict::WrongKeys { packets })
    }

    fn silence(&self) -> Option<AudioVerdict> {
        let is_silent = self.looks >= LOOKS_MIN && self.sounds == 0;
        is_silent.then_some(AudioVerdict::SilentSender { packets: self.received })
    }

    /// Private addresses are a fault only where they are not ours as well.
    fn private_address(&self, ours: IpAddr) -> Option<AudioVerdict> {
        let all_private = self.described.iter().all(|address| is_private(address.ip()));
        let is_fault = all_private && !self.described.is_empty() && !is_private(ours);
        is_fault.then(|| AudioVerdict::PrivateAddress { addresses: self.described.clone() })
    }
}

/// Whether the payload holds silence. It is decoded by itself, which is near enough to tell.
fn is_silent(payload: &[u8], codec: Codec) -> Option<bool> {
    let mut pcm = [0; MAX_FRAME_SAMPLES];
    let samples = Decoder::new(codec).ok()?.decode(payload, &mut pcm).ok()?;
    Some(pcm[..samples].iter().all(|sample| sample.unsigned_abs() <= SILENCE_PEAK))
}

/// Addresses that no other network reaches (RFC 1918, RFC 3927, RFC 4193, RFC 6598).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::{Encoder, Tone, ToneGenerator};

    #[test]
    fn addresses_that_nobody_else_reaches_are_private() {
        let private = [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.0.9",
            "100.64.0.1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "127.0.0.1",
        ];
        for text in private {
            assert!(is_private(text.parse().expect("an address")), "{text}");
        }
        for text in ["198.51.100.1", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!is_private(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn silence_is_seen_in_the_payload() {
        assert_eq!(is_silent(&[0xFF; 160], Codec::Pcmu), Some(true));
        assert_eq!(is_silent(&[0xD5; 160], Codec::Pcma), Some(true));
        assert_eq!(is_silent(&[0x20; 160], Codec::Pcmu), Some(false));
        for codec in [Codec::Pcma, Codec::G722, Codec::Opus] {
            let mut encoder = Encoder::new(codec).expect("a codec");
            let mut generator =
                ToneGenerator::new(codec.sample_rate(), &[Tone { hz: 440.0, dbm0: -30.0 }]);
            for frame in 0..100 {
                let mut pcm = vec![0; codec.frame_samples(20)];
                let sounds = frame >= 50;
                if sounds {
                    generator.fill(&mut pcm);
                }
                let mut payload = [0; 1_400];
                let length = encoder.encode(&pcm, &mut payload).expect("a frame");
                if frame % 50 >= 5 {
                    let found = is_silent(&payload[..length], codec);
                    assert_eq!(found, Some(!sounds), "{codec:?}, frame {frame}");
                }
            }
        }
    }
}
