//! Park: a party hears music until somebody fetches it.

use crate::dial::{Dial, Otherwise, Purpose, Ring};
use crate::script::Script;
use crate::{Call, Failure, PickUp};
use offhook_model::{Forwarding, HangupCause, LegId, Party};

/// How long a party is parked before whoever parked it is rung, milliseconds.
pub const PARK_MS: u64 = 60_000;

/// What stands for an extension while a party is parked. No number has a letter.
const PLACE: &str = "park";

impl Call {
    /// Parks the served leg for the account that asks, or again for the one that did before.
    pub(crate) fn park(&mut self, by: Option<String>, now_ms: u64) {
        self.parked_by = by.or_else(|| self.parked_by.take());
        let purpose = Purpose::Parked { until_ms: now_ms + PARK_MS };
        let place = Ring::new(PLACE.to_owned(), None);
        self.run(Script::Dialling(Dial::new(purpose, vec![place])));
        self.play_music();
        self.publish();
    }

    /// Since when a party of this call is parked, in milliseconds of Unix time.
    #[must_use]
    pub fn parked_since_ms(&self) -> Option<u64> {
        let Script::Dialling(dial) = &self.script else { return None };
        match &dial.purpose {
            Purpose::Parked { until_ms } if dial.winner.is_none() => {
                Some(until_ms.saturating_sub(PARK_MS))
            }
            Purpose::Parked { .. } | Purpose::Extension { .. } | Purpose::Queue { .. } => None,
        }
    }

    /// Somebody fetches the party that is parked; `None` when there is none.
    pub fn fetch(&mut self, by: PickUp) -> Option<LegId> {
        self.parked_since_ms()?;
        self.pick_up(PLACE, by)
    }

    /// Nobody has fetched the party: whoever parked it is rung, and then it is parked again. After some times
    /// that is enough.
    pub(crate) fn remind_parker(&mut self, now_ms: u64) {
        let Some(parker) = self.parked_by.clone().filter(|_| self.forwards_once_more()) else {
            let failure = Failure::new(HangupCause::NO_ANSWER, "Nobody has fetched the call");
            return self.turn_away(&failure, Party::System, now_ms);
        };
        let until_ms = now_ms + crate::dial::RING_TIMEOUT_MS;
        self.dial(parker, Forwarding::default(), Otherwise::Park, until_ms);
    }

    pub(crate) fn is_parked_at(&self, extension: &str) -> bool {
        extension == PLACE && self.parked_since_ms().is_some()
    }
}
