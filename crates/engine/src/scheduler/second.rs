//! The second look-ups of missing domains: only when DNS says the same again, hours later, are their addresses suppressed.
//!
//! Beside everything else, and a few at once: DNS may take ten seconds to say nothing, and the policy host of a domain that came
//! back a minute. Invariants: whatever DNS does, nobody's mail waits for it; a domain of which it cannot say anything keeps no other
//! from its turn; and what is due later is looked up later, however many are due before.

use super::Scheduler;
use crate::route::{self, Placed};
use model::{DomainId, Outcome, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use store::{SecondLookup, StoreError};
use tokio::task::JoinSet;

/// Look-ups under way at once.
const AT_ONCE: usize = 8;
/// Read at once.
const READ_MAX: usize = 128;
/// One that brought no answer is made again after this.
const AGAIN: Duration = Duration::from_secs(3600);
/// Domains remembered that brought no answer. With more of them it is the resolver that has trouble: all wait.
const AGAIN_MAX: usize = 1_000;

/// A domain, and where its mail would go now.
pub(super) type Found = (SecondLookup, Result<Placed, StoreError>);

/// What is looked up once more, and what waits for it.
#[derive(Default)]
pub(super) struct Second {
    /// When the next is due; nothing while some are under way.
    at: Option<Timestamp>,
    waiting: VecDeque<SecondLookup>,
    under_way: JoinSet<Found>,
    /// More are due than were read.
    is_more: bool,
    /// Domains of which DNS could not say, and when it is asked again.
    again: BTreeMap<DomainId, Timestamp>,
}

impl Second {
    /// Something is due then.
    pub(super) fn due(&mut self, at: Timestamp) {
        self.at = Some(self.at.map_or(at, |known| known.min(at)));
    }

    /// When the next is due.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.at.filter(|_| !self.is_busy())
    }

    /// Are some under way?
    pub(super) fn is_busy(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// The next that has ended; `None`: it was stopped, or none is under way.
    pub(super) async fn ended(&mut self) -> Option<Found> {
        self.under_way.join_next().await?.ok()
    }
}

impl Scheduler {
    /// Domains that were missing hours ago: those that are due are looked up once more.
    pub(super) async fn begin_second_lookups(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.second.at = None;
        self.second.again.retain(|_, at| *at > now);
        let (house, limit) = (&self.house, READ_MAX + self.second.again.len() + 1);
        let due = house.until_read(|| house.store.second_lookups(now, limit)).await?;
        let second = &mut self.second;
        second.waiting = due.into_iter().filter(|one| !second.again.contains_key(&one.domain)).collect();
        second.is_more = second.waiting.len() > READ_MAX;
        second.waiting.truncate(READ_MAX);
        self.go_on_with_second_lookups(now).await
    }

    /// One has ended: if the domain is still missing, its addresses are suppressed.
    pub(super) async fn second_lookup_ended(&mut self, (lookup, placed): Found) -> Result<(), StoreError> {
        let (house, now) = (self.house.clone(), self.house.now());
        let missing = match placed? {
            Placed::Verdict(verdict, _) if verdict.outcome == Outcome::Deferred => None,
            Placed::Verdict(verdict, _) => Some(route::is_missing_domain(&verdict)),
            Placed::Site(_) => Some(false),
        };
        match missing {
            Some(missing) => {
                house.until_recorded(|| house.store.finish_second_lookup(&lookup, missing, now)).await?;
            }
            None if self.second.again.len() < AGAIN_MAX => {
                self.second.again.insert(lookup.domain, now + AGAIN);
            }
            None => {}
        }
        self.go_on_with_second_lookups(now).await
    }

    /// Begins what waits; when nothing is left, says when the next is due.
    async fn go_on_with_second_lookups(&mut self, now: Timestamp) -> Result<(), StoreError> {
        while self.second.under_way.len() < AT_ONCE
            && let Some(lookup) = self.second.waiting.pop_front()
        {
            let house = self.house.clone();
            self.second.under_way.spawn(async move {
                let placed = route::place(&house, &lookup.domain_name).await;
                (lookup, placed)
            });
        }
        if self.second.is_busy() {
            return Ok(());
        }
        if self.second.again.len() >= AGAIN_MAX {
            self.second.at = Some(now + AGAIN);
            return Ok(());
        }
        let house = &self.house;
        let later = house.until_read(|| house.store.next_second_lookup(now)).await?;
        let more = self.second.is_more.then_some(now);
        let again = self.second.again.values().min().copied();
        [more, later, again].into_iter().flatten().for_each(|at| self.second.due(at));
        Ok(())
    }
}
