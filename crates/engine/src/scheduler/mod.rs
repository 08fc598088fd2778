//! The scheduler: reads the queue in bounded pages, places domains at sites, fills lanes, opens connections.
//!
//! One task owns all of it, so nothing here is locked. It acts on notices and on the clock, never by polling: work that
//! may not start has a time at which it may. The queue is the ledger itself; what is held here is one window per lane,
//! a bounded number of look-ups, and one next-wake time per site with retries.
//!
//! `backlog` reads, `placing` looks up, `assigning` chooses the source and makes lanes, `parking` keeps those who wait for
//! a ceiling, `stock` tells when all is done, `renewing` takes over what was described anew, `second` looks once more for
//! domains that were missing, `today` knows what earlier processes began.

mod assigning;
mod backlog;
mod cancelling;
mod parking;
mod placing;
mod renewing;
mod second;
mod site;
mod stock;
mod telling;
mod today;

use crate::brakes::Whom;
use crate::house::{House, Moved};
use crate::lane::{Lane, LaneId, Opening};
use crate::note::Note;
use crate::notice::{Notice, Stop};
use crate::pacer::{Pacer, PacerKey};
use crate::route::Place;
use crate::wakes::Wakes;
use crate::{RunEnd, Until, converse};
use dispatch::alert::Turn;
use dispatch::brakes::missing::{self, Share};
use dispatch::brakes::{Group, NxdomainFlood, Trip};
use dispatch::pace::{Memory, Pace};
use dispatch::providers::Limits;
use model::{AlertKind, CampaignId, CampaignState, DeliveryId, EventKind, SiteId, SourceId, Timestamp, Verdict};
use parking::Parking;
use second::Second;
use site::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use store::{CeilingOf, Claimed, Head, LeftOut, StoreError};
use today::Today;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Sites in memory at once.
const SITES_MAX: usize = 1_000;
/// Domains being looked up at once.
const LOOKUPS_MAX: usize = 64;
/// Domains waiting to be looked up, beyond which nothing more is read.
const LOOKUPS_WAITING_MAX: usize = 512;
/// Missing domains held back at once while others are looked up.
const MISSING_HELD_MAX: usize = 512;
/// Heads and sites read at once.
const PAGE: usize = 128;
/// Heads whose site is written down with one commit.
const STAMPS_AT_ONCE: usize = 512;
/// Deliveries in memory at once, over all lanes.
const OUTSTANDING_MAX: usize = 65_536;
/// The dictionary entry of deliveries that DNS put off: they have no site yet.
const NO_SITE: &str = "unresolved";
/// What is noted for those whom a site that refused us never let us try (again).
pub(crate) const NEVER_LET_IN: &str =
    "given up without trying: the site has refused us for longer than the retry window";
/// Why a campaign waits that nothing may carry to a site now.
const NO_WAY_OUT: &str = "no source may go there yet";
/// Stands in for a wake-up that is switched off.
const NEVER: Duration = Duration::from_secs(3600);
/// Of all connections, one in so many is kept for transactional messages while any may come.
const RESERVED_SHARE: usize = 20;

/// Work for a domain that has to be placed first.
struct Pending {
    domain: String,
    heads: Vec<Head>,
    claimed: Vec<Claimed>,
    /// The site that asked, if one did, and for which campaign.
    asked: Option<(SiteId, CampaignId)>,
}

/// What is known of a campaign under way.
#[derive(Default)]
struct Campaign {
    /// Unresolved heads are read up to this one; `None` within `Some` means from the start.
    unresolved: Option<Option<DeliveryId>>,
    /// The last head without a site that was read: what is added lies behind it.
    seen: Option<DeliveryId>,
}

