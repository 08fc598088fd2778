//! Deliveries in doubt: sent again on request, or settled by what somebody found out.

use crate::Store;
use crate::error::{Result, StoreError};
use crate::sqlite::{Ledger, doubt as doubt_sql};
use model::{Actor, CampaignId, ContactId, DeliveryId, DeliveryState, Timestamp};
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

/// What is in doubt of a campaign. Another doubt has other figures: whoever was sent to once more was tried once more often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubt {
    /// Deliveries.
    pub people: u64,
    /// How often they were tried in all.
    pub tries: u64,
}

/// Somebody in doubt for the first time, whom nobody has sent to once more yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstDoubt {
    /// Their delivery.
    pub delivery: DeliveryId,
    /// Who they are.
    pub contact: ContactId,
    /// How often it was tried.
    pub tries: u16,
    /// When the try that ended in doubt was over.
    pub at: Timestamp,
}

impl Store {
    /// Campaigns in which somebody is in doubt, without those that were cancelled.
    pub async fn campaigns_in_doubt(&self) -> Result<Vec<CampaignId>> {
        self.core.lanes.read(doubt_sql::campaigns_in_doubt).await
    }
    /// Who is in doubt for the first time in a campaign, by a try that began at `since` or later, behind `after`; without those
    /// who were forgotten since. At most `count` of those in doubt are looked at; then it also says behind whom to go on.
    pub async fn first_doubts(
        &self,
        campaign: CampaignId,
        since: Timestamp,
        after: Option<DeliveryId>,
        count: usize,
    ) -> Result<(Vec<FirstDoubt>, Option<DeliveryId>)> {
        self.core.lanes.read(move |conn| doubt_sql::first_doubts(conn, campaign, since, after, count)).await
    }
    /// Servers at which at least `in_a_row` deliveries of a campaign are in doubt without an answer of theirs between
    /// them. Those that bear the note `but` are left out: whose fault they are is known.
    pub async fn silent_sites(&self, campaign: CampaignId, in_a_row: u32, but: &str) -> Result<Vec<SilentSite>> {
        let but = but.to_owned();
        self.core.lanes.read(move |conn| doubt_sql::silent_sites(conn, campaign, in_a_row, &but)).await
    }
    /// What is in doubt of a campaign, or among those named.
    pub async fn doubt(&self, campaign: CampaignId, only: Option<&[DeliveryId]>) -> Result<Doubt> {
        let only: Option<Vec<DeliveryId>> = only.map(<[DeliveryId]>::to_vec);
        self.core.lanes.read(move |conn| doubt_sql::doubt(conn, campaign, only.as_deref())).await
    }
    /// Puts deliveries in doubt back in the queue (all of them, or those named), each once. Returns how many.
    pub async fn resend_in_doubt(
        &self,
        campaign: CampaignId,
        only: Option<&[DeliveryId]>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        self.resend_in_doubt_if(campaign, only, |_| true, actor, now).await
    }
    /// The same, if what is in doubt is what is meant, which is asked in the write that begins it. Refused with
    /// [`StoreError::Overtaken`] if not.
    pub async fn resend_in_doubt_if(
        &self,
        campaign: CampaignId,
        only: Option<&[DeliveryId]>,
        is_meant: impl FnOnce(&Doubt) -> bool + Send + 'static,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let only: Option<Arc<[DeliveryId]>> = only.map(Arc::from);
        let named = only.clone();
        let begin = move |ledger: &mut Ledger| {
            if !is_meant(&ledger.doubt(campaign, named.as_deref())?) {
                return Err(StoreError::Overtaken);
            }
            ledger.requeue_step(campaign, named.as_deref(), None, now)
        };
        let (mut total, mut next) = self.core.lanes.write(begin).await?;
        while let Some(after) = next {
            let named = only.clone();
            let step = move |ledger: &mut Ledger| ledger.requeue_step(campaign, named.as_deref(), Some(after), now);
            let (count, further) = self.core.lanes.write(step).await?;
            total += count;
            next = further;
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
