//! Texts of servers: each gets a verdict, and what we do not know never harms an address.

#![no_main]

use dispatch::judge::judge_text;
use dispatch::rules::RulePack;
use libfuzzer_sys::fuzz_target;
use model::Category;

fuzz_target!(|text: &str| {
    let verdict = judge_text(RulePack::shipped(), text);
    assert!(verdict.category != Category::Unknown || !verdict.suppresses());
});
