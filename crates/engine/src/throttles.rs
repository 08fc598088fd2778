//! The ceilings of sources and workspaces, shared by all lanes: who may open a connection and start a message now.
//!
//! What is decided is decided in [`dispatch::pace::Throttle`]; here it is counted under one lock, so that no two lanes
//! take the same place. A connection has a [`Seat`]: what it counts against, and what it gives back when it ends. A seat
//! is given together with the first message's place, so that a ceiling opens no more connections than may start.
//! Invariant: where nothing was set, nothing is locked or counted.

#[cfg(test)]
mod tests;

use crate::lane::HOLD_GONE_ROUND;
use crate::notice::Notice;
use dispatch::pace::{Before, InForce, Permit, Throttle, clock};
use dispatch::share::{Flow, Share, WEIGHT_USUAL};
use model::{Ceilings, SourceId, Timestamp, WorkspaceId, in_quotes};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{CeilingOf, Store, StoreError, VolumeOf};
use tokio::sync::mpsc;

/// No ceiling but the day's looks further back.
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);
/// How a sentence about a ceiling that is reached begins, after whose it is.
const CEILING_REACHED: &str = "has reached its ceiling of";

/// The line of those who wait for somebody's rate: only the first has a timer.
pub(crate) type Line = Arc<tokio::sync::Mutex<()>>;

/// All ceilings that were set.
#[derive(Debug)]
pub(crate) struct Throttles {
    /// Was any ceiling set?
    any: AtomicBool,
    inner: Mutex<Inner>,
    notices: mpsc::UnboundedSender<Notice>,
}

#[derive(Debug, Default)]
struct Inner {
    gauges: BTreeMap<CeilingOf, Gauge>,
    /// The weights of workspaces about which something was said.
    weights: BTreeMap<WorkspaceId, u32>,
}

#[derive(Debug)]
struct Gauge {
    throttle: Throttle,
    /// Whose it is, in words.
    name: String,
    line: Line,
    /// Somebody found no place: the scheduler is told of the next that falls free.
    was_full: bool,
}

/// Who stands in the way, and until when if that is known; else until a place falls free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barred {
    pub(crate) of: CeilingOf,
    pub(crate) until: Option<Timestamp>,
}

/// Somebody's ceilings, for people.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// `source "out1"`, `workspace "first"`.
    pub(crate) whose: String,
    /// What was set.
    pub(crate) set: Vec<InForce>,
    /// The one that keeps them back now.
    pub(crate) binds: Option<InForce>,
}

impl Told {
    /// That a ceiling is reached for long, in a sentence.
    pub(crate) fn reached(&self, now: Timestamp) -> String {
        let Some(reached) = self.at_ceiling() else { return format!("the ceiling of {} is reached", self.whose) };
        let goes_on = self.binds.as_ref().and_then(|bound| bound.next_probe);
        let goes_on = goes_on.map(|at| format!("; it goes on at {} UTC", clock(at, now)));
        format!("{reached}{}", goes_on.unwrap_or_default())
    }

    /// Whose ceiling is reached, and which, if one is.
    pub(crate) fn at_ceiling(&self) -> Option<String> {
        let bound = self.binds.as_ref()?;
        Some(format!("{} {CEILING_REACHED} {}", self.whose, bound.limit.counted(bound.value)))
    }
}

/// What a connection counts against.
#[derive(Debug)]
pub(crate) struct Seat {
    throttles: Arc<Throttles>,
    source: SourceId,
    /// Does it count as a connection of its source?
    counts: bool,
    /// For whose message a place was taken when it was opened, and when.
    paid_for: Option<(WorkspaceId, Timestamp)>,
    /// Whose message it carries now.
    carries: Option<WorkspaceId>,
    /// How many of each workspace's it has carried.
    carried: BTreeMap<WorkspaceId, u32>,
}

/// What a connection gets of what is ready.
#[derive(Debug)]
pub(crate) enum Taken<T> {
    /// This.
    Item(Flow, T),
    /// Nothing before then; behind the others in that line, if the wait is for a ceiling.
    NotBefore(Timestamp, Option<Line>),
    /// Nothing unless something happens.
    Nothing,
}

impl Throttles {
    pub(crate) fn new(notices: mpsc::UnboundedSender<Notice>) -> Throttles {
        Throttles { any: AtomicBool::new(false), inner: Mutex::default(), notices }
    }

