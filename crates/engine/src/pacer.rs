//! The pacing of one lane, or of all lanes of a source toward a provider that counts over all its sites.
//!
//! What is decided is decided in [`dispatch::pace`]; here it is shared between connections, and kept. Invariants: every
//! connection and every message is counted where it is permitted, under one lock; nobody is woken to be told "not yet":
//! whoever has to wait for the rate waits in a line of which only the first has a timer.

use crate::settings::{AfterRefusal, KnownLimits};
use dispatch::pace::{Heard, InForce, Limit, Memory, Pace, Permit, Response};
use dispatch::providers::Limits;
use dispatch::react::LaneHold;
use dispatch::rules::RulePack;
use model::{Outcome, SiteId, SourceId, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a pacer's memory is kept: a source, and a site or the entry that stands for a provider's sites together.
pub(crate) type PacerKey = (SourceId, SiteId);

/// Shared pacing.
#[derive(Debug)]
pub(crate) struct Pacer {
    pub(crate) key: PacerKey,
    /// Held by the one connection that waits for the rate; the others queue behind it.
    pub(crate) turnstile: tokio::sync::Mutex<()>,
    /// Limits that are told instead of learned, and of whom.
    known: Option<(KnownLimits, String)>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    pace: Pace,
    open: u32,
    /// Something was learned that is not written down yet.
    unwritten: bool,
    /// What people call the site: its lanes may be gone when it is written down.
    site_name: Option<String>,
}

impl Pacer {
    pub(crate) fn new(key: PacerKey, pace: Pace) -> Pacer {
        let inner = Mutex::new(Inner { pace, open: 0, unwritten: false, site_name: None });
        Pacer { key, turnstile: tokio::sync::Mutex::default(), known: None, inner }
    }

    /// The same, asking for the limits of `operator` each time instead of learning them.
    pub(crate) fn told(self, limits: KnownLimits, operator: &str) -> Pacer {
        Pacer { known: Some((limits, operator.to_owned())), ..self }
    }

    /// Other ceilings and rules from now on; what was learned and counted stays.
    pub(crate) fn describe(&self, limits: Limits, rules: &'static RulePack, now: Timestamp) {
        let mut inner = self.lock();
        inner.pace.set_limits(limits, now);
        inner.pace.set_rules(rules);
    }

    /// What people call the site.
    pub(crate) fn named(&self, name: String) {
        self.lock().site_name = Some(name);
    }

    /// The same, if it was told.
    pub(crate) fn site_name(&self) -> Option<String> {
        self.lock().site_name.clone()
    }

    fn at(&self, now: Timestamp) -> MutexGuard<'_, Inner> {
        let told = self.known.as_ref().and_then(|(limits, operator)| (limits.at)(operator, now));
        let mut inner = self.lock();
        if let Some(limits) = told {
            inner.pace.set_limits(limits, now);
        }
        inner
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May one more connection be opened?
    pub(crate) fn may_open(&self, now: Timestamp) -> Permit {
        let inner = self.at(now);
        inner.pace.may_connect(inner.open, now)
    }

    /// One more connection is opened. Only the scheduler opens any, so what it was permitted a moment ago still holds.
    pub(crate) fn open_one(&self, now: Timestamp) {
        let mut inner = self.lock();
        inner.pace.connecting(now);
        inner.open += 1;
    }

    /// A connection has ended.
    pub(crate) fn close_one(&self) {
        let mut inner = self.lock();
        inner.open = inner.open.saturating_sub(1);
    }

    /// May a message start?
    pub(crate) fn may_start(&self, now: Timestamp) -> Permit {
        self.at(now).pace.may_start(now)
    }

    /// One more message, counted if it may start now.
    pub(crate) fn start_one(&self, now: Timestamp) -> Permit {
        let mut inner = self.at(now);
        let permit = inner.pace.may_start(now);
        if permit == Permit::Yes {
            inner.pace.starting(now);
            let counts_days = inner.pace.counts_days();
            inner.unwritten |= counts_days;
        }
        permit
    }

    /// Do messages start as they come, counted by nothing that time gives back?
    pub(crate) fn is_free(&self) -> bool {
        self.lock().pace.is_free()
    }

    /// Messages a session may carry.
    pub(crate) fn per_connection(&self, now: Timestamp) -> u32 {
        self.lock().pace.per_connection(now).max(1)
    }

    /// Connections open, over all lanes that share it.
    pub(crate) fn open(&self) -> u32 {
        self.lock().open
    }

    /// Learns from what was heard; `heard.open` is filled in here.
    pub(crate) fn heard(&self, heard: Heard<'_>, now: Timestamp) -> Response {
        let goes_on = self.known.as_ref().is_some_and(|(limits, _)| limits.after_refusal == AfterRefusal::GoOn);
        if goes_on && heard.verdict.outcome != Outcome::Accepted {
            return Response::default();
        }
        let mut inner = self.lock();
        let open = inner.open;
        let response = inner.pace.heard(&Heard { open, ..heard }, now);
        inner.unwritten |= response.steps || !response.changes.is_empty();
        response
    }

    /// The hold in force.
    pub(crate) fn held(&self, now: Timestamp) -> Option<LaneHold> {
        self.lock().pace.hold(now)
    }

    /// Is a hold in force?
    pub(crate) fn is_held(&self, now: Timestamp) -> bool {
        self.lock().pace.is_held(now)
    }

    /// Does it rest because our address is listed there?
    pub(crate) fn is_listed(&self, now: Timestamp) -> bool {
        let inner = self.lock();
        inner.pace.is_held(now) && inner.pace.is_listed()
    }

    /// The listing is over. `false`: it rests for none.
    pub(crate) fn delisted(&self, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let was_listed = inner.pace.is_held(now) && inner.pace.delisted(now);
        inner.unwritten |= was_listed;
        was_listed
    }

    /// The limits in force, for people.
    pub(crate) fn limits_in_force(&self, now: Timestamp) -> Vec<InForce> {
        self.lock().pace.limits_in_force(now)
    }

    /// The ceiling that keeps the next message from starting now, if one does.
    pub(crate) fn at_ceiling(&self, now: Timestamp) -> Option<Limit> {
        self.at(now).pace.at_ceiling(now)
    }

    /// What is known now.
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.lock().pace.memory()
    }

    /// What was learned since this was last asked; `Some(None)`: what was known is forgotten.
    pub(crate) fn take_unwritten(&self) -> Option<Option<Memory>> {
        let mut inner = self.lock();
        std::mem::take(&mut inner.unwritten).then(|| inner.pace.memory())
    }
}
