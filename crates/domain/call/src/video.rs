//! Video: beside the leg of its audio a party has one for its video, which the media role passes on as it
//! is. Both are described together: one section each.

use crate::Call;
use crate::leg::Leg;
use offhook_model::{
    IceRole, LegId, MediaCommand, MediaEvent, MediaTrouble, OfferPolicy, Security, Terms,
};
use offhook_sdp::{MediaDescription, MediaKind, Protocol, SessionDescription};
use serde::{Deserialize, Serialize};

/// What a party says of its video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    /// Where the section stands in the party's description.
    place: usize,
    mid: Option<String>,
    /// The party's description with this section alone.
    sdp: String,
}

/// The video of one party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Video {
    /// The media role's leg that carries it.
    pub(crate) leg: LegId,
    /// Where its section stands in the party's descriptions; `None` before there was one.
    place: Option<usize>,
    /// What the party said of it last.
    said: Option<Section>,
    /// A description with our section alone.
    ours: Option<String>,
    /// The media role was asked something about it, and has not replied.
    pub(crate) is_awaited: bool,
}

impl Section {
    /// The video of an offer that can be served by a leg of its own. `sent` is our description that the
    /// party has: a bundle that was agreed on by it cannot lose a section (RFC 9143 section 7.3.3).
    pub(crate) fn of_offer(offer: &str, sent: Option<&str>) -> Option<Self> {
        let description = parse(offer)?;
        let (place, section) = description.video()?;
        let has_bundle = sent.and_then(parse).is_some_and(|sent| !sent.bundles().is_empty());
        if has_bundle && description.is_bundled_with_others(section) {
            return None;
        }
        Self::at(&description, place)
    }

    /// The section of an answer at this place, unless it is refused.
    fn of_answer(answer: &str, place: usize) -> Option<Self> {
        let description = parse(answer)?;
        let section = description.media.get(place)?;
        let is_taken = section.kind == MediaKind::Video && section.port != 0;
        if is_taken { Self::at(&description, place) } else { None }
    }

    fn at(description: &SessionDescription, place: usize) -> Option<Self> {
        let alone = description.section_alone(place)?;
        let mid = alone.media.first()?.mid().map(str::to_owned);
        Some(Self { place, mid, sdp: alone.to_string() })
    }

    fn description(&self) -> Option<SessionDescription> {
        parse(&self.sdp)
    }

    /// Whether it is the same section of the party's descriptions as another, with the same streams.
    fn is_same_as(&self, other: &Self) -> bool {
        let streams = |section: &Self| section.description()?.media.into_iter().next();
        self.is_place_of(other)
            && streams(self).zip(streams(other)).is_some_and(|(one, two)| one.has_streams_of(&two))
    }

    /// Whether it is the same section of the party's descriptions as another.
    fn is_place_of(&self, other: &Self) -> bool {
        (self.place, &self.mid) == (other.place, &other.mid)
    }

    /// Whether a party that is offered calls by this policy may take it. What a browser says is long and of
    /// use to a browser alone.
    fn may_be_offered(&self, policy: &OfferPolicy) -> bool {
        let speaks_ice = |description: SessionDescription| {
            let section = description.media.first();
            section.is_some_and(|section| description.attribute_for(section, "ice-ufrag").is_some())
        };
        policy.ice == IceRole::Full || !self.description().is_some_and(speaks_ice)
    }

    /// The section as it is offered by this policy.
    fn offered_by(&self, policy: &OfferPolicy) -> String {
        let Some(mut description) = self.description() else { return self.sdp.clone() };
        if let Some(section) = description.media.first_mut() {
            section.protocol = offered_protocol(policy.security, section);
        }
        description.to_string()
    }
}

fn parse(sdp: &str) -> Option<SessionDescription> {
    SessionDescription::parse(sdp.as_bytes()).ok()
}

