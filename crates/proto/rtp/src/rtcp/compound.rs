//! Reading a compound packet.

use super::{
    CNAME, Feedback, GOODBYE, HEADER_BYTES, PAYLOAD_FEEDBACK, RECEIVER_REPORT, REPORT_BLOCK_BYTES,
    RTCP_PACKETS_MAX, ReportBlock, RtcpError, SENDER_INFO_BYTES, SENDER_REPORT, SOURCE_DESCRIPTION,
    SenderInfo, TRANSPORT_FEEDBACK,
};
use crate::rtp::{be16, be32};

/// One or more RTCP packets in a datagram.
///
/// Lengths and counts are checked when it is parsed. A compound packet should begin with a report
/// (RFC 3550 6.1); one that does not is a reduced-size packet (RFC 5506) and is read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

/// An RTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpPacket<'a> {
    /// SR.
    SenderReport(SenderReport<'a>),
    /// RR.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES.
    SourceDescription(SourceDescription<'a>),
    /// BYE.
    Goodbye(Goodbye<'a>),
    /// RTPFB or PSFB (RFC 4585).
    Feedback(Feedback<'a>),
    /// APP, XR and what is not known.
    Other {
        /// The packet type.
        packet_type: u8,
    },
}

/// A sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// The source that reports.
    pub ssrc: u32,
    /// What it sent.
    pub info: SenderInfo,
    blocks: &'a [u8],
}

/// A receiver report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// The source that reports.
    pub ssrc: u32,
    blocks: &'a [u8],
}

/// A source description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: usize,
    body: &'a [u8],
}

/// What a source description says of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The source.
    pub ssrc: u32,
    items: &'a [u8],
}

/// An item of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// The kind: 1 is CNAME.
    pub kind: u8,
    /// The text; it should be UTF-8.
    pub text: &'a [u8],
}

/// Sources that leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    ssrcs: &'a [u8],
    reason: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Checks a datagram.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = bytes;
        let mut count = 0;
        loop {
            let length = checked_packet_bytes(rest)?;
            rest = &rest[length..];
            count += 1;
            if rest.is_empty() {
                return Ok(Self { bytes });
            }
            if count == RTCP_PACKETS_MAX {
                return Err(RtcpError::TooManyPackets);
            }
        }
    }

    /// The packets. One whose body contradicts its count reads as [`RtcpPacket::Other`].
    pub fn packets(&self) -> impl Iterator<Item = RtcpPacket<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let length = checked_packet_bytes(rest).ok()?;
            let (packet, others) = rest.split_at(length);
            rest = others;
            let packet_type = packet[1];
            Some(read(packet).unwrap_or(RtcpPacket::Other { packet_type }))
        })
    }

    /// The SSRC of the source that sent the compound packet.
    pub fn sender_ssrc(&self) -> Option<u32> {
        (self.bytes.len() >= 8).then(|| be32(self.bytes, 4))
    }
}

/// The first packet's length with its header, after its header was checked.
fn checked_packet_bytes(bytes: &[u8]) -> Result<usize, RtcpError> {
    let header = bytes.get(..HEADER_BYTES).ok_or(RtcpError::TooShort)?;
    if header[0] >> 6 != 2 {
        return Err(RtcpError::WrongVersion);
    }
    let length = HEADER_BYTES + usize::from(be16(header, 2)) * 4;
    let packet = bytes.get(..length).ok_or(RtcpError::TooShort)?;
    if header[0] & 0x20 != 0 {
        let padding = usize::from(packet[length - 1]);
        let is_last = length == bytes.len();
        if !is_last || padding == 0 || padding > length - HEADER_BYTES {
            return Err(RtcpError::BadPadding);
        }
    }
    Ok(length)
}

