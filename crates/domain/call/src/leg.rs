use crate::Route;
use crate::video::{Section, Video};
use offhook_model::{AudioVerdict, Direction, LegId, LegRecord, OfferPolicy, StreamReport};
use serde::{Deserialize, Serialize};

/// Where a leg's signalling stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Signalling {
    /// An INVITE came and has no final answer yet.
    Incoming,
    /// An INVITE is being prepared: media has been asked for an offer.
    Preparing,
    /// An INVITE was sent.
    Inviting,
    /// Both sides agreed.
    Up,
    /// Over.
    Ended,
}

/// What the media role was asked to describe, and has not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Describing {
    /// The answer to the caller's offer, or the offer to a caller who made none.
    First,
    /// The offer of an outgoing leg.
    Offer,
    /// The other side's answer is being put in force.
    Agreement,
    /// The reply to a renegotiation of the party.
    Reinvite,
    /// The caller's video, which somebody who was rung has taken.
    Video,
    /// An offer of ours to a party that talks. It is described, or waits for the party's answer.
    Change,
    /// The party's answer to that is being put in force.
    ChangeAgreement,
    /// The answer to the offer with which a lost party comes back.
    Reattach,
    /// The reply to somebody who picks the call up.
    PickUp,
}

/// The media role's reply about the audio, while that about the video is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AudioReply {
    /// Our description.
    Described(String),
    /// The party's answer is in force.
    Agreed,
}

/// One party's signalling and media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    pub(crate) id: LegId,
    pub(crate) direction: Direction,
    pub(crate) number: String,
    pub(crate) account: Option<String>,
    pub(crate) sip_call_id: String,
    pub(crate) sip_status: Option<u16>,
    pub(crate) signalling: Signalling,
    pub(crate) describing: Option<Describing>,
    /// The media role's reply about the audio, which waits for that about the video.
    pub(crate) audio: Option<AudioReply>,
    /// Our SDP of the audio that is to be sent with the answer.
    pub(crate) description: Option<String>,
    /// Our SDP that was sent last.
    pub(crate) sent: Option<String>,
    /// The party's video.
    pub(crate) video: Option<Video>,
    /// Video that the party has offered and that has not been answered.
    pub(crate) offered_video: Option<Section>,
    /// The party whose renegotiation waits for the answer of this one.
    pub(crate) asked_for: Option<LegId>,
    /// How the party is offered media.
    pub(crate) policy: Option<OfferPolicy>,
    /// Our last SDP was an offer; the party's answer comes with the ACK.
    pub(crate) offered: bool,
    /// Both sides' SDP is in force.
    pub(crate) agreed: bool,
    /// The party's last offer says that it does not want to hear the other.
    pub(crate) is_holding: bool,
    /// The media role knows the leg and has not released it.
    pub(crate) has_media: bool,
    /// The media role was asked to release the leg.
    pub(crate) releasing: bool,
    pub(crate) report: Option<StreamReport>,
    /// Why no audio could be agreed on.
    pub(crate) not_agreed: Option<Box<AudioVerdict>>,
    /// Media has flowed.
    pub(crate) has_connected: bool,
    /// The party's device is lost: until when it may come back, milliseconds of Unix time.
    pub(crate) lost_until_ms: Option<u64>,
    /// Of an outgoing leg: where it goes, and the offers to try after this one was refused.
    pub(crate) attempt: Option<Attempt>,
}

/// How an outgoing leg tries to reach one binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) route: Route,
    /// Offers that have not been tried, best first.
    pub(crate) policies: Vec<OfferPolicy>,
    /// What was offered so far, in words.
    pub(crate) offered: Vec<String>,
    /// Whether video may be offered. A device that took no offer with it is asked without.
    pub(crate) with_video: bool,
}

impl Leg {
    pub(crate) fn new(id: LegId, direction: Direction, number: &str) -> Self {
        let signalling = match direction {
            Direction::Inbound => Signalling::Incoming,
            Direction::Outbound => Signalling::Preparing,
        };
        Self {
            id,
            direction,
            number: number.to_owned(),
            account: None,
            sip_call_id: String::new(),
            sip_status: None,
            signalling,
            describing: None,
            audio: None,
            description: None,
            sent: None,
            video: None,
            offered_video: None,
            asked_for: None,
            policy: None,
            offered: false,
            agreed: false,
            is_holding: false,
            has_media: false,
            releasing: false,
            report: None,
            not_agreed: None,
            has_connected: false,
            lost_until_ms: None,
            attempt: None,
        }
    }

    /// What is to be tried after this attempt was refused for its media: the same without the video, if
    /// there was some, and then other offers.
    pub(crate) fn next_attempt(&mut self) -> Option<Attempt> {
        let mut attempt = self.attempt.take()?;
        if let Some(policy) = self.policy.take().filter(|_| self.video.is_some()) {
            attempt.policies.insert(0, policy);
            attempt.with_video = false;
        }
        Some(attempt)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.signalling == Signalling::Up
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.signalling == Signalling::Ended
    }

    pub(crate) fn record(&self) -> LegRecord {
        LegRecord {
            leg: self.id,
            direction: self.direction,
            number: self.number.clone(),
            sip_call_id: self.sip_call_id.clone(),
            sip_status: self.sip_status,
            stream: self.stream(),
        }
    }

    /// What was measured, with the reason why nothing could be.
    fn stream(&self) -> Option<StreamReport> {
        let Some(verdict) = &self.not_agreed else { return self.report.clone() };
        let report = self.report.clone().unwrap_or_default();
        Some(StreamReport { verdict: report.verdict.or_else(|| Some(verdict.clone())), ..report })
    }
}
