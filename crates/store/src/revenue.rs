//! What events of other systems are worth, by the campaigns they came after.
//!
//! The rule: an event with a value (`purchased`, 49.90) counts for a campaign when its person clicked in it themselves, or
//! was sent it, at most [`ATTRIBUTED_WITHIN`] before. It is in each campaign of which that is so: the sums of two campaigns
//! are not added. It is counted once, when it is told, by what is known then. Amounts are integers, in millionths, and each
//! currency has a sum of its own.

use crate::Store;
use crate::error::Result;
use crate::sqlite::revenue;
use model::{CampaignId, WorkspaceId};
use std::time::Duration;

/// An event belongs to a click or a message at most so long before it: seven days.
pub const ATTRIBUTED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What an event came after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// A click of the person's own in the campaign.
    Click,
    /// The acceptance of the campaign's message to them, whether they clicked or not.
    Mail,
}

impl Touch {
    /// The word used outside.
    pub const fn word(self) -> &'static str {
        match self {
            Touch::Click => "click",
            Touch::Mail => "mail",
        }
    }
    pub(crate) const fn code(self) -> i64 {
        match self {
            Touch::Click => 0,
            Touch::Mail => 1,
        }
    }
}

/// What the events of a name are worth to a campaign in a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revenue {
    /// After what they came.
    pub touch: Touch,
    /// The name of the events.
    pub name: String,
    /// `EUR`; `None`: the events name none (`properties.currency`).
    pub currency: Option<String>,
    /// How many events.
    pub events: u64,
    /// Of how many people.
    pub people: u64,
    /// What they are worth together, in millionths.
    pub value_micros: i64,
}

impl Store {
    /// What events with a value are worth to a campaign, clicks before mail, the names in their order. From the counters.
    pub async fn revenue(&self, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Revenue>> {
        self.core.lanes.read(move |conn| revenue::of_campaign(conn, workspace, campaign)).await
    }
}
