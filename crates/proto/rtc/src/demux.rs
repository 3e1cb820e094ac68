//! What a datagram on a media port is, by its first bytes (RFC 7983, RFC 5761).

/// The protocols that share a media port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// STUN: an ICE check or its answer.
    Stun,
    /// A DTLS record.
    Dtls,
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// Nothing that belongs on a media port.
    Unknown,
}

/// Bytes of a fixed RTP header (RFC 3550 5.1).
const RTP_HEADER_BYTES: usize = 12;
/// Bytes of a fixed RTCP header (RFC 3550 6.1).
const RTCP_HEADER_BYTES: usize = 8;
/// Bytes of a STUN header (RFC 8489 5).
const STUN_HEADER_BYTES: usize = 20;
/// What every STUN message has in its fifth to eighth byte.
const STUN_MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// Bytes of a DTLS record header (RFC 6347 4.1); DTLS 1.3 shortens it to no less than two.
const DTLS_HEADER_BYTES: usize = 2;

/// Tells the protocols apart by the first byte, and RTCP from RTP by the second.
#[must_use]
pub fn packet_kind(packet: &[u8]) -> PacketKind {
    let (Some(&first), length) = (packet.first(), packet.len()) else {
        return PacketKind::Unknown;
    };
    match first {
        0..=3 if length >= STUN_HEADER_BYTES => PacketKind::Stun,
        20..=63 if length > DTLS_HEADER_BYTES => PacketKind::Dtls,
        128..=191 if length >= RTCP_HEADER_BYTES && is_rtcp(packet) => PacketKind::Rtcp,
        128..=191 if length >= RTP_HEADER_BYTES => PacketKind::Rtp,
        _ => PacketKind::Unknown,
    }
}

/// Whether it is STUN for certain: by its magic cookie too (RFC 8489 5).
pub(crate) fn is_stun(packet: &[u8]) -> bool {
    packet_kind(packet) == PacketKind::Stun && packet.get(4..8) == Some(&STUN_MAGIC_COOKIE)
}

/// Packet types 192 to 223 are RTCP's (RFC 5761 4); as RTP they would be payload types 64 to 95 with the
/// marker bit, which are not assigned for that reason.
fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet.get(1), Some(192..=223))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, second: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        bytes[0] = first;
        bytes[1] = second;
        bytes
    }

    #[test]
    fn the_ranges_of_rfc_7983_are_kept() {
        let cases = [
            (packet(0, 1, 20), PacketKind::Stun),
            (packet(3, 1, 20), PacketKind::Stun),
            (packet(0, 1, 19), PacketKind::Unknown),
            (packet(16, 0, 40), PacketKind::Unknown),
            (packet(20, 254, 13), PacketKind::Dtls),
            (packet(63, 0, 13), PacketKind::Dtls),
            (packet(64, 0, 40), PacketKind::Unknown),
            (packet(128, 0, 12), PacketKind::Rtp),
            (packet(128, 0, 11), PacketKind::Unknown),
            (packet(128, 200, 8), PacketKind::Rtcp),
            (packet(129, 201, 7), PacketKind::Unknown),
            (packet(144, 0x80 | 111, 40), PacketKind::Rtp),
            (packet(192, 0, 40), PacketKind::Unknown),
        ];
        for (bytes, kind) in cases {
            assert_eq!(packet_kind(&bytes), kind, "{bytes:?}");
        }
        assert_eq!(packet_kind(&[]), PacketKind::Unknown);
    }
}
