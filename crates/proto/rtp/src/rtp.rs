//! The RTP packet (RFC 3550 5.1) and its header extension (RFC 8285), read and written in place.

/// Bytes of the header without CSRCs and extension.
pub const RTP_HEADER_BYTES: usize = 12;
/// Contributing sources of a packet at most; the field has four bits.
pub const CSRC_MAX: usize = 15;

const VERSION: u8 = 2;
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// The profile of two-byte elements is 0x100 and four bits for the application.
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// The id that ends a list of one-byte elements (RFC 8285 4.2).
const ONE_BYTE_STOP: u8 = 15;

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// The packet ends before its header does.
    #[error("the packet is shorter than its header")]
    TooShort,
    /// The version is not 2.
    #[error("the RTP version is not 2")]
    WrongVersion,
    /// The padding is longer than the payload or says that it is empty.
    #[error("the padding does not fit into the packet")]
    BadPadding,
    /// The buffer has no room for what is written.
    #[error("the buffer is too small for the packet")]
    NoRoom,
}

/// A packet in a buffer that belongs to someone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The marker: the first packet of a talk spurt, or the first of an event.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence_number: u16,
    /// The timestamp in units of the payload's clock.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The header extension.
    pub extension: Option<HeaderExtension<'a>>,
    /// The payload without padding.
    pub payload: &'a [u8],
    csrcs: &'a [u8],
}

/// A header extension (RFC 3550 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderExtension<'a> {
    /// What kind it is; 0xBEDE and 0x1000 to 0x100F are lists of elements.
    pub profile: u16,
    /// Its data.
    pub data: &'a [u8],
}

/// An element of a header extension (RFC 8285 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionElement<'a> {
    /// The id that `a=extmap` gave it.
    pub id: u8,
    /// Its data.
    pub data: &'a [u8],
}

/// The fixed header of a packet to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtpHeader {
    /// The marker.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence_number: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}

/// What a relay changes in a packet; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtpRewrite {
    /// The marker.
    pub marker: Option<bool>,
    /// The payload type, 0 to 127.
    pub payload_type: Option<u8>,
    /// The sequence number.
    pub sequence_number: Option<u16>,
    /// The timestamp.
    pub timestamp: Option<u32>,
    /// The synchronisation source.
    pub ssrc: Option<u32>,
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet.
    pub fn parse(buffer: &'a [u8]) -> Result<Self, RtpError> {
        let header_bytes = header_bytes(buffer)?;
        let (header, rest) = buffer.split_at(header_bytes);
        let csrcs_end = RTP_HEADER_BYTES + csrc_bytes(header);
        let extension = header[csrcs_end..].split_at_checked(4);
        Ok(Self {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7F,
            sequence_number: be16(header, 2),
            timestamp: be32(header, 4),
            ssrc: be32(header, 8),
            extension: extension
                .map(|(head, data)| HeaderExtension { profile: be16(head, 0), data }),
            payload: without_padding(header, rest)?,
            csrcs: &header[RTP_HEADER_BYTES..csrcs_end],
        })
    }

    /// The fixed header.
    pub fn header(&self) -> RtpHeader {
        RtpHeader {
            marker: self.marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        }
    }

    /// The contributing sources.
    pub fn csrcs(&self) -> impl ExactSizeIterator<Item = u32> + 'a {
        self.csrcs.chunks_exact(4).map(|csrc| be32(csrc, 0))
    }
}

impl<'a> HeaderExtension<'a> {
    /// The elements of a one-byte or two-byte list; none for another profile.
    ///
    /// A list that ends within an element ends before it.
    pub fn elements(&self) -> impl Iterator<Item = ExtensionElement<'a>> + use<'a> {
        let profile = self.profile;
        let mut data = self.data;
        std::iter::from_fn(move || match profile {
            ONE_BYTE_PROFILE => next_one_byte(&mut data),
            _ if profile & 0xFFF0 == TWO_BYTE_PROFILE => next_two_byte(&mut data),
            _ => None,
        })
    }

