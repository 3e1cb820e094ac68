//! What belongs to a leg, found fast: every packet asks for it.

use offhook_model::LegId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Things by leg. Leg ids are given by this system, so that nobody can choose ones that collide.
pub(crate) type LegMap<V> = HashMap<LegId, V, BuildHasherDefault<LegIdHasher>>;

/// Spreads consecutive numbers over all bits, by Fibonacci hashing.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct LegIdHasher(u64);

/// 2^64 divided by the golden ratio, made odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for LegIdHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(SPREAD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    #[test]
    fn consecutive_legs_differ_in_the_bits_that_tables_use() {
        let hasher = BuildHasherDefault::<LegIdHasher>::default();
        let hashes: Vec<u64> = (1..=1_024).map(|leg| hasher.hash_one(LegId(leg))).collect();
        let low: HashSet<u64> = hashes.iter().map(|hash| hash % 1_024).collect();
        let high: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        assert!(low.len() > 600, "{} places of 1,024", low.len());
        assert_eq!(high.len(), 128);
    }
}
