//! Compound packets: what is written is read, what is broken is refused, what is huge is bounded.

use offhook_rtp::rtcp::{
    Compound, CompoundWriter, FullIntraRequest, RTCP_COUNT_MAX, RTCP_PACKETS_MAX, ReportBlock,
    RtcpError, RtcpPacket, SenderInfo,
};
use proptest::prelude::*;

const INFO: SenderInfo = SenderInfo {
    ntp: 0x83AA_7E80_8000_0000,
    rtp_timestamp: 1_600,
    packet_count: 10,
    octet_count: 1_600,
};

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: 25,
        cumulative_lost: -3,
        highest_sequence_number: 0x0001_FFFF,
        jitter: 80,
        last_sender_report: 0x7E80_8000,
        delay_since_last: 65_536,
    }
}

fn written(write: impl FnOnce(&mut CompoundWriter<'_>) -> Result<(), RtcpError>) -> Vec<u8> {
    let mut buffer = [0xEE; 2_000];
    let mut writer = CompoundWriter::new(&mut buffer);
    write(&mut writer).expect("room");
    let length = writer.len();
    buffer[..length].to_vec()
}

fn packets(bytes: &[u8]) -> Vec<RtcpPacket<'_>> {
    Compound::parse(bytes).expect("a compound packet").packets().collect()
}

#[test]
fn a_report_with_name_and_goodbye_reads_as_written() {
    let bytes = written(|writer| {
        writer.sender_report(1, &INFO, &[block(2), block(3)])?;
        writer.source_description(1, "alice@example.org")?;
        writer.goodbye(&[1, 9], Some("hung up"))
    });
    assert_eq!(bytes.len() % 4, 0);
    let packets = packets(&bytes);
    let [
        RtcpPacket::SenderReport(report),
        RtcpPacket::SourceDescription(description),
        RtcpPacket::Goodbye(goodbye),
    ] = packets[..]
    else {
        panic!("{packets:?}");
    };
    assert_eq!((report.ssrc, report.info), (1, INFO));
    assert_eq!(report.reports().collect::<Vec<_>>(), [block(2), block(3)]);
    let chunk = description.chunks().next().expect("a chunk");
    assert_eq!((chunk.ssrc, chunk.cname()), (1, Some(&b"alice@example.org"[..])));
    assert_eq!(goodbye.ssrcs().collect::<Vec<_>>(), [1, 9]);
    assert_eq!(goodbye.reason(), Some(&b"hung up"[..]));
    assert_eq!(Compound::parse(&bytes).map(|c| c.sender_ssrc()), Ok(Some(1)));
}

/// The layout of RFC 3550 6.4.2 and 6.5, byte for byte.
#[test]
fn a_receiver_report_has_the_layout_of_the_rfc() {
    let bytes = written(|writer| {
        writer.receiver_report(0x0102_0304, &[block(0x0A0B_0C0D)])?;
        writer.source_description(0x0102_0304, "ab")
    });
    let expected = [
        0x81, 201, 0, 7, 1, 2, 3, 4, 10, 11, 12, 13, 25, 0xFF, 0xFF, 0xFD, 0, 1, 0xFF, 0xFF, 0, 0,
        0, 80, 0x7E, 0x80, 0x80, 0, 0, 1, 0, 0, 0x81, 202, 0, 3, 1, 2, 3, 4, 1, 2, b'a', b'b', 0,
        0, 0, 0,
    ];
    assert_eq!(bytes, expected);
}

#[test]
fn names_of_every_length_end_in_zeros() {
    for length in 0..=255 {
        let name = "x".repeat(length);
        let bytes = written(|writer| writer.source_description(7, &name));
        let [RtcpPacket::SourceDescription(description)] = packets(&bytes)[..] else {
            panic!("a source description");
        };
        let chunk = description.chunks().next().expect("a chunk");
        assert_eq!(chunk.cname(), Some(name.as_bytes()));
        assert_eq!(bytes.last(), Some(&0));
    }
}

#[test]
fn several_chunks_are_read() {
    let one = written(|writer| writer.source_description(1, "abc"));
    let two = written(|writer| writer.source_description(2, "defgh"));
    let mut bytes = [&one[..], &two[4..]].concat();
    bytes[0] = 0x82;
    bytes[3] = (bytes.len() / 4 - 1) as u8;
    let [RtcpPacket::SourceDescription(description)] = packets(&bytes)[..] else {
        panic!("a source description");
    };
    let names: Vec<_> = description.chunks().map(|chunk| (chunk.ssrc, chunk.cname())).collect();
    assert_eq!(names, [(1, Some(&b"abc"[..])), (2, Some(&b"defgh"[..]))]);
}