    /// The data of the element with that id.
    pub fn element(&self, id: u8) -> Option<&'a [u8]> {
        let found = self.elements().find(|element| element.id == id);
        found.map(|element| element.data)
    }
}

fn next_one_byte<'a>(data: &mut &'a [u8]) -> Option<ExtensionElement<'a>> {
    skip_padding(data);
    let (head, rest) = data.split_first()?;
    let (id, length) = (head >> 4, usize::from(head & 0x0F) + 1);
    if id == ONE_BYTE_STOP {
        *data = &[];
        return None;
    }
    take_element(data, rest, id, length)
}

fn next_two_byte<'a>(data: &mut &'a [u8]) -> Option<ExtensionElement<'a>> {
    skip_padding(data);
    let (head, rest) = data.split_at_checked(2)?;
    take_element(data, rest, head[0], usize::from(head[1]))
}

fn skip_padding(data: &mut &[u8]) {
    while let Some((0, rest)) = data.split_first() {
        *data = rest;
    }
}

fn take_element<'a>(
    data: &mut &'a [u8],
    rest: &'a [u8],
    id: u8,
    length: usize,
) -> Option<ExtensionElement<'a>> {
    let Some((element, rest)) = rest.split_at_checked(length) else {
        *data = &[];
        return None;
    };
    *data = rest;
    Some(ExtensionElement { id, data: element })
}

