//! A lane: our way to one receiving site. It holds the deliveries read for it, its servers, and its limits.
//!
//! Connections take deliveries from the lane themselves; the scheduler fills it and opens connections. A lane holds
//! at most one window of deliveries, whatever the backlog.

use dispatch::providers::{Limits, Provider};
use dispatch::react::LaneHold;
use dispatch::retry::Schedule;
use dispatch::route::HostGroup;
use model::{CampaignId, DeliveryId, SiteId, Timestamp, Verdict};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Claimed;
use tokio::sync::Notify;

/// Deliveries a lane holds at most.
pub(crate) const WINDOW: usize = 256;
/// Below this it asks for more.
const LOW_WATER: usize = WINDOW / 2;
/// A further connection is opened for every so many deliveries that wait.
const PER_NEW_CONNECTION: usize = 4;
/// After so many acceptances a learned limit is tried one higher.
const ACCEPTED_PER_PROBE: u64 = 50;
const MINUTE: Duration = Duration::from_secs(60);

/// One lane.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) site: SiteId,
    pub(crate) fingerprint: String,
    pub(crate) provider: Option<&'static Provider>,
    pub(crate) limits: Limits,
    /// Rung when deliveries were added, or when nothing more will be.
    pub(crate) supplied: Notify,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    groups: Vec<HostGroup>,
    ready: VecDeque<Claimed>,
    open: u32,
    held: Option<LaneHold>,
    /// Refused without a break since then, and what it was.
    refused_since: Option<(Timestamp, Verdict)>,
    /// More may come: a connection with nothing to do waits instead of leaving.
    more: bool,
    asked: bool,
    /// Encryption failed here: talk in clear.
    tls_broken: bool,
    /// The site told us so: fewer than the configured limits.
    connections_learned: Option<u32>,
    per_connection_learned: Option<u32>,
    connects: VecDeque<Timestamp>,
    next_message_at: Option<Timestamp>,
    accepted: u64,
}

/// What a connection does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send this.
    Deliver(Box<Claimed>),
    /// Wait: more is on its way.
    Wait,
    /// Not before then.
    Pace(Duration),
    /// Leave.
    Leave,
}

impl Lane {
    pub(crate) fn new(site: SiteId, fingerprint: String, provider: Option<&'static Provider>, limits: Limits) -> Lane {
        Lane { site, fingerprint, provider, limits, supplied: Notify::new(), inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who answers for the site, freshly looked up.
    pub(crate) fn set_groups(&self, groups: Vec<HostGroup>) {
        self.lock().groups = groups;
    }

    /// The servers, best first.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.lock().groups.iter().flat_map(|group| group.hosts.iter().cloned()).collect()
    }

    /// What tells unrelated sites apart for the brakes.
    pub(crate) fn operator(&self) -> &str {
        self.provider.map_or(self.fingerprint.as_str(), |provider| provider.key.as_str())
    }

    /// How many more deliveries there is room for.
    pub(crate) fn room(&self) -> usize {
        WINDOW.saturating_sub(self.lock().ready.len())
    }

    /// Adds deliveries; `more` says whether others may follow.
    pub(crate) fn supply(&self, deliveries: impl IntoIterator<Item = Claimed>, more: bool) {
        let mut inner = self.lock();
        inner.ready.extend(deliveries);
        inner.more = more;
        inner.asked = false;
        drop(inner);
        self.supplied.notify_waiters();
    }

    /// Puts a delivery in front again: its conversation ended before it began.
    pub(crate) fn put_first(&self, claimed: Claimed) {
        self.lock().ready.push_front(claimed);
    }

    /// A delivery was given back to the ledger without an outcome.
    pub(crate) fn gave_back(&self) {
        self.supplied.notify_waiters();
    }

    /// The next thing for a connection to do. The second value asks the scheduler for more.
    pub(crate) fn next(&self, now: Timestamp) -> (Next, bool) {
        let mut inner = self.lock();
        if inner.is_held(now) {
            return (Next::Leave, false);
        }
        if let Some(at) = inner.next_message_at.filter(|at| *at > now) {
            return (Next::Pace(at.since(now)), false);
        }
        let taken = inner.ready.pop_front();
        let ask = inner.more && !inner.asked && inner.ready.len() < LOW_WATER;
        inner.asked |= ask;
        match taken {
            Some(claimed) => {
                if let Some(rate) = self.limits.messages_per_minute {
                    inner.next_message_at = Some(now + MINUTE / rate.max(1));
                }
                (Next::Deliver(Box::new(claimed)), ask)
            }
            None if inner.more => (Next::Wait, ask),
            None => (Next::Leave, false),
        }
    }

    /// Takes everything that waits: one failed connection speaks for all of it.
    pub(crate) fn drain(&self) -> Vec<Claimed> {
        self.lock().ready.drain(..).collect()
    }

    /// Takes out what waits for one campaign and names it.
    pub(crate) fn give_back(&self, campaign: CampaignId) -> Vec<DeliveryId> {
        let mut inner = self.lock();
        let (out, kept): (VecDeque<Claimed>, VecDeque<Claimed>) =
            inner.ready.drain(..).partition(|claimed| claimed.campaign == campaign);
        inner.ready = kept;
        out.into_iter().map(|claimed| claimed.delivery).collect()
    }

    /// Is it known who answers for the site?
    pub(crate) fn has_hosts(&self) -> bool {
        !self.lock().groups.is_empty()
    }

    /// Is anything ready that may start now?
    pub(crate) fn is_ready(&self, now: Timestamp) -> bool {
        let inner = self.lock();
        !inner.ready.is_empty() && !inner.is_held(now)
    }

    /// Nothing read, nothing open.
    pub(crate) fn is_empty(&self) -> bool {
        let inner = self.lock();
        inner.ready.is_empty() && inner.open == 0
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> u32 {
        self.lock().open
    }

    /// Opens one more connection if work and limits ask for it; counts it at once.
    pub(crate) fn try_open(&self, now: Timestamp) -> bool {
        let mut inner = self.lock();
        if inner.ready.is_empty() || inner.is_held(now) || inner.groups.is_empty() {
            return false;
        }
        let cap = inner.connections_learned.unwrap_or(u32::MAX).min(self.limits.connections).max(1);
        let wanted = u32::try_from(inner.ready.len().div_ceil(PER_NEW_CONNECTION)).unwrap_or(u32::MAX);
        if inner.open >= cap.min(wanted) {
            return false;
        }
        while inner.connects.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            inner.connects.pop_front();
        }
        if self.limits.connects_per_minute < u32::MAX {
            if inner.connects.len() >= self.limits.connects_per_minute as usize {
                return false;
            }
            inner.connects.push_back(now);
        }
        inner.open += 1;
        true
    }

    /// When the lane could open a connection again, if only time keeps it from doing so.
    pub(crate) fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let inner = self.lock();
        if inner.ready.is_empty() {
            return None;
        }
        if let Some(hold) = inner.held.as_ref().filter(|hold| hold.until > now) {
            return Some(hold.until);
        }
        let full = inner.connects.len() >= self.limits.connects_per_minute as usize;
        inner.connects.front().filter(|_| full && inner.open == 0).map(|oldest| *oldest + MINUTE)
    }

