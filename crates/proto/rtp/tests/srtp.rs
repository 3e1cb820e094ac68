//! SRTP between a sender and a receiver: wrap of the numbers, replay, tampering, limits.

use offhook_rtp::{
    PROTECTION_BYTES_MAX, REPLAY_WINDOW_PACKETS, RtpHeader, SRTP_STREAMS_MAX, SrtpError,
    SrtpProfile, SrtpReceiver, SrtpSender,
};
use proptest::prelude::*;

const PROFILES: [SrtpProfile; 6] = [
    SrtpProfile::AesCm128HmacSha1_80,
    SrtpProfile::AesCm128HmacSha1_32,
    SrtpProfile::AesCm256HmacSha1_80,
    SrtpProfile::AesCm256HmacSha1_32,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
];

struct Pair {
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Pair {
    fn new(profile: SrtpProfile) -> Self {
        let key: Vec<u8> =
            (0..profile.key_bytes() + profile.salt_bytes()).map(|i| (i * 29 + 5) as u8).collect();
        Self {
            sender: SrtpSender::new(profile, &key).expect("a key of the right length"),
            receiver: SrtpReceiver::new(profile, &key).expect("a key of the right length"),
        }
    }

    fn protect(&mut self, ssrc: u32, sequence_number: u16) -> Vec<u8> {
        let mut packet = rtp(ssrc, sequence_number);
        let length = packet.len();
        packet.resize(length + PROTECTION_BYTES_MAX, 0);
        let length = self.sender.protect_rtp(&mut packet, length).expect("protected");
        packet.truncate(length);
        packet
    }

    fn unprotect(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let mut packet = packet.to_vec();
        let length = self.receiver.unprotect_rtp(&mut packet)?;
        packet.truncate(length);
        Ok(packet)
    }

    fn protect_rtcp(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut packet = plain.to_vec();
        packet.resize(plain.len() + PROTECTION_BYTES_MAX, 0);
        let length = self.sender.protect_rtcp(&mut packet, plain.len()).expect("protected");
        packet.truncate(length);
        packet
    }

    fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let mut packet = packet.to_vec();
        let length = self.receiver.unprotect_rtcp(&mut packet)?;
        packet.truncate(length);
        Ok(packet)
    }
}

fn rtp(ssrc: u32, sequence_number: u16) -> Vec<u8> {
    let header = RtpHeader {
        sequence_number,
        ssrc,
        payload_type: 8,
        timestamp: u32::from(sequence_number) * 160,
        marker: false,
    };
    let mut packet = vec![0; 172];
    header.write_packet(&[0x5A; 160], &mut packet).expect("room");
    packet
}

const RECEIVER_REPORT: [u8; 16] = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x80, 203, 0, 1, 0, 0, 0, 7];

#[test]
fn packets_come_out_as_they_went_in_and_are_hidden_between() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let plain = rtp(7, 1);
        let protected = pair.protect(7, 1);
        assert_eq!(protected.len(), plain.len() + profile.rtp_tag_bytes());
        assert_eq!(protected[..12], plain[..12]);
        assert!(protected[12..172].windows(4).all(|bytes| bytes != [0x5A; 4]));
        assert_eq!(pair.unprotect(&protected), Ok(plain));
    }
}

#[test]
fn header_extensions_and_sources_stay_in_the_clear() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let head =
            [0x91, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9, 0xBE, 0xDE, 0, 1, 0x10, 0x7F, 0, 0];
        let plain = [&head[..], &[0x5A; 20]].concat();
        let mut packet = plain.clone();
        packet.resize(plain.len() + PROTECTION_BYTES_MAX, 0);
        let length = pair.sender.protect_rtp(&mut packet, plain.len()).unwrap();
        assert_eq!(packet[..head.len()], head);
        assert_ne!(packet[head.len()..plain.len()], plain[head.len()..]);
        assert_eq!(pair.unprotect(&packet[..length]), Ok(plain));
    }
}

#[test]
fn numbers_wrap_with_loss_and_reordering_on_both_sides_of_the_wrap() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let packets: Vec<_> = (0..200_u16)
            .map(|i| 65_436_u16.wrapping_add(i))
            .map(|number| (number, pair.protect(7, number)))
            .collect();
        for pair_of in packets.chunks(2).skip(1).rev().collect::<Vec<_>>().chunks(2).rev() {
            for (number, packet) in pair_of.iter().flat_map(|packets| packets.iter().rev()) {
                assert_eq!(pair.unprotect(packet), Ok(rtp(7, *number)), "{profile:?} {number}");
            }
        }
    }
}

#[test]
fn the_rollover_counter_counts_on() {
    let mut pair = Pair::new(SrtpProfile::AesCm128HmacSha1_80);
    for round in 0..3 {
        for number in (0..=65_535_u16).step_by(16_383) {
            let packet = pair.protect(7, number);
            assert_eq!(pair.unprotect(&packet), Ok(rtp(7, number)), "{round} {number}");
        }
    }
}

#[test]
fn a_packet_is_taken_once() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let first = pair.protect(7, 100);
        assert!(pair.unprotect(&first).is_ok());
        assert_eq!(pair.unprotect(&first), Err(SrtpError::Replayed));
        let too_old = pair.protect(7, 101);
        let skipped = pair.protect(7, 102);
        let newest = pair.protect(7, 101 + REPLAY_WINDOW_PACKETS as u16);
        assert!(pair.unprotect(&newest).is_ok());
        assert_eq!(pair.unprotect(&too_old), Err(SrtpError::Replayed));
        assert!(pair.unprotect(&skipped).is_ok());
        assert_eq!(pair.unprotect(&skipped), Err(SrtpError::Replayed));
    }
}