impl RtpHeader {
    /// Writes the header and gives its length.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, RtpError> {
        let header = buffer.get_mut(..RTP_HEADER_BYTES).ok_or(RtpError::NoRoom)?;
        header[0] = VERSION << 6;
        header[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7F;
        header[2..4].copy_from_slice(&self.sequence_number.to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        Ok(RTP_HEADER_BYTES)
    }

    /// Writes header and payload and gives the packet's length.
    pub fn write_packet(&self, payload: &[u8], buffer: &mut [u8]) -> Result<usize, RtpError> {
        let start = self.write(buffer)?;
        let end = start + payload.len();
        let place = buffer.get_mut(start..end).ok_or(RtpError::NoRoom)?;
        place.copy_from_slice(payload);
        Ok(end)
    }

    /// Writes the header with contributing sources and a list of extension elements; the length.
    ///
    /// Elements are written with one-byte heads where all of them fit, otherwise with two bytes.
    /// Of more than [`CSRC_MAX`] sources the first are written.
    pub fn write_extended(
        &self,
        csrcs: &[u32],
        elements: &[ExtensionElement<'_>],
        buffer: &mut [u8],
    ) -> Result<usize, RtpError> {
        let mut end = self.write(buffer)?;
        let csrcs = &csrcs[..csrcs.len().min(CSRC_MAX)];
        for csrc in csrcs {
            end = append(buffer, end, &csrc.to_be_bytes())?;
        }
        buffer[0] |= csrcs.len() as u8;
        if elements.is_empty() {
            return Ok(end);
        }
        buffer[0] |= 0x10;
        write_elements(elements, buffer, end)
    }
}

fn write_elements(
    elements: &[ExtensionElement<'_>],
    buffer: &mut [u8],
    start: usize,
) -> Result<usize, RtpError> {
    let is_short = |element: &ExtensionElement<'_>| {
        (1..ONE_BYTE_STOP).contains(&element.id) && (1..=16).contains(&element.data.len())
    };
    let is_one_byte = elements.iter().all(is_short);
    let profile = if is_one_byte { ONE_BYTE_PROFILE } else { TWO_BYTE_PROFILE };
    let data_start = append(buffer, start, &[profile.to_be_bytes(), [0, 0]].concat())?;
    let mut end = data_start;
    for element in elements {
        let length = u8::try_from(element.data.len()).map_err(|_| RtpError::NoRoom)?;
        end = if is_one_byte {
            append(buffer, end, &[element.id << 4 | (length - 1)])?
        } else {
            append(buffer, end, &[element.id, length])?
        };
        end = append(buffer, end, element.data)?;
    }
    let padding = (data_start.wrapping_sub(end)) % 4;
    end = append(buffer, end, &[0; 3][..padding])?;
    let words = u16::try_from((end - data_start) / 4).map_err(|_| RtpError::NoRoom)?;
    buffer[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    Ok(end)
}

fn append(buffer: &mut [u8], start: usize, bytes: &[u8]) -> Result<usize, RtpError> {
    let end = start + bytes.len();
    let place = buffer.get_mut(start..end).ok_or(RtpError::NoRoom)?;
    place.copy_from_slice(bytes);
    Ok(end)
}

impl RtpRewrite {
    /// Changes a packet in place.
    pub fn apply(&self, packet: &mut [u8]) -> Result<(), RtpError> {
        let header = packet.get_mut(..RTP_HEADER_BYTES).ok_or(RtpError::TooShort)?;
        if let Some(marker) = self.marker {
            header[1] = header[1] & 0x7F | u8::from(marker) << 7;
        }
        if let Some(payload_type) = self.payload_type {
            header[1] = header[1] & 0x80 | payload_type & 0x7F;
        }
        if let Some(sequence_number) = self.sequence_number {
            header[2..4].copy_from_slice(&sequence_number.to_be_bytes());
        }
        if let Some(timestamp) = self.timestamp {
            header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        }
        if let Some(ssrc) = self.ssrc {
            header[8..12].copy_from_slice(&ssrc.to_be_bytes());
        }
        Ok(())
    }
}

/// Bytes of the header with CSRCs and extension.
pub(crate) fn header_bytes(packet: &[u8]) -> Result<usize, RtpError> {
    let header = packet.get(..RTP_HEADER_BYTES).ok_or(RtpError::TooShort)?;
    if header[0] >> 6 != VERSION {
        return Err(RtpError::WrongVersion);
    }
    let mut end = RTP_HEADER_BYTES + csrc_bytes(header);
    if header[0] & 0x10 != 0 {
        let head = packet.get(end..end + 4).ok_or(RtpError::TooShort)?;
        end += 4 + usize::from(be16(head, 2)) * 4;
    }
    if end > packet.len() {
        return Err(RtpError::TooShort);
    }
    Ok(end)
}

fn csrc_bytes(header: &[u8]) -> usize {
    usize::from(header[0] & 0x0F) * 4
}

fn without_padding<'a>(header: &[u8], payload: &'a [u8]) -> Result<&'a [u8], RtpError> {
    if header[0] & 0x20 == 0 {
        return Ok(payload);
    }
    let padding = usize::from(*payload.last().ok_or(RtpError::BadPadding)?);
    let length = payload.len().checked_sub(padding).filter(|_| padding > 0);
    length.map(|length| &payload[..length]).ok_or(RtpError::BadPadding)
}

/// Two bytes of a slice whose length was checked.
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes of a slice whose length was checked.
pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: RtpHeader = RtpHeader {
        marker: true,
        payload_type: 111,
        sequence_number: 0xABCD,
        timestamp: 0x0102_0304,
        ssrc: 0xDEAD_BEEF,
    };

    #[test]
    fn a_plain_packet_reads_as_it_was_written() {
        let mut buffer = [0; 64];
        let length = HEADER.write_packet(b"speech", &mut buffer).unwrap();
        let packet = RtpPacket::parse(&buffer[..length]).unwrap();
        assert_eq!(packet.header(), HEADER);
        assert_eq!(packet.payload, b"speech");
        assert_eq!((packet.extension, packet.csrcs().len()), (None, 0));
        assert_eq!(buffer[..2], [0x80, 0xEF]);
    }

