//! How many connections at once: slow start, small steps back for failures, and the cap a site names.
//!
//! Growth follows Postfix's scheduler: one more per cohort of acceptances while all are in use, a fraction back per
//! failure, and a step back only when the fractions add up to one. What a site says in so many words ("too many
//! connections") is learned exactly: one fewer than were open when it refused.
//!
//! Invariant: never above the ceiling, never below one.

use super::memory::Kept;
use super::probe::{INTERVAL_MIN, Probe};
use super::story::{Cause, Change, Limit};
use model::Timestamp;
use std::time::Duration;

/// Connections a lane begins with.
const START: u32 = 2;
/// A refusal at a number that was fine before (a connection of ours that they still count) pauses so long, twice as
/// long each time …
const PAUSE: Duration = Duration::from_secs(1);
/// … at most this many times in a row; then the cap is lower than we thought.
const PAUSES_MAX: u32 = 1;
/// A refusal so soon after the cap was raised takes the raise back.
const FRESH: Duration = Duration::from_secs(60);

/// One lane's width.
#[derive(Clone, Debug)]
pub(super) struct Width {
    window: u32,
    credit: f64,
    debit: f64,
    cap: Option<Kept>,
    raised_at: Option<Timestamp>,
    pauses: u32,
    pause_until: Option<Timestamp>,
}

/// What a refusal for too many connections came to.
#[derive(Debug, PartialEq)]
pub(super) enum Crowded {
    /// The cap is known now, or known better.
    Learned(Change),
    /// Known already, or waiting a moment will do.
    Known,
    /// Not even one connection is welcome: wait.
    NotEvenOne,
}

impl Default for Width {
    fn default() -> Width {
        Width::restored(None)
    }
}

impl Width {
    pub(super) fn restored(cap: Option<Kept>) -> Width {
        let window = cap.as_ref().map_or(START, |cap| cap.value.max(START));
        Width { window, credit: 0.0, debit: 0.0, cap, raised_at: None, pauses: 0, pause_until: None }
    }

    pub(super) fn cap(&self) -> Option<&Kept> {
        self.cap.as_ref()
    }

    /// May one more be opened beside `open`? When a probe is due, one beyond the cap.
    pub(super) fn admits(&self, open: u32, ceiling: u32, now: Timestamp) -> bool {
        if open >= ceiling.max(1) {
            return false;
        }
        match &self.cap {
            Some(cap) if open >= cap.value => open == cap.value && cap.probe.is_due(now),
            _ => open < self.window.max(1),
        }
    }

    /// Not before then, because a refused connection may still be counted.
    pub(super) fn paused_until(&self) -> Option<Timestamp> {
        self.pause_until
    }

    /// A message was accepted while `open` connections stood; `fresh`: the first on its connection.
    pub(super) fn accepted(&mut self, open: u32, fresh: bool, now: Timestamp) -> Option<Change> {
        if fresh {
            self.pauses = 0;
        }
        if open >= self.window {
            self.credit += 1.0 / f64::from(self.window.max(1));
            if self.credit >= 1.0 {
                self.window = self.window.saturating_add(1);
                self.credit = 0.0;
                self.debit = 0.0;
            }
        }
        let cap = self.cap.as_mut().filter(|cap| fresh && open > cap.value && cap.probe.is_due(now))?;
        let from = std::mem::replace(&mut cap.value, open);
        cap.probe.went_well(now);
        self.window = self.window.max(open);
        self.raised_at = Some(now);
        let (limit, next_probe) = (Limit::Connections, Some(cap.probe.at));
        Some(Change { limit, from: Some(from), to: Some(open), cause: None, at: now, next_probe })
    }

    /// A connection failed, or its site is in trouble: a fraction of a step back.
    pub(super) fn failed(&mut self) {
        self.credit = 0.0;
        self.debit += 1.0 / f64::from(self.window.max(1));
        if self.debit >= 1.0 {
            self.window = self.window.saturating_sub(1).max(1);
            self.debit = 0.0;
        }
    }

    /// Back to one connection, after a rest.
    pub(super) fn start_again(&mut self) {
        (self.window, self.credit, self.debit) = (START.min(self.window), 0.0, 0.0);
    }

    /// Too many connections, says the site, while `open` were open, the refused one included.
    pub(super) fn crowded(&mut self, open: u32, cause: &Cause, now: Timestamp, messages_per_hour: f64) -> Crowded {
        if open <= 1 {
            return Crowded::NotEvenOne;
        }
        let known = self.cap.as_ref().map(|cap| cap.value);
        let fresh_raise = self.raised_at.is_some_and(|at| now.since(at) < FRESH);
        match (&mut self.cap, known) {
            (Some(cap), Some(value)) if open > value => {
                if !cap.probe.is_due(now) {
                    return Crowded::Known;
                }
                cap.probe.failed(now, messages_per_hour);
                Crowded::Learned(Change::stays(Limit::Connections, value, cause, cap.probe.at, now))
            }
            (Some(_), Some(_)) if !fresh_raise && self.pauses < PAUSES_MAX => {
                self.pause_until = Some(now + PAUSE * (1 << self.pauses));
                self.pauses += 1;
                Crowded::Known
            }
            (cap, from) => {
                let value = open - 1;
                let mut probe = cap.as_ref().map_or_else(|| Probe::first(now, INTERVAL_MIN), |cap| cap.probe);
                if from.is_some() {
                    probe.failed(now, messages_per_hour);
                }
                *cap = Some(Kept { value, cause: cause.clone(), since: now, probe });
                self.window = self.window.min(open).max(1);
                (self.raised_at, self.pauses, self.credit) = (None, 0, 0.0);
                let (limit, next_probe, cause) = (Limit::Connections, Some(probe.at), Some(cause.clone()));
                Crowded::Learned(Change { limit, from, to: Some(value), cause, at: now, next_probe })
            }
        }
    }
}
