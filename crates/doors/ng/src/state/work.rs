//! What a request waits for.

use super::RequestId;
use super::call::PartyId;
use super::description::Said;
use offhook_model::{LegId, LegMeasure, LegSnapshot};
use offhook_ng::{Flags, Reply};
use offhook_sdp::EditedFormat;
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
    Snapshot(SnapshotTask),
    Restore(RestoreTask),
}

/// An offer waits for the description of the leg to the other side.
#[derive(Debug)]
pub(super) struct OfferTask {
    pub(super) offerer: PartyId,
    pub(super) receiver: PartyId,
    pub(super) leg: LegId,
    /// Whether the leg is there for this offer alone so far.
    pub(super) is_new_leg: bool,
    pub(super) said: Said,
    pub(super) flags: Flags,
    pub(super) formats: Vec<EditedFormat>,
}

/// An answer waits until it is in force on its own leg, and for the description of the leg to the offerer.
#[derive(Debug)]
pub(super) struct AnswerTask {
    pub(super) answer_leg: LegId,
    pub(super) offer_leg: LegId,
    pub(super) said: Said,
    pub(super) flags: Flags,
    pub(super) formats: Option<Vec<EditedFormat>>,
    /// Whether the call is recorded from here on.
    pub(super) records: bool,
    /// The protocol of the offer that is answered.
    pub(super) protocol: String,
    pub(super) is_agreed: bool,
    pub(super) described: Option<String>,
    pub(super) refused: Option<String>,
}

/// A recording waits for its file.
#[derive(Debug)]
pub(super) struct RecordTask {
    pub(super) leg: LegId,
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

pub(super) fn refuse(reason: impl Into<String>) -> Refusal {
    Box::new(Reply::error(reason))
}
