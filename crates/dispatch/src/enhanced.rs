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

#[cfg(test)]
mod tests {
    use super::*;
    use model::Class;

    #[test]
    fn the_registry_is_read_and_knows_what_matters() {
        let category = |code: &str| meaning(code.parse().unwrap()).map(|entry| entry.category);
        assert_eq!(category("5.1.1"), Some(Category::UnknownRecipient));
        assert_eq!(category("4.2.2"), Some(Category::MailboxFull));
        assert_eq!(category("5.1.10"), Some(Category::DomainRefusesMail));
        assert_eq!(category("5.7.25"), Some(Category::MissingPtr));
        assert_eq!(category("5.0.0"), None, "says nothing");
        assert_eq!(category("5.7.1"), None, "is used for everything");
    }

    #[test]
    fn no_refusal_is_ever_read_as_success() {
        for ((subject, detail), entry) in REGISTRY.iter() {
            let class = entry.category.class();
            assert!(matches!(class, Class::Hard | Class::Soft | Class::Blocked), "{subject}.{detail}");
            assert!(!entry.meaning.is_empty() && !entry.source.is_empty(), "{subject}.{detail}");
        }
    }
}
