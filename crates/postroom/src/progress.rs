//! What a person sees while mail goes out: a bar on a terminal, a plain line every few seconds in a pipe.
//!
//! It counts what the engine tells it and asks nothing, so it costs the same for ten people and for a million. What it
//! shows is for the eye; the end of a campaign is read from the ledger. Everything goes to standard error.

use crate::output::{Output, thousands};
use engine::note::{Note, Watch};
use indicatif::ProgressBar;
use model::{DeliveryState, Tally};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often something is said.
pub(crate) const TELL_EVERY: Duration = Duration::from_millis(250);
/// How many times a bar moves between two plain lines in a pipe.
const TICKS_PER_LINE: u32 = 20;
/// How many different remarks are made; further ones are in the report anyway.
const REMARKS_MAX: usize = 30;

/// Counts what the engine tells.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    by_state: BTreeMap<DeliveryState, u64>,
    attempted: u64,
    /// Said once each, however often it happens.
    remarks: BTreeSet<String>,
    unsaid: Vec<String>,
    ledger_trouble: bool,
    refused: u64,
    ticks: u32,
    shown: String,
}

impl Progress {
    /// Starts from where the campaigns stand.
    pub(crate) fn from(tallies: &[Tally]) -> Progress {
        let mut seen = Seen::default();
        for tally in tallies {
            seen.attempted += tally.attempted();
            for (state, count) in tally.by_state.iter().filter(|(state, _)| state.is_attempted()) {
                *seen.by_state.entry(*state).or_default() += count;
            }
        }
        Progress { seen: Mutex::new(seen) }
    }

    /// Shows where things stand.
    pub(crate) fn tell(&self, bar: &ProgressBar, output: &Output) {
        let mut seen = self.seen();
        for remark in std::mem::take(&mut seen.unsaid) {
            bar.suspend(|| output.note(&remark));
        }
        let shown = seen.line();
        bar.set_length(seen.attempted);
        bar.set_position(seen.tried());
        bar.set_message(shown.clone());
        seen.ticks += 1;
        if bar.is_hidden() && seen.ticks % TICKS_PER_LINE == 1 && shown != seen.shown {
            output.note(format!("{} of {} tried: {shown}", thousands(seen.tried()), thousands(seen.attempted)));
            seen.shown = shown;
        }
    }

    /// How many outcomes the ledger did not accept: a fault of the program, to be told.
    pub(crate) fn refused(&self) -> u64 {
        self.seen().refused
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Progress {
    fn note(&self, note: Note) {
        let mut seen = self.seen();
        match note {
            Note::Moved { from, to, .. } => seen.moved(from, to),
            Note::SiteHeld { site, rule, .. } if rule == "site-silent" => {
                seen.remark(format!("{site} does not answer; it is tried again later"));
            }
            Note::SiteHeld { site, rule, .. } => seen.remark(format!("{site} asks us to wait ({rule}); others go on")),
            Note::Braked { why, .. } => seen.remark(format!("stopped: {why}")),
            Note::Warned { why } => seen.remark(why),
            Note::ProviderHeld { why, .. } => seen.remark(why),
            Note::SourceRests { says, .. } => seen.remark(says),
            Note::Learned { site, says } => seen.remark(format!("{site}: {says}")),
            Note::CanaryEnded { why, .. } => seen.remark(format!("the sample has its verdict: {why}")),
            Note::TrialJudged { why, .. } => seen.remark(format!("the variants are compared: {why}")),
            Note::Ended { .. } => {}
            Note::LedgerTrouble(why) => {
                if !std::mem::replace(&mut seen.ledger_trouble, true) {
                    seen.unsaid.push(format!("nothing new is started, because outcomes cannot be recorded: {why}"));
                }
            }
            Note::LedgerWorks => {
                if std::mem::take(&mut seen.ledger_trouble) {
                    seen.unsaid.push("outcomes can be recorded again: going on".to_owned());
                }
            }
            Note::SettlementRefused(refused) => {
                seen.refused += 1;
                seen.remark(format!("a fault of this program, please report it: {refused:?}"));
            }
        }
    }
}

impl Seen {
    fn moved(&mut self, from: DeliveryState, to: DeliveryState) {
        if let Some(count) = self.by_state.get_mut(&from) {
            *count = count.saturating_sub(1);
        }
        match to.is_attempted() {
            true => *self.by_state.entry(to).or_default() += 1,
            false => self.attempted = self.attempted.saturating_sub(1),
        }
    }

    fn remark(&mut self, text: String) {
        if self.remarks.len() < REMARKS_MAX && self.remarks.insert(text.clone()) {
            self.unsaid.push(text);
        }
    }

    fn count(&self, state: DeliveryState) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }

    fn tried(&self) -> u64 {
        self.attempted.saturating_sub(self.count(DeliveryState::Queued))
    }

    /// The terms that are not zero.
    fn line(&self) -> String {
        let terms = [
            (DeliveryState::Accepted, "accepted"),
            (DeliveryState::Deferred, "put off"),
            (DeliveryState::Soft, "soft"),
            (DeliveryState::Hard, "hard"),
            (DeliveryState::Blocked, "blocked"),
            (DeliveryState::InDoubt, "in doubt"),
        ];
        let shown = terms.iter().filter(|(state, _)| self.count(*state) > 0);
        let shown: Vec<String> =
            shown.map(|(state, word)| format!("{} {word}", thousands(self.count(*state)))).collect();
        if shown.is_empty() { "nothing answered yet".to_owned() } else { shown.join(" · ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CampaignId;

    #[test]
    fn what_moves_is_counted_where_it_stands() {
        let tally =
            Tally { by_state: [(DeliveryState::Queued, 3), (DeliveryState::Skipped, 5)].into(), ..Tally::default() };
        let progress = Progress::from(&[tally]);
        let moved = |from, to| progress.note(Note::Moved { campaign: CampaignId(1), from, to, attempt: None });
        moved(DeliveryState::Queued, DeliveryState::Deferred);
        moved(DeliveryState::Deferred, DeliveryState::Accepted);
        moved(DeliveryState::Queued, DeliveryState::Skipped);
        let seen = progress.seen();
        assert_eq!((seen.attempted, seen.tried(), seen.line().as_str()), (2, 1, "1 accepted"));
    }
}
