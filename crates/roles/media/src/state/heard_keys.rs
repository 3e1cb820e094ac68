//! One press is one digit, in however many ways the party tells of it.

use offhook_rtp::Digit;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far apart in time two ways may tell of one press.
const SLACK: Duration = Duration::from_millis(500);
/// Presses that are remembered.
const REMEMBERED_MAX: usize = 8;

/// How a press was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// As telephone-event packets (RFC 4733).
    Event,
    /// As a tone in the audio.
    Tone,
    /// In signalling (SIP INFO).
    Signalling,
}

/// The presses that were told of last. Each of them takes up one telling from each other source.
#[derive(Debug, Default)]
pub(crate) struct HeardKeys {
    told: VecDeque<Told>,
}

#[derive(Debug)]
struct Told {
    digit: Digit,
    until: Instant,
    sources: Vec<KeySource>,
}

impl HeardKeys {
    /// Whether this is a press of its own; `false` when it is another telling of one that is known.
    pub(crate) fn is_new(
        &mut self,
        digit: Digit,
        source: KeySource,
        duration: Duration,
        now: Instant,
    ) -> bool {
        while self.told.front().is_some_and(|told| told.until + duration + SLACK < now) {
            self.told.pop_front();
        }
        let is_same = |told: &&mut Told| told.digit == digit && !told.sources.contains(&source);
        if let Some(told) = self.told.iter_mut().find(is_same) {
            told.sources.push(source);
            return false;
        }
        if self.told.len() == REMEMBERED_MAX {
            self.told.pop_front();
        }
        self.told.push_back(Told { digit, until: now, sources: vec![source] });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use KeySource::{Event, Signalling, Tone};

    /// The keys that count of tellings: key, source, and when the press was over, in milliseconds.
    fn counted(tellings: &[(char, KeySource, u64)]) -> String {
        let (start, mut keys) = (Instant::now(), HeardKeys::default());
        let is_new = |(key, source, at): &&(char, KeySource, u64)| {
            let now = start + Duration::from_millis(*at);
            let digit = Digit::from_char(*key).expect("a key");
            keys.is_new(digit, *source, Duration::from_millis(80), now)
        };
        tellings.iter().filter(is_new).map(|telling| telling.0).collect()
    }

    #[test]
    fn a_press_told_in_two_ways_counts_once() {
        for (first, second) in [(Event, Tone), (Tone, Event), (Signalling, Event)] {
            assert_eq!(counted(&[('5', first, 100), ('5', second, 160)]), "5");
        }
        assert_eq!(counted(&[('5', Event, 100), ('5', Tone, 130), ('5', Signalling, 150)]), "5");
    }

    #[test]
    fn fast_presses_of_one_key_count_each() {
        let presses = [
            ('5', Tone, 80),
            ('5', Event, 120),
            ('5', Tone, 240),
            ('5', Event, 280),
            ('5', Event, 440),
            ('5', Tone, 450),
        ];
        assert_eq!(counted(&presses), "555");
        assert_eq!(counted(&[('1', Event, 100), ('1', Event, 200)]), "11");
    }

    #[test]
    fn other_keys_and_later_presses_are_presses_of_their_own() {
        assert_eq!(counted(&[('1', Event, 100), ('2', Tone, 110)]), "12");
        assert_eq!(counted(&[('1', Event, 100), ('1', Tone, 2_000)]), "11");
    }
}
