//! While the ledger cannot record: nothing starts, whoever watches hears it once, and what has to be written is tried until it is.
//!
//! One write tries again for all that wait. Invariant: an error leaves here only when the ledger can never work again, or a
//! moment after a stop: whoever starts again goes on from what is written.

use crate::alerts::{About, Errand, Heard as Noticed};
use crate::gate::Gate;
use crate::house::House;
use crate::note::{Note, Watch};
use dispatch::alert::Turn;
use model::{AlertKind, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use tokio::sync::mpsc;

/// Between the first tries while the ledger cannot record; each further wait is twice as long …
pub(crate) const LEDGER_RETRY: Duration = Duration::from_secs(1);
/// … up to this.
const LEDGER_RETRY_MAX: Duration = Duration::from_secs(30);
/// So long after a stop it is tried still: conversations under way come to their end meanwhile.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The next wait for a ledger in trouble.
pub(crate) fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LEDGER_RETRY_MAX)
}

/// Something that has to be recorded cannot be: nothing starts any more, and whoever watches hears it once.
pub(crate) fn tell_trouble(
    gate: &Gate,
    watch: &dyn Watch,
    alarms: &mpsc::UnboundedSender<Errand>,
    why: &str,
    now: Timestamp,
) {
    if gate.ledger_fails(why, now) {
        watch.note(Note::LedgerTrouble(why.to_owned()));
        let about = About::house(AlertKind::LedgerUnwritable, "");
        alarms.send(Errand::Heard(Noticed { about, turn: Turn::Lasts(format!("{why}.")) })).ok();
    }
}

impl House {
    /// Something that has to be recorded cannot be: nothing starts any more, and then it is told; the settler finds out when
    /// it can be again.
    pub(crate) fn unrecorded(&self, why: &str) {
        tell_trouble(&self.gate, self.watch.as_ref(), &self.alarms, why, self.now());
    }

    /// Does what writes to the ledger, as often as it takes: while it cannot record, nothing starts, and it is told once.
    /// Fails when the ledger can never work again, and a moment after a stop: then whoever starts again goes on.
    pub(crate) async fn until_recorded<T, W>(&self, write: impl Fn() -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        let (mut waiting, mut turn, mut pause) = (None, None, LEDGER_RETRY);
        loop {
            let trouble = match write().await {
                Err(trouble) if trouble.is_transient() => trouble,
                done => return done,
            };
            self.unrecorded(&trouble.to_string());
            waiting.get_or_insert_with(|| Arc::clone(&self.gate).waits_for_ledger());
            if self.gate.stopped_for().is_some_and(|since| since >= STOP_PATIENCE) {
                return Err(trouble);
            }
            // One tries again for all that wait.
            if turn.is_none() {
                turn = Some(self.ledger_turn.lock().await);
                continue;
            }
            tokio::select! {
                biased;
                () = self.gate.until_stopped(), if pause > LEDGER_RETRY => pause = LEDGER_RETRY,
                () = tokio::time::sleep(pause) => pause = longer(pause),
            }
            if self.gate.stopped_for().is_some() {
                pause = LEDGER_RETRY;
            }
        }
    }

    /// Reads from the ledger, as often as it takes: one that cannot be read is in trouble as one that cannot record.
    pub(crate) async fn until_read<T, R>(&self, read: impl Fn() -> R) -> Result<T, StoreError>
    where
        R: Future<Output = Result<T, StoreError>>,
    {
        self.until_recorded(read).await
    }
}
