//! Who of a campaign waits where, and beside whom: where other campaigns at work have people, turns are shared as lanes share
//! them (`dispatch::share`), by the weights of the workspaces, then by those of their campaigns.

use crate::launch;
use crate::paths;
use dispatch::share::{WEIGHT_MAX, WEIGHT_USUAL, Weights};
use model::{CampaignId, SiteId, WorkspaceId};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use store::{Campaign, CeilingOf, Store, StoreError, WaitingAt};

/// Who waits where.
pub(super) struct Work {
    /// All of the campaign who are foreseen.
    pub(super) waiting: u64,
    /// Where its people are known to go.
    pub(super) here: Vec<WaitingAt>,
    /// The campaign's own share of turns.
    pub(super) own: Claim,
    /// Who of each other campaign at work waits at an operator …
    pub(super) others_there: BTreeMap<String, Others>,
    /// … at one site …
    pub(super) others_at: BTreeMap<String, Others>,
    /// … and anywhere, with the campaign, in the same workspace.
    others: Vec<(Campaign, Other)>,
}

/// Other campaigns' people at one place.
pub(super) type Others = BTreeMap<CampaignId, Other>;

/// What a campaign's share of turns depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    workspace: WorkspaceId,
    weights: Weights,
}

/// Another campaign's people at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Other {
    claim: Claim,
    waiting: u64,
}

impl Claim {
    fn of(campaign: &Campaign, workspaces: &BTreeMap<WorkspaceId, u32>) -> Claim {
        let own = launch::snapshot(campaign).ok().and_then(|snapshot| snapshot.options.timing.weight);
        let workspace = workspaces.get(&campaign.workspace).copied().unwrap_or(WEIGHT_USUAL);
        let within = |weight: u32| weight.clamp(1, WEIGHT_MAX);
        let weights = Weights { workspace: within(workspace), campaign: within(own.unwrap_or(WEIGHT_USUAL)) };
        Claim { workspace: campaign.workspace, weights }
    }
}

impl Work {
    /// `waiting` may be fewer than the ledger has. Who is held is left out where they wait (`held`); others in proportion.
    pub(super) async fn read(
        store: &Store,
        campaign: &Campaign,
        waiting: u64,
        mut held: BTreeMap<Option<SiteId>, u64>,
    ) -> Result<Work, StoreError> {
        let set = store.ceilings().await?.into_iter();
        let workspaces = set.filter_map(|set| match set.of {
            CeilingOf::Workspace(workspace) => Some((workspace, set.weight?)),
            CeilingOf::Source(_) => None,
        });
        let workspaces: BTreeMap<WorkspaceId, u32> = workspaces.collect();
        let mut work = Work {
            waiting,
            here: Vec::new(),
            own: Claim::of(campaign, &workspaces),
            others_there: BTreeMap::new(),
            others_at: BTreeMap::new(),
            others: Vec::new(),
        };
        let mut others: BTreeMap<CampaignId, (Campaign, Other)> = BTreeMap::new();
        for mut row in store.waiting_by_site(None).await? {
            if row.campaign == campaign.id {
                let held_there = held.remove(&row.site.as_ref().map(|site| site.id)).unwrap_or(0);
                row.waiting = row.waiting.saturating_sub(held_there);
                work.here.extend((row.waiting > 0).then_some(row));
                continue;
            }
            if !row.state.may_send() {
                continue;
            }
            let (_, other) = match others.entry(row.campaign) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let Some(known) = store.campaign(row.campaign).await? else { continue };
                    let claim = Claim::of(&known, &workspaces);
                    new.insert((known, Other { claim, waiting: 0 }))
                }
            };
            other.waiting += row.waiting;
            let nobody = Other { waiting: 0, ..*other };
            if let Some(site) = &row.site {
                let at_site = work.others_at.entry(site.fingerprint.clone()).or_default();
                at_site.entry(row.campaign).or_insert(nobody).waiting += row.waiting;
                let there = work.others_there.entry(paths::operator(site).to_owned()).or_default();
                there.entry(row.campaign).or_insert(nobody).waiting += row.waiting;
            }
        }
        let known: u64 = work.here.iter().map(|row| row.waiting).sum();
        if known > waiting {
            let share = |row: &mut WaitingAt| row.waiting = row.waiting * waiting / known.max(1);
            work.here.iter_mut().for_each(share);
        }
        work.others = others.into_values().filter(|(other, _)| other.workspace == campaign.workspace).collect();
        Ok(work)
    }

    /// All of the campaign, and those who go beside them of the other campaigns for which `is_beside`.
    pub(super) fn beside(&self, is_beside: impl Fn(&Campaign) -> bool) -> u64 {
        let others = self.others.iter().filter(|(campaign, _)| is_beside(campaign));
        with_others(self.own, self.waiting, &others.map(|(_, other)| *other).collect::<Vec<_>>())
    }
}

