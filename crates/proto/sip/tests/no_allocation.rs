//! Parsing a message and reading the headers that a proxy needs allocates
//! nothing.

use bytes::Bytes;
use offhook_sip::{HeaderName, Message};
use offhook_testkit::{CountingAllocator, allocations};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn reading_a_message_allocates_nothing() {
    // As a socket gives it: a buffer of its own on the heap.
    let datagram = Bytes::from(include_bytes!("data/invite_1300.sip").to_vec());
    let before = allocations();
    let message = Message::parse(datagram).expect("well-formed");
    message.validate().expect("valid");
    let route = message.route_top().expect("well-formed").expect("a Route");
    let read = (
        message.request_uri().map(|uri| uri.user()).is_ok(),
        message.via_top().map(|via| via.branch()),
        (message.from_tag(), message.to_tag(), message.call_id(), message.cseq()),
        (message.max_forwards(), route.uri().is_ok(), message.contact().is_ok()),
        (message.supports("timer"), message.session_expires(), message.body().len()),
    );
    let after = allocations();
    assert_eq!(after - before, 0, "{read:?}");
    let copy = message.header(HeaderName::CallId).map(str::to_owned);
    assert_eq!(allocations() - after, 1, "the counter counts: {copy:?}");
}
