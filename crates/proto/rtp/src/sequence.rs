//! Sequence numbers of 16 bits carried on without wrapping.

/// Extends sequence numbers to 64 bits by taking the value closest to the highest one seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceExtender {
    highest: Option<u64>,
}

impl SequenceExtender {
    /// One that has come as far as this extended number.
    pub fn from_highest(highest: u64) -> Self {
        Self { highest: Some(highest) }
    }

    /// The extended number, without remembering it.
    ///
    /// The first number of all is placed a whole cycle up, so that numbers before it have a value.
    pub fn peek(&self, sequence_number: u16) -> u64 {
        const CYCLE: u64 = 1 << 16;
        let Some(highest) = self.highest else {
            return CYCLE + u64::from(sequence_number);
        };
        let distance = sequence_number.wrapping_sub(highest as u16) as i16;
        highest.saturating_add_signed(i64::from(distance))
    }

    /// The extended number; it becomes the highest when it is.
    pub fn extend(&mut self, sequence_number: u16) -> u64 {
        let extended = self.peek(sequence_number);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        extended
    }

    /// The highest number so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_over_the_wrap_and_stragglers_fall_behind_it() {
        let mut extender = SequenceExtender::default();
        let base = extender.extend(65_534);
        assert_eq!(extender.extend(65_535), base + 1);
        assert_eq!(extender.extend(1), base + 3);
        assert_eq!(extender.extend(0), base + 2);
        assert_eq!(extender.extend(65_530), base - 4);
        assert_eq!(extender.highest(), Some(base + 3));
        assert_eq!(extender.peek(2), base + 4);
    }
}
