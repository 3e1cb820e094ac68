//! The comfort noise payload (RFC 3389): the level of the noise, and no more of its shape.

/// The quietest level the payload can say, in -dBov.
const LEVEL_MAX: u8 = 127;

/// The noise level of a payload in -dBov, 0 to 127; `None` when the payload is empty.
///
/// The coefficients that may follow shape the noise and are not read.
pub fn parse_level(payload: &[u8]) -> Option<u8> {
    payload.first().map(|level| level & LEVEL_MAX)
}

/// The payload for white noise of a level in -dBov, 127 at most.
pub fn payload(level: u8) -> [u8; 1] {
    [level.min(LEVEL_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_the_first_byte() {
        assert_eq!(parse_level(&payload(60)), Some(60));
        assert_eq!(parse_level(&[0xC0, 1, 2]), Some(0x40));
        assert_eq!(parse_level(&[]), None);
        assert_eq!(payload(255), [127]);
    }
}
