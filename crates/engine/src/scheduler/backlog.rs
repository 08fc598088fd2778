//! Reading the backlog: campaigns taken up and let go, heads and retries read in bounded pages into lanes.
//!
//! What a site holds is at most one window a lane; what waits to be looked up is bounded too. A row that is in hand
//! already is left out by `Outstanding`, so reading something twice is harmless.

use super::placing::attempt_without_contact;
use super::site::{Backlog, Reading};
use super::{Campaign, LOOKUPS_WAITING_MAX, NEVER_LET_IN, OUTSTANDING_MAX, PAGE, Pending, SITES_MAX, Scheduler};
use crate::lane::SiteRefusal;
use crate::notice::Notice;
use crate::{SendError, launch};
use dispatch::react::given_up;
use model::{Attempt, CampaignId, DeliveryId, SiteId, Timestamp};
use std::collections::BTreeMap;
use store::{Claimed, Part, Settlement, StoreError};

/// Small heads read with one question.
const HEADS_AT_ONCE: usize = 64;

impl Scheduler {
    /// Takes a campaign up: everything that is queued or deferred will be found.
    pub(super) async fn activate(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        if !self.begin(campaign).await? {
            return Ok(());
        }
        self.campaigns.insert(campaign, Campaign { unresolved: Some(None), seen: None });
        let mut after = None;
        loop {
            let sites = self.house.until_read(|| self.house.store.sites_of(campaign, after, PAGE)).await?;
            after = sites.last().copied();
            let last_page = sites.len() < PAGE;
            for site in sites {
                if let Some(entry) = self.entry(site).await? {
                    entry.flows.entry(campaign).or_default().heads_left = Some(None);
                }
                self.hungry.insert(site);
            }
            if last_page {
                break;
            }
        }
        let mut after = None;
        loop {
            let wakes = self.house.until_read(|| self.house.store.next_wakes(campaign, after, PAGE)).await?;
            after = wakes.last().map(|(site, _)| *site);
            let last_page = wakes.len() < PAGE;
            for (site, at) in wakes {
                self.wakes.add(site, campaign, at);
            }
            if last_page {
                return Ok(());
            }
        }
    }

    /// Deliveries were added to a standing campaign: they have heads of their own behind those that were there.
    pub(super) async fn added_to(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        self.rescans = 0;
        if let Some(known) = self.campaigns.get_mut(&campaign) {
            known.unresolved.get_or_insert(known.seen);
            return Ok(());
        }
        self.find_work_of(campaign).await
    }

    /// Deliveries that had ended are in the queue again, where the reading has gone by: what is there is read from its
    /// start. Of a campaign that is paused, they are found when it goes on.
    pub(super) async fn queued_again(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        self.rescans = 0;
        self.deactivate(campaign);
        self.find_work_of(campaign).await
    }

    /// Takes a campaign up that may send, whether or not the run has had it before.
    async fn find_work_of(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        let known = self.house.until_read(|| self.house.store.campaign(campaign)).await?;
        let Some(known) = known.filter(|known| known.state.may_send()) else { return Ok(()) };
        if self.house.mailing(campaign).is_none() {
            match launch::mailing(&self.house.store, &known, self.house.world.entropy.as_ref()).await {
                Ok(mailing) => self.house.take_up(mailing).await?,
                Err(SendError::Store(why)) => return Err(why),
                Err(why) => return self.pause(campaign, why.to_string()).await,
            }
            self.house.gate.open(campaign).await;
        }
        self.activate(campaign).await
    }

    /// Lets a campaign go: nothing more of it is read, and what was read and not started is given back.
    pub(super) fn deactivate(&mut self, campaign: CampaignId) {
        self.campaigns.remove(&campaign);
        self.wakes.forget(campaign);
        let Some(stream) = self.house.stream(campaign) else { return };
        for entry in self.sites.values_mut() {
            entry.flows.remove(&campaign);
            for lane in entry.lanes.values() {
                for claimed in lane.take_flow(stream.flow) {
                    self.house.outstanding.release(claimed.delivery);
                }
            }
            self.hungry.insert(entry.site);
        }
    }

