//! For what somebody waits who is not tried now: a pause, the sample that goes first, a hold, a ceiling, the sending hours, lanes at
//! rest toward their site, limits learned there, a day's budget.

use super::skip_meaning;
use crate::fleet::Ways;
use crate::forecast::forecast;
use crate::holds::{cancels_in, placed_by, reaching};
use crate::lane::HOLD_GONE_ROUND;
use crate::lanes::LaneView;
use crate::paths::{self, Path, Paths};
use crate::report::iso_or_null;
use crate::sample::sample_out;
use crate::terms::{unknown_zone, zone_of};
use crate::throttles::{Told, before};
use crate::{Stakes, launch};
use dispatch::pace::{Limit, Throttle, clock};
use dispatch::windows::Windows;
use model::{CampaignId, CampaignState, Ceilings, DeliveryId, DeliveryState, HoldId, Timestamp, thousands};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Campaign, CeilingOf, DeliveryRow, Hold, Site, Store, StoreError};

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
    // Of whoever will not be tried nothing else is promised.
    if let Some(reason) = store.skips_ahead(vec![(delivery, row.contact)], now).await?.remove(&delivery) {
        let why = format!("its turn, and is skipped then: {}", skip_meaning(reason));
        return Ok(vec![WaitsFor { until: None, why }]);
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
    let site = site_of(store, &row).await?;
    let operator = site.as_ref().map(paths::operator);
    for hold in
        reaching(store, &campaign, false, now).await?.iter().filter(|hold| covers(hold, &campaign, &row, operator))
    {
        let by = placed_by(store, hold).await?;
        waits.push(WaitsFor { until: hold.until, why: format!("held by {by}: {}", hold.why) });
    }
    let (ceilings, opens) = at_ceilings(store, &campaign, now).await?;
    waits.extend(ceilings);
    let options = launch::snapshot(&campaign).ok().map(|snapshot| snapshot.options);
    let windows = options.as_ref().and_then(|options| options.timing.windows.as_deref()?.parse::<Windows>().ok());
    if let Some(windows) = windows {
        let person = store.contact(row.contact).await?;
        let said = person.map(|person| person.attributes).unwrap_or_default();
        waits.extend(outside(&windows, &said, campaign.id, now));
    }
    let stakes = options.as_ref().map_or(Stakes::Rehearsal, |options| options.transport.stakes());
    let paths = Paths::read(store, &campaign, stakes, now).await?;
    if let Some(no_way) = paths.no_way() {
        waits.push(WaitsFor { until: no_way.until, why: no_way.why.clone() });
    } else if let Some(site) = &site {
        let alone = paths.left_alone(site);
        waits.extend(alone.map(|alone| WaitsFor { until: Some(alone.until), why: alone.told() }));
        let ways = paths.toward(site);
        let domain = row.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
        waits.extend(toward(&ways, domain, now));
        if row.state == DeliveryState::Queued && ways.iter().any(|way| !way.limits().is_empty()) {
            waits.extend(in_line(store, &campaign, site).await?);
        }
    }
    if let Some(options) = &options {
        let spent = paths::domain_is_spent(store, options, now).await?;
        waits.extend(spent.map(|(until, why)| WaitsFor { until: Some(until), why }));
    }
    let expires_at = options.as_ref().and_then(|options| options.timing.expires_at);
    match (too_late(expires_at, row.due.map(|(_, at)| at).max(opens), &waits), expires_at) {
        (Some(too_late), _) => waits.push(too_late),
        (None, Some(_)) => waits.extend(may_be_too_late(store, &campaign, now).await?),
        (None, None) => {}
    }
    Ok(waits)
}

/// Is a delivery under that hold, one of those that reach its campaign? `operator`: of its site, if that is known.
fn covers(hold: &Hold, campaign: &Campaign, row: &DeliveryRow, operator: Option<&str>) -> bool {
    let is_cold = campaign.cold_from.is_some_and(|from| row.position >= from);
    hold.provider.as_deref().is_none_or(|one| operator == Some(one))
        && hold.domain.is_none_or(|one| Some(one) == row.domain)
        && (!hold.cold_only || is_cold)
}

/// A hold that keeps a delivery from its next try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTry {
    /// Which.
    pub hold: HoldId,
    /// By whom: by name, where that is known.
    pub by: String,
    /// Why.
    pub why: String,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Timestamp>,
}

