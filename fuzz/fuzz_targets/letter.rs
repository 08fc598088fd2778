//! The reader of what recipients write back against anything that calls itself a mail.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::letter::read;
use mail::traces::{NAMES_MAX, TOKENS_MAX, Traces};

fuzz_target!(|octets: &[u8]| {
    let Ok(letter) = read(octets) else { return };
    let is_bounded = |traces: &Traces| traces.tokens.len() <= TOKENS_MAX && traces.messages.len() <= NAMES_MAX;
    assert!(is_bounded(&letter.traces) && is_bounded(&letter.addressed));
});
