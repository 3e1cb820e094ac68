//! Replies that are given again when their request is.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a reply is given again.
pub const REPLY_KEPT: Duration = Duration::from_secs(15);
/// Replies that are kept at most; the oldest goes first.
pub const CACHED_REPLIES_MAX: usize = 65_536;
/// Bytes of all kept replies at most.
pub const CACHED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is known of a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It is new, and is noted as being worked on.
    New,
    /// Its request is being worked on; the repetition is to be dropped.
    Pending,
    /// This was its reply.
    Answered(Arc<[u8]>),
}

type Key = (SocketAddr, Box<[u8]>);

/// The cookies of the last seconds with their replies. A cookie belongs to the address it came from.
#[derive(Debug, Default)]
pub struct ReplyCache {
    replies: HashMap<Key, Option<Arc<[u8]>>>,
    order: VecDeque<(Instant, Key)>,
    bytes: usize,
}

impl ReplyCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A request came.
    pub fn handle_request(&mut self, source: SocketAddr, cookie: &[u8], now: Instant) -> Known {
        self.forget_old(now);
        let key: Key = (source, cookie.into());
        match self.replies.get(&key) {
            Some(Some(reply)) => return Known::Answered(Arc::clone(reply)),
            Some(None) => return Known::Pending,
            None => {}
        }
        self.replies.insert(key.clone(), None);
        self.order.push_back((now, key));
        Known::New
    }

    /// The reply to a request, for its repetitions.
    pub fn handle_reply(&mut self, source: SocketAddr, cookie: &[u8], reply: Arc<[u8]>) {
        let key: Key = (source, cookie.into());
        if let Some(slot) = self.replies.get_mut(&key) {
            self.bytes += reply.len();
            if let Some(old) = slot.replace(reply) {
                self.bytes -= old.len();
            }
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((since, _)) = self.order.front() {
            let is_old = now.saturating_duration_since(*since) >= REPLY_KEPT;
            let is_full = self.order.len() >= CACHED_REPLIES_MAX || self.bytes > CACHED_BYTES_MAX;
            if !is_old && !is_full {
                return;
            }
            if let Some((_, key)) = self.order.pop_front() {
                let reply = self.replies.remove(&key).flatten();
                self.bytes -= reply.map_or(0, |reply| reply.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_repeated_cookie_gets_the_same_reply_for_a_while() {
        let mut cache = ReplyCache::new();
        let start = Instant::now();
        assert_eq!(cache.handle_request(source(1), b"a", start), Known::New);
        assert_eq!(cache.handle_request(source(1), b"a", start), Known::Pending);
        cache.handle_reply(source(1), b"a", Arc::from(&b"reply"[..]));
        let late = start + REPLY_KEPT - Duration::from_millis(1);
        let answered = Known::Answered(Arc::from(&b"reply"[..]));
        assert_eq!(cache.handle_request(source(1), b"a", late), answered);
        assert_eq!(cache.handle_request(source(1), b"a", start + REPLY_KEPT), Known::New);
    }

    #[test]
    fn the_same_cookie_of_another_client_is_another() {
        let mut cache = ReplyCache::new();
        let now = Instant::now();
        cache.handle_request(source(1), b"a", now);
        cache.handle_reply(source(1), b"a", Arc::from(&b"reply"[..]));
        assert_eq!(cache.handle_request(source(2), b"a", now), Known::New);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut cache = ReplyCache::new();
        let now = Instant::now();
        for number in 0..=CACHED_REPLIES_MAX {
            cache.handle_request(source(1), number.to_string().as_bytes(), now);
        }
        assert!(cache.replies.len() <= CACHED_REPLIES_MAX);
        assert_eq!(cache.handle_request(source(1), b"65536", now), Known::Pending);
        assert_eq!(cache.handle_request(source(1), b"0", now), Known::New);
    }
}
