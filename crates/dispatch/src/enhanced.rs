//! What an enhanced status code means (RFC 3463, RFC 5248 and the IANA registry): `rules/enhanced.toml`.
//!
//! Codes that servers use for everything (x.0.0, x.5.0, …) are left out on purpose: the reply code says as much.

use model::{Category, EnhancedCode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One registered code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `subject.detail`, such as `1.10`.
    code: String,
    /// What it tells.
    pub category: Category,
    /// In a few plain words.
    pub meaning: String,
    /// RFC and section, or the registry.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    code: Vec<Entry>,
}

static REGISTRY: LazyLock<BTreeMap<(u16, u16), Entry>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../rules/enhanced.toml")).expect("enhanced.toml is tested");
    let place = |entry: &Entry| {
        let (subject, detail) = entry.code.split_once('.').expect("tested");
        (subject.parse().expect("tested"), detail.parse().expect("tested"))
    };
    file.code.into_iter().map(|entry| (place(&entry), entry)).collect()
});

/// What the registry says about a code; `None` for codes that are not in it or say nothing.
pub fn meaning(code: EnhancedCode) -> Option<&'static Entry> {
    REGISTRY.get(&(code.subject, code.detail))
}