/// The protocol by which a section is offered.
fn offered_protocol(security: Security, section: &MediaDescription) -> Protocol {
    match (security, section.protocol.has_feedback()) {
        (Security::Dtls, _) => Protocol::DtlsSavpf,
        (Security::Plain, false) => Protocol::RtpAvp,
        (Security::Plain, true) => Protocol::RtpAvpf,
        (Security::Sdes | Security::SdesOrDtls, false) => Protocol::RtpSavp,
        (Security::Sdes | Security::SdesOrDtls, true) => Protocol::RtpSavpf,
    }
}

fn terms(like: String, partner: Option<LegId>, policy: &OfferPolicy) -> Terms {
    Terms { partner, is_opaque: true, ..Terms::new(like, policy.security, policy.ice) }
}

impl Leg {
    /// Our description for the party, of its audio and its video together. What is there of the video is
    /// put where the party has it, and what is there no longer is rejected.
    pub(crate) fn described(&mut self, audio: &str, is_offer: bool) -> String {
        let Some(mut whole) = parse(audio) else { return audio.to_owned() };
        let previous = self.sent.as_deref().and_then(parse);
        if let Some(previous) = previous.as_ref().filter(|_| is_offer) {
            whole.keep_sections_of(previous);
        }
        if let Some(video) = &mut self.video
            && let Some(ours) = video.ours.as_deref().and_then(parse)
        {
            let place = *video.place.get_or_insert_with(|| free_place(&whole));
            let keeps_mid = !is_offer || has_video_at(previous.as_ref(), place);
            whole.put_section(place, &ours, keeps_mid);
        }
        // Once sections have agreed on a bundle they stay in it; without one each goes its own way.
        let is_apart = match &previous {
            Some(previous) => previous.bundles().is_empty(),
            None => self.video.is_some(),
        };
        if is_apart {
            whole.unbundle();
        }
        if let Some(previous) = &previous {
            whole.set_version_after(previous);
        }
        let whole = whole.to_string();
        self.sent = Some(whole.clone());
        whole
    }

    /// Whether the party's video is one that it and the media role have agreed on.
    fn has_agreed_video(&self) -> bool {
        self.video.as_ref().is_some_and(|video| video.said.is_some())
    }
}

/// The place of a video section that is rejected, or the end.
fn free_place(description: &SessionDescription) -> usize {
    let is_free =
        |section: &MediaDescription| section.kind == MediaKind::Video && section.port == 0;
    description.media.iter().position(is_free).unwrap_or(description.media.len())
}

fn has_video_at(description: Option<&SessionDescription>, place: usize) -> bool {
    description.and_then(|it| it.media.get(place)).is_some_and(|section| section.port != 0)
}

impl Call {
    /// The media role's legs for video that have not been released.
    pub fn video_legs(&self) -> impl Iterator<Item = LegId> {
        self.video_legs.keys().copied()
    }

    /// What the media role reports of a leg for video.
    pub(crate) fn handle_video(
        &mut self,
        (party, leg): (LegId, LegId),
        event: MediaEvent,
        now_ms: u64,
    ) {
        if let MediaEvent::Released { .. } = event {
            self.video_legs.remove(&leg);
            return self.finish_if_released();
        }
        let Some(video) = self.video_of(party).filter(|video| video.leg == leg) else { return };
        match event {
            MediaEvent::Described { sdp, .. } => {
                video.is_awaited = false;
                video.ours = Some(sdp);
                self.proceed(party, now_ms);
            }
            MediaEvent::Agreed { .. } => {
                video.is_awaited = false;
                self.proceed(party, now_ms);
            }
            MediaEvent::Refused { .. } => {
                self.release_video(party);
                self.proceed(party, now_ms);
            }
            MediaEvent::Trouble {
                what: MediaTrouble::IceFailed | MediaTrouble::DtlsFailed(_),
                ..
            } => {
                self.drop_video(party);
                self.proceed(party, now_ms);
            }
            MediaEvent::Trouble { what: MediaTrouble::Silent { .. }, .. }
            | MediaEvent::Released { .. }
            | MediaEvent::Connected { .. }
            | MediaEvent::PlayFinished { .. }
            | MediaEvent::PlayInterrupted { .. }
            | MediaEvent::SendInfo { .. }
            | MediaEvent::Dtmf { .. }
            | MediaEvent::Measured { .. }
            | MediaEvent::Snapshot { .. }
            | MediaEvent::Restored { .. }
            | MediaEvent::Conference { .. }
            | MediaEvent::Recording { .. }
            | MediaEvent::RecordingsExpired { .. }
            | MediaEvent::Fork { .. } => {}
        }
    }

