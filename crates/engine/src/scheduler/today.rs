//! What earlier processes began today, by lane.
//!
//! A lane counts its own day and writes that down seldom; a kill would give it a part of the day back. The ledger has every
//! try. Invariant: nothing is read where no number of a day is kept.

use super::site::Entry;
use crate::house::House;
use crate::pacer::PacerKey;
use dispatch::pace::Memory;
use model::{SiteId, SourceId, Timestamp};
use std::collections::BTreeMap;
use store::StoreError;

#[derive(Debug, Default)]
pub(super) struct Today {
    /// The UTC day.
    day: i64,
    at_sites: BTreeMap<(SourceId, SiteId), u32>,
    /// Over all sites of a provider.
    toward: BTreeMap<(SourceId, String), u32>,
}

impl Today {
    /// Reads it, where a provider has a ceiling for the day or a lane has learned one.
    pub(super) async fn read(house: &House, memories: &BTreeMap<PacerKey, Memory>) -> Result<Today, StoreError> {
        let day = house.now().day();
        let mut today = Today { day, ..Today::default() };
        let has_ceiling = house.providers().all().iter().any(|provider| provider.limits.messages_per_day.is_some());
        if !has_ceiling && !memories.values().any(Memory::counts_days) {
            return Ok(today);
        }
        for row in house.store.tries_by_site(Timestamp::of_day(day)).await? {
            today.at_sites.insert((row.source, row.site), row.tries);
            if let Some(provider) = row.provider {
                *today.toward.entry((row.source, provider)).or_default() += row.tries;
            }
        }
        Ok(today)
    }

    /// The day, and how many a source began on it where the lane to a site counts.
    pub(super) fn begun(&self, source: SourceId, entry: &Entry) -> (i64, u32) {
        let is_shared = entry.paced_as != entry.site;
        let begun = match entry.provider.filter(|_| is_shared) {
            Some(provider) => self.toward.get(&(source, provider.key.clone())),
            None => self.at_sites.get(&(source, entry.site)),
        };
        (self.day, begun.copied().unwrap_or_default())
    }
}
