//! Parsing a message and reading the headers that a proxy needs allocates
//! nothing.

#![allow(unsafe_code, reason = "a global allocator that counts cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use offhook_sip::{HeaderName, Message};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System.alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn reading_a_message_allocates_nothing() {
    // As a socket gives it: a buffer of its own on the heap.
    let datagram = Bytes::from(include_bytes!("data/invite_1300.sip").to_vec());
    let before = count();
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
    let after = count();
    assert_eq!(after - before, 0, "{read:?}");
    let copy = message.header(HeaderName::CallId).map(str::to_owned);
    assert_eq!(count() - after, 1, "the counter counts: {copy:?}");
}
