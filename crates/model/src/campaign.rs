//! Campaigns: a message, an audience, a schedule, and where the whole of it stands.

use crate::verdict::words;
use serde::{Deserialize, Serialize};

words! {
    /// What kind of mailing it is.
    CampaignKind {
        /// One message to many people.
        Broadcast = 0 "broadcast",
        /// A step of a sequence.
        Automated = 1 "automated",
        /// One message to one person, asked for by a program.
        Transactional = 2 "transactional",
    }
}

words! {
    /// Where a campaign stands. `interrupted` is not a state: it is `sending` or `retrying` with no process at work.
    CampaignState {
        /// The audience is being resolved; nothing has been sent.
        Building = 0 "building",
        /// First tries are under way.
        Sending = 1 "sending",
        /// Everybody was tried once; some are waiting for another try, or in doubt and to be sent to once more.
        Retrying = 2 "retrying",
        /// Stopped by a person or a brake; starts nothing.
        Paused = 3 "paused",
        /// Stopped for good; what was left is skipped.
        Cancelled = 4 "cancelled",
        /// Every recipient has a verdict.
        Complete = 5 "complete",
        /// Somebody is still writing it: nothing is frozen, everything can be changed.
        Draft = 6 "draft",
        /// Ready, and begins at a time that was said; until then it can be taken back.
        Scheduled = 7 "scheduled",
    }
}

impl CampaignState {
    /// May a delivery of it be started?
    pub const fn may_send(self) -> bool {
        matches!(self, CampaignState::Sending | CampaignState::Retrying)
    }

    /// Nothing will happen any more.
    pub const fn is_over(self) -> bool {
        matches!(self, CampaignState::Cancelled | CampaignState::Complete)
    }
}
