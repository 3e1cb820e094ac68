//! The media role's events on their way to the client that made the leg.

use crate::queue::{Full, Outbox};
use offhook_model::{LegId, MediaEvent};
use std::ops::Range;

/// The ids of the legs that the NG door makes. The switch's are below; the one of the start's self-check,
/// which runs in the switch's place, is above.
pub const DOOR_LEGS: Range<u64> = 1 << 62..1 << 63;

/// Takes each event to the client whose leg it tells of.
#[derive(Debug, Clone)]
pub struct MediaEvents {
    switch: Outbox<MediaEvent>,
    door: Option<Outbox<MediaEvent>>,
}

impl From<Outbox<MediaEvent>> for MediaEvents {
    fn from(switch: Outbox<MediaEvent>) -> Self {
        Self { switch, door: None }
    }
}

impl MediaEvents {
    /// Events of legs of [`DOOR_LEGS`] go to the door.
    #[must_use]
    pub fn with_door(self, door: Outbox<MediaEvent>) -> Self {
        Self { door: Some(door), ..self }
    }

    /// Puts an event into the queue of its client.
    ///
    /// # Errors
    /// Hands the event back when the queue is full or closed.
    #[expect(clippy::result_large_err, reason = "the event is handed back whole, as queues do")]
    pub fn send(&self, event: MediaEvent) -> Result<(), Full<MediaEvent>> {
        match &self.door {
            Some(door) if event.leg().is_some_and(is_door_leg) => door.send(event),
            _ => self.switch.send(event),
        }
    }
}

fn is_door_leg(leg: LegId) -> bool {
    DOOR_LEGS.contains(&leg.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::queue;

    #[test]
    fn each_client_hears_of_its_own_legs() {
        let (switch, mut at_switch) = queue(8);
        let (door, mut at_door) = queue(8);
        let events = MediaEvents::from(switch).with_door(door);
        let told = |leg| MediaEvent::Agreed { leg: LegId(leg) };
        for leg in [1, DOOR_LEGS.start, DOOR_LEGS.end, u64::MAX] {
            assert_eq!(events.send(told(leg)), Ok(()));
        }
        assert_eq!(at_door.try_recv(), Some(told(DOOR_LEGS.start)));
        assert_eq!(at_door.try_recv(), None);
        let others: Vec<_> = std::iter::from_fn(|| at_switch.try_recv()).collect();
        assert_eq!(others, [told(1), told(DOOR_LEGS.end), told(u64::MAX)]);
    }
}
