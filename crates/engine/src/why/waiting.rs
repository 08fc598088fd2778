//! For what somebody waits who is not tried now: a pause, the sample that goes first, a hold, a ceiling, the sending hours, a lane at rest, a
//! day's budget.

use crate::budget::day_of;
use crate::launch;
use crate::report::iso_or_null;
use crate::sample::sample_out;
use crate::throttles::{CEILING_REACHED, before};
use crate::{Stakes, lanes};
use dispatch::pace::Throttle;
use dispatch::windows::Windows;
use model::{CampaignState, DeliveryId, DeliveryState, EventKind, Timestamp, WorkspaceId};
use serde::Serialize;
use store::{CeilingOf, Hold, Store, StoreError};

/// Spent budgets that are looked through.
const BUDGETS_LOOKED_AT: usize = 50;

/// Something that keeps a delivery from being tried now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitsFor {
    /// Until when, if that is known.
    #[serde(serialize_with = "iso_or_null")]
    pub until: Option<Timestamp>,
    /// What and why.
    pub why: String,
}

/// Everything that keeps a delivery from being tried now; empty: its turn, or nothing to be tried.
pub async fn waits_for(store: &Store, delivery: DeliveryId, now: Timestamp) -> Result<Vec<WaitsFor>, StoreError> {
    let Some(row) = store.delivery(delivery).await? else { return Ok(Vec::new()) };
    let Some(campaign) = store.campaign(row.campaign).await? else { return Ok(Vec::new()) };
    if !matches!(row.state, DeliveryState::Queued | DeliveryState::Deferred) || campaign.state.is_over() {
        return Ok(Vec::new());
    }
    let mut waits = Vec::new();
    if campaign.state == CampaignState::Paused {
        let why = campaign.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        waits.push(WaitsFor { until: None, why: format!("the campaign is paused{why}") });
    }
    if row.state == DeliveryState::Queued && !store.is_in_sample(delivery).await? {
        let out = sample_out(store, &campaign, now).await?;
        waits.extend(out.map(|out| WaitsFor { until: Some(out.until), why: out.why }));
    }
    let site = match row.due {
        Some((site, _)) => Some(site),
        None => store.site_of_head(delivery).await?,
    };
    let provider = match site {
        Some(site) => store.site(site).await?.and_then(|site| site.provider),
        None => None,
    };
    let is_cold = campaign.cold_from.is_some_and(|from| row.position >= from);
    let covers = |hold: &Hold| {
        hold.campaign.is_none_or(|one| one == campaign.id)
            && hold.provider.as_ref().is_none_or(|one| Some(one) == provider.as_ref())
            && hold.domain.is_none_or(|one| Some(one) == row.domain)
            && hold.source.is_none()
            && (!hold.cold_only || is_cold)
    };
    for hold in store.holds(Some(now)).await?.iter().filter(|hold| covers(hold)) {
        waits.push(WaitsFor { until: hold.until, why: format!("held by {}: {}", hold.actor, hold.why) });
    }
    waits.extend(at_ceilings(store, campaign.workspace, now).await?);
    let options = launch::snapshot(&campaign).ok().map(|snapshot| snapshot.options);
    let windows = options.as_ref().and_then(|options| options.timing.windows.as_deref()?.parse::<Windows>().ok());
    if let Some(windows) = windows {
        let opens = windows.next_open(now, None);
        if opens > now {
            waits.push(WaitsFor { until: Some(opens), why: format!("outside the sending hours ({windows})") });
        }
    }
    let stakes = options.map_or(Stakes::Rehearsal, |options| options.transport.stakes());
    if provider.is_some() {
        let resting = lanes::remembered(store, stakes, now).await?;
        for lane in resting.into_iter().filter(|lane| lane.provider == provider) {
            waits.extend(lane.held.map(|held| WaitsFor {
                until: Some(held.until),
                why: format!("{} rests toward {} ({})", lane.source, lane.site, held.why),
            }));
        }
    }
    if stakes != Stakes::Rehearsal {
        let spent = store.latest_events(vec![EventKind::BudgetSpent], BUDGETS_LOOKED_AT).await?;
        let today = spent.into_iter().filter(|event| day_of(event.at) == day_of(now));
        let today = today.filter(|event| event.campaign.is_none_or(|one| one == campaign.id));
        // Ceilings are told above, from what is set and was sent.
        let budgets = today.filter_map(|event| event.detail).filter(|why| !why.contains(CEILING_REACHED));
        waits.extend(budgets.map(|why| WaitsFor { until: None, why }).take(1));
    }
    Ok(waits)
}

/// The ceilings of a workspace and of the sources that are reached today, and those that slow the workspace down.
async fn at_ceilings(store: &Store, workspace: WorkspaceId, now: Timestamp) -> Result<Vec<WaitsFor>, StoreError> {
    let mut waits = Vec::new();
    for set in store.ceilings().await? {
        let whose = match set.of {
            CeilingOf::Workspace(id) if id == workspace => "the workspace".to_owned(),
            CeilingOf::Workspace(_) => continue,
            CeilingOf::Source(id) => {
                let known = store.sources().await?.into_iter().find(|one| one.id == id && one.retired_at.is_none());
                let Some(source) = known else { continue };
                format!("source {:?}", source.name)
            }
        };
        let throttle = Throttle::new(set.ceilings, before(store, set.of, now).await?, now);
        if let Some(bound) = throttle.binds(now) {
            let why = format!("{whose} {CEILING_REACHED} {}", bound.limit.counted(bound.value));
            waits.push(WaitsFor { until: bound.next_probe, why });
        } else if matches!(set.of, CeilingOf::Workspace(_)) && !set.ceilings.is_none() {
            waits.push(WaitsFor { until: None, why: format!("{whose} sends at most {}", set.ceilings) });
        }
    }
    Ok(waits)
}
