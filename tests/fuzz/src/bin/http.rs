#![no_main]

libfuzzer_sys::fuzz_target!(init: plumbline_fuzz::seeds::write("http"), |data: &[u8]| plumbline_fuzz::http(data));
