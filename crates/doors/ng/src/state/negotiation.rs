//! Offers and answers.

use super::call::{Offered, PartyId};
use super::description::{self, Edit, Said};
use super::section::{self, Additions};
use super::work::{AnswerTask, OfferTask, Refusal, Task, refuse};
use super::{Door, RequestId, TimerName, codecs, control, reason};
use offhook_bus::{MediaCommand, MediaEvent};
use offhook_model::LegId;
use offhook_ng::{AddressFamily, Dictionary, Flags, Reply, Request, Value};
use offhook_sdp::{EditedFormat, MediaKind, SessionDescription};
use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

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
        let from_tag = request.from_tag.as_deref().filter(|tag| !tag.is_empty());
        let from_tag = from_tag.ok_or_else(|| refuse("No from-tag in message"))?.to_owned();
        let said = request.sdp.ok_or_else(|| refuse("No SDP body in message"))?;
        if self.passes_unchanged(call_id, id, &said, &request.flags) {
            return Ok(());
        }
        refuse_fax(&said, &request.flags)?;
        let said = Said::read(said).map_err(refuse)?;
        let flags = self.with_interface(request.flags, 1)?;
        if said.is_without_audio() {
            return Err(refuse("the audio section of the offer is not in use"));
        }
        let formats = codecs::offered(&said.formats(), &flags.codec);
        if formats.is_empty() {
            return Err(refuse("no codec is left to offer"));
        }
        let (to_tag, via_branch) = (request.to_tag.as_deref(), request.via_branch.as_deref());
        let (offerer, receiver) = self.parties(call_id, &from_tag, to_tag, via_branch, now)?;
        let Some(call) = self.calls.get(call_id) else { return Err(refuse("Unknown call-id")) };
        let partner = call.parties[offerer].leg;
        let terms = description::offer_terms(&said, &flags, &formats, partner).map_err(refuse)?;
        let known = call.parties[receiver].leg;
        let leg = known.unwrap_or_else(|| self.new_leg(call_id));
        self.note_offer(call_id, (offerer, receiver), leg, &said, &flags);
        self.keep(call_id);
        self.tell(MediaCommand::OfferOn { leg, terms });
        let is_new_leg = known.is_none();
        let task = OfferTask { offerer, receiver, leg, is_new_leg, said, flags, formats };
        self.start_work(call_id, id, Task::Offer(Box::new(task)), now);
        Ok(())
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

    /// What is added to the description of a request with these flags.
    fn additions(&self, flags: &Flags, ptime: Option<(usize, u16)>) -> Additions<'_> {
        let mark = flags.switches.loop_protect.then_some(self.settings.instance.as_str());
        Additions { mark, ptime }
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
            call.parties.iter().filter_map(|party| control::gate(party, drops)).collect();
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
        leg: LegId,
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
        let to = &mut call.parties[receiver];
        to.leg = Some(leg);
        to.partner = Some(offerer);
        to.protocol = description::protocol(said, flags).to_owned();
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
        if event.leg() != Some(task.leg) {
            return false;
        }
        let formats = Some(task.formats.as_slice());
        let protocol = description::protocol(&task.said, &task.flags);
        let edit = Edit { formats, protocol, flags: &task.flags, is_answer: false };
        let reply = match event {
            MediaEvent::Described { sdp, .. } => {
                self.set_traffic(call_id, &task.flags);
                let ptime = task.flags.ptime_ms.map(|ptime_ms| (task.said.index, ptime_ms));
                edited(&task.said, &sdp, &edit, self.additions(&task.flags, ptime))
            }
            MediaEvent::Refused { why, .. } => {
                if task.is_new_leg {
                    self.lose_leg(call_id, task.receiver, task.leg);
                }
                Reply::error(reason(&why))
            }
            _ => return false,
        };
        tracing::debug!(offerer = task.offerer, receiver = task.receiver, "an offer is passed on");
        self.reply(id, reply);
        self.forget_if_empty(call_id);
        true
    }

    /// What a party says from here on.
    pub(super) fn note_speech(&mut self, call_id: &str, leg: LegId, speaks: String) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if let Some(party) = call.parties.iter_mut().find(|party| party.leg == Some(leg)) {
            party.speaks = Some(speaks);
        }
    }

    /// The leg was not made.
    pub(super) fn lose_leg(&mut self, call_id: &str, party: PartyId, leg: LegId) {
        self.legs.remove(&leg);
        if let Some(call) = self.calls.get_mut(call_id) {
            call.parties[party].leg = None;
        }
    }

    pub(super) fn answer(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let tag = |tag: &Option<String>| tag.clone().filter(|tag| !tag.is_empty());
        let from_tag = tag(&request.from_tag).ok_or_else(|| refuse("No from-tag in message"))?;
        let to_tag = tag(&request.to_tag).ok_or_else(|| refuse("No to-tag in message"))?;
        let said = request.sdp.ok_or_else(|| refuse("No SDP body in message"))?;
        if self.passes_unchanged(call_id, id, &said, &request.flags) {
            return Ok(());
        }
        let said = Said::read(said).map_err(refuse)?;
        let flags = request.flags;
        let no_offer = || refuse("there is no offer that this could answer");
        let call = self.calls.get_mut(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let offerer = call.party_with_tag(&from_tag).ok_or_else(no_offer)?;
        let offered = call.parties[offerer].offer.clone().ok_or_else(no_offer)?;
        let flags = answer_interface(flags, &offered);
        let via_branch = request.via_branch.as_deref();
        let answerer = call.answerer(offerer, &to_tag, via_branch).ok_or_else(no_offer)?;
        let answer_leg = call.parties[answerer].leg.ok_or_else(no_offer)?;
        call.parties[offerer].partner = Some(answerer);
        call.parties[answerer].partner = Some(offerer);
        let known = call.parties[offerer].leg;
        self.keep(call_id);
        if said.is_without_audio() {
            self.refuse_audio(id, answer_leg, &said);
            return Ok(());
        }
        let offer_leg = known.unwrap_or_else(|| self.new_leg(call_id));
        if let Some(call) = self.calls.get_mut(call_id) {
            call.parties[offerer].leg = Some(offer_leg);
        }
        let task = self.put_in_force(&offered, said, flags, answer_leg, offer_leg)?;
        self.start_work(call_id, id, Task::Answer(Box::new(task)), now);
        Ok(())
    }

    /// The answer refuses the audio: so does what the offerer sees.
    fn refuse_audio(&mut self, id: RequestId, leg: LegId, said: &Said) {
        self.tell(MediaCommand::Rollback { leg });
        let sdp = Value::Text(Cow::Owned(description::refused(said)));
        self.reply(id, Reply::ok(Dictionary::new().with("sdp", sdp)));
    }

    fn put_in_force(
        &mut self,
        offered: &Offered,
        said: Said,
        flags: Flags,
        answer_leg: LegId,
        offer_leg: LegId,
    ) -> Result<AnswerTask, Refusal> {
        let offer = Said::read(offered.sdp.clone()).map_err(refuse)?;
        let chosen = codecs::answered(
            &offer.formats(),
            &said.formats(),
            &offered.flags.codec,
            flags.switches,
        );
        let kept: Vec<_> = chosen.kept.into_iter().map(EditedFormat::kept).collect();
        let source = description::signalled_address(&offered.flags);
        let offer_text = offer.audio_alone(Some(&kept), None, source);
        let answer = said.audio_alone(None, None, description::signalled_address(&flags));
        let terms = description::answer_terms(&said, &offered.flags, &flags, Some(answer_leg));
        let speaks = [answer.clone(), offer_text.clone()];
        self.tell(MediaCommand::AcceptAnswer { leg: answer_leg, answer });
        self.tell(MediaCommand::AnswerOn { leg: offer_leg, offer: offer_text, terms });
        self.tell(MediaCommand::Bridge { a: answer_leg, b: offer_leg });
        let records = flags.switches.record_call || offered.flags.switches.record_call;
        Ok(AnswerTask {
            ptime_ms: offered.flags.ptime_reverse_ms,
            speaks,
            records,
            answer_leg,
            offer_leg,
            said,
            flags,
            formats: chosen.edited,
            protocol: offer.section().protocol.as_str().to_owned(),
            is_agreed: false,
            described: None,
            refused: None,
        })
    }

    /// Whether the answer is done. Both legs say something, and in this order.
    pub(super) fn answer_goes_on(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &mut AnswerTask,
        event: MediaEvent,
        now: Instant,
    ) -> bool {
        match event {
            MediaEvent::Agreed { leg } if leg == task.answer_leg => task.is_agreed = true,
            MediaEvent::Described { leg, sdp } if leg == task.offer_leg => {
                task.described = Some(sdp);
            }
            MediaEvent::Refused { leg, why } => {
                task.refused.get_or_insert(reason(&why));
                if leg == task.answer_leg {
                    task.is_agreed = true;
                } else {
                    task.described.get_or_insert_default();
                }
            }
            _ => return false,
        }
        let Some(sdp) = task.described.as_ref().filter(|_| task.is_agreed) else { return false };
        let reply = match &task.refused {
            Some(reason) => Reply::error(reason),
            None => {
                let (formats, protocol) = (task.formats.as_deref(), task.protocol.as_str());
                let flags = &task.flags;
                let edit = Edit { formats, protocol, flags, is_answer: true };
                let ptime = task.ptime_ms.map(|ptime_ms| (task.said.index, ptime_ms));
                edited(&task.said, sdp, &edit, self.additions(flags, ptime))
            }
        };
        self.reply(id, reply);
        if task.refused.is_none() {
            let [answered, offered] = std::mem::take(&mut task.speaks);
            self.note_speech(call_id, task.answer_leg, answered);
            self.note_speech(call_id, task.offer_leg, offered);
            self.set_traffic(call_id, &task.flags);
        }
        if task.records && task.refused.is_none() {
            self.record_from_here(call_id, task.offer_leg, now);
        }
        true
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

/// The reply with the edited description.
fn edited(said: &Said, ours: &str, edit: &Edit<'_>, additions: Additions<'_>) -> Reply {
    let ours = SessionDescription::parse(ours.as_bytes()).ok();
    let own_address = ours.as_ref().and_then(description::own_address);
    let family = edit.flags.address_family.filter(|_| edit.flags.media_address.is_none());
    if let (Some(family), Some(address)) = (family, own_address)
        && (family == AddressFamily::V4) != address.is_ipv4()
    {
        return Reply::error("there is no address of the address-family that is asked for");
    }
    let sdp = ours.and_then(|ours| description::edited(said, &ours, edit));
    match sdp.map(|sdp| section::with_additions(sdp, additions)) {
        Some(sdp) => Reply::ok(Dictionary::new().with("sdp", Value::Text(Cow::Owned(sdp)))),
        None => Reply::error("the media role described no audio"),
    }
}