    pub(super) async fn read_more(&mut self) -> Result<(), StoreError> {
        self.read_unresolved().await?;
        let budget = OUTSTANDING_MAX.saturating_sub(self.house.outstanding.len());
        if budget > 0 {
            for site in std::mem::take(&mut self.hungry) {
                self.feed(site).await?;
            }
        }
        Ok(())
    }

    /// Reads heads that have no site yet, in head order, while there is room.
    async fn read_unresolved(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        self.hours_open_at = None;
        let campaigns: Vec<CampaignId> = self.campaigns.keys().copied().collect();
        for campaign in campaigns {
            let full = self.waiting.len() >= LOOKUPS_WAITING_MAX || self.sites.len() >= SITES_MAX;
            let Some(Campaign { unresolved: Some(after), seen }) = self.campaigns.get(&campaign).filter(|_| !full)
            else {
                continue;
            };
            if let Some((until, _)) = self.house.not_before(campaign, now) {
                self.hours_open_at = Some(self.hours_open_at.map_or(until, |at| at.min(until)));
                continue;
            }
            let part = self.house.part_of(campaign, None, now);
            let read = || self.house.store.unresolved_heads(campaign, *after, PAGE, part);
            let heads = self.house.until_read(read).await?;
            let last = heads.last().map(|head| head.id);
            let unresolved = (heads.len() == PAGE).then_some(last);
            let seen = (*seen).max(last);
            self.campaigns.insert(campaign, Campaign { unresolved, seen });
            self.waiting.extend(heads.into_iter().map(|head| Pending {
                domain: head.domain_name.clone(),
                heads: vec![head],
                claimed: Vec::new(),
                asked: None,
            }));
        }
        Ok(())
    }

    /// Fills the lanes of a site, campaign by campaign: retries that are due first, then heads in order.
    async fn feed(&mut self, site: SiteId) -> Result<(), StoreError> {
        if self.entry(site).await?.is_none() {
            return Ok(());
        }
        if self.readmitted.remove(&site)
            && let Some(entry) = self.sites.get_mut(&site)
        {
            for campaign in self.campaigns.keys() {
                entry.flows.entry(*campaign).or_default().heads_left = Some(None);
            }
        }
        for campaign in self.in_turn(site) {
            self.feed_flow(site, campaign).await?;
        }
        if let Some(refused) = self.given_up(site, self.house.now()) {
            let lanes = self.sites.get(&site).into_iter().flat_map(|entry| entry.lanes.values());
            let waiting: Vec<Claimed> = lanes.flat_map(|lane| lane.drain()).collect();
            self.give_up(site, waiting, &refused).await;
        }
        if let Some(entry) = self.sites.get(&site) {
            let low_water = entry.flow_window() / 2;
            for lane in entry.lanes.values() {
                for (campaign, flow) in &entry.flows {
                    let Some(stream) = self.house.stream(*campaign) else { continue };
                    let more = flow.has_more() && flow.held.is_none();
                    let readable = flow.is_readable() && self.waiting.len() < LOOKUPS_WAITING_MAX;
                    lane.expect_more(stream.flow, more, readable, low_water);
                }
                self.wanting.insert(lane.id);
            }
        }
        self.tidy(site);
        Ok(())
    }

    /// The campaigns of a site in the order they are read: transactional ones first.
    fn in_turn(&self, site: SiteId) -> Vec<CampaignId> {
        let Some(entry) = self.sites.get(&site) else { return Vec::new() };
        let mut campaigns: Vec<CampaignId> = entry.flows.keys().copied().collect();
        campaigns.sort_by_key(|campaign| self.house.stream(*campaign).map(|stream| stream.class));
        campaigns
    }

    async fn feed_flow(&mut self, site: SiteId, campaign: CampaignId) -> Result<(), StoreError> {
        let now = self.house.now();
        // Who is of a part that was cancelled has nothing to wait for.
        let operator = self.sites.get(&site).map(|entry| entry.operator());
        let is_cancelled = operator.is_some_and(|operator| self.house.holds.cancels_flow(campaign, operator));
        if !is_cancelled
            && self.given_up(site, now).is_none()
            && let Some((until, why)) = self.flow_until(site, campaign, now)
        {
            if let Some(flow) = self.sites.get_mut(&site).and_then(|entry| entry.flows.get_mut(&campaign)) {
                flow.held = Some((until, why));
                self.timed.insert((until, site));
            }
            return Ok(());
        }
        if let Some(flow) = self.sites.get_mut(&site).and_then(|entry| entry.flows.get_mut(&campaign)) {
            flow.held = None;
            if flow.again_at.is_some_and(|at| at <= now) {
                (flow.again_at, flow.heads_left) = (None, Some(None));
                flow.heads.clear();
            }
        }
        self.feed_retries(site, campaign, now).await?;
        self.feed_heads(site, campaign).await
    }

