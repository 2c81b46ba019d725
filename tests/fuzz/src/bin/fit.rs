#![no_main]

libfuzzer_sys::fuzz_target!(init: plumbline_fuzz::seeds::write("fit"), |data: &[u8]| plumbline_fuzz::fit(data));