    /// Reads what is set now. What was counted stays; a day begins with what the ledger says was sent of it.
    pub(crate) async fn read(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut found = Vec::new();
        for set in store.ceilings().await? {
            found.push((set, before(store, set.of, now).await?, name_of(store, set.of).await?));
        }
        let mut inner = self.lock();
        let mut before = std::mem::take(&mut inner.gauges);
        inner.weights.clear();
        for (set, before_now, name) in found {
            if let (CeilingOf::Workspace(workspace), Some(weight)) = (set.of, set.weight) {
                inner.weights.insert(workspace, weight);
            }
            let gauge = before.remove(&set.of).map(|mut gauge| {
                gauge.throttle.set_ceilings(set.ceilings, now);
                Gauge { name: name.clone(), ..gauge }
            });
            let bounded = !set.ceilings.is_none();
            if let Some(gauge) = gauge.or_else(|| bounded.then(|| Gauge::new(set.ceilings, before_now, name, now))) {
                inner.gauges.insert(set.of, gauge);
            }
        }
        self.any.store(!inner.gauges.is_empty(), Ordering::Release);
        Ok(())
    }

    /// Is nothing bounded? Asked before every message.
    pub(crate) fn is_free(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// The weight of a workspace among the others.
    pub(crate) fn weight(&self, workspace: WorkspaceId) -> u32 {
        self.lock().weights.get(&workspace).copied().unwrap_or(WEIGHT_USUAL)
    }

    /// A seat for one more connection of a source, with a place for the message whose turn it is in `ready`. Else everybody
    /// who stands in the way.
    pub(crate) fn seat<T>(
        self: &Arc<Throttles>,
        source: SourceId,
        ready: &Share<T>,
        now: Timestamp,
    ) -> Result<Seat, Vec<Barred>> {
        let seat = |counts, paid_for| {
            let (throttles, carried) = (self.clone(), BTreeMap::new());
            Seat { throttles, source, counts, paid_for, carries: None, carried }
        };
        if self.is_free() {
            return Ok(seat(false, None));
        }
        let mut inner = self.lock();
        let mut all: Vec<Barred> = inner.admits(CeilingOf::Source(source), true, now).err().into_iter().collect();
        let may = |workspace| inner.admits(CeilingOf::Workspace(workspace), true, now).is_ok();
        let workspace = ready.next_of(may).filter(|_| all.is_empty());
        let Some(workspace) = workspace else {
            if all.is_empty() {
                let barred = |workspace| inner.admits(CeilingOf::Workspace(workspace), true, now).err();
                all = ready.workspaces().into_iter().filter_map(barred).collect();
            }
            inner.found_full(&all);
            return Err(all);
        };
        inner.take(CeilingOf::Source(source), true, true, now);
        inner.take(CeilingOf::Workspace(workspace), true, true, now);
        Ok(seat(true, Some((workspace, now))))
    }

    /// Until when nothing of somebody may start, if that is so long that their mail does not wait in the lanes for it.
    pub(crate) fn closed_until(&self, of: CeilingOf, now: Timestamp) -> Option<Timestamp> {
        if self.is_free() {
            return None;
        }
        match self.lock().gauges.get(&of)?.throttle.may_start(now) {
            Permit::NotBefore(at) if at.since(now) > HOLD_GONE_ROUND => Some(at),
            Permit::NotBefore(_) | Permit::Yes | Permit::WhenOneEnds => None,
        }
    }

    /// Somebody's ceilings, if any were set.
    pub(crate) fn told(&self, of: CeilingOf, now: Timestamp) -> Option<Told> {
        let inner = self.lock();
        let Gauge { throttle, name, .. } =
            inner.gauges.get(&of).filter(|gauge| !gauge.throttle.ceilings().is_none())?;
        Some(Told { whose: name.clone(), set: throttle.in_force(), binds: throttle.binds(now) })
    }

    /// Messages of a source that one connection may carry.
    pub(crate) fn per_connection(&self, source: SourceId) -> u32 {
        if self.is_free() {
            return u32::MAX;
        }
        let inner = self.lock();
        inner.gauges.get(&CeilingOf::Source(source)).map_or(u32::MAX, |gauge| gauge.throttle.per_connection())
    }

    /// A message that had a place did not start: the day has it back.
    pub(crate) fn give_back(&self, source: SourceId, workspace: WorkspaceId, now: Timestamp) {
        if !self.is_free() {
            let mut inner = self.lock();
            inner.unstarted(CeilingOf::Source(source), now);
            inner.unstarted(CeilingOf::Workspace(workspace), now);
        }
    }

    /// Whoever waits for a place of somebody is to be looked for. When the scheduler has gone, nobody waits.
    fn tell(&self, of: CeilingOf) {
        self.notices.send(Notice::Vacant(of)).ok();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts against somebody's ceilings from before. Rehearsals count here and are nobody's volume; of a day with more
/// tries than are looked at, the volume knows all.
pub(crate) async fn before(store: &Store, of: CeilingOf, now: Timestamp) -> Result<Before, StoreError> {
    let volume = match of {
        CeilingOf::Source(id) => VolumeOf::Source(id),
        CeilingOf::Workspace(id) => VolumeOf::Workspace(id),
    };
    let today = store.volume_of(volume, now.day()).await?;
    let sent = today.iter().map(|row| row.count.attempted).sum();
    let (tries, last_at) = store.tries_of(of, Timestamp::of_day(now.day())).await?;
    let last_at = last_at.filter(|at| *at >= now - LONGEST_WINDOW);
    Ok(Before { started_today: tries.max(sent), last_at })
}

impl Gauge {
    fn new(ceilings: Ceilings, before: Before, name: String, now: Timestamp) -> Gauge {
        Gauge { throttle: Throttle::new(ceilings, before, now), name, line: Line::default(), was_full: false }
    }
}

impl Inner {
    /// May somebody start a message now, on a connection of its own if it is to be `opened` or to carry them anew?
    fn admits(&self, of: CeilingOf, opened: bool, now: Timestamp) -> Result<(), Barred> {
        let Some(Gauge { throttle, .. }) = self.gauges.get(&of) else { return Ok(()) };
        let barred = |until| Err(Barred { of, until });
        let connects = if opened { throttle.may_connect(now) } else { Permit::Yes };
        let times = [throttle.may_start(now), connects];
        let until = times.into_iter().filter_map(|permit| match permit {
            Permit::NotBefore(at) => Some(at),
            Permit::Yes | Permit::WhenOneEnds => None,
        });
        match (until.max(), of, throttle.may_hold()) {
            (Some(at), _, _) => barred(Some(at)),
            // A source's connection is counted from its opening on, a workspace's while it carries its mail.
            (None, CeilingOf::Source(_), Permit::WhenOneEnds) if !opened => Ok(()),
            (None, _, Permit::WhenOneEnds) => barred(None),
            (None, _, _) => Ok(()),
        }
    }

    fn take(&mut self, of: CeilingOf, opens: bool, holds: bool, now: Timestamp) {
        let Some(Gauge { throttle, .. }) = self.gauges.get_mut(&of) else { return };
        throttle.starting(now);
        if opens {
            throttle.connecting(now);
        }
        if holds {
            throttle.holding();
        }
    }

    fn unstarted(&mut self, of: CeilingOf, now: Timestamp) {
        if let Some(gauge) = self.gauges.get_mut(&of) {
            gauge.throttle.give_back(now);
        }
    }

    /// These wait until a place falls free.
    fn found_full(&mut self, barred: &[Barred]) {
        for one in barred.iter().filter(|one| one.until.is_none()) {
            if let Some(gauge) = self.gauges.get_mut(&one.of) {
                gauge.was_full = true;
            }
        }
    }

    /// A place of somebody fell free. Is anybody waiting for it?
    fn vacate(&mut self, of: CeilingOf) -> bool {
        let Some(gauge) = self.gauges.get_mut(&of) else { return false };
        gauge.throttle.let_go();
        std::mem::take(&mut gauge.was_full)
    }

    /// For the first of these that time alone lets go on.
    fn wait_for<T>(&mut self, barred: &[Barred]) -> Taken<T> {
        self.found_full(barred);
        let first = barred.iter().filter_map(|one| Some((one.until?, one.of))).min();
        match first {
            Some((at, of)) => Taken::NotBefore(at, self.gauges.get(&of).map(|gauge| gauge.line.clone())),
            None => Taken::Nothing,
        }
    }

    fn per_connection(&self, workspace: WorkspaceId) -> u32 {
        let gauge = self.gauges.get(&CeilingOf::Workspace(workspace));
        gauge.map_or(u32::MAX, |gauge| gauge.throttle.per_connection())
    }
}

impl Seat {
    /// Takes what is next of what is `ready`, if ceilings and `pace` permit; `pace` counts a message where it does.
    pub(crate) fn take<T>(&mut self, ready: &mut Share<T>, pace: impl FnOnce() -> Permit, now: Timestamp) -> Taken<T> {
        if self.throttles.is_free() {
            return paced(pace, || ready.pop());
        }
        self.put_down();
        let throttles = self.throttles.clone();
        let mut inner = throttles.lock();
        if self.paid_for.is_none()
            && let Err(barred) = inner.admits(CeilingOf::Source(self.source), false, now)
        {
            return inner.wait_for(&[barred]);
        }
        let may = |workspace| self.may_carry(&inner, workspace, now).is_ok();
        if ready.next_of(may).is_none() {
            let barred = |workspace| self.may_carry(&inner, workspace, now).err().flatten();
            let all: Vec<Barred> = ready.workspaces().into_iter().filter_map(barred).collect();
            return inner.wait_for(&all);
        }
        let taken = paced(pace, || ready.pop_of(may));
        if let Taken::Item(flow, _) = &taken {
            self.pick_up(&mut inner, flow.workspace, now);
        }
        taken
    }

    /// The message it carried is over: others of the workspace may have its place.
    pub(crate) fn put_down(&mut self) {
        if let Some(workspace) = self.carries.take() {
            self.vacate(CeilingOf::Workspace(workspace));
        }
    }

    /// May it carry a message of a workspace? `Err(None)`: not this connection any more.
    fn may_carry(&self, inner: &Inner, workspace: WorkspaceId, now: Timestamp) -> Result<(), Option<Barred>> {
        if self.paid_for.is_some_and(|(paid_for, _)| paid_for == workspace) {
            return Ok(());
        }
        if self.carried.get(&workspace).copied().unwrap_or(0) >= inner.per_connection(workspace) {
            return Err(None);
        }
        inner.admits(CeilingOf::Workspace(workspace), self.carried.is_empty(), now).map_err(Some)
    }

    /// It carries a message of a workspace now, which counts unless a place was taken for it before.
    fn pick_up(&mut self, inner: &mut Inner, workspace: WorkspaceId, now: Timestamp) {
        let is_first = self.carried.is_empty();
        match self.paid_for.take() {
            Some((paid_for, _)) if paid_for == workspace => {}
            Some((other, at)) => {
                // Somebody more urgent came meanwhile; the place at the source is the same.
                inner.unstarted(CeilingOf::Workspace(other), at);
                if inner.vacate(CeilingOf::Workspace(other)) {
                    self.throttles.tell(CeilingOf::Workspace(other));
                }
                inner.take(CeilingOf::Workspace(workspace), is_first, true, now);
            }
            None => {
                inner.take(CeilingOf::Source(self.source), false, false, now);
                inner.take(CeilingOf::Workspace(workspace), is_first, true, now);
            }
        }
        self.carries = Some(workspace);
        *self.carried.entry(workspace).or_default() += 1;
    }

    fn vacate(&self, of: CeilingOf) {
        if self.throttles.lock().vacate(of) {
            self.throttles.tell(of);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.put_down();
        if let Some((workspace, at)) = self.paid_for.take() {
            self.throttles.give_back(self.source, workspace, at);
            self.vacate(CeilingOf::Workspace(workspace));
        }
        if self.counts {
            self.vacate(CeilingOf::Source(self.source));
        }
    }
}

/// What `take` gives, if `pace` permits it now.
fn paced<T>(pace: impl FnOnce() -> Permit, take: impl FnOnce() -> Option<(Flow, T)>) -> Taken<T> {
    match pace() {
        Permit::Yes => take().map_or(Taken::Nothing, |(flow, item)| Taken::Item(flow, item)),
        Permit::NotBefore(at) => Taken::NotBefore(at, None),
        Permit::WhenOneEnds => Taken::Nothing,
    }
}

/// Whose ceilings they are, for people.
async fn name_of(store: &Store, of: CeilingOf) -> Result<String, StoreError> {
    Ok(match of {
        CeilingOf::Source(id) => {
            let known = store.sources().await?.into_iter().find(|source| source.id == id);
            format!("source {:?}", known.map(|source| source.name).unwrap_or_default())
        }
        CeilingOf::Workspace(id) => {
            let known = store.workspace(id).await?;
            format!("workspace {}", in_quotes(&known.map(|workspace| workspace.name).unwrap_or_default()))
        }
    })
}
