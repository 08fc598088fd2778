//! Who listens to the engine while a story is played.

use crate::check::Stop;
use crate::world::{EPOCH, SimWorld};
use engine::note::{Note, Watch};
use model::{DeliveryState, Timestamp};
use net::Clock;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Writes what the engine tells into the trace, and remembers every kind of move and when the ledger was in trouble.
#[derive(Default)]
pub(super) struct Watcher {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    sim: Option<SimWorld>,
    moves: BTreeSet<(DeliveryState, DeliveryState)>,
    troubles: Vec<Stop>,
}

impl Watcher {
    /// From now on about this world; whatever trouble there was died with the process that had it.
    pub(super) fn see(&self, sim: &SimWorld) {
        let mut seen = self.lock();
        seen.sim = Some(sim.clone());
        seen.troubles.iter_mut().for_each(|trouble| trouble.end(sim.clock.now()));
    }

    pub(super) fn moves(&self) -> Vec<(DeliveryState, DeliveryState)> {
        self.lock().moves.iter().copied().collect()
    }

    pub(super) fn troubles(&self) -> Vec<Stop> {
        self.lock().troubles.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Watcher {
    fn note(&self, note: Note) {
        let mut seen = self.lock();
        let Some(sim) = seen.sim.clone() else { return };
        let now = sim.clock.now();
        let line = match &note {
            Note::Moved { from, to, attempt, .. } => {
                seen.moves.insert((*from, *to));
                let rule = attempt.as_ref().map_or_else(String::new, |attempt| attempt.verdict.to_string());
                format!("{from} -> {to} {rule}")
            }
            Note::SiteHeld { site, until, rule } => {
                format!("held {site} for {} s: {rule}", until.since(EPOCH).as_secs())
            }
            Note::Braked { why, .. } => format!("braked: {why}"),
            Note::Warned { why } => format!("warned: {why}"),
            Note::ProviderHeld { provider, until, why } => {
                format!("{provider} left alone for {} s: {why}", until.since(EPOCH).as_secs())
            }
            Note::SourceRests { source, site, why, .. } => format!("{source} rests toward {site}: {why}"),
            Note::Learned { site, says } => format!("learned of {site}: {says}"),
            Note::CanaryEnded { why, .. } => format!("canary: {why}"),
            Note::TrialJudged { why, .. } => format!("trial: {why}"),
            Note::Ended { turns, sites_for_holds } => {
                format!("the run is over after {turns} turns, {sites_for_holds} sites looked at for holds")
            }
            Note::LedgerTrouble(why) => {
                seen.troubles.push(Stop { from: now, until: Timestamp::MAX });
                format!("ledger trouble: {why}")
            }
            Note::LedgerWorks => {
                seen.troubles.iter_mut().for_each(|trouble| trouble.end(now));
                "ledger works".to_owned()
            }
            Note::SettlementRefused(refused) => format!("settlement refused: {refused:?}"),
        };
        sim.internet.note("engine", &line);
    }
}
