//! When a campaign will be through, and what that depends on: the rate of the last minutes, and what is known to slow it:
//! rests and learned limits of the lanes, day budgets, ceilings.
//!
//! What lets people go is told as parts, and what keeps each of them besides (their hours, the sample that goes first) as gates; the
//! course of both ([`course`]) is where the end, the days and whom the expiry comes before are read from, so that they agree.
//! Whom holds keep back is told apart from the rest. Every site is foreseen by itself, from who waits there and from the ways that
//! lead there ([`crate::paths`]); the one that ends last is told, and why. Where other campaigns at work have people at the same place, turns are shared as lanes share them
//! (`dispatch::share`): by the weights of the workspaces, then by those of their campaigns. A forecast is an estimate and says what it rests on. Nothing here is remembered; it is computed when
//! somebody asks.

mod ceilings;
mod course;
mod held;
mod rate;

use crate::Stakes;
use crate::budget::{day_of, opens_on};
use crate::hours::{Closed, Hours};
use crate::launch;
use crate::paths::{self, Path, Paths, sending_domain};
use crate::report::{iso, iso_or_null};
use crate::sample::{SampleOut, sample_out};
use ceilings::of_ceilings;
use course::{Course, Gates, Part, by_day, side_by_side};
use dispatch::pace::{Cause, InForce, Limit, Outlook};
use dispatch::providers;
use dispatch::share::{WEIGHT_MAX, WEIGHT_USUAL, Weights};
use dispatch::volume::{self, Forecast as Days, Who};
use held::Held;
use model::{CampaignId, SiteId, SourceId, Timestamp, WorkspaceId, thousands};
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;
use store::{Campaign, CeilingOf, Site, Store, StoreError, WaitingAt};

/// The rate means nothing before so many tries.
const TRIES_MIN: u64 = 20;
const DAY_S: u64 = 86_400;
const DAY_MS: i64 = 86_400_000;
/// Under what the ledger counts those whose servers nobody has looked up yet.
const UNPLACED: SiteId = SiteId(0);
/// What is further away is told as more than that.
const FORESEEN: Duration = Duration::from_secs(366 * DAY_S);
/// Where they decide by themselves when the last goes.
const THE_HOURS: &str = "the sending hours";
const THE_SAMPLE: &str = "the sample that goes first";
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
    /// So many.
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
    /// Do the sending hours or the sample decide by themselves when the last goes, and nothing else that is known?
    pub fn only_waits(&self) -> bool {
        self.because.as_deref().is_some_and(|because| [THE_HOURS, THE_SAMPLE].contains(&because))
    }

    /// Nobody goes before then, or before somebody does something about it.
    fn stands_still(
        &mut self,
        (bound, why): (Bound, &str),
        until: Option<Timestamp>,
        gates: Gates<'_>,
        expires_at: Option<Timestamp>,
    ) {
        (self.bound, self.because) = (Some(bound), Some(why.to_owned()));
        let not_before = until.map(|at| gates.opens(at));
        let too_late = expires_at.filter(|expires_at| not_before.is_none_or(|at| at >= *expires_at));
        self.too_late = too_late.map(|expires_at| TooLate { people: self.waiting, expires_at });
        self.not_before = not_before;
    }

    /// The narrowest of the plans decides, each behind the gates, unless the rate of the last minutes takes longer; but whoever
    /// is late by one of them is late.
    fn goes(
        &mut self,
        mut plans: Vec<Plan>,
        by_rate: Plan,
        gates: Gates<'_>,
        (expires_at, now): (Option<Timestamp>, Timestamp),
    ) {
        let rate = gates.course(&by_rate.parts);
        if let Some(expires_at) = expires_at {
            let late = plans.iter().map(|plan| gates.course(&plan.parts).after(expires_at));
            let late = late.fold(rate.after(expires_at), u64::max);
            let held = self.held.as_ref().map_or(0, |held| match held.until {
                Some(until) => gates.course(&[Part::at(until, held.people)]).after(expires_at),
                None => held.people,
            });
            let people = late.saturating_add(held).min(self.waiting);
            self.too_late = (people > 0).then_some(TooLate { people, expires_at });
        }
        plans.extend(self.held.as_ref().and_then(|held| Plan::behind(held, &by_rate)));
        let courses = plans.into_iter().map(|plan| (gates.course(&plan.parts), plan));
        let last = courses.max_by_key(|(course, plan)| (course.ends_at(), plan.ends_at));
        let last = last.filter(|(course, _)| course.ends_at() > rate.ends_at());
        let (course, plan) = last.unwrap_or((rate, by_rate));
        let because = match (gates.that_decides(&plan.parts, &course), plan.because) {
            (None, None) => {
                self.ends_on_day = Some(day_of(course.ends_at())).filter(|_| self.at_this_rate_s.is_some());
                return;
            }
            (None, Some(named)) => named,
            (Some((gate, says)), None) => (gate, says.to_owned()),
            (Some((gate, says)), Some((_, why))) => (gate, format!("{says} and {why}")),
        };
        self.ends_at = Some(course.ends_at()).filter(|at| *at < now + FORESEEN);
        self.ends_on_day = self.ends_at.map(day_of);
        self.days = if self.ends_on_day == Some(day_of(now)) { Vec::new() } else { course.days() };
        (self.bound, self.because, self.last_site) = (Some(because.0), Some(because.1), plan.site);
    }
}

