//! A lane: one source toward one receiving site. It holds the deliveries read for it and the site's servers.
//!
//! Connections take deliveries from the lane themselves; the scheduler fills it and opens connections. Every campaign
//! is a flow of its own, served by its share. Invariants: a lane holds at most one window of deliveries, whatever the
//! backlog; it starts nothing while it is held; how much and how fast is its pacer's word.

use crate::fleet::Source;
use crate::pacer::Pacer;
use crate::tempo::Tempo;
use crate::throttles::{Barred, Line, Seat, Taken, Throttles};
use dispatch::pace::{Heard, Permit, Response};
use dispatch::providers::Provider;
use dispatch::react::LaneHold;
use dispatch::retry::Schedule;
use dispatch::route::HostGroup;
use dispatch::share::{Class, Flow, Share, Weights};
use model::{Category, Outcome, Reply, SiteId, SourceId, Timestamp, Verdict, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Claimed;
use tokio::sync::Notify;

/// Deliveries a lane holds at most.
pub(crate) const WINDOW: usize = 256;
/// A flow's part of the window is at least this, however many flows there are.
pub(crate) const FLOW_WINDOW_MIN: usize = 16;
/// A lane held longer than this is gone round where another source can go; a shorter hold is waited for.
pub(crate) const HOLD_GONE_ROUND: Duration = Duration::from_secs(900);
/// A further connection is opened for every so many deliveries that wait.
const PER_NEW_CONNECTION: usize = 4;

/// Which lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LaneId {
    pub(crate) site: SiteId,
    pub(crate) source: SourceId,
}

/// A campaign's place among the others: shares are between workspaces first, then between a workspace's campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) flow: Flow,
    pub(crate) class: Class,
    pub(crate) weights: Weights,
}

/// One lane.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) id: LaneId,
    pub(crate) fingerprint: String,
    pub(crate) pacer: Arc<Pacer>,
    /// Rung when deliveries were added, or when nothing more will be.
    pub(crate) supplied: Notify,
    /// An envelope behind the end of a message was not understood here.
    lost_thread: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    provider: Option<&'static Provider>,
    source: Arc<Source>,
    /// The source is retired: nothing starts here any more.
    is_over: bool,
    groups: Vec<HostGroup>,
    ready: Share<Claimed>,
    open: u32,
    /// This lane alone is held: its servers are silent, or our ledger is.
    held: Option<LaneHold>,
    /// Refused without a break since then, and what it was.
    refused_since: Option<(Timestamp, SiteRefusal)>,
    /// Flows of which more may come: a connection with nothing to do waits instead of leaving.
    more: BTreeMap<Flow, Supply>,
    accepted: u64,
    /// Messages that were started.
    tempo: Tempo,
    /// Refused for our authentication since it last accepted.
    unauthenticated: u32,
}

/// How a flow is supplied.
#[derive(Clone, Copy, Debug)]
struct Supply {
    /// Below so many in hand, more is asked for.
    low_water: usize,
    asked: bool,
}

/// What a connection does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send this.
    Deliver(Box<Claimed>),
    /// Wait: more is on its way.
    Wait,
    /// Not before then; behind the others in that line, else in the lane's.
    Pace(Duration, Option<Line>),
    /// Leave.
    Leave,
}

/// What a site refuses us with: what is settled by it has the same cause as whoever heard it.
#[derive(Clone, Debug)]
pub(crate) struct SiteRefusal {
    pub(crate) verdict: Verdict,
    /// What it said, if it said anything.
    pub(crate) reply: Option<Reply>,
}

/// May a connection be opened?
#[derive(Debug)]
pub(crate) enum Opening {
    /// It is counted: open it.
    Yes(Seat),
    /// Only time keeps it from being opened.
    NotBefore(Timestamp),
    /// Ceilings of its source, or of everybody who has something here, are in the way.
    Barred(Vec<Barred>),
    /// Not unless something happens: work, or another connection's end.
    No,
}

impl Lane {
    pub(crate) fn new(
        id: LaneId,
        fingerprint: String,
        provider: Option<&'static Provider>,
        source: Arc<Source>,
        pacer: Arc<Pacer>,
    ) -> Lane {
        let (supplied, lost_thread) = (Notify::new(), AtomicBool::new(false));
        let inner = Mutex::new(Inner {
            provider,
            source,
            is_over: false,
            groups: Vec::new(),
            ready: Share::default(),
            open: 0,
            held: None,
            refused_since: None,
            more: BTreeMap::new(),
            accepted: 0,
            tempo: Tempo::default(),
            unauthenticated: 0,
        });
        Lane { id, fingerprint, pacer, supplied, lost_thread, inner }
    }

