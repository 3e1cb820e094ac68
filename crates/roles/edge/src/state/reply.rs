//! What the edge answers by itself.

use offhook_model::Transport;
use offhook_sip::{Defect, Editor, HeaderName, Message, Method, ResponseBuilder, StatusCode};
use std::borrow::Cow;

/// Methods that make sense in a call centre; others are passed on all the same.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY, MESSAGE";
/// Extensions that the edge and its registrar support (RFC 5626). `path` is not among them (RFC 3327): a
/// binding leads along the flow of its REGISTER, and the Path of a proxy beyond that flow is not kept.
pub(super) const SUPPORTED: &str = "outbound";

/// A final response of the edge's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    status: StatusCode,
    reason: Cow<'static, str>,
    headers: Vec<(HeaderName, String)>,
    /// Under which word it is counted in `offhook_sip_refused_total`; `None` for answers that refuse
    /// nothing, such as 200 and challenges.
    pub(super) why: Option<&'static str>,
}

impl Reply {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, reason: status.reason().into(), headers: Vec::new(), why: None }
    }

    /// A refusal with the status's own reason phrase, counted as `why`.
    pub(super) fn counted(status: StatusCode, why: &'static str) -> Self {
        Self { why: Some(why), ..Self::new(status) }
    }

    /// A refusal with its reason phrase, counted as `why`.
    pub(super) fn refusal(
        status: StatusCode,
        why: &'static str,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, reason: reason.into(), headers: Vec::new(), why: Some(why) }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The response to `request`; `None` when what has to be copied from it is beyond what anybody would
    /// read, such as control characters.
    ///
    /// A request with more Vias than we read ourselves is answered to its last hop alone.
    pub(super) fn build(&self, request: &Message, to_tag: &str) -> Option<Message> {
        let response = self.print(request, to_tag);
        if Message::parse(response.to_bytes()).is_ok() {
            return Some(response);
        }
        let via = request.via_top().ok()?;
        let last_hop = Editor::new(request)
            .remove(HeaderName::Via)
            .prepend(HeaderName::Via, via.as_str())
            .finish();
        let response = self.print(&last_hop, to_tag);
        Message::parse(response.to_bytes()).is_ok().then_some(response)
    }

    fn print(&self, request: &Message, to_tag: &str) -> Message {
        let builder =
            ResponseBuilder::with_reason(request, self.status, &self.reason, Some(to_tag));
        let add = |builder: ResponseBuilder, (name, value): &(HeaderName, String)| {
            builder.header(*name, value)
        };
        self.headers.iter().fold(builder, add).build()
    }
}

impl From<Defect> for Reply {
    fn from(defect: Defect) -> Self {
        Self::refusal(defect.status(), "malformed", defect.to_string())
    }
}

/// Counts a request that arrived.
pub(super) fn count_request(method: &Method, transport: Transport) {
    let method = match method {
        Method::Other(_) => "OTHER".to_owned(),
        known => known.as_str().to_owned(),
    };
    let transport = transport.via_token();
    metrics::counter!("offhook_sip_requests_total", "method" => method, "transport" => transport)
        .increment(1);
}

/// Counts a response that leaves towards a device.
pub(super) fn count_response(status: StatusCode) {
    let class = format!("{}xx", status.code() / 100);
    let code = status.code().to_string();
    metrics::counter!("offhook_sip_responses_total", "class" => class, "code" => code).increment(1);
}

/// Counts what is refused or dropped.
pub(super) fn refused(why: &'static str) {
    metrics::counter!("offhook_sip_refused_total", "why" => why).increment(1);
}
