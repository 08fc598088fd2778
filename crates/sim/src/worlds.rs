//! Worlds for `postroom simulate`: which providers there are, who is on a blocklist when, and what DNS says when.
//!
//! Apart from the profiles because a profile says what a provider is, a world what happens while somebody sends. A
//! world is one TOML file; four come with the program. Minutes are the receivers', counted from the start. Refused are
//! unknown fields, names and addresses beyond `.test`, `.example` and loopback, and more hosts than loopback has room for.

use crate::provider::{Profile, ProfileError};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;

/// The worlds that come with the program, by name.
const SHIPPED: [(&str, &str); 4] = [
    ("hidden-limits", include_str!("worlds/hidden-limits.toml")),
    ("listed-source", include_str!("worlds/listed-source.toml")),
    ("lost-records", include_str!("worlds/lost-records.toml")),
    ("stale-list", include_str!("worlds/stale-list.toml")),
];
/// Hosts of a world; each gets a loopback address of its own.
const HOSTS_MAX: usize = 200;

/// A world as it is played on loopback.
#[derive(Clone, Debug)]
pub struct World {
    /// What happens in it, in a line.
    pub about: String,
    /// Its providers.
    pub profiles: Vec<Arc<Profile>>,
    /// Who is on a blocklist, and when.
    pub listings: Vec<Listed>,
    /// TXT records, and from when.
    pub records: Vec<Published>,
}

/// A source on a blocklist for a while.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The list, by the name that profiles use.
    pub list: String,
    /// Who is on it.
    pub source: IpAddr,
    /// From which minute.
    #[serde(default)]
    pub from_min: u64,
    /// Until which minute, exclusive; `None`: for good.
    pub until_min: Option<u64>,
}

/// What a name's TXT records are from some minute on; what they were before is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The name.
    pub name: String,
    /// Its texts; none takes them away.
    pub txt: Vec<String>,
    /// From which minute.
    #[serde(default)]
    pub from_min: u64,
}

/// A world that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Not TOML of the right shape.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A provider that makes no sense.
    #[error("{0}")]
    Provider(#[from] ProfileError),
    /// Something that must not be, or is missing.
    #[error("{0}")]
    Wrong(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    /// Are the shipped providers there as well? One with the same key is replaced.
    #[serde(default)]
    shipped: bool,
    #[serde(default)]
    provider: Vec<Profile>,
    #[serde(default)]
    listing: Vec<Listed>,
    #[serde(default)]
    record: Vec<Published>,
}

impl World {
    /// The shipped providers, and nothing happens.
    pub fn usual() -> World {
        let about = "the shipped providers".to_owned();
        World { about, profiles: Profile::shipped(), listings: Vec::new(), records: Vec::new() }
    }

    /// A world that comes with the program.
    pub fn by_name(name: &str) -> Option<World> {
        let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
        World::parse(text).ok()
    }

    /// The names of those that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// Reads a world. Refused: an unknown key, a provider that makes no sense, no host or too many, a name that is there twice or
    /// outside `.test` and `.example`, a source that is not on loopback.
    pub fn parse(text: &str) -> Result<World, WorldError> {
        let File { about, shipped, provider, listing, record } = toml::from_str(text)?;
        let own = |profile: &Arc<Profile>| provider.iter().any(|other| other.key == profile.key);
        let mut profiles = if shipped { Profile::shipped() } else { Vec::new() };
        profiles.retain(|profile| !own(profile));
        for profile in provider {
            profiles.push(Arc::new(profile.checked()?));
        }
        let world = World { about, profiles, listings: listing, records: record };
        world.check().map_err(WorldError::Wrong)?;
        Ok(world)
    }

    fn check(&self) -> Result<(), String> {
        let hosts = || self.profiles.iter().flat_map(|profile| &profile.hosts);
        if hosts().next().is_none() {
            return Err("no provider has a host".to_owned());
        }
        if hosts().count() > HOSTS_MAX {
            return Err(format!("more than {HOSTS_MAX} hosts"));
        }
        let domains = self.profiles.iter().flat_map(|profile| &profile.domains).map(|domain| &domain.name);
        let mut names: Vec<&String> = domains.clone().chain(hosts().map(|host| &host.name)).collect();
        if let Some(name) = names.iter().find(|name| !name.ends_with(".test") && !name.ends_with(".example")) {
            return Err(format!("{name}: only names under .test and .example can be played"));
        }
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        // A domain may be served by a host of its own name; anything else twice is a slip.
        if let Some(name) = twice.filter(|name| domains.clone().filter(|domain| domain == name).count() != 1) {
            return Err(format!("{name} is there twice"));
        }
        match self.listings.iter().find(|listed| !listed.source.is_loopback()) {
            Some(listed) => Err(format!("{} is no loopback address, so nobody can come from there", listed.source)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_world_can_be_read() {
        for (name, text) in SHIPPED {
            let world = World::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!world.about.is_empty() && World::by_name(name).is_some());
        }
        assert_eq!(World::by_name("hidden-limits").unwrap().profiles.len(), 10);
        assert!(World::by_name("nowhere").is_none() && World::names().count() == SHIPPED.len());
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_a_reason() {
        let provider = |domain: &str| {
            format!(
                "about = 'x'\n[[provider]]\nkey = 'a'\nname = 'A'\nabout = 'a'\ndomains = [{{ name = '{domain}' }}]\nhosts = [{{ name = 'mx.a.test' }}]\n"
            )
        };
        assert!(World::parse(&provider("a.test")).is_ok());
        let said = |text: &str| World::parse(text).unwrap_err().to_string();
        assert_eq!(said(&provider("a.com")), "a.com: only names under .test and .example can be played");
        assert_eq!(said("about = 'x'"), "no provider has a host");
        assert!(said(&format!("{}[provider.limits]\nconections = 3\n", provider("a.test"))).contains("line 9"));
        let listed = format!("{}[[listing]]\nlist = 'l'\nsource = '192.0.2.1'\n", provider("a.test"));
        assert_eq!(said(&listed), "192.0.2.1 is no loopback address, so nobody can come from there");
        let twice = format!("{}{}", provider("a.test"), provider("b.test").trim_start_matches("about = 'x'\n"));
        assert_eq!(said(&twice), "mx.a.test is there twice");
        let share = format!("{}[provider.manners]\nspam_share = 3.0\n", provider("a.test"));
        assert_eq!(said(&share), "provider a: spam_share is 3, but a share lies between 0 and 1");
    }

    #[test]
    fn a_world_may_stand_beside_the_shipped_providers_and_replace_one() {
        let text = "about = 'x'\nshipped = true\n[[provider]]\nkey = 'papermill'\nname = 'P'\nabout = 'a'\ndomains = [{ name = 'papermill.test' }]\nhosts = [{ name = 'mail.papermill.test' }]\n[provider.limits]\nconnections = 1\n";
        let world = World::parse(text).unwrap();
        assert_eq!(world.profiles.len(), Profile::shipped().len());
        let papermill = world.profiles.iter().find(|profile| profile.key == "papermill").unwrap();
        assert_eq!(papermill.limits.connections, 1);
    }
}