    /// Who runs the site, if that is described.
    pub(crate) fn provider(&self) -> Option<&'static Provider> {
        self.lock().provider
    }

    /// Another file describes who runs the site.
    pub(crate) fn set_provider(&self, provider: Option<&'static Provider>) {
        self.lock().provider = provider;
    }

    /// The source; a conversation keeps the one it began with.
    pub(crate) fn source(&self) -> Arc<Source> {
        self.lock().source.clone()
    }

    /// How the source is described now; `None`: it is retired, and nothing starts here any more.
    pub(crate) fn set_source(&self, source: Option<Arc<Source>>) {
        let mut inner = self.lock();
        inner.is_over = source.is_none();
        inner.source = source.unwrap_or_else(|| inner.source.clone());
        drop(inner);
        self.supplied.notify_waiters();
    }

    /// Is its source retired?
    pub(crate) fn is_over(&self) -> bool {
        self.lock().is_over
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

    /// What tells unrelated sites apart for brakes and budgets: the provider, else the site itself.
    pub(crate) fn operator(&self) -> &str {
        self.provider().map_or(self.fingerprint.as_str(), |provider| provider.key.as_str())
    }

    /// A name a person knows: the provider's, else a server's.
    pub(crate) fn name(&self) -> String {
        match self.provider() {
            Some(provider) => provider.name.clone(),
            None => self.hosts().into_iter().next().unwrap_or_else(|| self.fingerprint.clone()),
        }
    }

    /// The name of a server of the site, always the same one: brakes tell sites that nobody described by it.
    pub(crate) fn server(&self) -> String {
        self.hosts().into_iter().min().unwrap_or_else(|| self.fingerprint.clone())
    }

    // ── deliveries ───────────────────────────────────────────────────────────────────────────────────────────

    /// Adds deliveries of one flow.
    pub(crate) fn supply(&self, stream: Stream, deliveries: impl IntoIterator<Item = Claimed>) {
        let mut inner = self.lock();
        for claimed in deliveries {
            inner.ready.push(stream.flow, stream.weights, stream.class, claimed);
        }
        drop(inner);
        self.supplied.notify_waiters();
    }

    /// Says whether more of a flow may come, and below how many in hand it is to be asked for. What is only being looked
    /// up (`!readable`) comes by itself: asking for it would bring nothing, at once and again.
    pub(crate) fn expect_more(&self, flow: Flow, more: bool, readable: bool, low_water: usize) {
        let mut inner = self.lock();
        if more {
            inner.more.insert(flow, Supply { low_water, asked: !readable });
        } else {
            inner.more.remove(&flow);
        }
        drop(inner);
        self.supplied.notify_waiters();
    }

    /// Puts a delivery in front again: its conversation ended before it began.
    pub(crate) fn put_first(&self, stream: Stream, claimed: Claimed) {
        self.lock().ready.push_front(stream.flow, stream.weights, stream.class, claimed);
    }

    /// A delivery was given back to the ledger without an outcome.
    pub(crate) fn gave_back(&self) {
        self.supplied.notify_waiters();
    }

    /// The next thing for a connection to do. The second value asks the scheduler for more.
    pub(crate) fn next(&self, seat: &mut Seat, now: Timestamp) -> (Next, bool) {
        seat.put_down();
        let mut inner = self.lock();
        if inner.is_over || inner.is_held(now) || self.pacer.is_held(now) {
            return (Next::Leave, false);
        }
        if inner.ready.is_empty() {
            let ask = inner.ask_for_all();
            return (if inner.more.is_empty() { Next::Leave } else { Next::Wait }, ask);
        }
        match seat.take(&mut inner.ready, || self.pacer.start_one(now), now) {
            Taken::Item(flow, claimed) => {
                inner.tempo.count(now);
                (Next::Deliver(Box::new(claimed)), inner.ask_for(flow))
            }
            Taken::NotBefore(at, line) => (Next::Pace(at.since(now), line), false),
            Taken::Nothing => (Next::Leave, false),
        }
    }

    /// Somebody whose envelope may go out before the message before it is answered: only where messages start as they
    /// come and the server is known to follow. Not to be asked where somebody has ceilings. The second value asks the
    /// scheduler for more.
    pub(crate) fn next_ahead(&self, now: Timestamp) -> (Option<Box<Claimed>>, bool) {
        if self.lost_thread.load(Ordering::Relaxed) || !self.pacer.is_free() {
            return (None, false);
        }
        let mut inner = self.lock();
        if inner.is_over || inner.is_held(now) {
            return (None, false);
        }
        if inner.ready.is_empty() {
            return (None, inner.ask_for_all());
        }
        if self.pacer.start_one(now) != Permit::Yes {
            return (None, false);
        }
        match inner.ready.pop() {
            Some((flow, claimed)) => {
                inner.tempo.count(now);
                (Some(Box::new(claimed)), inner.ask_for(flow))
            }
            None => (None, false),
        }
    }

    /// The servers do not follow an envelope behind the end of a message: it goes out by itself from now on.
    pub(crate) fn announce_no_more(&self) {
        self.lost_thread.store(true, Ordering::Relaxed);
    }

    /// Does a hold keep anything from starting?
    pub(crate) fn is_held(&self, now: Timestamp) -> bool {
        self.lock().is_held(now) || self.pacer.is_held(now)
    }

    /// Takes everything that waits: one failed connection speaks for all of it.
    pub(crate) fn drain(&self) -> Vec<Claimed> {
        let mut inner = self.lock();
        std::iter::from_fn(|| inner.ready.pop()).map(|(_, claimed)| claimed).collect()
    }

    /// Takes out what waits for one campaign.
    pub(crate) fn take_flow(&self, flow: Flow) -> Vec<Claimed> {
        let mut inner = self.lock();
        inner.more.remove(&flow);
        inner.ready.remove_flow(flow)
    }

    /// Takes out those of one campaign who are held: each by itself would cost a turn that others could use.
    pub(crate) fn take_held(&self, flow: Flow, is_held: impl Fn(&Claimed) -> bool) -> Vec<Claimed> {
        self.lock().ready.extract(flow, is_held)
    }

    /// How many of a campaign are in hand.
    pub(crate) fn len_of(&self, flow: Flow) -> usize {
        self.lock().ready.len_of(flow)
    }

    /// How many are in hand.
    pub(crate) fn len(&self) -> usize {
        self.lock().ready.len()
    }

    /// Does anybody wait here?
    pub(crate) fn has_waiting(&self) -> bool {
        !self.lock().ready.is_empty()
    }

    /// Does a transactional message wait here?
    pub(crate) fn is_urgent(&self) -> bool {
        self.lock().ready.has_transactional()
    }

    /// Is anything ready that may start now?
    pub(crate) fn is_ready(&self, now: Timestamp) -> bool {
        let inner = self.lock();
        !inner.ready.is_empty() && !inner.is_held(now) && self.pacer.may_start(now) == Permit::Yes
    }

    /// Nothing read, nothing open.
    pub(crate) fn is_empty(&self) -> bool {
        let inner = self.lock();
        inner.ready.is_empty() && inner.open == 0
    }

    // ── connections ──────────────────────────────────────────────────────────────────────────────────────────

    /// Connections open now.
    pub(crate) fn open(&self) -> u32 {
        self.lock().open
    }

    /// Counts one more connection if work and limits ask for it.
    pub(crate) fn try_open(&self, throttles: &Arc<Throttles>, now: Timestamp) -> Opening {
        let mut inner = self.lock();
        if inner.is_over || inner.ready.is_empty() || inner.groups.is_empty() {
            return Opening::No;
        }
        if let Some(until) = self.held_until(&inner, now) {
            return Opening::NotBefore(until);
        }
        let wanted = u32::try_from(inner.ready.len().div_ceil(PER_NEW_CONNECTION)).unwrap_or(u32::MAX);
        if inner.open >= wanted {
            return Opening::No;
        }
        // A connection that could only wait for the rate is not worth its place.
        if let Permit::NotBefore(at) = self.pacer.may_start(now) {
            return if inner.open == 0 { Opening::NotBefore(at) } else { Opening::No };
        }
        match self.pacer.may_open(now) {
            Permit::Yes => {}
            Permit::NotBefore(at) => return Opening::NotBefore(at),
            Permit::WhenOneEnds => return Opening::No,
        }
        match throttles.seat(self.id.source, &inner.ready, now) {
            Ok(seat) => {
                self.pacer.open_one(now);
                inner.open += 1;
                Opening::Yes(seat)
            }
            // The connection there is goes on when it may; another could only wait beside it.
            Err(barred) if inner.open > 0 && barred.iter().any(|one| one.until.is_some()) => Opening::No,
            Err(barred) => Opening::Barred(barred),
        }
    }

    /// The workspaces that have something waiting here.
    pub(crate) fn workspaces(&self) -> BTreeSet<WorkspaceId> {
        self.lock().ready.workspaces()
    }

    /// A connection has ended.
    pub(crate) fn closed(&self) {
        let mut inner = self.lock();
        inner.open = inner.open.saturating_sub(1);
        drop(inner);
        self.pacer.close_one();
    }

    /// Messages a session may carry.
    pub(crate) fn per_connection(&self, now: Timestamp) -> u32 {
        self.pacer.per_connection(now)
    }

    // ── what was heard ───────────────────────────────────────────────────────────────────────────────────────

    /// Lets the pacer learn from a verdict of this lane. `in_session`: messages the session carried before.
    pub(crate) fn heard(&self, verdict: &Verdict, reply: Option<&str>, in_session: u32, now: Timestamp) -> Response {
        let mut inner = self.lock();
        let busy = inner.ready.len() >= inner.open as usize;
        if verdict.category == Category::AuthFailure {
            inner.unauthenticated = inner.unauthenticated.saturating_add(1);
        } else if verdict.outcome == Outcome::Accepted {
            inner.unauthenticated = 0;
        }
        drop(inner);
        let opening = in_session == 0 && verdict.stage < model::Stage::Mail;
        let heard = Heard { verdict, reply, open: 0, in_session, opening, idle_cap: busy };
        self.pacer.heard(heard, now)
    }

    /// Messages that were started here in the last minute, and over how many seconds of it they were counted.
    pub(crate) fn last_minute(&self, now: Timestamp) -> (u32, u32) {
        let tempo = self.lock().tempo;
        (tempo.last_minute(now), tempo.counted_over_s(now))
    }

    /// How many it refused for our SPF, DKIM or DMARC since it last accepted anybody.
    pub(crate) fn unauthenticated(&self) -> u32 {
        self.lock().unauthenticated
    }

    /// Starts nothing in this lane until the hold ends. A longer hold stays.
    pub(crate) fn hold(&self, hold: LaneHold) {
        let mut inner = self.lock();
        if inner.held.as_ref().is_none_or(|held| held.until < hold.until) {
            inner.held = Some(hold);
        }
        drop(inner);
        self.supplied.notify_waiters();
    }

    /// The site refused us: since when it does, without a break, is remembered.
    pub(crate) fn refused(&self, refused: SiteRefusal, now: Timestamp) {
        self.lock().refused_since.get_or_insert((now, refused));
        self.supplied.notify_waiters();
    }

    /// Since when the site has refused us without a break.
    pub(crate) fn refused_since(&self) -> Option<Timestamp> {
        self.lock().refused_since.as_ref().map(|(since, _)| *since)
    }

    /// The hold in force: the lane's own or its pacer's, whichever lasts longer.
    pub(crate) fn held(&self, now: Timestamp) -> Option<LaneHold> {
        let own = self.lock().held.clone().filter(|hold| hold.until > now);
        [own, self.pacer.held(now)].into_iter().flatten().max_by_key(|hold| hold.until)
    }

    fn held_until(&self, inner: &Inner, now: Timestamp) -> Option<Timestamp> {
        let own = inner.held.as_ref().map(|hold| hold.until).filter(|until| *until > now);
        [own, self.pacer.held(now).map(|hold| hold.until)].into_iter().flatten().max()
    }

    /// Counts an acceptance: whatever refused us before is over.
    pub(crate) fn count_accepted(&self) {
        let mut inner = self.lock();
        inner.accepted += 1;
        inner.refused_since = None;
    }

    /// The refusal that has lasted longer than anybody's retry window: who still waits here is given up with it.
    pub(crate) fn outlived(&self, schedule: &Schedule, now: Timestamp) -> Option<SiteRefusal> {
        let inner = self.lock();
        let (since, refused) = inner.refused_since.as_ref()?;
        let held = inner.is_held(now) || self.pacer.is_held(now);
        (held && schedule.outlived(*since, now)).then(|| refused.clone())
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

    fn ask_for(&mut self, flow: Flow) -> bool {
        let left = self.ready.len_of(flow);
        match self.more.get_mut(&flow) {
            Some(supply) if left < supply.low_water && !supply.asked => {
                supply.asked = true;
                true
            }
            _ => false,
        }
    }

    fn ask_for_all(&mut self) -> bool {
        let fresh = self.more.values().any(|supply| !supply.asked);
        self.more.values_mut().for_each(|supply| supply.asked = true);
        fresh
    }
}
