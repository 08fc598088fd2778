//! Standing campaigns: no audience, no end. Deliveries are added to them, by programs and by sequences, one by one.
//!
//! Everything else is as for any campaign: heads, guards, counters, reports. Their deliveries have an occurrence other than
//! 0, and their ids lie among those of other campaigns.

use crate::sqlite::Ledger;
use crate::{Campaign, NewCampaign, Result, Store};
use model::{Actor, ContactId, DeliveryId, SkipReason, Timestamp};

/// Somebody for whom a delivery is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Who, in the campaign's workspace.
    pub contact: ContactId,
    /// Which one of theirs in this campaign, from 1; the same once more adds nothing. `None`: there is no other of this
    /// kind, the delivery is its own name.
    pub occurrence: Option<i64>,
}

/// A delivery that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Which.
    pub delivery: DeliveryId,
    /// Why it is skipped; `None`: it is queued (or further, if it was there before).
    pub skip: Option<SkipReason>,
    /// It was there before.
    pub repeated: bool,
}

impl Store {
    /// The standing campaign of this kind and content (`content_hash`), made and `sending` if there is none that is not
    /// cancelled. Its name is the one given, or that with a number behind it.
    pub async fn open_standing(&self, new: NewCampaign, actor: &Actor, now: Timestamp) -> Result<Campaign> {
        if self.held().is_some() {
            return Err(crate::StoreError::Held);
        }
        let actor = actor.clone();
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.open_standing(&new, &actor, now)).await
    }

    /// Adds deliveries to a standing campaign, each queued or skipped with its reason as things stand now. In one commit.
    pub async fn add_deliveries(
        &self,
        campaign: model::CampaignId,
        who: Vec<Addition>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<Added>> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.add_deliveries(campaign, &who, &actor, now)).await
    }
}
