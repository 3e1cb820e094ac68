use crate::{ContactWish, Contacts, Limits, Registration, Rejection};
use offhook_model::Binding;
use offhook_sip::Uri;

/// `q` of a contact that names none (RFC 3261 section 20.10 leaves it open; RFC 2616 section 3.9 gives 1).
const Q_DEFAULT_THOUSANDTHS: u16 = 1_000;

/// The bindings after a REGISTER; those that had expired are not among them.
///
/// The same request may come twice, since the edge keeps no transactions: the second time changes nothing.
///
/// # Errors
/// When the request is rejected as a whole.
pub fn register(
    bindings: &[Binding],
    request: &Registration,
    now_unix: u64,
    limits: &Limits,
) -> Result<Vec<Binding>, Rejection> {
    let is_live = |binding: &&Binding| binding.expires_at > now_unix;
    let live: Vec<Binding> = bindings.iter().filter(is_live).cloned().collect();
    match &request.contacts {
        Contacts::Fetch => Ok(live),
        Contacts::All => remove_all(&live, request),
        Contacts::Listed(wishes) if wishes.len() > limits.bindings_max => {
            Err(Rejection::TooManyContacts)
        }
        Contacts::Listed(wishes) => {
            wishes.iter().try_fold(live, |kept, wish| apply(kept, request, wish, now_unix, limits))
        }
    }
}

fn remove_all(live: &[Binding], request: &Registration) -> Result<Vec<Binding>, Rejection> {
    if request.expires_s != Some(0) {
        return Err(Rejection::WildcardWithoutRemoval);
    }
    if live.iter().any(|binding| is_older(request, binding)) {
        return Err(Rejection::OutOfOrder);
    }
    Ok(Vec::new())
}

fn apply(
    mut bindings: Vec<Binding>,
    request: &Registration,
    wish: &ContactWish,
    now_unix: u64,
    limits: &Limits,
) -> Result<Vec<Binding>, Rejection> {
    let lasts_s = granted(request, wish, limits)?;
    let contact = Uri::parse(&wish.uri).ok().filter(|uri| uri.is_sip());
    let contact = contact.ok_or(Rejection::UnusableContact)?;
    if bindings.iter().any(|binding| is_same(wish, &contact, binding) && is_older(request, binding))
    {
        return Err(Rejection::OutOfOrder);
    }
    let place = bindings.iter().position(|binding| is_same(wish, &contact, binding));
    bindings.retain(|binding| !is_same(wish, &contact, binding));
    if lasts_s == 0 {
        return Ok(bindings);
    }
    let binding = bind(request, wish, now_unix + u64::from(lasts_s));
    bindings.insert(place.unwrap_or(bindings.len()).min(bindings.len()), binding);
    if bindings.len() > limits.bindings_max {
        remove_first_to_end(&mut bindings, wish);
    }
    Ok(bindings)
}

/// How long the contact is bound, in seconds; 0 to remove it.
fn granted(request: &Registration, wish: &ContactWish, limits: &Limits) -> Result<u32, Rejection> {
    let wanted = wish.expires_s.or(request.expires_s).unwrap_or(limits.expires_default_s);
    if wanted > 0 && wanted < limits.expires_min_s {
        return Err(Rejection::IntervalTooBrief { min_s: limits.expires_min_s });
    }
    Ok(wanted.min(limits.expires_max_s))
}

/// Whether a contact stands for an existing binding: the same instance and registration (RFC 5626
/// section 6), or an equal URI (RFC 3261 section 19.1.4).
fn is_same(wish: &ContactWish, contact: &Uri<'_>, binding: &Binding) -> bool {
    let is_outbound = wish.instance.is_some() && wish.reg_id.is_some();
    let same_registration =
        is_outbound && wish.instance == binding.instance && wish.reg_id == binding.reg_id;
    same_registration
        || Uri::parse(&binding.contact).is_ok_and(|bound| bound.is_equivalent(contact))
}

fn is_older(request: &Registration, binding: &Binding) -> bool {
    request.call_id == binding.call_id && request.cseq < binding.cseq
}

fn bind(request: &Registration, wish: &ContactWish, expires_at: u64) -> Binding {
    Binding {
        contact: wish.uri.clone(),
        route: request.route.clone(),
        transport: request.transport,
        source: request.source.clone(),
        q_thousandths: wish.q_thousandths.unwrap_or(Q_DEFAULT_THOUSANDTHS),
        expires_at,
        instance: wish.instance.clone(),
        reg_id: wish.reg_id,
        call_id: request.call_id.clone(),
        cseq: request.cseq,
        user_agent: request.user_agent.clone(),
    }
}

/// A device that comes back under ever new contacts must not lock its user out, so the binding that would
/// end first goes, but not the one just made.
fn remove_first_to_end(bindings: &mut Vec<Binding>, newest: &ContactWish) {
    let first = bindings
        .iter()
        .enumerate()
        .filter(|(_, binding)| binding.contact != newest.uri)
        .min_by_key(|(_, binding)| binding.expires_at)
        .map(|(at, _)| at);
    if let Some(first) = first {
        bindings.remove(first);
    }
}
