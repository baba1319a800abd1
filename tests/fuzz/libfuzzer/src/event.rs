//! libFuzzer drives `iguazu_fuzz::event`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iguazu_fuzz::event(data));
