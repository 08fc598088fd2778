//! Whom holds keep back of a campaign, whichever source would carry it, and until when.
//!
//! Invariant: a hold that keeps nobody is not named.

use super::HeldBack;
use crate::holds::{concerns, placed_by, reaching};
use model::{SiteId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Campaign, Hold, Parts, Store, StoreError};

/// What holds keep back, whichever source would carry it.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// People; [`u64::MAX`]: everybody.
    pub(super) people: u64,
    /// Where they wait, as far as that is known.
    pub(super) at: BTreeMap<Option<SiteId>, u64>,
    /// When the first of them may go on; `None`: that takes somebody to lift a hold.
    pub(super) first_end: Option<Timestamp>,
    /// When the last of them may; `None` as well.
    last_end: Option<Timestamp>,
    /// Who held them and why.
    pub(super) why: String,
}

impl Held {
    pub(super) async fn read(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Held, StoreError> {
        let mut holds = reaching(store, campaign, false, now).await?;
        let is_whole = |hold: &Hold| hold.provider.is_none() && hold.domain.is_none() && !hold.cold_only;
        let mut held = Held::default();
        if holds.iter().any(is_whole) {
            holds.retain(is_whole);
            held.people = u64::MAX;
        } else {
            let (mut parts, mut narrower, mut keeping) = (Parts::default(), 0, Vec::new());
            for hold in holds {
                let covers = store.covered_by(hold.reach(campaign.id)).await?.waiting;
                if covers == 0 {
                    continue;
                }
                if !parts.add(&hold) {
                    narrower = covers.max(narrower);
                }
                keeping.push(hold);
            }
            holds = keeping;
            held.at = store.waiting_in_by_site(campaign.id, parts).await?;
            held.people = held.at.values().sum::<u64>().max(narrower);
        }
        // Everybody goes on when the last of the holds on everything ends; others when the first of theirs does.
        let ends = || holds.iter().map(|hold| hold.until.unwrap_or(Timestamp::MAX));
        let known = |at: Option<Timestamp>| at.filter(|at| *at < Timestamp::MAX);
        held.last_end = known(ends().max());
        held.first_end = if held.people == u64::MAX { held.last_end } else { known(ends().min()) };
        let mut why = Vec::new();
        for hold in &holds {
            let told = format!("held by {}: {}", placed_by(store, hold).await?, hold.why.trim_end_matches('.'));
            why.extend((!why.contains(&told)).then_some(told));
        }
        held.why = why.join("; ");
        Ok(held)
    }

    /// As it is told of so many; `None`: of nobody.
    pub(super) fn keeps_back(&self, people: u64) -> Option<HeldBack> {
        (people > 0).then(|| HeldBack { people, until: self.last_end, why: self.why.clone() })
    }
}

/// The holds that are or were on any of a campaign's mail.
pub(super) async fn lately(store: &Store, campaign: &Campaign) -> Result<Vec<Hold>, StoreError> {
    // Nobody of a part that was cancelled waits.
    let is_meant = |hold: &Hold| {
        !hold.cancels && concerns(hold, campaign.workspace) && hold.campaign.is_none_or(|one| one == campaign.id)
    };
    Ok(store.holds(None).await?.into_iter().filter(is_meant).collect())
}

/// For how long of these spans, in which nobody was tried, one of the holds was in force.
pub(super) fn still(spans: &[(Timestamp, Timestamp)], holds: &[Hold]) -> Duration {
    let within = |from: Timestamp, to: Timestamp| {
        let overlap = |hold: &Hold| {
            let ends = [hold.until, hold.lifted_at].into_iter().flatten().fold(to, Timestamp::min);
            ends.since(hold.at.max(from))
        };
        holds.iter().map(overlap).max().unwrap_or_default()
    };
    spans.iter().map(|(from, to)| within(*from, *to)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{HoldId, WorkspaceId};

    #[test]
    fn the_time_in_which_nobody_was_tried_for_a_hold_is_counted() {
        let at = |s: i64| Timestamp::from_millis(s * 1_000);
        let hold = |from: i64, until: Option<i64>, lifted: Option<i64>| Hold {
            id: HoldId(1),
            workspace: WorkspaceId::FIRST,
            campaign: None,
            provider: None,
            domain: None,
            domain_name: None,
            source: None,
            cold_only: false,
            until: until.map(at),
            why: "to look at it".to_owned(),
            actor: "cli:anna".to_owned(),
            at: at(from),
            lifted_at: lifted.map(at),
            cancels: false,
        };
        let spans = [(at(100), at(200)), (at(300), at(310))];
        let counted = |holds: &[Hold]| still(&spans, holds).as_secs();
        assert_eq!(counted(&[]), 0);
        assert_eq!(counted(&[hold(0, None, None)]), 110);
        assert_eq!(counted(&[hold(110, Some(150), None), hold(120, Some(900), Some(180))]), 60, "the longer of two");
        assert_eq!(counted(&[hold(0, Some(50), None), hold(500, None, None)]), 0);
    }
}
