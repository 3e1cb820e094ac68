//! What a [`UserAgent`](super::UserAgent) tells its owner.

use bytes::Bytes;

use crate::message::{Message, Method, StatusCode};
use crate::transaction::Transmit;

/// Names one INVITE usage, incoming or outgoing, for as long as it lives.
///
/// Handles are never used twice by one user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegHandle(pub u64);

/// Names a request from the network that waits for [`respond`](super::UserAgent::respond).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey(pub u64);

/// Names a request sent by this side whose final response is reported by
/// [`Event::RequestDone`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SentKey(pub u64);

/// Names a subscription of somebody to something of ours (RFC 6665).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionHandle(pub u64);

/// One thing to do, in order: send bytes or take note of an event.
#[derive(Debug, Clone)]
pub enum Output<P> {
    /// Bytes for the network.
    Transmit(Transmit<P>),
    /// Something the owner wants to know. Boxed: events are much larger than transmits.
    Event(Box<Event<P>>),
}

/// What happened on a leg or outside of every leg.
///
/// A leg ends with exactly one of `Rejected`, `Cancelled`, `Bye` and `Ended`; after it the
/// handle is forgotten. After [`hang_up`](super::UserAgent::hang_up) or
/// [`reject`](super::UserAgent::reject) nothing but that last event comes for the leg.
///
/// `sdp` is the body of type `application/sdp`, taken out of `multipart/*` where necessary.
#[derive(Debug, Clone)]
pub enum Event<P> {
    /// A new call comes in; a 100 has been sent. Answer with `ring`, `accept` or `reject`.
    IncomingInvite {
        /// The new leg.
        handle: LegHandle,
        /// The INVITE as it came.
        request: Message,
        /// The offer; `None` when the caller leaves the offer to the answering side.
        sdp: Option<Bytes>,
        /// The leg that `Replaces` names, if it is one of ours (RFC 3891).
        replaces: Option<LegHandle>,
        /// Who sent it.
        peer: P,
    },
    /// A provisional response other than 100 came for an outgoing call.
    Progress {
        /// The outgoing leg.
        handle: LegHandle,
        /// 180, 183 and so on.
        code: StatusCode,
        /// Early answer, or an offer when the INVITE had none.
        sdp: Option<Bytes>,
        /// True when `sdp` is an offer that [`acknowledge`](super::UserAgent::acknowledge)
        /// must answer (reliable response to an INVITE without an offer, RFC 3262 section 5).
        answer_due: bool,
        /// The response as it came. Forks differ in its To tag.
        response: Message,
    },
    /// An outgoing call was answered.
    Accepted {
        /// The outgoing leg.
        handle: LegHandle,
        /// The SDP of the 2xx, or the one of an earlier response of the same dialog when the 2xx
        /// has none.
        sdp: Option<Bytes>,
        /// True when `sdp` is an offer that [`acknowledge`](super::UserAgent::acknowledge)
        /// must answer in the ACK. Otherwise the ACK has been sent.
        answer_due: bool,
        /// The response as it came.
        response: Message,
    },
    /// An outgoing call failed: 3xx-6xx, or 408 and 503 made here when nobody answered or the
    /// transport failed. Ends the leg.
    Rejected {
        /// The outgoing leg.
        handle: LegHandle,
        /// The final status.
        code: StatusCode,
        /// The reason phrase.
        reason: String,
        /// Cause of `Reason: Q.850` (RFC 3326), if given.
        q850: Option<u8>,
        /// The response as it came; `None` when it was made here.
        response: Option<Message>,
    },
    /// The other side acknowledged our 2xx, of the call's first answer or of a re-INVITE's. Also
    /// reported, with `sdp`, when a PRACK answers the offer of a provisional response.
    Acked {
        /// The incoming leg, or the leg whose re-INVITE was answered.
        handle: LegHandle,
        /// The answer, when our 2xx carried the offer.
        sdp: Option<Bytes>,
    },
    /// The caller gave up before the answer; 487 has been sent. Ends the leg.
    Cancelled {
        /// The incoming leg.
        handle: LegHandle,
        /// Value of the CANCEL's `Reason` header.
        reason: Option<String>,
        /// Cause of `Reason: Q.850`, if given.
        q850: Option<u8>,
    },
    /// The other side hung up; 200 has been sent. Ends the leg.
    Bye {
        /// The leg.
        handle: LegHandle,
        /// Value of the BYE's `Reason` header.
        reason: Option<String>,
        /// Cause of `Reason: Q.850`, if given.
        q850: Option<u8>,
        /// The BYE as it came.
        request: Message,
    },
    /// The other side renegotiates by re-INVITE, UPDATE or PRACK. Answer with
    /// [`answer_reinvite`](super::UserAgent::answer_reinvite).
    ///
    /// Refreshes without SDP are answered inside and not reported. When the other side takes the
    /// re-INVITE back or hangs up, `answer_reinvite` gives `RequestOver` or `LegEnded`.
    Reinvite {
        /// The leg.
        handle: LegHandle,
        /// INVITE, UPDATE or PRACK.
        method: Method,
        /// The offer; `None` for a re-INVITE that wants our 2xx to carry it, whose answer comes
        /// by `Acked`.
        sdp: Option<Bytes>,
        /// The request as it came.
        request: Message,
    },
    /// A renegotiation asked for by `reinvite` or `update` is over.
    ReinviteDone {
        /// The leg.
        handle: LegHandle,
        /// What came of it.
        outcome: ReinviteOutcome,
    },
    /// INFO, REFER, NOTIFY, MESSAGE, OPTIONS and others within a dialog. Answer with `respond`.
    InDialog {
        /// The leg whose dialog it belongs to.
        handle: LegHandle,
        /// For `respond`.
        key: RequestKey,
        /// The request as it came.
        request: Message,
    },
    /// A request outside of any dialog: OPTIONS, MESSAGE, SUBSCRIBE and others. Answer with
    /// `respond`.
    OutOfDialog {
        /// For `respond`.
        key: RequestKey,
        /// The request as it came.
        request: Message,
        /// Who sent it.
        peer: P,
    },
    /// A subscriber refreshes or ends its subscription: SUBSCRIBE within the dialog of one. Answer with
    /// `respond`, and with `notify`.
    Resubscribe {
        /// The subscription.
        handle: SubscriptionHandle,
        /// For `respond`.
        key: RequestKey,
        /// The request as it came.
        request: Message,
    },
    /// The final outcome of `send_in_dialog`, `send_request` or `notify`.
    RequestDone {
        /// What those returned.
        key: SentKey,
        /// The leg, for a request within a dialog.
        handle: Option<LegHandle>,
        /// The final status; 408 or 503 when nobody answered or the transport failed.
        code: StatusCode,
        /// The response as it came; `None` when it was made here.
        response: Option<Message>,
    },
    /// The leg ended on this side or for want of the other. Ends the leg.
    Ended {
        /// The leg.
        handle: LegHandle,
        /// Why.
        why: EndReason,
    },
}

/// What came of a renegotiation that this side began.
#[derive(Debug, Clone)]
pub enum ReinviteOutcome {
    /// 2xx; the ACK has been sent unless `answer_due`.
    Answered {
        /// The answer; or the offer when the re-INVITE had none.
        sdp: Option<Bytes>,
        /// True when `sdp` is an offer that `acknowledge` must answer.
        answer_due: bool,
    },
    /// The other side declined; the session goes on as it was. 408 and 481 end the leg and are
    /// reported by `Ended`. 491 is retried inside and only reported when that failed too.
    Refused {
        /// The final status.
        code: StatusCode,
    },
}

/// Why a leg ended other than by the other side's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// `hang_up` or `reject` was called.
    Local,
    /// Our final answer was never acknowledged (RFC 3261 13.3.1.4).
    NoAck,
    /// A reliable provisional response was never acknowledged by PRACK (RFC 3262 section 3).
    NoPrack,
    /// No refresh came in time (RFC 4028 section 10).
    SessionExpired,
    /// A request within the dialog was answered with 481 or 408, or not at all
    /// (RFC 3261 12.2.1.2).
    DialogGone,
    /// The transport refused our messages.
    TransportError,
}
