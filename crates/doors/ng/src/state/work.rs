//! What a request waits for.

use super::RequestId;
use super::call::PartyId;
use super::description::{Passage, Said};
use super::subscription::FeedOffer;
use offhook_model::{LegId, LegMeasure, LegSnapshot};
use offhook_ng::{Flags, Reply};
use offhook_sdp::SessionDescription;
use std::collections::HashMap;

/// The request of a call that is being worked on. Further ones of the call wait.
#[derive(Debug)]
pub(super) struct Work {
    /// The request, unless the door asks by itself.
    pub(super) request: RequestId,
    pub(super) task: Task,
}

#[derive(Debug)]
pub(super) enum Task {
    Offer(Box<OfferTask>),
    Answer(Box<AnswerTask>),
    Measure(MeasureTask),
    Record(RecordTask),
    Subscribe(Box<SubscribeTask>),
    Subscription(SubscriptionTask),
    Publish(Box<PublishTask>),
    Snapshot(SnapshotTask),
    Restore(RestoreTask),
}

/// Our description of a section, or why there is none.
pub(super) type Outcome = Result<SessionDescription, String>;

/// An offer waits for the descriptions of the legs to the other side.
#[derive(Debug)]
pub(super) struct OfferTask {
    pub(super) receiver: PartyId,
    pub(super) said: Said,
    pub(super) flags: Flags,
    pub(super) sections: Vec<OfferedSection>,
}

/// A section of an offer.
#[derive(Debug)]
pub(super) struct OfferedSection {
    pub(super) passage: Passage,
    pub(super) leg: LegId,
    /// Whether the leg is there for this offer alone so far.
    pub(super) is_new_leg: bool,
    /// Our description, or why there is none.
    pub(super) outcome: Option<Outcome>,
}

/// An answer waits until it is in force on its own legs, and for the descriptions of the legs to the offerer.
#[derive(Debug)]
pub(super) struct AnswerTask {
    pub(super) said: Said,
    pub(super) flags: Flags,
    pub(super) sections: Vec<AnsweredSection>,
    /// Whether the call is recorded from here on.
    pub(super) records: bool,
    /// The packet time that the offer has asked for in the answer, in milliseconds.
    pub(super) ptime_ms: Option<u16>,
}

/// A section of an answer.
#[derive(Debug)]
pub(super) struct AnsweredSection {
    pub(super) passage: Passage,
    pub(super) answer_leg: LegId,
    pub(super) offer_leg: LegId,
    /// What each side sends from here on, as the media role knows it: the answering one, the other.
    pub(super) speaks: [String; 2],
    /// The protocol of the offer that is answered.
    pub(super) protocol: String,
    /// Whether the answer is in force on its own leg, or refused there.
    pub(super) is_agreed: bool,
    /// Whether the leg to the offerer has a description, or was refused one.
    pub(super) is_described: bool,
    /// Our description, or why there is none.
    pub(super) outcome: Option<Outcome>,
}

impl AnsweredSection {
    /// Both legs have said something.
    pub(super) fn is_done(&self) -> bool {
        self.is_agreed && self.is_described
    }
}

/// A recording waits for its file.
#[derive(Debug)]
pub(super) struct RecordTask {
    pub(super) leg: LegId,
}

/// A subscription waits for the descriptions of its legs.
#[derive(Debug)]
pub(super) struct SubscribeTask {
    pub(super) tag: String,
    /// Whether the subscription is there for this request alone so far.
    pub(super) is_new: bool,
    pub(super) sources: Vec<PartyId>,
    pub(super) flags: Flags,
    pub(super) feeds: Vec<FeedOffer>,
}

/// The answer to a subscription waits until it is in force on every leg.
#[derive(Debug)]
pub(super) struct SubscriptionTask {
    pub(super) waiting: Vec<LegId>,
    pub(super) refused: Option<String>,
}

/// What is published waits for our answer to it.
#[derive(Debug)]
pub(super) struct PublishTask {
    pub(super) party: PartyId,
    pub(super) leg: LegId,
    /// Whether the leg is there for this request alone so far.
    pub(super) is_new_leg: bool,
    pub(super) said: Said,
    /// What the party says, as the media role knows it.
    pub(super) speaks: String,
    /// The payload type of its codec.
    pub(super) chosen: u8,
    pub(super) flags: Flags,
}

/// A query or a delete waits for what was measured.
#[derive(Debug)]
pub(super) struct MeasureTask {
    pub(super) missing: usize,
    pub(super) measures: HashMap<LegId, LegMeasure>,
    pub(super) then: Then,
}

/// A snapshot waits for those of the legs.
#[derive(Debug, Default)]
pub(super) struct SnapshotTask {
    pub(super) missing: usize,
    pub(super) legs: Vec<(LegId, LegSnapshot)>,
}

/// A call of another process waits for its legs.
#[derive(Debug, Default)]
pub(super) struct RestoreTask {
    pub(super) missing: usize,
    /// Why one of them is not there.
    pub(super) refused: Option<String>,
}

/// What follows when everything is measured.
#[derive(Debug)]
pub(super) enum Then {
    /// Tell of the call, or of the party of one tag.
    Query { tag: Option<String> },
    /// Tell of the call, and end these parties.
    Delete { parties: Vec<PartyId>, delay_s: u32, warning: Option<&'static str> },
    /// End the call when nobody has been heard for so long.
    EndIfSilent,
}

/// A reply that can be given at once.
pub(super) type Refusal = Box<Reply>;

/// A tag that a request needs; `name` is that of its key.
pub(super) fn needed<'a>(tag: Option<&'a str>, name: &str) -> Result<&'a str, Refusal> {
    let tag = tag.filter(|tag| !tag.is_empty());
    tag.ok_or_else(|| refuse(format!("No {name} in message")))
}

pub(super) fn refuse(reason: impl Into<String>) -> Refusal {
    Box::new(Reply::error(reason))
}
