//! The reader of what recipients write back against anything that calls itself a mail.

#![cfg_attr(feature = "libfuzzer", no_main)]

use mail::letter::read;
use mail::traces::{NAMES_MAX, TOKENS_MAX, Traces};

fuzz::target!(|octets: &[u8]| {
    let Ok(letter) = read(octets) else { return };
    let is_bounded = |traces: &Traces| traces.tokens.len() <= TOKENS_MAX && traces.messages.len() <= NAMES_MAX;
    assert!(is_bounded(&letter.traces) && is_bounded(&letter.addressed));
});
