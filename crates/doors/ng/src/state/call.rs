//! One call: its parties, named by their tags.

use super::RequestId;
use super::subscription::Subscription;
use super::work::Work;
use offhook_model::LegId;
use offhook_ng::{Flags, Request};
use offhook_sdp::SessionDescription;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Parties of one call at most: the caller and the branches of its forks.
pub const PARTIES_MAX: usize = 32;
/// Requests of one call that wait while another is worked on.
pub const REQUESTS_WAITING_MAX: usize = 32;
/// Tags of one party at most.
const TAGS_MAX: usize = 8;

/// The place of a party in its call.
pub(super) type PartyId = usize;

/// A call.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Call {
    /// When it was made, since 1970.
    pub(super) created: Duration,
    /// When it was signalled last, in seconds of Unix time.
    pub(super) last_signal_s: u64,
    pub(super) parties: Vec<Party>,
    #[serde(skip)]
    pub(super) work: Option<Work>,
    #[serde(skip)]
    pub(super) waiting: VecDeque<(RequestId, Request)>,
    pub(super) metadata: Option<String>,
    /// When the media role is given up on.
    #[serde(skip)]
    pub(super) media_due: Option<Instant>,
    /// When a delete's delay is over.
    #[serde(skip)]
    pub(super) delete_due: Option<Instant>,
    /// When it is looked at whether anybody is heard.
    #[serde(skip)]
    pub(super) silence_due: Option<Instant>,
    /// When it is looked at again for whoever keeps its snapshot.
    #[serde(skip)]
    pub(super) snapshot_due: Option<Instant>,
    /// Snapshots since it has changed last.
    #[serde(skip)]
    pub(super) snapshot_count: u32,
    /// Whether a snapshot of it is kept somewhere.
    #[serde(skip)]
    pub(super) is_kept: bool,
    /// Whether what is kept is of speech, where everything passes as it is by now, or the other way round.
    #[serde(skip)]
    pub(super) is_stale: bool,
    /// The leg that is recorded.
    pub(super) recorded: Option<LegId>,
    /// Who listens.
    #[serde(default)]
    pub(super) subscriptions: Vec<Subscription>,
    /// Whether no media of it is passed on.
    pub(super) drops_traffic: bool,
    /// Further call-ids that it is known by.
    pub(super) aliases: Vec<String>,
    /// Whether its recording is silent for a while.
    pub(super) recording_paused: bool,
}

/// One side of a call; RTPengine calls it a monologue.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Party {
    /// The tag that it was given last is the last; a fork that shares the leg has given earlier ones.
    pub(super) tags: Vec<String>,
    pub(super) via_branch: Option<String>,
    pub(super) label: Option<String>,
    pub(super) created_s: u64,
    /// The leg towards this party in the section in which it speaks.
    pub(super) leg: Option<LegId>,
    /// The place of that section in the description.
    pub(super) leg_section: usize,
    /// The legs of other sections, by their places.
    #[serde(default)]
    pub(super) further_legs: BTreeMap<usize, LegId>,
    /// What the sections are that were negotiated, by their places.
    pub(super) media: BTreeMap<usize, Media>,
    /// The last description that it offered.
    pub(super) offer: Option<Offered>,
    /// What it says; none before an answer or a publication is in force.
    pub(super) speaks: Option<Speech>,
    /// Whether its speech is not passed on.
    pub(super) speech_blocked: bool,
    /// Whether silence is passed on in the place of its speech.
    pub(super) speech_silenced: bool,
    /// Whether its keys are not passed on.
    pub(super) dtmf_blocked: bool,
    /// The protocol that is spoken with it.
    pub(super) protocol: String,
    /// The other side.
    pub(super) partner: Option<PartyId>,
}

/// What a party sends in the section in which it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Speech {
    /// That section alone, as the media role knows it.
    pub(super) sdp: String,
    /// Whether it is passed on as it is.
    pub(super) is_opaque: bool,
}

/// What a section is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Media {
    /// `audio`, `video`, `image` and so on.
    pub(super) kind: String,
    pub(super) protocol: String,
    /// What is spoken in a section that is passed on as it is.
    pub(super) codec: Option<String>,
}

impl Media {
    /// A section in which somebody speaks.
    pub(super) fn speech(protocol: &str) -> Self {
        Self { kind: "audio".to_owned(), protocol: protocol.to_owned(), codec: None }
    }
}

