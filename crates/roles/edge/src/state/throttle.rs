//! How often somebody may ask, and how often somebody may guess.

use super::bounded::BoundedMap;
use crate::config::Limits;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Sources and users whose rate is remembered, each.
pub(super) const RATES_MAX: usize = 65_536;
/// Sources, users and pairs of both whose wrong passwords are remembered, each.
pub(super) const FAILURES_MAX: usize = 65_536;
/// Wrong passwords from one source in all users' names together, as a multiple of what one user is allowed:
/// behind one address there may be a whole office.
const SOURCE_FACTOR: u32 = 16;
/// Wrong passwords of one user from all sources together, as a multiple, after which a source that has
/// been wrong once has to wait.
const USER_FACTOR: u32 = 16;
/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How long a source is known to have the right password of a user: longer than registrations commonly last,
/// so that a phone which refreshes its own is known from one time to the next.
const RIGHT_KEPT: Duration = Duration::from_secs(7_200);
/// Bytes of a user name that are compared.
const USER_BYTES_MAX: usize = 64;

/// A source of requests: an IPv4 address, or the network of an IPv6 address (its first 64 bits), since one
/// subscriber has all the addresses in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(IpAddr::V4(ip)),
            IpAddr::V6(ip) => {
                let network = ip.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
        }
    }
}

/// Token buckets by key. A bucket holds twice what flows in during a second.
#[derive(Debug)]
pub(super) struct Rates<K> {
    per_second: f64,
    buckets: BoundedMap<K, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    level: f64,
    filled: Instant,
}

impl<K: Hash + Eq> Rates<K> {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: BoundedMap::new(RATES_MAX) }
    }

    /// Takes one token; false when there is none.
    pub(super) fn take(&mut self, key: K, now: Instant) -> bool {
        let capacity = 2.0 * self.per_second;
        let Some(bucket) = self.buckets.get_mut(&key) else {
            self.buckets.insert(key, Bucket { level: capacity - 1.0, filled: now });
            return capacity >= 1.0;
        };
        let elapsed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.level = (bucket.level + elapsed * self.per_second).min(capacity);
        bucket.filled = now;
        let is_there = bucket.level >= 1.0;
        if is_there {
            bucket.level -= 1.0;
        }
        is_there
    }
}

/// Wrong passwords, and who has to wait because of them.
///
/// A right password from an address that was never wrong passes whatever others do. So does that of a user
/// who was right from the same address not long ago: behind it there may be other phones that are wrong.
#[derive(Debug)]
pub(super) struct Failures {
    allowed: u32,
    /// When a user was right last from a source.
    right: BoundedMap<(Source, String), Instant>,
    by_pair: BoundedMap<(Source, String), Failed>,
    by_source: BoundedMap<Source, Failed>,
    by_user: BoundedMap<String, Failed>,
}

#[derive(Debug)]
struct Failed {
    count: f64,
    last: Instant,
    waits: u32,
    wait_ends: Option<Instant>,
}

