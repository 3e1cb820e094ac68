//! What parsing a realistic INVITE of 1.3 kB and reading the headers that a
//! proxy needs costs: time and allocations.
//!
//! `cargo run --release -p offhook-sip --example parse_cost`

#![allow(clippy::print_stdout, reason = "the figures are the output")]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use offhook_sip::{HeaderError, Message};
use offhook_testkit::{CountingAllocator, allocations};

static INVITE: &[u8] = include_bytes!("../tests/data/invite_1300.sip");

/// Rounds of one measurement, and how many of them the best is taken of.
const ROUNDS: u32 = 200_000;
const MEASUREMENTS: u32 = 7;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() {
    let datagram = Bytes::from_static(INVITE);
    println!("INVITE of {} bytes", datagram.len());
    report("parse", || parse(&datagram).header_count());
    report("parse and headers of a proxy", || {
        proxy_headers(&parse(&datagram)).expect("all are there")
    });
    report("parse, validate and headers of a proxy", || {
        let message = parse(&datagram);
        message.validate().expect("valid");
        proxy_headers(&message).expect("all are there")
    });
}

fn parse(datagram: &Bytes) -> Message {
    Message::parse(black_box(datagram.clone())).expect("well-formed")
}

/// Reads Request-URI, topmost Via, From tag, To tag, Call-ID, CSeq,
/// Max-Forwards, topmost Route and Contact.
fn proxy_headers(message: &Message) -> Result<usize, HeaderError> {
    let uri = message.request_uri().expect("a URI");
    let via = message.via_top()?;
    let route = message.route_top()?.expect("a Route");
    let contact = message.contact()?;
    let read = [
        uri.user().map_or(0, str::len),
        via.branch().map_or(0, str::len),
        message.from()?.tag().map_or(0, str::len),
        message.to()?.tag().map_or(0, str::len),
        message.call_id()?.len(),
        usize::try_from(message.cseq()?.sequence).expect("32 bits fit"),
        message.max_forwards()?.map_or(0, usize::from),
        usize::from(route.uri().expect("a URI").is_loose_router()),
        contact.uri_text().len(),
    ];
    Ok(black_box(read).iter().sum())
}

/// Prints the best mean time and the allocations of one round.
fn report(what: &str, mut work: impl FnMut() -> usize) {
    let before = allocations();
    black_box(work());
    let count = allocations() - before;
    let mut best_ns = f64::INFINITY;
    for _ in 0..MEASUREMENTS {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(work());
        }
        best_ns = best_ns.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
    }
    println!("{what}: {best_ns:.0} ns, {count} allocations");
}
