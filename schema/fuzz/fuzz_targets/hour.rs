#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracle_schema_fuzz::hour(data));
