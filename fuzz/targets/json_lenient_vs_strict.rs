#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quire_fuzz::json_lenient_vs_strict::check(data));
