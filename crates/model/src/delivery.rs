//! The states of a delivery and the moves between them.
//!
//! A delivery is one recipient of one campaign. The ledger stores exactly one of these states for it:
//!
//! ```text
//!            build                    attempt                     end of window
//!   (none) ───────▶ queued ──────────────┬──▶ accepted            ┌──▶ soft
//!      │              │  ▲               ├──▶ hard      deferred ─┤
//!      │              │  └─ back to the  ├──▶ blocked      ▲      └──▶ blocked, hard, accepted, in_doubt
//!      ▼              ▼     queue, as if ├──▶ in_doubt     │           by a later attempt
//!   skipped ◀─────────┴──── not tried    └──▶ deferred ────┘
//! ```
//!
//! Guarantee: a delivery is in one state at a time, and every move is in [`DeliveryState::may_become`].
//! Guarantee: *settled is not frozen*. Evidence that arrives later (a bounce message after acceptance, a click on a
//! message in doubt) moves a settled delivery, as an event that also moves the counters.
//! Guarantee: whatever was not settled when the process died is `queued` or `deferred` when it starts again, except
//! conversations whose last bytes had gone out without a recorded reply: those are `in_doubt`.

use crate::verdict::words;
use serde::{Deserialize, Serialize};

words! {
    /// Where a delivery stands.
    DeliveryState {
        /// Waiting for its first try.
        Queued = 0 "queued",
        /// Tried and put off; waiting for the next try.
        Deferred = 1 "deferred",
        /// Accepted by the server.
        Accepted = 2 "accepted",
        /// Put off until the window closed.
        Soft = 3 "soft",
        /// Mailbox or domain does not exist.
        Hard = 4 "hard",
        /// Refused for a reason that is not the address.
        Blocked = 5 "blocked",
        /// The last bytes went out and no final reply was recorded.
        InDoubt = 6 "in_doubt",
        /// Never attempted further, for a [`SkipReason`].
        Skipped = 7 "skipped",
    }
}

words! {
    /// Why a person was not mailed.
    SkipReason {
        /// Unsubscribed.
        Unsubscribed = 0 "unsubscribed",
        /// An earlier mailing found the address dead.
        HardBounced = 1 "hard_bounced",
        /// Complained about an earlier mailing.
        Complained = 2 "complained",
        /// The contact has no address.
        NoEmail = 3 "no_email",
        /// The address cannot be mailed as written.
        InvalidAddress = 4 "invalid_address",
        /// Another contact of the audience has the same address.
        DuplicateAddress = 5 "duplicate_address",
        /// Excluded by the audience's rule.
        Excluded = 6 "excluded",
        /// Has not confirmed the subscription.
        Unconfirmed = 7 "unconfirmed",
        /// Too many mailings in a row soft-bounced.
        SoftBounceLimit = 8 "soft_bounce_limit",
        /// Had enough mail for now.
        FrequencyCap = 9 "frequency_cap",
        /// Came with an import that is quarantined.
        QuarantinedImport = 10 "quarantined_import",
        /// Suppressed by hand.
        SuppressedByHand = 11 "suppressed_by_hand",
        /// The campaign was cancelled.
        Cancelled = 12 "cancelled",
        /// The domain takes no mail at all.
        DomainRefusesMail = 13 "domain_refuses_mail",
        /// The contact was refused in several mailings in a row.
        Refused = 14 "refused",
        /// The message cannot be made for this person (a value it needs is missing).
        CannotCompose = 15 "cannot_compose",
        /// The person was forgotten at their own wish.
        Forgotten = 16 "forgotten",
        /// The offer had expired.
        Stale = 17 "stale",
        /// The person does not want this topic.
        TopicDeclined = 18 "topic_declined",
        /// The person asked for a pause.
        PausedByPerson = 19 "paused_by_person",
        /// Nobody who came from there is mailed any more.
        OriginStopped = 20 "origin_stopped",
        /// They did nothing for long, and were put to rest.
        AtRest = 21 "at_rest",
    }
}

impl DeliveryState {
    /// Counted as attempted: everybody who was not skipped.
    pub const fn is_attempted(self) -> bool {
        !matches!(self, DeliveryState::Skipped)
    }

    /// Still to be tried.
    pub const fn is_in_progress(self) -> bool {
        matches!(self, DeliveryState::Queued | DeliveryState::Deferred)
    }

    /// The table of legal moves. The simulator asserts it after every step of every scenario.
    pub const fn may_become(self, next: DeliveryState) -> bool {
        use DeliveryState::{Accepted, Blocked, Deferred, Hard, InDoubt, Queued, Skipped, Soft};
        match self {
            Queued => matches!(next, Deferred | Accepted | Soft | Hard | Blocked | InDoubt | Skipped),
            Deferred => matches!(next, Deferred | Accepted | Soft | Hard | Blocked | InDoubt | Skipped),
            // A bounce message after acceptance.
            Accepted => matches!(next, Soft | Hard | Blocked),
            // Settled by evidence, or sent once more, on request or by itself.
            InDoubt => matches!(next, Queued | Accepted | Soft | Hard | Blocked),
            // Evidence that it arrived after all.
            Soft | Hard | Blocked => matches!(next, Accepted),
            Skipped => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_skipped_and_nothing_unsettled_is_skipped_twice() {
        for next in DeliveryState::ALL {
            assert!(!DeliveryState::Skipped.may_become(*next));
        }
        assert!(!DeliveryState::Accepted.may_become(DeliveryState::Queued), "nobody is mailed twice");
    }
}
