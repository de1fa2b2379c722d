//! Feeds any text to the reader of configurations, with the scenarios that ship.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    throng::config::fuzz::configuration(text, &throng_scenarios::all());
});
