//! libFuzzer drives `iguazu_fuzz::kpl`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iguazu_fuzz::kpl(data));
