//! Whom holds keep back of a campaign, whichever source would carry it, and until when.
//!
//! Invariant: a hold that keeps nobody is not named.

use super::HeldBack;
use crate::holds::{placed_by, reaching};
use model::{SiteId, Timestamp};
use std::collections::BTreeMap;
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
