#![no_main]

libfuzzer_sys::fuzz_target!(init: plumbline_fuzz::seeds::write("log"), |data: &[u8]| plumbline_fuzz::log(data));
