//! See `imnn_fuzz::TARGETS`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| imnn_fuzz::fuzz("flows", data));
