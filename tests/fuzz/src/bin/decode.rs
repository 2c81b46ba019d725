#![no_main]

libfuzzer_sys::fuzz_target!(init: plumbline_fuzz::seeds::write("decode"), |data: &[u8]| plumbline_fuzz::decode(data));
