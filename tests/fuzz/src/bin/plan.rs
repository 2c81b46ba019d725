#![no_main]

libfuzzer_sys::fuzz_target!(init: plumbline_fuzz::seeds::write("plan"), |data: &[u8]| plumbline_fuzz::plan(data));