pub(crate) struct Scheduler {
    house: Arc<House>,
    until: Until,
    notices: mpsc::UnboundedReceiver<Notice>,
    campaigns: BTreeMap<CampaignId, Campaign>,
    sites: BTreeMap<SiteId, Entry>,
    pacers: BTreeMap<PacerKey, Arc<Pacer>>,
    /// Lanes of each pacer.
    sharing: BTreeMap<PacerKey, BTreeSet<LaneId>>,
    /// What was learned before, by pacer; of those at work the pacer knows better.
    memories: BTreeMap<PacerKey, Memory>,
    /// What was learned and is not written down yet.
    unwritten: BTreeMap<PacerKey, (Option<String>, Option<Memory>)>,
    /// When what was learned was last written down.
    written_at: Timestamp,
    /// When the lanes were last asked how many they began today.
    counted_at: Timestamp,
    /// What earlier processes began today.
    today: Today,
    /// When it was last written down how the brakes stand.
    brakes_written_at: Timestamp,
    /// Sites that may want deliveries.
    hungry: BTreeSet<SiteId>,
    /// Lanes that may want a connection.
    wanting: BTreeSet<LaneId>,
    /// Lanes that wait for a ceiling.
    parking: Parking,
    /// Lanes whose ceilings are reached for so long that nothing waits in them for it.
    closed: Vec<(LaneId, CeilingOf, Timestamp)>,
    /// Whose ceiling was last told to be reached, and until when.
    ceilings_told: BTreeMap<CeilingOf, Timestamp>,
    /// Sites that only time keeps from going on.
    timed: BTreeSet<(Timestamp, SiteId)>,
    /// Sites with work that found no room.
    crowded_out: BTreeSet<SiteId>,
    /// Sites that have room again: all their heads are to be looked for.
    readmitted: BTreeSet<SiteId>,
    waiting: VecDeque<Pending>,
    lookups: JoinSet<(Pending, Result<Located, StoreError>)>,
    /// Heads whose site is known and not written down yet.
    to_stamp: Vec<(DeliveryId, SiteId)>,
    connections: JoinSet<()>,
    wakes: Wakes,
    second: Second,
    /// When a hold ends by itself.
    holds_end_at: Option<Timestamp>,
    flood: NxdomainFlood,
    /// Domains said to be missing: nobody is judged by it while the resolver may yet turn out to be the suspect.
    missing: VecDeque<(Pending, Verdict)>,
    nowhere: Arc<Lane>,
    /// The last lane that was given a connection: the next one is served first.
    served: Option<LaneId>,
    rescans: u32,
    /// Campaigns that moved since stock was last taken, and when it is taken next.
    moved: BTreeSet<CampaignId>,
    stock_at: Option<Timestamp>,
    /// Campaigns that wait only to send once more to people in doubt: how many are in doubt, and when they are looked at again.
    once_more: BTreeMap<CampaignId, (u64, Timestamp)>,
    /// When the first campaign of which nobody was read for its closed hours may be read.
    hours_open_at: Option<Timestamp>,
    /// When old conversations were last forgotten.
    forgot_at: Option<Timestamp>,
    /// How often the scheduler woke: throttled work must not make it turn.
    turns: u64,
    /// Sites looked at again because of holds: placing one must not be among the reasons.
    sites_for_holds: u64,
    stopping: bool,
    braked: Option<String>,
}

/// A look-up's answer with the ledger's number for the site.
enum Located {
    Site(SiteId, Place),
    Nowhere(Verdict, Option<String>),
    /// Nothing was said, and it may be our own resolver; with the brake, if it has tripped.
    Unanswered(Option<Trip>),
}

