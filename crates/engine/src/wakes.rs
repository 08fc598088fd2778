//! When the next retry of each site is due: one time per site and campaign, whatever the backlog.

use model::{CampaignId, SiteId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The earliest retry per site and campaign.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    at: BTreeMap<(SiteId, CampaignId), Timestamp>,
    order: BTreeSet<(Timestamp, SiteId, CampaignId)>,
    /// Those whose earliest is in hand right now: what comes after it is read when its outcome is durable.
    stale: BTreeSet<(SiteId, CampaignId)>,
}

impl Wakes {
    /// A retry is due then; kept if it is the earliest.
    pub(crate) fn add(&mut self, site: SiteId, campaign: CampaignId, at: Timestamp) {
        let known = self.at.get(&(site, campaign)).copied();
        if known.is_none_or(|known| at < known) {
            if let Some(known) = known {
                self.order.remove(&(known, site, campaign));
            }
            self.at.insert((site, campaign), at);
            self.order.insert((at, site, campaign));
        }
    }

    /// What the ledger says is the earliest now. Something due already is in hand: it is asked for again later.
    pub(crate) fn renew(&mut self, site: SiteId, campaign: CampaignId, at: Option<Timestamp>, now: Timestamp) {
        self.stale.remove(&(site, campaign));
        match at {
            Some(at) if at > now => self.add(site, campaign, at),
            Some(_) => {
                self.stale.insert((site, campaign));
            }
            None => {}
        }
    }

    /// Must the ledger be asked again once outcomes there are durable?
    pub(crate) fn is_stale(&self, site: SiteId, campaign: CampaignId) -> bool {
        self.stale.contains(&(site, campaign))
    }

    /// The earliest of all.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, ..)| *at)
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(SiteId, CampaignId)> {
        let (at, site, campaign) = self.order.first().copied().filter(|(at, ..)| *at <= now)?;
        self.order.remove(&(at, site, campaign));
        self.at.remove(&(site, campaign));
        Some((site, campaign))
    }

    /// Everything of a site may be due: look now.
    pub(crate) fn all_due_at(&mut self, site: SiteId, now: Timestamp, campaigns: impl Iterator<Item = CampaignId>) {
        for campaign in campaigns {
            self.add(site, campaign, now);
        }
    }

    /// Forgets a campaign.
    pub(crate) fn forget(&mut self, campaign: CampaignId) {
        self.at.retain(|(_, of), _| *of != campaign);
        self.order.retain(|(_, _, of)| *of != campaign);
        self.stale.retain(|(_, of)| *of != campaign);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn only_the_earliest_is_kept_and_each_is_taken_once() {
        let (site, campaign) = (SiteId(1), CampaignId(2));
        let mut wakes = Wakes::default();
        wakes.add(site, campaign, at(50));
        wakes.add(site, campaign, at(30));
        wakes.add(site, campaign, at(40));
        assert_eq!(wakes.first(), Some(at(30)));
        assert_eq!(wakes.take_due(at(29)), None);
        assert_eq!(wakes.take_due(at(30)), Some((site, campaign)));
        assert_eq!(wakes.take_due(at(99)), None);
    }

    #[test]
    fn what_is_due_already_is_not_polled_but_asked_for_again_after_its_outcome() {
        let (site, campaign) = (SiteId(1), CampaignId(2));
        let mut wakes = Wakes::default();
        wakes.renew(site, campaign, Some(at(10)), at(10));
        assert_eq!(wakes.first(), None);
        assert!(wakes.is_stale(site, campaign));
        wakes.renew(site, campaign, Some(at(20)), at(10));
        assert!(!wakes.is_stale(site, campaign));
        assert_eq!(wakes.first(), Some(at(20)));
    }
}
