//! What is changed while mail goes out: the ways out, who runs the receiving servers, and what their replies mean.
//!
//! Invariants: no conversation is cut off; what was learned, counted and held stays; who waits keeps their place, and only
//! what waits for a source that is gone is dealt again.

use super::{NO_WAY_OUT, Scheduler};
use crate::alerts::About;
use crate::delisting;
use crate::fleet::{Rest, Ways};
use crate::lane::LaneId;
use crate::settings::Way;
use dispatch::alert::Turn;
use dispatch::own::Described;
use dispatch::providers::{Provider, Providers};
use model::{CampaignId, SiteId, SourceId};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use store::{Listing, StoreError};

impl Scheduler {
    /// Sources, pools or streams were changed in the ledger. One that cannot be read leaves them as they were: whoever
    /// changed it has been told.
    pub(super) async fn ways_changed(&mut self) -> Result<(), StoreError> {
        let house = self.house.clone();
        let ways = match house.until_read(|| Ways::read(&house.store, &house.settings.ehlo_name)).await {
            Err(StoreError::Refused(_)) => return Ok(()),
            read => read?,
        };
        house.until_read(|| house.budgets.know_sources(&house.store, &ways)).await?;
        house.fleet.replace(ways);
        let (ways, mut over) = (house.fleet.ways(), Vec::new());
        for lane in self.sites.values().flat_map(|entry| entry.lanes.values()) {
            lane.set_source(ways.source(lane.id.source).cloned());
            if lane.is_over() {
                over.push(lane.id);
            }
        }
        for lane in over {
            self.redeal(lane).await;
        }
        self.look_for_a_way_out();
        Ok(())
    }

    /// Somebody says that a source is not listed any more: what waited for it is read again. Returns the sites where it rested.
    pub(super) async fn delisted(&mut self, source: SourceId, toward: Option<&str>) -> Result<Vec<String>, StoreError> {
        let (house, now) = (self.house.clone(), self.house.now());
        let is_meant = |operator: &str, rest: &Rest| delisting::is_meant(toward, operator, rest.site.as_deref());
        let rests = house.fleet.end_listings(source, is_meant, now);
        let mut sites: BTreeSet<String> =
            rests.iter().map(|(operator, rest)| delisting::site_name(rest, operator)).collect();
        for lane in self.sites.values().flat_map(|entry| entry.lanes.values()).filter(|lane| lane.id.source == source) {
            let name = lane.name();
            if delisting::is_meant(toward, lane.operator(), Some(&name)) && lane.pacer.delisted(now) {
                self.wanting.insert(lane.id);
                sites.insert(name);
            }
        }
        let ways = house.fleet.ways();
        let name = ways.source(source).map(|source| source.name.clone()).unwrap_or_default();
        // The rest may be over by itself, and its alert open still.
        for site in sites.iter().map(String::as_str).chain(toward) {
            let listing = Listing { source: name.clone(), site: site.to_owned() };
            self.house.alarm(About::listed(listing), Turn::Over);
        }
        if sites.is_empty() {
            return Ok(Vec::new());
        }
        self.write_down(true).await?;
        house.remember().await?;
        for campaign in self.campaigns.keys().copied().collect::<Vec<CampaignId>>() {
            self.deactivate(campaign);
            self.activate(campaign).await?;
        }
        Ok(sites.into_iter().collect())
    }

    /// A connection of a lane has ended whose source is retired: what it put back goes another way.
    pub(super) async fn leave_if_over(&mut self, id: LaneId) {
        if self.lane_at(id).is_some_and(|lane| lane.is_over() && lane.has_waiting()) {
            self.redeal(id).await;
        }
    }

    /// Whoever waits because nothing may carry their mail is read again: there may be something now.
    fn look_for_a_way_out(&mut self) {
        let now = self.house.now();
        let mut stuck: Vec<(SiteId, CampaignId)> = Vec::new();
        for entry in self.sites.values_mut() {
            for (campaign, flow) in &mut entry.flows {
                if flow.held.take_if(|(_, why)| why.starts_with(NO_WAY_OUT)).is_some() {
                    stuck.push((entry.site, *campaign));
                }
            }
        }
        for (site, campaign) in stuck {
            self.wakes.all_due_at(site, now, [campaign].into_iter());
            self.hungry.insert(site);
        }
    }

    /// Providers or rules were changed. A site whose pacing it shares with others of its provider, and which another
    /// provider runs now, keeps both until nothing of it is under way.
    pub(super) fn described_anew(&mut self, described: Described) {
        let (house, now) = (self.house.clone(), self.house.now());
        *house.described.write().unwrap_or_else(PoisonError::into_inner) = described;
        house.budgets.describe(described.providers);
        // The ledger's dictionary is to be told, too, whose the sites are.
        house.sites.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for entry in self.sites.values_mut() {
            let key = |provider: Option<&'static Provider>| provider.map(|provider| provider.key.as_str());
            let hosts: Vec<&str> = entry.groups.iter().flat_map(|g| g.hosts.iter().map(String::as_str)).collect();
            let fresh = match &house.settings.way {
                Way::Relay(_) => None,
                Way::Direct { .. } => provider_now(described.providers, entry.provider, &hosts),
            };
            if entry.paced_as == entry.site || key(fresh) == key(entry.provider) {
                entry.provider = fresh;
            }
            let limits = house.settings.limits(entry.provider, &entry.fingerprint, now);
            for lane in entry.lanes.values() {
                lane.set_provider(entry.provider);
                lane.pacer.describe(limits, described.rules, now);
                self.wanting.insert(lane.id);
            }
            self.hungry.insert(entry.site);
        }
    }
}

/// Who runs a site: by its servers, or by what it was known as where they are not looked up yet.
fn provider_now(
    providers: &'static Providers,
    known: Option<&'static Provider>,
    hosts: &[&str],
) -> Option<&'static Provider> {
    match hosts {
        [] => known.and_then(|known| providers.by_key(&known.key)),
        hosts => providers.provider_of(hosts),
    }
}
