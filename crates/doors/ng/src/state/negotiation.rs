//! Offers and answers.

use super::call::{Media, Offered, PartyId, Speech};
use super::codecs::{self, Answered};
use super::description::{self, Edit, Passage, SECTIONS_MAX, Said, SectionEdit};
use super::section::{self, Additions};
use super::work::{
    AnswerTask, AnsweredSection, OfferTask, OfferedSection, Outcome, Refusal, Task, needed, refuse,
};
use super::{Door, RequestId, TimerName, control, reason};
use offhook_bus::{MediaCommand, MediaEvent, Terms};
use offhook_model::LegId;
use offhook_ng::{AddressFamily, Dictionary, Flags, Reply, Request, Switches, Value};
use offhook_sdp::{EditedFormat, MediaDescription, MediaKind, SessionDescription};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Flags beside the media that are counted when they mean nothing here.
fn note_unknown(flags: &Flags) {
    for flag in &flags.unknown {
        tracing::debug!(flag, "a flag that means nothing here");
    }
}

/// The address towards the offerer is the one that its offer has named, unless the answer names another.
fn answer_interface(flags: Flags, offered: &Offered) -> Flags {
    let media_address = flags.media_address.or(offered.own_address);
    Flags { media_address, ..flags }
}

impl Door {
    /// Flags whose media address is that of the interface towards the receiver.
    pub(super) fn with_interface(&self, flags: Flags, place: usize) -> Result<Flags, Refusal> {
        note_unknown(&flags);
        let address = self.interface(&flags, place);
        let media_address = flags.media_address.or(address);
        let is_of_family = |address: IpAddr| match flags.address_family {
            Some(AddressFamily::V4) => address.is_ipv4(),
            Some(AddressFamily::V6) => address.is_ipv6(),
            None => true,
        };
        if let Some(address) = media_address.filter(|address| !is_of_family(*address)) {
            return Err(refuse(format!(
                "{address} is not of the address-family that is asked for"
            )));
        }
        Ok(Flags { media_address, ..flags })
    }

    /// The address of an interface that `direction` names: the first is the sender's, the second the
    /// receiver's.
    fn interface(&self, flags: &Flags, place: usize) -> Option<IpAddr> {
        let name = flags.direction.get(place)?;
        let found = self.settings.interfaces.get(name);
        if found.is_none() {
            tracing::debug!(name, "an interface that is not configured");
        }
        found.copied()
    }

    pub(super) fn offer(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let from_tag = needed(request.from_tag.as_deref(), "from-tag")?.to_owned();
        let said = request.sdp.ok_or_else(|| refuse("No SDP body in message"))?;
        if self.passes_unchanged(call_id, id, &said, &request.flags) {
            return Ok(());
        }
        refuse_fax(&said, &request.flags)?;
        let said = Said::read(said).map_err(refuse)?;
        let flags = self.with_interface(request.flags, 1)?;
        if !said.uses(said.index) {
            return Err(refuse("no section of the offer is in use"));
        }
        let passages = self.offered_passages(&said, &flags)?;
        let (to_tag, via_branch) = (request.to_tag.as_deref(), request.via_branch.as_deref());
        let between = self.parties(call_id, &from_tag, to_tag, via_branch, now)?;
        let offers = self.offers(call_id, between.0, &said, &flags, passages)?;
        self.note_offer(call_id, between, &said, &flags);
        self.keep(call_id);
        let sections = self.offer_sections(call_id, between.1, offers);
        let task = OfferTask { receiver: between.1, said, flags, sections };
        self.start_work(call_id, id, Task::Offer(Box::new(task)), now);
        Ok(())
    }

    /// The sections of an offer that are passed: that in which the parties speak, and as many others as there
    /// may be and can be.
    fn offered_passages(&mut self, said: &Said, flags: &Flags) -> Result<Vec<Passage>, Refusal> {
        let mut passages =
            vec![description::offered_passage(said, said.index, flags).map_err(refuse)?];
        let sections = said.description.media.iter().enumerate();
        for (index, _) in
            sections.filter(|(index, section)| *index != said.index && section.is_in_use())
        {
            let passage = if !said.uses(index) {
                Err("the section has no port of its own (bundle-only)".to_owned())
            } else if passages.len() >= SECTIONS_MAX {
                Err(format!("there are more than {SECTIONS_MAX} sections"))
            } else {
                description::offered_passage(said, index, flags)
            };
            match passage {
                Ok(passage) => passages.push(passage),
                Err(reason) => self.count_refused_section(index, &reason),
            }
        }
        passages.sort_by_key(|passage| passage.index);
        Ok(passages)
    }

