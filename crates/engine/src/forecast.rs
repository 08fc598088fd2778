//! When a campaign will be through, and what that depends on: the rate of the last minutes, and what is known to slow it:
//! rests and learned limits of the lanes, day budgets, ceilings.
//!
//! Whom holds keep back is told apart from the rest. Every site is foreseen by itself, from who waits there and from the ways that
//! lead there ([`crate::paths`]); the one that ends last is told, and why. Where other campaigns at work have people at the same place, turns are shared as lanes share them
//! (`dispatch::share`): by the weights of the workspaces, then by those of their campaigns. A forecast is an estimate and says what it rests on. Nothing here is remembered; it is computed when
//! somebody asks.

use crate::Stakes;
use crate::budget::{day_of, opens_on};
use crate::fleet::Ways;
use crate::holds::placed_by;
use crate::hours::{self, Closed};
use crate::launch;
use crate::paths::{self, Path, Paths, sending_domain};
use crate::report::{iso, iso_or_null};
use crate::sample::{SampleOut, sample_out};
use crate::throttles::before;
use dispatch::pace::{Cause, InForce, Limit, Outlook};
use dispatch::providers;
use dispatch::share::{WEIGHT_MAX, WEIGHT_USUAL, Weights};
use dispatch::volume::{self, Forecast as Days, Who};
use model::{CampaignId, Ceilings, SiteId, SourceId, Timestamp, WorkspaceId, thousands};
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;
use store::{Campaign, CeilingOf, Hold, Parts, Site, Store, StoreError, WaitingAt};

/// The rate is that of so long …
const RATE_OVER: Duration = Duration::from_secs(600);
/// … and means nothing before so many tries.
const TRIES_MIN: u64 = 20;
const DAY_S: u64 = 86_400;
const DAY_MS: i64 = 86_400_000;
/// Under what the ledger counts those whose servers nobody has looked up yet.
const UNPLACED: SiteId = SiteId(0);
/// Sources whose budgets are told one by one.
const BUDGETS_TOLD_MAX: usize = 3;

/// When the people who wait will have been tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// People who wait.
    pub waiting: u64,
    /// Tries of this campaign a minute lately; `None`: too few to tell.
    pub per_minute: Option<u64>,
    /// Over how many seconds that was counted.
    pub rate_over_s: Option<u64>,
    /// Seconds those take at that rate whom nothing known slows.
    pub at_this_rate_s: Option<u64>,
    /// How rests, limits, budgets and ceilings spread all who wait: UTC days (counted from 1970-01-01) and messages; empty
    /// where it ends today.
    pub days: Vec<(i64, u64)>,
    /// The day on which they let the last of them go.
    pub ends_on_day: Option<i64>,
    /// When that is, where something known bounds it; `None` also where that is more than a year away.
    #[serde(serialize_with = "iso_or_null")]
    pub ends_at: Option<Timestamp>,
    /// The site that ends last, if it is one site that does, and how many of the campaign wait there.
    pub last_site: Option<LastSite>,
    /// What kind of thing lets the last of them go so late.
    pub bound: Option<Bound>,
    /// What that is: whose rest, limit, budget or ceiling, in words; `None` where nothing known slows it.
    pub because: Option<String>,
    /// Nobody is tried before then, if that is known, because of what stops all of it.
    #[serde(serialize_with = "iso_or_null")]
    pub not_before: Option<Timestamp>,
    /// Who waits for the sending hours; `None`: nobody.
    pub hours: Option<Closed>,
    /// The sample that is out: until then nobody else is tried.
    pub sample: Option<SampleOut>,
    /// Whom holds keep back, whichever source would carry them; the rest is foreseen without them. `None`: nobody.
    pub held: Option<HeldBack>,
    /// People whose servers nobody has looked up yet, where the day budgets of the sources may spread them: over how many
    /// days is not known before. `None`: there are none, or as many may go today wherever they go.
    pub unplaced: Option<u64>,
    /// Whom the expiry of the offer comes before, as all this has it: they are skipped then. `None`: nobody.
    pub too_late: Option<TooLate>,
}

/// People who will not have been tried when the offer expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TooLate {
    /// So many at least.
    pub people: u64,
    /// When it expires.
    #[serde(serialize_with = "iso")]
    pub expires_at: Timestamp,
}

