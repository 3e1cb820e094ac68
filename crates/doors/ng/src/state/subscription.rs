//! Third parties that hear what parties of a call say: for a recorder (SIPREC) or a supervisor.

use super::call::{Call, Party, PartyId};
use super::description::{self, Edit, Passage, Said, SectionEdit};
use super::section;
use super::work::{Refusal, SubscribeTask, SubscriptionTask, Task, needed, refuse};
use super::{Door, RequestId, codecs, control, reason};
use offhook_bus::{MediaCommand, MediaEvent};
use offhook_model::LegId;
use offhook_ng::{Dictionary, Flags, Reply, Request, Value};
use offhook_sdp::{EditedFormat, SessionDescription};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Instant;

/// Subscriptions of one call at most. Each has one leg more that listens to a party, of which there may be
/// as many.
pub const SUBSCRIPTIONS_MAX: usize = 16;

/// Somebody who hears parties of a call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) tag: String,
    pub(super) label: Option<String>,
    pub(super) created_s: u64,
    /// The protocol of its first section.
    pub(super) protocol: String,
    /// One for each section of its description.
    pub(super) feeds: Vec<Feed>,
}

/// What is heard of one party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Feed {
    /// The party that is heard.
    pub(super) source: PartyId,
    /// The leg towards the subscriber.
    pub(super) leg: LegId,
}

impl Call {
    /// The place of the subscription of this tag.
    pub(super) fn subscription(&self, tag: &str) -> Option<usize> {
        self.subscriptions.iter().position(|subscription| subscription.tag == tag)
    }

    /// The tag of a party, or its name in an error.
    fn tag_of(&self, party: PartyId) -> &str {
        self.parties.get(party).map_or("", Party::tag)
    }
}

impl Door {
    /// Describes the parties that somebody wants to hear.
    pub(super) fn subscribe(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let call = self.calls.get(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let sources = heard_parties(call, &request)?;
        let heard = described(call, &sources, request.flags.switches.inactive)?;
        let flags = self.with_interface(request.flags, 1)?;
        let tag = request.to_tag.filter(|tag| !tag.is_empty());
        let known = tag.as_deref().and_then(|tag| call.subscription(tag));
        if known.is_none() && call.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(refuse(format!("a call has {SUBSCRIPTIONS_MAX} subscriptions at most")));
        }
        if let Some(tag) = tag.as_deref().filter(|tag| call.party_with_tag(tag).is_some()) {
            return Err(refuse(format!("the to-tag {tag} is that of a party of the call")));
        }
        let mut offers = Vec::new();
        for (source, said) in sources.iter().zip(heard) {
            let partner = call.parties[*source].leg;
            let passage = overheard_passage(&said, &flags).map_err(refuse)?;
            let terms = description::offer_terms(&said, &flags, &passage, partner);
            offers.push((said, passage, terms.map_err(refuse)?));
        }
        let tag = tag.unwrap_or_else(|| self.new_tag());
        let protocol =
            offers.first().map(|(said, ..)| description::protocol(said.section(), &flags));
        let new = Subscription {
            tag: tag.clone(),
            label: flags.set_label.clone(),
            created_s: self.unix_s(now),
            protocol: protocol.unwrap_or_default().to_owned(),
            feeds: Vec::new(),
        };
        let feeds = self.make_feeds(call_id, new, &sources);
        let mut waiting = Vec::new();
        for (feed, (said, passage, terms)) in feeds.iter().zip(offers) {
            self.tell(MediaCommand::OfferOn { leg: feed.leg, terms });
            let protocol = description::protocol(said.section(), &flags).to_owned();
            waiting.push(FeedOffer { leg: feed.leg, protocol, passage, described: None });
        }
        let is_new = known.is_none();
        let task = SubscribeTask { tag, is_new, sources, flags, feeds: waiting };
        self.keep(call_id);
        self.start_work(call_id, id, Task::Subscribe(Box::new(task)), now);
        Ok(())
    }