#[test]
fn feedback_reads_as_written() {
    let lost = [65_533, 65_535, 0, 13, 14, 200];
    let request = FullIntraRequest { ssrc: 2, sequence_number: 5 };
    let bytes = written(|writer| {
        writer.negative_acknowledgement(1, 2, &lost)?;
        writer.picture_loss(1, 2)?;
        writer.full_intra_request(1, request)
    });
    let packets = packets(&bytes);
    let [RtcpPacket::Feedback(nack), RtcpPacket::Feedback(loss), RtcpPacket::Feedback(intra)] =
        packets[..]
    else {
        panic!("{packets:?}");
    };
    assert_eq!(nack.lost_sequence_numbers().collect::<Vec<_>>(), lost);
    assert_eq!((nack.sender_ssrc, nack.media_ssrc), (1, 2));
    assert!(loss.is_picture_loss() && !nack.is_picture_loss());
    assert_eq!(loss.lost_sequence_numbers().count(), 0);
    assert_eq!(intra.full_intra_requests().collect::<Vec<_>>(), [request]);
}

#[test]
fn unknown_packets_and_counts_that_lie_are_passed_over() {
    let app = [0x80, 204, 0, 2, 0, 0, 0, 1, b'a', b'b', b'c', b'd'];
    let lying = [0x9F, 201, 0, 1, 0, 0, 0, 1];
    let bytes = [&app[..], &lying].concat();
    let expected = [RtcpPacket::Other { packet_type: 204 }, RtcpPacket::Other { packet_type: 201 }];
    assert_eq!(packets(&bytes), expected);
}

#[test]
fn what_is_broken_is_refused() {
    let report = written(|writer| writer.receiver_report(1, &[]));
    let padded = |padding: u8| {
        let mut bytes = [&report[..], &[0, 0, 0, padding]].concat();
        bytes[0] |= 0x20;
        bytes[3] += 1;
        bytes
    };
    let with_first = |first: u8| [&[first], &report[1..]].concat();
    let cases = [
        (vec![], RtcpError::TooShort),
        (report[..3].to_vec(), RtcpError::TooShort),
        (report[..7].to_vec(), RtcpError::TooShort),
        ([&report[..], &[0x80]].concat(), RtcpError::TooShort),
        (with_first(0x40), RtcpError::WrongVersion),
        (padded(0), RtcpError::BadPadding),
        (padded(9), RtcpError::BadPadding),
        ([padded(4), report.clone()].concat(), RtcpError::BadPadding),
    ];
    for (bytes, error) in cases {
        assert_eq!(Compound::parse(&bytes).err(), Some(error), "{bytes:?}");
    }
    assert!(Compound::parse(&padded(4)).is_ok());
}

#[test]
fn a_bomb_of_packets_is_refused() {
    let goodbye = [0x80, 203, 0, 0];
    assert_eq!(packets(&goodbye.repeat(RTCP_PACKETS_MAX)).len(), RTCP_PACKETS_MAX);
    let bomb = goodbye.repeat(RTCP_PACKETS_MAX + 1);
    assert_eq!(Compound::parse(&bomb).err(), Some(RtcpError::TooManyPackets));
}

#[test]
fn what_does_not_fit_is_not_begun() {
    let mut buffer = [0; 40];
    let mut writer = CompoundWriter::new(&mut buffer);
    writer.receiver_report(1, &[]).expect("room");
    let failed = writer.source_description(1, &"x".repeat(40));
    assert_eq!((failed, writer.len()), (Err(RtcpError::NoRoom), 8));
    let failed = writer.goodbye(&[0; RTCP_COUNT_MAX + 1], None);
    assert_eq!((failed, writer.len()), (Err(RtcpError::NoRoom), 8));
    let failed = writer.source_description(1, &"x".repeat(256));
    assert_eq!(failed, Err(RtcpError::NoRoom));
    writer.goodbye(&[1], None).expect("room");
    assert_eq!(packets(&buffer[..16]).len(), 2);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        offhook_rtp::fuzz_rtcp(&bytes);
        offhook_rtp::fuzz_rtp(&bytes);
    }

    #[test]
    fn packets_with_true_lengths_never_panic(
        parts in prop::collection::vec((0_u8..32, 198_u8..208, prop::collection::vec(any::<u8>(), 0..80)), 1..6),
        padding in any::<bool>(),
    ) {
        let mut bytes = Vec::new();
        for (count, kind, body) in parts {
            let words = body.len() / 4;
            bytes.extend([0x80 | count, kind, 0, words as u8]);
            bytes.extend(&body[..words * 4]);
        }
        if padding {
            bytes[0] |= 0x20;
        }
        offhook_rtp::fuzz_rtcp(&bytes);
    }
}
