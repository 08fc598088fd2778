//! Complaints: somebody called a message spam, and their provider told us.
//!
//! One transaction suppresses the address, writes the reaction and moves every count that a brake or a budget follows.
//! Invariant: a complaint about a delivery counts once, however often it is reported.

use crate::Store;
use crate::engage::Recipient;
use crate::error::Result;
use model::{Actor, DeliveryId, DomainId, ImportId, Timestamp, WorkspaceId};

/// A complaint to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewComplaint {
    /// About which delivery.
    pub delivery: DeliveryId,
    /// Only if it is of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// The sending domain (that of From), for the day's volume.
    pub identity: Option<DomainId>,
    /// When they complained.
    pub at: Timestamp,
    /// How it came: `feedback_report`, `told`.
    pub how: &'static str,
}

/// A complaint that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complained {
    /// Who complained about what.
    pub recipient: Recipient,
    /// When the message had been sent.
    pub sent_at: Timestamp,
    /// The key of the provider that took it; `None`: nobody described it.
    pub provider: Option<String>,
    /// Where the address was collected.
    pub lead_source: Option<String>,
    /// The import that brought the person in.
    pub import: Option<ImportId>,
    /// Is it the first time that this complaint is told?
    pub is_new: bool,
}

impl Store {
    /// Writes a complaint: the address is suppressed, the person's timeline tells it, and it counts for its campaign, its
    /// source and its sending domain. `None`: no such delivery was ever tried, or the person was forgotten.
    pub async fn complain(&self, complaint: NewComplaint, actor: &Actor, now: Timestamp) -> Result<Option<Complained>> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.complain(&complaint, &actor, now)).await
    }
}
