use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Wrong PINs for one mailbox, in whatever calls, after which nobody is let in for a while.
pub const WRONG_PINS_MAX: u32 = 10;
/// How long a mailbox stays locked, and how long wrong PINs are remembered.
pub const LOCK: Duration = Duration::from_mins(15);
/// Mailboxes of which wrong PINs are remembered. Who asks for more makes the oldest be forgotten.
const MAILBOXES_MAX: usize = 10_000;

/// Wrong PINs by mailbox.
#[derive(Debug, Default)]
pub struct Attempts(HashMap<String, (u32, Instant)>);

impl Attempts {
    /// Takes an attempt, before its PIN is checked so that several at once count too; false when the mailbox is
    /// locked.
    pub fn take(&mut self, mailbox: &str, now: Instant) -> bool {
        self.forget_old(now);
        let (count, last) = self.0.entry(mailbox.to_owned()).or_insert((0, now));
        if *count >= WRONG_PINS_MAX {
            return false;
        }
        (*count, *last) = (*count + 1, now);
        true
    }

    /// The PIN was right.
    pub fn forget(&mut self, mailbox: &str) {
        self.0.remove(mailbox);
    }

    fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, (_, last)| now.saturating_duration_since(*last) < LOCK);
        if self.0.len() >= MAILBOXES_MAX {
            let oldest = self.0.iter().min_by_key(|(_, (_, last))| *last);
            if let Some(mailbox) = oldest.map(|(mailbox, _)| mailbox.clone()) {
                self.0.remove(&mailbox);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_locked_after_wrong_pins_and_opens_after_some_time() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..WRONG_PINS_MAX {
            assert!(attempts.take("1001", start));
        }
        let before = start + LOCK.saturating_sub(Duration::from_secs(1));
        assert!(!attempts.take("1001", before));
        assert!(attempts.take("1002", before), "another one is not locked");
        assert!(attempts.take("1001", start + LOCK));
    }

    #[test]
    fn a_right_pin_forgets_the_wrong_ones_and_memory_is_bounded() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..3 * WRONG_PINS_MAX {
            assert!(attempts.take("1001", now));
            attempts.forget("1001");
        }
        for mailbox in 0..=MAILBOXES_MAX {
            attempts.take(&mailbox.to_string(), now);
        }
        assert!(attempts.0.len() <= MAILBOXES_MAX);
    }
}