/// A description that a party offered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Offered {
    #[serde(with = "super::snapshot::bytes")]
    pub(super) sdp: Vec<u8>,
    pub(super) flags: Flags,
    /// The address of the interface towards the party.
    pub(super) own_address: Option<IpAddr>,
}

impl Party {
    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|known| known == tag)
    }

    /// The tag by which it is shown.
    pub(super) fn tag(&self) -> &str {
        self.tags.last().map_or("", String::as_str)
    }

    /// The leg of a section.
    pub(super) fn leg_of(&self, section: usize) -> Option<LegId> {
        if section == self.leg_section && self.leg.is_some() {
            return self.leg;
        }
        self.further_legs.get(&section).copied()
    }

    /// The party speaks in this section from here on. Each section keeps the leg that it has.
    pub(super) fn speak_in(&mut self, section: usize) {
        if section == self.leg_section {
            return;
        }
        if let Some(leg) = self.leg.take() {
            self.further_legs.insert(self.leg_section, leg);
        }
        self.leg = self.further_legs.remove(&section);
        self.leg_section = section;
    }

    pub(super) fn set_leg(&mut self, section: usize, leg: LegId) {
        if section == self.leg_section {
            self.leg = Some(leg);
        } else {
            self.further_legs.insert(section, leg);
        }
    }

    /// Forgets a leg that is gone.
    pub(super) fn lose_leg(&mut self, leg: LegId) {
        self.leg = self.leg.filter(|known| *known != leg);
        self.further_legs.retain(|_, known| *known != leg);
    }

    /// The legs of all its sections, with the places of these.
    pub(super) fn legs(&self) -> impl Iterator<Item = (usize, LegId)> {
        let further = self.further_legs.iter().map(|(section, leg)| (*section, *leg));
        self.leg.map(|leg| (self.leg_section, leg)).into_iter().chain(further)
    }

    /// The address that its description names.
    pub(super) fn address(&self) -> Option<IpAddr> {
        let speaks = self.speaks.as_ref()?;
        let speaks = SessionDescription::parse(speaks.sdp.as_bytes()).ok()?;
        let (_, section) = speaks.first_in_use()?;
        speaks.connection(section)?.ip()
    }

    /// Whether what it sends where it speaks is passed on as it is.
    pub(super) fn is_passed_on(&self) -> bool {
        self.speaks.as_ref().is_some_and(|speaks| speaks.is_opaque)
    }

    /// What it says, described for the media role; none before that is known or where it is passed on as it
    /// is, so that nobody else can listen to it.
    pub(super) fn decoded_speech(&self) -> Option<&str> {
        let speaks = self.speaks.as_ref().filter(|speaks| !speaks.is_opaque)?;
        Some(&speaks.sdp)
    }

    fn is_tagged(&self) -> bool {
        !self.tags.is_empty()
    }

    pub(super) fn add_tag(&mut self, tag: &str) {
        self.tags.retain(|known| known != tag);
        if self.tags.len() < TAGS_MAX {
            self.tags.push(tag.to_owned());
        }
    }
}

impl Call {
    pub(super) fn party_with_tag(&self, tag: &str) -> Option<PartyId> {
        self.parties.iter().position(|party| party.has_tag(tag))
    }

    /// Who offers: the party of this tag, made when it is new.
    pub(super) fn offerer(&mut self, from_tag: &str, now_s: u64) -> Option<PartyId> {
        let known = self.party_with_tag(from_tag);
        known.or_else(|| {
            let tags = vec![from_tag.to_owned()];
            self.add(Party { tags, created_s: now_s, ..Party::default() })
        })
    }

    /// To whom it is offered: the party of the tag, or of the branch, or the one that has not answered
    /// yet, made when there is none.
    pub(super) fn offered_to(
        &mut self,
        offerer: PartyId,
        to_tag: Option<&str>,
        via_branch: Option<&str>,
        now_s: u64,
    ) -> Option<PartyId> {
        let known = match to_tag {
            Some(tag) => {
                let unnamed = || self.unnamed_partner(offerer, None);
                self.party_with_tag(tag).or_else(unnamed)
            }
            None => self.unnamed_partner(offerer, via_branch),
        };
        known.or_else(|| {
            self.add(Party {
                tags: to_tag.map(str::to_owned).into_iter().collect(),
                via_branch: via_branch.map(str::to_owned),
                created_s: now_s,
                ..Party::default()
            })
        })
    }