/// What lets the last go when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Rests and limits of the lanes to a site, learned or configured.
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
    /// The sending hours; whatever else lets the last go so late is told in the words beside them.
    Hours,
    /// The sample that goes first; as well.
    Sample,
}

impl Bound {
    /// Every one.
    pub const ALL: [Bound; 9] = [
        Bound::Lanes,
        Bound::Budget,
        Bound::Retries,
        Bound::Ceiling,
        Bound::Domain,
        Bound::Stopped,
        Bound::Held,
        Bound::Hours,
        Bound::Sample,
    ];

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
            Bound::Hours => "hours",
            Bound::Sample => "sample",
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
#[derive(Clone, Debug)]
struct Plan {
    parts: Vec<Part>,
    /// When the last of those goes whom it bounds, hours and sample aside; [`Timestamp::MAX`]: not within a year.
    ends_at: Timestamp,
    /// What bounds it, in words; `None`: the rate of the last minutes alone.
    because: Option<(Bound, String)>,
    site: Option<LastSite>,
}

/// The forecast for `waiting` people of a campaign.
pub async fn forecast(
    store: &Store,
    campaign: &Campaign,
    waiting: u64,
    now: Timestamp,
) -> Result<Forecast, StoreError> {
    let mut forecast = Forecast { waiting, ..Forecast::default() };
    let (tries, elapsed_ms) = rate::lately(store, campaign, now).await?;
    if tries >= TRIES_MIN {
        forecast.per_minute = Some((tries * 60_000 / elapsed_ms).max(1));
        forecast.rate_over_s = Some(elapsed_ms.div_ceil(1_000));
    }
    let Ok(snapshot) = launch::snapshot(campaign) else { return Ok(forecast) };
    if waiting == 0 {
        return Ok(forecast);
    }
    let expires_at = snapshot.options.timing.expires_at;
    let hours = Hours::read(store, campaign, waiting).await?;
    forecast.hours = hours.as_ref().and_then(|hours| hours.closed(expires_at, now));
    forecast.sample = sample_out(store, campaign, now).await?.filter(|out| out.rest > 0);
    let sample = forecast.sample.as_ref().map(|out| (out.until, out.rest, waiting.max(out.rest)));
    let gates = Gates { hours: hours.as_ref(), sample };
    let stakes = snapshot.options.transport.stakes();
    let paths = Paths::read(store, campaign, stakes, now).await?;
    if let Some(no_way) = paths.no_way() {
        forecast.stands_still((Bound::Stopped, no_way.why.as_str()), no_way.until, gates, expires_at);
        return Ok(forecast);
    }
    let held = Held::read(store, campaign, now).await?;
    let going = match held.people {
        0 => waiting,
        people => waiting.min(store.tally(campaign.id).await?.in_progress().saturating_sub(people)),
    };
    forecast.held = held.keeps_back(waiting - going);
    if going == 0 {
        forecast.stands_still((Bound::Held, held.why.as_str()), held.first_end, gates, expires_at);
        return Ok(forecast);
    }
    let work = Work::read(store, campaign, going, held.at).await?;
    forecast.unplaced = unplaced(store, campaign, &paths).await?;
    let (site_parts, last_site, free) = of_sites(&work, &paths, now);
    let mut lasts = Duration::ZERO;
    if tries >= TRIES_MIN {
        let rate_s = free * elapsed_ms / tries / 1_000;
        (forecast.at_this_rate_s, lasts) = (Some(rate_s), Duration::from_secs(rate_s));
    }
    let mut plans = of_ceilings(store, campaign, &work, now).await?;
    if stakes != Stakes::Rehearsal {
        plans.extend(of_domain(store, &snapshot.options.from, &work, now).await?);
    }
    plans.extend(last_site.map(|last| {
        // Whom nothing slows goes at the rate of the last minutes.
        let dated: u64 = site_parts.iter().map(|part| part.people).sum();
        let others = Part::over(now, going.saturating_sub(dated), lasts);
        Plan { parts: side_by_side(site_parts.into_iter().chain([others])), ..last }
    }));
    forecast.goes(plans, Plan::by_rate(going, lasts, now), gates, (expires_at, now));
    Ok(forecast)
}

impl Gates<'_> {
    /// Which of them decides when the last of these goes, and in words; `None`: they would go then without them.
    fn that_decides(self, parts: &[Part], course: &Course) -> Option<(Bound, &'static str)> {
        let ends_at = course.ends_at();
        if ends_at <= Gates::default().course(parts).ends_at() {
            return None;
        }
        let sample_alone = Gates { hours: None, ..self }.course(parts).ends_at();
        Some(if ends_at > sample_alone { (Bound::Hours, THE_HOURS) } else { (Bound::Sample, THE_SAMPLE) })
    }
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

/// All sites side by side: who of the campaign goes when, as far as something known slows them; the plan of the site that ends
/// last; and how many nothing known slows.
fn of_sites(work: &Work, paths: &Paths, now: Timestamp) -> (Vec<Part>, Option<Plan>, u64) {
    let mut there: BTreeMap<&str, There<'_>> = BTreeMap::new();
    for row in &work.here {
        if let Some(site) = &row.site {
            let one = there.entry(paths::operator(site)).or_insert(There { rows: Vec::new(), waiting: 0 });
            one.rows.push(row);
            one.waiting += row.waiting;
        }
    }
    let (mut slowed, mut last): (u64, Option<Plan>) = (0, None);
    let (mut parts, mut budgets) = (Vec::new(), BTreeMap::new());
    for one in there.values().filter(|one| one.waiting > 0) {
        let by_lanes = by_lanes(one, work, paths, now);
        let by_budget = by_budget(one, work, paths, &mut budgets, now);
        let is_slowed = by_budget.is_some() || !is_as_configured(one, paths);
        let bounded = by_lanes.into_iter().chain(by_budget).max_by_key(|plan| plan.ends_at);
        slowed += bounded.as_ref().filter(|_| is_slowed).map_or(0, |_| one.waiting);
        let Some(plan) = by_retries(one, bounded.as_ref(), now).or(bounded) else { continue };
        parts.extend_from_slice(&plan.parts);
        if last.as_ref().is_none_or(|last| last.ends_at < plan.ends_at) {
            last = Some(plan);
        }
    }
    (side_by_side(parts), last, work.waiting.saturating_sub(slowed))
}

/// The ways to a site: where some are open, those that are gone round carry nothing.
fn open_ways<'p>(paths: &'p Paths, site: &'p Site) -> Vec<Path<'p>> {
    let mut ways = paths.toward(site);
    if ways.iter().any(|way| !way.is_gone_round()) {
        ways.retain(|way| !way.is_gone_round());
    }
    ways
}

/// Does nothing slow it there but what is configured? How fast it goes within that is measured.
fn is_as_configured(one: &There<'_>, paths: &Paths) -> bool {
    let mut sites = one.rows.iter().filter_map(|row| row.site.as_ref());
    sites.all(|site| open_ways(paths, site).iter().all(Path::is_as_configured))
}

/// As rests, learned limits and what is configured let it go; `None`: nothing slows it.
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
        parts.extend(let_go(&outlooks, (waiting, all), ends_at, now));
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
            last = Some(Plan { parts: Vec::new(), ends_at, because: Some((Bound::Lanes, because)), site: Some(site) });
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
    parts.push(Part::at(now, one.waiting.saturating_sub(slowed)));
    last.parts = side_by_side(parts);
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

/// `waiting` of `all` as these lanes let them go, which have let the last of all go at `ends_at`.
fn let_go(outlooks: &[Outlook], (waiting, all): (u64, u64), ends_at: Timestamp, now: Timestamp) -> Vec<Part> {
    let from = outlooks.iter().map(|outlook| outlook.from).min().unwrap_or(now);
    if !outlooks.iter().any(Outlook::has_days) {
        return vec![if ends_at == Timestamp::MAX {
            Part::at(ends_at, waiting)
        } else {
            Part::over(from, waiting, ends_at.since(from))
        }];
    }
    let mut parts = by_day(&part_of(spread(outlooks, all, now, ends_at), waiting, all), waiting, now);
    for part in &mut parts {
        // A lane's day begins at midnight, or when its rest ends.
        if let Some(day) = part.day {
            part.from = Timestamp::from_millis(day.saturating_mul(DAY_MS)).max(from);
            let with_others = u128::from(part.people) * u128::from(all) / u128::from(waiting.max(1));
            part.lasts = Outlook::takes(outlooks, u64::try_from(with_others).unwrap_or(all));
        }
    }
    if let Some(last) = parts.last_mut().filter(|last| last.from < ends_at && ends_at < Timestamp::MAX) {
        last.lasts = ends_at.since(last.from);
    }
    parts
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
    let because = Some((Bound::Budget, budgets_in_words(&ways, &name)));
    let site = Some(LastSite { name, waiting: one.waiting });
    let parts = by_day(&part_of(days.days, one.waiting, all), one.waiting, now);
    Some(Plan { parts, ends_at, because, site })
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
    let mut parts = bounded.map_or_else(|| vec![Part::at(now, one.waiting)], |plan| plan.parts.clone());
    if let Some(last) = parts.iter_mut().max_by_key(|part| part.from) {
        *last = last.share(last.people.saturating_sub(1));
    }
    parts.push(Part::at(due, 1));
    let provider = row.site.as_ref().and_then(|site| site.provider.as_deref());
    let provider = provider.map(|key| providers::by_key(key).map_or(key, |known| known.name.as_str()));
    let whose = provider.or(row.domain.as_deref());
    let at = whose.map(|whose| format!(" at {whose}")).unwrap_or_default();
    let because = format!("people{at} who were put off and are tried again then");
    Some(Plan { parts: side_by_side(parts), ends_at: due, because: Some((Bound::Retries, because)), site: None })
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
    Ok(Some(Plan::of_days(days, (Bound::Domain, because), (work.waiting, all), now)))
}

impl Plan {
    /// So many as days let them go, with others, `all` of them together.
    fn of_days(days: Days, because: (Bound, String), (waiting, all): (u64, u64), now: Timestamp) -> Plan {
        let ends_at = day_begins(&days, now);
        let parts = by_day(&part_of(days.days, waiting, all), waiting, now);
        Plan { parts, ends_at, because: Some(because), site: None }
    }

