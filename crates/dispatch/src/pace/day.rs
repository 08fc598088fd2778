//! How many a day: counted from midnight UTC, capped by the ceiling and by what a site said was enough.
//!
//! Their day need not turn at midnight UTC: in California it does at eight in the morning. When it turned shows where a
//! message is taken after a rest for the day; what was taken since then is what they mean. A refusal before that, on a day of
//! ours on which less was taken than the cap, says that their day goes on, and nothing about the number.
//!
//! Invariant: no more are started on one UTC day than the ceiling allows, nor than the learned cap but for the single
//! messages that feel whether their day has turned; restarts included.

use super::memory::Kept;
use super::probe::Probe;
use super::rest::next_day;
use super::story::{Cause, Change, Limit};
use model::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What was taken beyond the cap raises it by so great a part of it.
const MORE: u32 = 10;
/// On the day of a probe so many more than the cap are tried, or a part of it where that is fewer: if they are taken, the cap is
/// higher and they are not the last.
const TRIED_MAX: u32 = 4;
/// Days between probes at most.
const DAYS_MAX: u32 = 32;

/// One lane's day.
#[derive(Clone, Debug, Default)]
pub(super) struct Day {
    day: i64,
    started: u32,
    /// What was taken since their day turned, as far as is known.
    taken: u32,
    /// Did it turn before our eyes, so that `taken` is all they took on it?
    is_seen: bool,
    /// What was taken on the last day before this one on which anything was started.
    taken_before: u32,
    cap: Option<Kept>,
}

impl Day {
    pub(super) fn restored(cap: Option<Kept>, day: i64, started: u32) -> Day {
        Day { day, started, taken: started, is_seen: false, taken_before: 0, cap }
    }

    pub(super) fn cap(&self) -> Option<&Kept> {
        self.cap.as_ref()
    }

    pub(super) fn counted(&self) -> (i64, u32) {
        (self.day, self.started)
    }

    /// So many may start on a day; `None`: without bound.
    pub(super) fn most(&self, ceiling: Option<u32>) -> Option<u32> {
        [ceiling, self.cap.as_ref().map(|cap| cap.value)].into_iter().flatten().min()
    }

    /// When the day's number lets the next one start; `None`: now. Where more is tried later today, then. What `feels` whether
    /// their day has turned is bounded by the ceiling alone.
    pub(super) fn opens(&self, ceiling: Option<u32>, feels: bool, now: Timestamp) -> Option<Timestamp> {
        // A clock that was set back does not give the day back.
        let started = if now.day() <= self.day { self.started } else { 0 };
        let (ceiling, tomorrow) = (ceiling.unwrap_or(u32::MAX), next_day(now));
        let Some(cap) = self.cap.as_ref().filter(|_| !feels) else {
            return (started >= ceiling).then_some(tomorrow);
        };
        let is_due = cap.probe.is_due(now);
        let with_more = cap.value.saturating_add((cap.value / MORE).clamp(1, TRIED_MAX));
        let allowed = if is_due { with_more } else { cap.value };
        let is_tried_today = !is_due && cap.probe.at.day() == now.day() && started < with_more.min(ceiling);
        (started >= allowed.min(ceiling)).then_some(if is_tried_today { cap.probe.at } else { tomorrow })
    }

    /// So many were started on a day, as is known besides; like those of the lane's own count, they are held to be taken.
    pub(super) fn counted_besides(&mut self, day: i64, started: u32) {
        if day >= self.day && started > 0 {
            self.turn_to(day);
            if started > self.started {
                (self.started, self.taken) = (started, self.taken.max(started));
            }
        }
    }

    pub(super) fn starting(&mut self, now: Timestamp) {
        self.turn_to(now.day());
        self.started = self.started.saturating_add(1);
    }

    /// Another day begins, if it is a later one.
    fn turn_to(&mut self, day: i64) {
        if day > self.day {
            (self.day, self.started, self.taken_before, self.taken) = (day, 0, self.taken, 0);
            self.is_seen = false;
        }
    }

    /// A message was taken; more than the cap means that the cap is higher.
    pub(super) fn taken(&mut self, now: Timestamp) -> Option<Change> {
        if now.day() != self.day {
            return None;
        }
        self.taken = self.taken.saturating_add(1);
        let cap = self.cap.as_mut().filter(|cap| self.taken > cap.value && cap.probe.is_due(now))?;
        let from = std::mem::replace(&mut cap.value, self.taken.saturating_add(self.taken / MORE));
        let limit = Limit::PerDay;
        Some(Change { limit, from: Some(from), to: Some(cap.value), cause: None, at: now, next_probe: Some(now) })
    }

    /// A message was taken that felt whether their day has turned: it has.
    pub(super) fn turned(&mut self) {
        (self.taken, self.is_seen) = (0, true);
    }

    /// Is their day one that began before ours, so that a refusal now says nothing about the number?
    pub(super) fn began_before_ours(&self, now: Timestamp) -> bool {
        let (started, taken) = if now.day() == self.day { (self.started, self.taken) } else { (0, 0) };
        !self.is_seen && self.cap.as_ref().map_or(taken == 0, |cap| started < cap.value)
    }

    /// Enough for today, says the site: what was taken on their day is the cap, if that is known. A day on which a probe
    /// failed keeps its cap.
    pub(super) fn enough(&mut self, cause: &Cause, now: Timestamp) -> Option<Change> {
        if self.began_before_ours(now) || (self.taken == 0 && self.cap.is_some()) {
            return None;
        }
        self.capped_at(self.taken.max(1), cause, now)
    }

    /// A rest that only the next day ended: what was taken on the day before is the cap.
    pub(super) fn was_enough(&mut self, cause: &Cause, now: Timestamp) -> Option<Change> {
        self.capped_at(self.taken_before.max(1), cause, now)
    }

    fn capped_at(&mut self, value: u32, cause: &Cause, now: Timestamp) -> Option<Change> {
        let days = self.cap.as_ref().map_or(1, |cap| {
            let held = u32::try_from(now.since(cap.since).as_secs() / DAY.as_secs()).unwrap_or(DAYS_MAX);
            held.saturating_mul(2).clamp(1, DAYS_MAX)
        });
        let from = self.cap.as_ref().map(|cap| cap.value);
        let is_probe = self.cap.as_ref().is_some_and(|cap| cap.probe.is_due(now));
        let probe = Probe::first_after(now, DAY * days);
        self.cap = Some(Kept { value, cause: cause.clone(), since: now, probe });
        let (limit, cause, next_probe) = (Limit::PerDay, Some(cause.clone()), Some(probe.at));
        (from != Some(value) || is_probe).then_some(Change { limit, from, to: Some(value), cause, at: now, next_probe })
    }
}
