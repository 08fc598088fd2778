//! Who of a campaign waits for hours to open: the campaign's own or, where the list tells where people live, theirs.
//!
//! A reading for people, as the ledger stands now. Nothing is decided here: [`crate::terms`] keeps the hours. Invariant: a
//! bounded number of people is looked at.

use crate::launch;
use crate::report::{iso, iso_or_null};
use crate::terms::{names_zone, zone_of};
use dispatch::windows::{Windows, Zone};
use model::{Timestamp, thousands};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Campaign, Store, StoreError};

/// People whose time zones are looked at.
const LOOKED_AT_MAX: usize = 20_000;

/// People whose hours are not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// How many; among as many as are looked at.
    pub people: u64,
    /// When the hours of the first of them open …
    #[serde(serialize_with = "iso")]
    pub first: Timestamp,
    /// … and those of the last.
    #[serde(serialize_with = "iso")]
    pub last: Timestamp,
    /// Of these: whose hours open only when the offer has expired. They are skipped then.
    pub too_late: u64,
    /// When that is.
    #[serde(serialize_with = "iso_or_null")]
    pub expires_at: Option<Timestamp>,
    /// There are more people than are looked at.
    pub is_cut: bool,
}

impl Closed {
    /// In a sentence that goes on after a comma; `moment` writes a time for whoever reads it. Whom the expiry comes before is
    /// told with the forecast.
    pub fn told(&self, moment: &dyn Fn(Timestamp) -> String) -> String {
        let (least, are) = (if self.is_cut { "at least " } else { "" }, if self.people == 1 { "is" } else { "are" });
        let until = match self.first == self.last {
            true => moment(self.last),
            false => format!("{}, the last until {}", moment(self.first), moment(self.last)),
        };
        format!("{least}{} {are} outside the sending hours until {until}", thousands(self.people))
    }
}

/// The hours of a campaign's people who wait, by the zones in which they live.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    windows: Windows,
    /// Each zone once, most people first; `None`: the campaign's own. Never empty.
    groups: Vec<(Option<Zone>, u64)>,
    /// Spreads starts that would fall on a full hour.
    seed: u64,
    /// There are more people than are looked at.
    is_cut: bool,
}

impl Hours {
    /// Of `waiting` people of a campaign; `None`: it has none, or nobody waits.
    pub(crate) async fn read(store: &Store, campaign: &Campaign, waiting: u64) -> Result<Option<Hours>, StoreError> {
        let Ok(snapshot) = launch::snapshot(campaign) else { return Ok(None) };
        let Some(windows) = snapshot.windows().ok().flatten().filter(|_| waiting > 0 && !campaign.state.is_over())
        else {
            return Ok(None);
        };
        let mut zones: BTreeMap<Option<String>, (Option<Zone>, u64)> = BTreeMap::new();
        let mut is_cut = false;
        if snapshot.columns.iter().any(|column| names_zone(column)) {
            let values = store.values_of_waiting(campaign.id, LOOKED_AT_MAX).await?;
            is_cut = waiting > values.len() as u64;
            for one in values {
                let zone = zone_of(&one);
                let name = zone.as_ref().map(|zone| zone.name().to_owned());
                zones.entry(name).or_insert((zone, 0)).1 += 1;
            }
        }
        if zones.is_empty() {
            zones.insert(None, (None, waiting));
        }
        Ok(Some(Hours { is_cut, ..Hours::of(windows, zones.into_values().collect(), campaign.id.0 as u64) }))
    }

    /// These hours for so many people in each of these zones.
    pub(crate) fn of(windows: Windows, mut zones: Vec<(Option<Zone>, u64)>, seed: u64) -> Hours {
        zones.sort_by_key(|(_, people)| std::cmp::Reverse(*people));
        Hours { windows, groups: zones, seed, is_cut: false }
    }

    /// Each zone and how many live there.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (Option<&Zone>, u64)> {
        self.groups.iter().map(|(zone, people)| (zone.as_ref(), *people))
    }

    /// How many are known.
    pub(crate) fn people(&self) -> u64 {
        self.groups.iter().map(|(_, people)| people).sum()
    }

    /// When somebody in that zone may be tried who may at `at` otherwise, and when their hours close then.
    pub(crate) fn opening(&self, zone: Option<&Zone>, at: Timestamp) -> (Timestamp, Timestamp) {
        let closes = self.windows.opening(at, zone).map_or(Timestamp::MAX, |(_, closes)| closes);
        (self.windows.next_start(at, zone, self.seed), closes)
    }

    /// Whose hours are not open; `None`: nobody's.
    pub(crate) fn closed(&self, expires_at: Option<Timestamp>, now: Timestamp) -> Option<Closed> {
        let shut = self.groups().map(|(zone, people)| (self.opening(zone, now).0, people)).filter(|(at, _)| *at > now);
        let shut: Vec<(Timestamp, u64)> = shut.collect();
        let people = shut.iter().map(|(_, people)| people).sum();
        let times = shut.iter().map(|(at, _)| *at);
        let (first, last) = times.clone().min().zip(times.max())?;
        let late = shut.iter().filter(|(at, _)| expires_at.is_some_and(|expires_at| *at >= expires_at));
        let too_late = late.map(|(_, people)| people).sum();
        Some(Closed { people, first, last, too_late, expires_at, is_cut: self.is_cut })
    }
}

/// Who of `waiting` people of a campaign waits for hours to open; `None`: nobody.
pub async fn closed(
    store: &Store,
    campaign: &Campaign,
    waiting: u64,
    now: Timestamp,
) -> Result<Option<Closed>, StoreError> {
    let Some(hours) = Hours::read(store, campaign, waiting).await? else { return Ok(None) };
    let expires_at = launch::snapshot(campaign).ok().and_then(|snapshot| snapshot.options.timing.expires_at);
    Ok(hours.closed(expires_at, now))
}
