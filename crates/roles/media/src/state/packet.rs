//! Buffers of packets that are sent, used again and again.

/// Bytes of a media packet at most; what is longer does not pass an Ethernet unfragmented.
pub(crate) const PACKET_BYTES_MAX: usize = 1_500;
/// Buffers that are kept for the next packets.
const BUFFERS_KEPT_MAX: usize = 512;

/// One datagram.
#[derive(Debug, Clone)]
pub struct Packet {
    bytes: Box<[u8; PACKET_BYTES_MAX]>,
    length: usize,
}

impl Packet {
    fn new() -> Self {
        Self { bytes: Box::new([0; PACKET_BYTES_MAX]), length: 0 }
    }

    /// The datagram.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The whole buffer, to be written.
    pub(crate) fn buffer(&mut self) -> &mut [u8] {
        &mut self.bytes[..]
    }

    /// Says how much of the buffer is the datagram.
    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length.min(PACKET_BYTES_MAX);
    }
}

/// Buffers that wait for use. After the first packets none is allocated any longer.
#[derive(Debug, Default)]
pub(crate) struct PacketPool(Vec<Packet>);

impl PacketPool {
    /// An empty packet.
    pub(crate) fn take(&mut self) -> Packet {
        self.0.pop().unwrap_or_else(Packet::new)
    }

    /// Takes back a packet that was sent.
    pub(crate) fn recycle(&mut self, mut packet: Packet) {
        if self.0.len() < BUFFERS_KEPT_MAX {
            packet.length = 0;
            self.0.push(packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recycled_buffer_is_given_again_and_empty() {
        let mut pool = PacketPool::default();
        let mut packet = pool.take();
        packet.buffer()[..2].copy_from_slice(b"ab");
        packet.set_length(2);
        assert_eq!(packet.as_bytes(), b"ab");
        let place = packet.bytes.as_ptr();
        pool.recycle(packet);
        let again = pool.take();
        assert_eq!(again.bytes.as_ptr(), place);
        assert!(again.as_bytes().is_empty());
    }
}
