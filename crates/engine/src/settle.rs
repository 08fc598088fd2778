//! The one place that writes outcomes: everything that waits is settled in one transaction.
//!
//! While a batch is being made durable the next one gathers, so the rate of commits follows the disk and the size of
//! batches follows the load. When the ledger cannot record (a full disk), the batch is kept and tried again; the
//! channel fills, connections wait, and nothing new starts until it is recorded.

use crate::house::{House, LEDGER_RETRY, Moved, Notice, Outcome, longer};
use crate::note::Note;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::Settlement;
use store::settlement::SETTLE_BATCH_MAX;
use tokio::sync::mpsc;

/// Outcomes that may wait for the settler before connections have to.
pub(crate) const OUTCOMES_WAITING_MAX: usize = 2_048;
/// Commits are at least so far apart, so that a batch is worth its pages: a reply waits in its slot meanwhile.
const TICK: Duration = Duration::from_millis(50);

/// Settles until every sender is gone, and looks after a ledger in trouble. Ends early only if the ledger can never work
/// again (its text says why).
pub(crate) async fn run(house: Arc<House>, mut outcomes: mpsc::Receiver<Outcome>) -> Result<(), store::StoreError> {
    let (mut batch, mut pause) = (Vec::new(), LEDGER_RETRY);
    loop {
        tokio::select! {
            biased;
            count = outcomes.recv_many(&mut batch, SETTLE_BATCH_MAX) => if count == 0 { return Ok(()) },
            () = mended(&house, &mut pause) => continue,
        }
        let (settlements, slots): (Vec<Settlement>, Vec<_>) =
            batch.drain(..).map(|outcome| (outcome.settlement, outcome.slot)).unzip();
        let settlements = Arc::new(settlements);
        let moved: Vec<Moved> = settlements.iter().map(moved).collect();
        record(&house, &settlements).await?;
        for slot in slots.into_iter().flatten() {
            house.store.inflight().free(slot);
        }
        for settlement in settlements.iter() {
            house.outstanding.settled(settlement.delivery);
            let Settlement { campaign, from, to, ref attempt, .. } = *settlement;
            house.note(Note::Moved { campaign, from, to, attempt: attempt.as_ref() });
        }
        house.outstanding.settling.fetch_sub(settlements.len(), Ordering::Relaxed);
        house.tell(Notice::Committed(moved));
        tokio::time::sleep(TICK).await;
    }
}

/// Waits for trouble and until no write waits any more, and looks once whether it is over: what is left to be tried is the
/// in-flight file. The next look comes after `pause`.
async fn mended(house: &House, pause: &mut Duration) {
    house.gate.until_ledger_fails().await;
    tokio::time::sleep(*pause).await;
    house.gate.until_nobody_waits().await;
    if house.store.inflight().probe().await.is_err() {
        *pause = longer(*pause);
    } else if house.gate.ledger_mended() {
        *pause = LEDGER_RETRY;
        house.note(Note::LedgerWorks);
    }
}

/// Writes a batch, waiting as long as the trouble may pass.
async fn record(house: &House, settlements: &Arc<Vec<Settlement>>) -> Result<(), store::StoreError> {
    let settled = house.until_recorded(|| house.store.settle(settlements.clone())).await?;
    for refused in settled.refused {
        house.note(Note::SettlementRefused(refused));
    }
    Ok(())
}

fn moved(settlement: &Settlement) -> Moved {
    Moved {
        campaign: settlement.campaign,
        was_due: settlement.was_due.map(|(site, _)| site),
        due: settlement.due,
        second_lookup_at: settlement.second_lookup_at,
    }
}
