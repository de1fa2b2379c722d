//! Feeds any bytes to the decoder of responses.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, u8)| {
    throng_llm_bridge::fuzz::response_decoder(&input.0, u32::from(input.1));
});
