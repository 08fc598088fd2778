//! The gate every delivery passes just before MAIL FROM.
//!
//! A person who pauses or cancels a campaign, or adds a suppression, must be able to trust that nothing starts after
//! the command returned. Each delivery holds a [`Pass`] from the last check until its MAIL FROM is written; closing
//! the gate waits for the passes that are out, so there is no moment between check and act.

use model::{CampaignId, SkipReason};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{RwLock, RwLockReadGuard, watch};

/// What may start at the moment.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: RwLock<Closed>,
    /// The ledger cannot record at the moment.
    ledger_in_trouble: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Closed {
    stopping: bool,
    campaigns: BTreeSet<CampaignId>,
    /// Campaigns that are over, and how whoever is left of them is skipped.
    ended: BTreeMap<CampaignId, SkipReason>,
}

/// Leave to start one delivery; held until MAIL FROM is written.
#[derive(Debug)]
pub(crate) struct Pass<'a>(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'a, Closed>);

impl Gate {
    /// Leave to start a delivery of `campaign`, or `None` while it (or everything) is stopped.
    pub(crate) async fn enter(&self, campaign: CampaignId) -> Option<Pass<'_>> {
        let closed = self.closed.read().await;
        let refused = closed.stopping || closed.campaigns.contains(&campaign);
        (!refused).then_some(Pass(closed))
    }

    /// Stops `campaign`; when this returns, nothing of it starts any more.
    pub(crate) async fn close(&self, campaign: CampaignId) {
        self.closed.write().await.campaigns.insert(campaign);
    }

    /// Stops `campaign` for good; whoever of it is under way is not tried again, but skipped for this reason.
    pub(crate) async fn end(&self, campaign: CampaignId, reason: SkipReason) {
        let mut closed = self.closed.write().await;
        closed.campaigns.insert(campaign);
        closed.ended.insert(campaign, reason);
    }

    /// Is `campaign` over? Then how whoever is left is skipped.
    pub(crate) async fn ended(&self, campaign: CampaignId) -> Option<SkipReason> {
        self.closed.read().await.ended.get(&campaign).copied()
    }

    /// Lets `campaign` start deliveries again.
    pub(crate) async fn open(&self, campaign: CampaignId) {
        self.closed.write().await.campaigns.remove(&campaign);
    }

    /// Stops everything; when this returns, nothing starts any more.
    pub(crate) async fn stop(&self) {
        self.closed.write().await.stopping = true;
    }

    /// Is the ledger unable to record? Then nothing is started whose outcome would have to wait.
    pub(crate) fn is_ledger_in_trouble(&self) -> bool {
        *self.ledger_in_trouble.borrow()
    }

    /// Tells whether the ledger can record.
    pub(crate) fn set_ledger_in_trouble(&self, is_in_trouble: bool) {
        self.ledger_in_trouble.send_replace(is_in_trouble);
    }

    /// Waits while the ledger cannot record.
    pub(crate) async fn until_ledger_works(&self) {
        // The sender is the gate's own, so the wait ends only because the trouble has.
        self.ledger_in_trouble.subscribe().wait_for(|is_in_trouble| !is_in_trouble).await.ok();
    }

    /// Waits until every delivery that passed its last check has written MAIL FROM: what is remembered before this
    /// call (a suppression, an unsubscribe) is seen by every delivery that starts after it.
    pub(crate) async fn settle(&self) {
        drop(self.closed.write().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pass_that_is_out_delays_the_command_and_none_is_given_after_it() {
        let gate = std::sync::Arc::new(Gate::default());
        let campaign = CampaignId(7);
        let pass = gate.enter(campaign).await.unwrap();
        let closing = tokio::spawn({
            let gate = gate.clone();
            async move { gate.close(campaign).await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished());
        drop(pass);
        closing.await.unwrap();
        assert!(gate.enter(campaign).await.is_none());
        assert!(gate.enter(CampaignId(8)).await.is_some());
        gate.open(campaign).await;
        assert!(gate.enter(campaign).await.is_some());
    }
}
