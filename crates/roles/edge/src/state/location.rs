//! The registrar's side of the edge: REGISTER in, bindings out (RFC 3261 section 10).

use super::Moment;
use super::reply::{Reply, SUPPORTED};
use super::token::Signer;
use crate::config;
use offhook_bus::Shared;
use offhook_model::{Aor, Binding};
use offhook_net::{Flow, FlowId};
use offhook_registrar::{ContactWish, Contacts, Limits, Registration, Rejection, register};
use offhook_sip::headers::{ContactValue, quote};
use offhook_sip::{Contact, HeaderName, Message, StatusCode, Uri};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Characters of a User-Agent header that are kept.
const USER_AGENT_CHARS_MAX: usize = 120;

/// Keeps the shared bindings true: what ends is removed, and what cannot be reached any longer.
#[derive(Debug)]
pub(super) struct Location {
    shared: Shared,
    limits: Limits,
    /// When the first binding of each address ends, seconds of Unix time, the earliest first.
    ends: BTreeSet<(u64, Aor)>,
    /// The same by address.
    end_of: HashMap<Aor, u64>,
    by_flow: HashMap<FlowId, HashSet<Aor>>,
    count: usize,
}

impl Location {
    pub(super) fn new(shared: Shared, limits: &config::Limits) -> Self {
        let limits = Limits {
            bindings_max: limits.bindings_per_user,
            expires_min_s: limits.registration_min_s,
            expires_default_s: limits.registration_default_s,
            expires_max_s: limits.registration_max_s,
        };
        Self {
            shared,
            limits,
            ends: BTreeSet::new(),
            end_of: HashMap::new(),
            by_flow: HashMap::new(),
            count: 0,
        }
    }

    /// Carries a REGISTER out whose sender is known to own `aor`.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn register(
        &mut self,
        aor: &Aor,
        request: &Message,
        flow: &Flow,
        route: String,
        moment: Moment,
    ) -> Result<Reply, Reply> {
        let before = self.shared.bindings(aor);
        let wanted = registration(request, flow, route).ok_or_else(malformed_contact)?;
        let after = register(&before, &wanted, moment.unix_s, &self.limits).map_err(rejected)?;
        let reply = self.accepted(request, &after, moment);
        let is_bound_here = after.iter().any(|binding| binding.route == wanted.route);
        if is_bound_here && flow.id != FlowId::DATAGRAMS {
            self.by_flow.entry(flow.id).or_default().insert(aor.clone());
        }
        self.store(aor, before.len(), after);
        Ok(reply)
    }

    fn store(&mut self, aor: &Aor, count_before: usize, after: Vec<Binding>) {
        self.count = (self.count + after.len()).saturating_sub(count_before);
        if let Some(end) = self.end_of.remove(aor) {
            self.ends.remove(&(end, aor.clone()));
        }
        if let Some(end) = after.iter().map(|binding| binding.expires_at).min() {
            self.ends.insert((end, aor.clone()));
            self.end_of.insert(aor.clone(), end);
        }
        self.shared.set_bindings(aor, after);
        let count = u32::try_from(self.count).map_or(f64::MAX, f64::from);
        metrics::gauge!("offhook_registrations").set(count);
    }

    fn accepted(&self, request: &Message, bindings: &[Binding], moment: Moment) -> Reply {
        let reply = Reply::new(StatusCode::OK).header(HeaderName::Supported, SUPPORTED);
        let is_outbound = request.supports("outbound")
            && bindings
                .iter()
                .any(|binding| binding.instance.is_some() && binding.reg_id.is_some());
        let reply = match is_outbound {
            true => reply.header(HeaderName::Require, "outbound"),
            false => reply,
        };
        bindings.iter().fold(reply, |reply, binding| {
            reply.header(HeaderName::Contact, contact_value(binding, moment.unix_s))
        })
    }

    /// Removes bindings that cannot be reached without the connection that has ended.
    pub(super) fn handle_closed(&mut self, flow: &Flow, signer: &Signer) {
        for aor in self.by_flow.remove(&flow.id).unwrap_or_default() {
            let before = self.shared.bindings(&aor);
            let lives_by_flow = |binding: &Binding| {
                flow_of(binding, signer).is_some_and(|bound| bound.is_same_way(flow))
            };
            let after: Vec<Binding> = before
                .iter()
                .filter(|binding| !(lives_by_flow(binding) && is_unreachable(binding)))
                .cloned()
                .collect();
            if after.len() < before.len() {
                self.store(&aor, before.len(), after);
            }
        }
    }

    /// Removes bindings that have ended.
    pub(super) fn handle_timeout(&mut self, unix_s: u64) {
        while let Some((end, aor)) = self.ends.first().cloned().filter(|(end, _)| *end <= unix_s) {
            let before = self.shared.bindings(&aor);
            let is_live = |binding: &&Binding| binding.expires_at > unix_s;
            let after: Vec<Binding> = before.iter().filter(is_live).cloned().collect();
            self.ends.remove(&(end, aor.clone()));
            self.store(&aor, before.len(), after);
        }
    }

    /// When the next binding ends, in Unix time.
    pub(super) fn next_end(&self) -> Option<u64> {
        self.ends.first().map(|(end, _)| *end)
    }
}

