use offhook_conference::{Conference, NotThere, Output};
use offhook_model::{ConferenceId, ConferenceSettings, LegId, MediaEvent};
use std::collections::{BTreeSet, HashMap};

/// The conferences that have been dialled, by number. Calls come and go; a conference is there as long as
/// one of them is in it.
#[derive(Debug, Default)]
pub(super) struct Conferences {
    by_number: HashMap<String, Conference>,
    number_of: HashMap<ConferenceId, String>,
    /// Which conference a leg has dialled.
    dialled: HashMap<LegId, String>,
    next_id: u64,
    /// Numbers of conferences that are other than when they were shown.
    changed: BTreeSet<String>,
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

    /// Does what is asked of the conference of this number; `None` when it, or the member, is not there.
    pub(super) fn order(
        &mut self,
        number: &str,
        act: impl FnOnce(&mut Conference) -> Result<(), NotThere>,
    ) -> Option<Vec<Output>> {
        let conference = self.by_number.get_mut(number)?;
        act(conference).ok()?;
        self.changed.insert(number.to_owned());
        Some(drain(conference))
    }

    /// The media role's name of the conference of this number.
    pub(super) fn id(&self, number: &str) -> Option<ConferenceId> {
        self.by_number.get(number).map(Conference::id)
    }

    /// A conference of which something is to be shown.
    pub(super) fn note_change(&mut self, number: &str) {
        self.changed.insert(number.to_owned());
    }

    /// The same of a conference by the media role's name.
    pub(super) fn note_change_of(&mut self, id: ConferenceId) {
        self.changed.extend(self.number_of.get(&id).cloned());
    }

    /// The next conference that is other than it was, and its state; `None` of one that is over.
    pub(super) fn poll_changed(&mut self) -> Option<(String, Option<&Conference>)> {
        let number = self.changed.pop_first()?;
        let conference = self.by_number.get(&number);
        Some((number, conference))
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
                self.changed.extend(number.cloned());
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
            | MediaEvent::Recording { .. }
            | MediaEvent::RecordingsExpired { .. }
            | MediaEvent::Fork { .. } => Vec::new(),
        }
    }

    /// Does something with the conference that the leg has dialled.
    fn with(&mut self, leg: LegId, act: impl FnOnce(&mut Conference)) -> Vec<Output> {
        let number = self.dialled.get(&leg);
        self.changed.extend(number.cloned());
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
