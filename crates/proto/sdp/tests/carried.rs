//! A session that is carried to another process as text.

mod peer;

use offhook_sdp::{NegotiationError, OfferPolicy, Session};
use peer::{BARESIP, CHROMIUM, DESK_PHONE, PJSIP, local, parse, phone};

fn carried(session: &Session) -> Session {
    let text = serde_json::to_string(session).expect("plain data");
    serde_json::from_str(&text).expect("what was written reads")
}

#[test]
fn what_was_agreed_on_is_the_same() {
    for offer in [CHROMIUM, BARESIP, PJSIP, DESK_PHONE] {
        let mut session = Session::new(u64::MAX >> 2);
        session.answer(&parse(offer), &local()).expect("an answer");
        assert_eq!(carried(&session), session);
    }
}

#[test]
fn versions_go_on_where_they_were() {
    let mut session = Session::new(7);
    session.answer(&parse(PJSIP), &local()).expect("an answer");
    let policy = OfferPolicy::like(session.negotiated().expect("agreed"));
    let mut again = carried(&session);
    let expected = session.offer(&local(), &policy).expect("an offer");
    assert_eq!(again.offer(&local(), &policy), Ok(expected));
}

#[test]
fn an_offer_that_waits_still_waits() {
    let mut session = Session::new(7);
    let offer = session.offer(&local(), &OfferPolicy::sdes()).expect("an offer");
    let mut again = carried(&session);
    let other = again.offer(&local(), &OfferPolicy::sdes());
    assert_eq!(other, Err(NegotiationError::OfferPending));
    let answer = Session::new(8).answer(&offer, &peer_of_sdes()).expect("an answer").0;
    session.handle_answer(&answer).expect("it fits");
    again.handle_answer(&answer).expect("it fits");
    assert_eq!(again, session);
}

fn peer_of_sdes() -> offhook_sdp::LocalMedia {
    offhook_sdp::LocalMedia { sdes: local().sdes, ..phone() }
}
