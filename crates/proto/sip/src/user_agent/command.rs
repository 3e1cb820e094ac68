//! What the owner hands to a [`UserAgent`](super::UserAgent), and why it may be refused.

use bytes::Bytes;

use crate::message::{Method, StatusCode};

/// Header fields beyond those the user agent writes itself, as (name, value).
pub type ExtraHeaders<'a> = &'a [(&'a str, &'a str)];

/// A message body with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Value of `Content-Type`.
    pub content_type: String,
    /// The body's bytes.
    pub bytes: Bytes,
}

impl Body {
    /// A session description.
    pub fn sdp(bytes: impl Into<Bytes>) -> Self {
        Self::new("application/sdp", bytes)
    }

    /// A body of any type.
    pub fn new(content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { content_type: content_type.into(), bytes: bytes.into() }
    }
}

/// A call to be placed.
#[derive(Debug, Clone)]
pub struct InviteRequest<P> {
    /// The Request-URI.
    pub request_uri: String,
    /// Values of a preloaded route set, such as `<sip:edge.example.org;lr>`, first hop first.
    pub route: Vec<String>,
    /// Value of From without a tag: a name-addr or a URI.
    pub from: String,
    /// Value of To: a name-addr or a URI.
    pub to: String,
    /// Further header fields as (name, value).
    pub headers: Vec<(String, String)>,
    /// The offer, or `None` to let the other side make it.
    pub body: Option<Body>,
    /// The Contact URI of this leg; `None` takes the configured one.
    pub contact_uri: Option<String>,
    /// The Call-ID; `None` makes one.
    pub call_id: Option<String>,
    /// Max-Forwards; one less than that of the call this one goes on from (RFC 7332).
    pub max_forwards: u8,
    /// Where the INVITE, and later requests of the dialog, are sent.
    pub peer: P,
}

impl<P> InviteRequest<P> {
    /// A call from `from` to `uri`, which is both Request-URI and To, without an offer.
    pub fn new(uri: impl Into<String>, from: impl Into<String>, peer: P) -> Self {
        let request_uri = uri.into();
        Self {
            to: request_uri.clone(),
            request_uri,
            route: Vec::new(),
            from: from.into(),
            headers: Vec::new(),
            body: None,
            contact_uri: None,
            call_id: None,
            max_forwards: crate::dialog::MAX_FORWARDS,
            peer,
        }
    }

    /// The same call with an SDP offer.
    #[must_use]
    pub fn sdp(mut self, sdp: impl Into<Bytes>) -> Self {
        self.body = Some(Body::sdp(sdp));
        self
    }

    /// The same call with one more header field.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A request outside of any dialog: OPTIONS, MESSAGE, NOTIFY and so on.
#[derive(Debug, Clone)]
pub struct OutOfDialogRequest<P> {
    /// Its method; not INVITE, ACK, CANCEL or BYE.
    pub method: Method,
    /// The Request-URI.
    pub request_uri: String,
    /// Values of a preloaded route set, first hop first.
    pub route: Vec<String>,
    /// Value of From without a tag.
    pub from: String,
    /// Value of To.
    pub to: String,
    /// Further header fields as (name, value).
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
    /// Where it is sent.
    pub peer: P,
}

/// Reply to a renegotiation of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReinviteReply {
    /// 200 with this SDP: the answer, or the offer when the re-INVITE had none.
    Accept(Bytes),
    /// 200 without a body.
    AcceptEmpty,
    /// A final status from 300 on, such as 488.
    Refuse(StatusCode),
}

/// Why a command was not carried out. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such leg: it has ended.
    #[error("the leg has ended")]
    LegEnded,
    /// No such request: it has been answered or its sender has given up.
    #[error("the request is no longer waiting for a response")]
    RequestOver,
    /// The command does not fit the leg's state, such as `accept` on an answered call.
    #[error("the leg is not in a state for this")]
    WrongState,
    /// An offer is outstanding; try again when it has been answered (RFC 3264 section 4).
    #[error("an earlier offer has not been answered yet")]
    OfferPending,
    /// The leg or transaction table is full; try again later.
    #[error("too many legs or transactions")]
    Full,
    /// A URI, header field or status cannot be sent as it is.
    #[error("not valid in a SIP message: {0}")]
    Invalid(&'static str),
}
