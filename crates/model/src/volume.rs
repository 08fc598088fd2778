//! What went out in a day, or of a campaign, in numbers.

use crate::{Outcome, Verdict};
use serde::{Deserialize, Serialize};

/// What one sender did in one UTC day (or one campaign did in all), toward one provider or toward all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// Attempts that spoke with a receiver: what a budget is spent on.
    pub attempted: u32,
    /// Taken.
    pub accepted: u32,
    /// Put off; in a day's numbers only for our volume or name, as [`Verdict::concerns_sender`] says.
    pub deferred: u32,
    /// Refused for a reason that is not the address; in a day's numbers likewise.
    pub blocked: u32,
    /// Refused because the mailbox does not exist.
    pub hard: u32,
    /// Called spam by the person who got it (counted on the day the complaint came).
    pub complained: u32,
}

impl DayCount {
    /// Counts one attempt. Greylisting, full mailboxes and a receiver's own trouble say nothing about the sender.
    pub fn count(&mut self, verdict: &Verdict) {
        let mut one = DayCount { attempted: 1, ..DayCount::default() };
        match verdict.outcome {
            Outcome::Accepted => one.accepted = 1,
            Outcome::Hard => one.hard = 1,
            Outcome::Deferred if verdict.concerns_sender() => one.deferred = 1,
            Outcome::Blocked if verdict.concerns_sender() => one.blocked = 1,
            Outcome::Deferred | Outcome::Blocked | Outcome::InDoubt => {}
        }
        self.add(&one);
    }

    /// Adds another count.
    pub fn add(&mut self, more: &DayCount) {
        *self = self.with(more, u32::saturating_add);
    }

    /// What is beyond an earlier reading of the same count.
    #[must_use]
    pub fn since(&self, before: &DayCount) -> DayCount {
        self.with(before, u32::saturating_sub)
    }

    fn with(&self, other: &DayCount, of: impl Fn(u32, u32) -> u32) -> DayCount {
        DayCount {
            attempted: of(self.attempted, other.attempted),
            accepted: of(self.accepted, other.accepted),
            deferred: of(self.deferred, other.deferred),
            blocked: of(self.blocked, other.blocked),
            hard: of(self.hard, other.hard),
            complained: of(self.complained, other.complained),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Category, Scope};

    #[test]
    fn only_what_they_think_of_us_is_a_signal() {
        let verdict = |outcome, category, scope| Verdict { outcome, category, scope, ..Verdict::accepted() };
        let mut count = DayCount::default();
        for verdict in [
            Verdict::accepted(),
            verdict(Outcome::Deferred, Category::Greylisted, Scope::Recipient),
            verdict(Outcome::Deferred, Category::MailboxFull, Scope::Recipient),
            verdict(Outcome::Deferred, Category::ReceiverError, Scope::Site),
            verdict(Outcome::Deferred, Category::RateLimited, Scope::Recipient),
            verdict(Outcome::Deferred, Category::RateLimited, Scope::Source),
            verdict(Outcome::Blocked, Category::RecipientFilter, Scope::Recipient),
            verdict(Outcome::Blocked, Category::IpReputation, Scope::Source),
            verdict(Outcome::Hard, Category::UnknownRecipient, Scope::Recipient),
            verdict(Outcome::InDoubt, Category::LostReply, Scope::Recipient),
        ] {
            count.count(&verdict);
        }
        let expected = DayCount { attempted: 10, accepted: 1, deferred: 1, blocked: 1, hard: 1, complained: 0 };
        assert_eq!(count, expected);
    }

    #[test]
    fn what_came_since_is_what_was_added() {
        let before = DayCount { attempted: 5, accepted: 3, hard: 2, ..DayCount::default() };
        let more = DayCount { attempted: 2, deferred: 1, blocked: 1, complained: 4, ..DayCount::default() };
        let mut all = before;
        all.add(&more);
        assert_eq!((all.since(&before), before.since(&all)), (more, DayCount::default()));
    }
}
