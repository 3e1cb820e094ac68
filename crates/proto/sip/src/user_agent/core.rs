//! What all legs share: the transactions, the tables that find a leg, and the writing of messages.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::command::{Body, CommandError, ExtraHeaders};
use super::config::{Config, Peer};
use super::event::{Event, LegHandle, Output, RequestKey, SentKey};
use super::token::TokenSource;
use crate::dialog::{Dialog, DialogError, DialogId};
use crate::headers::NameAddr;
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::print::{RequestBuilder, ResponseBuilder};
use crate::session_timer::IntervalTooSmall;
use crate::transaction::{SendError, TransactionKey, TransactionLayer, Transmit};
use crate::uri::Uri;

/// Option tags that a user agent understands (RFC 3262, 3891, 4028). Of Replaces it finds the leg; its owner
/// puts the new one in its place, or rejects it.
pub(super) const SUPPORTED: [&str; 3] = ["100rel", "replaces", "timer"];

/// Header fields that the user agent writes itself, so that they cannot be given as extra ones.
const OWN_HEADERS: [HeaderName; 16] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::RSeq,
    HeaderName::RAck,
    HeaderName::SessionExpires,
    HeaderName::MinSe,
    HeaderName::Supported,
];

/// What a client transaction is for.
#[derive(Debug)]
pub(super) enum Purpose<P> {
    /// A call's first INVITE.
    Invite(Box<PlacedInvite<P>>),
    /// A re-INVITE.
    Reinvite {
        handle: LegHandle,
        peer: P,
        /// The ACK, to be sent again for each retransmission of the 2xx.
        ack: Option<Bytes>,
    },
    /// An UPDATE.
    Update { handle: LegHandle },
    /// The BYE of a leg whose owner has been told already.
    Bye { handle: LegHandle },
    /// A request of the owner.
    Request { key: SentKey, handle: Option<LegHandle> },
}

/// An INVITE and what became of its forks, for as long as its transaction lives.
#[derive(Debug)]
pub(super) struct PlacedInvite<P> {
    pub(super) handle: LegHandle,
    pub(super) invite: Message,
    pub(super) peer: P,
    /// To tag of the 2xx that won.
    pub(super) winner: Option<String>,
    /// The winner's ACK, to be sent again for each retransmission of the 2xx.
    pub(super) ack: Option<Bytes>,
    /// To tags of forks that answered too late; each got its BYE.
    pub(super) losers: Vec<String>,
}

impl<P> Purpose<P> {
    pub(super) fn invite(handle: LegHandle, invite: Message, peer: P) -> Self {
        Self::Invite(Box::new(PlacedInvite {
            handle,
            invite,
            peer,
            winner: None,
            ack: None,
            losers: Vec::new(),
        }))
    }
}

/// A request from the network that the owner has not answered yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Message,
    pub(super) handle: Option<LegHandle>,
}

/// A failure response that the user agent makes by itself.
#[derive(Debug)]
pub(super) struct Refusal {
    code: StatusCode,
    reason: Option<String>,
    header: Option<(HeaderName, String)>,
}

impl Refusal {
    /// With a header that tells the sender how to do better.
    pub(super) fn with(code: StatusCode, name: HeaderName, value: impl Into<String>) -> Self {
        Self { code, reason: None, header: Some((name, value.into())) }
    }
}

impl From<DialogError> for Refusal {
    /// 400 with what was wrong as reason phrase.
    fn from(error: DialogError) -> Self {
        Self { code: StatusCode::BAD_REQUEST, reason: Some(error.to_string()), header: None }
    }
}

impl From<StatusCode> for Refusal {
    fn from(code: StatusCode) -> Self {
        Self { code, reason: None, header: None }
    }
}

impl From<IntervalTooSmall> for Refusal {
    fn from(too_small: IntervalTooSmall) -> Self {
        let code = StatusCode::SESSION_INTERVAL_TOO_SMALL;
        Self::with(code, HeaderName::MinSe, too_small.min_se_s.to_string())
    }
}

