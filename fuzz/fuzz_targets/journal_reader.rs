//! Feeds any bytes to the reader of the journal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_data::fuzz::journal_reader(bytes));
