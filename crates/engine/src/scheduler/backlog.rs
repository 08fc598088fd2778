//! Reading the backlog: campaigns taken up and let go, heads and retries read in bounded pages into lanes.
//!
//! What a lane holds is at most one window; what waits to be looked up is bounded too. A row that is in hand already is
//! left out by `Outstanding`, so reading something twice is harmless.

use super::placing::attempt_without_contact;
use super::{
    Backlog, LANES_MAX, LOOKUPS_WAITING_MAX, NEVER_LET_IN, OUTSTANDING_MAX, PAGE, Pending, Reading, Scheduler,
};
use crate::lane::Lane;
use dispatch::react::given_up;
use model::{Attempt, CampaignId, SiteId, Timestamp, Verdict};
use std::collections::BTreeMap;
use store::{Claimed, Part, Settlement, StoreError};

impl Scheduler {
    /// Takes a campaign up: everything that is queued or deferred will be found.
    pub(super) async fn activate(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        self.backlogs.insert(campaign, Backlog { unresolved: Some(None) });
        let mut after = None;
        loop {
            let sites = self.house.store.sites_of(campaign, after, PAGE).await?;
            after = sites.last().copied();
            let last_page = sites.len() < PAGE;
            for site in sites {
                if let Some(entry) = self.entry(site).await? {
                    entry.heads_left.insert(campaign, None);
                }
                self.hungry.insert(site);
            }
            if last_page {
                break;
            }
        }
        let mut after = None;
        loop {
            let wakes = self.house.store.next_wakes(campaign, after, PAGE).await?;
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

    /// Lets a campaign go: nothing more of it is read, and what was read and not started is given back.
    pub(super) fn deactivate(&mut self, campaign: CampaignId) {
        self.backlogs.remove(&campaign);
        self.wakes.forget(campaign);
        for entry in self.lanes.values_mut() {
            entry.heads.retain(|reading| reading.head.campaign != campaign);
            entry.heads_left.remove(&campaign);
            entry.retries_due.remove(&campaign);
            for delivery in entry.lane.give_back(campaign) {
                self.house.outstanding.release(delivery);
            }
            self.hungry.insert(entry.lane.site);
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
        let campaigns: Vec<CampaignId> = self.backlogs.keys().copied().collect();
        for campaign in campaigns {
            let full = self.waiting.len() >= LOOKUPS_WAITING_MAX || self.lanes.len() >= LANES_MAX;
            let Some(Backlog { unresolved: Some(after) }) = self.backlogs.get(&campaign).filter(|_| !full) else {
                continue;
            };
            let heads = self.house.store.unresolved_heads(campaign, *after, PAGE, Part::All).await?;
            let unresolved = (heads.len() == PAGE).then(|| heads.last().map(|head| head.id));
            self.backlogs.insert(campaign, Backlog { unresolved });
            self.waiting.extend(heads.into_iter().map(|head| Pending {
                domain: head.domain_name.clone(),
                heads: vec![head],
                claimed: Vec::new(),
                site: None,
            }));
        }
        Ok(())
    }

    /// Fills a lane: retries that are due first, then heads in order.
    async fn feed(&mut self, site: SiteId) -> Result<(), StoreError> {
        if self.entry(site).await?.is_none() {
            return Ok(());
        }
        if self.readmitted.remove(&site)
            && let Some(entry) = self.lanes.get_mut(&site)
        {
            entry.heads_left.extend(self.backlogs.keys().map(|campaign| (*campaign, None)));
        }
        let now = self.house.now();
        let Some(lane) = self.lanes.get(&site).map(|entry| entry.lane.clone()) else { return Ok(()) };
        let given_up = lane.outlived(&self.house.settings.schedule, now);
        if let Some(hold) = lane.held(now).filter(|_| given_up.is_none()) {
            self.timed.insert((hold.until, site));
            return Ok(());
        }
        self.feed_retries(site, now).await?;
        self.feed_heads(site).await?;
        if let Some(verdict) = given_up {
            self.give_up(&lane, &verdict).await;
        }
        if let Some(entry) = self.lanes.get(&site) {
            entry.lane.supply([], entry.has_more());
            self.wanting.insert(site);
        }
        self.tidy(site);
        Ok(())
    }

    /// The site has refused us for longer than anybody's retry window: who waits for it is settled as it refused.
    async fn give_up(&mut self, lane: &Lane, verdict: &Verdict) {
        let waiting = lane.drain();
        if !waiting.is_empty() {
            self.hungry.insert(lane.site);
        }
        for claimed in waiting {
            let now = self.house.now();
            let attempt =
                Attempt { note: Some(NEVER_LET_IN.to_owned()), ..attempt_without_contact(&claimed, verdict, now) };
            let mut settlement = Settlement::of(&claimed, given_up(verdict), now);
            settlement.site = Some(lane.site);
            settlement.attempt = Some(attempt);
            settlement.charge = false;
            self.house.settle(settlement, None).await;
        }
    }

    async fn feed_retries(&mut self, site: SiteId, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let Some(entry) = self.lanes.get_mut(&site) else { return Ok(()) };
            let room = entry.lane.room().min(PAGE);
            let next = entry.retries_due.iter().next().map(|(campaign, after)| (*campaign, *after));
            let Some((campaign, after)) = next.filter(|_| room > 0 && self.waiting.len() < LOOKUPS_WAITING_MAX) else {
                return Ok(());
            };
            self.house.outstanding.begin_reading();
            let rows = self.house.store.due_retries(campaign, site, now, after, room).await?;
            if rows.len() < room {
                entry.retries_due.remove(&campaign);
                // Up to `now` everything due was read just now, so what is still due then is in hand.
                let next = self.next_retry(site, campaign).await?;
                self.wakes.renew(site, campaign, next, now);
            } else if let Some(last) = rows.last() {
                let at = last.retry.map(|(_, at)| (at, last.delivery));
                entry.retries_due.insert(campaign, at);
            }
            self.look_up_again(site, rows);
        }
    }

    /// A retry goes where its domain is served now, which may be elsewhere than last time.
    fn look_up_again(&mut self, site: SiteId, rows: Vec<Claimed>) {
        let mut by_domain: BTreeMap<String, Vec<Claimed>> = BTreeMap::new();
        for row in rows {
            if self.house.outstanding.take(row.delivery) {
                by_domain.entry(row.domain_name.clone()).or_default().push(row);
            }
        }
        for (domain, claimed) in by_domain {
            if let Some(entry) = self.lanes.get_mut(&site) {
                entry.pending += 1;
            }
            self.waiting.push_back(Pending { domain, heads: Vec::new(), claimed, site: Some(site) });
        }
    }

    async fn feed_heads(&mut self, site: SiteId) -> Result<(), StoreError> {
        loop {
            let Some(entry) = self.lanes.get_mut(&site) else { return Ok(()) };
            let room = entry.lane.room();
            if room == 0 {
                return Ok(());
            }
            if let Some(reading) = entry.heads.front_mut() {
                self.house.outstanding.begin_reading();
                let rows = self.house.store.read_window(&reading.head, reading.after, room, Part::All).await?;
                let exhausted = rows.len() < room;
                reading.after = rows.last().map(|row| row.delivery).or(reading.after);
                if exhausted {
                    entry.heads.pop_front();
                }
                let outstanding = &self.house.outstanding;
                let fresh: Vec<Claimed> = rows.into_iter().filter(|row| outstanding.take(row.delivery)).collect();
                let more = entry.has_more();
                entry.lane.supply(fresh, more);
                continue;
            }
            let Some((&campaign, &after)) = entry.heads_left.iter().next() else { return Ok(()) };
            let heads = self.house.store.heads_of_site(campaign, site, after, PAGE, Part::All).await?;
            if heads.len() < PAGE {
                entry.heads_left.remove(&campaign);
            } else {
                entry.heads_left.insert(campaign, heads.last().map(|head| head.id));
            }
            if entry.lane.has_hosts() {
                entry.heads.extend(heads.into_iter().map(|head| Reading { head, after: None }));
                continue;
            }
            for head in heads {
                entry.pending += 1;
                let domain = head.domain_name.clone();
                self.waiting.push_back(Pending { domain, heads: vec![head], claimed: Vec::new(), site: Some(site) });
            }
            return Ok(());
        }
    }
}