    /// So many, one after another for so long.
    fn steady((waiting, lasts): (u64, Duration), because: (Bound, String), now: Timestamp) -> Plan {
        Plan { because: Some(because), ..Plan::by_rate(waiting, lasts, now) }
    }

    /// The same at the rate of the last minutes.
    fn by_rate(waiting: u64, lasts: Duration, now: Timestamp) -> Plan {
        Plan { parts: vec![Part::over(now, waiting, lasts)], ends_at: now + lasts, because: None, site: None }
    }

    /// The people behind holds go when the last of these ends, beside the others; `None`: that takes somebody to lift one.
    fn behind(held: &HeldBack, others: &Plan) -> Option<Plan> {
        let until = held.until?;
        let parts = others.parts.iter().copied().chain([Part::at(until, held.people)]).collect();
        let because = format!("{} who are {}", thousands(held.people), held.why);
        Some(Plan { parts, ends_at: until, because: Some((Bound::Held, because)), site: None })
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
            let plan = by_retries(&There { rows: vec![&row], waiting: 10 }, bounded, NOON);
            plan.map(|plan| Gates::default().course(&plan.parts).days())
        };
        assert_eq!(told(900, None), Some(vec![(20_000, 10)]));
        assert_eq!(told(DAY_S, None), Some(vec![(20_000, 9), (20_001, 1)]));
        let parts = by_day(&[(20_000, 4), (20_001, 6)], 10, NOON);
        let plan = Plan { parts, ends_at: NOON + Duration::from_secs(DAY_S), because: None, site: None };
        assert_eq!(told(900, Some(&plan)), None, "the budget ends later");
        assert_eq!(told(2 * DAY_S, Some(&plan)), Some(vec![(20_000, 4), (20_001, 5), (20_002, 1)]));
    }

