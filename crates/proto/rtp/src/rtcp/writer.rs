//! Writing a compound packet.

use super::{
    CNAME, FullIntraRequest, GOODBYE, HEADER_BYTES, PAYLOAD_FEEDBACK, RECEIVER_REPORT,
    RTCP_COUNT_MAX, ReportBlock, RtcpError, SDES_TEXT_BYTES_MAX, SENDER_REPORT, SOURCE_DESCRIPTION,
    SenderInfo, TRANSPORT_FEEDBACK,
};

/// Writes packets one behind the other into a buffer.
///
/// After an error the packets before stand; the failed one does not.
#[derive(Debug)]
pub struct CompoundWriter<'a> {
    buffer: &'a mut [u8],
    end: usize,
}

impl<'a> CompoundWriter<'a> {
    /// A writer into an empty buffer.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, end: 0 }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.end
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// SR (RFC 3550 6.4.1).
    pub fn sender_report(
        &mut self,
        ssrc: u32,
        info: &SenderInfo,
        reports: &[ReportBlock],
    ) -> Result<(), RtcpError> {
        self.packet(SENDER_REPORT, count(reports.len())?, |packet| {
            packet.push(&ssrc.to_be_bytes())?;
            packet.push(&info.ntp.to_be_bytes())?;
            packet.push(&info.rtp_timestamp.to_be_bytes())?;
            packet.push(&info.packet_count.to_be_bytes())?;
            packet.push(&info.octet_count.to_be_bytes())?;
            packet.push_reports(reports)
        })
    }

    /// RR (RFC 3550 6.4.2).
    pub fn receiver_report(&mut self, ssrc: u32, reports: &[ReportBlock]) -> Result<(), RtcpError> {
        self.packet(RECEIVER_REPORT, count(reports.len())?, |packet| {
            packet.push(&ssrc.to_be_bytes())?;
            packet.push_reports(reports)
        })
    }

    /// SDES with the canonical name (RFC 3550 6.5.1).
    pub fn source_description(&mut self, ssrc: u32, cname: &str) -> Result<(), RtcpError> {
        self.packet(SOURCE_DESCRIPTION, 1, |packet| {
            packet.push(&ssrc.to_be_bytes())?;
            packet.push(&[CNAME, text_length(cname)?])?;
            packet.push(cname.as_bytes())?;
            // At least one zero ends the list; zeros fill the word.
            packet.push(&[0])?;
            packet.fill_word()
        })
    }

    /// BYE (RFC 3550 6.6).
    pub fn goodbye(&mut self, ssrcs: &[u32], reason: Option<&str>) -> Result<(), RtcpError> {
        self.packet(GOODBYE, count(ssrcs.len())?, |packet| {
            for ssrc in ssrcs {
                packet.push(&ssrc.to_be_bytes())?;
            }
            if let Some(reason) = reason {
                packet.push(&[text_length(reason)?])?;
                packet.push(reason.as_bytes())?;
                packet.fill_word()?;
            }
            Ok(())
        })
    }

    /// PLI (RFC 4585 6.3.1).
    pub fn picture_loss(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Result<(), RtcpError> {
        self.packet(PAYLOAD_FEEDBACK, 1, |packet| {
            packet.push(&sender_ssrc.to_be_bytes())?;
            packet.push(&media_ssrc.to_be_bytes())
        })
    }

    /// FIR (RFC 5104 4.3.1).
    pub fn full_intra_request(
        &mut self,
        sender_ssrc: u32,
        request: FullIntraRequest,
    ) -> Result<(), RtcpError> {
        self.packet(PAYLOAD_FEEDBACK, 4, |packet| {
            packet.push(&sender_ssrc.to_be_bytes())?;
            packet.push(&[0; 4])?;
            packet.push(&request.ssrc.to_be_bytes())?;
            packet.push(&[request.sequence_number, 0, 0, 0])
        })
    }

    /// Generic NACK (RFC 4585 6.2.1) of sequence numbers in rising order.
    pub fn negative_acknowledgement(
        &mut self,
        sender_ssrc: u32,
        media_ssrc: u32,
        lost: &[u16],
    ) -> Result<(), RtcpError> {
        self.packet(TRANSPORT_FEEDBACK, 1, |packet| {
            packet.push(&sender_ssrc.to_be_bytes())?;
            packet.push(&media_ssrc.to_be_bytes())?;
            let mut lost = lost.iter().copied().peekable();
            while let Some(first) = lost.next() {
                let mut mask = 0_u16;
                while let Some(next) = lost.next_if(|n| (1..=16).contains(&n.wrapping_sub(first))) {
                    mask |= 1 << (next.wrapping_sub(first) - 1);
                }
                packet.push(&first.to_be_bytes())?;
                packet.push(&mask.to_be_bytes())?;
            }
            Ok(())
        })
    }

    /// Writes a packet's header around `body`; takes it back when the body fails.
    fn packet(
        &mut self,
        packet_type: u8,
        count: u8,
        body: impl FnOnce(&mut Self) -> Result<(), RtcpError>,
    ) -> Result<(), RtcpError> {
        let start = self.end;
        let written = self.push(&[0x80 | count, packet_type, 0, 0]).and_then(|()| body(self));
        let words = u16::try_from((self.end - start) / 4).map(|words| words.wrapping_sub(1));
        match (written, words) {
            (Ok(()), Ok(words)) => {
                let place = start + 2..start + HEADER_BYTES;
                self.buffer[place].copy_from_slice(&words.to_be_bytes());
                Ok(())
            }
            (written, _) => {
                self.end = start;
                written.and(Err(RtcpError::NoRoom))
            }
        }
    }

    fn push_reports(&mut self, reports: &[ReportBlock]) -> Result<(), RtcpError> {
        for report in reports {
            let lost = report.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF);
            let lost = (lost as u32 & 0xFF_FFFF) | u32::from(report.fraction_lost) << 24;
            let words = [
                report.ssrc,
                lost,
                report.highest_sequence_number,
                report.jitter,
                report.last_sender_report,
                report.delay_since_last,
            ];
            for word in words {
                self.push(&word.to_be_bytes())?;
            }
        }
        Ok(())
    }

    fn fill_word(&mut self) -> Result<(), RtcpError> {
        let missing = self.end.wrapping_neg() % 4;
        self.push(&[0; 3][..missing])
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), RtcpError> {
        let end = self.end + bytes.len();
        let place = self.buffer.get_mut(self.end..end).ok_or(RtcpError::NoRoom)?;
        place.copy_from_slice(bytes);
        self.end = end;
        Ok(())
    }
}

fn count(length: usize) -> Result<u8, RtcpError> {
    if length > RTCP_COUNT_MAX {
        return Err(RtcpError::NoRoom);
    }
    Ok(length as u8)
}

fn text_length(text: &str) -> Result<u8, RtcpError> {
    if text.len() > SDES_TEXT_BYTES_MAX {
        return Err(RtcpError::NoRoom);
    }
    Ok(text.len() as u8)
}
