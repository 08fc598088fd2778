//! What calls itself what: `rules/agents.toml`, data that anybody may argue with.

use serde::Deserialize;
use std::sync::LazyLock;

/// Octets of a name that are looked at; who needs more hides something.
const AGENT_OCTETS_MAX: usize = 512;

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// Follows links or loads images instead of a person.
    Scanner,
    /// Loads images near delivery, read or not.
    Prefetch,
    /// Loads images when its person looks.
    Proxy,
    /// What people read with.
    Browser,
    /// Nobody knows.
    #[serde(skip)]
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agent: Vec<Agent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "name, source and examples are for the tests and for readers"))]
struct Agent {
    name: String,
    kind: AgentKind,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    has: Vec<String>,
    source: String,
    hits: Vec<String>,
    misses: Vec<String>,
}

impl Agent {
    /// `lower` is the name in small letters.
    fn has(&self, lower: &str) -> bool {
        self.has.iter().any(|part| lower.contains(part.as_str()))
    }
}

static AGENTS: LazyLock<Vec<Agent>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../rules/agents.toml")).expect("agents.toml is tested");
    let mut agents = file.agent;
    for agent in &mut agents {
        agent.has.iter_mut().for_each(|part| *part = part.to_lowercase());
    }
    agents.sort_by_key(|agent| agent.kind);
    agents
});

/// What a User-Agent is taken for.
pub fn kind_of(agent: &str) -> AgentKind {
    find(agent).map_or(if agent.trim().is_empty() { AgentKind::Scanner } else { AgentKind::Unknown }, |a| a.kind)
}

fn find(agent: &str) -> Option<&'static Agent> {
    let agent = agent.trim();
    let agent = agent.get(..agent.floor_char_boundary(AGENT_OCTETS_MAX)).unwrap_or_default();
    let whole = AGENTS.iter().find(|known| known.is.iter().any(|name| name == agent));
    whole.or_else(|| {
        let lower = agent.to_ascii_lowercase();
        AGENTS.iter().find(|known| known.has(&lower))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_is_known_by_its_examples() {
        for agent in AGENTS.iter() {
            assert!(!agent.hits.is_empty() && !agent.misses.is_empty() && !agent.source.is_empty(), "{}", agent.name);
            assert!(!(agent.is.is_empty() && agent.has.is_empty()), "{}", agent.name);
            for hit in &agent.hits {
                assert_eq!(find(hit).map(|found| &found.name), Some(&agent.name), "{hit}");
            }
            for miss in &agent.misses {
                assert_ne!(find(miss).map(|found| &found.name), Some(&agent.name), "{miss}");
            }
        }
    }

    #[test]
    fn nothing_is_a_scanner_and_the_unheard_of_is_not() {
        assert_eq!(kind_of(" "), AgentKind::Scanner);
        assert_eq!(kind_of("Zephyr Reader 3"), AgentKind::Unknown);
        assert_eq!(kind_of(&"é".repeat(2_000)), AgentKind::Unknown);
    }
}
