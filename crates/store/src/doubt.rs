//! Deliveries in doubt: sent again on request, or settled by what somebody found out.

use crate::Store;
use crate::error::Result;
use crate::sqlite::{Ledger, doubt as doubt_sql};
use model::{Actor, CampaignId, DeliveryId, DeliveryState, Timestamp};
use std::sync::Arc;

/// A server that gave no final reply after the last byte, several times in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilentSite {
    /// Its name.
    pub host: String,
    /// The provider key, if it is a known one.
    pub provider: Option<String>,
    /// How many deliveries are in doubt there, one after the other.
    pub count: u32,
    /// When the first of these tries began.
    pub since: Timestamp,
    /// When the last of them began.
    pub until: Timestamp,
    /// What was noted of each, if it is the same.
    pub note: Option<String>,
}

impl Store {
    /// Servers at which at least `in_a_row` deliveries of a campaign are in doubt without an answer of theirs between
    /// them. Those that bear the note `but` are left out: whose fault they are is known.
    pub async fn silent_sites(&self, campaign: CampaignId, in_a_row: u32, but: &str) -> Result<Vec<SilentSite>> {
        let but = but.to_owned();
        self.core.lanes.read(move |conn| doubt_sql::silent_sites(conn, campaign, in_a_row, &but)).await
    }
    /// Puts deliveries in doubt back in the queue (all of them, or those named). Returns how many.
    pub async fn resend_in_doubt(
        &self,
        campaign: CampaignId,
        only: Option<&[DeliveryId]>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let only: Option<Arc<[DeliveryId]>> = only.map(Arc::from);
        let mut total = 0;
        loop {
            let only = only.clone();
            let step = move |ledger: &mut Ledger| ledger.requeue_step(campaign, only.as_deref(), now);
            let count = self.core.lanes.write(step).await?;
            total += count;
            if count == 0 {
                break;
            }
        }
        if total > 0 {
            let actor = actor.clone();
            let write = move |ledger: &mut Ledger| ledger.note_requeued(campaign, total, &actor, now);
            self.core.lanes.write(write).await?;
        }
        Ok(total)
    }
    /// Settles a delivery in doubt by evidence (what the receiver's log says, a reply, a bounce message), in words.
    /// Refused: one that is not in doubt, a state it may not go to, `queued`, no evidence.
    pub async fn settle_doubt(
        &self,
        delivery: DeliveryId,
        to: DeliveryState,
        evidence: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let (evidence, actor) = (evidence.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.settle_doubt(delivery, to, &evidence, &actor, now)).await
    }
}
