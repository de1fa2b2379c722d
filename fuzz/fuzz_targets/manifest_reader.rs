//! Feeds any bytes to the reader of manifests.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_data::fuzz::manifest_reader(bytes));
