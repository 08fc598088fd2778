//! Rules as people type them: read without a panic, and the same when written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::segment;

fuzz_target!(|text: &str| {
    if let Ok(rule) = segment::parse(text) {
        let written = rule.to_string();
        assert_eq!(segment::parse(&written).as_ref(), Ok(&rule), "{written}");
    }
});