/// People behind holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// How many.
    pub people: u64,
    /// When the last of the holds ends; `None`: one of them only when somebody lifts it.
    #[serde(serialize_with = "iso_or_null")]
    pub until: Option<Timestamp>,
    /// Who held them and why.
    pub why: String,
}

impl Forecast {
    /// Whom an expiry at this time comes before. On the day on which it falls all go before it, as far as is known, but the last.
    fn too_late(&self, expires_at: Timestamp, now: Timestamp) -> Option<TooLate> {
        let is_after = |at: Timestamp| at >= expires_at;
        let people = if self.not_before.is_some_and(is_after) || is_after(now) {
            self.waiting
        } else {
            let by_day: u64 =
                self.days.iter().filter(|(day, _)| is_after(opens_on(*day))).map(|(_, people)| people).sum();
            let the_last = u64::from(self.ends_at.is_some_and(is_after));
            let rate_s = self.at_this_rate_s.filter(|_| self.because.is_none()).unwrap_or(0);
            let left_s = expires_at.since(now).as_secs();
            let held = self.held.as_ref().filter(|held| held.until.is_none_or(is_after)).map_or(0, |held| held.people);
            let going = self.waiting.saturating_sub(held);
            let by_rate = if rate_s > left_s { going - going * left_s / rate_s } else { 0 };
            let last_go = by_day.max(the_last).max(by_rate);
            // Where holds decide the end, the days have those who are held.
            if self.bound == Some(Bound::Held) { last_go.max(held) } else { last_go.saturating_add(held) }
        };
        let people = people.min(self.waiting);
        (people > 0).then_some(TooLate { people, expires_at })
    }
}

/// What lets the last go when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Rests and learned limits of the lanes to a site.
    Lanes,
    /// The day's budget of a source toward a site.
    Budget,
    /// People who were put off are tried again then.
    Retries,
    /// A ceiling that people set on the workspace or on its sources.
    Ceiling,
    /// The day's budget of the sending domain.
    Domain,
    /// Nothing carries it: there is no source for it, or each is held.
    Stopped,
    /// Holds keep the last of them back.
    Held,
}

impl Bound {
    /// Every one.
    pub const ALL: [Bound; 7] =
        [Bound::Lanes, Bound::Budget, Bound::Retries, Bound::Ceiling, Bound::Domain, Bound::Stopped, Bound::Held];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Bound::Lanes => "lanes",
            Bound::Budget => "budget",
            Bound::Retries => "retries",
            Bound::Ceiling => "ceiling",
            Bound::Domain => "domain",
            Bound::Stopped => "stopped",
            Bound::Held => "held",
        }
    }
}

/// Where it ends last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastSite {
    /// A name people know: the provider's, a server's, or whose servers they are.
    pub name: String,
    /// How many of the campaign wait there.
    pub waiting: u64,
}

/// Part of the work, or all of it, as something bounds it.
struct Plan {
    days: Days,
    /// When the last goes; [`Timestamp::MAX`]: not within a year.
    ends_at: Timestamp,
    bound: Bound,
    because: String,
    site: Option<LastSite>,
}

/// The forecast for `waiting` people of a campaign.
pub async fn forecast(
    store: &Store,
    campaign: &Campaign,
    waiting: u64,
    now: Timestamp,
) -> Result<Forecast, StoreError> {
    let mut forecast = unexpired(store, campaign, waiting, now).await?;
    let expires_at = launch::snapshot(campaign).ok().and_then(|snapshot| snapshot.options.timing.expires_at);
    forecast.too_late = expires_at.and_then(|expires_at| forecast.too_late(expires_at, now));
    Ok(forecast)
}