/// The holds that keep deliveries of a campaign from their next try: of each the one that lasts longest. Whoever is under none
/// is not among them.
pub async fn held_tries(
    store: &Store,
    campaign: &Campaign,
    deliveries: &[DeliveryId],
    now: Timestamp,
) -> Result<BTreeMap<DeliveryId, HeldTry>, StoreError> {
    let mut held = BTreeMap::new();
    let holds = reaching(store, campaign, false, now).await?;
    if holds.is_empty() || campaign.state.is_over() {
        return Ok(held);
    }
    for delivery in deliveries {
        let Some(row) = store.delivery(*delivery).await? else { continue };
        if !matches!(row.state, DeliveryState::Queued | DeliveryState::Deferred) {
            continue;
        }
        let site = site_of(store, &row).await?;
        let operator = site.as_ref().map(paths::operator);
        let over_it = holds.iter().filter(|hold| covers(hold, campaign, &row, operator));
        if let Some(hold) = over_it.max_by_key(|hold| hold.until.unwrap_or(Timestamp::MAX)) {
            let by = placed_by(store, hold).await?;
            held.insert(*delivery, HeldTry { hold: hold.id, by, why: hold.why.clone(), until: hold.until });
        }
    }
    Ok(held)
}

/// The parts of a campaign that were cancelled for good.
pub(crate) async fn parts_cancelled(
    store: &Store,
    campaign: &Campaign,
    now: Timestamp,
) -> Result<Vec<Hold>, StoreError> {
    let holds = store.holds(Some(now)).await?;
    Ok(holds.into_iter().filter(|hold| cancels_in(hold, campaign.id)).collect())
}

/// Is a delivery of one of these parts of its campaign?
pub(crate) async fn is_of_a_part(
    store: &Store,
    campaign: &Campaign,
    parts: &[Hold],
    delivery: DeliveryId,
) -> Result<bool, StoreError> {
    let row = if parts.is_empty() { None } else { store.delivery(delivery).await? };
    let Some(row) = row else { return Ok(false) };
    let site = site_of(store, &row).await?;
    let operator = site.as_ref().map(paths::operator);
    Ok(parts.iter().any(|part| covers(part, campaign, &row, operator)))
}

/// Is the offer over before anything else lets them be tried? Then they never are.
fn too_late(expires_at: Option<Timestamp>, due: Option<Timestamp>, waits: &[WaitsFor]) -> Option<WaitsFor> {
    let expires_at = expires_at?;
    let earliest = waits.iter().filter_map(|one| one.until).chain(due).max()?;
    let why = "the offer of the campaign has expired by then: whoever was not reached is skipped".to_owned();
    (earliest >= expires_at).then_some(WaitsFor { until: Some(expires_at), why })
}

