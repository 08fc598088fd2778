//! When a campaign will be through, and what that depends on: the rate of the last minutes, the day budgets, the ceilings.
//!
//! A forecast is an estimate and says what it rests on. Nothing here is remembered; it is computed when somebody asks.

use crate::Stakes;
use crate::budget::day_of;
use crate::fleet::Ways;
use crate::launch;
use crate::sample::{SampleOut, sample_out};
use crate::throttles::before;
use dispatch::volume::{self, Forecast as Days, HISTORY_DAYS, Who};
use model::{Ceilings, DayCount, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Campaign, CeilingOf, Store, StoreError, VolumeOf};

/// The rate is that of so long …
const RATE_OVER: Duration = Duration::from_secs(600);
/// … and means nothing before so many tries.
const TRIES_MIN: u64 = 20;
const DAY_S: u64 = 86_400;

/// When the people who wait will have been tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// People who wait.
    pub waiting: u64,
    /// Tries a minute lately, of everything that is sent from here; `None`: too few to tell.
    pub per_minute: Option<u64>,
    /// Seconds this takes at that rate.
    pub at_this_rate_s: Option<u64>,
    /// How day budgets and ceilings spread it: UTC days (counted from 1970-01-01) and messages; empty where they bound nothing.
    pub days: Vec<(i64, u64)>,
    /// The day on which they let the last of them go.
    pub ends_on_day: Option<i64>,
    /// Whose budget or ceiling is the narrowest, in words.
    pub because: Option<String>,
    /// The sample that is out: until then nobody else is tried.
    pub sample: Option<SampleOut>,
}

/// The forecast for `waiting` people of a campaign.
pub async fn forecast(
    store: &Store,
    campaign: &Campaign,
    waiting: u64,
    now: Timestamp,
) -> Result<Forecast, StoreError> {
    let mut forecast = Forecast { waiting, ..Forecast::default() };
    let (tries, since) = store.tries_since(now - RATE_OVER).await?;
    let elapsed_ms = since.map_or(0, |since| now.since(since).as_millis() as u64).max(1);
    if tries >= TRIES_MIN {
        forecast.per_minute = Some((tries * 60_000 / elapsed_ms).max(1));
        forecast.at_this_rate_s = Some(waiting * elapsed_ms / tries / 1_000);
    }
    let Ok(snapshot) = launch::snapshot(campaign) else { return Ok(forecast) };
    if waiting == 0 {
        return Ok(forecast);
    }
    forecast.sample = sample_out(store, campaign, now).await?.filter(|out| out.rest > 0);
    let mut plans = of_ceilings(store, campaign, waiting, now).await?;
    let stakes = snapshot.options.transport.stakes();
    if stakes != Stakes::Rehearsal {
        plans.extend(of_domain(store, &snapshot.options.from, waiting, now).await?);
    }
    if stakes == Stakes::Real {
        plans.extend(of_sources(store, campaign, now).await?);
    }
    // The narrowest decides.
    let last = plans.into_iter().max_by_key(|(days, _)| days.ends.unwrap_or(i64::MAX));
    if let Some((days, because)) = last {
        forecast.ends_on_day = days.ends;
        let is_bounded = days.ends != Some(day_of(now));
        forecast.days = if is_bounded { days.days } else { Vec::new() };
        forecast.because = Some(because).filter(|_| is_bounded);
    }
    Ok(forecast)
}

/// What the ceilings of the workspace and of all its sources together allow.
async fn of_ceilings(
    store: &Store,
    campaign: &Campaign,
    waiting: u64,
    now: Timestamp,
) -> Result<Vec<(Days, String)>, StoreError> {
    let set: BTreeMap<CeilingOf, Ceilings> =
        store.ceilings().await?.into_iter().map(|set| (set.of, set.ceilings.over_time())).collect();
    let mut plans = Vec::new();
    if let Some(ceilings) = set.get(&CeilingOf::Workspace(campaign.workspace)).filter(|set| !set.is_none()) {
        let room = room(store, CeilingOf::Workspace(campaign.workspace), ceilings, now).await?;
        plans.push((room, format!("the workspace's ceiling of {ceilings}")));
    }
    let ways = Ways::read(store, "").await?;
    let members = ways.members(campaign.workspace, campaign.kind);
    let (mut together, mut why) = ((!members.is_empty()).then_some((0, 0)), String::new());
    for (id, _) in members {
        let ceilings = set.get(&CeilingOf::Source(id)).copied().unwrap_or_default();
        let (a_day, today) = room(store, CeilingOf::Source(id), &ceilings, now).await?;
        together =
            together.zip(a_day.zip(today)).map(|((all, of_today), (a_day, today))| (all + a_day, of_today + today));
        let name = ways.source(id).map_or("this machine", |source| source.name.as_str());
        why = format!("the ceiling of {name}: {ceilings}");
    }
    plans.push(((together.map(|of| of.0), together.map(|of| of.1)), why));
    let spread = |((a_day, today), why): ((Option<u64>, Option<u64>), String)| {
        Some((volume::forecast_at(a_day?, today?, waiting, day_of(now)), why))
    };
    Ok(plans.into_iter().filter_map(spread).collect())
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
async fn of_domain(
    store: &Store,
    from: &str,
    waiting: u64,
    now: Timestamp,
) -> Result<Option<(Days, String)>, StoreError> {
    let Ok(from) = launch::parse_mailbox(from) else { return Ok(None) };
    let (name, today) = (from.address.domain().as_str(), day_of(now));
    let mut sums: BTreeMap<i64, DayCount> = BTreeMap::new();
    if let Some(id) = store.known_domain(name).await? {
        for row in store.volume_of(VolumeOf::Domain(id), today - HISTORY_DAYS).await? {
            sums.entry(row.day).or_default().add(&row.count);
        }
    }
    let (who, history) = (Who::Domain { warm_since: None }, sums.into_iter().collect::<Vec<_>>());
    let budget = volume::allowance(&who, None, &history, today);
    let days = volume::forecast(waiting, &who, None, &history, today);
    Ok(Some((days, format!("the budget of {name}: {}", budget.why))))
}

/// What the budgets of the sources toward the providers that are known to wait allow.
async fn of_sources(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Vec<(Days, String)>, StoreError> {
    let (ways, today) = (Ways::read(store, "").await?, day_of(now));
    let members = ways.members(campaign.workspace, campaign.kind);
    let share_of_all: u64 = members.iter().map(|(_, weight)| u64::from(*weight)).sum::<u64>().max(1);
    let mut plans = Vec::new();
    for (provider, waiting) in store.waiting_by_provider(campaign.id).await? {
        let (mut parts, mut why) = (Vec::new(), String::new());
        for (id, weight) in &members {
            let Some(source) = ways.source(*id) else { continue };
            let rows = store.volume_of(VolumeOf::Source(*id), today - HISTORY_DAYS).await?;
            let rows = rows.iter().filter(|row| row.provider.as_deref() == Some(provider.as_str()));
            let mut history: Vec<(i64, DayCount)> = rows.map(|row| (row.day, row.count)).collect();
            history.sort_by_key(|(day, _)| *day);
            let who = Who::Source { warm_since: source.warm_since };
            let part = waiting * u64::from(*weight) / share_of_all;
            why = format!(
                "the budget of {} toward {provider}: {}",
                source.name,
                volume::allowance(&who, Some(&provider), &history, today).why
            );
            parts.push(volume::forecast(part, &who, Some(&provider), &history, today));
        }
        if !parts.is_empty() {
            plans.push((Days::together(&parts), why));
        }
    }
    Ok(plans)
}
