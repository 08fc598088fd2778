//! Parts of campaigns that are cancelled: whoever waits there is skipped, and so is whoever turns up there later.
//!
//! Apart from the holds because nobody of such a part waits. Invariant: who is in hand is skipped by whoever has them in
//! hand, and nobody is read while the others are skipped; so everybody is skipped once.

use super::Scheduler;
use crate::ready;
use model::{Actor, SiteId, SkipReason};
use store::{Claimed, Hold, StoreError};
use tokio::sync::oneshot;

impl Scheduler {
    /// Skips everybody who waits in a part that was cancelled and is not under way, and answers how many they were. The hold
    /// that cancels it is in force.
    pub(super) async fn part_cancelled(
        &mut self,
        (hold, actor): (Hold, Actor),
        answer: oneshot::Sender<Result<u64, StoreError>>,
    ) -> Result<(), StoreError> {
        let Some((campaign, whom)) = hold.cancelled() else { return Ok(()) };
        let is_known = self.campaigns.contains_key(&campaign);
        self.deactivate(campaign);
        let house = self.house.clone();
        let under_way = house.outstanding.all();
        let skipped = house.store.leave_out(campaign, whom, &under_way, &actor, house.now()).await;
        if is_known {
            self.activate(campaign).await?;
            // They may have been the last.
            self.moved.insert(campaign);
            self.stock_at = Some(house.now());
        }
        answer.send(skipped).ok();
        Ok(())
    }

    /// Skips those who were read of a part that was cancelled; the others.
    pub(super) async fn without_cancelled(&mut self, site: SiteId, mut rows: Vec<Claimed>) -> Vec<Claimed> {
        let Some(operator) = self.sites.get(&site).map(|entry| entry.operator().to_owned()) else { return rows };
        let is_cancelled = |row: &mut Claimed| self.house.is_cancelled(row, &operator);
        let cancelled: Vec<Claimed> = rows.extract_if(.., is_cancelled).collect();
        for row in &cancelled {
            ready::skip(&self.house, row, SkipReason::Cancelled).await;
        }
        rows
    }
}
