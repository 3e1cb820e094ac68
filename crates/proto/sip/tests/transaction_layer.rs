//! Which transaction a message belongs to (RFC 3261 17.1.3 and 17.2.3), as a proxy sees it.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::{Duration, Instant};

use offhook_sip::transaction::{
    Event, LayerOutput, SendError, TIMER_B, TIMER_H, TIMER_J, TransactionKey, TransactionLayer,
};
use offhook_sip::{Editor, HeaderName, Message, Method, ResponseBuilder, StatusCode};

/// Where messages come from and go to in these tests.
type Place = &'static str;

struct Layer {
    layer: TransactionLayer<Place>,
    now: Instant,
    sent: Vec<(Message, Place)>,
}

impl Layer {
    fn new() -> Self {
        Self { layer: TransactionLayer::new(100), now: Instant::now(), sent: Vec::new() }
    }

    fn take(&mut self, message: &Message, from: Place) -> Vec<Event<Place>> {
        self.layer.handle_message(message.clone(), from, false, self.now);
        self.drain()
    }

    fn advance(&mut self, duration: Duration) -> Vec<Event<Place>> {
        let end = self.now + duration;
        let mut events = Vec::new();
        while let Some((due, _)) = self.layer.poll_timeout().filter(|(due, _)| *due <= end) {
            self.layer.handle_timeout(due);
            events.extend(self.drain());
        }
        self.now = end;
        events
    }

    fn drain(&mut self) -> Vec<Event<Place>> {
        let mut events = Vec::new();
        while let Some(output) = self.layer.poll_output() {
            match output {
                LayerOutput::Event(event) => events.push(*event),
                LayerOutput::Transmit(transmit) => {
                    let message = Message::parse(transmit.bytes).unwrap();
                    self.sent.push((message, transmit.destination));
                }
            }
        }
        events
    }

    fn sent(&mut self) -> Vec<(Message, Place)> {
        self.sent.drain(..).collect()
    }

    fn respond(&mut self, key: TransactionKey, request: &Message, code: StatusCode) -> Message {
        let response = ResponseBuilder::tagged(request, code, "t1").build();
        self.layer.respond(key, &response, self.now).unwrap();
        self.drain();
        response
    }
}

fn request(method: &str, via: &str) -> Message {
    let text = format!(
        "{method} sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:a@h>\r\n\r\n"
    );
    Message::parse(text.into()).unwrap()
}

fn started(event: Option<Event<Place>>) -> TransactionKey {
    match event {
        Some(Event::Request { key, .. }) => key,
        other => panic!("{other:?}"),
    }
}

fn statuses(sent: &[(Message, Place)]) -> Vec<u16> {
    sent.iter().filter_map(|(message, _)| message.status()).map(StatusCode::code).collect()
}

#[test]
fn branch_and_sent_by_and_method_identify_a_server_transaction() {
    let mut layer = Layer::new();
    let first = layer.take(&request("OPTIONS", "h;branch=z9hG4bK1"), "a");
    assert_eq!(first.len(), 1);
    assert!(layer.take(&request("OPTIONS", "H;branch=z9hG4bK1"), "a").is_empty());
    for other in ["h2;branch=z9hG4bK1", "h:5061;branch=z9hG4bK1", "h;branch=z9hG4bK2"] {
        assert_eq!(layer.take(&request("OPTIONS", other), "a").len(), 1, "{other}");
    }
    assert_eq!(layer.take(&request("INFO", "h;branch=z9hG4bK1"), "a").len(), 1);
    assert_eq!(layer.layer.transaction_count(), 5);
}

#[test]
fn elements_of_rfc_2543_are_matched_by_their_headers() {
    let mut layer = Layer::new();
    let invite = request("INVITE", "h;branch=1");
    let key = started(layer.take(&invite, "a").pop());
    assert!(layer.take(&invite, "a").is_empty());
    assert_eq!(statuses(&layer.sent()), [100, 100]);

    let other_call = Editor::new(&invite).set(HeaderName::CallId, "y").finish();
    assert_eq!(layer.take(&other_call, "a").len(), 1);
    let other_number = Editor::new(&invite).set(HeaderName::CSeq, "2 INVITE").finish();
    assert_eq!(layer.take(&other_number, "a").len(), 1);

    let cancel = layer.take(&request("CANCEL", "h;branch=1"), "a").pop();
    assert!(matches!(cancel, Some(Event::Cancel { invite: Some(found), .. }) if found == key));

    let busy = layer.respond(key, &invite, StatusCode::BUSY_HERE);
    let ack = Editor::new(&request("ACK", "h;branch=1"))
        .set(HeaderName::To, busy.header(HeaderName::To).unwrap())
        .finish();
    assert!(layer.take(&ack, "a").is_empty());
    layer.sent();
    layer.advance(Duration::from_secs(4));
    assert!(layer.sent().is_empty(), "the ACK has stopped the retransmission");
}

#[test]
fn failure_without_ack_times_out() {
    let mut layer = Layer::new();
    let invite = request("INVITE", "h;branch=z9hG4bK1");
    let key = started(layer.take(&invite, "a").pop());
    layer.respond(key, &invite, StatusCode::BUSY_HERE);
    let events = layer.advance(TIMER_H);
    let [Event::Timeout { key: timed_out }, Event::Terminated { key: ended }] = events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((timed_out, ended), (key, key));
    let sent = layer.sent();
    assert_eq!(statuses(&sent), [vec![100], vec![486; 11]].concat());
    assert!(sent.iter().all(|(_, place)| *place == "a"));
}

