//! What changed since a delivery was read: the look just before MAIL FROM, in memory and without waiting.
//!
//! A change is published after its commit and before its verb returns, so a suppression that was acknowledged stops
//! windowed work. Invariant: a forgotten change is never an overlooked one; when the map is full it is emptied and
//! everything read before that has to ask the ledger.

use crate::queue::{Claimed, Standing};
use model::SkipReason;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// How many changes are remembered before the memory starts again.
const CHANGES_MAX: usize = 65_536;

/// Whom a change concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whom {
    Address(i64),
    Contact(i64),
    Domain(i64),
}

/// A change of who may be mailed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// These may not be mailed any more.
    Stop(Whom, SkipReason),
    /// The ledger has to be asked about this contact.
    Ask(i64),
    /// Too many to name: whoever was read before has to ask.
    Everything,
}

#[derive(Debug, Default)]
struct Memory {
    /// Who was stopped, and why; without a reason the ledger has to be asked.
    stops: HashMap<Whom, (u64, Option<SkipReason>)>,
    /// Claims read before this have to ask the ledger.
    floor: u64,
}

/// The generation of a claim that must not be sent as the ledger stood when it was read: the ledger says why.
pub(crate) const FORBIDDEN: u64 = u64::MAX;

/// The changes since the process started.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    generation: AtomicU64,
    memory: Mutex<Memory>,
    /// How often something about people in sequences changed.
    stirred: watch::Sender<u64>,
    /// The last event of the log that was written in this process.
    log: watch::Sender<i64>,
    /// How often somebody was forgotten.
    forgettings: AtomicU64,
}

impl Changes {
    /// Something about people in sequences changed; told after the commit.
    pub(crate) fn stir(&self) {
        self.stirred.send_modify(|count| *count += 1);
    }

    /// Hears when something about people in sequences changed.
    pub(crate) fn stirs(&self) -> watch::Receiver<u64> {
        self.stirred.subscribe()
    }

    /// The log has grown; told after the commit.
    pub(crate) fn log_moved(&self, last: i64) {
        self.log.send_replace(last);
    }

    /// Hears when the log has grown.
    pub(crate) fn log_moves(&self) -> watch::Receiver<i64> {
        self.log.subscribe()
    }

    /// Somebody is forgotten.
    pub(crate) fn forgot(&self) {
        self.forgettings.fetch_add(1, Ordering::AcqRel);
    }

    /// How often somebody was forgotten.
    pub(crate) fn forgettings(&self) -> u64 {
        self.forgettings.load(Ordering::Acquire)
    }

    /// What to stamp on a claim; taken before its rows are read.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Publishes committed changes and empties the list.
    pub(crate) fn publish(&self, pending: &mut Vec<Change>) {
        if pending.is_empty() {
            return;
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire) + 1;
        for change in pending.drain(..) {
            match change {
                Change::Stop(whom, reason) if memory.stops.len() < CHANGES_MAX => {
                    memory.stops.insert(whom, (generation, Some(reason)));
                }
                // A stop that stands already says more.
                Change::Ask(contact) if memory.stops.len() < CHANGES_MAX => {
                    let kept = memory.stops.entry(Whom::Contact(contact)).or_insert((generation, None));
                    if kept.1.is_none() {
                        kept.0 = generation;
                    }
                }
                Change::Stop(..) | Change::Ask(_) | Change::Everything => {
                    memory.stops.clear();
                    memory.floor = generation;
                }
            }
        }
        self.generation.store(generation, Ordering::Release);
    }

    /// What the last moment finds.
    pub(crate) fn standing(&self, claimed: &Claimed) -> Standing {
        if claimed.generation == FORBIDDEN {
            return Standing::AskLedger;
        }
        if claimed.generation == self.generation() {
            return Standing::Unchanged;
        }
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.generation < memory.floor {
            return Standing::AskLedger;
        }
        let whom = [Whom::Address(claimed.address.0), Whom::Contact(claimed.contact.0), Whom::Domain(claimed.domain.0)];
        whom.iter()
            .filter_map(|whom| memory.stops.get(whom))
            .find(|(generation, _)| *generation > claimed.generation)
            .map_or(Standing::Unchanged, |(_, reason)| reason.map_or(Standing::AskLedger, Standing::Skip))
    }
}