/// The same as if the offer never expired.
async fn unexpired(store: &Store, campaign: &Campaign, waiting: u64, now: Timestamp) -> Result<Forecast, StoreError> {
    let mut forecast = Forecast { waiting, ..Forecast::default() };
    let (tries, since) = store.tries_since(campaign.id, now - RATE_OVER).await?;
    let elapsed_ms = since.map_or(0, |since| now.since(since).as_millis() as u64).max(1);
    if tries >= TRIES_MIN {
        forecast.per_minute = Some((tries * 60_000 / elapsed_ms).max(1));
        forecast.rate_over_s = Some(elapsed_ms.div_ceil(1_000));
    }
    let Ok(snapshot) = launch::snapshot(campaign) else { return Ok(forecast) };
    if waiting == 0 {
        return Ok(forecast);
    }
    forecast.hours = hours::closed(store, campaign, waiting, now).await?;
    forecast.sample = sample_out(store, campaign, now).await?.filter(|out| out.rest > 0);
    let stakes = snapshot.options.transport.stakes();
    let paths = Paths::read(store, campaign, stakes, now).await?;
    if let Some(no_way) = paths.no_way() {
        (forecast.bound, forecast.because) = (Some(Bound::Stopped), Some(no_way.why.clone()));
        forecast.not_before = no_way.until;
        return Ok(forecast);
    }
    let held = Held::read(store, campaign, now).await?;
    let going = match held.people {
        0 => waiting,
        people => waiting.min(store.tally(campaign.id).await?.in_progress().saturating_sub(people)),
    };
    forecast.held = held.keeps_back(waiting - going);
    if going == 0 {
        (forecast.bound, forecast.because) = (Some(Bound::Held), Some(held.why));
        forecast.not_before = held.first_end;
        return Ok(forecast);
    }
    let work = Work::read(store, campaign, going, held.at).await?;
    forecast.unplaced = unplaced(store, campaign, &paths).await?;
    let (sites, free) = of_sites(&work, &paths, now);
    if tries >= TRIES_MIN {
        forecast.at_this_rate_s = Some(free * elapsed_ms / tries / 1_000);
    }
    let mut plans = of_ceilings(store, campaign, &work, now).await?;
    if stakes != Stakes::Rehearsal {
        plans.extend(of_domain(store, &snapshot.options.from, &work, now).await?);
    }
    plans.extend(sites);
    plans.extend(forecast.held.as_ref().and_then(|held| Plan::behind(held, going, now)));
    // The narrowest decides, unless the rate of the rest does.
    let by_rate = now + Duration::from_secs(forecast.at_this_rate_s.unwrap_or(0));
    let last = plans.into_iter().max_by_key(|plan| plan.ends_at).filter(|plan| plan.ends_at > by_rate);
    if let Some(plan) = last {
        forecast.ends_on_day = plan.days.ends.filter(|_| plan.ends_at < Timestamp::MAX);
        forecast.ends_at = Some(plan.ends_at).filter(|at| *at < Timestamp::MAX);
        let is_today = forecast.ends_on_day == Some(day_of(now));
        forecast.days = if is_today { Vec::new() } else { plan.days.days };
        (forecast.bound, forecast.because, forecast.last_site) = (Some(plan.bound), Some(plan.because), plan.site);
    } else {
        forecast.ends_on_day = Some(day_of(by_rate)).filter(|_| forecast.at_this_rate_s.is_some());
    }
    Ok(forecast)
}

/// Who waits where.
struct Work {
    /// All of the campaign who are foreseen.
    waiting: u64,
    /// Where its people are known to go.
    here: Vec<WaitingAt>,
    /// The campaign's own share of turns.
    own: Claim,
    /// Who of each other campaign at work waits at an operator …
    others_there: BTreeMap<String, Others>,
    /// … at one site …
    others_at: BTreeMap<String, Others>,
    /// … and anywhere, with the campaign, in the same workspace.
    others: Vec<(Campaign, Other)>,
}

/// Other campaigns' people at one place.
type Others = BTreeMap<CampaignId, Other>;

/// What a campaign's share of turns depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    workspace: WorkspaceId,
    weights: Weights,
}

/// Another campaign's people at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Other {
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

/// What holds keep back, whichever source would carry it.
#[derive(Debug, Default)]
struct Held {
    /// People; [`u64::MAX`]: everybody.
    people: u64,
    /// Where they wait, as far as that is known.
    at: BTreeMap<Option<SiteId>, u64>,
    /// When the first of them may go on; `None`: that takes somebody to lift a hold.
    first_end: Option<Timestamp>,
    /// When the last of them may; `None` as well.
    last_end: Option<Timestamp>,
    /// Who held them and why.
    why: String,
}

