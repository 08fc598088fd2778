//! Who of a campaign waits for hours to open: the campaign's own or, where the list tells where people live, theirs.
//!
//! A reading for people, as the ledger stands now. Nothing is decided here: [`crate::terms`] keeps the hours. Invariant: a
//! bounded number of people is looked at.

use crate::launch;
use crate::report::{iso, iso_or_null};
use crate::terms::{names_zone, zone_of};
use dispatch::windows::Zone;
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
    /// In a sentence that goes on after a comma; `moment` writes a time for whoever reads it.
    pub fn told(&self, moment: &dyn Fn(Timestamp) -> String) -> String {
        let (least, are) = (if self.is_cut { "at least " } else { "" }, if self.people == 1 { "is" } else { "are" });
        let until = match self.first == self.last {
            true => moment(self.last),
            false => format!("{}, the last until {}", moment(self.first), moment(self.last)),
        };
        let says = format!("{least}{} {are} outside the sending hours until {until}", thousands(self.people));
        match self.expires_at.filter(|_| self.too_late > 0) {
            Some(at) => format!(
                "{says}; the offer expires {}, before the hours of {} open: they will be skipped",
                moment(at),
                self.too_late
            ),
            None => says,
        }
    }
}

/// Who of `waiting` people of a campaign waits for hours to open; `None`: nobody.
pub async fn closed(
    store: &Store,
    campaign: &Campaign,
    waiting: u64,
    now: Timestamp,
) -> Result<Option<Closed>, StoreError> {
    let Ok(snapshot) = launch::snapshot(campaign) else { return Ok(None) };
    let Some(windows) = snapshot.windows().ok().flatten().filter(|_| waiting > 0 && !campaign.state.is_over()) else {
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
    } else {
        zones.insert(None, (None, waiting));
    }
    let expires_at = snapshot.options.timing.expires_at;
    let opens = |zone: &Option<Zone>| windows.next_start(now, zone.as_ref(), campaign.id.0 as u64);
    let shut = zones.values().map(|(zone, people)| (opens(zone), *people)).filter(|(at, _)| *at > now);
    let shut: Vec<(Timestamp, u64)> = shut.collect();
    let people = shut.iter().map(|(_, people)| people).sum();
    let times = shut.iter().map(|(at, _)| *at);
    let Some((first, last)) = times.clone().min().zip(times.max()) else { return Ok(None) };
    let late = shut.iter().filter(|(at, _)| expires_at.is_some_and(|expires_at| *at >= expires_at));
    let too_late = late.map(|(_, people)| people).sum();
    Ok(Some(Closed { people, first, last, too_late, expires_at, is_cut }))
}