    fn count_refused_section(&mut self, index: usize, reason: &str) {
        tracing::debug!(index, reason, "a section is rejected");
        self.totals.sections_refused += 1;
        metrics::counter!("offhook_ng_sections_refused_total").increment(1);
    }

    /// The terms on which each section is offered to the other side.
    fn offers(
        &mut self,
        call_id: &str,
        offerer: PartyId,
        said: &Said,
        flags: &Flags,
        passages: Vec<Passage>,
    ) -> Result<Vec<(Passage, Terms)>, Refusal> {
        let mut offers = Vec::new();
        for passage in passages {
            let call = self.calls.get(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
            let partner = call.parties[offerer].leg_of(passage.index);
            match description::offer_terms(said, flags, &passage, partner) {
                Ok(terms) => offers.push((passage, terms)),
                Err(reason) if passage.index == said.index => return Err(refuse(reason)),
                Err(reason) => self.count_refused_section(passage.index, &reason),
            }
        }
        Ok(offers)
    }

    /// Offers each section on the leg that it has, or on one of its own.
    fn offer_sections(
        &mut self,
        call_id: &str,
        receiver: PartyId,
        offers: Vec<(Passage, Terms)>,
    ) -> Vec<OfferedSection> {
        let mut sections = Vec::new();
        for (passage, terms) in offers {
            let known = self.calls.get(call_id);
            let known = known.and_then(|call| call.parties[receiver].leg_of(passage.index));
            let leg = known.unwrap_or_else(|| self.new_leg(call_id));
            if let Some(call) = self.calls.get_mut(call_id) {
                call.parties[receiver].set_leg(passage.index, leg);
            }
            self.tell(MediaCommand::OfferOn { leg, terms });
            let is_new_leg = known.is_none();
            self.gate_new_leg(call_id, receiver, leg, is_new_leg);
            sections.push(OfferedSection { passage, leg, is_new_leg, outcome: None });
        }
        sections
    }

    /// Whether the description comes back in a loop of the signalling: it was edited already.
    fn passes_unchanged(
        &mut self,
        call_id: &str,
        id: RequestId,
        sdp: &[u8],
        flags: &Flags,
    ) -> bool {
        if !flags.switches.loop_protect || !section::is_marked(sdp, &self.settings.instance) {
            return false;
        }
        let sdp = Value::Text(Cow::Owned(sdp.to_vec()));
        self.reply(id, Reply::ok(Dictionary::new().with("sdp", sdp)));
        self.forget_if_empty(call_id);
        true
    }

    /// What is added to the description of a request with these flags. Packets of what is passed on as it is
    /// keep their length.
    fn additions<'a>(
        &self,
        flags: &Flags,
        ptime_ms: Option<u16>,
        mut passages: impl Iterator<Item = &'a Passage>,
    ) -> Additions<'_> {
        let mark = flags.switches.loop_protect.then_some(self.settings.instance.as_str());
        let spoken = passages.find(|passage| !passage.is_opaque);
        Additions { mark, ptime: spoken.map(|passage| passage.index).zip(ptime_ms) }
    }

    /// Drops the media of a call, or lets it pass again.
    fn set_traffic(&mut self, call_id: &str, flags: &Flags) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        call.drops_traffic = flags.drop_traffic.unwrap_or(call.drops_traffic);
        if !call.drops_traffic && flags.drop_traffic.is_none() {
            return;
        }
        let drops = call.drops_traffic;
        let gates: Vec<_> =
            call.parties.iter().flat_map(|party| control::gates_of(party, drops)).collect();
        gates.into_iter().for_each(|gate| self.tell(gate));
    }

    fn parties(
        &mut self,
        call_id: &str,
        from_tag: &str,
        to_tag: Option<&str>,
        via_branch: Option<&str>,
        now: Instant,
    ) -> Result<(PartyId, PartyId), Refusal> {
        let now_s = self.unix_s(now);
        let too_many = || refuse("the call has too many parties");
        let to_tag = to_tag.filter(|tag| !tag.is_empty() && *tag != from_tag);
        let call = self.calls.get_mut(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let offerer = call.offerer(from_tag, now_s).ok_or_else(too_many)?;
        let receiver = call.offered_to(offerer, to_tag, via_branch, now_s).ok_or_else(too_many)?;
        Ok((offerer, receiver))
    }

    fn note_offer(
        &mut self,
        call_id: &str,
        (offerer, receiver): (PartyId, PartyId),
        said: &Said,
        flags: &Flags,
    ) {
        let own_address = self.interface(flags, 0);
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if let Some(metadata) = &flags.metadata {
            call.metadata = Some(metadata.clone());
        }
        let from = &mut call.parties[offerer];
        let sdp = said.sdp.clone();
        from.offer = Some(Offered { sdp, flags: flags.clone(), own_address });
        from.protocol = said.section().protocol.as_str().to_owned();
        from.label = flags.label.clone().or(from.label.take());
        if from.partner.is_none() {
            from.partner = Some(receiver);
        }
        let section = said.section();
        from.media = media(said, |section| section.protocol.as_str());
        let to = &mut call.parties[receiver];
        to.speak_in(said.index);
        to.partner = Some(offerer);
        to.protocol = description::protocol(section, flags).to_owned();
        to.media = media(said, |section| description::protocol(section, flags));
        to.label = flags.set_label.clone().or(to.label.take());
    }

    /// Whoever negotiates wants the call to go on.
    pub(super) fn keep(&mut self, call_id: &str) {
        self.clear_timer(call_id, TimerName::Delete);
    }

    /// Whether the offer is done.
    pub(super) fn offer_goes_on(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &mut OfferTask,
        event: MediaEvent,
    ) -> bool {
        let mut sections = task.sections.iter_mut();
        let Some(section) = sections.find(|section| event.leg() == Some(section.leg)) else {
            return false;
        };
        section.outcome = match event {
            MediaEvent::Described { sdp, .. } => Some(described(&sdp)),
            MediaEvent::Refused { why, .. } => Some(Err(reason(&why))),
            _ => return false,
        };
        if task.sections.iter().any(|section| section.outcome.is_none()) {
            return false;
        }
        self.finish_offer(call_id, id, task);
        true
    }

    /// Replies with what the media role has described. Sections that it refuses are rejected, unless it is
    /// the one in which the parties speak.
    fn finish_offer(&mut self, call_id: &str, id: RequestId, task: &OfferTask) {
        let failed = failed(&task.said, task.sections.iter().map(|s| (&s.passage, &s.outcome)));
        for section in task.sections.iter().filter(|section| section.is_new_leg) {
            match &section.outcome {
                Some(Ok(_)) if failed.is_some() => {
                    self.tell(MediaCommand::Release { leg: section.leg });
                    self.lose_leg(call_id, task.receiver, section.leg);
                }
                Some(Err(_)) => {
                    self.legs.remove(&section.leg);
                    self.lose_leg(call_id, task.receiver, section.leg);
                }
                Some(Ok(_)) | None => {}
            }
        }
        for section in &task.sections {
            if let (Some(Err(reason)), None) = (&section.outcome, failed) {
                self.count_refused_section(section.passage.index, reason);
            }
        }
        let reply = match failed {
            Some(reason) => Reply::error(reason),
            None => {
                self.set_traffic(call_id, &task.flags);
                let outcomes = task.sections.iter().map(|section| {
                    let theirs = &task.said.description.media[section.passage.index];
                    let protocol = description::protocol(theirs, &task.flags);
                    (&section.passage, &section.outcome, protocol)
                });
                let passages = task.sections.iter().map(|section| &section.passage);
                let additions = self.additions(&task.flags, task.flags.ptime_ms, passages);
                edited(&task.said, outcomes, &task.flags, false, additions)
            }
        };
        self.reply(id, reply);
        self.forget_if_empty(call_id);
    }

    /// What both parties of an answer say from here on, in the section in which they speak.
    fn note_speeches(&mut self, call_id: &str, task: &AnswerTask) {
        let mut sections = task.sections.iter();
        let Some(section) = sections.find(|section| section.passage.index == task.said.index)
        else {
            return;
        };
        let legs = [section.answer_leg, section.offer_leg];
        for (leg, sdp) in legs.into_iter().zip(section.speaks.clone()) {
            let is_opaque = section.passage.is_opaque;
            self.note_speech(call_id, leg, Speech { sdp, is_opaque });
        }
    }

    /// What a party says from here on.
    pub(super) fn note_speech(&mut self, call_id: &str, leg: LegId, speaks: Speech) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if let Some(party) = call.parties.iter_mut().find(|party| party.leg == Some(leg)) {
            call.is_stale |= call.is_kept && party.is_passed_on() != speaks.is_opaque;
            party.speaks = Some(speaks);
        }
    }

    pub(super) fn lose_leg(&mut self, call_id: &str, party: PartyId, leg: LegId) {
        if let Some(call) = self.calls.get_mut(call_id) {
            call.parties[party].lose_leg(leg);
        }
    }

    pub(super) fn answer(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let from_tag = needed(request.from_tag.as_deref(), "from-tag")?.to_owned();
        let to_tag = needed(request.to_tag.as_deref(), "to-tag")?.to_owned();
        let said = request.sdp.ok_or_else(|| refuse("No SDP body in message"))?;
        if self.passes_unchanged(call_id, id, &said, &request.flags) {
            return Ok(());
        }
        let no_offer = || refuse("there is no offer that this could answer");
        let call = self.calls.get_mut(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let offerer = call.party_with_tag(&from_tag).ok_or_else(no_offer)?;
        let offered = call.parties[offerer].offer.clone().ok_or_else(no_offer)?;
        let flags = answer_interface(request.flags, &offered);
        let offer = Said::read(offered.sdp.clone()).map_err(refuse)?;
        let said = Said::read_at(said, offer.index).map_err(refuse)?;
        let via_branch = request.via_branch.as_deref();
        let answerer = call.answerer(offerer, &to_tag, via_branch).ok_or_else(no_offer)?;
        if call.parties[answerer].legs().next().is_none() {
            return Err(no_offer());
        }
        call.parties[offerer].partner = Some(answerer);
        call.parties[answerer].partner = Some(offerer);
        call.parties[offerer].speak_in(offer.index);
        self.keep(call_id);
        let between = (offerer, answerer);
        self.take_back_refused(call_id, answerer, &offer, &said);
        let sections = self.put_in_force(call_id, between, (&offer, &offered), &said, &flags);
        if sections.is_empty() {
            let sdp = Value::Text(Cow::Owned(description::refused(&said)));
            self.reply(id, Reply::ok(Dictionary::new().with("sdp", sdp)));
            return Ok(());
        }
        self.watch_silence(call_id, &sections, now);
        let records = flags.switches.record_call || offered.flags.switches.record_call;
        let ptime_ms = offered.flags.ptime_reverse_ms;
        let task = AnswerTask { said, flags, sections, records, ptime_ms };
        self.start_work(call_id, id, Task::Answer(Box::new(task)), now);
        Ok(())
    }

    /// What was offered and is not in use in the answer, or is not offered any longer, is not passed.
    fn take_back_refused(&mut self, call_id: &str, answerer: PartyId, offer: &Said, said: &Said) {
        let Some(call) = self.calls.get(call_id) else { return };
        let legs: Vec<_> = call.parties[answerer].legs().collect();
        for (index, leg) in legs {
            if offer.uses(index) && said.uses(index) {
                continue;
            }
            self.tell(MediaCommand::Rollback { leg });
            if index != offer.index {
                self.tell(MediaCommand::Unbridge { leg });
            }
        }
    }

    /// Puts every section of an answer in force that was offered and is in use.
    fn put_in_force(
        &mut self,
        call_id: &str,
        (offerer, answerer): (PartyId, PartyId),
        (offer, offered): (&Said, &Offered),
        said: &Said,
        flags: &Flags,
    ) -> Vec<AnsweredSection> {
        let mut sections = Vec::new();
        for index in offer.used().filter(|index| said.uses(*index)) {
            let Some(call) = self.calls.get(call_id) else { break };
            let Some(answer_leg) = call.parties[answerer].leg_of(index) else { continue };
            let known = call.parties[offerer].leg_of(index);
            let offer_leg = known.unwrap_or_else(|| self.new_leg(call_id));
            let (passage, kept) = answered_passage(offer, offered, said, index, flags.switches);
            if let Some(call) = self.calls.get_mut(call_id) {
                let codec = if passage.is_opaque { first_codec(said, index) } else { None };
                call.parties[offerer].set_leg(index, offer_leg);
                for party in [offerer, answerer] {
                    if let Some(media) = call.parties[party].media.get_mut(&index) {
                        media.codec.clone_from(&codec);
                    }
                }
            }
            let legs = (answer_leg, offer_leg);
            let speaks =
                self.tell_answer(legs, (offer, offered), said, flags, &passage, kept.as_deref());
            self.gate_new_leg(call_id, offerer, offer_leg, known.is_none());
            let protocol = offer.description.media[index].protocol.as_str().to_owned();
            sections.push(AnsweredSection {
                passage,
                answer_leg,
                offer_leg,
                speaks,
                protocol,
                is_agreed: false,
                is_described: false,
                outcome: None,
            });
        }
        sections
    }

    /// Tells the media role of a section's answer; what each side sends from here on, as the role knows it.
    fn tell_answer(
        &mut self,
        (answer_leg, offer_leg): (LegId, LegId),
        (offer, offered): (&Said, &Offered),
        said: &Said,
        flags: &Flags,
        passage: &Passage,
        kept: Option<&[EditedFormat]>,
    ) -> [String; 2] {
        let index = passage.index;
        let source = description::signalled_address(&offered.flags);
        let offer_text = offer.alone(index, kept, None, source);
        let answer = said.alone(index, None, None, description::signalled_address(flags));
        let partner = Some(answer_leg);
        let terms = description::answer_terms(said, index, &offered.flags, flags, partner);
        let terms = Terms { is_opaque: passage.is_opaque, ..terms };
        let speaks = [answer.clone(), offer_text.clone()];
        self.tell(match passage.is_opaque {
            true => MediaCommand::AcceptOpaqueAnswer { leg: answer_leg, answer },
            false => MediaCommand::AcceptAnswer { leg: answer_leg, answer },
        });
        self.tell(MediaCommand::AnswerOn { leg: offer_leg, offer: offer_text, terms });
        self.tell(MediaCommand::Bridge { a: answer_leg, b: offer_leg });
        speaks
    }

    /// A party that is blocked is blocked on a leg that is made later, too.
    fn gate_new_leg(&mut self, call_id: &str, party: PartyId, leg: LegId, is_new: bool) {
        let Some(call) = self.calls.get(call_id) else { return };
        let party = &call.parties[party];
        if is_new && control::is_gated(party, call.drops_traffic) {
            self.tell(control::gate(party, leg, call.drops_traffic));
        }
    }

    /// The media role tells of silence where it understands speech; elsewhere it is asked.
    fn watch_silence(&mut self, call_id: &str, sections: &[AnsweredSection], now: Instant) {
        let limit = Duration::from_secs(u64::from(self.settings.silence_timeout_s));
        if !limit.is_zero() && sections.iter().any(|section| section.passage.is_opaque) {
            self.set_timer(call_id, TimerName::Silence, now + limit);
        }
    }

    /// Whether the answer is done. Both legs of each section say something, and in this order.
    pub(super) fn answer_goes_on(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &mut AnswerTask,
        event: MediaEvent,
        now: Instant,
    ) -> bool {
        let Some(leg) = event.leg() else { return false };
        let mut sections = task.sections.iter_mut();
        let is_of =
            |section: &&mut AnsweredSection| [section.answer_leg, section.offer_leg].contains(&leg);
        let Some(section) = sections.find(is_of) else { return false };
        match event {
            MediaEvent::Agreed { leg } if leg == section.answer_leg => section.is_agreed = true,
            MediaEvent::Described { leg, sdp } if leg == section.offer_leg => {
                section.is_described = true;
                section.outcome.get_or_insert_with(|| described(&sdp));
            }
            MediaEvent::Refused { leg, why } => {
                section.is_agreed |= leg == section.answer_leg;
                section.is_described |= leg == section.offer_leg;
                if !matches!(section.outcome, Some(Err(_))) {
                    section.outcome = Some(Err(reason(&why)));
                }
            }
            _ => return false,
        }
        if !task.sections.iter().all(AnsweredSection::is_done) {
            return false;
        }
        self.finish_answer(call_id, id, task, now);
        true
    }

    /// Replies with what the media role has described. A section that it refuses is rejected, unless it is
    /// the one in which the parties speak.
    fn finish_answer(&mut self, call_id: &str, id: RequestId, task: &AnswerTask, now: Instant) {
        let failed = failed(&task.said, task.sections.iter().map(|s| (&s.passage, &s.outcome)));
        let reply = match failed {
            Some(reason) => Reply::error(reason),
            None => {
                let outcomes = task
                    .sections
                    .iter()
                    .map(|section| (&section.passage, &section.outcome, section.protocol.as_str()));
                let passages = task.sections.iter().map(|section| &section.passage);
                let additions = self.additions(&task.flags, task.ptime_ms, passages);
                edited(&task.said, outcomes, &task.flags, true, additions)
            }
        };
        self.reply(id, reply);
        if failed.is_some() {
            return;
        }
        self.note_speeches(call_id, task);
        self.set_traffic(call_id, &task.flags);
        let spoken = task.sections.iter().find(|section| !section.passage.is_opaque);
        if let Some(section) = spoken.filter(|_| task.records) {
            self.record_from_here(call_id, section.offer_leg, now);
        }
    }
}

