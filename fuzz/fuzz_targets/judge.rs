//! Texts of servers: each gets a verdict, and what we do not know never harms an address.

#![cfg_attr(feature = "libfuzzer", no_main)]

use dispatch::judge::judge_text;
use dispatch::rules::RulePack;
use model::Category;

fuzz::target!(|text: &str| {
    let verdict = judge_text(RulePack::shipped(), text);
    assert!(verdict.category != Category::Unknown || !verdict.suppresses());
});
