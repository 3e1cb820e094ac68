//! How many calls each caller has at a time, so that no caller takes all there is room for.

use super::reply::Reply;
use super::throttle::Source;
use crate::config::Limits;
use offhook_sip::{HeaderName, Message, Method, StatusCode};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Calls that are counted at a time. Beyond, calls pass uncounted: the switch has a limit of its own.
pub(super) const CALLS_MAX: usize = 65_536;
/// A call of which nothing was heard for so long has ended unnoticed: session refreshes come sooner.
const QUIET_MAX: Duration = Duration::from_secs(7_200);
/// How often such calls are looked for at most.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// Whom a call is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// Who has proved to be this user.
    Account(String),
    /// Who has no account, by address.
    Guest(Source),
}

/// A hash of the Call-ID and of the caller's tag.
type CallKey = [u8; 32];

/// The calls that began at a device and run.
#[derive(Debug)]
pub(super) struct Calls {
    per_account: u32,
    guests_per_source: u32,
    running: HashMap<CallKey, Running>,
    counts: HashMap<Caller, u32>,
    latest: Instant,
    swept: Instant,
}

#[derive(Debug)]
struct Running {
    caller: Caller,
    /// The branch that we gave its INVITE: a repetition has the same.
    branch: String,
    is_answered: bool,
    heard: Instant,
}

impl Calls {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            per_account: limits.calls_per_account,
            guests_per_source: limits.guest_calls_per_source,
            running: HashMap::new(),
            counts: HashMap::new(),
            latest: now,
            swept: now,
        }
    }

    /// Notes the time, which what the switch sends does not bring.
    pub(super) fn note_time(&mut self, now: Instant) {
        self.latest = now;
    }

    /// Counts the call that an INVITE outside a dialog begins; `branch` is the one it leaves with.
    ///
    /// # Errors
    /// 503 for a caller with too many calls.
    pub(super) fn begin(
        &mut self,
        invite: &Message,
        branch: &str,
        caller: Caller,
    ) -> Result<(), Reply> {
        let Some(key) = key_of(invite, invite.from_tag()) else {
            return Ok(());
        };
        if let Some(running) = self.running.get(&key) {
            // Two INVITEs that share the key of a call would be counted as one.
            return if running.branch == branch { Ok(()) } else { Err(too_many(&caller)) };
        }
        let allowed = match &caller {
            Caller::Account(_) => self.per_account,
            Caller::Guest(_) => self.guests_per_source,
        };
        if self.count(&caller) >= allowed || self.running.len() >= CALLS_MAX {
            self.sweep();
        }
        if self.count(&caller) >= allowed {
            return Err(too_many(&caller));
        }
        if self.running.len() < CALLS_MAX {
            *self.counts.entry(caller.clone()).or_default() += 1;
            let (branch, heard) = (branch.to_owned(), self.latest);
            self.running.insert(key, Running { caller, branch, is_answered: false, heard });
        }
        Ok(())
    }

    /// Takes note of a response of the switch: it may answer a call or end it.
    pub(super) fn hear_response(&mut self, response: &Message) {
        let key = key_of(response, response.from_tag());
        let method = response.cseq().ok().map(|cseq| cseq.method);
        let (Some(key), Some(status)) = (key, response.status()) else {
            return;
        };
        let Some(running) = self.running.get_mut(&key) else {
            return;
        };
        running.heard = self.latest;
        let is_over = match method {
            Some(Method::Invite) if status.is_success() => {
                running.is_answered = true;
                false
            }
            // A re-INVITE that is refused leaves its call as it was.
            Some(Method::Invite) => !status.is_provisional() && !running.is_answered,
            Some(Method::Bye) => status.is_success(),
            _ => false,
        };
        if is_over {
            self.end(&key);
        }
    }

    /// Takes note of a request of the switch: a BYE ends a call.
    pub(super) fn hear_request(&mut self, request: &Message) {
        let Some(key) = key_of(request, request.to_tag()) else {
            return;
        };
        match self.running.get_mut(&key) {
            Some(_) if request.method() == Some(&Method::Bye) => self.end(&key),
            Some(running) => running.heard = self.latest,
            None => {}
        }
    }

    fn count(&self, caller: &Caller) -> u32 {
        self.counts.get(caller).copied().unwrap_or_default()
    }

    fn end(&mut self, key: &CallKey) {
        let Some(Running { caller, .. }) = self.running.remove(key) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&caller);
            }
        }
    }

    fn sweep(&mut self) {
        if self.latest.saturating_duration_since(self.swept) < SWEEP_PERIOD {
            return;
        }
        self.swept = self.latest;
        let is_quiet =
            |running: &Running| self.latest.saturating_duration_since(running.heard) >= QUIET_MAX;
        let quiet: Vec<CallKey> = self
            .running
            .iter()
            .filter(|(_, running)| is_quiet(running))
            .map(|(key, _)| *key)
            .collect();
        quiet.iter().for_each(|key| self.end(key));
    }
}

fn key_of(message: &Message, tag: Option<&str>) -> Option<CallKey> {
    let mut hash = Sha256::new();
    hash.update(message.call_id().ok()?);
    hash.update(b"\n");
    hash.update(tag?);
    Some(hash.finalize().into())
}

fn too_many(caller: &Caller) -> Reply {
    let (why, reason) = match caller {
        Caller::Account(_) => ("account_calls", "Too many calls of this user"),
        Caller::Guest(_) => ("guest_calls", "Too many calls from this address"),
    };
    Reply::refusal(StatusCode::SERVICE_UNAVAILABLE, why, reason)
        .header(HeaderName::RetryAfter, "10")
}