    /// When anything of a campaign may start at a site, if not now, and what says so.
    fn flow_until(&self, site: SiteId, campaign: CampaignId, now: Timestamp) -> Option<(Timestamp, String)> {
        let entry = self.sites.get(&site)?;
        if let Some(held) = self.house.not_before_at(campaign, entry.operator(), now) {
            return Some(held);
        }
        if let Some((until, why)) = entry.flows.get(&campaign).and_then(|flow| flow.held.clone())
            && until > now
        {
            return Some((until, why));
        }
        self.way_out_at(site, campaign, now).map(|until| (until, self.why_no_way(campaign)))
    }

    /// The refusal that has outlived everybody's window at a site, if no other source can go there.
    pub(super) fn given_up(&self, site: SiteId, now: Timestamp) -> Option<SiteRefusal> {
        let entry = self.sites.get(&site)?;
        let schedule = &self.house.settings.schedule;
        let mut refused = None;
        for lane in entry.lanes.values() {
            refused = Some(lane.outlived(schedule, now)?);
        }
        refused
    }

    /// The site has refused us for longer than anybody's retry window: who waits for it is settled as it refused.
    pub(super) async fn give_up(
        &mut self,
        site: SiteId,
        rows: Vec<Claimed>,
        SiteRefusal { verdict, reply }: &SiteRefusal,
    ) {
        if !rows.is_empty() {
            self.hungry.insert(site);
        }
        let provider = self.sites.get(&site).and_then(|entry| entry.provider).map(|provider| provider.key.clone());
        for claimed in rows {
            let now = self.house.now();
            let (note, reply) = (Some(NEVER_LET_IN.to_owned()), reply.clone());
            let attempt = Attempt { note, reply, ..attempt_without_contact(&claimed, verdict, now) };
            let mut settlement = Settlement::of(&claimed, given_up(verdict), now);
            settlement.site = Some(site);
            settlement.provider.clone_from(&provider);
            settlement.attempt = Some(attempt);
            settlement.charge = false;
            self.house.settle(settlement, None, None).await;
        }
    }

    async fn feed_retries(&mut self, site: SiteId, campaign: CampaignId, now: Timestamp) -> Result<(), StoreError> {
        let Some(stream) = self.house.stream(campaign) else { return Ok(()) };
        loop {
            let Some(entry) = self.sites.get_mut(&site) else { return Ok(()) };
            let room = entry.room(stream.flow).min(PAGE);
            let Some(flow) = entry.flows.get_mut(&campaign) else { return Ok(()) };
            let Some(after) = flow.retries_due.filter(|_| room > 0 && self.waiting.len() < LOOKUPS_WAITING_MAX) else {
                return Ok(());
            };
            self.house.outstanding.begin_reading();
            let read = || self.house.store.due_retries(campaign, site, now, after, room);
            let rows = self.house.until_read(read).await?;
            if rows.len() < room {
                flow.retries_due = None;
                // Up to `now` everything due was read just now, so what is still due then is in hand.
                let next = self.next_retry(site, campaign).await?;
                self.wakes.renew(site, campaign, next, now);
            } else if let Some(last) = rows.last() {
                flow.retries_due = Some(last.retry.map(|(_, at)| (at, last.delivery)));
            }
            self.look_up_again(site, campaign, rows);
        }
    }

    /// A retry goes where its domain is served now, which may be elsewhere than last time.
    fn look_up_again(&mut self, site: SiteId, campaign: CampaignId, rows: Vec<Claimed>) {
        let mut by_domain: BTreeMap<String, Vec<Claimed>> = BTreeMap::new();
        for row in rows {
            if self.house.outstanding.take(row.delivery) {
                by_domain.entry(row.domain_name.clone()).or_default().push(row);
            }
        }
        for (domain, claimed) in by_domain {
            self.ask_where(
                site,
                campaign,
                Pending { domain, heads: Vec::new(), claimed, asked: Some((site, campaign)) },
            );
        }
    }

