//! One receiving site as the scheduler sees it: its servers, its lanes, and what each campaign still has for it.

use crate::lane::{FLOW_WINDOW_MIN, Lane, WINDOW};
use dispatch::providers::Provider;
use dispatch::route::HostGroup;
use dispatch::share::Flow;
use model::{CampaignId, DeliveryId, SiteId, SourceId, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use store::Head;

/// Heads of one campaign that a site keeps in memory. Look-ups run ahead of a site that is slow, or held; the heads
/// beyond these are read from the ledger again when their turn comes.
pub(super) const HEADS_MAX: usize = 512;

/// A head being read.
pub(super) struct Reading {
    pub(super) head: Head,
    pub(super) after: Option<DeliveryId>,
}

/// What one campaign still has for a site, as far as it is known.
#[derive(Default)]
pub(super) struct Backlog {
    /// Heads being read, in order.
    pub(super) heads: VecDeque<Reading>,
    /// There may be further stamped heads, read up to that one; `None` within `Some` means from the start.
    pub(super) heads_left: Option<Option<DeliveryId>>,
    /// Retries are due, read up to that one.
    pub(super) retries_due: Option<Option<(Timestamp, DeliveryId)>>,
    /// Look-ups under way for it.
    pub(super) pending: usize,
    /// Some who wait for their own hour are to be read again then.
    pub(super) again_at: Option<Timestamp>,
    /// Nothing of it starts here before then (a budget, a window, a hold), and what says so.
    pub(super) held: Option<(Timestamp, String)>,
}

impl Backlog {
    /// Takes a head that was placed; the ledger keeps it if there is no room.
    pub(super) fn add(&mut self, head: Head) {
        if self.heads.len() < HEADS_MAX {
            return self.heads.push_back(Reading { head, after: None });
        }
        let before = Some(DeliveryId(head.id.0 - 1));
        self.heads_left = Some(self.heads_left.map_or(before, |left| left.min(before)));
    }

    /// May more come, without anything new happening?
    pub(super) fn has_more(&self) -> bool {
        self.is_readable() || self.pending > 0
    }

    /// Is there anything that can be read now?
    pub(super) fn is_readable(&self) -> bool {
        !self.heads.is_empty() || self.heads_left.is_some() || self.retries_due.is_some()
    }

    pub(super) fn is_held(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|(until, _)| *until > now)
    }
}

/// A site.
pub(super) struct Entry {
    pub(super) site: SiteId,
    pub(super) fingerprint: String,
    pub(super) provider: Option<&'static Provider>,
    /// Where the pacing of its lanes is remembered: itself, or what stands for all sites of its provider.
    pub(super) paced_as: SiteId,
    pub(super) groups: Vec<HostGroup>,
    pub(super) lanes: BTreeMap<SourceId, Arc<Lane>>,
    pub(super) flows: BTreeMap<CampaignId, Backlog>,
}

impl Entry {
    /// What tells unrelated sites apart: the provider, else the site itself.
    pub(super) fn operator(&self) -> &str {
        self.provider.map_or(self.fingerprint.as_str(), |provider| provider.key.as_str())
    }

    /// Who answers for the site, freshly looked up.
    pub(super) fn set_groups(&mut self, groups: Vec<HostGroup>) {
        self.lanes.values().for_each(|lane| lane.set_groups(groups.clone()));
        self.groups = groups;
    }

    /// May anything more be read?
    pub(super) fn has_more(&self) -> bool {
        self.flows.values().any(Backlog::has_more)
    }

    /// May anything more be read that is not held?
    pub(super) fn has_more_now(&self, now: Timestamp) -> bool {
        self.flows.values().any(|flow| flow.has_more() && !flow.is_held(now))
    }

    /// How many of one campaign a site may have in hand: the window is shared by those that have something.
    pub(super) fn flow_window(&self) -> usize {
        let sharers = self.flows.values().filter(|flow| flow.has_more()).count().max(1);
        (WINDOW * self.lanes.len().max(1) / sharers).max(FLOW_WINDOW_MIN)
    }

    /// How many more of a campaign there is room for.
    pub(super) fn room(&self, flow: Flow) -> usize {
        let in_hand: usize = self.lanes.values().map(|lane| lane.len_of(flow)).sum();
        self.flow_window().saturating_sub(in_hand)
    }

    /// Nothing read, nothing open, in any lane.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let waits = self.flows.values().any(|flow| flow.again_at.is_some());
        !waits && !self.has_more() && self.lanes.values().all(|lane| lane.is_empty() && lane.held(now).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::DomainId;

    fn head(id: i64) -> Head {
        Head {
            id: DeliveryId(id),
            campaign: CampaignId(1),
            domain: DomainId(id),
            domain_name: format!("d{id}.test"),
            site: Some(SiteId(1)),
            next: DeliveryId(id),
            remaining: 1,
            canary_end: None,
            cold_start: None,
        }
    }

    #[test]
    fn however_many_domains_a_site_has_few_of_them_are_in_memory() {
        let mut flow = Backlog::default();
        (1..=HEADS_MAX).for_each(|n| flow.add(head(10 * n as i64)));
        assert_eq!((flow.heads.len(), flow.heads_left), (HEADS_MAX, None));
        // Answers come in any order: all that found no room lie behind the place from which the ledger is read on.
        [90_020, 90_010, 90_030].into_iter().for_each(|id| flow.add(head(id)));
        assert_eq!((flow.heads.len(), flow.heads_left), (HEADS_MAX, Some(Some(DeliveryId(90_009)))));
        assert!(flow.is_readable());
        flow.heads.clear();
        assert!(flow.is_readable());
        // Where everything is to be read anyway, it stays so.
        flow.heads_left = Some(None);
        (0..=HEADS_MAX).for_each(|_| flow.add(head(90_040)));
        assert_eq!((flow.heads.len(), flow.heads_left), (HEADS_MAX, Some(None)));
    }
}
