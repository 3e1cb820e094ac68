//! What devices send: checked, proven, answered here or passed on to the switch.

use super::authentication::Proven;
use super::calls::Caller;
use super::reply::{ALLOW, Reply, SUPPORTED, count_request, refused};
use super::route::{self, Routes};
use super::{MOVE_KEPT, Moment, Output, State, way};
use bytes::Bytes;
use offhook_bus::SipMessage;
use offhook_model::{Aor, Directory, guest_expiry};
use offhook_net::Flow;
use offhook_sip::uri::escape_user;
use offhook_sip::{Editor, HeaderName, Message, Method, ParseFailure, StatusCode, Uri};
use std::time::Instant;

/// Max-Forwards of a request that carries none (RFC 3261 section 16.6 step 3).
const MAX_FORWARDS: u8 = 70;
/// Headers that only we may write (RFC 3325 section 6 and ours).
const INNER_HEADERS: [HeaderName; 3] =
    [HeaderName::PAssertedIdentity, HeaderName::PPreferredIdentity, HeaderName::RemotePartyId];
/// What our own headers begin with.
const INNER_PREFIX: &str = "X-Offhook-";
/// The Via parameter that carries a flow's token.
pub(super) const FLOW_PARAM: &str = "flow";

/// What becomes of a request.
enum Verdict {
    /// It goes to the switch.
    Pass { routes: Routes, proven: Option<Proven> },
    /// It is answered here.
    Answer(Reply),
    /// It needs no answer: the ACK of an answer of ours.
    Absorb,
}

impl State {
    /// Answers what cannot be read, if anybody can be answered.
    pub(super) fn take_malformed(&mut self, flow: &Flow, failure: &ParseFailure) {
        match &failure.message {
            Some(request) => self.reply_to_device(flow, request, &failure.defect.into()),
            None => refused("malformed"),
        }
    }

    pub(super) fn take_device_request(&mut self, flow: &Flow, request: &Message, moment: Moment) {
        if let Some(method) = request.method() {
            count_request(method, flow.transport);
        }
        let verdict = self.judge(flow, request, moment);
        match verdict.and_then(|verdict| self.count_call(flow, request, verdict)) {
            Ok(Verdict::Pass { routes, proven }) => {
                self.pass_to_switch(flow, request, &routes, proven.as_ref());
            }
            Ok(Verdict::Answer(reply)) | Err(reply) => self.reply_to_device(flow, request, &reply),
            Ok(Verdict::Absorb) => {}
        }
    }

    /// RFC 3261 section 16.3, in its order.
    fn judge(&mut self, flow: &Flow, request: &Message, moment: Moment) -> Result<Verdict, Reply> {
        request.validate()?;
        let method = request.method().expect("the caller took it for a request");
        let uri = request.request_uri().map_err(|_| offhook_sip::Defect::RequestUri)?;
        route::check_scheme(&uri)?;
        if *method == Method::Ack && request.to_tag() == Some(self.signer.tag(request).as_str()) {
            return Ok(Verdict::Absorb);
        }
        let directory = self.shared.directory();
        let routes = route::read_routes(request, &self.names, &self.signer, &directory)?;
        let is_for_us = routes.flow.is_none() && uri.user().is_none_or(str::is_empty);
        if *method == Method::Options
            && is_for_us
            && route::check_domain(&uri, &self.names, &directory).is_ok()
        {
            route::check_extensions(request, HeaderName::ProxyRequire, &[])?;
            route::check_extensions(request, HeaderName::Require, &[])?;
            return Ok(Verdict::Answer(capabilities()));
        }
        if request.max_forwards() == Ok(Some(0)) {
            return Err(Reply::counted(StatusCode::TOO_MANY_HOPS, "max_forwards"));
        }
        route::check_extensions(request, HeaderName::ProxyRequire, &[])?;
        match &routes.flow {
            Some(named) if request.to_tag().is_some() => self.note_move(named, flow),
            Some(_) => {}
            None => route::check_domain(&uri, &self.names, &directory)?,
        }
        match method {
            Method::Register => {
                self.register(flow, request, &directory, moment).map(Verdict::Answer)
            }
            Method::Ack | Method::Cancel => Ok(Verdict::Pass { routes, proven: None }),
            // Whoever is inside a dialog was let in when it began; the switch knows its dialogs.
            _ if request.to_tag().is_some() => Ok(Verdict::Pass { routes, proven: None }),
            _ => {
                let proven = self.identify(flow, request, &uri, &directory, moment)?;
                Ok(Verdict::Pass { routes, proven })
            }
        }
    }

