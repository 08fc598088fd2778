//! The scheduler: reads the queue in bounded pages, places domains at sites, fills lanes, opens connections.
//!
//! One task owns all of it, so nothing here is locked. It acts on notices and on the clock, never by polling: a lane
//! that may not start has a time at which it may. The queue is the ledger itself; what is held here is one window per
//! lane, a bounded number of look-ups, and one next-wake time per site with retries.

mod backlog;
mod placing;

use crate::house::{House, Moved, Notice, Stop};
use crate::lane::Lane;
use crate::note::Note;
use crate::route::{self, Place, Placed};
use crate::wakes::Wakes;
use crate::{RunEnd, Until, converse};
use dispatch::brakes::{NxdomainFlood, Trip};
use dispatch::providers::Limits;
use model::{Actor, CampaignId, CampaignState, DeliveryId, DeliveryState, SiteId, Timestamp, Verdict};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{Claimed, Head, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Lanes in memory at once.
const LANES_MAX: usize = 1_000;
/// Domains being looked up at once.
const LOOKUPS_MAX: usize = 64;
/// Domains waiting to be looked up, beyond which nothing more is read.
const LOOKUPS_WAITING_MAX: usize = 512;
/// Missing domains held back at once while others are looked up.
const MISSING_HELD_MAX: usize = 512;
/// Heads and sites read at once.
const PAGE: usize = 128;
/// Deliveries in memory at once, over all lanes.
const OUTSTANDING_MAX: usize = 65_536;
/// A lane held no longer than this is waited for even when only first tries were asked for.
const SHORT_HOLD: Duration = Duration::from_secs(300);
/// The dictionary entry of deliveries that DNS put off: they have no site yet.
const NO_SITE: &str = "unresolved";
/// A second look-up that brought no answer is made again after this.
const SECOND_LOOKUP_AGAIN: Duration = Duration::from_secs(3600);
/// How often everything is read again when something is left and nothing will wake it.
const RESCANS_MAX: u32 = 3;
/// What is noted for those whom a site that refused us never let us try (again).
const NEVER_LET_IN: &str = "not tried again: the site has refused us for longer than the retry window";
/// Stands in for a wake-up that is switched off.
const NEVER: Duration = Duration::from_secs(3600);

/// Work for a domain that has to be placed first.
struct Pending {
    domain: String,
    heads: Vec<Head>,
    claimed: Vec<Claimed>,
    /// The lane that asked, if one did.
    site: Option<SiteId>,
}

/// A head being read.
struct Reading {
    head: Head,
    after: Option<DeliveryId>,
}

/// A lane and what is known of its backlog.
struct Entry {
    lane: Arc<Lane>,
    /// Heads being read, in order.
    heads: VecDeque<Reading>,
    /// Campaigns that may have further stamped heads here, read up to that one.
    heads_left: BTreeMap<CampaignId, Option<DeliveryId>>,
    /// Campaigns with retries due here, read up to that one.
    retries_due: BTreeMap<CampaignId, Option<(Timestamp, DeliveryId)>>,
    /// Look-ups under way for it.
    pending: usize,
}

/// What a campaign still has to be read.
#[derive(Default)]
struct Backlog {
    /// Unresolved heads are read up to this one; `None` within `Some` means from the start.
    unresolved: Option<Option<DeliveryId>>,
}

pub(crate) struct Scheduler {
    house: Arc<House>,
    until: Until,
    notices: mpsc::UnboundedReceiver<Notice>,
    backlogs: BTreeMap<CampaignId, Backlog>,
    lanes: BTreeMap<SiteId, Entry>,
    /// Lanes that may want deliveries.
    hungry: BTreeSet<SiteId>,
    /// Lanes that may want a connection.
    wanting: BTreeSet<SiteId>,
    /// Lanes that only time keeps from going on.
    timed: BTreeSet<(Timestamp, SiteId)>,
    /// Sites with work that found no room among the lanes.
    crowded_out: BTreeSet<SiteId>,
    /// Sites that have room again: all their heads are to be looked for.
    readmitted: BTreeSet<SiteId>,
    waiting: VecDeque<Pending>,
    lookups: JoinSet<(Pending, Result<Located, StoreError>)>,
    /// Heads whose site is known and not written down yet.
    to_stamp: Vec<(DeliveryId, SiteId)>,
    connections: JoinSet<()>,
    wakes: Wakes,
    second_lookup_at: Option<Timestamp>,
    flood: NxdomainFlood,
    /// Domains said to be missing: nobody is judged by it while the resolver may yet turn out to be the suspect.
    missing: VecDeque<(Pending, Verdict)>,
    nowhere: Arc<Lane>,
    /// The last site that was given a connection: the next one is served first.
    served: Option<SiteId>,
    rescans: u32,
    stopping: bool,
    braked: Option<String>,
}

/// A look-up's answer with the ledger's number for the site.
enum Located {
    Site(SiteId, Place),
    Nowhere(Verdict),
}

impl Scheduler {
    pub(crate) async fn new(
        house: Arc<House>,
        notices: mpsc::UnboundedReceiver<Notice>,
        until: Until,
    ) -> Result<Scheduler, StoreError> {
        let no_site = house.store.site_id(NO_SITE, None, house.now()).await?;
        let nowhere = Arc::new(Lane::new(no_site, NO_SITE.to_owned(), None, Limits::default()));
        Ok(Scheduler {
            house,
            until,
            notices,
            backlogs: BTreeMap::new(),
            lanes: BTreeMap::new(),
            hungry: BTreeSet::new(),
            wanting: BTreeSet::new(),
            timed: BTreeSet::new(),
            crowded_out: BTreeSet::new(),
            readmitted: BTreeSet::new(),
            waiting: VecDeque::new(),
            lookups: JoinSet::new(),
            to_stamp: Vec::new(),
            connections: JoinSet::new(),
            wakes: Wakes::default(),
            second_lookup_at: None,
            flood: NxdomainFlood::default(),
            missing: VecDeque::new(),
            nowhere,
            served: None,
            rescans: 0,
            stopping: false,
            braked: None,
        })
    }

    /// Runs until there is nothing left to do now, or ever, or somebody says stop.
    pub(crate) async fn run(mut self) -> Result<RunEnd, StoreError> {
        let campaigns: Vec<CampaignId> = self.house.mailings.keys().copied().collect();
        for campaign in campaigns {
            self.activate(campaign).await?;
        }
        self.second_lookup_at = Some(self.house.now());
        loop {
            if !self.stopping {
                self.read_more().await?;
                self.look_up();
                self.judge_missing().await?;
                self.stamp(false).await?;
                self.connect();
            }
            if let Some(end) = self.end().await? {
                self.stamp(true).await?;
                return Ok(end);
            }
            self.step().await?;
        }
    }

    /// Waits for the next thing to happen and takes note of it.
    async fn step(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        let wake = self.next_wake().map(|at| at.since(now));
        tokio::select! {
            biased;
            Some(notice) = self.notices.recv() => {
                self.hear(notice).await?;
                while let Ok(notice) = self.notices.try_recv() {
                    self.hear(notice).await?;
                }
            }
            Some(found) = self.lookups.join_next(), if !self.lookups.is_empty() => {
                if let Ok((pending, located)) = found {
                    self.place(pending, located?).await?;
                }
            }
            Some(_) = self.connections.join_next(), if !self.connections.is_empty() => {}
            () = tokio::time::sleep(wake.unwrap_or(NEVER)), if wake.is_some() => self.wake().await?,
        }
        Ok(())
    }

    // ── connections ──────────────────────────────────────────────────────────────────────────────────────────

    /// Opens connections, one per lane and round, starting behind the lane served last.
    fn connect(&mut self) {
        let total = self.house.settings.ceiling.total() as usize;
        while self.connections.len() < total && !self.wanting.is_empty() {
            let after = self.served.map_or(SiteId(i64::MIN), |site| SiteId(site.0.saturating_add(1)));
            let Some(site) = self.wanting.range(after..).next().or_else(|| self.wanting.first()).copied() else {
                return;
            };
            self.served = Some(site);
            if !self.try_connect(site) {
                self.wanting.remove(&site);
            }
        }
    }

    fn try_connect(&mut self, site: SiteId) -> bool {
        let now = self.house.now();
        let Some(lane) = self.lanes.get(&site).map(|entry| entry.lane.clone()) else { return false };
        if lane.limits.shared_over_sites {
            let key = lane.provider.map(|provider| provider.key.as_str());
            let same = |entry: &&Entry| entry.lane.provider.map(|provider| provider.key.as_str()) == key;
            let open: u32 = self.lanes.values().filter(same).map(|entry| entry.lane.open()).sum();
            if open >= lane.limits.connections {
                return false;
            }
        }
        if !lane.try_open(now) {
            if let Some(at) = lane.wakes_at(now) {
                self.timed.insert((at, site));
            }
            return false;
        }
        self.connections.spawn(converse::converse(self.house.clone(), lane));
        true
    }

    // ── what happened ────────────────────────────────────────────────────────────────────────────────────────

    async fn hear(&mut self, notice: Notice) -> Result<(), StoreError> {
        match notice {
            Notice::Hungry(site) => {
                self.hungry.insert(site);
            }
            Notice::Ended(site) => self.connection_ended(site),
            Notice::Committed(moved) => self.committed(&moved).await?,
            Notice::Tripped(stop, campaign) => self.brake(stop, campaign).await?,
            Notice::Changed(campaign) => {
                self.deactivate(campaign);
                let campaign = self.house.store.campaign(campaign).await?;
                if let Some(campaign) = campaign.filter(|campaign| campaign.state.may_send()) {
                    self.activate(campaign.id).await?;
                }
            }
            Notice::Drop(campaign, done) => {
                self.deactivate(campaign);
                done.send(()).ok();
            }
            Notice::Stop => {
                self.stopping = true;
                self.lookups.abort_all();
                while self.lookups.join_next().await.is_some() {}
            }
        }
        Ok(())
    }

    fn connection_ended(&mut self, site: SiteId) {
        let shared = self.lanes.get(&site).is_some_and(|entry| entry.lane.limits.shared_over_sites);
        if shared {
            self.wanting.extend(self.lanes.keys().copied());
        }
        self.wanting.insert(site);
        self.hungry.insert(site);
    }

    async fn committed(&mut self, moved: &[Moved]) -> Result<(), StoreError> {
        self.rescans = 0;
        let mut renew = BTreeSet::new();
        for one in moved {
            if let Some((site, at)) = one.due {
                self.wakes.add(site, one.campaign, at);
            }
            if let Some(site) = one.was_due.filter(|site| self.wakes.is_stale(*site, one.campaign)) {
                renew.insert((site, one.campaign));
            }
            self.second_lookup_at = [self.second_lookup_at, one.second_lookup_at].into_iter().flatten().min();
        }
        for (site, campaign) in renew {
            let (next, now) = (self.next_retry(site, campaign).await?, self.house.now());
            // What became due while others were in hand may not have been read: it is read now.
            match (next.filter(|at| *at <= now), self.entry(site).await?) {
                (Some(_), Some(entry)) => {
                    entry.retries_due.insert(campaign, None);
                    self.hungry.insert(site);
                }
                _ => self.wakes.renew(site, campaign, next, now),
            }
        }
        Ok(())
    }

    /// When a site's next retry is due, as the ledger has it; those in hand are among them.
    async fn next_retry(&self, site: SiteId, campaign: CampaignId) -> Result<Option<Timestamp>, StoreError> {
        let just_before = SiteId(site.0 - 1);
        let next = self.house.store.next_wakes(campaign, Some(just_before), 1).await?;
        Ok(next.first().filter(|(found, _)| *found == site).map(|(_, at)| *at))
    }

    async fn brake(&mut self, stop: Stop, campaign: Option<CampaignId>) -> Result<(), StoreError> {
        if let (Stop::Brake(Trip::Authentication { needs_dns_check: true }), Some(campaign)) = (&stop, campaign)
            && !self.house.own_records_fail(campaign).await
        {
            return Ok(());
        }
        let stopped: Vec<CampaignId> = match campaign {
            Some(one) => self.backlogs.keys().copied().filter(|active| *active == one).collect(),
            None => self.backlogs.keys().copied().collect(),
        };
        for one in stopped {
            self.house.gate.close(one).await;
            let (why, now) = (Some(stop.why()), self.house.now());
            self.house.store.set_campaign_state(one, CampaignState::Paused, why, &Actor::Engine, now).await?;
            self.deactivate(one);
            self.braked = Some(stop.why());
            self.house.note(Note::Braked { campaign: Some(one), why: stop.why() });
        }
        Ok(())
    }

    // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────

    fn next_wake(&self) -> Option<Timestamp> {
        let timed = self.timed.first().map(|(at, _)| *at);
        [timed, self.wakes.first(), self.second_lookup_at].into_iter().flatten().min()
    }

    async fn wake(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        while let Some((at, site)) = self.timed.first().copied().filter(|(at, _)| *at <= now) {
            self.timed.remove(&(at, site));
            self.hungry.insert(site);
            self.wanting.insert(site);
        }
        while let Some((site, campaign)) = self.wakes.take_due(now) {
            if let Some(entry) = self.entry(site).await? {
                entry.retries_due.insert(campaign, None);
            }
            self.hungry.insert(site);
        }
        if self.second_lookup_at.is_some_and(|at| at <= now) {
            self.second_lookup_at = None;
            self.look_up_second_times(now).await?;
        }
        Ok(())
    }

    /// A domain that was missing hours ago: if it still is, its addresses are suppressed.
    async fn look_up_second_times(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for lookup in self.house.store.second_lookups(now, PAGE).await? {
            match route::place(&self.house, &lookup.domain_name).await {
                Placed::Verdict(verdict) if verdict.outcome == model::Outcome::Deferred => {
                    self.second_lookup_at = Some(now + SECOND_LOOKUP_AGAIN);
                }
                Placed::Verdict(verdict) => {
                    let missing = route::is_missing_domain(&verdict);
                    self.house.store.finish_second_lookup(&lookup, missing, now).await?;
                }
                Placed::Site(_) => {
                    self.house.store.finish_second_lookup(&lookup, false, now).await?;
                }
            }
        }
        Ok(())
    }

    // ── lanes ────────────────────────────────────────────────────────────────────────────────────────────────

    /// The entry of a site; `None` when there is no room for another lane now.
    async fn entry(&mut self, site: SiteId) -> Result<Option<&mut Entry>, StoreError> {
        if !self.lanes.contains_key(&site) {
            if self.lanes.len() >= LANES_MAX {
                self.crowded_out.insert(site);
                return Ok(None);
            }
            let Some(known) = self.house.store.site(site).await? else { return Ok(None) };
            let provider = known.provider.as_deref().and_then(dispatch::providers::by_key);
            let limits = provider.map(|provider| provider.limits).unwrap_or_default();
            let limits = self.house.settings.ceiling.limits(limits);
            self.lanes.insert(site, Entry::new(Lane::new(site, known.fingerprint, provider, limits)));
        }
        Ok(self.lanes.get_mut(&site))
    }

    /// Forgets a lane with nothing to do; one that was crowded out may take its place.
    fn tidy(&mut self, site: SiteId) {
        let now = self.house.now();
        let idle = |entry: &Entry| !entry.has_more() && entry.lane.is_empty() && entry.lane.held(now).is_none();
        if !self.lanes.get(&site).is_some_and(idle) {
            return;
        }
        self.lanes.remove(&site);
        self.wanting.remove(&site);
        if let Some(next) = self.crowded_out.pop_first() {
            self.readmit(next);
        }
    }

    /// A site that was crowded out gets its turn: everything it may have is read again.
    fn readmit(&mut self, site: SiteId) {
        let now = self.house.now();
        self.readmitted.insert(site);
        self.wakes.all_due_at(site, now, self.backlogs.keys().copied());
        self.hungry.insert(site);
    }

    // ── the end ──────────────────────────────────────────────────────────────────────────────────────────────

    async fn end(&mut self) -> Result<Option<RunEnd>, StoreError> {
        if !self.connections.is_empty() || self.house.outstanding.settling.load(Ordering::Relaxed) > 0 {
            return Ok(None);
        }
        if self.stopping {
            return Ok(Some(RunEnd::Stopped));
        }
        let now = self.house.now();
        let reading = self.backlogs.values().any(|backlog| backlog.unresolved.is_some());
        let looking = !self.waiting.is_empty() || !self.lookups.is_empty() || !self.hungry.is_empty();
        let moving = |entry: &Entry| entry.lane.held(now).is_none() && (entry.has_more() || entry.lane.is_ready(now));
        if !self.notices.is_empty() || reading || looking || self.lanes.values().any(moving) {
            return Ok(None);
        }
        self.take_stock().await
    }

    /// Everything that can be done now is done: where does each campaign stand?
    async fn take_stock(&mut self) -> Result<Option<RunEnd>, StoreError> {
        let (store, now) = (self.house.store.clone(), self.house.now());
        let (mut queued, mut open) = (0, 0);
        for campaign in self.backlogs.keys().copied().collect::<Vec<_>>() {
            let tally = store.tally(campaign).await?;
            queued += tally.count(DeliveryState::Queued);
            open += tally.in_progress();
            let state = store.campaign(campaign).await?.map(|campaign| campaign.state);
            if tally.in_progress() == 0 {
                store.set_campaign_state(campaign, CampaignState::Complete, None, &Actor::Engine, now).await?;
                self.deactivate(campaign);
            } else if tally.count(DeliveryState::Queued) == 0 && state == Some(CampaignState::Sending) {
                store.set_campaign_state(campaign, CampaignState::Retrying, None, &Actor::Engine, now).await?;
            }
        }
        if self.backlogs.is_empty() {
            return Ok(Some(self.braked.take().map_or(RunEnd::Done, RunEnd::Braked)));
        }
        let soon = self.timed.first().is_some_and(|(at, _)| at.since(now) <= SHORT_HOLD);
        if self.until == Until::FirstTries && (queued == 0 || !soon) {
            return Ok(Some(RunEnd::RetriesRemain));
        }
        let nothing_to_wait_for = self.timed.is_empty() && self.wakes.first().is_none();
        if open > 0 && nothing_to_wait_for {
            return self.look_again().await;
        }
        Ok(None)
    }

    /// Something is left and nothing will wake it: read everything again, a few times at most.
    async fn look_again(&mut self) -> Result<Option<RunEnd>, StoreError> {
        if self.rescans >= RESCANS_MAX {
            return Ok(Some(RunEnd::RetriesRemain));
        }
        self.rescans += 1;
        for campaign in self.backlogs.keys().copied().collect::<Vec<_>>() {
            self.activate(campaign).await?;
        }
        Ok(None)
    }
}

impl Entry {
    fn new(lane: Lane) -> Entry {
        Entry {
            lane: Arc::new(lane),
            heads: VecDeque::new(),
            heads_left: BTreeMap::new(),
            retries_due: BTreeMap::new(),
            pending: 0,
        }
    }

    /// May the lane be given more, without anything new happening?
    fn has_more(&self) -> bool {
        !self.heads.is_empty() || !self.heads_left.is_empty() || !self.retries_due.is_empty() || self.pending > 0
    }
}
