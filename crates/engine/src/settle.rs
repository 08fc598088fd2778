//! The one place that writes outcomes: everything that waits is settled in one transaction.
//!
//! While a batch is being made durable the next one gathers, so the rate of commits follows the disk and the size of
//! batches follows the load. When the ledger cannot record (a full disk), the batch is kept and tried again; the
//! channel fills, connections wait, and nothing new starts until it is recorded.

use crate::house::{House, Moved, Notice, Outcome};
use crate::note::Note;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::Settlement;
use store::settlement::SETTLE_BATCH_MAX;
use tokio::sync::mpsc;

/// Outcomes that may wait for the settler before connections have to.
pub(crate) const OUTCOMES_WAITING_MAX: usize = 2_048;
/// Between tries while the ledger cannot record.
const LEDGER_RETRY: Duration = Duration::from_secs(1);

/// Settles until every sender is gone. Ends early only if the ledger can never work again (its text says why).
pub(crate) async fn run(house: Arc<House>, mut outcomes: mpsc::Receiver<Outcome>) -> Result<(), store::StoreError> {
    let mut batch = Vec::new();
    while outcomes.recv_many(&mut batch, SETTLE_BATCH_MAX).await > 0 {
        let (settlements, slots): (Vec<Settlement>, Vec<_>) =
            batch.drain(..).map(|outcome| (outcome.settlement, outcome.slot)).unzip();
        let moved: Vec<Moved> = settlements.iter().map(moved).collect();
        let ids: Vec<_> = settlements.iter().map(|s| s.delivery).collect();
        record(&house, settlements).await?;
        for slot in slots.into_iter().flatten() {
            house.store.inflight().free(slot);
        }
        for id in &ids {
            house.outstanding.release(*id);
        }
        house.outstanding.settling.fetch_sub(ids.len(), Ordering::Relaxed);
        house.tell(Notice::Committed(moved));
    }
    Ok(())
}

/// Writes a batch, waiting as long as the trouble may pass.
async fn record(house: &House, settlements: Vec<Settlement>) -> Result<(), store::StoreError> {
    loop {
        match house.store.settle(settlements.clone()).await {
            Ok(settled) => {
                for refused in settled.refused {
                    house.note(Note::SettlementRefused(refused));
                }
                house.note(Note::LedgerWorks);
                return Ok(());
            }
            Err(trouble) if trouble.is_transient() => {
                house.note(Note::LedgerTrouble(trouble.to_string()));
                tokio::time::sleep(LEDGER_RETRY).await;
            }
            Err(broken) => {
                house.note(Note::LedgerTrouble(broken.to_string()));
                return Err(broken);
            }
        }
    }
}

fn moved(settlement: &Settlement) -> Moved {
    Moved {
        campaign: settlement.campaign,
        was_due: settlement.was_due.map(|(site, _)| site),
        due: settlement.due,
        second_lookup_at: settlement.second_lookup_at,
    }
}
