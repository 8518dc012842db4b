#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::run("http_request", bytes));