    /// Lets a call begin whose caller has not too many of them.
    fn count_call(
        &mut self,
        flow: &Flow,
        request: &Message,
        verdict: Verdict,
    ) -> Result<Verdict, Reply> {
        let ip = flow.remote.ip().to_canonical();
        let begins_call = request.method() == Some(&Method::Invite) && request.to_tag().is_none();
        if let Verdict::Pass { proven, .. } = &verdict
            && begins_call
            && !ip.is_loopback()
            && let Some(branch) = self.signer.branch(request, Some(flow.remote.ip()))
        {
            let account = proven.as_ref().filter(|proven| guest_expiry(&proven.user).is_none());
            let caller = account
                .map_or(Caller::Guest(ip.into()), |proven| Caller::Account(proven.user.clone()));
            self.calls.begin(request, &branch, caller)?;
        }
        Ok(verdict)
    }

    /// A device that was given this token for one flow is heard on another: its connection was lost and made
    /// again, and what the switch has for its dialogs is to go there (RFC 5626 section 5.3).
    fn note_move(&mut self, named: &Flow, heard_on: &Flow) {
        if named.is_same_way(heard_on) {
            self.moved.remove(&way(named));
        } else {
            self.moved.insert(way(named), *heard_on);
        }
    }

    /// Forgets where devices had moved to from which nothing has been heard for long.
    pub(super) fn forget_moves(&mut self, now: Instant) {
        if now.saturating_duration_since(self.moved_aged) >= MOVE_KEPT {
            self.moved.age();
            self.moved_aged = now;
        }
    }

    /// Finds out who begins something new; `None` for a caller without an account.
    fn identify(
        &mut self,
        flow: &Flow,
        request: &Message,
        uri: &Uri<'_>,
        directory: &Directory,
        moment: Moment,
    ) -> Result<Option<Proven>, Reply> {
        let number = route::dialled_number(uri);
        let from = request.from().map_err(offhook_sip::Defect::from)?;
        let from_user = from
            .uri()
            .ok()
            .and_then(|uri| Some(uri.user_decoded()?.into_owned()))
            .unwrap_or_default();
        let is_guest_call = matches!(request.method(), Some(Method::Invite | Method::Options))
            && !directory.extensions.contains_key(&from_user)
            && !self.gatekeeper.has_credentials(request, directory)
            && directory.guest_policy.allows(&number);
        if is_guest_call {
            return Ok(None);
        }
        let proven = self.prove(flow, request, directory, moment)?;
        let is_hidden = from_user.eq_ignore_ascii_case("anonymous");
        if proven.user != from_user && !is_hidden {
            let reason = "From is not the user of the credentials";
            return Err(Reply::refusal(StatusCode::FORBIDDEN, "identity", reason));
        }
        if guest_expiry(&proven.user).is_some() && !directory.guest_policy.allows(&number) {
            let reason = "Guests may not dial this number";
            return Err(Reply::refusal(StatusCode::FORBIDDEN, "guest_policy", reason));
        }
        Ok(Some(proven))
    }

    fn prove(
        &mut self,
        flow: &Flow,
        request: &Message,
        directory: &Directory,
        moment: Moment,
    ) -> Result<Proven, Reply> {
        self.gatekeeper.prove(request, flow, directory, moment)
    }

