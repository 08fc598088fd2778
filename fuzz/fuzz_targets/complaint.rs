//! The reader of complaint reports against anything that calls itself one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::complaint::{RECIPIENTS_MAX, read};
use mail::traces::{NAMES_MAX, TOKENS_MAX};

fuzz_target!(|octets: &[u8]| {
    let Ok(report) = read(octets) else { return };
    assert!(report.traces.tokens.len() <= TOKENS_MAX && report.traces.messages.len() <= NAMES_MAX);
    assert!(report.recipients.len() <= RECIPIENTS_MAX);
});
