//! RFC 3261 section 10.3 and RFC 5626 section 6, request by request.

use offhook_model::{Binding, Transport};
use offhook_registrar::{ContactWish, Contacts, Limits, Registration, Rejection, register};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;
const LIMITS: Limits =
    Limits { bindings_max: 3, expires_min_s: 60, expires_default_s: 600, expires_max_s: 3_600 };

fn request(call_id: &str, cseq: u32, contacts: Contacts) -> Registration {
    Registration {
        contacts,
        expires_s: None,
        call_id: call_id.to_owned(),
        cseq,
        route: "<sip:token@127.0.0.1;lr>".to_owned(),
        transport: Transport::Udp,
        source: "127.0.0.1:40000".to_owned(),
        user_agent: None,
    }
}

fn listed(call_id: &str, cseq: u32, uris: &[&str]) -> Registration {
    let wishes = uris.iter().map(|uri| ContactWish::plain(uri)).collect();
    request(call_id, cseq, Contacts::Listed(wishes))
}

fn lasting(seconds: u32) -> Registration {
    let mut wanted = listed("a", 1, &["sip:1001@192.0.2.1"]);
    wanted.expires_s = Some(seconds);
    wanted
}

fn apply(bindings: &[Binding], request: &Registration) -> Result<Vec<Binding>, Rejection> {
    register(bindings, request, NOW, &LIMITS)
}

fn contacts(bindings: &[Binding]) -> Vec<&str> {
    bindings.iter().map(|binding| binding.contact.as_str()).collect()
}

#[test]
fn a_contact_is_bound_for_the_default_time() {
    let bindings = apply(&[], &listed("a", 1, &["sip:1001@192.0.2.1"])).unwrap();
    assert_eq!(contacts(&bindings), ["sip:1001@192.0.2.1"]);
    assert_eq!(bindings[0].expires_at, NOW + 600);
    assert_eq!(bindings[0].q_thousandths, 1_000);
    assert_eq!((bindings[0].call_id.as_str(), bindings[0].cseq), ("a", 1));
}

#[test]
fn the_contact_s_own_expires_goes_before_the_header_s() {
    let mut wanted = lasting(100);
    wanted.contacts = Contacts::Listed(vec![
        ContactWish { expires_s: Some(200), ..ContactWish::plain("sip:1001@192.0.2.1") },
        ContactWish::plain("sip:1001@192.0.2.2"),
    ]);
    let bindings = apply(&[], &wanted).unwrap();
    let ends: Vec<u64> = bindings.iter().map(|binding| binding.expires_at - NOW).collect();
    assert_eq!(ends, [200, 100]);
}

#[test]
fn long_wishes_are_cut_and_short_ones_rejected() {
    assert_eq!(apply(&[], &lasting(1_000_000)).unwrap()[0].expires_at, NOW + 3_600);
    assert_eq!(apply(&[], &lasting(u32::MAX)).unwrap()[0].expires_at, NOW + 3_600);
    assert_eq!(apply(&[], &lasting(60)).unwrap()[0].expires_at, NOW + 60);
    let rejection = apply(&[], &lasting(59)).unwrap_err();
    assert_eq!(rejection, Rejection::IntervalTooBrief { min_s: 60 });
    assert_eq!((rejection.status(), rejection.to_string().as_str()), (423, "Interval Too Brief"));
}

#[test]
fn zero_removes_one_contact_and_a_star_all() {
    let bindings = apply(&[], &listed("a", 1, &["sip:1@192.0.2.1", "sip:1@192.0.2.2"])).unwrap();
    let mut removal = listed("a", 2, &["sip:1@192.0.2.1"]);
    removal.expires_s = Some(0);
    assert_eq!(contacts(&apply(&bindings, &removal).unwrap()), ["sip:1@192.0.2.2"]);

    let mut star = request("b", 1, Contacts::All);
    assert_eq!(apply(&bindings, &star), Err(Rejection::WildcardWithoutRemoval));
    star.expires_s = Some(30);
    assert_eq!(apply(&bindings, &star), Err(Rejection::WildcardWithoutRemoval));
    star.expires_s = Some(0);
    assert_eq!(apply(&bindings, &star), Ok(Vec::new()));
}

#[test]
fn an_older_cseq_of_the_same_call_id_changes_nothing() {
    let bindings = apply(&[], &listed("a", 5, &["sip:1@192.0.2.1"])).unwrap();
    assert_eq!(apply(&bindings, &listed("a", 4, &["sip:1@192.0.2.1"])), Err(Rejection::OutOfOrder));
    let mut star = request("a", 4, Contacts::All);
    star.expires_s = Some(0);
    assert_eq!(apply(&bindings, &star), Err(Rejection::OutOfOrder));
    // After a restart the device begins anew, with another Call-ID.
    assert_eq!(apply(&bindings, &listed("b", 1, &["sip:1@192.0.2.1"])).unwrap()[0].cseq, 1);
}