    /// A connection has ended.
    pub(crate) fn closed(&self) {
        let mut inner = self.lock();
        inner.open = inner.open.saturating_sub(1);
    }

    /// Starts nothing until the hold ends. A longer hold stays. `refusal` is the word that caused it, at `now`.
    pub(crate) fn hold(&self, hold: LaneHold, refusal: Option<&Verdict>, now: Timestamp) {
        let mut inner = self.lock();
        if let (None, Some(verdict)) = (&inner.refused_since, refusal) {
            inner.refused_since = Some((now, verdict.clone()));
        }
        if inner.held.as_ref().is_none_or(|held| held.until < hold.until) {
            inner.held = Some(hold);
        }
        drop(inner);
        self.supplied.notify_waiters();
    }

    /// The hold in force.
    pub(crate) fn held(&self, now: Timestamp) -> Option<LaneHold> {
        self.lock().held.clone().filter(|hold| hold.until > now)
    }

    /// The site ended a session after so many messages: leave earlier from now on.
    pub(crate) fn learn_per_connection(&self, messages: u32) {
        let mut inner = self.lock();
        let known = inner.per_connection_learned.unwrap_or(u32::MAX);
        inner.per_connection_learned = Some(known.min(messages.max(1)));
    }

    /// The site finds our connections too many: one fewer than are open now.
    pub(crate) fn learn_connections(&self) {
        let mut inner = self.lock();
        let cap = inner.open.saturating_sub(1).max(1);
        inner.connections_learned = Some(inner.connections_learned.map_or(cap, |known| known.min(cap)));
    }

    /// Messages a session may carry.
    pub(crate) fn per_connection(&self) -> u32 {
        self.lock().per_connection_learned.unwrap_or(u32::MAX).min(self.limits.per_connection).max(1)
    }

    /// Encryption failed here: talk in clear from now on (opportunistic TLS, RFC 7435).
    pub(crate) fn set_tls_broken(&self) {
        self.lock().tls_broken = true;
    }

    /// Did encryption fail here?
    pub(crate) fn is_tls_broken(&self) -> bool {
        self.lock().tls_broken
    }

    /// Counts an acceptance: whatever refused us before is over.
    pub(crate) fn count_accepted(&self) {
        let mut inner = self.lock();
        inner.accepted += 1;
        inner.refused_since = None;
        if inner.accepted.is_multiple_of(ACCEPTED_PER_PROBE) {
            inner.connections_learned = inner.connections_learned.map(|learned| learned.saturating_add(1));
        }
    }

    /// The refusal that has lasted longer than anybody's retry window: who still waits here is given up with it.
    pub(crate) fn outlived(&self, schedule: &Schedule, now: Timestamp) -> Option<Verdict> {
        let inner = self.lock();
        let (since, verdict) = inner.refused_since.as_ref()?;
        (inner.is_held(now) && schedule.outlived(*since, now)).then(|| verdict.clone())
    }

    /// Has the site accepted anybody in this run?
    pub(crate) fn has_accepted(&self) -> bool {
        self.lock().accepted > 0
    }
}

impl Inner {
    fn is_held(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|hold| hold.until > now)
    }
}
