//! Which part of pacing a reply is about: the lever that helps, and the ones that would only cost throughput.
//!
//! Apart from `rules` because the engine and the pages name levers too. A rule may name its lever; where none does, the
//! category and the stage make one likely.
//!
//! Invariant: an acceptance and a verdict about one recipient never slow the lane down.

use model::{Category, Outcome, Scope, Stage, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What to change when such a reply comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// Fewer connections at once.
    Connections,
    /// Leave earlier and connect anew.
    PerConnection,
    /// Fewer messages a minute or an hour.
    Rate,
    /// They distrust us: rest for long, then feel one's way back.
    Reputation,
    /// This recipient alone; the lane goes on as before.
    Recipient,
    /// Nothing more today.
    DayCap,
    /// Nothing to turn: trouble of theirs, or no refusal at all.
    None,
}

impl Lever {
    /// Every lever.
    pub const ALL: [Lever; 7] = [
        Lever::Connections,
        Lever::PerConnection,
        Lever::Rate,
        Lever::Reputation,
        Lever::Recipient,
        Lever::DayCap,
        Lever::None,
    ];

    /// The word in rules and on pages.
    pub const fn word(self) -> &'static str {
        match self {
            Lever::Connections => "connections",
            Lever::PerConnection => "per_connection",
            Lever::Rate => "rate",
            Lever::Reputation => "reputation",
            Lever::Recipient => "recipient",
            Lever::DayCap => "day_cap",
            Lever::None => "none",
        }
    }

    /// How far it slows us down, for comparing: nothing, a little narrower, slower, nothing today, a long rest.
    pub(crate) const fn slows(self) -> u8 {
        match self {
            Lever::None | Lever::Recipient => 0,
            Lever::Connections | Lever::PerConnection => 1,
            Lever::Rate => 2,
            Lever::DayCap => 3,
            Lever::Reputation => 4,
        }
    }

    /// The lever of a verdict whose rule names none.
    pub fn usual(verdict: &Verdict) -> Lever {
        let refused = matches!(verdict.outcome, Outcome::Deferred | Outcome::Blocked);
        let of_the_lane = matches!(verdict.scope, Scope::Source | Scope::Site | Scope::Identity);
        match verdict.category {
            _ if !refused => Lever::None,
            _ if !of_the_lane => Lever::Recipient,
            // At the door nothing has been sent yet: what is too much there are the connections.
            Category::RateLimited if matches!(verdict.stage, Stage::Connect | Stage::Greeting | Stage::Ehlo) => {
                Lever::Connections
            }
            Category::RateLimited => Lever::Rate,
            Category::IpReputation | Category::DomainReputation => Lever::Reputation,
            _ => Lever::None,
        }
    }
}

impl fmt::Display for Lever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lever(category: Category, scope: Scope, stage: Stage) -> Lever {
        Lever::usual(&Verdict { outcome: Outcome::Deferred, category, scope, stage, ..Verdict::accepted() })
    }

    #[test]
    fn the_usual_lever_follows_cause_and_stage() {
        assert_eq!(Lever::usual(&Verdict::accepted()), Lever::None);
        assert_eq!(lever(Category::RateLimited, Scope::Source, Stage::Greeting), Lever::Connections);
        assert_eq!(lever(Category::RateLimited, Scope::Source, Stage::Rcpt), Lever::Rate);
        assert_eq!(lever(Category::RateLimited, Scope::Recipient, Stage::Rcpt), Lever::Recipient);
        assert_eq!(lever(Category::IpReputation, Scope::Source, Stage::Greeting), Lever::Reputation);
        assert_eq!(lever(Category::ReceiverError, Scope::Site, Stage::Mail), Lever::None);
        assert_eq!(lever(Category::MailboxFull, Scope::Recipient, Stage::Rcpt), Lever::Recipient);
    }

    #[test]
    fn words_are_those_of_the_rule_files() {
        for lever in Lever::ALL {
            assert_eq!(serde_json::to_string(&lever).unwrap(), format!("\"{lever}\""));
        }
    }
}
