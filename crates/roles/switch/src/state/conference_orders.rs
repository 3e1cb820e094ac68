//! Conferences as those see and govern them who are not in them.

use super::{Output, Switch};
use offhook_bus::{ConferenceOrder, RecordingOrder};
use offhook_call::Call;
use offhook_conference::{Conference, MemberView};
use offhook_model::{LiveConference, LiveMember, RecordingCommand, RecordingSource};
use std::time::Instant;

impl Switch {
    /// Does something with the conference of this number; false when it, or the member, is not there, or it
    /// does not stand so.
    pub fn conference(&mut self, number: &str, order: ConferenceOrder, now: Instant) -> bool {
        let done = match order {
            ConferenceOrder::Record(order) => return self.record_conference(number, order, now),
            ConferenceOrder::Mute(leg, is_muted) => {
                self.conferences.order(number, |room| room.set_muted(leg, is_muted))
            }
            ConferenceOrder::Deafen(leg, is_deaf) => {
                self.conferences.order(number, |room| room.set_deaf(leg, is_deaf))
            }
            ConferenceOrder::Kick(leg) => self.conferences.order(number, |room| room.kick(leg)),
            ConferenceOrder::Lock(is_locked) => self.conferences.order(number, |room| {
                room.set_locked(is_locked);
                Ok(())
            }),
            ConferenceOrder::Play(prompts) => self.conferences.order(number, |room| {
                let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
                room.announce(&prompts);
                Ok(())
            }),
            ConferenceOrder::End => self.conferences.order(number, |room| {
                room.end();
                Ok(())
            }),
        };
        let Some(wanted) = done else { return false };
        self.carry_out_for_conference(wanted, now);
        true
    }

    fn record_conference(&mut self, number: &str, order: RecordingOrder, now: Instant) -> bool {
        let Some(id) = self.conferences.id(number) else { return false };
        let source = RecordingSource::Conference(id);
        let command = match order {
            RecordingOrder::Start(form) => {
                let serial = self.next_serial();
                let (name, now_ms) = (self.reference(serial), self.unix_ms(now));
                self.recordings.start_conference(id, number, &name, form, now_ms)
            }
            RecordingOrder::Pause => self.recordings.change(source, RecordingCommand::Pause),
            RecordingOrder::Resume => self.recordings.change(source, RecordingCommand::Resume),
            RecordingOrder::Stop => self.recordings.change(source, RecordingCommand::Stop),
        };
        self.conferences.note_change(number);
        let is_done = command.is_some();
        self.outputs.extend(command.map(Output::Media));
        is_done
    }

    /// The next conference that is other than it was.
    pub(super) fn poll_conference(&mut self) -> Option<Output> {
        let (number, conference) = self.conferences.poll_changed()?;
        let recording = conference
            .and_then(|known| self.recordings.live(RecordingSource::Conference(known.id())));
        let members = conference.into_iter().flat_map(Conference::members);
        let live = LiveConference {
            is_locked: conference.is_some_and(Conference::is_locked),
            recording,
            members: members
                .filter_map(|member| view(self.calls.get(&self.legs.call_of(member.leg))?, member))
                .collect(),
            number,
        };
        Some(Output::LiveConference(live))
    }
}

fn view(call: &Call, member: MemberView) -> Option<LiveMember> {
    Some(LiveMember {
        leg: member.leg,
        call: call.reference().clone(),
        number: call.number(member.leg)?.to_owned(),
        is_moderator: member.is_moderator,
        is_muted: member.is_muted,
        is_deaf: member.is_deaf,
        is_speaking: member.is_speaking,
        is_waiting: member.is_waiting,
    })
}
