#![no_main]

#[path = "../peer.rs"]
mod peer;

libfuzzer_sys::fuzz_target!(|input: &[u8]| peer::peer(input));