    fn video_of(&mut self, party: LegId) -> Option<&mut Video> {
        self.legs.get_mut(&party)?.video.as_mut()
    }

    /// The party's video, made when there is none; `None` when the call has had as many legs as it may.
    fn video_leg(&mut self, party: LegId) -> Option<&mut Video> {
        let state = self.legs.get(&party).filter(|state| !state.has_ended())?;
        if state.video.is_none() {
            let leg = self.next_leg_id()?;
            self.video_legs.insert(leg, party);
            let video = Video { leg, place: None, said: None, ours: None, is_awaited: false };
            self.legs.get_mut(&party)?.video = Some(video);
        }
        self.video_of(party)
    }

    /// Offers a section of another party to this one, whose media role's leg is made if need be; false when
    /// it cannot be.
    pub(crate) fn offer_video(&mut self, party: LegId, section: &Section) -> bool {
        let policy = self.legs.get(&party).and_then(|leg| leg.policy.clone());
        let Some(policy) = policy.filter(|policy| section.may_be_offered(policy)) else {
            return false;
        };
        let like = section.offered_by(&policy);
        let Some(video) = self.video_leg(party) else { return false };
        video.is_awaited = true;
        let leg = video.leg;
        self.media(MediaCommand::OfferOn { leg, terms: terms(like, None, &policy) });
        true
    }

    /// Offers the video that the party has once more.
    pub(crate) fn offer_video_again(&mut self, party: LegId) {
        let partner = self.script.partner(self.served, party);
        let said = partner.and_then(|partner| self.said_by(partner));
        if self.legs.get(&party).is_some_and(|leg| leg.video.is_some())
            && !said.is_some_and(|said| self.offer_video(party, &said))
        {
            self.release_video(party);
        }
    }

    fn said_by(&self, party: LegId) -> Option<Section> {
        self.legs.get(&party)?.video.as_ref()?.said.clone()
    }

    /// Answers a section of this party with what the other party says.
    fn answer_video(&mut self, party: LegId, section: Section, other: LegId) -> bool {
        let policy = self.legs.get(&party).and_then(|leg| leg.policy.clone());
        let (Some(policy), Some(said)) = (policy, self.said_by(other)) else { return false };
        let partner = self.video_of(other).map(|video| video.leg);
        let like = said.sdp;
        let policy = OfferPolicy { ice: IceRole::Full, ..policy };
        let Some(video) = self.video_leg(party) else { return false };
        video.is_awaited = true;
        video.place = Some(section.place);
        let (leg, offer) = (video.leg, section.sdp.clone());
        video.said = Some(section);
        self.media(MediaCommand::AnswerOn { leg, offer, terms: terms(like, partner, &policy) });
        true
    }

    /// What the party's answer says of the video that it was offered.
    pub(crate) fn accept_video(&mut self, party: LegId, answer: &str) {
        let Some(video) = self.video_of(party) else { return };
        let section = video.place.and_then(|place| Section::of_answer(answer, place));
        let Some(section) = section else { return self.release_video(party) };
        video.is_awaited = true;
        let (leg, answer) = (video.leg, section.sdp.clone());
        video.said = Some(section);
        self.media(MediaCommand::AcceptAnswer { leg, answer });
    }

