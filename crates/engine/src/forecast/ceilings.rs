//! What ceilings that people set let go of a campaign: those of its workspace, and of all its sources together.
//!
//! A number an hour or a second is a rate: what the hours or a hold leave over of it is caught up with later. A number a day is
//! that day's.

use super::course::ends_at;
use super::turns::Work;
use super::{Bound, DAY_S, Plan};
use crate::fleet::Ways;
use crate::throttles::before;
use dispatch::volume;
use model::{Ceilings, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Campaign, CeilingOf, Store, StoreError};

/// What the ceilings of the workspace and of all its sources together allow.
pub(super) async fn of_ceilings(
    store: &Store,
    campaign: &Campaign,
    work: &Work,
    now: Timestamp,
) -> Result<Vec<Plan>, StoreError> {
    let set: BTreeMap<CeilingOf, Ceilings> =
        store.ceilings().await?.into_iter().map(|set| (set.of, set.ceilings.over_time())).collect();
    let mut allowed = Vec::new();
    if let Some(ceilings) = set.get(&CeilingOf::Workspace(campaign.workspace)).filter(|set| !set.is_none()) {
        let room = room(store, CeilingOf::Workspace(campaign.workspace), ceilings, now).await?;
        let because = format!("the workspace's ceiling of {ceilings}");
        let by_day = ceilings.messages_per_day.is_some();
        allowed.push(Allowed { room, an_hour: hourly(ceilings), by_day, because });
    }
    let ways = Ways::read(store, "").await?;
    let members = ways.members(campaign.workspace, campaign.kind);
    let (mut together, mut because) = ((!members.is_empty()).then_some((0, 0)), String::new());
    let (mut an_hour, mut by_day) = ((!members.is_empty()).then_some(0), false);
    for (id, _) in members {
        let ceilings = set.get(&CeilingOf::Source(id)).copied().unwrap_or_default();
        let (a_day, today) = room(store, CeilingOf::Source(id), &ceilings, now).await?;
        together =
            together.zip(a_day.zip(today)).map(|((all, of_today), (a_day, today))| (all + a_day, of_today + today));
        an_hour = an_hour.zip(hourly(&ceilings)).map(|(all, one)| all + one);
        let name = ways.source(id).map_or("this machine", |source| source.name.as_str());
        by_day |= ceilings.messages_per_day.is_some();
        because = format!("the ceiling of {name}: {ceilings}");
    }
    allowed.push(Allowed { room: together.unzip(), an_hour, by_day, because });
    let all = work.beside(|_| true);
    let plan = |Allowed { room: (a_day, today), an_hour, by_day: is_by_day, because }: Allowed| {
        let ((a_day, today), because) = (a_day.zip(today)?, (Bound::Ceiling, because));
        let takes = |messages: u64| {
            let lasts_s = an_hour.map_or(0, |an_hour| messages.saturating_mul(3_600) / an_hour.max(1));
            Duration::from_secs(lasts_s)
        };
        if !is_by_day {
            return Some(Plan::steady((work.waiting, takes(all)), because, now));
        }
        let days = volume::forecast_at(a_day, today, all, now.day());
        let mut plan = Plan::of_days(days, because, (work.waiting, all), now);
        for part in plan.parts.iter_mut().filter(|part| part.day.is_some()) {
            part.lasts = takes(part.people.saturating_mul(all) / work.waiting.max(1));
        }
        plan.ends_at = ends_at(&plan.parts);
        Some(plan)
    };
    Ok(allowed.into_iter().filter_map(plan).collect())
}

/// What ceilings allow.
struct Allowed {
    /// Messages a day, and of today what is left; `None`: as many as come.
    room: (Option<u64>, Option<u64>),
    /// Messages an hour, days aside.
    an_hour: Option<u64>,
    /// Is there a number for the day, so that what it leaves over is lost?
    by_day: bool,
    because: String,
}

/// Messages that ceilings let go in an hour, those of the day aside; `None`: as many as come.
fn hourly(ceilings: &Ceilings) -> Option<u64> {
    Ceilings { messages_per_day: None, ..*ceilings }.messages_within(3_600, 0)
}

/// Messages that ceilings let go on a whole day, and on what is left of today; `None`: as many as come.
async fn room(
    store: &Store,
    of: CeilingOf,
    ceilings: &Ceilings,
    now: Timestamp,
) -> Result<(Option<u64>, Option<u64>), StoreError> {
    if ceilings.is_none() {
        return Ok((None, None));
    }
    let sent = u64::from(before(store, of, now).await?.started_today);
    let left_s = DAY_S - now.as_secs().rem_euclid(DAY_S as i64) as u64;
    Ok((ceilings.messages_within(DAY_S, 0), ceilings.messages_within(left_s, sent)))
}
