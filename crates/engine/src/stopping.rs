//! Orders to stop something, which are obeyed also while the ledger cannot record.
//!
//! Whoever orders that something stop must be able to trust that it has, above all when the disk is full. So an order
//! that cannot be written down is in force all the same: until it can, nothing at all is started. Invariant: what is
//! [`Obeyed`] covers every delivery that starts after the order returned, in this process.

use crate::handle::Handle;
use crate::recording::{LEDGER_RETRY, longer, tell_trouble};
use std::future::Future;
use std::sync::Arc;
use store::StoreError;

/// What came of an order to stop something: it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obeyed<T> {
    /// And the ledger knows.
    Recorded(T),
    /// The ledger cannot record (a full disk). It is told the order as soon as it can, and nothing is started before; only
    /// a process that ends earlier takes the order with it.
    Unrecorded,
}

impl Handle {
    /// Carries out what stops something, at once or as soon as the ledger can record. Fails when the order cannot be
    /// carried out for another reason.
    pub(crate) async fn see_to<T, F, W>(&self, carry_out: F) -> Result<Obeyed<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(Handle) -> W + Send + Sync + 'static,
        W: Future<Output = Result<T, StoreError>> + Send,
    {
        let trouble = match carry_out(self.clone()).await {
            Err(trouble) if trouble.is_transient() => trouble,
            done => return done.map(Obeyed::Recorded),
        };
        let waiting = Arc::clone(&self.gate).waits_for_ledger();
        tell_trouble(&self.gate, self.watch.as_ref(), &self.alarms, &trouble.to_string(), self.now());
        // What has passed its last check writes its MAIL FROM; nothing passes after that.
        self.gate.settle().await;
        let handle = self.clone();
        tokio::spawn(async move {
            handle.until_carried_out(carry_out).await;
            drop(waiting);
        });
        Ok(Obeyed::Unrecorded)
    }

    /// Tries again until it is done, is refused, or everything is stopped: then once more.
    async fn until_carried_out<T, F, W>(&self, carry_out: F)
    where
        F: Fn(Handle) -> W,
        W: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = LEDGER_RETRY;
        loop {
            let stopped = tokio::select! {
                biased;
                () = self.gate.until_stopped() => true,
                () = tokio::time::sleep(pause) => false,
            };
            match carry_out(self.clone()).await {
                Err(trouble) if trouble.is_transient() && !stopped => {
                    let why = trouble.to_string();
                    tell_trouble(&self.gate, self.watch.as_ref(), &self.alarms, &why, self.now());
                }
                _ => return,
            }
            pause = longer(pause);
        }
    }
}