/// Does the offer expire before all who wait are reached? Who of them goes last is not known.
async fn may_be_too_late(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<WaitsFor>, StoreError> {
    let waiting = store.tally(campaign.id).await?.in_progress();
    let late = Box::pin(forecast(store, campaign, waiting, now)).await?.too_late;
    Ok(late.map(|late| {
        let (people, waiting) = (thousands(late.people), thousands(waiting));
        let why = format!(
            "its turn, and as it stands the offer expires before {people} of the {waiting} who wait go: they are skipped"
        );
        WaitsFor { until: None, why }
    }))
}

/// Outside the sending hours, by the clock where the person lives if that is known.
fn outside(windows: &Windows, attributes: &str, campaign: CampaignId, now: Timestamp) -> Option<WaitsFor> {
    let zone = zone_of(attributes);
    let opens = windows.next_start(now, zone.as_ref(), campaign.0 as u64);
    let there = match (&zone, unknown_zone(attributes)) {
        (Some(zone), _) => format!(", by the clock of {}", zone.name()),
        (None, Some(said)) => format!(", by the campaign's own clock: {said:?} is no time zone that is known"),
        (None, None) => String::new(),
    };
    let why = format!("outside the sending hours ({windows}){there}");
    (opens > now).then_some(WaitsFor { until: Some(opens), why })
}

/// The operator a delivery goes to, as [`LaneView::operator`] names it, once its mail was routed.
pub async fn operator_of(store: &Store, delivery: DeliveryId) -> Result<Option<String>, StoreError> {
    let Some(row) = store.delivery(delivery).await? else { return Ok(None) };
    Ok(site_of(store, &row).await?.map(|site| paths::operator(&site).to_owned()))
}

/// What a process at work knows beyond the ledger: rests that it does not keep, such as for servers that do not answer.
/// `lanes`: how its lanes stand; `operator`: of the delivery's site; `told`: what the ledger says.
pub fn also_rests(lanes: &[LaneView], operator: &str, told: &[WaitsFor]) -> Vec<WaitsFor> {
    let there: Vec<&LaneView> = lanes.iter().filter(|lane| lane.operator == operator).collect();
    if there.iter().any(|lane| lane.held.is_none()) {
        return Vec::new();
    }
    let rests = there.into_iter().filter_map(|lane| {
        // What lasts until somebody lifts it is a hold, and the ledger knows it better.
        let held = lane.held.as_ref().filter(|held| held.until < Timestamp::MAX)?;
        let rest = lane.limits.iter().find(|limit| limit.limit.limit == Limit::Rest);
        let cause = rest.and_then(|rest| rest.limit.cause.as_ref()).map(|cause| format!("because of {cause}"));
        let why = format!("{} rests toward {}: {}", lane.source, lane.site, cause.unwrap_or_else(|| held.why.clone()));
        Some(WaitsFor { until: Some(held.until), why })
    });
    let is_told = |one: &WaitsFor| told.iter().any(|known| known.until == one.until || known.why == one.why);
    rests.filter(|one| !is_told(one)).collect()
}

/// Where it is to be tried again, else where its domain's mail goes.
async fn site_of(store: &Store, row: &DeliveryRow) -> Result<Option<Site>, StoreError> {
    let id = match row.due {
        Some((site, _)) => Some(site),
        None => store.site_of_head(row.delivery).await?,
    };
    match id {
        Some(id) => store.site(id).await,
        None => Ok(None),
    }
}

/// What of the ways to somebody's site keeps them waiting. Where one way is open, the others' rests keep nobody.
fn toward(ways: &[Path<'_>], domain: Option<&str>, now: Timestamp) -> Vec<WaitsFor> {
    let mut waits = Vec::new();
    let closed = |way: &Path<'_>| {
        let (source, site) = (&way.source.name, way.site_name(domain));
        let rests = way.rests().map(|(until, why)| (until, format!("{source} rests toward {site}: {why}")));
        let spent = way
            .is_spent()
            .map(|(until, why)| (until, format!("today's budget of {source} toward {site} is spent: {why}")));
        let held = way.held().map(|hold| {
            (hold.until.unwrap_or(Timestamp::MAX), format!("{source} is held by {}: {}", hold.actor, hold.why))
        });
        [rests, spent, held].into_iter().flatten().max_by_key(|(until, _)| *until)
    };
    let all: Vec<Option<(Timestamp, String)>> = ways.iter().map(closed).collect();
    if all.iter().all(Option::is_some) {
        let known = |until: Timestamp| Some(until).filter(|at| *at < Timestamp::MAX);
        waits.extend(all.into_iter().flatten().map(|(until, why)| WaitsFor { until: known(until), why }));
    }
    for way in ways {
        let learned = way.limits().into_iter().filter(|limit| limit.limit != Limit::Rest);
        let says = |limit: dispatch::pace::InForce| {
            // What is configured says "at most" itself.
            let most = if limit.cause.is_some() { "at most " } else { "" };
            let why = format!("{} toward {}: {most}{}", way.source.name, way.site_name(domain), limit.told_at(now));
            WaitsFor { until: None, why }
        };
        waits.extend(learned.map(says));
    }
    waits
}

/// How many of the campaign wait at a site: limits say how fast, this how long the line is.
async fn in_line(store: &Store, campaign: &Campaign, site: &Site) -> Result<Option<WaitsFor>, StoreError> {
    let others = store.waiting_at(campaign.id, site.id).await?.saturating_sub(1);
    let why = format!("their turn: {} for the same servers", others_wait(others));
    Ok((others > 0).then_some(WaitsFor { until: None, why }))
}

/// The ceilings that are reached and those that slow a workspace down, and when the first message may go again if that is known.
/// Those of sources count where every source that carries this mail is at one.
async fn at_ceilings(
    store: &Store,
    campaign: &Campaign,
    now: Timestamp,
) -> Result<(Vec<WaitsFor>, Option<Timestamp>), StoreError> {
    let found = InTheWay::read(store, campaign, now).await?;
    let in_line = match found.is_empty() {
        true => 0,
        false => store.tally(campaign.id).await?.in_progress().saturating_sub(1),
    };
    let (mut waits, mut opens) = (Vec::new(), None);
    for (told, set) in &found.workspace {
        let why = match &told.binds {
            Some(bound) => {
                opens = opens.max(bound.next_probe);
                reached(told, in_line, now)
            }
            None => format!("{} sends at most {set}", told.whose),
        };
        waits.push(WaitsFor { until: None, why });
    }
    opens = opens.max(found.sources.iter().filter_map(next_of).min());
    waits.extend(found.sources.iter().map(|told| WaitsFor { until: None, why: reached(told, in_line, now) }));
    Ok((waits, opens))
}

/// The ceiling for which everybody of a campaign waits, in words, and until when, if it is reached for long: its workspace's, or
/// that of the first source to go on where all that carry it are at one.
pub(crate) async fn ceiling_reached(
    store: &Store,
    campaign: &Campaign,
    now: Timestamp,
) -> Result<Option<(Timestamp, String)>, StoreError> {
    let found = InTheWay::read(store, campaign, now).await?;
    let of = |told: &Told| Some((next_of(told)?, told.at_ceiling()?));
    let workspace = found.workspace.iter().filter_map(|(told, _)| of(told)).max();
    let longest = workspace.max(found.sources.iter().filter_map(of).min());
    Ok(longest.filter(|(until, _)| until.since(now) > HOLD_GONE_ROUND))
}

/// When the next message may go under a ceiling that is reached.
fn next_of(told: &Told) -> Option<Timestamp> {
    told.binds.as_ref().and_then(|bound| bound.next_probe)
}

/// The ceilings that may be in the way of a campaign's mail.
#[derive(Default)]
struct InTheWay {
    /// Its workspace's, reached or not.
    workspace: Vec<(Told, Ceilings)>,
    /// Those of sources that are reached, where every source that carries this mail is at one.
    sources: Vec<Told>,
}

impl InTheWay {
    async fn read(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<InTheWay, StoreError> {
        let mut found = InTheWay::default();
        let ceilings = store.ceilings().await?;
        if ceilings.is_empty() {
            return Ok(found);
        }
        let ways = Ways::read(store, "").await?;
        let members = ways.members(campaign.workspace, campaign.kind);
        for set in ceilings {
            let whose = match set.of {
                CeilingOf::Workspace(id) if id == campaign.workspace => "the workspace".to_owned(),
                CeilingOf::Source(id) if members.iter().any(|(one, _)| *one == id) => {
                    let Some(source) = ways.source(id) else { continue };
                    format!("source {:?}", source.name)
                }
                CeilingOf::Workspace(_) | CeilingOf::Source(_) => continue,
            };
            let throttle = Throttle::new(set.ceilings, before(store, set.of, now).await?, now);
            let told = Told { whose, set: Vec::new(), binds: throttle.binds(now) };
            match set.of {
                CeilingOf::Source(_) => found.sources.extend(Some(told).filter(|told| told.binds.is_some())),
                CeilingOf::Workspace(_) if set.ceilings.is_none() && told.binds.is_none() => {}
                CeilingOf::Workspace(_) => found.workspace.push((told, set.ceilings)),
            }
        }
        if found.sources.len() < members.len() {
            found.sources.clear();
        }
        Ok(found)
    }

    const fn is_empty(&self) -> bool {
        self.workspace.is_empty() && self.sources.is_empty()
    }
}

/// A ceiling that is reached, when the next message may go, whoever's it is, and how many wait for that.
fn reached(told: &Told, in_line: u64, now: Timestamp) -> String {
    let next =
        next_of(told).map(|at| format!("; the next message may go at {} UTC", clock(at, now))).unwrap_or_default();
    let line = match in_line {
        0 => String::new(),
        others => format!("; {}, too", others_wait(others)),
    };
    format!("{}{next}{line}", told.at_ceiling().unwrap_or_default())
}

/// `4,997 others of this campaign wait`.
fn others_wait(others: u64) -> String {
    match others {
        1 => "1 other of this campaign waits".to_owned(),
        _ => format!("{} others of this campaign wait", thousands(others)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_where_the_person_lives() {
        let windows: Windows = "Sun 14:00-16:00 Europe/Berlin".parse().unwrap();
        // A Friday noon in Berlin.
        let now = Timestamp::from_millis(1_795_777_200_000);
        let opens = |zone: Option<&str>| {
            let values = zone.map(|zone| format!("{{\"timezone\":\"{zone}\"}}")).unwrap_or_default();
            let told = outside(&windows, &values, CampaignId(0), now).unwrap();
            (told.until.unwrap().since(now).as_secs() / 3_600, told.why)
        };
        let (berlin, plain) = opens(None);
        let (tokyo, there) = opens(Some("Asia/Tokyo"));
        assert_eq!(berlin - tokyo, 8, "eight hours earlier in Tokyo");
        assert!(!plain.contains("clock of") && there.ends_with("by the clock of Asia/Tokyo"), "{plain} / {there}");
        let (shire, taken) = opens(Some("Middle Earth"));
        assert_eq!(shire, berlin);
        assert!(
            taken.ends_with("by the campaign's own clock: \"Middle Earth\" is no time zone that is known"),
            "{taken}"
        );
    }
}