    /// The video that the served party offers to whoever is rung for it. One that was answered before has
    /// been told that there is none.
    pub(crate) fn video_to_ring_with(&self) -> Option<Section> {
        let served = self.legs.get(&self.served).filter(|leg| !leg.is_up())?;
        served.offered_video.clone()
    }

    /// Describes the served party's video when the one who was rung takes it; whether that must be waited
    /// for.
    pub(crate) fn describe_video_for(&mut self, winner: LegId) -> bool {
        let served = self.served;
        let has_video = |party: LegId| self.legs.get(&party).is_some_and(|leg| leg.video.is_some());
        let Some(section) = self.video_to_ring_with() else { return false };
        has_video(winner) && !has_video(served) && self.answer_video(served, section, winner)
    }

    /// What a party that renegotiates says of its video: whether the other is to be asked about it.
    pub(crate) fn is_news_of_video(&self, party: LegId, section: Option<&Section>) -> bool {
        let known = self.said_by(party);
        match (section, &known) {
            (None, None) => false,
            (Some(section), Some(known)) => !section.is_same_as(known),
            (None, Some(_)) | (Some(_), None) => true,
        }
    }

    /// Whether the other party is one that can be asked about this video.
    pub(crate) fn may_be_asked(&self, other: LegId, section: Option<&Section>) -> bool {
        let Some(leg) = self.legs.get(&other) else { return false };
        let takes = |section: &Section| {
            leg.policy.as_ref().is_some_and(|policy| section.may_be_offered(policy))
        };
        section.map_or(leg.video.is_some(), takes)
    }

    /// The section of the party is another one than before: what served that is of no more use.
    pub(crate) fn release_moved_video(&mut self, party: LegId, section: Option<&Section>) {
        let known = self.said_by(party);
        let stays = known.zip(section).is_some_and(|(known, section)| section.is_place_of(&known));
        if !stays {
            self.release_video(party);
        }
    }

    /// Answers the video that the party has offered, now that the other has said what it takes.
    pub(crate) fn conclude_video(&mut self, party: LegId, other: LegId) {
        let section = self.legs.get_mut(&party).and_then(|leg| leg.offered_video.take());
        if !section.is_some_and(|section| self.answer_video(party, section, other)) {
            self.release_video(party);
        }
    }

    /// The offer to the party has failed: its video is as it was.
    pub(crate) fn withdraw_video(&mut self, party: LegId) {
        let Some(leg) = self.legs.get_mut(&party) else { return };
        let was_agreed = leg.has_agreed_video();
        let Some(video) = &mut leg.video else { return };
        video.is_awaited = false;
        let leg = video.leg;
        if was_agreed {
            self.media(MediaCommand::Rollback { leg });
        } else {
            self.release_video(party);
        }
    }

    /// The party has no video any longer, as far as the media role goes.
    pub(crate) fn release_video(&mut self, party: LegId) {
        let video = self.legs.get_mut(&party).and_then(|leg| leg.video.take());
        if let Some(Video { leg, .. }) = video {
            self.media(MediaCommand::Release { leg });
        }
    }

    /// Takes the party's video away and tells it so.
    pub(crate) fn drop_video(&mut self, party: LegId) {
        if self.legs.get(&party).is_some_and(|leg| leg.video.is_some()) {
            self.release_video(party);
            self.begin_change(party, None);
        }
    }

    /// Lets two parties that talk see each other. A party whose partner has no video gets none.
    pub(crate) fn join_video(&mut self) {
        let crate::script::Script::Talking { with } = self.script else { return };
        let both = [self.served, with];
        if both.iter().any(|party| self.is_negotiating(*party)) {
            return;
        }
        match both.map(|party| self.video_of(party).map(|video| video.leg)) {
            [Some(a), Some(b)] => self.media(MediaCommand::Bridge { a, b }),
            [Some(_), None] => self.drop_video(self.served),
            [None, Some(_)] => self.drop_video(with),
            [None, None] => {}
        }
    }
}
