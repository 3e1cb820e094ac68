//! Message waiting indication (RFC 3842): phones that subscribe to their mailbox are told how many messages
//! wait there, at once and at each change. Subscriptions are kept in memory; phones make new ones.

use super::{Edge, Switch};
use crate::identity::{Caller, dialled};
use offhook_sip::message::{HeaderName, Message, StatusCode};
use offhook_sip::user_agent::{Body, RequestKey, SentKey, SubscriptionHandle};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// The only event package.
const PACKAGE: &str = "message-summary";
const CONTENT_TYPE: &str = "application/simple-message-summary";
/// How long a subscription lasts that asks for nothing, for least and for most, seconds.
const EXPIRES_S: u32 = 3_600;
const EXPIRES_MIN_S: u32 = 60;
const EXPIRES_MAX_S: u32 = 86_400;
/// Subscriptions to one mailbox at a time.
const OF_MAILBOX_MAX: usize = 32;

/// Messages in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    new: u32,
    old: u32,
}

#[derive(Debug)]
struct Subscriber {
    mailbox: String,
    expires_at_ms: u64,
}

/// Who is told of which mailbox, and what there is to tell.
#[derive(Debug, Default)]
pub(super) struct MessageWaiting {
    counts: HashMap<String, Count>,
    subscribers: HashMap<SubscriptionHandle, Subscriber>,
    of_mailbox: HashMap<String, BTreeSet<SubscriptionHandle>>,
    deadlines: BTreeSet<(u64, SubscriptionHandle)>,
    /// NOTIFY requests that have no final response.
    sent: BTreeMap<SentKey, SubscriptionHandle>,
}

impl MessageWaiting {
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.deadlines.first().map(|(due_ms, _)| *due_ms)
    }

    fn count(&self, mailbox: &str) -> Count {
        self.counts.get(mailbox).copied().unwrap_or_default()
    }

    fn has_room(&self, mailbox: &str) -> bool {
        self.of_mailbox.get(mailbox).is_none_or(|all| all.len() < OF_MAILBOX_MAX)
    }

    fn put(&mut self, handle: SubscriptionHandle, mailbox: &str, expires_at_ms: u64) {
        self.remove(handle);
        self.deadlines.insert((expires_at_ms, handle));
        self.of_mailbox.entry(mailbox.to_owned()).or_default().insert(handle);
        let subscriber = Subscriber { mailbox: mailbox.to_owned(), expires_at_ms };
        self.subscribers.insert(handle, subscriber);
    }

    fn remove(&mut self, handle: SubscriptionHandle) -> Option<Subscriber> {
        let known = self.subscribers.remove(&handle)?;
        self.deadlines.remove(&(known.expires_at_ms, handle));
        if let Some(all) = self.of_mailbox.get_mut(&known.mailbox) {
            all.remove(&handle);
            if all.is_empty() {
                self.of_mailbox.remove(&known.mailbox);
            }
        }
        Some(known)
    }

    fn next_due(&self, now_ms: u64) -> Option<SubscriptionHandle> {
        let (due_ms, handle) = self.deadlines.first()?;
        (*due_ms <= now_ms).then_some(*handle)
    }
}

impl Switch {
    /// How many messages wait in a mailbox.
    pub fn set_messages(&mut self, mailbox: &str, new: u32, old: u32, now: Instant) {
        let count = Count { new, old };
        if self.message_waiting.count(mailbox) == count {
            return;
        }
        self.message_waiting.counts.insert(mailbox.to_owned(), count);
        let told = self.message_waiting.of_mailbox.get(mailbox).cloned().unwrap_or_default();
        for handle in told {
            self.tell_messages(handle, now);
        }
        self.drain_agent(now);
    }

    /// A SUBSCRIBE outside of a dialog.
    pub(super) fn handle_subscribe(
        &mut self,
        key: RequestKey,
        request: &Message,
        peer: Edge,
        now: Instant,
    ) {
        let expires_s = match self.demand_subscription(request) {
            Ok(expires_s) => expires_s,
            Err((code, headers)) => return self.refuse_subscription(key, code, &headers, now),
        };
        let mailbox = dialled(request);
        let text = expires_s.to_string();
        let headers = [("Expires", text.as_str()), ("Allow-Events", PACKAGE)];
        match self.agent.accept_subscription(key, peer, &headers, now) {
            Ok(handle) => self.begin_subscription(handle, &mailbox, expires_s, now),
            Err(error) => {
                tracing::debug!(%error, mailbox, "a subscription was not made");
                self.refuse_subscription(key, StatusCode::SERVICE_UNAVAILABLE, &[], now);
            }
        }
    }

