//! libFuzzer drives `iguazu_fuzz::differential`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iguazu_fuzz::differential(data));
