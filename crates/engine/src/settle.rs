//! The one place that writes outcomes: everything that waits is settled in one transaction.
//!
//! While a batch is being made durable the next one gathers, so the rate of commits follows the disk and the size of
//! batches follows the load. When the ledger cannot record (a full disk), the batch is kept and tried again; the
//! channel fills, connections wait, and nothing new starts until it is recorded.

use crate::house::{House, Moved, Outcome};
use crate::note::Note;
use crate::notice::Notice;
use crate::recording::{LEDGER_RETRY, longer};
use model::DeliveryState;
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
/// Where only the death of the process is to be survived, a few outcomes wait for so many ticks: their replies are the
/// kernel's already, and a commit saves nothing that is not saved.
const TICKS_MAX: u32 = 16;
/// So many are worth a commit at the next tick.
const BATCH_WORTH: usize = 256;

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
        // Their number is known: what they are taken apart into is not grown, that is copied, on the way.
        let (mut settlements, mut slots) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for Outcome { mut settlement, slot, operator } in batch.drain(..) {
            settlement.provisional = operator.is_some_and(|operator| house.brakes().is_incident(&operator));
            settlements.push(settlement);
            slots.extend(slot);
        }
        let settlements = Arc::new(settlements);
        let moved: Vec<Moved> = settlements.iter().map(moved).collect();
        record(&house, &settlements).await?;
        doubt_incidents(&house).await?;
        for slot in slots {
            house.store.inflight().free(slot);
        }
        for settlement in settlements.iter() {
            house.outstanding.settled(settlement.delivery);
            let Settlement { campaign, from, to, ref attempt, .. } = *settlement;
            house.note(Note::Moved { campaign, from, to, attempt: attempt.as_ref() });
        }
        if settlements.iter().any(|one| one.to == DeliveryState::InDoubt) {
            house.doubted.notify_one();
        }
        house.outstanding.settling.fetch_sub(settlements.len(), Ordering::Relaxed);
        house.tell(Notice::Committed(moved));
        gather(house.store.inflight().survives_power(), &outcomes).await;
    }
}

/// Lets the next batch gather. `survives_power`: a commit makes something safe that was not.
async fn gather<T>(survives_power: bool, outcomes: &mpsc::Receiver<T>) {
    let ticks = if survives_power { 1 } else { TICKS_MAX };
    for _ in 0..ticks {
        tokio::time::sleep(TICK).await;
        if outcomes.len() >= BATCH_WORTH || outcomes.is_closed() {
            return;
        }
    }
}

/// Waits for trouble (of the engine's own writes or of anybody's: people, programs, reports) and until no write waits any more,
/// and looks once whether it is over: what is left to be tried is a write of no consequence and the in-flight file. The next
/// look comes after `pause`.
async fn mended(house: &House, pause: &mut Duration) {
    tokio::select! {
        biased;
        () = house.gate.until_ledger_fails() => {}
        why = house.store.until_write_fails() => house.unrecorded(&why),
    }
    tokio::time::sleep(*pause).await;
    house.gate.until_nobody_waits().await;
    if house.store.prove_writable().await.is_err() || house.store.inflight().probe().await.is_err() {
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

/// Whom a provider's incident was found out by is suppressed provisionally, too. Of those that were counted by then, every
/// one is in the ledger when this is asked behind a batch, or comes behind and is known as provisional then.
async fn doubt_incidents(house: &House) -> Result<(), store::StoreError> {
    let found = house.brakes().take_incidents();
    for (operator, since) in found {
        house.until_recorded(|| house.store.make_provisional(&operator, since)).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn gathered(survives_power: bool, waiting: usize, closed: bool) -> Duration {
        let (sender, outcomes) = mpsc::channel(OUTCOMES_WAITING_MAX);
        (0..waiting).for_each(|n| sender.try_send(n).unwrap());
        let _open = (!closed).then_some(sender);
        let began = tokio::time::Instant::now();
        gather(survives_power, &outcomes).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_outcomes_wait_longer_only_where_a_commit_saves_nothing() {
        let long = TICK * TICKS_MAX;
        for (survives_power, waiting, closed, expected) in [
            (true, 0, false, TICK),
            (true, 3, false, TICK),
            (false, 3, false, long),
            (false, BATCH_WORTH - 1, false, long),
            (false, BATCH_WORTH, false, TICK),
            (false, 3, true, TICK),
        ] {
            let waited = gathered(survives_power, waiting, closed).await;
            assert_eq!(waited, expected, "power {survives_power}, {waiting} wait, closed {closed}");
        }
    }
}
