//! What is in hand: deliveries read from the ledger and not settled yet.
//!
//! The ledger shows them as queued or deferred all the while. Invariant: whatever is in this set is not read a second
//! time, and what was settled after a reading began is not taken from that reading.

use model::DeliveryId;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};

/// Deliveries that were read from the ledger and are not settled yet. The ledger shows them as queued or deferred all
/// the while, so this set is what keeps a second reading from sending them twice.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    ids: Mutex<Ids>,
    /// Outcomes handed over and not durable yet.
    pub(crate) settling: AtomicUsize,
}

#[derive(Debug, Default)]
struct Ids {
    out: BTreeSet<DeliveryId>,
    /// Settled since the latest reading began: what that reading says of them is old. No more than were out.
    settled: BTreeSet<DeliveryId>,
}

impl Outstanding {
    /// A reading of the ledger begins. Only one task reads, one reading after the other.
    pub(crate) fn begin_reading(&self) {
        self.lock().settled.clear();
    }

    /// Takes a delivery of the latest reading; `false` when it is taken already, or was settled after it was read.
    pub(crate) fn take(&self, delivery: DeliveryId) -> bool {
        let mut ids = self.lock();
        !ids.settled.contains(&delivery) && ids.out.insert(delivery)
    }

    /// Gives a delivery up whose row is as it was read.
    pub(crate) fn release(&self, delivery: DeliveryId) {
        self.lock().out.remove(&delivery);
    }

    /// Gives a delivery up whose row has changed.
    pub(crate) fn settled(&self, delivery: DeliveryId) {
        let mut ids = self.lock();
        ids.out.remove(&delivery);
        ids.settled.insert(delivery);
    }

    /// How many are out.
    pub(crate) fn len(&self) -> usize {
        self.lock().out.len()
    }

    /// All that are out, in order.
    pub(crate) fn all(&self) -> Vec<DeliveryId> {
        self.lock().out.iter().copied().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_settled_after_it_was_read_is_not_sent_again() {
        let (outstanding, one) = (Outstanding::default(), DeliveryId(1));
        outstanding.begin_reading();
        assert!(outstanding.take(one) && !outstanding.take(one));
        // A reading that began before the outcome was durable still shows it as waiting.
        outstanding.begin_reading();
        outstanding.settled(one);
        assert!(!outstanding.take(one));
        outstanding.begin_reading();
        assert!(outstanding.take(one));
        outstanding.release(one);
        assert!(outstanding.take(one));
    }
}