impl Held {
    async fn read(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Held, StoreError> {
        let holds = store.holds(Some(now)).await?.into_iter().filter(|hold| {
            let is_meant = hold.workspace == campaign.workspace && hold.campaign.is_none_or(|one| one == campaign.id);
            is_meant && hold.source.is_none()
        });
        let mut holds: Vec<Hold> = holds.collect();
        let is_whole = |hold: &Hold| hold.provider.is_none() && hold.domain.is_none() && !hold.cold_only;
        let mut held = Held::default();
        if holds.iter().any(is_whole) {
            holds.retain(is_whole);
            held.people = u64::MAX;
        } else {
            let mut parts = Parts::default();
            let mut narrower = 0;
            for hold in &holds {
                if !parts.add(hold) {
                    narrower = store.covered_by(hold.reach(campaign.id)).await?.waiting.max(narrower);
                }
            }
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
    fn keeps_back(&self, people: u64) -> Option<HeldBack> {
        (people > 0).then(|| HeldBack { people, until: self.last_end, why: self.why.clone() })
    }
}

/// How many are to go of whom nobody knows whose servers they go to, where that decides how many may go today: those whom no
/// day budget could spread, wherever they go, are none of them.
async fn unplaced(store: &Store, campaign: &Campaign, paths: &Paths) -> Result<Option<u64>, StoreError> {
    let people = store.waiting_at(campaign.id, UNPLACED).await?;
    Ok(paths.least_today().is_some_and(|least| people > least).then_some(people))
}

impl Work {
    /// `waiting` may be fewer than the ledger has. Who is held is left out where they wait (`held`); others in proportion.
    async fn read(
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
    fn beside(&self, is_beside: impl Fn(&Campaign) -> bool) -> u64 {
        let others = self.others.iter().filter(|(campaign, _)| is_beside(campaign));
        with_others(self.own, self.waiting, &others.map(|(_, other)| *other).collect::<Vec<_>>())
    }
}

fn listed(others: Option<&Others>) -> Vec<Other> {
    others.into_iter().flat_map(BTreeMap::values).copied().collect()
}

/// So many, and of everybody else as many as have their turn meanwhile, or all where they have fewer.
fn with_others(own: Claim, waiting: u64, others: &[Other]) -> u64 {
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
fn part_of(days: Vec<(i64, u64)>, waiting: u64, all: u64) -> Vec<(i64, u64)> {
    let (mut gone, mut told) = (0u64, 0u64);
    let mut part = |(day, messages): (i64, u64)| {
        gone = gone.saturating_add(messages);
        let up_to = u64::try_from(u128::from(gone) * u128::from(waiting) / u128::from(all.max(1))).unwrap_or(waiting);
        let now = up_to.saturating_sub(std::mem::replace(&mut told, up_to));
        (now > 0).then_some((day, now))
    };
    days.into_iter().filter_map(&mut part).collect()
}

/// When the budgets of the day on which the last goes open.
fn day_begins(days: &Days, now: Timestamp) -> Timestamp {
    days.ends.map_or(Timestamp::MAX, |day| if day <= day_of(now) { now } else { opens_on(day) })
}

/// What waits at one operator's sites, as lanes and budgets there let it go.
struct There<'w> {
    rows: Vec<&'w WaitingAt>,
    waiting: u64,
}

/// All sites side by side, and how many of the campaign nothing known slows.
fn of_sites(work: &Work, paths: &Paths, now: Timestamp) -> (Option<Plan>, u64) {
    let mut there: BTreeMap<&str, There<'_>> = BTreeMap::new();
    for row in &work.here {
        if let Some(site) = &row.site {
            let one = there.entry(paths::operator(site)).or_insert(There { rows: Vec::new(), waiting: 0 });
            one.rows.push(row);
            one.waiting += row.waiting;
        }
    }
    let (mut slowed, mut dated, mut last): (u64, u64, Option<Plan>) = (0, 0, None);
    let (mut parts, mut budgets, today) = (Vec::new(), BTreeMap::new(), day_of(now));
    for one in there.values().filter(|one| one.waiting > 0) {
        let by_lanes = by_lanes(one, work, paths, now);
        let by_budget = by_budget(one, work, paths, &mut budgets, now);
        let bounded = by_lanes.into_iter().chain(by_budget).max_by_key(|plan| plan.ends_at);
        slowed += bounded.as_ref().map_or(0, |_| one.waiting);
        let Some(plan) = by_retries(one, bounded.as_ref(), now).or(bounded) else { continue };
        dated += one.waiting;
        parts.push(plan.days.clone());
        if last.as_ref().is_none_or(|last| last.ends_at < plan.ends_at) {
            last = Some(plan);
        }
    }
    // Whom nothing slows goes today; where that takes longer, the rate decides.
    parts.push(all_on(today, work.waiting.saturating_sub(dated)));
    let last = last.map(|last| Plan { days: Days::together(&parts), ..last });
    (last, work.waiting.saturating_sub(slowed))
}

/// So many on one day.
fn all_on(day: i64, messages: u64) -> Days {
    Days { days: (messages > 0).then_some((day, messages)).into_iter().collect(), ends: Some(day) }
}

/// The ways to a site: where some are open, those that are gone round carry nothing.
fn open_ways<'p>(paths: &'p Paths, site: &'p Site) -> Vec<Path<'p>> {
    let mut ways = paths.toward(site);
    if ways.iter().any(|way| !way.is_gone_round()) {
        ways.retain(|way| !way.is_gone_round());
    }
    ways
}

/// As rests and learned limits let it go; `None`: nothing slows it.
fn by_lanes(one: &There<'_>, work: &Work, paths: &Paths, now: Timestamp) -> Option<Plan> {
    let mut last: Option<Plan> = None;
    let (mut parts, mut shared, mut slowed) = (Vec::new(), 0, 0);
    let mut foresee = |waiting: u64, all: u64, row: &WaitingAt| {
        let site = row.site.as_ref()?;
        let ways = open_ways(paths, site);
        let outlooks: Vec<Outlook> = ways.iter().map(Path::outlook).collect();
        if outlooks.is_empty() || outlooks.iter().any(|outlook| outlook.is_free(now)) {
            return None;
        }
        let ends_at = Outlook::ends(&outlooks, all, now).unwrap_or(Timestamp::MAX);
        let days = spread(&outlooks, all, now, ends_at);
        parts.push(Days { days: part_of(days, waiting, all), ends: Some(day_of(ends_at)) });
        slowed += waiting;
        let slowest = ways.iter().max_by_key(|way| way.outlook().from)?;
        let name = slowest.site_name(row.domain.as_deref());
        let limits = in_words(&slowest.limits(), now);
        let listed = slowest.rests().filter(|_| limits.is_empty()).map(|(_, why)| why);
        let held =
            slowest.held().map(|hold| format!("{} is held by {}: {}", slowest.source.name, hold.actor, hold.why));
        let alone = slowest.left_alone().map(|alone| alone.why.clone());
        let why = alone.into_iter().chain(held).chain(limits).chain(listed).collect::<Vec<_>>().join("; ");
        let site = LastSite { name, waiting };
        let because = format!("{}, where {} wait: {why}", site.name, thousands(site.waiting));
        if last.as_ref().is_none_or(|last| last.ends_at < ends_at) {
            last = Some(Plan { days: Days::default(), ends_at, bound: Bound::Lanes, because, site: Some(site) });
        }
        Some(())
    };
    let is_shared =
        |row: &WaitingAt| row.site.as_ref().is_some_and(|site| paths.toward(site).iter().any(Path::is_shared));
    for row in &one.rows {
        if is_shared(row) {
            shared += row.waiting;
            continue;
        }
        let others = row.site.as_ref().and_then(|site| work.others_at.get(&site.fingerprint));
        foresee(row.waiting, with_others(work.own, row.waiting, &listed(others)), row);
    }
    if let Some(row) = one.rows.iter().find(|row| is_shared(row)) {
        let others = row.site.as_ref().and_then(|site| work.others_there.get(paths::operator(site)));
        foresee(shared, with_others(work.own, shared, &listed(others)), row);
    }
    let mut last = last?;
    parts.push(all_on(day_of(now), one.waiting.saturating_sub(slowed)));
    last.days = Days::together(&parts);
    Some(last)
}

/// Limits that bound how many go; the words that caused two are told once.
fn in_words(limits: &[InForce], now: Timestamp) -> Vec<String> {
    let mut told: Option<&Cause> = None;
    let bounds = limits.iter().filter(|limit| !matches!(limit.limit, Limit::Connections | Limit::PerConnection));
    let mut words = Vec::new();
    for limit in bounds {
        words.push(match (told, &limit.cause) {
            (Some(told), Some(cause)) if told == cause => limit.limit.counted(limit.value),
            _ => limit.told_at(now),
        });
        told = told.or(limit.cause.as_ref());
    }
    words
}

/// Messages by day until they end.
fn spread(outlooks: &[Outlook], all: u64, now: Timestamp, ends_at: Timestamp) -> Vec<(i64, u64)> {
    let (today, mut gone, mut days) = (day_of(now), 0, Vec::new());
    let last = if ends_at == Timestamp::MAX { today + volume::FORECAST_DAYS_MAX } else { day_of(ends_at) };
    for day in today..=last {
        let midnight = Timestamp::from_millis((day + 1).saturating_mul(DAY_MS));
        let sum = outlooks.iter().fold(0u64, |sum, outlook| sum.saturating_add(outlook.before(midnight)));
        let up_to = if day == last && ends_at < Timestamp::MAX { all } else { sum.min(all) };
        if up_to > gone {
            days.push((day, up_to - gone));
        }
        gone = gone.max(up_to);
    }
    days
}

/// What budgets made of so many, spent so far by these sources, is the same for every site nobody described.
type Budgets = BTreeMap<(u64, Vec<(SourceId, u32)>), Days>;

/// As the day budgets of the sources let it go, which take over from each other; `None`: nothing bounds it, or all may go
/// today.
fn by_budget(one: &There<'_>, work: &Work, paths: &Paths, known: &mut Budgets, now: Timestamp) -> Option<Plan> {
    let (row, today) = (one.rows.first()?, day_of(now));
    let site = row.site.as_ref()?;
    let others = match &site.provider {
        Some(key) => work.others_there.get(key),
        None => work.others_at.get(&site.fingerprint),
    };
    let all = with_others(work.own, one.waiting, &listed(others));
    let ways = open_ways(paths, site);
    let histories = ways.iter().map(Path::history).collect::<Option<Vec<_>>>()?;
    let provider = site.provider.as_deref();
    let foresee = || {
        let senders: Vec<_> = histories.iter().map(|(who, history)| (*who, history.as_slice())).collect();
        volume::forecast_among(all, &senders, provider, today)
    };
    let days = match provider {
        Some(_) => foresee(),
        None => {
            let spent = |(_, history): &(Who, paths::Days)| history.last().map_or(0, |(_, count)| count.attempted);
            let spent = ways.iter().map(|way| way.source.id).zip(histories.iter().map(spent)).collect();
            known.entry((all, spent)).or_insert_with(foresee).clone()
        }
    };
    let ends_at = day_begins(&days, now);
    if ends_at <= now {
        return None;
    }
    let name = ways.first()?.site_name(row.domain.as_deref());
    let because = budgets_in_words(&ways, &name);
    let site = Some(LastSite { name, waiting: one.waiting });
    let days = Days { days: part_of(days.days, one.waiting, all), ends: days.ends };
    Some(Plan { days, ends_at, bound: Bound::Budget, because, site })
}

/// `the budgets of mta1 and mta2 toward Google: day 1 of …`.
fn budgets_in_words(ways: &[Path<'_>], toward: &str) -> String {
    let mut why: Vec<String> =
        ways.iter().filter_map(Path::budget).map(|(allowance, _)| allowance.why).take(BUDGETS_TOLD_MAX).collect();
    why.dedup();
    let names: Vec<&str> = ways.iter().map(|way| way.source.name.as_str()).collect();
    let whose = match names.as_slice() {
        [only] => format!("budget of {only}"),
        [first @ .., last] if names.len() <= BUDGETS_TOLD_MAX => format!("budgets of {} and {last}", first.join(", ")),
        _ => format!("budgets of {} sources", names.len()),
    };
    format!("the {whose} toward {toward}: {}", why.join("; "))
}

/// Those who were put off come again at their own time: if the last of them comes later than what else is known, that is the
/// end.
fn by_retries(one: &There<'_>, bounded: Option<&Plan>, now: Timestamp) -> Option<Plan> {
    let (due, row) = one.rows.iter().filter_map(|row| Some((row.last_due?, *row))).max_by_key(|(due, _)| *due)?;
    if due <= bounded.map_or(now, |plan| plan.ends_at) {
        return None;
    }
    // How many of them come how late is not looked up: at least one does.
    let last = day_of(due);
    let Days { mut days, .. } = bounded.map_or(all_on(day_of(now), one.waiting), |plan| plan.days.clone());
    if let Some((_, messages)) = days.last_mut().filter(|(day, _)| *day < last) {
        *messages -= 1;
        days.push((last, 1));
    }
    days.retain(|(_, messages)| *messages > 0);
    let provider = row.site.as_ref().and_then(|site| site.provider.as_deref());
    let provider = provider.map(|key| providers::by_key(key).map_or(key, |known| known.name.as_str()));
    let whose = provider.or(row.domain.as_deref());
    let at = whose.map(|whose| format!(" at {whose}")).unwrap_or_default();
    let because = format!("people{at} who were put off and are tried again then");
    let days = Days { days, ends: Some(last) };
    Some(Plan { days, ends_at: due, bound: Bound::Retries, because, site: None })
}

/// What the ceilings of the workspace and of all its sources together allow.
async fn of_ceilings(store: &Store, campaign: &Campaign, work: &Work, now: Timestamp) -> Result<Vec<Plan>, StoreError> {
    let set: BTreeMap<CeilingOf, Ceilings> =
        store.ceilings().await?.into_iter().map(|set| (set.of, set.ceilings.over_time())).collect();
    let mut plans = Vec::new();
    if let Some(ceilings) = set.get(&CeilingOf::Workspace(campaign.workspace)).filter(|set| !set.is_none()) {
        let room = room(store, CeilingOf::Workspace(campaign.workspace), ceilings, now).await?;
        plans.push((room, hourly(ceilings), format!("the workspace's ceiling of {ceilings}")));
    }
    let ways = Ways::read(store, "").await?;
    let members = ways.members(campaign.workspace, campaign.kind);
    let (mut together, mut why) = ((!members.is_empty()).then_some((0, 0)), String::new());
    let mut an_hour = (!members.is_empty()).then_some(0);
    for (id, _) in members {
        let ceilings = set.get(&CeilingOf::Source(id)).copied().unwrap_or_default();
        let (a_day, today) = room(store, CeilingOf::Source(id), &ceilings, now).await?;
        together =
            together.zip(a_day.zip(today)).map(|((all, of_today), (a_day, today))| (all + a_day, of_today + today));
        an_hour = an_hour.zip(hourly(&ceilings)).map(|(all, one)| all + one);
        let name = ways.source(id).map_or("this machine", |source| source.name.as_str());
        why = format!("the ceiling of {name}: {ceilings}");
    }
    plans.push(((together.map(|of| of.0), together.map(|of| of.1)), an_hour, why));
    let all = work.beside(|_| true);
    let spread = |((a_day, today), an_hour, because): ((Option<u64>, Option<u64>), Option<u64>, String)| {
        let days = volume::forecast_at(a_day?, today?, all, day_of(now));
        let mut plan = Plan::of_all(days, (Bound::Ceiling, because), work.waiting, all, now);
        // What ends today is told to the minute.
        if let Some(an_hour) = an_hour.filter(|_| plan.days.ends == Some(day_of(now))) {
            let lasts_s = all.saturating_mul(3_600) / an_hour.max(1);
            plan.ends_at = plan.ends_at.max(now + Duration::from_secs(lasts_s.min(DAY_S)));
        }
        Some(plan)
    };
    Ok(plans.into_iter().filter_map(spread).collect())
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

/// What the sending domain's budget allows.
async fn of_domain(store: &Store, from: &str, work: &Work, now: Timestamp) -> Result<Option<Plan>, StoreError> {
    let Some((name, who, history)) = sending_domain(store, from, now).await? else { return Ok(None) };
    let is_from = |other: &Campaign| {
        let theirs = launch::snapshot(other).ok().and_then(|other| launch::parse_mailbox(&other.options.from).ok());
        theirs.is_some_and(|theirs| theirs.address.domain().as_str() == name)
    };
    let (all, today) = (work.beside(is_from), day_of(now));
    let (budget, _) = paths::today_of(&who, None, &history, today);
    let days = volume::forecast(all, &who, None, &history, today);
    let because = format!("the budget of {name}: {}", budget.why);
    Ok(Some(Plan::of_all(days, (Bound::Domain, because), work.waiting, all, now)))
}

impl Plan {
    /// For a whole campaign of `waiting` that goes with others, `all` of them together.
    fn of_all(days: Days, (bound, because): (Bound, String), waiting: u64, all: u64, now: Timestamp) -> Plan {
        let ends_at = day_begins(&days, now);
        let days = Days { days: part_of(days.days, waiting, all), ends: days.ends };
        Plan { days, ends_at, bound, because, site: None }
    }

    /// The people behind holds go when the last of these ends, beside `going` others; `None`: that takes somebody to lift one.
    fn behind(held: &HeldBack, going: u64, now: Timestamp) -> Option<Plan> {
        let until = held.until?;
        let days = Days::together(&[all_on(day_of(now), going), all_on(day_of(until), held.people)]);
        let because = format!("{} who are {}", thousands(held.people), held.why);
        Some(Plan { days, ends_at: until, bound: Bound::Held, because, site: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CampaignState;

    const NOON: Timestamp = Timestamp::from_millis(20_000 * DAY_MS + DAY_MS / 2);

    #[test]
    fn who_was_put_off_until_later_than_all_else_is_the_end() {
        let row = |due_s: u64| WaitingAt {
            campaign: CampaignId(1),
            state: CampaignState::Retrying,
            site: Some(Site { id: SiteId(1), fingerprint: "aa11".to_owned(), provider: Some("google".to_owned()) }),
            waiting: 10,
            last_due: Some(NOON + Duration::from_secs(due_s)),
            domain: None,
        };
        let told = |due_s: u64, bounded: Option<&Plan>| {
            let row = row(due_s);
            by_retries(&There { rows: vec![&row], waiting: 10 }, bounded, NOON).map(|plan| plan.days.days)
        };
        assert_eq!(told(900, None), Some(vec![(20_000, 10)]));
        assert_eq!(told(DAY_S, None), Some(vec![(20_000, 9), (20_001, 1)]));
        let days = Days { days: vec![(20_000, 4), (20_001, 6)], ends: Some(20_001) };
        let ends_at = NOON + Duration::from_secs(DAY_S);
        let plan = Plan { days, ends_at, bound: Bound::Budget, because: String::new(), site: None };
        assert_eq!(told(900, Some(&plan)), None, "the budget ends later");
        assert_eq!(told(2 * DAY_S, Some(&plan)), Some(vec![(20_000, 4), (20_001, 5), (20_002, 1)]));
    }

    #[test]
    fn whom_the_expiry_comes_before_is_told() {
        let hours = |hours: u64| NOON + Duration::from_secs(hours * 3_600);
        let late = |forecast: &Forecast, expires_at| forecast.too_late(expires_at, NOON).map_or(0, |late| late.people);
        let days = vec![(20_000, 500), (20_001, 750), (20_002, 250)];
        let by_budget = Forecast { waiting: 1_500, days, ends_at: Some(hours(36)), ..Forecast::default() };
        assert_eq!(
            [late(&by_budget, hours(8)), late(&by_budget, hours(24)), late(&by_budget, hours(60))],
            [1_000, 250, 0]
        );
        let today = Forecast { waiting: 10, ends_at: Some(hours(3)), ..Forecast::default() };
        assert_eq!([late(&today, hours(2)), late(&today, hours(4)), late(&today, NOON)], [1, 0, 10]);
        let by_rate = Forecast { waiting: 100, at_this_rate_s: Some(7_200), ..Forecast::default() };
        assert_eq!([late(&by_rate, hours(1)), late(&by_rate, hours(3))], [50, 0]);
        let held = HeldBack { people: 40, until: None, why: String::new() };
        let some = Forecast { held: Some(held.clone()), at_this_rate_s: Some(60), ..by_rate };
        assert_eq!(late(&some, hours(1)), 40, "who is held until somebody lifts it");
        let all = Forecast { waiting: 40, bound: Some(Bound::Held), held: Some(held), ..Forecast::default() };
        assert_eq!(late(&all, hours(9)), 40);
    }

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