pub(super) fn listed(others: Option<&Others>) -> Vec<Other> {
    others.into_iter().flat_map(BTreeMap::values).copied().collect()
}

/// So many, and of everybody else as many as have their turn meanwhile, or all where they have fewer.
pub(super) fn with_others(own: Claim, waiting: u64, others: &[Other]) -> u64 {
    let mut sums = BTreeMap::from([(own.workspace, u64::from(own.weights.campaign))]);
    for other in others {
        *sums.entry(other.claim.workspace).or_default() += u64::from(other.claim.weights.campaign);
    }
    // A workspace's turns are shared by its campaigns.
    let turns = |claim: &Claim| {
        let sum = sums.get(&claim.workspace).copied().unwrap_or(1).max(1);
        f64::from(claim.weights.workspace) * f64::from(claim.weights.campaign) / sum as f64
    };
    others.iter().fold(waiting, |all, other| {
        let meanwhile = (waiting as f64 * turns(&other.claim) / turns(&own)).round() as u64;
        all.saturating_add(other.waiting.min(meanwhile))
    })
}

/// The part of a campaign in days that others share: it goes in step with them.
pub(super) fn part_of(days: Vec<(i64, u64)>, waiting: u64, all: u64) -> Vec<(i64, u64)> {
    let (mut gone, mut told) = (0u64, 0u64);
    let mut part = |(day, messages): (i64, u64)| {
        gone = gone.saturating_add(messages);
        let up_to = u64::try_from(u128::from(gone) * u128::from(waiting) / u128::from(all.max(1))).unwrap_or(waiting);
        let now = up_to.saturating_sub(std::mem::replace(&mut told, up_to));
        (now > 0).then_some((day, now))
    };
    days.into_iter().filter_map(&mut part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_goes_in_step_with_the_others_and_is_whole_at_the_end() {
        assert_eq!(part_of(vec![(1, 20), (2, 30), (3, 10)], 20, 60), [(1, 6), (2, 10), (3, 4)]);
    }

    #[test]
    fn turns_are_shared_by_weight() {
        let claim = |workspace: i64, of_it: u32, campaign: u32| Claim {
            workspace: WorkspaceId(workspace),
            weights: Weights { workspace: of_it, campaign },
        };
        let other = |claim: Claim, waiting: u64| Other { claim, waiting };
        let own = claim(1, 100, 100);
        assert_eq!(with_others(own, 20, &[]), 20);
        assert_eq!(with_others(own, 20, &[other(own, 5), other(own, 100)]), 45, "equals, and whoever has fewer");
        assert_eq!(with_others(own, 20, &[other(claim(1, 100, 300), 100)]), 80, "three of their turns to one of ours");
        assert_eq!(with_others(claim(1, 100, 300), 30, &[other(own, 100)]), 40);
        // Workspaces are equals however many campaigns each has: two of ours share what one of theirs gets alone.
        assert_eq!(with_others(own, 20, &[other(own, 100), other(claim(2, 100, 7), 100)]), 20 + 20 + 40);
        assert_eq!(with_others(own, 20, &[other(claim(2, 50, 100), 100)]), 30, "a workspace of half the weight");
    }
}
