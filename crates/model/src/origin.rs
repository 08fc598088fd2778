//! Where people came from: an import, a form, a consent, a program's key.
//!
//! Not to be confused with a *source*, the address that mail leaves from. One person may have several origins: a file that
//! says which form collected the address gives two.

use crate::verdict::words;
use crate::{ImportId, KeyId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest name of an origin, in octets.
pub const NAME_BYTES_MAX: usize = 256;

words! {
    /// What kind of origin.
    OriginKind {
        /// The import that brought them in.
        Import = 0 "import",
        /// The form, shop or fair that collected the address, as the contact's lead source says.
        LeadSource = 1 "lead_source",
        /// What they consented to.
        Consent = 2 "consent",
        /// The key of the program that added them.
        Key = 3 "key",
    }
}

/// One origin. As text its kind and its name: `import:i_…`, `lead_source:fair`, `consent:web form`, `key:k_…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Of what kind.
    pub kind: OriginKind,
    /// Which one: the id of an import or key, or the name somebody gave it.
    pub name: String,
}

impl Origin {
    /// An import.
    pub fn import(id: ImportId) -> Origin {
        Origin { kind: OriginKind::Import, name: id.to_string() }
    }

    /// A key.
    pub fn key(id: KeyId) -> Origin {
        Origin { kind: OriginKind::Key, name: id.to_string() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// A text that names no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin: import:i_…, lead_source:NAME, consent:NAME or key:k_…")]
pub struct OriginError(String);

impl FromStr for Origin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Origin, OriginError> {
        let wrong = || OriginError(text.to_owned());
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        let kind = OriginKind::from_word(kind).ok_or_else(wrong)?;
        let is_one = match kind {
            OriginKind::Import => name.parse::<ImportId>().is_ok(),
            OriginKind::Key => name.parse::<KeyId>().is_ok(),
            OriginKind::LeadSource | OriginKind::Consent => !name.is_empty() && name.len() <= NAME_BYTES_MAX,
        };
        if is_one { Ok(Origin { kind, name: name.to_owned() }) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_back() {
        let origins = [
            Origin::import(ImportId(77)),
            Origin::key(KeyId(9)),
            Origin { kind: OriginKind::LeadSource, name: "fair: Lyon".to_owned() },
            Origin { kind: OriginKind::Consent, name: "web form".to_owned() },
        ];
        for origin in origins {
            assert_eq!(origin.to_string().parse::<Origin>(), Ok(origin));
        }
        for wrong in ["fair", "import:fair", "lead_source:", "source:x", "key:i_7"] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
