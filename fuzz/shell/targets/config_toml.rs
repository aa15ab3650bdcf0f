#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quire_fuzz_shell::config_toml::check(data));
