use offhook_conference::{Conference, Output};
use offhook_model::{ConferenceId, ConferenceSettings, LegId, MediaEvent};
use std::collections::HashMap;

/// The conferences that have been dialled, by number. Calls come and go; a conference is there as long as
/// one of them is in it.
#[derive(Debug, Default)]
pub(super) struct Conferences {
    by_number: HashMap<String, Conference>,
    number_of: HashMap<ConferenceId, String>,
    /// Which conference a leg has dialled.
    dialled: HashMap<LegId, String>,
    next_id: u64,
}

impl Conferences {
    /// A leg has dialled a conference; what follows from it.
    pub(super) fn join(
        &mut self,
        number: String,
        settings: ConferenceSettings,
        leg: LegId,
    ) -> Vec<Output> {
        if !self.by_number.contains_key(&number) {
            self.next_id += 1;
            let id = ConferenceId(self.next_id);
            self.number_of.insert(id, number.clone());
            self.by_number.insert(number.clone(), Conference::new(id, settings));
        }
        self.dialled.insert(leg, number);
        self.with(leg, |conference| conference.handle_join(leg))
    }

    /// A leg is gone; what follows from it.
    pub(super) fn leave(&mut self, leg: LegId) -> Vec<Output> {
        let outputs = self.with(leg, |conference| conference.handle_leave(leg));
        let Some(number) = self.dialled.remove(&leg) else { return outputs };
        if self.by_number.get(&number).is_some_and(Conference::is_empty)
            && let Some(conference) = self.by_number.remove(&number)
        {
            self.number_of.remove(&conference.id());
        }
        outputs
    }

    /// What the media role reports; what follows from it.
    pub(super) fn handle_media(&mut self, event: &MediaEvent) -> Vec<Output> {
        match event {
            MediaEvent::Dtmf { leg, digit, .. } => {
                self.with(*leg, |conference| conference.handle_key(*leg, *digit))
            }
            MediaEvent::PlayFinished { leg } | MediaEvent::PlayInterrupted { leg, .. } => {
                self.with(*leg, |conference| conference.handle_play_finished(*leg))
            }
            MediaEvent::Conference { conference, event } => {
                let number = self.number_of.get(conference);
                let conference = number.and_then(|number| self.by_number.get_mut(number));
                conference.map_or_else(Vec::new, |conference| {
                    conference.handle_media(event);
                    drain(conference)
                })
            }
            MediaEvent::Described { .. }
            | MediaEvent::Agreed { .. }
            | MediaEvent::Refused { .. }
            | MediaEvent::Connected { .. }
            | MediaEvent::Trouble { .. }
            | MediaEvent::SendInfo { .. }
            | MediaEvent::Measured { .. }
            | MediaEvent::Snapshot { .. }
            | MediaEvent::Restored { .. }
            | MediaEvent::Released { .. }
            | MediaEvent::Recording { .. } => Vec::new(),
        }
    }

    /// Does something with the conference that the leg has dialled.
    fn with(&mut self, leg: LegId, act: impl FnOnce(&mut Conference)) -> Vec<Output> {
        let number = self.dialled.get(&leg);
        let Some(conference) = number.and_then(|number| self.by_number.get_mut(number)) else {
            return Vec::new();
        };
        act(conference);
        drain(conference)
    }
}

fn drain(conference: &mut Conference) -> Vec<Output> {
    std::iter::from_fn(|| conference.poll_output()).collect()
}
