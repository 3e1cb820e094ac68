use super::{FOLLOWERS_MAX, HEARTBEAT, envelope, type_of};
use crate::context::ApiState;
use crate::extract::SignedIn;
use crate::problem::{Kind, Problem};
use axum::response::sse;
use offhook_bus::{Cursor, Event, Gone, Happening};
use offhook_store::Role;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

/// What one follower is told. It reads at its own pace; one that falls too far behind is told nothing more.
pub(super) struct Feed {
    state: ApiState,
    who: SignedIn,
    /// The types that are wanted; empty for all.
    types: Vec<String>,
    cursor: Cursor,
    latest: watch::Receiver<Cursor>,
    waiting: VecDeque<Arc<Event>>,
    /// When the sign-in is looked at next.
    look_at: Instant,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    pub fn open(
        state: ApiState,
        who: SignedIn,
        cursor: Option<Cursor>,
        types: Vec<String>,
    ) -> Result<Self, Problem> {
        let events = state.shared.events();
        let place = state.followers.clone().try_acquire_owned().map_err(|_full| {
            Problem::unavailable(format!("{FOLLOWERS_MAX} follow events already."))
        })?;
        let latest = events.watch();
        let cursor = cursor.unwrap_or_else(|| events.latest());
        events.after(cursor).map_err(|Gone| {
            let detail = "What followed that event is not kept any more. Ask for everything anew, and \
                          follow without a cursor.";
            Problem::new(Kind::Gone, detail)
        })?;
        let (waiting, look_at) = (VecDeque::new(), Instant::now() + HEARTBEAT);
        Ok(Self { state, who, types, cursor, latest, waiting, look_at, _place: place })
    }

    /// The next event as a server-sent one.
    pub async fn next_sse(&mut self) -> Option<sse::Event> {
        let (id, text) = self.next().await?;
        Some(sse::Event::default().id(id).data(text))
    }

    /// The next event, its id and its text; `None` when the follower is not signed in any more, or too far
    /// behind. It can be called again after it was given up.
    pub async fn next(&mut self) -> Option<(String, String)> {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                self.cursor = event.cursor;
                let told = self.wants(&event).then(|| envelope(&self.state, &event)).flatten();
                if let Some(told) = told {
                    return Some((event.cursor.to_string(), told.to_string()));
                }
            }
            if !self.is_signed_in().await {
                return None;
            }
            self.waiting = self.state.shared.events().after(self.cursor).ok()?.into();
            if self.waiting.is_empty() {
                self.wait().await;
            }
        }
    }

    /// Waits for the next event, or until it is time to look at the sign-in.
    async fn wait(&mut self) {
        let cursor = self.cursor;
        let later = self.latest.wait_for(|at| *at > cursor);
        // The sender lives as long as the state; a quiet time ends the wait too.
        tokio::time::timeout_at(self.look_at, later).await.map(drop).ok();
    }

    /// Whether the follower is signed in, which is asked every [`HEARTBEAT`].
    async fn is_signed_in(&mut self) -> bool {
        if Instant::now() < self.look_at {
            return true;
        }
        let user = self.state.store.session_user(&self.who.session).await;
        self.look_at = Instant::now() + HEARTBEAT;
        // A database that does not answer ends nobody's stream.
        !matches!(user, Ok(None))
    }

    fn wants(&self, event: &Event) -> bool {
        let is_wanted =
            self.types.is_empty() || self.types.iter().any(|word| *word == type_of(&event.what));
        is_wanted && self.may_see(&event.what)
    }

    fn may_see(&self, what: &Happening) -> bool {
        let own = |number: &str| self.who.user.extension.as_deref() == Some(number);
        if self.who.user.role >= Role::Supervisor {
            return true;
        }
        match what {
            Happening::AgentChanged(_)
            | Happening::AgentStatusChanged(..)
            | Happening::QueueChanged(_)
            | Happening::InQueue(_) => true,
            Happening::CallRinging(call) | Happening::CallAnswered(call) => {
                own(&call.caller) || call.answered_by.as_deref().is_some_and(own)
            }
            Happening::CallEnded(call) => {
                own(&call.caller) || call.legs.iter().any(|leg| own(&leg.number))
            }
            Happening::Recording(_) => false,
        }
    }
}
