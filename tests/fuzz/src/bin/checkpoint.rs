#![no_main]

libfuzzer_sys::fuzz_target!(init: plumbline_fuzz::seeds::write("checkpoint"), |data: &[u8]| plumbline_fuzz::checkpoint(data));