/// Why the section in which the parties speak is refused, when it is.
fn failed<'a>(
    said: &Said,
    mut outcomes: impl Iterator<Item = (&'a Passage, &'a Option<Outcome>)>,
) -> Option<&'a str> {
    outcomes.find_map(|(passage, outcome)| match outcome {
        Some(Err(reason)) if passage.index == said.index => Some(reason.as_str()),
        _ => None,
    })
}

/// What the media role has described.
fn described(sdp: &str) -> Outcome {
    let ours = SessionDescription::parse(sdp.as_bytes());
    ours.map_err(|_| "the media role described nothing".to_owned())
}

/// What the sections of a description are.
fn media<'a>(
    said: &'a Said,
    protocol: impl Fn(&'a MediaDescription) -> &'a str,
) -> BTreeMap<usize, Media> {
    let media = |index: usize| {
        let section = &said.description.media[index];
        let (kind, protocol) = (section.kind.as_str().to_owned(), protocol(section).to_owned());
        (index, Media { kind, protocol, codec: None })
    };
    said.used().map(media).collect()
}

/// What is spoken first in a section.
fn first_codec(said: &Said, index: usize) -> Option<String> {
    let first = said.formats(index).into_iter().next()?;
    first.name().map(str::to_owned)
}

/// How an answer's section is passed, and which of the offer's formats stay.
fn answered_passage(
    offer: &Said,
    offered: &Offered,
    said: &Said,
    index: usize,
    switches: Switches,
) -> (Passage, Option<Vec<EditedFormat>>) {
    let is_opaque = |formats| (Passage { index, is_opaque: true, formats }, None);
    if index != offer.index || offer.description.media[index].kind != MediaKind::Audio {
        return is_opaque(None);
    }
    let flags = &offered.flags.codec;
    let (theirs, answer) = (offer.formats(index), said.formats(index));
    match codecs::answered(&theirs, &answer, flags, switches) {
        Answered::PassedOn => is_opaque(None),
        Answered::Spoken { kept, edited } => {
            let kept = kept.into_iter().map(EditedFormat::kept).collect();
            (Passage { index, is_opaque: false, formats: edited }, Some(kept))
        }
    }
}

