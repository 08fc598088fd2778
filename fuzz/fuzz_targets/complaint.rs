//! The reader of complaint reports against anything that calls itself one.

#![cfg_attr(feature = "libfuzzer", no_main)]

use mail::complaint::{RECIPIENTS_MAX, read};
use mail::traces::{NAMES_MAX, TOKENS_MAX};

fuzz::target!(|octets: &[u8]| {
    let Ok(report) = read(octets) else { return };
    assert!(report.traces.tokens.len() <= TOKENS_MAX && report.traces.messages.len() <= NAMES_MAX);
    assert!(report.recipients.len() <= RECIPIENTS_MAX);
});