impl Scheduler {
    pub(crate) async fn new(
        house: Arc<House>,
        notices: mpsc::UnboundedReceiver<Notice>,
        until: Until,
    ) -> Result<Scheduler, StoreError> {
        let no_site = house.store.site_id(NO_SITE, None, house.now()).await?;
        let nowhere = nowhere(&house, no_site);
        let memories = telling::read_memories(&house).await?;
        let today = Today::read(&house, &memories).await?;
        let written_at = house.now();
        let holds_end_at = house.holds.next_end(written_at);
        Ok(Scheduler {
            house,
            until,
            notices,
            campaigns: BTreeMap::new(),
            sites: BTreeMap::new(),
            pacers: BTreeMap::new(),
            sharing: BTreeMap::new(),
            memories,
            unwritten: BTreeMap::new(),
            written_at,
            counted_at: written_at,
            today,
            brakes_written_at: written_at,
            hungry: BTreeSet::new(),
            wanting: BTreeSet::new(),
            parking: Parking::default(),
            closed: Vec::new(),
            ceilings_told: BTreeMap::new(),
            timed: BTreeSet::new(),
            crowded_out: BTreeSet::new(),
            readmitted: BTreeSet::new(),
            waiting: VecDeque::new(),
            lookups: JoinSet::new(),
            to_stamp: Vec::new(),
            connections: JoinSet::new(),
            wakes: Wakes::default(),
            second: Second::default(),
            holds_end_at,
            flood: NxdomainFlood::default(),
            missing: VecDeque::new(),
            nowhere,
            served: None,
            rescans: 0,
            moved: BTreeSet::new(),
            stock_at: None,
            once_more: BTreeMap::new(),
            hours_open_at: None,
            forgot_at: None,
            turns: 0,
            sites_for_holds: 0,
            stopping: false,
            braked: None,
        })
    }

