//! Instruction counts of reading and writing a realistic INVITE of 1.3 kB.
//!
//! Needs valgrind and the runner: `cargo install gungraun-runner`, of the
//! version that `Cargo.lock` names. Then `cargo bench -p offhook-sip`.

#![allow(missing_docs, reason = "the macros of the harness make undocumented items")]

use std::hint::black_box;

use bytes::Bytes;
use gungraun::{library_benchmark, library_benchmark_group, main};
use offhook_sip::framer::{Frame, Opener, StreamFramer};
use offhook_sip::{Editor, HeaderError, HeaderName, Message, ResponseBuilder, StatusCode};

static INVITE: &[u8] = include_bytes!("../tests/data/invite_1300.sip");

fn datagram() -> Bytes {
    Bytes::from_static(INVITE)
}

fn message() -> Message {
    Message::parse(datagram()).expect("well-formed")
}

/// Request-URI, topmost Via, From tag, To tag, Call-ID, CSeq, Max-Forwards,
/// topmost Route and Contact.
fn proxy_headers(message: &Message) -> Result<usize, HeaderError> {
    let uri = message.request_uri().expect("a URI");
    let route = message.route_top()?.expect("a Route");
    let read = [
        uri.user().map_or(0, str::len),
        message.via_top()?.branch().map_or(0, str::len),
        message.from()?.tag().map_or(0, str::len),
        message.to()?.tag().map_or(0, str::len),
        message.call_id()?.len(),
        usize::try_from(message.cseq()?.sequence).expect("32 bits fit"),
        message.max_forwards()?.map_or(0, usize::from),
        usize::from(route.uri().expect("a URI").is_loose_router()),
        message.contact()?.uri_text().len(),
    ];
    Ok(black_box(read).iter().sum())
}

#[library_benchmark]
#[bench::invite(datagram())]
fn parse(datagram: Bytes) -> Message {
    Message::parse(black_box(datagram)).expect("well-formed")
}

#[library_benchmark]
#[bench::invite(datagram())]
fn parse_and_proxy_headers(datagram: Bytes) -> usize {
    let message = Message::parse(black_box(datagram)).expect("well-formed");
    proxy_headers(&message).expect("all are there")
}

#[library_benchmark]
#[bench::invite(message())]
fn validate(message: Message) -> Message {
    black_box(&message).validate().expect("valid");
    message
}

#[library_benchmark]
#[bench::invite()]
fn frame_from_a_stream() -> Option<Frame> {
    let mut framer = StreamFramer::new(Opener::Peer);
    framer.handle_bytes(black_box(INVITE));
    framer.poll_output()
}

#[library_benchmark]
#[bench::invite(message())]
fn forward(message: Message) -> Message {
    Editor::new(&message)
        .remove_top(HeaderName::Route)
        .prepend(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKabc")
        .set(HeaderName::MaxForwards, 68)
        .finish()
}

#[library_benchmark]
#[bench::invite(message())]
fn answer(message: Message) -> Message {
    ResponseBuilder::tagged(&message, StatusCode::RINGING, "t4g").build()
}

library_benchmark_group!(
    name = messages,
    benchmarks = [parse, parse_and_proxy_headers, validate, frame_from_a_stream, forward, answer]
);

main!(library_benchmark_groups = messages);
