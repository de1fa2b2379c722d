//! Feeds any text to the parser of replies.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| throng_llm_bridge::fuzz::reply_parser(text));
