//! For how long setting a call up holds a media thread: each command, and each datagram of ICE and DTLS.
//!
//! `cargo run -p offhook-media --example longest_hold -- CALLS`

#[path = "../tests/world/mod.rs"]
mod world;

use offhook_audio::Codec;
use std::io::Write;
use std::time::Duration;
use world::{Held, PROTECTIONS, World};

fn main() -> std::io::Result<()> {
    let calls = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(50_u32);
    let mut out = std::io::stdout();
    writeln!(out, "{calls} calls of each kind; microseconds of a processor: p50, p99, longest")?;
    for protection in PROTECTIONS {
        let mut held = Vec::new();
        for _ in 0..calls {
            let mut world = World::new();
            world.call(protection, Codec::Opus);
            world.advance(Duration::from_secs(1));
            held.append(&mut world.held);
        }
        for what in [Held::Command, Held::Control] {
            let mut times: Vec<u128> =
                held.iter().filter(|held| held.0 == what).map(|held| held.1.as_micros()).collect();
            times.sort_unstable();
            let Some(longest) = times.last() else { continue };
            let at = |percent| times[times.len() * percent / 100];
            writeln!(out, "{protection:?} {what:?}: {} {} {longest}", at(50), at(99))?;
        }
    }
    Ok(())
}