#[test]
fn a_repeated_request_changes_nothing_the_second_time() {
    let request = listed("a", 5, &["sip:1@192.0.2.1"]);
    let once = apply(&[], &request).unwrap();
    assert_eq!(apply(&once, &request), Ok(once));
}

#[test]
fn a_rejected_contact_takes_the_whole_request_with_it() {
    let bindings = apply(&[], &listed("a", 1, &["sip:1@192.0.2.1"])).unwrap();
    let wanted = listed("a", 2, &["sip:1@192.0.2.2", "mailto:1@192.0.2.3"]);
    assert_eq!(apply(&bindings, &wanted), Err(Rejection::UnusableContact));
}

#[test]
fn equal_uris_are_one_binding() {
    let bindings = apply(&[], &listed("a", 1, &["sip:alice@Example.ORG;transport=TCP"])).unwrap();
    let again =
        apply(&bindings, &listed("a", 2, &["sip:%61lice@example.org;transport=tcp"])).unwrap();
    assert_eq!(contacts(&again), ["sip:%61lice@example.org;transport=tcp"]);
    let other = apply(&again, &listed("a", 3, &["sip:alice@example.org;transport=udp"])).unwrap();
    assert_eq!(other.len(), 2);
}

#[test]
fn the_same_instance_and_registration_replace_each_other() {
    let wish = |uri: &str, reg_id| ContactWish {
        instance: Some("<urn:uuid:1>".to_owned()),
        reg_id: Some(reg_id),
        ..ContactWish::plain(uri)
    };
    let one = |call_id, wish| request(call_id, 1, Contacts::Listed(vec![wish]));
    let bindings = apply(&[], &one("a", wish("sip:x@aaaa.invalid", 1))).unwrap();
    let moved = apply(&bindings, &one("b", wish("sip:y@bbbb.invalid", 1))).unwrap();
    assert_eq!(contacts(&moved), ["sip:y@bbbb.invalid"]);
    let second_flow = apply(&moved, &one("c", wish("sip:z@cccc.invalid", 2))).unwrap();
    assert_eq!(contacts(&second_flow), ["sip:y@bbbb.invalid", "sip:z@cccc.invalid"]);
}

#[test]
fn expired_bindings_are_not_among_the_result() {
    let bindings = apply(&[], &lasting(60)).unwrap();
    let fetch = request("b", 1, Contacts::Fetch);
    assert_eq!(register(&bindings, &fetch, NOW + 59, &LIMITS), Ok(bindings.clone()));
    assert_eq!(register(&bindings, &fetch, NOW + 60, &LIMITS), Ok(Vec::new()));
}

#[test]
fn the_binding_that_would_end_first_makes_room() {
    let bind = |bindings: &[Binding], call_id: &str, uri: &str, seconds| {
        let mut wanted = listed(call_id, 1, &[uri]);
        wanted.expires_s = Some(seconds);
        apply(bindings, &wanted).unwrap()
    };
    let bindings = bind(&[], "a", "sip:1@192.0.2.1", 300);
    let bindings = bind(&bindings, "b", "sip:1@192.0.2.2", 200);
    let bindings = bind(&bindings, "c", "sip:1@192.0.2.3", 400);
    let bindings = bind(&bindings, "d", "sip:1@192.0.2.4", 100);
    assert_eq!(contacts(&bindings), ["sip:1@192.0.2.1", "sip:1@192.0.2.3", "sip:1@192.0.2.4"]);
}

#[test]
fn more_contacts_than_allowed_in_one_request_are_rejected() {
    let uris = ["sip:1@192.0.2.1", "sip:1@192.0.2.2", "sip:1@192.0.2.3", "sip:1@192.0.2.4"];
    assert_eq!(apply(&[], &listed("a", 1, &uris)), Err(Rejection::TooManyContacts));
}

proptest! {
    /// Whatever comes in whatever order: never more than allowed, never two bindings for one contact,
    /// never one that has ended.
    #[test]
    fn the_limits_hold_for_any_history(
        steps in prop::collection::vec((0_u8..6, 0_u8..3, 1_u32..9, 0_u32..5_000, 0_u64..2_000), 1..40)
    ) {
        let mut bindings = Vec::new();
        let mut now = NOW;
        for (contact, call_id, cseq, expires_s, pause_s) in steps {
            now += pause_s;
            let uri = format!("sip:1@192.0.2.{contact}");
            let mut wanted = listed(&call_id.to_string(), cseq, &[&uri]);
            wanted.expires_s = Some(expires_s);
            if let Ok(after) = register(&bindings, &wanted, now, &LIMITS) {
                bindings = after;
                prop_assert!(bindings.len() <= LIMITS.bindings_max);
                prop_assert!(bindings.iter().all(|binding| binding.expires_at > now));
                let mut names = contacts(&bindings);
                names.sort_unstable();
                names.dedup();
                prop_assert_eq!(names.len(), bindings.len());
                prop_assert_eq!(contacts(&bindings).contains(&uri.as_str()), expires_s > 0);
            }
        }
    }
}
