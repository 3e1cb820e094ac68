//! RTCP packets (RFC 3550 6, RFC 4585 6, RFC 5104 4.3), read and written in place.

mod compound;
mod feedback;
mod writer;

pub use compound::{
    Chunk, Compound, Goodbye, ReceiverReport, RtcpPacket, SdesItem, SenderReport, SourceDescription,
};
pub use feedback::{Feedback, FullIntraRequest};
pub use writer::CompoundWriter;

/// Packets of a compound packet that are read at most.
pub const RTCP_PACKETS_MAX: usize = 32;
/// Report blocks of a report, and sources of a BYE, at most; the field has five bits.
pub const RTCP_COUNT_MAX: usize = 31;
/// Bytes of a text item at most; the field has eight bits.
pub const SDES_TEXT_BYTES_MAX: usize = 255;

const HEADER_BYTES: usize = 4;
const SENDER_INFO_BYTES: usize = 20;
const REPORT_BLOCK_BYTES: usize = 24;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

const CNAME: u8 = 1;

/// Why bytes are not RTCP, or cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// A packet ends before its header or its length says so.
    #[error("the packet is shorter than it says")]
    TooShort,
    /// The version is not 2.
    #[error("the RTCP version is not 2")]
    WrongVersion,
    /// There is padding before the last packet, or more of it than packet.
    #[error("the padding does not fit into the packet")]
    BadPadding,
    /// There are more than [`RTCP_PACKETS_MAX`] packets.
    #[error("the compound packet has more than {RTCP_PACKETS_MAX} packets")]
    TooManyPackets,
    /// The buffer has no room for what is written, or a list is longer than its field can say.
    #[error("there is no room for the packet")]
    NoRoom,
}

/// What a sender says of itself (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// The wall clock in NTP format: seconds since 1900 and their fraction.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub rtp_timestamp: u32,
    /// Packets sent so far.
    pub packet_count: u32,
    /// Payload bytes sent so far.
    pub octet_count: u32,
}

/// What a receiver says of a source (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Packets lost since the report before, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost in all, 24 bits with sign; negative when packets were doubled.
    pub cumulative_lost: i32,
    /// The highest sequence number, with its cycles in the upper half.
    pub highest_sequence_number: u32,
    /// The interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the source's last sender report, 0 for none.
    pub last_sender_report: u32,
    /// The time since it came, in 65536ths of a second.
    pub delay_since_last: u32,
}

/// Entry point for fuzzing: reads all of a compound packet.
#[doc(hidden)]
pub fn fuzz(input: &[u8]) {
    let Ok(compound) = Compound::parse(input) else {
        return;
    };
    let lengths = compound.packets().map(|packet| match packet {
        RtcpPacket::SenderReport(report) => report.reports().count(),
        RtcpPacket::ReceiverReport(report) => report.reports().count(),
        RtcpPacket::SourceDescription(description) => {
            description.chunks().flat_map(|chunk| chunk.items()).count()
        }
        RtcpPacket::Goodbye(goodbye) => {
            goodbye.ssrcs().count() + goodbye.reason().map_or(0, <[u8]>::len)
        }
        RtcpPacket::Feedback(feedback) => {
            feedback.lost_sequence_numbers().count() + feedback.full_intra_requests().count()
        }
        RtcpPacket::Other { packet_type } => usize::from(packet_type),
    });
    std::hint::black_box(lengths.sum::<usize>());
}