    /// Whether the request may be met, and for how long.
    fn demand_subscription(&self, request: &Message) -> Result<u32, Refused> {
        let expires_s = expires(request)?;
        let mailbox = dialled(request);
        let account = Caller::of(request).account;
        if account.as_deref() != Some(mailbox.as_str()) {
            return Err((StatusCode::FORBIDDEN, Vec::new()));
        }
        if !self.directory.has_mailbox(&mailbox) {
            return Err((StatusCode::NOT_FOUND, Vec::new()));
        }
        if !self.message_waiting.has_room(&mailbox) {
            return Err((StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
        }
        Ok(expires_s)
    }

    fn begin_subscription(
        &mut self,
        handle: SubscriptionHandle,
        mailbox: &str,
        expires_s: u32,
        now: Instant,
    ) {
        let expires_at_ms = self.unix_ms(now) + u64::from(expires_s) * 1_000;
        self.message_waiting.put(handle, mailbox, expires_at_ms);
        if expires_s == 0 {
            self.end_subscription(handle, "timeout", now);
        } else {
            self.tell_messages(handle, now);
        }
    }

    /// A subscriber wants to be told for longer, or no more.
    pub(super) fn handle_resubscribe(
        &mut self,
        handle: SubscriptionHandle,
        key: RequestKey,
        request: &Message,
        now: Instant,
    ) {
        let known = self.message_waiting.subscribers.get(&handle);
        let Some(mailbox) = known.map(|known| known.mailbox.clone()) else {
            let gone = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return self.refuse_subscription(key, gone, &[], now);
        };
        match expires(request) {
            Ok(expires_s) => {
                let text = expires_s.to_string();
                let headers = [("Expires", text.as_str())];
                let done = self.agent.respond(key, StatusCode::OK, None, &headers, None, now);
                super::signalling::note("respond", done);
                self.begin_subscription(handle, &mailbox, expires_s, now);
            }
            Err((code, headers)) => self.refuse_subscription(key, code, &headers, now),
        }
    }

    fn refuse_subscription(
        &mut self,
        key: RequestKey,
        code: StatusCode,
        headers: &[(&str, String)],
        now: Instant,
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        super::signalling::note(
            "respond",
            self.agent.respond(key, code, None, &headers, None, now),
        );
    }

    /// Subscriptions that nobody has refreshed are over.
    pub(super) fn handle_subscription_timeouts(&mut self, now: Instant) {
        let now_ms = self.unix_ms(now);
        while let Some(handle) = self.message_waiting.next_due(now_ms) {
            self.end_subscription(handle, "timeout", now);
        }
        self.drain_agent(now);
    }

    fn end_subscription(&mut self, handle: SubscriptionHandle, reason: &str, now: Instant) {
        let Some(known) = self.message_waiting.remove(handle) else { return };
        let state = format!("terminated;reason={reason}");
        self.send_messages(handle, &known.mailbox, &state, now);
        self.agent.forget_subscription(handle);
    }

    fn tell_messages(&mut self, handle: SubscriptionHandle, now: Instant) {
        let Some(known) = self.message_waiting.subscribers.get(&handle) else { return };
        let left_ms = known.expires_at_ms.saturating_sub(self.unix_ms(now));
        let (mailbox, state) =
            (known.mailbox.clone(), format!("active;expires={}", left_ms / 1_000));
        self.send_messages(handle, &mailbox, &state, now);
    }

    fn send_messages(
        &mut self,
        handle: SubscriptionHandle,
        mailbox: &str,
        state: &str,
        now: Instant,
    ) {
        let headers = [("Event", PACKAGE), ("Subscription-State", state)];
        let count = self.message_waiting.count(mailbox);
        let text = summary(mailbox, &self.directory.domain, count);
        match self.agent.notify(handle, &headers, Some(Body::new(CONTENT_TYPE, text)), now) {
            Ok(sent) => drop(self.message_waiting.sent.insert(sent, handle)),
            Err(error) => tracing::debug!(%error, mailbox, "a subscriber was not told"),
        }
    }

    /// What became of a NOTIFY. A subscriber that does not take it is told no more (RFC 6665 section 4.2.2).
    pub(super) fn handle_notified(&mut self, sent: SentKey, code: StatusCode) {
        let Some(handle) = self.message_waiting.sent.remove(&sent) else { return };
        if !code.is_success() && self.message_waiting.remove(handle).is_some() {
            tracing::debug!(%code, "a subscriber is gone");
            self.agent.forget_subscription(handle);
        }
    }
}

/// A status, and header fields that explain it.
type Refused = (StatusCode, Vec<(&'static str, String)>);

/// The time that a SUBSCRIBE asks for, within our limits; 0 ends a subscription.
fn expires(request: &Message) -> Result<u32, Refused> {
    let event = request.header(HeaderName::Event).unwrap_or_default();
    let package = event.split(';').next().unwrap_or_default().trim();
    if !package.eq_ignore_ascii_case(PACKAGE) {
        return Err((StatusCode::BAD_EVENT, vec![("Allow-Events", PACKAGE.to_owned())]));
    }
    let asked = request.header(HeaderName::Expires).map(|text| text.trim().parse::<u32>());
    match asked {
        None => Ok(EXPIRES_S),
        Some(Ok(0)) => Ok(0),
        Some(Ok(seconds)) if seconds < EXPIRES_MIN_S => {
            let least = vec![("Min-Expires", EXPIRES_MIN_S.to_string())];
            Err((StatusCode::INTERVAL_TOO_BRIEF, least))
        }
        Some(Ok(seconds)) => Ok(seconds.min(EXPIRES_MAX_S)),
        Some(Err(_)) => Err((StatusCode::BAD_REQUEST, Vec::new())),
    }
}

/// The body of RFC 3842 section 5.2. None of our messages are urgent.
fn summary(mailbox: &str, domain: &str, Count { new, old }: Count) -> String {
    let waiting = if new > 0 { "yes" } else { "no" };
    format!(
        "Messages-Waiting: {waiting}\r\n\
         Message-Account: sip:{mailbox}@{domain}\r\n\
         Voice-Message: {new}/{old} (0/0)\r\n"
    )
}
