//! Damages a segment of the journal anywhere and reads what is left.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (Vec<Vec<String>>, Vec<(u32, u8)>, u32)| {
    throng_data::fuzz::journal_damage(&input.0, &input.1, input.2);
});
