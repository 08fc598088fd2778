//! The gate every delivery passes just before MAIL FROM.
//!
//! A person who pauses or cancels a campaign, or adds a suppression, must be able to trust that nothing starts after
//! the command returned. Each delivery holds a [`Pass`] from the last check until its MAIL FROM is written; closing
//! the gate waits for the passes that are out, so there is no moment between check and act.

use model::{CampaignId, SkipReason, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, RwLock, RwLockReadGuard};
use tokio::time::Instant;

/// What may start at the moment.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: RwLock<Closed>,
    /// What happens cannot be recorded at the moment: outcomes, or which message is about to end.
    ledger_in_trouble: AtomicBool,
    /// Since when, and why.
    trouble: Mutex<Option<(Timestamp, String)>>,
    /// Writes that wait until they can be recorded: while there are any, the trouble is not over.
    waiting: AtomicUsize,
    /// Rings when the last of them has been recorded, for the same one.
    nobody_waits: Notify,
    /// Since when everything is stopped.
    stopped_at: OnceLock<Instant>,
    /// Rings then.
    stopped: Notify,
    /// Rings when the trouble begins, for the one who looks whether it is over.
    ledger_failed: Notify,
    /// Rings when it is over. Everybody who waits goes on in the order in which they came: the simulator's order must not
    /// be a matter of chance (as it is with a watch channel).
    ledger_works: Notify,
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

/// A write that waits until it can be recorded.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Gate>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.nobody_waits.notify_one();
        }
    }
}

impl Gate {
    /// Leave to start a delivery of `campaign`, or `None` while it (or everything) is stopped.
    pub(crate) async fn enter(&self, campaign: CampaignId) -> Option<Pass<'_>> {
        let closed = self.closed.read().await;
        let refused = closed.stopping || closed.campaigns.contains(&campaign);
        (!refused).then_some(Pass(closed))
    }

    /// Is `campaign` (or everything) stopped? While somebody is about to stop something, it is not stopped yet.
    pub(crate) fn is_closed_to(&self, campaign: CampaignId) -> bool {
        self.closed.try_read().is_ok_and(|closed| closed.stopping || closed.campaigns.contains(&campaign))
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
        self.stopped_at.get_or_init(Instant::now);
        self.stopped.notify_waiters();
    }

    /// How long everything has been stopped, if it is.
    pub(crate) fn stopped_for(&self) -> Option<Duration> {
        self.stopped_at.get().map(Instant::elapsed)
    }

    /// Waits until everything is stopped.
    pub(crate) async fn until_stopped(&self) {
        // Before the look, so that what rings between the two is heard.
        let stopped = self.stopped.notified();
        if self.stopped_at.get().is_none() {
            stopped.await;
        }
    }

    /// Is the ledger unable to record? Then nothing is started whose outcome would have to wait.
    pub(crate) fn is_ledger_in_trouble(&self) -> bool {
        self.ledger_in_trouble.load(Ordering::Acquire)
    }

    /// Since when the ledger cannot record, and why.
    pub(crate) fn ledger_trouble(&self) -> Option<(Timestamp, String)> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        trouble.filter(|_| self.is_ledger_in_trouble())
    }

    /// Campaigns of which nothing starts, and those of them that are over.
    pub(crate) async fn stopped_campaigns(&self) -> (Vec<CampaignId>, Vec<CampaignId>) {
        let closed = self.closed.read().await;
        (closed.campaigns.iter().copied().collect(), closed.ended.keys().copied().collect())
    }

    /// The ledger cannot record, for this reason; `true` if that is news.
    pub(crate) fn ledger_fails(&self, why: &str, now: Timestamp) -> bool {
        let is_news = !self.ledger_in_trouble.swap(true, Ordering::AcqRel);
        if is_news {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, why.to_owned()));
            self.ledger_failed.notify_one();
        }
        is_news
    }

    /// A write begins to wait for the ledger; it does as long as this is kept.
    pub(crate) fn waits_for_ledger(self: Arc<Gate>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(self)
    }

    /// Waits while writes wait for the ledger. For one waiter.
    pub(crate) async fn until_nobody_waits(&self) {
        while self.waiting.load(Ordering::Acquire) > 0 {
            self.nobody_waits.notified().await;
        }
    }

    /// The ledger can record again; `true` if that is news. While a write waits still, it cannot.
    pub(crate) fn ledger_mended(&self) -> bool {
        if self.waiting.load(Ordering::Acquire) > 0 {
            return false;
        }
        let is_news = self.ledger_in_trouble.swap(false, Ordering::AcqRel);
        self.ledger_works.notify_waiters();
        is_news
    }

    /// Waits until the ledger cannot record. For one waiter.
    pub(crate) async fn until_ledger_fails(&self) {
        while !self.is_ledger_in_trouble() {
            self.ledger_failed.notified().await;
        }
    }

    /// Waits while the ledger cannot record.
    pub(crate) async fn until_ledger_works(&self) {
        loop {
            // Before the look, so that what rings between the two is heard.
            let works = self.ledger_works.notified();
            if !self.is_ledger_in_trouble() {
                return;
            }
            works.await;
        }
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
