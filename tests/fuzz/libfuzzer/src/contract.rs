//! libFuzzer drives `iguazu_fuzz::contract`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iguazu_fuzz::contract(data));