    /// Runs until there is nothing left to do now, or ever, or somebody says stop.
    pub(crate) async fn run(mut self) -> Result<RunEnd, StoreError> {
        for campaign in self.house.campaigns() {
            self.activate(campaign).await?;
        }
        self.second.due(self.house.now());
        self.forget_conversations().await?;
        loop {
            self.turns += 1;
            if !self.stopping {
                self.read_more().await?;
                self.look_up();
                self.judge_missing().await?;
                self.stamp(false).await?;
                self.connect();
                if self.go_round_ceilings().await? {
                    continue;
                }
            }
            if let Some(end) = self.end().await? {
                self.stamp(true).await?;
                self.write_down(true).await?;
                self.write_down_brakes(true).await?;
                self.house.note(Note::Ended { turns: self.turns, sites_for_holds: self.sites_for_holds });
                return Ok(end);
            }
            self.write_down(false).await?;
            self.write_down_brakes(false).await?;
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
                let mut next = Some(found);
                while let Some(found) = next {
                    if let Ok((pending, located)) = found {
                        self.place(pending, located?).await?;
                    }
                    next = self.lookups.try_join_next();
                }
            }
            Some(_) = self.connections.join_next(), if !self.connections.is_empty() => {}
            Some(found) = self.second.ended(), if self.second.is_busy() => self.second_lookup_ended(found).await?,
            () = tokio::time::sleep(wake.unwrap_or(NEVER)), if wake.is_some() => self.wake().await?,
        }
        Ok(())
    }

    // ── connections ──────────────────────────────────────────────────────────────────────────────────────────

    /// Opens connections, one per lane and round, starting behind the lane served last. A few are kept for
    /// transactional messages, which are served first.
    fn connect(&mut self) {
        let total = self.house.settings.ceiling.total() as usize;
        let urgent_may_come = self.house.has_transactional();
        let kept = if urgent_may_come { (total / RESERVED_SHARE).clamp(1, total.saturating_sub(1).max(1)) } else { 0 };
        if urgent_may_come {
            self.connect_urgent(total);
        }
        while self.connections.len() < total.saturating_sub(kept).max(1) {
            let behind = |served: LaneId| (std::ops::Bound::Excluded(served), std::ops::Bound::Unbounded);
            let next = self.served.and_then(|served| self.wanting.range(behind(served)).next());
            let Some(id) = next.or_else(|| self.wanting.first()).copied() else {
                // Nobody else wants one: whom a ceiling kept back is next, one at a time.
                let Some(parked) = self.parking.next() else { return };
                self.wanting.insert(parked);
                continue;
            };
            self.served = Some(id);
            if !self.try_connect(id) {
                self.wanting.remove(&id);
            }
        }
    }

    fn connect_urgent(&mut self, total: usize) {
        let urgent = |id: &&LaneId| self.lane_at(**id).is_some_and(|lane| lane.is_urgent());
        let lanes: Vec<LaneId> = self.wanting.iter().filter(urgent).copied().collect();
        for id in lanes {
            if self.connections.len() < total && !self.try_connect(id) {
                self.wanting.remove(&id);
            }
        }
    }

    fn lane_at(&self, id: LaneId) -> Option<&Arc<Lane>> {
        self.sites.get(&id.site).and_then(|entry| entry.lanes.get(&id.source))
    }

    fn try_connect(&mut self, id: LaneId) -> bool {
        let Some(lane) = self.lane_at(id).cloned() else { return false };
        let now = self.house.now();
        match lane.try_open(&self.house.throttles, now) {
            Opening::Yes(seat) => {
                self.connections.spawn(converse::converse(self.house.clone(), lane, seat));
                true
            }
            Opening::Barred(all) => {
                self.barred(id, all, now);
                false
            }
            Opening::NotBefore(at) => {
                self.timed.insert((at, id.site));
                false
            }
            Opening::No => false,
        }
    }

    // ── what happened ────────────────────────────────────────────────────────────────────────────────────────

    async fn hear(&mut self, notice: Notice) -> Result<(), StoreError> {
        match notice {
            Notice::Hungry(site) => {
                self.hungry.insert(site);
            }
            Notice::Ended(lane) => {
                self.connection_ended(lane);
                self.leave_if_over(lane).await;
            }
            Notice::Committed(moved) => self.committed(&moved).await?,
            Notice::Tripped(stop, whom) => self.brake(stop, whom).await?,
            Notice::FlowHeld { site, campaign, until, why } => {
                self.hold_flow(site, campaign, until, why);
                self.hungry.insert(site);
            }
            Notice::BudgetSpent { lane, of, until, why } => self.budget_spent(lane, of, until, why).await?,
            Notice::Redeal(lane) => self.redeal(lane).await,
            Notice::ReadAgain { site, campaign, at } => self.read_again(site, campaign, at),
            Notice::Rests { lane, why } => self.rests(lane, &why).await?,
            Notice::Delisted { source, toward, answer } => {
                answer.send(self.delisted(source, toward.as_deref()).await?).ok();
            }
            Notice::SourceDown { lane, why } => self.source_down(lane, &why).await?,
            Notice::Learned { lane, changes } => self.learned(lane, changes).await?,
            Notice::OfferRefused { lane, refused } => self.offer_refused(lane, &refused).await?,
            Notice::Changed(campaign) => {
                self.look_at_choice(campaign).await?;
                self.deactivate(campaign);
                let campaign = self.house.until_read(|| self.house.store.campaign(campaign)).await?;
                let ours = |campaign: &store::Campaign| self.house.mailing(campaign.id).is_some();
                if let Some(campaign) = campaign.filter(|campaign| campaign.state.may_send() && ours(campaign)) {
                    self.house.resumed(campaign.id).await?;
                    self.activate(campaign.id).await?;
                }
                self.look_at_terms().await?;
            }
            Notice::Complained(complained) => {
                let trips = self.house.complained(&complained).await;
                // A sample that stops its campaign says so itself: it is one stop.
                self.look_at_terms().await?;
                for (trip, whom) in trips {
                    self.brake(Stop::Brake(trip), whom).await?;
                }
            }
            Notice::HoldsChanged => self.holds_changed().await?,
            Notice::PartCancelled(part, answer) => self.part_cancelled(*part, answer).await?,
            Notice::WaysChanged => self.ways_changed().await?,
            Notice::Described(described) => {
                self.described_anew(described);
                self.house.remember().await?;
            }
            Notice::CeilingsChanged => self.ceilings_changed().await?,
            Notice::Vacant(of) => self.parking.vacant(of),
            Notice::TakeUp(mailing, taken) => {
                let campaign = mailing.campaign;
                self.deactivate(campaign);
                self.house.take_up(*mailing).await?;
                self.activate(campaign).await?;
                self.rescans = 0;
                taken.send(()).ok();
            }
            Notice::Added(campaign) => self.added_to(campaign).await?,
            Notice::QueuedAgain(campaign, found) => {
                self.queued_again(campaign).await?;
                found.send(()).ok();
            }
            Notice::Show(answer) => {
                answer.send(self.show()).ok();
            }
            Notice::Drop(campaign, done) => {
                self.deactivate(campaign);
                self.house.let_go(campaign);
                done.send(()).ok();
            }
            Notice::Stop => {
                self.stopping = true;
                self.lookups.abort_all();
                while self.lookups.join_next().await.is_some() {}
                self.second = Second::default();
            }
        }
        Ok(())
    }

    fn connection_ended(&mut self, id: LaneId) {
        let key = self.lane_at(id).map(|lane| lane.pacer.key);
        if let Some(sharers) = key.and_then(|key| self.sharing.get(&key)) {
            self.wanting.extend(sharers.iter().copied());
        }
        self.wanting.insert(id);
        self.hungry.insert(id.site);
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
            if let Some(at) = one.second_lookup_at {
                self.second.due(at);
            }
        }
        self.note_moved(moved);
        self.look_at_terms().await?;
        for (site, campaign) in renew {
            let (next, now) = (self.next_retry(site, campaign).await?, self.house.now());
            // What became due while others were in hand may not have been read: it is read now.
            match (next.filter(|at| *at <= now), self.entry(site).await?) {
                (Some(_), Some(entry)) => {
                    entry.flows.entry(campaign).or_default().retries_due = Some(None);
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
        let read = || self.house.store.next_wakes(campaign, Some(just_before), 1);
        let next = self.house.until_read(read).await?;
        Ok(next.first().filter(|(found, _)| *found == site).map(|(_, at)| *at))
    }

    /// A brake tripped: what it asks for is done, somebody is told, and the next run will know of it.
    async fn brake(&mut self, stop: Stop, whom: Whom) -> Result<(), StoreError> {
        self.obey(stop, whom).await?;
        self.house.remember().await
    }

    async fn obey(&mut self, stop: Stop, whom: Whom) -> Result<(), StoreError> {
        match &stop {
            Stop::Brake(Trip::Warned { why }) => {
                self.tell(EventKind::Warned, campaign_of(whom), why.clone()).await?;
                self.alarm(AlertKind::Warned, campaign_of(whom), None, Turn::Happened(why.clone()));
                self.house.note(Note::Warned { why: why.clone() });
                return Ok(());
            }
            Stop::Brake(Trip::HoldProvider { provider, until, why }) => {
                return self.hold_provider(EventKind::HoldPlaced, provider, *until, why).await;
            }
            Stop::Brake(Trip::Incident { provider, until, why, .. }) => {
                // Whoever is told of it is told what a next run knows, which marks whom this one could not.
                self.house.remember().await?;
                return self.hold_provider(EventKind::Incident, provider, *until, why).await;
            }
            Stop::Brake(Trip::IncidentOver { why, provider }) => {
                self.alarm(AlertKind::ProviderIncident, None, Some(provider), Turn::Over);
                self.tell(EventKind::Incident, None, why.clone()).await?;
                self.house.note(Note::Warned { why: why.clone() });
                return Ok(());
            }
            Stop::Brake(Trip::Authentication { why, needs_dns_check }) => {
                let Some(campaign) = campaign_of(whom).filter(|one| self.campaigns.contains_key(one)) else {
                    return Ok(());
                };
                let missing = self.house.own_records_missing(campaign).await;
                if *needs_dns_check && missing.is_empty() {
                    return Ok(());
                }
                return self.pause(campaign, format!("{why} {}", own_records(&missing))).await;
            }
            Stop::Brake(Trip::Missing { gone, people, why }) => {
                let Some(campaign) = campaign_of(whom) else { return Ok(()) };
                return self.stop_for_missing(campaign, (*gone, *people), why).await;
            }
            Stop::Brake(_) | Stop::RelaySilent(_) => {}
        }
        let reached = |campaign: &CampaignId| match whom {
            Whom::Campaign(one) => *campaign == one,
            Whom::Workspace(one) => self.house.mailing(*campaign).is_some_and(|mailing| mailing.workspace == one),
            Whom::Everybody => true,
        };
        for one in self.campaigns.keys().copied().filter(reached).collect::<Vec<_>>() {
            match &stop {
                Stop::Brake(Trip::Rates { worst, why }) => self.stop_for(one, worst.clone(), why.clone()).await?,
                _ => self.pause(one, stop.why()).await?,
            }
        }
        Ok(())
    }

    /// Too many people of a campaign are at domains that do not exist: it stops, and the list they came with is named.
    async fn stop_for_missing(
        &mut self,
        campaign: CampaignId,
        counted: (u64, u64),
        why: &str,
    ) -> Result<(), StoreError> {
        if !self.campaigns.contains_key(&campaign) {
            return Ok(());
        }
        self.house.gate.close(campaign).await;
        let shares = self.house.until_read(|| self.house.store.missing_by_group(campaign)).await?;
        let shares: Vec<Share> = shares
            .into_iter()
            .filter_map(|store::MissingOf { who, file, people, gone }| {
                let group = match who {
                    LeftOut::Import(id) => Group::Import { id, file },
                    LeftOut::LeadSource(name) => Group::LeadSource(name),
                    LeftOut::People(_) | LeftOut::Part(_) => return None,
                };
                Some(Share { group, people, gone })
            })
            .collect();
        match missing::accuse(why, counted, &shares) {
            Trip::Rates { worst, why } => self.stop_for(campaign, worst, why).await,
            trip => self.pause(campaign, trip.why().to_owned()).await,
        }
    }

    /// A brake pauses a campaign for what it does to people. Which group was named is written down first: it is to be
    /// taken out before the campaign goes on. Where nobody stood out once more, whoever fared worst is looked for now, so that
    /// nobody has to read the whole campaign to show it.
    pub(super) async fn stop_for(
        &mut self,
        campaign: CampaignId,
        worst: Option<Group>,
        why: String,
    ) -> Result<(), StoreError> {
        self.house.gate.close(campaign).await;
        self.house.brakes().stopped(campaign, worst);
        self.house.remember().await?;
        self.pause(campaign, why).await?;
        if self.house.brakes().is_stopped_again(campaign) {
            let read = || crate::resume::fared_worst(&self.house.store, campaign);
            let group = self.house.until_read(read).await?;
            self.house.brakes().fared_worst(campaign, group);
            self.house.remember().await?;
        }
        Ok(())
    }

    /// A brake pauses a campaign.
    pub(super) async fn pause(&mut self, campaign: CampaignId, why: String) -> Result<(), StoreError> {
        self.house.gate.close(campaign).await;
        self.house.set_state(campaign, CampaignState::Paused, Some(&why)).await?;
        self.tell(EventKind::Braked, Some(campaign), why.clone()).await?;
        self.deactivate(campaign);
        self.alarm(AlertKind::CampaignBraked, Some(campaign), None, Turn::Lasts(why.clone()));
        self.braked = Some(why.clone());
        self.house.note(Note::Braked { campaign: Some(campaign), why });
        Ok(())
    }

    /// Nothing to a provider until then: it is left alone, its people wait.
    async fn hold_provider(
        &mut self,
        kind: EventKind,
        provider: &str,
        until: Timestamp,
        why: &str,
    ) -> Result<(), StoreError> {
        self.tell(kind, None, why.to_owned()).await?;
        let trouble = match kind {
            EventKind::Incident => AlertKind::ProviderIncident,
            _ => AlertKind::ProviderHeld,
        };
        self.alarm(trouble, None, Some(provider), Turn::Happened(why.to_owned()));
        self.house.note(Note::ProviderHeld { provider: provider.to_owned(), until, why: why.to_owned() });
        let sites: Vec<SiteId> = self.sites.values().filter(|e| e.operator() == provider).map(|e| e.site).collect();
        for site in sites {
            let flows: Vec<CampaignId> =
                self.sites.get(&site).map(|e| e.flows.keys().copied().collect()).unwrap_or_default();
            for campaign in flows {
                self.hold_flow(site, campaign, until, why.to_owned());
            }
        }
        Ok(())
    }

    // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────

    fn next_wake(&self) -> Option<Timestamp> {
        let timed = self.timed.first().map(|(at, _)| *at);
        let (house, now) = (&self.house, self.house.now());
        let terms = house.terms.next_change(now).filter(|_| !self.campaigns.is_empty());
        let own = [
            timed,
            self.wakes.first(),
            self.second.at(),
            terms,
            self.holds_end_at,
            self.hours_open_at,
            self.stock_at,
            self.once_more_at(),
            self.parking.first(),
            self.looks_up_at(),
        ];
        own.into_iter().flatten().min()
    }

    async fn wake(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        self.look_at_terms().await?;
        self.forget_conversations().await?;
        if self.holds_end_at.is_some_and(|at| at <= now) {
            self.holds_changed().await?;
        }
        self.parking.wake(now);
        while let Some((at, site)) = self.timed.first().copied().filter(|(at, _)| *at <= now) {
            self.timed.remove(&(at, site));
            self.hungry.insert(site);
            let lanes = self.sites.get(&site).into_iter().flat_map(|entry| entry.lanes.values());
            self.wanting.extend(lanes.map(|lane| lane.id));
        }
        while let Some((site, campaign)) = self.wakes.take_due(now) {
            if let Some(entry) = self.entry(site).await? {
                entry.flows.entry(campaign).or_default().retries_due = Some(None);
            }
            self.hungry.insert(site);
        }
        if self.stock_at.is_some_and(|at| at <= now) {
            self.take_stock_of_moved().await?;
        }
        if self.once_more_at().is_some_and(|at| at <= now) {
            self.look_at_once_more().await?;
        }
        if self.second.at().is_some_and(|at| at <= now) {
            self.begin_second_lookups(now).await?;
        }
        Ok(())
    }
}

fn campaign_of(whom: Whom) -> Option<CampaignId> {
    match whom {
        Whom::Campaign(campaign) => Some(campaign),
        Whom::Workspace(_) | Whom::Everybody => None,
    }
}

/// What our own look-up of our records says, and what to do.
fn own_records(missing: &[String]) -> String {
    let (found, mend) = if missing.is_empty() {
        let found = "Our own look-up finds the DKIM key and the SPF record: see whether they cover what is sent (the \
                     signing domain, the addresses it goes out from), and what DMARC asks for.";
        (found.to_owned(), "Mend that")
    } else {
        (format!("Our own look-up does not find {}.", missing.join(", nor ")), "Publish it again")
    };
    format!("{found} {mend}, then resume: every further message would harm the name of the sending domain.")
}

/// The lane of those whom DNS gave no servers: it carries nothing.
fn nowhere(house: &House, no_site: SiteId) -> Arc<Lane> {
    let id = LaneId { site: no_site, source: SourceId::THIS_MACHINE };
    let pacer = Arc::new(Pacer::new((id.source, no_site), Pace::new(Limits::default())));
    Arc::new(Lane::new(id, NO_SITE.to_owned(), None, house.fleet.ways().any(), pacer))
}