#[derive(Debug)]
pub(super) struct Core<P> {
    pub(super) config: Config,
    pub(super) tokens: TokenSource,
    pub(super) layer: TransactionLayer<P>,
    pub(super) purposes: HashMap<TransactionKey, Purpose<P>>,
    pub(super) waiting: HashMap<TransactionKey, Waiting>,
    pub(super) by_dialog: HashMap<DialogId, LegHandle>,
    /// Legs by the server transaction of an INVITE or re-INVITE that has no final response.
    pub(super) by_invite: HashMap<TransactionKey, LegHandle>,
    pub(super) outputs: VecDeque<Output<P>>,
    /// Legs whose owner has not been told of their end.
    pub(super) live_leg_count: usize,
    last_sent: u64,
}

impl<P: Peer> Core<P> {
    pub(super) fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            tokens: TokenSource::new(seed),
            layer: TransactionLayer::new(config.transaction_count_max),
            config,
            purposes: HashMap::new(),
            waiting: HashMap::new(),
            by_dialog: HashMap::new(),
            by_invite: HashMap::new(),
            outputs: VecDeque::new(),
            live_leg_count: 0,
            last_sent: 0,
        }
    }

    pub(super) fn emit(&mut self, event: Event<P>) {
        self.outputs.push_back(Output::Event(Box::new(event)));
    }

    /// Sends bytes outside of every transaction.
    pub(super) fn transmit(&mut self, bytes: Bytes, destination: P) {
        self.outputs.push_back(Output::Transmit(Transmit {
            bytes,
            destination,
            transaction: None,
        }));
    }

    /// A Via for a request to `peer`, with a new branch.
    pub(super) fn via(&mut self, peer: &P) -> String {
        let transport = peer.transport().via_token();
        let branch = self.tokens.branch();
        format!("SIP/2.0/{transport} {};branch={branch};rport", self.config.sent_by)
    }

    pub(super) fn send(
        &mut self,
        request: Message,
        peer: &P,
        purpose: Purpose<P>,
        now: Instant,
    ) -> Result<TransactionKey, CommandError> {
        let reliable = peer.transport().is_reliable();
        let key = self.layer.send_request(request, peer.clone(), reliable, now)?;
        self.purposes.insert(key, purpose);
        Ok(key)
    }

    pub(super) fn new_sent_key(&mut self) -> SentKey {
        self.last_sent += 1;
        SentKey(self.last_sent)
    }

    /// Begins a response. 100 has no To tag, all others have.
    pub(super) fn response(
        &self,
        request: &Message,
        code: StatusCode,
        reason: Option<&str>,
        to_tag: &str,
    ) -> ResponseBuilder {
        let reason = reason.unwrap_or(code.reason());
        ResponseBuilder::with_reason(request, code, reason, Some(to_tag))
            .header(HeaderName::Server, &self.config.product)
    }

    /// Sends a final response without more to say, with a tag of its own where To has none.
    pub(super) fn refuse(
        &mut self,
        key: TransactionKey,
        request: &Message,
        refusal: impl Into<Refusal>,
        now: Instant,
    ) {
        let Refusal { code, reason, header } = refusal.into();
        let tag = self.tokens.tag();
        let mut response = self.response(request, code, reason.as_deref(), &tag);
        if let Some((name, value)) = header {
            response = response.header(name, value);
        }
        self.respond(key, &response.build(), now);
    }

    /// Sends a response. The transaction may have ended meanwhile: nobody waits for it then.
    pub(super) fn respond(&mut self, key: TransactionKey, response: &Message, now: Instant) {
        if let Err(error) = self.layer.respond(key, response, now) {
            debug_assert_eq!(error, SendError::Over, "responses go to server transactions");
        }
    }

    /// Headers of messages that offer or change a session.
    pub(super) fn capabilities(&self) -> [(HeaderName, String); 2] {
        [
            (HeaderName::Allow, self.config.allow.clone()),
            (HeaderName::Supported, SUPPORTED.join(", ")),
        ]
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        let allowed = self.config.allow.split(',');
        allowed.map(str::trim).any(|token| token == method.as_str())
    }

    /// The owner's key of a request from the network is that of its transaction.
    pub(super) fn wait_for_owner(
        &mut self,
        key: TransactionKey,
        request: Message,
        handle: Option<LegHandle>,
    ) -> RequestKey {
        self.waiting.insert(key, Waiting { request, handle });
        RequestKey(key.0)
    }

    /// ACKs a 2xx nobody wants and ends its dialog: of a fork that lost, or of a leg that is gone.
    pub(super) fn refuse_answer(
        &mut self,
        invite: &Message,
        response: &Message,
        peer: &P,
        now: Instant,
    ) {
        let Ok(mut dialog) = Dialog::from_response(invite, response) else {
            return;
        };
        self.ack_again(invite, response, peer);
        let via = self.via(peer);
        let bye = dialog.request(&Method::Bye, via).build();
        let reliable = peer.transport().is_reliable();
        // A full table leaves the BYE unsent; the other side's session timer or its missing media
        // ends the call then.
        if let Err(error) = self.layer.send_request(bye, peer.clone(), reliable, now) {
            debug_assert_eq!(error, SendError::Full, "a fresh branch is never in use");
        }
    }

    /// ACKs a 2xx without a body.
    pub(super) fn ack_again(&mut self, invite: &Message, response: &Message, peer: &P) {
        let (Ok(dialog), Ok(cseq)) = (Dialog::from_response(invite, response), invite.cseq())
        else {
            return;
        };
        let via = self.via(peer);
        let ack = dialog.ack(cseq.sequence, via).build();
        self.transmit(ack.to_bytes(), peer.clone());
    }
}

