//! The reader of complaint reports against anything that calls itself one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::complaint::{NAMES_MAX, TOKENS_MAX, read};

fuzz_target!(|octets: &[u8]| {
    let Ok(report) = read(octets) else { return };
    assert!(report.tokens.len() <= TOKENS_MAX && report.messages.len() <= NAMES_MAX);
    assert!(report.recipients.len() <= NAMES_MAX);
});