    /// A tag that no other call has.
    fn new_tag(&mut self) -> String {
        let number = self.next_leg;
        format!("{}-{number:x}", self.settings.instance)
    }

    /// The legs of a subscription: those that it has, and further ones; what is too many goes.
    fn make_feeds(&mut self, call_id: &str, new: Subscription, sources: &[PartyId]) -> Vec<Feed> {
        let known = self.calls.get(call_id).and_then(|call| {
            let place = call.subscription(&new.tag)?;
            call.subscriptions.get(place).map(|subscription| subscription.feeds.clone())
        });
        let known = known.unwrap_or_default();
        for feed in known.iter().skip(sources.len()) {
            self.tell(MediaCommand::Release { leg: feed.leg });
        }
        let mut legs = known.into_iter().map(|feed| feed.leg);
        let mut feed = |source: PartyId| {
            let leg = legs.next().unwrap_or_else(|| self.new_leg(call_id));
            Feed { source, leg }
        };
        let feeds: Vec<Feed> = sources.iter().map(|source| feed(*source)).collect();
        let Some(call) = self.calls.get_mut(call_id) else { return feeds };
        let new = Subscription { feeds: feeds.clone(), ..new };
        match call.subscription(&new.tag) {
            Some(place) => {
                let known = &mut call.subscriptions[place];
                let label = new.label.or(known.label.take());
                *known = Subscription { label, created_s: known.created_s, ..new };
            }
            None => call.subscriptions.push(new),
        }
        feeds
    }

    /// Whether every leg is described, or one was refused.
    pub(super) fn subscribe_goes_on(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &mut SubscribeTask,
        event: MediaEvent,
    ) -> bool {
        let leg = event.leg();
        let Some(feed) = task.feeds.iter_mut().find(|feed| Some(feed.leg) == leg) else {
            return false;
        };
        match event {
            MediaEvent::Described { sdp, .. } => feed.described = Some(sdp),
            MediaEvent::Refused { why, .. } => {
                self.reply(id, Reply::error(reason(&why)));
                self.take_back(call_id, task);
                return true;
            }
            _ => return false,
        }
        if task.feeds.iter().any(|feed| feed.described.is_none()) {
            return false;
        }
        let reply = match self.subscription_offer(call_id, task) {
            Ok(reply) => reply,
            Err(refusal) => {
                self.take_back(call_id, task);
                *refusal
            }
        };
        self.reply(id, reply);
        true
    }

    /// What was asked for cannot be had: a new subscription goes, one that stands stays.
    fn take_back(&mut self, call_id: &str, task: &SubscribeTask) {
        if task.is_new {
            return self.end_subscription(call_id, &task.tag);
        }
        for feed in &task.feeds {
            self.tell(MediaCommand::Rollback { leg: feed.leg });
        }
    }

