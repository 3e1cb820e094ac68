#![no_main]

#[path = "../stun.rs"]
mod stun;

libfuzzer_sys::fuzz_target!(|input: &[u8]| stun::agent(input));
