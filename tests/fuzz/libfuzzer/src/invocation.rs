//! libFuzzer drives `iguazu_fuzz::invocation`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iguazu_fuzz::invocation(data));
