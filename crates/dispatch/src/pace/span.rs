//! How many messages a connection carries: learned when a site says so or keeps closing after the same number.
//!
//! Nothing rests for it: one leaves in time and connects anew. Invariant: at least one, at most the ceiling.

use super::memory::Kept;
use super::probe::{INTERVAL_MIN, Probe};
use super::story::{Cause, Change, Limit};
use model::Timestamp;
use std::time::Duration;

/// A silent end after the same number of messages, this often in a row, is a limit.
const SILENT_ENDS: u8 = 2;
/// The right to go one further is taken up so soon or lapses.
const TOKEN_LASTS: Duration = Duration::from_secs(5);

/// One lane's messages per connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    learned: Option<Kept>,
    /// After how many messages the last session ended without a word, and how often in a row.
    ended: Option<(u32, u8)>,
    /// One session may go one message further.
    token: Option<Timestamp>,
    /// When a session last went further than the limit.
    exceeded_at: Option<Timestamp>,
}

impl Span {
    pub(super) fn restored(learned: Option<Kept>) -> Span {
        Span { learned, ..Span::default() }
    }

    pub(super) fn learned(&self) -> Option<&Kept> {
        self.learned.as_ref()
    }

    /// Leave after so many.
    pub(super) fn messages(&self, ceiling: u32, now: Timestamp) -> u32 {
        let Some(learned) = &self.learned else { return ceiling.max(1) };
        let further = u32::from(self.token.is_some_and(|at| now.since(at) < TOKEN_LASTS));
        learned.value.saturating_add(further).min(ceiling).max(1)
    }

    /// A message starts: whoever had the right to go further has taken it up.
    pub(super) fn starting(&mut self, now: Timestamp) {
        if self.token.take().is_some() {
            self.exceeded_at = Some(now);
        }
    }

    /// A session has now carried `carried` messages.
    pub(super) fn accepted(&mut self, carried: u32, now: Timestamp) -> Option<Change> {
        let learned = self.learned.as_mut()?;
        if carried == learned.value && learned.probe.is_due(now) {
            self.token = Some(now);
        }
        if carried <= learned.value {
            return None;
        }
        let from = std::mem::replace(&mut learned.value, carried);
        self.token = Some(now);
        let (limit, next_probe) = (Limit::PerConnection, Some(learned.probe.at));
        // One sentence for the first step, not for each.
        let is_first = self.exceeded_at.take().is_some() && learned.probe.is_due(now);
        learned.probe.at = now;
        is_first.then_some(Change { limit, from: Some(from), to: Some(carried), cause: None, at: now, next_probe })
    }

    /// The site says that `carried` messages are enough for one connection.
    pub(super) fn enough(&mut self, carried: u32, cause: &Cause, now: Timestamp, per_hour: f64) -> Option<Change> {
        let value = carried.max(1);
        let from = self.learned.as_ref().map(|learned| learned.value);
        if let Some(learned) = self.learned.as_mut().filter(|learned| value >= learned.value) {
            // A probe failed; or a session that was under way when the limit was learned.
            let is_probe = learned.probe.is_due(now);
            if is_probe {
                learned.probe.failed(now, per_hour);
            }
            let stays = Change::stays(Limit::PerConnection, learned.value, cause, learned.probe.at, now);
            (self.token, self.exceeded_at) = (None, None);
            return is_probe.then_some(stays);
        }
        let mut probe = self.learned.as_ref().map_or_else(|| Probe::first(now, INTERVAL_MIN), |learned| learned.probe);
        if from.is_some() {
            probe.postponed(now);
        }
        self.learned = Some(Kept { value, cause: cause.clone(), since: now, probe });
        let (limit, next_probe, cause) = (Limit::PerConnection, Some(probe.at), Some(cause.clone()));
        Some(Change { limit, from, to: Some(value), cause, at: now, next_probe })
    }

    /// A session ended without a clear word after `carried` messages. Twice the same number is a limit.
    pub(super) fn ended(&mut self, carried: u32, cause: &Cause, now: Timestamp, per_hour: f64) -> Option<Change> {
        let times = self.ended.filter(|(last, _)| *last == carried).map_or(1, |(_, times)| times.saturating_add(1));
        self.ended = Some((carried, times));
        if times < SILENT_ENDS {
            return None;
        }
        self.ended = None;
        self.enough(carried, cause, now, per_hour)
    }
}