impl From<SendError> for CommandError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Full => Self::Full,
            SendError::Over => Self::RequestOver,
            SendError::NotARequest | SendError::BranchInUse => Self::Invalid("request"),
        }
    }
}

/// Anything that headers can be added to.
pub(super) trait HeaderSink: Sized {
    fn with(self, name: &str, value: &str) -> Self;
    fn with_body(self, body: Body) -> Self;

    fn with_all(self, headers: ExtraHeaders<'_>) -> Self {
        let add = |sink: Self, (name, value): &(&str, &str)| sink.with(name, value);
        headers.iter().fold(self, add)
    }

    fn with_known(self, headers: &[(HeaderName, String)]) -> Self {
        let add =
            |sink: Self, (name, value): &(HeaderName, String)| sink.with(name.as_str(), value);
        headers.iter().fold(self, add)
    }

    fn with_sdp(self, sdp: Option<Bytes>) -> Self {
        match sdp {
            Some(sdp) => self.with_body(Body::sdp(sdp)),
            None => self,
        }
    }
}

impl HeaderSink for RequestBuilder {
    fn with(self, name: &str, value: &str) -> Self {
        self.header_named(name, value)
    }

    fn with_body(self, body: Body) -> Self {
        self.body(&body.content_type, body.bytes)
    }
}

impl HeaderSink for ResponseBuilder {
    fn with(self, name: &str, value: &str) -> Self {
        self.header_named(name, value)
    }

    fn with_body(self, body: Body) -> Self {
        self.body(&body.content_type, body.bytes)
    }
}

/// Refuses header fields that would break the message or its dialog.
pub(super) fn check_headers<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), CommandError> {
    for (name, value) in headers {
        if !crate::grammar::is_token(name) {
            return Err(CommandError::Invalid("header name"));
        }
        if OWN_HEADERS.contains(&HeaderName::from_text(name)) {
            return Err(CommandError::Invalid("header is written by the user agent"));
        }
        if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(CommandError::Invalid("line end in header value"));
        }
    }
    Ok(())
}

/// Checks a URI that goes into a Request-URI or Contact.
pub(super) fn check_uri(text: &str) -> Result<(), CommandError> {
    match Uri::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(CommandError::Invalid("URI")),
    }
}

/// An address for From or To, always with angle brackets and without a tag.
pub(super) fn address(text: &str) -> Result<String, CommandError> {
    let invalid = CommandError::Invalid("address");
    let parsed = NameAddr::parse(text).ok_or(invalid)?;
    parsed.uri().map_err(|_| invalid)?;
    if parsed.tag().is_some() || text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(invalid);
    }
    if text.contains('<') {
        Ok(text.trim().to_owned())
    } else {
        let params = parsed.params();
        Ok(format!("<{}>{}", parsed.uri_text(), params.as_str()))
    }
}