    fn ask_where(&mut self, site: SiteId, campaign: CampaignId, pending: Pending) {
        if let Some(flow) = self.sites.get_mut(&site).and_then(|entry| entry.flows.get_mut(&campaign)) {
            flow.pending += 1;
        }
        self.waiting.push_back(pending);
    }

    async fn feed_heads(&mut self, site: SiteId, campaign: CampaignId) -> Result<(), StoreError> {
        let Some(stream) = self.house.stream(campaign) else { return Ok(()) };
        let Some(operator) = self.sites.get(&site).map(|entry| entry.operator().to_owned()) else { return Ok(()) };
        let part = self.house.part_of(campaign, Some(&operator), self.house.now());
        loop {
            let Some(entry) = self.sites.get_mut(&site) else { return Ok(()) };
            let room = entry.room(stream.flow);
            let has_hosts = !entry.groups.is_empty();
            // A page is read when it is worth a question, not for every place that falls free.
            let worth = room >= entry.flow_window() / 2;
            // What was read a moment ago may have found its way closed meanwhile, and gone back to the ledger: reading on
            // would find it there again, and again.
            let now = self.house.now();
            let open = |flow: &&mut Backlog| worth && !flow.is_held(now);
            let Some(flow) = entry.flows.get_mut(&campaign).filter(open) else { return Ok(()) };
            if !flow.heads.is_empty() {
                let rows = self.read_window(site, campaign, room, part).await?;
                if rows.is_empty() || self.assign(site, rows).await {
                    continue;
                }
                // Nobody of them may start. There may be many like them: others have their turn between two pages.
                self.house.tell(Notice::Hungry(site));
                return Ok(());
            }
            let Some(after) = flow.heads_left else { return Ok(()) };
            // Among them may be some that were placed a moment ago and found no room.
            self.stamp(true).await?;
            let read = || self.house.store.heads_of_site(campaign, site, after, PAGE, part);
            let heads = self.house.until_read(read).await?;
            let flow = self.sites.get_mut(&site).and_then(|entry| entry.flows.get_mut(&campaign));
            let Some(flow) = flow else { return Ok(()) };
            flow.heads_left = (heads.len() == PAGE).then(|| heads.last().map(|head| head.id));
            if has_hosts {
                flow.heads.extend(heads.into_iter().map(|head| Reading { head, after: None }));
                continue;
            }
            for head in heads {
                let domain = head.domain_name.clone();
                let asked = Some((site, campaign));
                self.ask_where(site, campaign, Pending { domain, heads: vec![head], claimed: Vec::new(), asked });
            }
            return Ok(());
        }
    }

    /// The next deliveries of the heads in front, as many as there is room for; what is in hand already is left out.
    async fn read_window(
        &mut self,
        site: SiteId,
        campaign: CampaignId,
        room: usize,
        part: Part,
    ) -> Result<Vec<Claimed>, StoreError> {
        let Some(flow) = self.sites.get_mut(&site).and_then(|entry| entry.flows.get_mut(&campaign)) else {
            return Ok(Vec::new());
        };
        let mut expected = 0;
        let mut heads: Vec<(DeliveryId, Option<DeliveryId>)> = Vec::new();
        for reading in flow.heads.iter().take(HEADS_AT_ONCE) {
            if expected >= room {
                break;
            }
            expected += reading.head.remaining as usize;
            heads.push((reading.head.id, reading.after));
        }
        self.house.outstanding.begin_reading();
        let rows = self.house.until_read(|| self.house.store.read_windows(&heads, room, part)).await?;
        match rows.last().filter(|_| rows.len() >= room) {
            None => {
                flow.heads.drain(..heads.len());
            }
            Some(last) => {
                let stops_in = (0..heads.len()).rev().filter(|at| heads[*at].0 <= last.delivery);
                let stops_at = stops_in.max_by_key(|at| heads[*at].0).unwrap_or(0);
                flow.heads.drain(..stops_at);
                if let Some(reading) = flow.heads.front_mut() {
                    reading.after = Some(last.delivery);
                }
            }
        }
        let outstanding = &self.house.outstanding;
        Ok(rows.into_iter().filter(|row| outstanding.take(row.delivery)).collect())
    }
}