#[test]
fn acks_of_2xx_and_of_nothing_go_to_the_user() {
    let mut layer = Layer::new();
    let invite = request("INVITE", "h;branch=z9hG4bK1");
    let key = started(layer.take(&invite, "a").pop());
    layer.respond(key, &invite, StatusCode::OK);
    let same_branch = layer.take(&request("ACK", "h;branch=z9hG4bK1"), "a");
    assert!(matches!(same_branch[..], [Event::Ack { invite: Some(found), .. }] if found == key));
    let own_branch = layer.take(&request("ACK", "h;branch=z9hG4bK2"), "a");
    assert!(matches!(own_branch[..], [Event::Ack { invite: None, .. }]));
}

#[test]
fn proxied_invite_is_cancelled_when_it_may_be() {
    let mut layer = Layer::new();
    let invite = request("INVITE", "proxy;branch=z9hG4bKp1");
    let key = layer.layer.send_request(invite.clone(), "b", false, layer.now).unwrap();
    layer.drain();
    let again = layer.layer.send_request(invite.clone(), "b", false, layer.now);
    assert_eq!(again, Err(SendError::BranchInUse));
    layer.layer.cancel(key, None, layer.now).unwrap();
    layer.drain();
    assert_eq!(layer.sent().len(), 1);

    let ringing = ResponseBuilder::tagged(&invite, StatusCode::RINGING, "t1").build();
    let events = layer.take(&ringing, "b");
    assert!(matches!(events[..], [Event::Response { key: Some(found), .. }] if found == key));
    let sent = layer.sent();
    let [(cancel, "b")] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(cancel.method(), Some(&Method::Cancel));
    let cancelled = ResponseBuilder::tagged(cancel, StatusCode::OK, "t1").build();
    assert!(layer.take(&cancelled, "b").is_empty());
    let terminated = ResponseBuilder::tagged(&invite, StatusCode::REQUEST_TERMINATED, "t1").build();
    assert_eq!(layer.take(&terminated, "b").len(), 1);
    assert_eq!(layer.layer.cancel(key, None, layer.now), Err(SendError::Over));
    let events = layer.advance(Duration::from_secs(40));
    assert!(matches!(events[..], [Event::Terminated { key: ended }] if ended == key), "{events:?}");
    assert_eq!(layer.layer.transaction_count(), 0);
}

#[test]
fn timeouts_and_unknown_responses_are_told() {
    let mut layer = Layer::new();
    let options = request("OPTIONS", "proxy;branch=z9hG4bKp1");
    let key = layer.layer.send_request(options.clone(), "b", false, layer.now).unwrap();
    let events = layer.advance(TIMER_B);
    let [Event::Timeout { key: timed_out }, Event::Terminated { .. }] = events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(timed_out, key);
    let late = ResponseBuilder::tagged(&options, StatusCode::OK, "t").build();
    let events = layer.take(&late, "b");
    assert!(matches!(events[..], [Event::Response { key: None, .. }]));
    assert_eq!(layer.layer.counters().unmatched_responses, 1);
}

#[test]
fn response_of_another_method_is_not_taken() {
    let mut layer = Layer::new();
    let options = request("OPTIONS", "proxy;branch=z9hG4bKp1");
    layer.layer.send_request(options, "b", false, layer.now).unwrap();
    let info = request("INFO", "proxy;branch=z9hG4bKp1");
    let answer = ResponseBuilder::tagged(&info, StatusCode::OK, "t").build();
    let events = layer.take(&answer, "b");
    assert!(matches!(events[..], [Event::Response { key: None, .. }]));
}

#[test]
fn over_a_reliable_transport_nothing_is_repeated() {
    let mut layer = Layer::new();
    let invite = request("INVITE", "h;branch=z9hG4bK1");
    layer.layer.handle_message(invite.clone(), "a", true, layer.now);
    let key = started(layer.drain().pop());
    layer.respond(key, &invite, StatusCode::BUSY_HERE);
    let options = request("OPTIONS", "proxy;branch=z9hG4bKp1");
    layer.layer.send_request(options, "b", true, layer.now).unwrap();
    layer.drain();
    assert_eq!(layer.sent().len(), 3);
    layer.advance(TIMER_J);
    assert!(layer.sent().is_empty());
    assert_eq!(layer.layer.transaction_count(), 0);
}

#[test]
fn requests_that_cannot_have_a_transaction_are_refused() {
    let mut layer = Layer::new();
    for message in [
        request("ACK", "h;branch=z9hG4bK1"),
        request("OPTIONS", "h"),
        ResponseBuilder::tagged(&request("OPTIONS", "h;branch=z9hG4bK1"), StatusCode::OK, "t")
            .build(),
    ] {
        let result = layer.layer.send_request(message, "b", false, layer.now);
        assert_eq!(result, Err(SendError::NotARequest));
    }
    let broken = Message::parse("OPTIONS sip:a SIP/2.0\r\nVia: nothing\r\n\r\n".into()).unwrap();
    assert!(layer.take(&broken, "a").is_empty());
    assert_eq!(layer.layer.counters().unreadable, 1);
}
