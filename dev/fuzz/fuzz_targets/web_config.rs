#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::run("web_config", bytes));
