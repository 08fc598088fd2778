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
pub const MACHINE_SCORE: u8 = 50;
/// The greatest score.
pub const MACHINE_SCORE_MAX: u8 = 100;

impl ReactionKind {
    /// Does it show that the person took notice? An open does not: too many of them are machines'.
    pub const fn is_engagement(self, score: u8) -> bool {
        score < MACHINE_SCORE && matches!(self, ReactionKind::Clicked | ReactionKind::Replied | ReactionKind::Custom)
    }
}