#[test]
fn no_key_stream_is_used_twice() {
    let mut pair = Pair::new(SrtpProfile::AeadAes128Gcm);
    pair.protect(7, 100);
    let mut again = rtp(7, 100);
    again.resize(172 + PROTECTION_BYTES_MAX, 0);
    assert_eq!(pair.sender.protect_rtp(&mut again, 172), Err(SrtpError::Replayed));
    assert_eq!(again[..172], rtp(7, 100), "what is refused is not touched");
}

#[test]
fn any_changed_bit_is_found() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let packet = pair.protect(7, 100);
        for byte in 0..packet.len() {
            let mut changed = packet.clone();
            changed[byte] ^= 0x01;
            assert!(pair.unprotect(&changed).is_err(), "{profile:?} byte {byte}");
        }
        assert!(pair.unprotect(&packet).is_ok(), "failures leave no trace");
    }
}

#[test]
fn forged_packets_do_not_move_the_window() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let first = pair.protect(7, 100);
        assert!(pair.unprotect(&first).is_ok());
        let forged = vec![0x80; 200];
        for number in (0..60_000_u16).step_by(500) {
            let mut forged = forged.clone();
            forged[2..4].copy_from_slice(&number.to_be_bytes());
            forged[8..12].copy_from_slice(&7_u32.to_be_bytes());
            assert!(pair.unprotect(&forged).is_err());
        }
        let next = pair.protect(7, 101);
        assert!(pair.unprotect(&next).is_ok());
    }
}

#[test]
fn reports_come_out_as_they_went_in_once() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let mut packets = Vec::new();
        for _ in 0..3 {
            packets.push(pair.protect_rtcp(&RECEIVER_REPORT));
        }
        assert_eq!(packets[0][..8], RECEIVER_REPORT[..8]);
        assert_ne!(packets[0][8..16], RECEIVER_REPORT[8..]);
        assert_ne!(packets[0], packets[1]);
        for packet in packets.iter().rev() {
            assert_eq!(pair.unprotect_rtcp(packet), Ok(RECEIVER_REPORT.to_vec()));
            assert_eq!(pair.unprotect_rtcp(packet), Err(SrtpError::Replayed));
        }
        let packet = pair.protect_rtcp(&RECEIVER_REPORT);
        for byte in 0..packet.len() {
            let mut changed = packet.clone();
            changed[byte] ^= 0x01;
            assert!(pair.unprotect_rtcp(&changed).is_err(), "{profile:?} byte {byte}");
        }
    }
}

#[test]
fn another_key_is_not_authentic() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let key = vec![1; profile.key_bytes() + profile.salt_bytes()];
        pair.receiver = SrtpReceiver::new(profile, &key).unwrap();
        let packet = pair.protect(7, 1);
        assert_eq!(pair.unprotect(&packet), Err(SrtpError::NotAuthentic));
        let packet = pair.protect_rtcp(&RECEIVER_REPORT);
        assert_eq!(pair.unprotect_rtcp(&packet), Err(SrtpError::NotAuthentic));
    }
}

#[test]
fn sources_under_a_key_are_bounded_and_those_known_go_on() {
    let mut pair = Pair::new(SrtpProfile::AesCm128HmacSha1_80);
    for ssrc in 0..SRTP_STREAMS_MAX as u32 {
        let packet = pair.protect(ssrc, 1);
        assert!(pair.unprotect(&packet).is_ok());
    }
    let mut packet = rtp(100_000, 1);
    packet.resize(200, 0);
    assert_eq!(pair.sender.protect_rtp(&mut packet, 172), Err(SrtpError::TooManyStreams));
    assert!(pair.sender.protect_rtp(&mut rtp(0, 2), 100).is_ok());
}

#[test]
fn a_full_buffer_and_garbage_are_errors() {
    for profile in PROFILES {
        let mut pair = Pair::new(profile);
        let mut exact = rtp(7, 1);
        assert_eq!(pair.sender.protect_rtp(&mut exact, 172), Err(SrtpError::NoRoom));
        assert_eq!(pair.sender.protect_rtp(&mut exact, 173), Err(SrtpError::Malformed));
        assert_eq!(pair.sender.protect_rtp(&mut exact, 11), Err(SrtpError::Malformed));
        assert_eq!(pair.sender.protect_rtcp(&mut exact, 7), Err(SrtpError::Malformed));
        assert_eq!(pair.unprotect(&[0x80; 12]), Err(SrtpError::Malformed));
        assert_eq!(pair.unprotect_rtcp(&[0x80; 12]), Err(SrtpError::Malformed));
        assert_eq!(pair.unprotect(&[]), Err(SrtpError::Malformed));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for profile in PROFILES {
            let mut pair = Pair::new(profile);
            prop_assert!(pair.unprotect(&bytes).is_err());
            prop_assert!(pair.unprotect_rtcp(&bytes).is_err());
            let is_packet = offhook_rtp::RtpPacket::parse(&bytes).is_ok();
            let mut bytes = bytes.clone();
            let length = bytes.len();
            bytes.resize(length + PROTECTION_BYTES_MAX, 0);
            let protected = pair.sender.protect_rtp(&mut bytes, length);
            prop_assert!(protected.is_ok() || !is_packet);
        }
    }
}
