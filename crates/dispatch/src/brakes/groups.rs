//! The groups people are counted in, so that a brake can name the one that does the harm.

use model::{ImportId, in_quotes};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is known of the recipient of one delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Groups<'a> {
    /// The key of the provider that takes their mail; `None`: nobody described it.
    pub provider: Option<&'a str>,
    /// Where nobody described it: the fingerprint of the site that takes their mail, and the name of a server of it.
    pub server: Option<(&'a str, &'a str)>,
    /// Where the address was collected, if the contact says.
    pub lead_source: Option<&'a str>,
    /// The import that brought the contact in, and the name of its file.
    pub import: Option<(ImportId, &'a str)>,
}

/// A group of people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Those whose mail this provider takes.
    Provider(String),
    /// Those whose address was collected there.
    LeadSource(String),
    /// Those who came with this import.
    Import {
        /// Which.
        id: ImportId,
        /// The name of its file.
        file: String,
    },
    /// Those whose mail goes to a site that nobody described.
    Server {
        /// The site's fingerprint.
        site: String,
        /// The name of a server of it, always the same one.
        name: String,
    },
}

impl Groups<'_> {
    /// The groups this person is in.
    pub(super) fn each(&self) -> impl Iterator<Item = Group> {
        let provider = self.provider.map(|key| Group::Provider(key.to_owned()));
        let server = self.server.filter(|_| self.provider.is_none());
        let server = server.map(|(site, name)| Group::Server { site: site.to_owned(), name: name.to_owned() });
        let lead_source = self.lead_source.map(|name| Group::LeadSource(name.to_owned()));
        let import = self.import.map(|(id, file)| Group::Import { id, file: file.to_owned() });
        [provider, lead_source, import, server].into_iter().flatten()
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Provider(key) => f.write_str(provider_name(key)),
            Group::LeadSource(name) => write!(f, "lead source {}", in_quotes(name)),
            Group::Import { id, file } => write!(f, "import {id} ({file})"),
            Group::Server { name, .. } => f.write_str(name),
        }
    }
}

/// How a person calls the provider.
pub(super) fn provider_name(key: &str) -> &str {
    crate::providers::by_key(key).map_or(key, |provider| provider.name.as_str())
}
