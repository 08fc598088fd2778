//! Replies: somebody wrote back.
//!
//! Invariant: a reply counts once, however often it is told; one person may reply more than once.

use crate::Store;
use crate::error::Result;
use model::{DeliveryId, Timestamp};

/// The longest name of a reply that is kept, in octets.
pub(crate) const REPLY_ID_OCTETS_MAX: usize = 320;

/// A reply to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReply {
    /// To which delivery.
    pub delivery: DeliveryId,
    /// When it was written.
    pub at: Timestamp,
    /// What tells it from another: its Message-ID. `None`: one of the same time is the same.
    pub id: Option<String>,
}

impl Store {
    /// Writes a reply: the person's timeline tells it, it counts for its campaign and moves their engagement. Is it news?
    /// `None`: there is no such delivery, or the person was forgotten.
    pub async fn reply(&self, reply: NewReply, now: Timestamp) -> Result<Option<bool>> {
        self.core.lanes.write(move |ledger| ledger.reply(&reply, now)).await
    }
}
