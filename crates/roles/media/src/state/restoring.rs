//! Legs that go on in another process.

use super::leg::{Leg, LegState};
use super::reserved::Reserved;
use super::seed::Seed;
use super::settings::Clock;
use super::{Engine, Output};
use offhook_bus::{LegSnapshot, MediaEvent, MediaRefusal};
use offhook_model::LegId;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Engine {
    /// Tells all that [`Self::restore_leg`] needs, of a leg that was described.
    pub(super) fn snapshot(&mut self, id: LegId, now: Instant) {
        let leg = self.legs.get_mut(&id).filter(|leg| !leg.is_undescribed());
        let snapshot = leg.and_then(|leg| {
            if leg.keep() {
                self.outgoing.push(Output::Reserve { leg: id });
            }
            leg.snapshot(now)
        });
        self.outgoing.event(MediaEvent::Snapshot { leg: id, snapshot });
    }

    /// The port of a leg's RTP, and what it has reserved; to be noted at [`Output::Reserve`].
    #[must_use]
    pub fn reserved(&self, id: LegId) -> Option<(u16, &Reserved)> {
        self.legs.get(&id)?.reserved()
    }

    /// Makes the leg again that another process told of this long ago. `reserved` is what that one had noted
    /// last, as far as it is known. It says [`MediaEvent::Restored`], or why not, and then [`Output::Closed`].
    pub fn restore_leg(
        &mut self,
        id: LegId,
        (snapshot, reserved): (&LegSnapshot, Option<Reserved>),
        advertised: Arc<[IpAddr]>,
        seed: &Seed,
        since: (Clock, Duration),
    ) {
        let state = LegState::read(snapshot);
        let restore =
            |state| Leg::restore(id, &state, reserved, advertised, seed, &self.settings, since);
        match state.and_then(restore) {
            Ok(leg) => {
                self.legs.insert(id, Box::new(leg));
                self.outgoing.push(Output::Reserve { leg: id });
                self.outgoing.event(MediaEvent::Restored { leg: id });
                self.handle_agreement(id, since.0.now);
            }
            Err(error) => {
                let why = MediaRefusal::NotAcceptable(error.to_string());
                self.outgoing.event(MediaEvent::Refused { leg: id, why });
                self.outgoing.push(Output::Closed { leg: id });
            }
        }
    }
}