    /// Who answers: the party of the tag, or of the branch, or the one that was offered to last. It has
    /// the tag from here on.
    pub(super) fn answerer(
        &mut self,
        offerer: PartyId,
        to_tag: &str,
        via_branch: Option<&str>,
    ) -> Option<PartyId> {
        let by_tag = self.party_with_tag(to_tag).filter(|id| *id != offerer);
        let found = by_tag
            .or_else(|| via_branch.and_then(|_| self.unnamed_partner(offerer, via_branch)))
            .or_else(|| self.unnamed_partner(offerer, None))
            .or_else(|| self.parties.iter().rposition(|party| party.partner == Some(offerer)))?;
        self.parties[found].add_tag(to_tag);
        Some(found)
    }

    /// The last party without a tag to which this one has offered; of a branch when one is named.
    fn unnamed_partner(&self, offerer: PartyId, via_branch: Option<&str>) -> Option<PartyId> {
        self.parties.iter().rposition(|party| {
            !party.is_tagged()
                && party.partner == Some(offerer)
                && (via_branch.is_none() || party.via_branch.as_deref() == via_branch)
        })
    }

    fn add(&mut self, party: Party) -> Option<PartyId> {
        if self.parties.len() >= PARTIES_MAX {
            return None;
        }
        self.parties.push(party);
        Some(self.parties.len() - 1)
    }

    /// Its parties forget the legs that are not among these.
    pub(super) fn keep_legs(&mut self, is_kept: impl Fn(LegId) -> bool) {
        for party in &mut self.parties {
            party.leg = party.leg.filter(|leg| is_kept(*leg));
            party.further_legs.retain(|_, leg| is_kept(*leg));
        }
    }

    /// The legs of all its parties and subscriptions.
    pub(super) fn legs(&self) -> Vec<LegId> {
        let parties = self.parties.iter().flat_map(Party::legs).map(|(_, leg)| leg);
        let feeds = self.subscriptions.iter().flat_map(|subscription| &subscription.feeds);
        parties.chain(feeds.map(|feed| feed.leg)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(
        call: &mut Call,
        from: &str,
        to: Option<&str>,
        branch: Option<&str>,
    ) -> (PartyId, PartyId) {
        let offerer = call.offerer(from, 0).expect("room");
        let to = call.offered_to(offerer, to, branch, 0).expect("room");
        call.parties[to].partner = Some(offerer);
        (offerer, to)
    }

    #[test]
    fn an_offer_that_is_repeated_goes_to_the_same_party() {
        let mut call = Call::default();
        assert_eq!(offer(&mut call, "a", None, None), (0, 1));
        assert_eq!(offer(&mut call, "a", None, None), (0, 1));
        assert_eq!(call.answerer(0, "b", None), Some(1));
        assert_eq!(offer(&mut call, "b", Some("a"), None), (1, 0));
    }

    #[test]
    fn branches_are_parties_of_their_own() {
        let mut call = Call::default();
        assert_eq!(offer(&mut call, "a", None, Some("1")), (0, 1));
        assert_eq!(offer(&mut call, "a", None, Some("2")), (0, 2));
        assert_eq!(call.answerer(0, "b", Some("1")), Some(1));
        assert_eq!(call.answerer(0, "c", Some("2")), Some(2));
    }

    #[test]
    fn forks_without_branches_share_a_leg_and_are_known_by_both_tags() {
        let mut call = Call::default();
        offer(&mut call, "a", None, None);
        assert_eq!(call.answerer(0, "b", None), Some(1));
        assert_eq!(call.answerer(0, "c", None), Some(1));
        assert_eq!(call.party_with_tag("b"), Some(1));
        assert_eq!(call.parties[1].tag(), "c");
    }

    #[test]
    fn a_call_has_so_many_parties() {
        let mut call = Call::default();
        for number in 0..PARTIES_MAX {
            assert!(call.offerer(&number.to_string(), 0).is_some());
        }
        assert_eq!(call.offerer("one more", 0), None);
    }

    #[test]
    fn each_section_keeps_its_leg_wherever_the_party_speaks() {
        let mut party = Party::default();
        party.set_leg(0, LegId(1));
        party.set_leg(1, LegId(2));
        party.speak_in(1);
        assert_eq!(
            (party.leg, party.leg_of(0), party.leg_of(1)),
            (Some(LegId(2)), Some(LegId(1)), Some(LegId(2)))
        );
        party.speak_in(2);
        assert_eq!((party.leg, party.leg_of(1)), (None, Some(LegId(2))));
        party.speak_in(0);
        assert_eq!((party.leg, party.legs().count()), (Some(LegId(1)), 2));
        party.lose_leg(LegId(1));
        assert_eq!(party.leg_of(0), None);
    }
}