    /// What is told of so many at noon whom these plans bound, behind these gates.
    fn told(waiting: u64, plans: Vec<Plan>, gates: Gates<'_>, expires_h: Option<u64>) -> Forecast {
        let mut forecast = Forecast { waiting, ..Forecast::default() };
        let expires_at = expires_h.map(|hours| NOON + Duration::from_secs(hours * 3_600));
        forecast.goes(plans, Plan::by_rate(waiting, Duration::ZERO, NOON), gates, (expires_at, NOON));
        forecast
    }

    fn late(forecast: &Forecast) -> u64 {
        forecast.too_late.as_ref().map_or(0, |late| late.people)
    }

    fn ceiling(waiting: u64, minutes: u64) -> Plan {
        let because = (Bound::Ceiling, "the ceiling of out1: 1 message a minute".to_owned());
        Plan::steady((waiting, Duration::from_secs(minutes * 60)), because, NOON)
    }

    #[test]
    fn whom_the_expiry_comes_before_is_told() {
        let by_budget = |hours: u64| {
            let days = Days { days: vec![(20_000, 500), (20_001, 750), (20_002, 250)], ends: Some(20_002) };
            let plan = Plan::of_days(days, (Bound::Budget, "the budget".to_owned()), (1_500, 1_500), NOON);
            late(&told(1_500, vec![plan], Gates::default(), Some(hours)))
        };
        assert_eq!([by_budget(8), by_budget(24), by_budget(60)], [1_000, 250, 0]);
        let by_rate = |hours: u64| late(&told(120, vec![ceiling(120, 120)], Gates::default(), Some(hours)));
        assert_eq!([by_rate(1), by_rate(3)], [60, 0]);
        let mut held = Forecast { waiting: 100, ..Forecast::default() };
        held.held = Some(HeldBack { people: 40, until: None, why: String::new() });
        let expires_at = NOON + Duration::from_secs(3_600);
        held.goes(Vec::new(), Plan::by_rate(60, Duration::ZERO, NOON), Gates::default(), (Some(expires_at), NOON));
        assert_eq!(late(&held), 40, "who is held until somebody lifts it");
        let mut all = Forecast { waiting: 40, ..Forecast::default() };
        all.stands_still((Bound::Held, "held"), None, Gates::default(), Some(expires_at));
        assert_eq!(late(&all), 40);
        all.stands_still((Bound::Held, "held"), Some(NOON), Gates::default(), Some(expires_at));
        assert_eq!(late(&all), 0);
    }

