//! Parties that send media and have no other side: others subscribe to them.

use super::call::{PartyId, Speech};
use super::description::{self, Edit, Passage, Said, SectionEdit};
use super::section;
use super::work::{PublishTask, Refusal, Task, needed, refuse};
use super::{Door, RequestId, codecs, reason};
use offhook_bus::{MediaCommand, MediaEvent};
use offhook_ng::{Dictionary, Flags, Reply, Request, Value};
use offhook_sdp::{EditedFormat, SessionDescription};
use std::borrow::Cow;
use std::time::Instant;

impl Door {
    /// Answers a party that sends media in.
    pub(super) fn publish(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let from_tag = needed(request.from_tag.as_deref(), "from-tag")?;
        let sdp = request.sdp.ok_or_else(|| refuse("No SDP body in message"))?;
        let said = Said::read(sdp).map_err(refuse)?;
        let flags = self.with_interface(request.flags, 0)?;
        let index = said.index;
        if !said.uses(index) {
            return Err(refuse("the audio section of what is published is not in use"));
        }
        let chosen = codecs::published(&said.formats(index), &flags.codec);
        let chosen = chosen.ok_or_else(|| refuse("no codec of what is published is known"))?;
        let source = description::signalled_address(&flags);
        let speaks = said.alone(index, Some(&[EditedFormat::kept(chosen)]), None, source);
        let like = section::with_direction(speaks.as_bytes(), "recvonly");
        let like = Said::read(like).map_err(refuse)?;
        let terms = description::answer_terms(&like, like.index, &Flags::default(), &flags, None);
        let now_s = self.unix_s(now);
        let call = self.calls.get_mut(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let party = call.offerer(from_tag, now_s);
        let party = party.ok_or_else(|| refuse("the call has too many parties"))?;
        call.parties[party].speak_in(index);
        let known = call.parties[party].leg;
        let leg = known.unwrap_or_else(|| self.new_leg(call_id));
        self.note_publisher(call_id, party, &said, &flags);
        if let Some(call) = self.calls.get_mut(call_id) {
            call.parties[party].set_leg(index, leg);
        }
        self.keep(call_id);
        self.tell(MediaCommand::AnswerOn { leg, offer: speaks.clone(), terms });
        let is_new_leg = known.is_none();
        let task = PublishTask { party, leg, is_new_leg, said, speaks, chosen, flags };
        self.start_work(call_id, id, Task::Publish(Box::new(task)), now);
        Ok(())
    }

    fn note_publisher(&mut self, call_id: &str, party: PartyId, said: &Said, flags: &Flags) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if let Some(metadata) = &flags.metadata {
            call.metadata = Some(metadata.clone());
        }
        let party = &mut call.parties[party];
        party.label = flags.label.clone().or(party.label.take());
        party.protocol = said.section().protocol.as_str().to_owned();
    }

    /// Whether the publisher has its answer.
    pub(super) fn publish_goes_on(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &PublishTask,
        event: MediaEvent,
        now: Instant,
    ) -> bool {
        if event.leg() != Some(task.leg) {
            return false;
        }
        match event {
            MediaEvent::Described { sdp, .. } => {
                let answer = publishers_answer(task, &sdp);
                let answer = answer.map(|sdp| Value::Text(Cow::Owned(sdp)));
                let reply = answer.map(|sdp| Reply::ok(Dictionary::new().with("sdp", sdp)));
                self.reply(id, reply.unwrap_or_else(|refusal| *refusal));
                let speaks = Speech { sdp: task.speaks.clone(), is_opaque: false };
                self.note_speech(call_id, task.leg, speaks);
                if task.flags.switches.record_call {
                    self.record_from_here(call_id, task.leg, now);
                }
            }
            MediaEvent::Refused { why, .. } => {
                if task.is_new_leg {
                    self.legs.remove(&task.leg);
                    self.lose_leg(call_id, task.party, task.leg);
                }
                self.reply(id, Reply::error(reason(&why)));
                self.forget_if_empty(call_id);
            }
            _ => return false,
        }
        true
    }
}

fn publishers_answer(task: &PublishTask, ours: &str) -> Result<Vec<u8>, Refusal> {
    let no_audio = || refuse("the media role described no audio");
    let said = Said::read(ours.as_bytes().to_vec()).map_err(refuse)?;
    let ours = SessionDescription::parse(ours.as_bytes()).map_err(|_| no_audio())?;
    let formats = Some(vec![EditedFormat::kept(task.chosen)]);
    let passage = Passage { index: said.index, is_opaque: false, formats };
    let protocol = task.said.section().protocol.as_str();
    let sections = vec![SectionEdit { passage: &passage, ours: &ours, protocol }];
    let edit = Edit { sections, flags: &task.flags, is_answer: true };
    let answer = description::edited(&said, &edit).ok_or_else(no_audio)?;
    Ok(section::among_rejected(&answer, &task.said.sdp, task.said.index))
}
