//! When a campaign will be through, and what that depends on: the rate of the last minutes, and what is known to slow it:
//! rests and learned limits of the lanes, day budgets, ceilings.
//!
//! What lets people go is told as parts, and what keeps each of them besides (their hours, the sample that goes first) as gates; the
//! course of both ([`course`]) is where the end, the days and whom the expiry comes before are read from, so that they agree.
//! Whom holds keep back is told apart from the rest. Every site is foreseen by itself ([`sites`]); the one that ends last is
//! told, and why. With other campaigns at the same place turns are shared ([`turns`]). A forecast is an estimate and says what
//! it rests on. Nothing here is remembered; it is computed when somebody asks.

mod ceilings;
mod course;
mod held;
mod rate;
mod sites;
mod turns;

use crate::Stakes;
use crate::budget::opens_on;
use crate::hours::{Closed, Hours};
use crate::launch;
use crate::paths::{self, Paths, sending_domain};
use crate::report::{iso, iso_or_null};
use crate::sample::{SampleOut, sample_out};
use ceilings::of_ceilings;
use course::{Course, Gates, Part, by_day, side_by_side};
use dispatch::volume::{self, Forecast as Days};
use held::Held;
use model::{SiteId, Timestamp, thousands};
use serde::Serialize;
use sites::of_sites;
use std::time::Duration;
use store::{Campaign, Store, StoreError};
use turns::{Work, part_of};

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
                self.ends_on_day = Some(course.ends_at().day()).filter(|_| self.at_this_rate_s.is_some());
                return;
            }
            (None, Some(named)) => named,
            (Some((gate, says)), None) => (gate, says.to_owned()),
            (Some((gate, says)), Some((_, why))) => (gate, format!("{says} and {why}")),
        };
        self.ends_at = Some(course.ends_at()).filter(|at| *at < now + FORESEEN);
        self.ends_on_day = self.ends_at.map(Timestamp::day);
        self.days = if self.ends_on_day == Some(now.day()) { Vec::new() } else { course.days() };
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

/// How many are to go of whom nobody knows whose servers they go to, where that decides how many may go today: those whom no
/// day budget could spread, wherever they go, are none of them.
async fn unplaced(store: &Store, campaign: &Campaign, paths: &Paths) -> Result<Option<u64>, StoreError> {
    let people = store.waiting_at(campaign.id, UNPLACED).await?;
    Ok(paths.least_today().is_some_and(|least| people > least).then_some(people))
}

/// When the budgets of the day on which the last goes open.
fn day_begins(days: &Days, now: Timestamp) -> Timestamp {
    days.ends.map_or(Timestamp::MAX, |day| if day <= now.day() { now } else { opens_on(day) })
}

/// What the sending domain's budget allows.
async fn of_domain(store: &Store, from: &str, work: &Work, now: Timestamp) -> Result<Option<Plan>, StoreError> {
    let Some((name, who, history)) = sending_domain(store, from, now).await? else { return Ok(None) };
    let is_from = |other: &Campaign| {
        let theirs = launch::snapshot(other).ok().and_then(|other| launch::parse_mailbox(&other.options.from).ok());
        theirs.is_some_and(|theirs| theirs.address.domain().as_str() == name)
    };
    let (all, today) = (work.beside(is_from), now.day());
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

    const NOON: Timestamp = Timestamp::from_millis(20_000 * DAY_MS + DAY_MS / 2);

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
}