    #[test]
    fn sources_and_elements_read_as_they_were_written() {
        let level = ExtensionElement { id: 1, data: &[0x7F] };
        let mid = ExtensionElement { id: 4, data: b"audio" };
        let long = ExtensionElement { id: 20, data: &[9; 17] };
        for (elements, profile) in
            [(&[level, mid][..], ONE_BYTE_PROFILE), (&[level, long, mid][..], TWO_BYTE_PROFILE)]
        {
            let mut buffer = [0xFF; 128];
            let header = HEADER.write_extended(&[7, 8], elements, &mut buffer).unwrap();
            buffer[header..header + 2].copy_from_slice(b"xy");
            let packet = RtpPacket::parse(&buffer[..header + 2]).unwrap();
            assert_eq!(packet.payload, b"xy");
            assert_eq!(packet.csrcs().collect::<Vec<_>>(), [7, 8]);
            let extension = packet.extension.unwrap();
            assert_eq!(extension.profile, profile);
            assert_eq!(extension.elements().collect::<Vec<_>>(), elements);
            assert_eq!(extension.element(4), Some(&b"audio"[..]));
        }
    }

    #[test]
    fn broken_element_lists_end_early() {
        let list = |profile, data| HeaderExtension { profile, data }.elements().count();
        assert_eq!(list(ONE_BYTE_PROFILE, &[0x10, 1, 0x2F, 1]), 1);
        assert_eq!(list(ONE_BYTE_PROFILE, &[0, 0, 0x10, 1]), 1);
        assert_eq!(list(ONE_BYTE_PROFILE, &[0xF0, 1, 0x10, 1]), 0);
        assert_eq!(list(TWO_BYTE_PROFILE, &[1, 0, 2, 1, 9, 3]), 2);
        assert_eq!(list(0x1234, &[0x10, 1, 0, 0]), 0);
    }

    #[test]
    fn padding_is_taken_off() {
        let mut buffer = [0; 64];
        let length = HEADER.write_packet(&[1, 2, 0, 0, 3], &mut buffer).unwrap();
        buffer[0] |= 0x20;
        assert_eq!(RtpPacket::parse(&buffer[..length]).unwrap().payload, [1, 2]);
        for wrong in [0, 6] {
            buffer[length - 1] = wrong;
            assert_eq!(RtpPacket::parse(&buffer[..length]), Err(RtpError::BadPadding));
        }
        assert_eq!(RtpPacket::parse(&buffer[..12]), Err(RtpError::BadPadding));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let mut buffer = [0; 32];
        HEADER.write(&mut buffer).unwrap();
        assert_eq!(RtpPacket::parse(&buffer[..11]), Err(RtpError::TooShort));
        for (first, error) in [
            (0x40, RtpError::WrongVersion),
            (0xC0, RtpError::WrongVersion),
            (0x86, RtpError::TooShort),
        ] {
            buffer[0] = first;
            assert_eq!(RtpPacket::parse(&buffer), Err(error), "{first:#x}");
        }
        buffer[0] = 0x90;
        buffer[14] = 1;
        assert_eq!(RtpPacket::parse(&buffer), Err(RtpError::TooShort));
        assert_eq!(HEADER.write_packet(&[0; 21], &mut buffer), Err(RtpError::NoRoom));
    }

    #[test]
    fn a_rewrite_changes_what_it_names() {
        let mut buffer = [0; 12];
        HEADER.write(&mut buffer).unwrap();
        let rewrite = RtpRewrite {
            marker: Some(false),
            payload_type: Some(0),
            ssrc: Some(5),
            ..RtpRewrite::default()
        };
        rewrite.apply(&mut buffer).unwrap();
        let expected = RtpHeader { marker: false, payload_type: 0, ssrc: 5, ..HEADER };
        assert_eq!(RtpPacket::parse(&buffer).unwrap().header(), expected);
        assert_eq!(rewrite.apply(&mut buffer[..11]), Err(RtpError::TooShort));
    }
}
