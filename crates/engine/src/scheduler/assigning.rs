//! Giving deliveries to lanes: which source each goes out by, and the lane for it.

use super::Scheduler;
use super::site::Entry;
use crate::fleet::Standing;
use crate::house::SITE_FOR_PROVIDER;
use crate::lane::{HOLD_GONE_ROUND, Lane, LaneId};
use crate::pacer::{Pacer, PacerKey};
use crate::paths::NoWay;
use dispatch::pace::Pace;
use dispatch::pool::{Candidate, Choice, choose};
use dispatch::providers::Provider;
use dispatch::route::HostGroup;
use model::{CampaignId, DeliveryId, SiteId, SourceId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{CeilingOf, Claimed, StoreError};

impl Scheduler {
    /// Gives what was read to the lanes of the site; whoever has no way out for now, or is held, goes back to the ledger. Did
    /// anybody come into a lane?
    pub(super) async fn assign(&mut self, site: SiteId, rows: Vec<Claimed>) -> bool {
        let now = self.house.now();
        let rows = self.without_cancelled(site, rows).await;
        if let Some(refused) = self.given_up(site, now) {
            self.give_up(site, rows, &refused).await;
            return false;
        }
        let mut by_lane: BTreeMap<(SourceId, CampaignId), Vec<Claimed>> = BTreeMap::new();
        let mut candidates: BTreeMap<CampaignId, Vec<Candidate>> = BTreeMap::new();
        for row in rows {
            let campaign = row.campaign;
            let known = candidates.entry(campaign).or_insert_with(|| self.candidates(site, campaign, now));
            match choose(known, row.delivery, row.source) {
                Choice::Source(source) => by_lane.entry((source, campaign)).or_default().push(row),
                Choice::NotBefore(until) => self.send_back(site, row, until),
                Choice::Nobody => self.send_back(site, row, now + super::NEVER),
            }
        }
        let mut is_any = false;
        for ((source, campaign), mut rows) in by_lane {
            let (Some(stream), Some(lane)) = (self.house.stream(campaign), self.lane(site, source)) else {
                rows.iter().for_each(|row| self.house.outstanding.release(row.delivery));
                continue;
            };
            // In a lane the held would be given turns, and lose them for everybody whose ceilings they count against.
            for held in rows.extract_if(.., |row| self.house.is_held(row, lane.operator(), source, now)) {
                self.house.outstanding.release(held.delivery);
            }
            is_any |= !rows.is_empty();
            lane.supply(stream, rows);
            self.wanting.insert(lane.id);
        }
        is_any
    }

    /// Back to the ledger: nothing of its campaign starts at this site before `until`.
    fn send_back(&mut self, site: SiteId, row: Claimed, until: Timestamp) {
        self.house.outstanding.release(row.delivery);
        if let Some((at_site, at)) = row.retry {
            self.wakes.add(at_site, row.campaign, at.max(until));
        }
        let why = self.why_no_way(row.campaign);
        self.hold_flow(site, row.campaign, until, why);
    }

    /// Why no source can carry anything of a campaign to a site now.
    pub(super) fn why_no_way(&self, campaign: CampaignId) -> String {
        let told = |no_way: NoWay| format!("{}: {}", super::NO_WAY_OUT, no_way.why);
        self.no_way(campaign).map_or_else(|| super::NO_WAY_OUT.to_owned(), told)
    }

    /// What stops all of a campaign, if there is no source for it or each is held.
    pub(super) fn no_way(&self, campaign: CampaignId) -> Option<NoWay> {
        let mailing = self.house.mailing(campaign)?;
        let (ways, holds) = (self.house.fleet.ways(), self.house.holds.in_force(self.house.now()));
        NoWay::of(&ways, &holds, (mailing.workspace, mailing.kind), campaign)
    }

    /// Nothing of a campaign starts at a site before `until`; it is read again from where the ledger stands.
    pub(super) fn hold_flow(&mut self, site: SiteId, campaign: CampaignId, until: Timestamp, why: String) {
        let stream = self.house.stream(campaign);
        let (Some(entry), Some(stream)) = (self.sites.get_mut(&site), stream) else { return };
        let flow = entry.flows.entry(campaign).or_default();
        flow.held = Some((until, why));
        flow.heads.clear();
        flow.heads_left = Some(None);
        for lane in entry.lanes.values() {
            for claimed in lane.take_flow(stream.flow) {
                self.house.outstanding.release(claimed.delivery);
                if let Some((at_site, at)) = claimed.retry {
                    self.wakes.add(at_site, campaign, at.max(until));
                }
            }
        }
        self.timed.insert((until, site));
    }

    /// Somebody of a campaign waits for their own hour: the queue is read again then.
    pub(super) fn read_again(&mut self, site: SiteId, campaign: CampaignId, at: Timestamp) {
        let Some(entry) = self.sites.get_mut(&site) else { return };
        let flow = entry.flows.entry(campaign).or_default();
        flow.again_at = Some(flow.again_at.map_or(at, |known| known.min(at)));
        self.timed.insert((at, site));
    }

    /// Who could carry a campaign's mail to a site now.
    pub(super) fn candidates(&self, site: SiteId, campaign: CampaignId, now: Timestamp) -> Vec<Candidate> {
        let (Some(entry), Some(mailing)) = (self.sites.get(&site), self.house.mailing(campaign)) else {
            return Vec::new();
        };
        let operator = entry.operator();
        let standing = |source: SourceId| {
            let held = entry.lanes.get(&source).and_then(|lane| lane.held(now)).map(|hold| hold.until);
            let long = held.filter(|until| until.since(now) > HOLD_GONE_ROUND);
            let budget = self.house.budgets.standing(source, operator, now);
            let stopped = self.house.holds.of_source(source, mailing.workspace, now);
            let closed = self.house.throttles.closed_until(CeilingOf::Source(source), now);
            let no_way = self.house.fleet.no_way_until(LaneId { site, source }, now);
            let spent_until = [long, budget.spent_until, stopped, closed, no_way].into_iter().flatten().max();
            Standing { spent_until, ..budget }
        };
        let toward = (operator, entry.provider.and_then(|provider| provider.region.as_deref()));
        self.house.fleet.candidates((mailing.workspace, mailing.kind), toward, now, standing)
    }

    /// When anything of a campaign could go to a site, if not now.
    pub(super) fn way_out_at(&self, site: SiteId, campaign: CampaignId, now: Timestamp) -> Option<Timestamp> {
        match choose(&self.candidates(site, campaign, now), DeliveryId(0), None) {
            Choice::Source(_) => None,
            Choice::NotBefore(until) => Some(until),
            Choice::Nobody => Some(now + super::NEVER),
        }
    }

    /// The lane of a source at a site; made when there is none.
    pub(super) fn lane(&mut self, site: SiteId, source: SourceId) -> Option<Arc<Lane>> {
        let entry = self.sites.get_mut(&site)?;
        if let Some(lane) = entry.lanes.get(&source) {
            return Some(lane.clone());
        }
        let way_out = self.house.fleet.ways().source(source)?.clone();
        let key = (source, entry.paced_as);
        let now = self.house.now();
        let limits = self.house.settings.limits(entry.provider, &entry.fingerprint, now);
        let (day, begun) = self.today.begun(source, entry);
        let pacer = self.pacers.entry(key).or_insert_with(|| {
            let memory = self.memories.get(&key);
            let mut pace = memory.map_or_else(|| Pace::new(limits), |memory| Pace::restore(limits, memory, now));
            pace.started_besides(day, begun);
            let longest = self.house.settings.schedule.longest_gap();
            let pacer = Pacer::new(key, pace.ruled_by(self.house.rules()).resting_at_most(longest));
            Arc::new(match &self.house.settings.limits {
                Some(known) => pacer.told(known.clone(), entry.operator()),
                None => pacer,
            })
        });
        let id = LaneId { site, source };
        let lane = Lane::new(id, entry.fingerprint.clone(), entry.provider, way_out, pacer.clone());
        lane.set_groups(entry.groups.clone());
        if !entry.groups.is_empty() {
            pacer.named(lane.name());
        }
        let lane = Arc::new(lane);
        entry.lanes.insert(source, lane.clone());
        self.sharing.entry(key).or_default().insert(id);
        Some(lane)
    }

    /// The entry of a site in the ledger's dictionary; `None` when there is no room for another site now.
    pub(super) async fn entry(&mut self, site: SiteId) -> Result<Option<&mut Entry>, StoreError> {
        if !self.sites.contains_key(&site) {
            if self.sites.len() >= super::SITES_MAX {
                self.crowded_out.insert(site);
                return Ok(None);
            }
            let Some(known) = self.house.until_read(|| self.house.store.site(site)).await? else { return Ok(None) };
            let provider = known.provider.as_deref().and_then(|key| self.house.providers().by_key(key));
            self.enter(site, known.fingerprint, provider, Vec::new()).await?;
        }
        Ok(self.sites.get_mut(&site))
    }

    /// Makes the entry of a site.
    pub(super) async fn enter(
        &mut self,
        site: SiteId,
        fingerprint: String,
        provider: Option<&'static Provider>,
        groups: Vec<HostGroup>,
    ) -> Result<(), StoreError> {
        let limits = self.house.settings.limits(provider, &fingerprint, self.house.now());
        let paced_as = match provider.filter(|_| limits.shared_over_sites) {
            Some(provider) => {
                self.house.site_id(&format!("{SITE_FOR_PROVIDER}{}", provider.key), Some(&provider.key)).await?
            }
            None => site,
        };
        let (lanes, flows) = (BTreeMap::new(), BTreeMap::new());
        self.sites.insert(site, Entry { site, fingerprint, provider, paced_as, groups, lanes, flows });
        Ok(())
    }

    /// Forgets a site with nothing to do; one that was crowded out may take its place.
    pub(super) fn tidy(&mut self, site: SiteId) {
        let now = self.house.now();
        if !self.sites.get(&site).is_some_and(|entry| entry.is_idle(now)) {
            return;
        }
        let Some(entry) = self.sites.remove(&site) else { return };
        for lane in entry.lanes.values() {
            self.wanting.remove(&lane.id);
            self.parking.forget(lane.id);
            let key = lane.pacer.key;
            let Some(sharers) = self.sharing.get_mut(&key) else { continue };
            sharers.remove(&lane.id);
            if sharers.is_empty() {
                self.sharing.remove(&key);
                self.forget_pacer(key);
            }
        }
        if let Some(next) = self.crowded_out.pop_first() {
            self.readmit(next);
        }
    }

    /// Keeps what an idle pacer knows, and lets it go.
    fn forget_pacer(&mut self, key: PacerKey) {
        let Some(pacer) = self.pacers.remove(&key) else { return };
        if let Some(memory) = pacer.take_unwritten() {
            match &memory {
                Some(memory) => self.memories.insert(key, memory.clone()),
                None => self.memories.remove(&key),
            };
            self.unwritten.insert(key, (pacer.site_name(), memory));
        }
    }

    /// A site that was crowded out gets its turn: everything it may have is read again.
    fn readmit(&mut self, site: SiteId) {
        let now = self.house.now();
        self.readmitted.insert(site);
        self.wakes.all_due_at(site, now, self.campaigns.keys().copied());
        self.hungry.insert(site);
    }
}
