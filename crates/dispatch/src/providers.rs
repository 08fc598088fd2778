//! Who runs the receiving servers, and how much we give them at first: `rules/providers.toml`.
//!
//! Invariant: a site belongs to a provider only if *all* its hosts do; a domain that mixes providers is nobody's.

use serde::Deserialize;
use std::sync::LazyLock;

/// A family of receiving sites.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The key the ledger stores and rules name: `google`.
    pub key: String,
    /// The name a person knows: `Google`.
    pub name: String,
    /// Host name endings, each starting with a dot; a host matches if it ends so or is just that name.
    pub mx: Vec<String>,
    /// Words by which a reply without any other context betrays who wrote it (lower-case).
    #[serde(default)]
    pub texts: Vec<String>,
    /// How much we give them.
    #[serde(default)]
    pub limits: Limits,
    /// Where the limits come from.
    pub source: String,
}

/// Static limits of one source address toward one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Messages per connection.
    pub per_connection: u32,
    /// New connections a minute.
    pub connects_per_minute: u32,
    /// Messages a minute over all connections; `None`: as fast as the connections allow.
    pub messages_per_minute: Option<u32>,
    /// Messages an hour.
    pub messages_per_hour: Option<u32>,
    /// Messages a day (UTC).
    pub messages_per_day: Option<u32>,
    /// Do the connections count over all sites of the provider rather than per site?
    pub shared_over_sites: bool,
    /// Is mail in clear refused or slowed down there?
    pub tls_expected: bool,
}

impl Default for Limits {
    /// For a site nobody has described.
    fn default() -> Limits {
        Limits {
            connections: 10,
            per_connection: 100,
            connects_per_minute: 100,
            messages_per_minute: None,
            messages_per_hour: None,
            messages_per_day: None,
            shared_over_sites: false,
            tls_expected: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provider: Vec<Provider>,
}

static SHIPPED: LazyLock<Vec<Provider>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../rules/providers.toml")).expect("providers.toml is tested");
    file.provider
});

/// All providers that are described.
pub fn all() -> &'static [Provider] {
    &SHIPPED
}

/// The provider with this key.
pub fn by_key(key: &str) -> Option<&'static Provider> {
    SHIPPED.iter().find(|provider| provider.key == key)
}

/// The provider that runs all of these hosts; `None` for no hosts, for mixed ones, and for those nobody described.
pub fn provider_of<H: AsRef<str>>(hosts: &[H]) -> Option<&'static Provider> {
    let runs = |provider: &&Provider| hosts.iter().all(|host| provider.runs(host.as_ref()));
    if hosts.is_empty() { None } else { SHIPPED.iter().find(runs) }
}

/// The limits toward these hosts.
pub fn limits_of<H: AsRef<str>>(hosts: &[H]) -> Limits {
    provider_of(hosts).map_or_else(Limits::default, |provider| provider.limits)
}

/// The provider that a reply names by its wording, for texts that come without any context.
pub(crate) fn named_in(text: &str) -> Option<&'static str> {
    let named = |provider: &&Provider| provider.texts.iter().any(|mark| text.contains(mark.as_str()));
    SHIPPED.iter().find(named).map(|provider| provider.key.as_str())
}

impl Provider {
    /// Is this one of its hosts?
    pub fn runs(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.mx.iter().any(|ending| {
            let bare = ending.trim_start_matches('.');
            let start = host.len().checked_sub(ending.len());
            let tail = start.and_then(|start| host.get(start..));
            host.eq_ignore_ascii_case(bare) || tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(hosts: &[&str]) -> Option<&'static str> {
        provider_of(hosts).map(|provider| provider.key.as_str())
    }

    #[test]
    fn all_hosts_must_belong() {
        assert_eq!(key(&["gmail-smtp-in.l.google.com", "ALT1.aspmx.L.GOOGLE.com."]), Some("google"));
        assert_eq!(key(&["aspmx.l.google.com", "mx.example.net"]), None);
        assert_eq!(key(&["notgoogle.com", "xgoogle.com"]), None);
        assert_eq!(key(&[]), None);
        assert_eq!(key(&["outlook-com.olc.protection.outlook.com"]), Some("outlook"));
        assert_eq!(key(&["corp-test.mail.protection.outlook.com"]), Some("microsoft365"));
    }

    #[test]
    fn limits_are_theirs_or_the_usual() {
        assert_eq!(limits_of(&["mx1.mail.icloud.com"]).per_connection, 5);
        assert_eq!(limits_of(&["mx.example.net"]), Limits::default());
    }

    #[test]
    fn every_provider_is_whole_and_keys_are_unique() {
        let mut keys = std::collections::BTreeSet::new();
        for provider in all() {
            assert!(keys.insert(&provider.key), "{} twice", provider.key);
            assert!(!provider.mx.is_empty() && !provider.source.is_empty(), "{}", provider.key);
            assert!(provider.mx.iter().all(|ending| ending.starts_with('.')), "{}", provider.key);
            assert!(provider.limits.connections > 0 && provider.limits.per_connection > 0, "{}", provider.key);
        }
    }
}