    fn register(
        &mut self,
        flow: &Flow,
        request: &Message,
        directory: &Directory,
        moment: Moment,
    ) -> Result<Reply, Reply> {
        route::check_extensions(request, HeaderName::Require, &["outbound"])?;
        let to = request.to().map_err(offhook_sip::Defect::from)?;
        let to = to.uri().map_err(|_| offhook_sip::Defect::Malformed(HeaderName::To))?;
        route::check_scheme(&to)?;
        route::check_domain(&to, &self.names, directory)?;
        let proven = self.prove(flow, request, directory, moment)?;
        if guest_expiry(&proven.user).is_some() {
            let reason = "Guests may not register";
            return Err(Reply::refusal(StatusCode::FORBIDDEN, "guest_register", reason));
        }
        if to.user_decoded().as_deref() != Some(proven.user.as_str()) {
            let reason = "To is not the user of the credentials";
            return Err(Reply::refusal(StatusCode::FORBIDDEN, "identity", reason));
        }
        let aor = Aor::new(&proven.user, &directory.domain).map_err(|_invalid| {
            Reply::refusal(StatusCode::NOT_FOUND, "address", StatusCode::NOT_FOUND.reason())
        })?;
        let route = self.names.route(&self.signer.token(flow), flow.transport);
        let reply = self.location.register(&aor, request, flow, route, moment)?;
        // The device is where it registers from, wherever it or another has been meanwhile.
        self.moved.remove(&way(flow));
        Ok(reply)
    }

    fn pass_to_switch(
        &mut self,
        flow: &Flow,
        request: &Message,
        routes: &Routes,
        proven: Option<&Proven>,
    ) {
        let Some(branch) = self.signer.branch(request, Some(flow.remote.ip())) else {
            return refused("malformed");
        };
        let token = self.signer.token(flow);
        let mut editor = Editor::new(request);
        editor.note_source(flow.remote);
        for _ in 0..routes.own_count {
            editor.remove_top(HeaderName::Route);
        }
        strip_inner_headers(&mut editor, request);
        if let Some(Proven { user, header }) = proven {
            let domain = &self.shared.directory().domain;
            editor.remove(*header);
            editor.append(HeaderName::PAssertedIdentity, identity(user, domain));
        }
        if begins_dialog(request) {
            editor.prepend(HeaderName::RecordRoute, self.names.route(&token, flow.transport));
        }
        editor.set(HeaderName::MaxForwards, hops_left(request));
        let sent_by = self.names.sent_by(flow.transport);
        let transport = flow.transport.via_token();
        editor.prepend(
            HeaderName::Via,
            format_args!("SIP/2.0/{transport} {sent_by};branch={branch};{FLOW_PARAM}={token}"),
        );
        self.send_to_switch(editor.finish().to_bytes(), flow);
    }

    fn send_to_switch(&mut self, bytes: Bytes, flow: &Flow) {
        let reliable = flow.transport.is_reliable();
        self.outputs.push_back(Output::ToSwitch(SipMessage { bytes, reliable }));
    }

    /// Passes a response on to the switch, if it answers what we sent in the switch's name.
    pub(super) fn take_device_response(&mut self, flow: &Flow, response: &Message) {
        if response.validate().is_err() || !self.signer.is_branch_of_ours(response) {
            return refused("stray_response");
        }
        let mut editor = Editor::new(response);
        editor.remove_top(HeaderName::Via);
        strip_inner_headers(&mut editor, response);
        self.send_to_switch(editor.finish().to_bytes(), flow);
    }
}

/// What the edge itself can do (RFC 3261 section 11.2).
fn capabilities() -> Reply {
    Reply::new(StatusCode::OK)
        .header(HeaderName::Allow, ALLOW)
        .header(HeaderName::Accept, "application/sdp")
        .header(HeaderName::Supported, SUPPORTED)
}

/// Whether a request can begin a dialog, so that we have to stay in its way (RFC 3261 section 16.6 step 4).
pub(super) fn begins_dialog(request: &Message) -> bool {
    request.to_tag().is_none() && request.method().is_some_and(Method::creates_dialog)
}

/// Max-Forwards for the next hop.
pub(super) fn hops_left(request: &Message) -> u8 {
    let hops = request.max_forwards().ok().flatten();
    hops.map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1))
}

fn strip_inner_headers(editor: &mut Editor<'_>, message: &Message) {
    for name in INNER_HEADERS {
        editor.remove(name);
    }
    for field in message.headers().filter(|field| field.name == HeaderName::Other) {
        let prefix = field.name_text.get(..INNER_PREFIX.len());
        if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(INNER_PREFIX)) {
            editor.remove_named(field.name_text);
        }
    }
}

fn identity(user: &str, domain: &str) -> String {
    format!("<sip:{}@{domain}>", escape_user(user))
}
