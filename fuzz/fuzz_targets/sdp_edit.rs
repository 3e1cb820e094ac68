#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| offhook_sdp::fuzz_edit(input));
