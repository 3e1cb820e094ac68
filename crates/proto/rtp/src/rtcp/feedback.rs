//! Feedback messages (RFC 4585 6, RFC 5104 4.3.1).

use crate::rtp::{be16, be32};

const NACK: u8 = 1;
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA_REQUEST: u8 = 4;

/// An RTPFB or PSFB packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// Whether it is payload-specific (PSFB) and not of the transport (RTPFB).
    pub is_payload_specific: bool,
    /// The message type.
    pub format: u8,
    /// The source that sends the feedback.
    pub sender_ssrc: u32,
    /// The source it is about.
    pub media_ssrc: u32,
    /// The control information.
    pub control: &'a [u8],
}

/// A request for a picture that depends on no other (RFC 5104 4.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullIntraRequest {
    /// The source that shall send it.
    pub ssrc: u32,
    /// The request's number; a repetition has the same.
    pub sequence_number: u8,
}

impl<'a> Feedback<'a> {
    pub(super) fn read(is_payload_specific: bool, format: u8, body: &'a [u8]) -> Option<Self> {
        let (head, control) = body.split_at_checked(8)?;
        Some(Self {
            is_payload_specific,
            format,
            sender_ssrc: be32(head, 0),
            media_ssrc: be32(head, 4),
            control,
        })
    }

    /// Whether it says that a picture was lost (PLI).
    pub fn is_picture_loss(&self) -> bool {
        self.is_payload_specific && self.format == PICTURE_LOSS
    }

    /// The sequence numbers of a generic NACK; none for another message.
    pub fn lost_sequence_numbers(&self) -> impl Iterator<Item = u16> + use<'a> {
        let is_nack = !self.is_payload_specific && self.format == NACK;
        let control = if is_nack { self.control } else { &[] };
        control.chunks_exact(4).flat_map(|entry| {
            let (first, mask) = (be16(entry, 0), be16(entry, 2));
            let following = (0..16).filter(move |bit| mask >> bit & 1 == 1);
            let following = following.map(move |bit| first.wrapping_add(bit + 1));
            std::iter::once(first).chain(following)
        })
    }

    /// The requests of a FIR; none for another message.
    pub fn full_intra_requests(&self) -> impl Iterator<Item = FullIntraRequest> + use<'a> {
        let is_request = self.is_payload_specific && self.format == FULL_INTRA_REQUEST;
        let control = if is_request { self.control } else { &[] };
        control
            .chunks_exact(8)
            .map(|entry| FullIntraRequest { ssrc: be32(entry, 0), sequence_number: entry[4] })
    }
}