fn read(packet: &[u8]) -> Option<RtcpPacket<'_>> {
    let count = usize::from(packet[0] & 0x1F);
    let has_padding = packet[0] & 0x20 != 0;
    let padding = if has_padding { usize::from(packet[packet.len() - 1]) } else { 0 };
    let body = &packet[HEADER_BYTES..packet.len() - padding];
    match packet[1] {
        SENDER_REPORT => SenderReport::read(count, body).map(RtcpPacket::SenderReport),
        RECEIVER_REPORT => ReceiverReport::read(count, body).map(RtcpPacket::ReceiverReport),
        SOURCE_DESCRIPTION => {
            Some(RtcpPacket::SourceDescription(SourceDescription { count, body }))
        }
        GOODBYE => {
            let (ssrcs, reason) = body.split_at_checked(count * 4)?;
            Some(RtcpPacket::Goodbye(Goodbye { ssrcs, reason }))
        }
        kind @ (TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK) => {
            Feedback::read(kind == PAYLOAD_FEEDBACK, count as u8, body).map(RtcpPacket::Feedback)
        }
        _ => None,
    }
}

impl<'a> SenderReport<'a> {
    fn read(count: usize, body: &'a [u8]) -> Option<Self> {
        let (ssrc, body) = body.split_at_checked(4)?;
        let (info, body) = body.split_at_checked(SENDER_INFO_BYTES)?;
        Some(Self {
            ssrc: be32(ssrc, 0),
            info: SenderInfo {
                ntp: u64::from(be32(info, 0)) << 32 | u64::from(be32(info, 4)),
                rtp_timestamp: be32(info, 8),
                packet_count: be32(info, 12),
                octet_count: be32(info, 16),
            },
            blocks: body.get(..count * REPORT_BLOCK_BYTES)?,
        })
    }

    /// What it reports of other sources.
    pub fn reports(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        report_blocks(self.blocks)
    }
}

impl<'a> ReceiverReport<'a> {
    fn read(count: usize, body: &'a [u8]) -> Option<Self> {
        let (ssrc, body) = body.split_at_checked(4)?;
        Some(Self { ssrc: be32(ssrc, 0), blocks: body.get(..count * REPORT_BLOCK_BYTES)? })
    }

    /// What it reports of other sources.
    pub fn reports(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        report_blocks(self.blocks)
    }
}

fn report_blocks(blocks: &[u8]) -> impl ExactSizeIterator<Item = ReportBlock> {
    blocks.chunks_exact(REPORT_BLOCK_BYTES).map(|block| ReportBlock {
        ssrc: be32(block, 0),
        fraction_lost: block[4],
        // The sign bit of 24 is moved to that of 32 and back.
        cumulative_lost: (be32(block, 4) << 8) as i32 >> 8,
        highest_sequence_number: be32(block, 8),
        jitter: be32(block, 12),
        last_sender_report: be32(block, 16),
        delay_since_last: be32(block, 20),
    })
}

impl<'a> SourceDescription<'a> {
    /// The chunks, one for each source, until one is malformed.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let mut rest = self.body;
        (0..self.count).map_while(move |_| {
            let (ssrc, items) = rest.split_at_checked(4)?;
            let length = items_bytes(items)?;
            let (items, others) = items.split_at(length);
            rest = others.get(4 - length % 4..).unwrap_or_default();
            Some(Chunk { ssrc: be32(ssrc, 0), items })
        })
    }
}

/// Bytes of the items before the zero that ends them; the zeros fill the last word.
fn items_bytes(items: &[u8]) -> Option<usize> {
    let mut length = 0;
    while *items.get(length)? != 0 {
        length += 2 + usize::from(*items.get(length + 1)?);
    }
    Some(length)
}

impl<'a> Chunk<'a> {
    /// The items.
    pub fn items(&self) -> impl Iterator<Item = SdesItem<'a>> + use<'a> {
        let mut rest = self.items;
        std::iter::from_fn(move || {
            let (head, others) = rest.split_at_checked(2)?;
            let (text, others) = others.split_at_checked(usize::from(head[1]))?;
            rest = others;
            Some(SdesItem { kind: head[0], text })
        })
    }

    /// The canonical name.
    pub fn cname(&self) -> Option<&'a [u8]> {
        let found = self.items().find(|item| item.kind == CNAME);
        found.map(|item| item.text)
    }
}

impl<'a> Goodbye<'a> {
    /// The sources.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.ssrcs.chunks_exact(4).map(|ssrc| be32(ssrc, 0))
    }

    /// Why they leave.
    pub fn reason(&self) -> Option<&'a [u8]> {
        let (length, text) = self.reason.split_first()?;
        text.get(..usize::from(*length))
    }
}