/// There is no fax gateway: what would need one is refused.
fn refuse_fax(sdp: &[u8], flags: &Flags) -> Result<(), Refusal> {
    let asks = |what: &str| flags.t38.iter().any(|flag| flag == what);
    if asks("force") {
        return Err(refuse("T.38: force is not served: there is no fax gateway"));
    }
    let offers_fax_alone = || {
        let said = SessionDescription::parse(sdp).ok();
        said.is_some_and(|said| {
            let mut in_use = said.media.iter().filter(|section| section.is_in_use());
            in_use.clone().count() > 0 && in_use.all(|section| section.kind == MediaKind::Image)
        })
    };
    if asks("decode") && offers_fax_alone() {
        return Err(refuse("T.38: decode is not served: there is no fax gateway"));
    }
    Ok(())
}

/// The reply with the edited description. Sections without a description of ours are rejected.
fn edited<'a>(
    said: &Said,
    outcomes: impl Iterator<Item = (&'a Passage, &'a Option<Outcome>, &'a str)>,
    flags: &Flags,
    is_answer: bool,
    additions: Additions<'_>,
) -> Reply {
    let sections: Vec<_> = outcomes
        .filter_map(|(passage, outcome, protocol)| match outcome {
            Some(Ok(ours)) => Some(SectionEdit { passage, ours, protocol }),
            Some(Err(_)) | None => None,
        })
        .collect();
    let own_address = sections.first().and_then(|section| description::own_address(section.ours));
    let family = flags.address_family.filter(|_| flags.media_address.is_none());
    if let (Some(family), Some(address)) = (family, own_address)
        && (family == AddressFamily::V4) != address.is_ipv4()
    {
        return Reply::error("there is no address of the address-family that is asked for");
    }
    let sdp = description::edited(said, &Edit { sections, flags, is_answer });
    match sdp.map(|sdp| section::with_additions(sdp, additions)) {
        Some(sdp) => Reply::ok(Dictionary::new().with("sdp", Value::Text(Cow::Owned(sdp)))),
        None => Reply::error("the media role described nothing"),
    }
}
