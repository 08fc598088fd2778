//! What people do with their mail, and what other systems tell about them.

use crate::verdict::words;
use serde::{Deserialize, Serialize};

words! {
    /// What somebody (or a machine that reads for them) did.
    ReactionKind {
        /// The message was opened.
        Opened = 0 "opened",
        /// A link was followed.
        Clicked = 1 "clicked",
        /// They answered.
        Replied = 2 "replied",
        /// They called it spam.
        Complained = 3 "complained",
        /// They unsubscribed.
        Unsubscribed = 4 "unsubscribed",
        /// Something another system told: booked, purchased, …
        Custom = 5 "custom",
    }
}

/// How sure it is, of 100, that a machine did it: from here on it counts as one. Kept and shown apart, never dropped.
pub const MACHINE_SCORE: u8 = 60;
/// From here on, up to a machine, nobody knows; below, it was a person.
pub const UNSURE_SCORE: u8 = 30;
/// The greatest score.
pub const MACHINE_SCORE_MAX: u8 = 100;

/// Who did it, as far as the score tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doer {
    /// A person.
    Person,
    /// Nobody knows.
    Unsure,
    /// A machine.
    Machine,
}

impl Doer {
    /// All of them.
    pub const ALL: [Doer; 3] = [Doer::Person, Doer::Unsure, Doer::Machine];

    /// Its word in rules.
    pub const fn word(self) -> &'static str {
        match self {
            Doer::Person => "person",
            Doer::Unsure => "unsure",
            Doer::Machine => "machine",
        }
    }

    /// What this word means.
    pub fn from_word(word: &str) -> Option<Doer> {
        Doer::ALL.into_iter().find(|doer| doer.word() == word)
    }

    /// The scores it has, from the first to before the second.
    pub const fn scores(self) -> (u8, u8) {
        match self {
            Doer::Person => (0, UNSURE_SCORE),
            Doer::Unsure => (UNSURE_SCORE, MACHINE_SCORE),
            Doer::Machine => (MACHINE_SCORE, MACHINE_SCORE_MAX + 1),
        }
    }

    /// By the score.
    pub const fn of(score: u8) -> Doer {
        match score {
            MACHINE_SCORE.. => Doer::Machine,
            UNSURE_SCORE.. => Doer::Unsure,
            _ => Doer::Person,
        }
    }
}

/// By whom something was done, as the people behind a number are asked for. One person may be behind several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// They did it themselves.
    #[default]
    Person,
    /// Nobody knows whether they did.
    Unsure,
    /// A machine did it for them.
    Machine,
    /// They were never seen to do it: only machines did, or nobody knows who.
    Unknown,
}

impl By {
    /// All of them.
    pub const ALL: [By; 4] = [By::Person, By::Unsure, By::Machine, By::Unknown];

    /// Its word in addresses.
    pub const fn word(self) -> &'static str {
        match self {
            By::Person => "person",
            By::Unsure => "unsure",
            By::Machine => "machine",
            By::Unknown => "unknown",
        }
    }

    /// What this word means.
    pub fn from_word(word: &str) -> Option<By> {
        By::ALL.into_iter().find(|by| by.word() == word)
    }

    /// Is somebody meant for whom all of `doers` did it?
    pub fn is_met(self, doers: &[Doer]) -> bool {
        match self {
            By::Person => doers.contains(&Doer::Person),
            By::Unsure => doers.contains(&Doer::Unsure),
            By::Machine => doers.contains(&Doer::Machine),
            By::Unknown => !doers.is_empty() && !doers.contains(&Doer::Person),
        }
    }
}

impl ReactionKind {
    /// Does it show that the person took notice? An open does not: too many of them are machines'.
    pub const fn is_engagement(self, score: u8) -> bool {
        score < UNSURE_SCORE && matches!(self, ReactionKind::Clicked | ReactionKind::Replied | ReactionKind::Custom)
    }
}