fn flow_of(binding: &Binding, signer: &Signer) -> Option<Flow> {
    let route = binding.route.strip_prefix('<')?.split('>').next()?;
    signer.flow(Uri::parse(route).ok()?.user()?)
}

/// A browser's contact is a name that nobody can resolve (RFC 7118 section 5.2).
fn is_unreachable(binding: &Binding) -> bool {
    let host_is_invalid = Uri::parse(&binding.contact)
        .ok()
        .and_then(|uri| uri.host()?.name())
        .is_some_and(|name| name.to_ascii_lowercase().ends_with(".invalid"));
    binding.transport.is_websocket() || host_is_invalid
}

/// `None` when a Contact cannot be read.
fn registration(request: &Message, flow: &Flow, route: String) -> Option<Registration> {
    let contacts: Vec<ContactValue<'_>> = request.contacts().collect::<Result<_, _>>().ok()?;
    let has_star = contacts.iter().any(|value| value.address().is_none());
    let contacts = match (has_star, contacts.len()) {
        (true, 1) => Contacts::All,
        (true, _) => return None,
        (false, 0) => Contacts::Fetch,
        (false, _) => Contacts::Listed(
            contacts
                .iter()
                .filter_map(ContactValue::address)
                .map(|contact| wish(&contact))
                .collect(),
        ),
    };
    let user_agent = request.user_agent();
    Some(Registration {
        contacts,
        expires_s: request.expires_s().ok()?,
        call_id: request.call_id().ok()?.to_owned(),
        cseq: request.cseq().ok()?.sequence,
        route,
        transport: flow.transport,
        source: flow.remote.to_string(),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_CHARS_MAX).collect()),
    })
}

fn wish(contact: &Contact<'_>) -> ContactWish {
    ContactWish {
        uri: contact.uri_text().to_owned(),
        expires_s: contact.expires_s(),
        q_thousandths: contact.q_thousandths(),
        instance: contact.instance().map(Into::into),
        reg_id: contact.reg_id(),
    }
}

fn contact_value(binding: &Binding, unix_s: u64) -> String {
    let remaining_s = binding.expires_at.saturating_sub(unix_s);
    let mut value = format!("<{}>;expires={remaining_s}", binding.contact);
    if binding.q_thousandths < 1_000 {
        value.push_str(&format!(";q=0.{:03}", binding.q_thousandths));
    }
    if let Some(instance) = &binding.instance {
        value.push_str(&format!(";+sip.instance={}", quote(&format!("<{instance}>"))));
    }
    if let Some(reg_id) = binding.reg_id {
        value.push_str(&format!(";reg-id={reg_id}"));
    }
    value
}

fn malformed_contact() -> Reply {
    Reply::refusal(StatusCode::BAD_REQUEST, "malformed", "Malformed Contact")
}

fn rejected(rejection: Rejection) -> Reply {
    let status = StatusCode::new(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let reply = Reply::refusal(status, "registration", rejection.to_string());
    match rejection {
        Rejection::IntervalTooBrief { min_s } => {
            reply.header(HeaderName::MinExpires, min_s.to_string())
        }
        Rejection::WildcardWithoutRemoval
        | Rejection::OutOfOrder
        | Rejection::UnusableContact
        | Rejection::TooManyContacts => reply,
    }
}
