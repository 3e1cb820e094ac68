//! Waiting in a queue: the queue says which agents are rung, and what the caller hears meanwhile.

use crate::dial::Purpose;
use crate::script::Script;
use crate::{Action, Call};
use offhook_model::{HangupCause, LegId, OfferId, QueueId};
use serde::{Deserialize, Serialize};

/// What a party hears that is parked.
const PARK_MUSIC: &str = "music:";

/// A queue's offer of a call to an agent, as the agent's device is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The offer.
    pub offer: OfferId,
    /// The queue.
    pub queue: QueueId,
    /// How the queue is shown.
    pub queue_name: String,
    /// How long the caller has waited, milliseconds.
    pub waited_ms: u64,
    /// Whether the device is to answer by itself.
    pub auto_answer: bool,
    /// Whom the agent is to call back, where that is what is offered.
    pub callback: Option<String>,
}

impl Call {
    /// The queue in which a party of this call waits, and the party.
    #[must_use]
    pub fn waits_in(&self) -> Option<(&QueueId, LegId)> {
        let Script::Dialling(dial) = &self.script else { return None };
        dial.queue().map(|queue| (queue, self.served))
    }

    /// The queue has taken the party in, who hears this prompt URI until it is answered.
    pub fn handle_joined(&mut self, prompt: String) {
        let Script::Dialling(dial) = &mut self.script else { return };
        if let Purpose::Queue { music, .. } = &mut dial.purpose {
            *music = Some(prompt);
            self.play_music();
        }
    }

    /// The queue offers the call to an agent: its devices are rung.
    pub fn handle_offer(&mut self, extension: String, offered: Offered) {
        if self.waits_in().is_some() {
            self.ring_agent(extension, offered);
        }
    }

    /// The queue takes an offer back. One that was answered before stays.
    pub fn handle_withdrawal(&mut self, offer: OfferId, cause: HangupCause) {
        let Script::Dialling(dial) = &mut self.script else { return };
        let winner = dial.winner;
        let Some(at) = dial.rings.iter().position(|ring| {
            ring.offer.as_ref().is_some_and(|offered| offered.offer == offer)
                && !winner.is_some_and(|winner| ring.attempts.contains(&winner))
        }) else {
            return;
        };
        for leg in dial.rings.remove(at).attempts {
            self.drop_leg(leg, cause);
        }
    }

    /// The party that waits hears these prompts once, and then the music again.
    pub fn announce(&mut self, prompts: &[&str]) {
        if self.hears_music() {
            self.play(self.served, prompts, false);
        }
    }

    /// Begins the music, or begins it again.
    pub(crate) fn play_music(&mut self) {
        let Script::Dialling(dial) = &self.script else { return };
        let music = match &dial.purpose {
            Purpose::Queue { music: Some(music), .. } => music.clone(),
            Purpose::Parked { .. } => PARK_MUSIC.to_owned(),
            Purpose::Queue { music: None, .. } | Purpose::Extension { .. } => return,
        };
        if self.hears_music() {
            self.play(self.served, &[&music], true);
        }
    }

    /// Whether the party waits, its media is agreed and nobody has answered for it.
    fn hears_music(&self) -> bool {
        let Script::Dialling(dial) = &self.script else { return false };
        let agreed = self.legs.get(&self.served).is_some_and(|served| served.agreed);
        let waits = !matches!(dial.purpose, Purpose::Extension { .. });
        waits && dial.winner.is_none() && agreed
    }

    /// An agent had answered and could not be connected: the party waits as before.
    pub(crate) fn wait_again(&mut self) {
        let Some((queue, leg)) = self.waits_in() else { return self.play_music() };
        let queue = queue.clone();
        self.act(Action::JoinQueue { leg, queue });
        self.play_music();
    }
}
