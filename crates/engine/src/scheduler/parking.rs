//! Lanes with work whose source, or everybody who has something there, has reached a ceiling.
//!
//! However many lanes wait for one ceiling, it has one timer, and each time it lets somebody go on, one lane is looked at:
//! the next behind the one before. So waiting costs nothing, and what may start is given out in turn.

use super::Scheduler;
use crate::lane::{HOLD_GONE_ROUND, LaneId};
use crate::note::Note;
use crate::throttles::Barred;
use model::{CampaignId, EventKind, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use store::{CeilingOf, StoreError};

/// The lanes that wait for ceilings.
#[derive(Debug, Default)]
pub(super) struct Parking {
    lanes: BTreeMap<CeilingOf, BTreeSet<LaneId>>,
    /// The lane looked at last.
    last: BTreeMap<CeilingOf, LaneId>,
    /// When time lets one go on.
    at: BTreeMap<CeilingOf, Timestamp>,
    order: BTreeSet<(Timestamp, CeilingOf)>,
    /// Whose ceilings may let somebody go on now.
    free: BTreeSet<CeilingOf>,
}

impl Parking {
    /// A lane waits for a ceiling: until then, or until a place falls free.
    fn park(&mut self, lane: LaneId, Barred { of, until }: Barred) {
        self.lanes.entry(of).or_default().insert(lane);
        self.free.remove(&of);
        if let Some(known) = self.at.remove(&of) {
            self.order.remove(&(known, of));
        }
        if let Some(until) = until {
            self.at.insert(of, until);
            self.order.insert((until, of));
        }
    }

    /// A place of somebody fell free.
    pub(super) fn vacant(&mut self, of: CeilingOf) {
        if self.lanes.contains_key(&of) {
            self.free.insert(of);
        }
    }

    /// Other ceilings are in force: everybody is looked at again.
    fn all_free(&mut self) {
        self.free.extend(self.lanes.keys());
    }

    /// When time lets the next one go on.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Those whose time has come.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some((at, of)) = self.order.first().copied().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, of));
            self.at.remove(&of);
            self.vacant(of);
        }
    }

    /// The next lane to be looked at. It is parked again if the ceiling is still in its way.
    pub(super) fn next(&mut self) -> Option<LaneId> {
        let of = *self.free.first()?;
        let waiting = self.lanes.get_mut(&of)?;
        let behind = self.last.get(&of).map(|last| (Bound::Excluded(*last), Bound::Unbounded));
        let next = behind.and_then(|behind| waiting.range(behind).next()).or_else(|| waiting.first()).copied();
        if let Some(lane) = next {
            waiting.remove(&lane);
            self.last.insert(of, lane);
        }
        if waiting.is_empty() {
            self.lanes.remove(&of);
            self.free.remove(&of);
        }
        next
    }

    /// A lane is gone.
    pub(super) fn forget(&mut self, lane: LaneId) {
        self.lanes.retain(|_, waiting| {
            waiting.remove(&lane);
            !waiting.is_empty()
        });
        let (lanes, free) = (&self.lanes, &mut self.free);
        free.retain(|of| lanes.contains_key(of));
    }
}

impl Scheduler {
    /// Ceilings are in a lane's way. What has to wait for long does not wait in the lane.
    pub(super) fn barred(&mut self, lane: LaneId, all: Vec<Barred>, now: Timestamp) {
        for one in all {
            match one.until.filter(|until| until.since(now) > HOLD_GONE_ROUND) {
                Some(until) => self.closed.push((lane, one.of, until)),
                None => self.parking.park(lane, one),
            }
        }
    }

    /// What waits for a ceiling for long goes by another source, or back to the ledger until then. `false`: there is none.
    pub(super) async fn go_round_ceilings(&mut self) -> Result<bool, StoreError> {
        let closed = std::mem::take(&mut self.closed);
        for (lane, of, until) in &closed {
            let now = self.house.now();
            let told = self.house.throttles.told(*of, now);
            let why = told.map_or_else(String::new, |told| told.reached(now));
            if self.ceilings_told.insert(*of, *until).is_none_or(|before| before < *until) {
                self.tell(EventKind::BudgetSpent, None, why.clone()).await?;
                self.house.note(Note::Warned { why: why.clone() });
            }
            match of {
                CeilingOf::Source(_) => self.redeal(*lane).await,
                CeilingOf::Workspace(workspace) => {
                    let is_theirs = |campaign: &CampaignId| {
                        self.house.mailing(*campaign).is_some_and(|mailing| mailing.workspace == *workspace)
                    };
                    let flows = self.sites.get(&lane.site).into_iter().flat_map(|entry| entry.flows.keys());
                    for campaign in flows.copied().filter(is_theirs).collect::<Vec<_>>() {
                        self.hold_flow(lane.site, campaign, *until, why.clone());
                    }
                }
            }
        }
        Ok(!closed.is_empty())
    }

    /// Other ceilings are in force: whoever waits for one is looked at again.
    pub(super) async fn ceilings_changed(&mut self) -> Result<(), StoreError> {
        self.parking.all_free();
        self.ceilings_told.clear();
        for campaign in self.campaigns.keys().copied().collect::<Vec<CampaignId>>() {
            self.deactivate(campaign);
            self.activate(campaign).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{SiteId, SourceId};

    const OF: CeilingOf = CeilingOf::Source(SourceId(1));

    fn lane(site: i64) -> LaneId {
        LaneId { site: SiteId(site), source: SourceId(1) }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn ten_thousand_lanes_have_one_timer_and_are_looked_at_one_at_a_time_in_turn() {
        let mut parking = Parking::default();
        for site in 0..10_000 {
            parking.park(lane(site), Barred { of: OF, until: Some(at(100)) });
        }
        let mut looked_at = Vec::new();
        for turn in 1..=20_000 {
            assert_eq!((parking.first(), parking.order.len()), (Some(at(turn * 100)), 1));
            parking.wake(at(turn * 100 - 1));
            assert_eq!(parking.next(), None, "nobody is woken to be told \"not yet\"");
            parking.wake(at(turn * 100));
            let next = parking.next().unwrap();
            looked_at.push(next.site.0);
            parking.park(next, Barred { of: OF, until: Some(at((turn + 1) * 100)) });
            assert_eq!(parking.next(), None);
        }
        let in_turn: Vec<i64> = (0..20_000).map(|n| n % 10_000).collect();
        assert_eq!(looked_at, in_turn);
    }

    #[test]
    fn a_place_that_falls_free_is_offered_to_each_once_and_a_lane_that_is_gone_to_nobody() {
        let mut parking = Parking::default();
        for site in 0..3 {
            parking.park(lane(site), Barred { of: OF, until: None });
        }
        assert_eq!((parking.first(), parking.next()), (None, None));
        parking.forget(lane(1));
        parking.vacant(OF);
        assert_eq!([parking.next(), parking.next(), parking.next()], [Some(lane(0)), Some(lane(2)), None]);
        parking.vacant(OF);
        assert_eq!(parking.next(), None);
    }
}