    /// The offer of all its legs, a section for each.
    fn subscription_offer(&self, call_id: &str, task: &SubscribeTask) -> Result<Reply, Refusal> {
        let call = self.calls.get(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let mut bodies = Vec::new();
        for feed in &task.feeds {
            bodies.push(own_description(feed, &task.flags)?);
        }
        let sdp = Value::Text(Cow::Owned(section::joined(bodies)));
        let tags: Vec<_> =
            task.sources.iter().map(|source| Value::text(call.tag_of(*source))).collect();
        let mut keys = Dictionary::new().with("sdp", sdp).text("to-tag", &task.tag);
        if let [tag] = &tags[..] {
            keys = keys.with("from-tag", tag.clone());
        }
        Ok(Reply::ok(keys.with("from-tags", Value::List(tags))))
    }

    /// Takes the subscriber's answer, section by section; what it refuses it does not hear.
    pub(super) fn subscribe_answer(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let sdp = request.sdp.ok_or_else(|| refuse("No SDP body in message"))?;
        let call = self.calls.get(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let place = named_subscription(call, request.to_tag.as_deref())?;
        let feeds = call.subscriptions[place].feeds.clone();
        let said = Said::read(sdp).map_err(refuse)?;
        let sections = said.description.media.len();
        if sections != feeds.len() {
            let offered = feeds.len();
            return Err(refuse(format!(
                "the answer has {sections} sections, where {offered} were offered"
            )));
        }
        let mut heard = Vec::new();
        for (index, feed) in feeds.into_iter().enumerate() {
            if !said.uses(index) {
                self.tell(MediaCommand::Rollback { leg: feed.leg });
            } else {
                let source = description::signalled_address(&request.flags);
                heard.push((feed, said.alone(index, None, None, source)));
            }
        }
        if heard.is_empty() {
            return Err(refuse("the answer refuses every section"));
        }
        self.keep(call_id);
        let waiting = heard.iter().map(|(feed, _)| feed.leg).collect();
        for (Feed { source, leg }, answer) in heard {
            let heard = self.calls.get(call_id).and_then(|call| call.parties.get(source)?.leg);
            // What is wrong with listening is told before the answer is in force.
            if let Some(to) = heard {
                self.tell(MediaCommand::Listen { leg, to });
            }
            self.tell(MediaCommand::AcceptAnswer { leg, answer });
        }
        let task = SubscriptionTask { waiting, refused: None };
        self.start_work(call_id, id, Task::Subscription(task), now);
        Ok(())
    }

    /// Whether every section of the answer is in force.
    pub(super) fn subscription_goes_on(
        &mut self,
        id: RequestId,
        task: &mut SubscriptionTask,
        event: &MediaEvent,
    ) -> bool {
        let leg = match event {
            MediaEvent::Agreed { leg } => leg,
            MediaEvent::Refused { leg, why } => {
                task.refused.get_or_insert_with(|| reason(why));
                leg
            }
            _ => return false,
        };
        task.waiting.retain(|waiting| waiting != leg);
        if !task.waiting.is_empty() {
            return false;
        }
        let reply = match &task.refused {
            Some(reason) => Reply::error(reason),
            None => Reply::ok(Dictionary::new()),
        };
        self.reply(id, reply);
        true
    }

    /// Ends a subscription that is named by its tag.
    pub(super) fn unsubscribe(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: &Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let call = self.calls.get(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let place = named_subscription(call, request.to_tag.as_deref())?;
        let tag = call.subscriptions[place].tag.clone();
        self.end_subscription(call_id, &tag);
        self.note_change(call_id, now);
        self.reply(id, Reply::ok(Dictionary::new()));
        Ok(())
    }

    /// Whether the tag was that of a subscription, which has ended.
    pub(super) fn end_subscription_of(&mut self, call_id: &str, request: &Request) -> bool {
        let Some(call) = self.calls.get(call_id) else { return false };
        let tags = [&request.to_tag, &request.from_tag].into_iter().flatten();
        let Some(tag) = tags.into_iter().find(|tag| call.subscription(tag).is_some()) else {
            return false;
        };
        self.end_subscription(call_id, tag);
        true
    }

    /// Those who listened in another process go on listening. Whoever had not answered yet does so when he has.
    pub(super) fn listen_again(&mut self, call_id: &str) {
        let Some(call) = self.calls.get(call_id) else { return };
        let feeds = call.subscriptions.iter().flat_map(|subscription| &subscription.feeds);
        let heard = feeds.filter_map(|feed| Some((feed.leg, call.parties.get(feed.source)?.leg?)));
        for (leg, to) in heard.collect::<Vec<_>>() {
            self.tell(MediaCommand::Listen { leg, to });
        }
    }

    fn end_subscription(&mut self, call_id: &str, tag: &str) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        let Some(place) = call.subscription(tag) else { return };
        for feed in call.subscriptions.remove(place).feeds {
            self.tell(MediaCommand::Release { leg: feed.leg });
        }
    }
}

/// A leg that waits for its description.
#[derive(Debug)]
pub(super) struct FeedOffer {
    pub(super) leg: LegId,
    protocol: String,
    passage: Passage,
    described: Option<String>,
}

/// The parties that a request wants to hear.
fn heard_parties(call: &Call, request: &Request) -> Result<Vec<PartyId>, Refusal> {
    if request.flags.from_tags.is_empty() {
        let all_are_meant = request.flags.switches.all;
        let is_named = !all_are_meant && control::names_a_party(request);
        if !all_are_meant && !is_named {
            return Err(refuse(
                "no party is named: give from-tag, from-tags, label, address or all",
            ));
        }
        let all = control::named(call, request)?;
        // Where all are meant, those count who are there.
        let is_there = |id: &PartyId| is_named || call.parties[*id].decoded_speech().is_some();
        return Ok(all.into_iter().filter(is_there).collect());
    }
    let mut parties = Vec::new();
    for tag in &request.flags.from_tags {
        let found = call.party_with_tag(tag);
        let party = found.ok_or_else(|| refuse(format!("there is no party with the tag {tag}")))?;
        if !parties.contains(&party) {
            parties.push(party);
        }
    }
    Ok(parties)
}

/// What each of these parties says, as an offer of ours would have it.
fn described(call: &Call, parties: &[PartyId], inactive: bool) -> Result<Vec<Said>, Refusal> {
    if parties.is_empty() {
        return Err(refuse("no party of the call sends media yet"));
    }
    let direction = if inactive { "inactive" } else { "sendonly" };
    let mut all = Vec::new();
    for id in parties {
        let party = &call.parties[*id];
        let speaks = party.decoded_speech().filter(|_| party.leg.is_some());
        let speaks = speaks.ok_or_else(|| refuse(not_heard(party)))?;
        let sdp = section::with_direction(speaks.as_bytes(), direction);
        all.push(Said::read(sdp).map_err(refuse)?);
    }
    Ok(all)
}

/// Why nobody can listen to a party.
fn not_heard(party: &Party) -> String {
    let tag = party.tag();
    match &party.speaks {
        Some(speaks) if speaks.is_opaque => {
            format!("what the party {tag} sends is passed on as it is, and cannot be listened to")
        }
        Some(_) | None => format!("the party {tag} sends no media yet"),
    }
}

/// How what a party says is offered to a listener: in formats of which speech can be made.
fn overheard_passage(said: &Said, flags: &Flags) -> Result<Passage, String> {
    let formats = codecs::overheard(&said.formats(said.index), &flags.codec)?;
    if formats.is_empty() {
        return Err("no codec is left to offer".to_owned());
    }
    Ok(Passage { index: said.index, is_opaque: false, formats: Some(formats) })
}

fn named_subscription(call: &Call, tag: Option<&str>) -> Result<usize, Refusal> {
    let found = call.subscription(needed(tag, "to-tag")?);
    found.ok_or_else(|| refuse("To-tag not found: there is no such subscription"))
}

/// The description of one leg with the address and the attributes that flags ask for.
fn own_description(feed: &FeedOffer, flags: &Flags) -> Result<Vec<u8>, Refusal> {
    let no_audio = || refuse("the media role described no audio");
    let sdp = feed.described.as_deref().unwrap_or_default();
    let ours = SessionDescription::parse(sdp.as_bytes()).map_err(|_| no_audio())?;
    let said = Said::read(sdp.as_bytes().to_vec()).map_err(refuse)?;
    let formats = feed.passage.formats.iter().flatten();
    let kept = formats.map(|format| EditedFormat::kept(format.payload_type)).collect();
    let passage = Passage { index: said.index, is_opaque: false, formats: Some(kept) };
    let protocol = feed.protocol.as_str();
    let sections = vec![SectionEdit { passage: &passage, ours: &ours, protocol }];
    description::edited(&said, &Edit { sections, flags, is_answer: false }).ok_or_else(no_audio)
}