    #[test]
    fn the_end_counts_what_opens_later_whatever_bounds_the_rest() {
        let windows = |text: &str, people: u64| Hours::of(text.parse().unwrap(), vec![(None, people)], 0);
        let minutes = |at: Option<Timestamp>| at.map(|at| at.since(NOON).as_secs() / 60);
        // Noon to half past is what is left of the hours, at one a minute.
        let hours = windows("10:00-12:30", 90);
        let gates = Gates { hours: Some(&hours), sample: None };
        let closes = told(90, vec![ceiling(90, 90)], gates, Some(3));
        let next_day_min = (12 + 10) * 60 + 3;
        assert_eq!((closes.bound, minutes(closes.ends_at)), (Some(Bound::Hours), Some(next_day_min + 60)));
        assert_eq!((closes.days.as_slice(), late(&closes)), ([(20_000, 30), (20_001, 60)].as_slice(), 60));
        let because = "the sending hours and the ceiling of out1: 1 message a minute";
        assert_eq!((closes.because.as_deref(), closes.only_waits()), (Some(because), false));
        // Nothing else is known, and they are closed: all of it is tomorrow's.
        let closed = windows("10:00-11:00", 90);
        let gates = Gates { hours: Some(&closed), sample: None };
        let tomorrow = told(90, Vec::new(), gates, Some(3));
        assert_eq!((minutes(tomorrow.ends_at), late(&tomorrow)), (Some(next_day_min), 90));
        assert!(tomorrow.only_waits() && tomorrow.days == [(20_001, 90)], "{tomorrow:?}");
        // A rest that ends before the sample is judged is not the end, and one that ends after it is.
        let rest = |minutes: u64| {
            let until = NOON + Duration::from_secs(minutes * 60);
            let because = Some((Bound::Lanes, "Google, where 90 wait".to_owned()));
            Plan { parts: vec![Part::at(until, 90)], ends_at: until, because, site: None }
        };
        let gates = Gates { hours: None, sample: Some((NOON + Duration::from_secs(4 * 3_600), 80, 90)) };
        let sampled = told(90, vec![rest(60)], gates, Some(2));
        assert_eq!((sampled.bound, minutes(sampled.ends_at), late(&sampled)), (Some(Bound::Sample), Some(240), 80));
        assert!(sampled.only_waits(), "{sampled:?}");
        let rested = told(90, vec![rest(300)], gates, Some(2));
        assert_eq!((rested.bound, minutes(rested.ends_at), late(&rested)), (Some(Bound::Lanes), Some(300), 90));
        // Without hours and a sample nothing is told but what is known.
        let plain = told(90, vec![rest(60)], Gates::default(), None);
        assert_eq!((plain.bound, minutes(plain.ends_at), plain.too_late), (Some(Bound::Lanes), Some(60), None));
        assert_eq!(told(90, Vec::new(), Gates::default(), None).because, None);
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
