//! Rules as people type them: read without a panic, and the same when written and read again.

#![cfg_attr(feature = "libfuzzer", no_main)]

use model::segment;

fuzz::target!(|text: &str| {
    if let Ok(rule) = segment::parse(text) {
        let written = rule.to_string();
        assert_eq!(segment::parse(&written).as_ref(), Ok(&rule), "{written}");
    }
});
