//! Parses one realistic INVITE of 1.3 kB with offhook-sip and with rsipstack and
//! reads the headers that a proxy needs: time, allocations and the ratio.
//!
//! `cargo run --release --locked` in this folder. With an argument, `ours` or
//! `theirs`, one side runs alone and few times, for counting instructions:
//! `valgrind --tool=callgrind target/release/sip-peer ours`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use offhook_sip::Message;
use rsipstack::sip::prelude::*;
use rsipstack::sip::{Request, SipMessage};

static INVITE: &[u8] = include_bytes!("../../../crates/proto/sip/tests/data/invite_1300.sip");

/// Rounds of one measurement, how many of them the best is taken of, and the
/// rounds under an instruction counter.
const ROUNDS: u32 = 50_000;
const MEASUREMENTS: u32 = 15;
const COUNTED_ROUNDS: u32 = 1_000;

type Outcome = Result<usize, Box<dyn Error>>;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
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

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("ours") => repeat(ours),
        Some("theirs") => repeat(theirs),
        _ => compare(),
    }
}

/// Runs one side alone.
fn repeat(work: fn() -> Outcome) -> Result<(), Box<dyn Error>> {
    for _ in 0..COUNTED_ROUNDS {
        black_box(work()?);
    }
    Ok(())
}

/// Measures both sides in turn, so that both meet the same load of the machine,
/// and takes the best of each.
fn compare() -> Result<(), Box<dyn Error>> {
    let (mut our_ns, mut their_ns) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..MEASUREMENTS {
        our_ns = our_ns.min(measure(ours)?);
        their_ns = their_ns.min(measure(theirs)?);
    }
    println!("INVITE of {} bytes: parse and headers of a proxy", INVITE.len());
    println!("offhook-sip: {our_ns:.0} ns, {} allocations", allocations(ours)?);
    println!("rsipstack:   {their_ns:.0} ns, {} allocations", allocations(theirs)?);
    println!("ratio: {:.1}", their_ns / our_ns);
    Ok(())
}

fn measure(work: fn() -> Outcome) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(work()?);
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS))
}

fn allocations(work: fn() -> Outcome) -> Result<u64, Box<dyn Error>> {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    black_box(work()?);
    Ok(ALLOCATIONS.load(Ordering::Relaxed) - before)
}

fn ours() -> Outcome {
    let message = Message::parse(black_box(Bytes::from_static(INVITE)))?;
    let uri = message.request_uri()?;
    let route = message.route_top()?.ok_or("no Route")?;
    let read = [
        uri.user().map_or(0, str::len),
        message.via_top()?.branch().map_or(0, str::len),
        message.from()?.tag().map_or(0, str::len),
        message.to()?.tag().map_or(0, str::len),
        message.call_id()?.len(),
        usize::try_from(message.cseq()?.sequence)?,
        message.max_forwards()?.map_or(0, usize::from),
        usize::from(route.uri()?.is_loose_router()),
        message.contact()?.uri_text().len(),
    ];
    Ok(black_box(read).iter().sum())
}

fn theirs() -> Outcome {
    let SipMessage::Request(request) = SipMessage::try_from(black_box(INVITE))? else {
        return Err("not a request".into());
    };
    read_theirs(&request)
}

fn read_theirs(request: &Request) -> Outcome {
    let via = request.top_via_header()?.typed()?;
    let route = request.route_header().ok_or("no Route")?.typed()?;
    let read = [
        request.uri().user().map_or(0, |user| user.len()),
        via.branch().map_or(0, |branch| branch.value().len()),
        request.from_header()?.tag()?.map_or(0, |tag| tag.value().len()),
        request.to_header()?.tag()?.map_or(0, |tag| tag.value().len()),
        request.call_id_header()?.value().len(),
        usize::try_from(request.cseq_header()?.seq()?)?,
        usize::from(request.max_forwards_header()?.value().parse::<u8>()?),
        route.uri.params.len(),
        request.contact_header()?.typed()?.uri.params.len(),
    ];
    Ok(black_box(read).iter().sum())
}