impl Failures {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            allowed: limits.wrong_passwords.max(1),
            right: BoundedMap::new(FAILURES_MAX),
            by_pair: BoundedMap::new(FAILURES_MAX),
            by_source: BoundedMap::new(FAILURES_MAX),
            by_user: BoundedMap::new(FAILURES_MAX),
        }
    }

    /// How long this source has to wait before a password of this user is looked at.
    pub(super) fn wait(&self, source: Source, user: &str, now: Instant) -> Option<Duration> {
        let key = (source, shortened(user));
        let pair = self.by_pair.peek(&key);
        let pair = pair.filter(|failed| failed.is_remembered(now));
        let user = self.by_user.peek(&key.1).filter(|_| pair.is_some());
        let source = self.by_source.peek(&source).filter(|_| !self.was_right(&key, now));
        [pair, user, source].into_iter().flatten().filter_map(|failed| failed.wait(now)).max()
    }

    fn was_right(&self, key: &(Source, String), now: Instant) -> bool {
        let at = self.right.peek(key);
        at.is_some_and(|at| now.saturating_duration_since(*at) < RIGHT_KEPT)
    }

    /// Notes a wrong password.
    pub(super) fn note_wrong(&mut self, source: Source, user: &str, now: Instant) {
        let user = shortened(user);
        let times = |factor| Allowance { count: self.allowed.saturating_mul(factor), leaks: false };
        let of_source = Allowance { leaks: true, ..times(SOURCE_FACTOR) };
        let (of_pair, of_user) = (times(1), times(USER_FACTOR));
        note(&mut self.by_pair, (source, user.clone()), of_pair, now);
        note(&mut self.by_source, source, of_source, now);
        note(&mut self.by_user, user, of_user, now);
    }

    /// Notes a right password: its source may be wrong again as often as before.
    pub(super) fn note_right(&mut self, source: Source, user: &str, now: Instant) {
        let key = (source, shortened(user));
        self.by_pair.remove(&key);
        self.right.insert(key, now);
    }
}

/// How many wrong passwords are borne before a wait.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    count: u32,
    /// Whether that many are borne in each window, over any time: what was wrong leaks away steadily. If
    /// not, they count until there was none for a whole window.
    leaks: bool,
}

impl Allowance {
    fn leaked(self, elapsed: Duration) -> f64 {
        let window_s = Duration::from_secs(Limits::WRONG_PASSWORD_WINDOW_S).as_secs_f64();
        match self.leaks {
            true => elapsed.as_secs_f64() * f64::from(self.count) / window_s,
            false => 0.0,
        }
    }
}

fn note<K: Hash + Eq>(map: &mut BoundedMap<K, Failed>, key: K, allowance: Allowance, now: Instant) {
    match map.get_mut(&key) {
        Some(failed) => failed.note(allowance, now),
        None => {
            let mut failed = Failed { count: 0.0, last: now, waits: 0, wait_ends: None };
            failed.note(allowance, now);
            map.insert(key, failed);
        }
    }
}

