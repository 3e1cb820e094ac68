//! Random bytes that come from outside, and what is made of them.

use offhook_rtc::IceCredentials;

/// Bytes of a [`Seed`].
pub const SEED_BYTES: usize = 128;
/// Bytes of the longest SDES key and salt.
pub(crate) const SDES_SECRET_BYTES: usize = 46;

/// Randomness for one description: credentials, keys, identifiers. It is used once.
#[derive(Clone)]
pub struct Seed([u8; SEED_BYTES]);

impl Seed {
    /// Takes bytes that nobody can guess.
    #[must_use]
    pub fn new(bytes: [u8; SEED_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn ice_credentials(&self) -> IceCredentials {
        IceCredentials::from_random(&self.array(0))
    }

    pub(crate) fn sdes_secret(&self) -> [u8; SDES_SECRET_BYTES] {
        self.array(32)
    }

    pub(crate) fn tie_breaker(&self) -> u64 {
        u64::from_be_bytes(self.array(78))
    }

    /// An id for `o=`; 62 bits, since some devices read it as a signed number.
    pub(crate) fn session_id(&self) -> u64 {
        u64::from_be_bytes(self.array(86)) >> 2
    }

    pub(crate) fn cname(&self) -> String {
        self.array::<12>(94).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn ssrc(&self) -> u32 {
        u32::from_be_bytes(self.array(106))
    }

    pub(crate) fn first_timestamp(&self) -> u32 {
        u32::from_be_bytes(self.array(110))
    }

    /// The first sequence number; the upper half is left free so that SRTP's roll-over counter cannot be
    /// guessed wrong by a peer that misses the first packets (RFC 3711 3.3.1).
    pub(crate) fn first_sequence_number(&self) -> u16 {
        u16::from_be_bytes(self.array(114)) >> 1
    }

    pub(crate) fn rtcp(&self) -> u64 {
        u64::from_be_bytes(self.array(116))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("every part lies within the seed")
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_can_be_taken_and_none_is_another() {
        let mut bytes = [0; SEED_BYTES];
        for (byte, value) in bytes.iter_mut().zip(0..) {
            *byte = value;
        }
        let seed = Seed::new(bytes);
        assert_eq!(seed.sdes_secret()[0], 32);
        assert_eq!(seed.tie_breaker() >> 56, 78);
        assert_eq!(seed.session_id() >> 54, 86);
        assert_eq!(seed.cname(), "5e5f60616263646566676869");
        assert_eq!(seed.ssrc() >> 24, 106);
        assert_eq!(seed.rtcp() & 0xff, 123);
        assert_eq!(seed.ice_credentials().ufrag.len(), 8);
    }
}
