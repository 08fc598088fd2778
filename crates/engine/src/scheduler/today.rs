//! What earlier processes began today, by lane.
//!
//! A lane counts its own day and writes that down seldom; a kill would give it a part of the day back. The ledger's counts of
//! a day move with every outcome; rehearsals are in none of them. Invariant: nothing is read where no number of a day is kept.

use super::site::Entry;
use crate::house::House;
use crate::pacer::PacerKey;
use dispatch::pace::Memory;
use model::SourceId;
use std::collections::BTreeMap;
use store::{StoreError, VolumeOf};

#[derive(Debug, Default)]
pub(super) struct Today {
    /// The UTC day.
    day: i64,
    /// By the fingerprint of a site that nobody described.
    at_sites: BTreeMap<(SourceId, String), u32>,
    /// Over all sites of a provider. Where each of them keeps a day of its own, what the lane wrote down is all that is known.
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
        for row in house.store.site_days(day).await? {
            today.at_sites.insert((row.source, row.site), row.attempted);
        }
        for source in house.fleet.ways().sources() {
            for row in house.store.volume_of(VolumeOf::Source(source.id), day).await? {
                if let Some(provider) = row.provider.filter(|_| row.day == day) {
                    today.toward.insert((source.id, provider), row.count.attempted);
                }
            }
        }
        Ok(today)
    }

    /// The day, and how many a source began on it where the lane to a site counts.
    pub(super) fn begun(&self, source: SourceId, entry: &Entry) -> (i64, u32) {
        let is_shared = entry.paced_as != entry.site;
        let begun = match entry.provider {
            Some(provider) if is_shared => self.toward.get(&(source, provider.key.clone())),
            Some(_) => None,
            None => self.at_sites.get(&(source, entry.fingerprint.clone())),
        };
        (self.day, begun.copied().unwrap_or_default())
    }
}