impl Failed {
    fn note(&mut self, allowance: Allowance, now: Instant) {
        if !self.is_remembered(now) {
            (self.count, self.waits) = (0.0, 0);
        }
        let leaked = allowance.leaked(now.saturating_duration_since(self.last));
        self.count = (self.count - leaked).max(0.0) + 1.0;
        self.last = now;
        if self.count >= f64::from(allowance.count) {
            let wait =
                FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.waits)).min(LONGEST_WAIT);
            self.wait_ends = Some(now + wait);
            self.waits += 1;
            self.count = 0.0;
        }
    }

    fn wait(&self, now: Instant) -> Option<Duration> {
        let ends = self.wait_ends?;
        Some(ends.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    fn is_remembered(&self, now: Instant) -> bool {
        let since = self.wait_ends.map_or(self.last, |ends| ends.max(self.last));
        let window = Duration::from_secs(Limits::WRONG_PASSWORD_WINDOW_S);
        now.saturating_duration_since(since) < window
    }
}

fn shortened(user: &str) -> String {
    let end = (0..=user.len().min(USER_BYTES_MAX)).rev().find(|end| user.is_char_boundary(*end));
    user[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let mut rates = Rates::new(5);
        let start = Instant::now();
        let taken = (0..100).filter(|_| rates.take("a", start)).count();
        assert_eq!(taken, 10);
        assert!(rates.take("b", start), "others are not touched");
        let taken = (0..100).filter(|_| rates.take("a", start + Duration::from_secs(1))).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn waits_grow_and_are_forgotten() {
        let mut failures = Failures::new(&Limits { wrong_passwords: 3, ..Limits::default() });
        let guesser = source("192.0.2.1");
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..9 {
            failures.note_wrong(guesser, "1001", now);
            if let Some(wait) = failures.wait(guesser, "1001", now) {
                waits.push(wait.as_secs());
                now += wait;
            }
        }
        assert_eq!(waits, [10, 20, 40]);
        assert_eq!(failures.wait(guesser, "1001", now), None);
        now += Duration::from_secs(Limits::WRONG_PASSWORD_WINDOW_S);
        for _ in 0..3 {
            failures.note_wrong(guesser, "1001", now);
        }
        assert_eq!(failures.wait(guesser, "1001", now), Some(FIRST_WAIT));
    }

    #[test]
    fn others_are_not_hindered() {
        let mut failures = Failures::new(&Limits { wrong_passwords: 3, ..Limits::default() });
        let (guesser, owner) = (source("192.0.2.1"), source("192.0.2.2"));
        let now = Instant::now();
        for _ in 0..3 {
            failures.note_wrong(guesser, "1001", now);
        }
        assert!(failures.wait(guesser, "1001", now).is_some());
        assert_eq!(failures.wait(guesser, "1002", now), None);
        assert_eq!(failures.wait(owner, "1001", now), None);
    }

    #[test]
    fn guessing_from_many_addresses_is_slowed_down_too() {
        let mut failures = Failures::new(&Limits { wrong_passwords: 3, ..Limits::default() });
        let now = Instant::now();
        let guesser = |number: u32| Source::from(IpAddr::V4((0xc000_0200 + number).into()));
        for number in 0..3 * USER_FACTOR {
            failures.note_wrong(guesser(number), "1001", now);
        }
        assert!(failures.wait(guesser(0), "1001", now).is_some(), "it has been wrong once");
        assert_eq!(failures.wait(source("198.51.100.1"), "1001", now), None, "it never was");
    }

    #[test]
    fn guessing_many_users_from_one_address_is_slowed_down_too() {
        let mut failures = Failures::new(&Limits { wrong_passwords: 3, ..Limits::default() });
        let (guesser, now) = (source("2001:db8::1"), Instant::now());
        for number in 0..3 * SOURCE_FACTOR {
            failures.note_wrong(guesser, &number.to_string(), now);
        }
        assert!(failures.wait(source("2001:db8::2"), "fresh", now).is_some(), "the same network");
        assert_eq!(failures.wait(source("2001:db8:0:1::1"), "fresh", now), None);
    }

    #[test]
    fn whoever_was_right_does_not_wait_for_others_at_the_same_address() {
        let mut failures = Failures::new(&Limits { wrong_passwords: 3, ..Limits::default() });
        let (office, mut now) = (source("203.0.113.1"), Instant::now());
        failures.note_right(office, "1001", now);
        for number in 0..3 * SOURCE_FACTOR {
            failures.note_wrong(office, &number.to_string(), now);
        }
        assert_eq!(failures.wait(office, "1002", now), Some(FIRST_WAIT));
        assert_eq!(failures.wait(office, "1001", now), None);
        for _ in 0..3 {
            failures.note_wrong(office, "1001", now);
        }
        assert_eq!(failures.wait(office, "1001", now), Some(FIRST_WAIT), "its own are counted");
        now += RIGHT_KEPT;
        for number in 0..3 * SOURCE_FACTOR {
            failures.note_wrong(office, &number.to_string(), now);
        }
        assert_eq!(failures.wait(office, "1001", now), Some(FIRST_WAIT), "that is long ago");
    }

    #[test]
    fn what_is_wrong_seldom_never_adds_up_to_a_wait_of_the_whole_source() {
        let mut failures = Failures::new(&Limits { wrong_passwords: 8, ..Limits::default() });
        let (office, mut now) = (source("203.0.113.1"), Instant::now());
        for _ in 0..240 {
            for phone in 0..16 {
                failures.note_wrong(office, &phone.to_string(), now);
            }
            assert_eq!(failures.wait(office, "fresh", now), None);
            now += Duration::from_secs(30);
        }
    }
}
