//! One file, twice: as a process sees it, and as the disk has it.

use fastrand::Rng;
use std::collections::BTreeSet;

/// What a disk writes whole or not at all, in octets.
pub const SECTOR_BYTES: usize = 512;

/// How much of what was not synced survives a loss of power: nothing, a little, half, most, all of it.
const SHARES_KEPT: [f64; 5] = [0.0, 0.1, 0.5, 0.9, 1.0];

/// A file.
#[derive(Debug, Default)]
pub(crate) struct Image {
    /// What is read.
    live: Vec<u8>,
    /// What a loss of power leaves for certain.
    durable: Vec<u8>,
    /// Sectors of `live` that may be on the disk or not.
    unsynced: BTreeSet<usize>,
    /// Sectors that have a place on the disk; others are holes, which need room when they are written.
    placed: BTreeSet<usize>,
    /// Does its name survive a loss of power?
    pub(crate) is_named: bool,
}

impl Image {
    pub(crate) fn size(&self) -> u64 {
        self.live.len() as u64
    }

    /// Reads what there is; returns how many octets.
    pub(crate) fn read(&self, into: &mut [u8], at: u64) -> usize {
        let there = usize::try_from(at).ok().and_then(|at| self.live.get(at..)).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        count
    }

    /// Would writing there take room that the file does not have yet?
    pub(crate) fn needs_room(&self, count: usize, at: u64) -> bool {
        sectors(count, at).any(|sector| !self.placed.contains(&sector))
    }

    pub(crate) fn write(&mut self, bytes: &[u8], at: u64) {
        let Ok(start) = usize::try_from(at) else { return };
        let end = start + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[start..end].copy_from_slice(bytes);
        for sector in sectors(bytes.len(), at) {
            self.unsynced.insert(sector);
            self.placed.insert(sector);
        }
    }

    /// Writes the first part, up to the end of some sector.
    pub(crate) fn write_torn(&mut self, bytes: &[u8], at: u64, chance: &mut Rng) {
        let ends: Vec<usize> = sectors(bytes.len(), at)
            .map(|sector| ((sector + 1) * SECTOR_BYTES).saturating_sub(usize::try_from(at).unwrap_or(0)))
            .filter(|end| *end < bytes.len())
            .collect();
        let landed = match chance.usize(..=ends.len()) {
            0 => 0,
            which => ends[which - 1],
        };
        if landed > 0 {
            self.write(&bytes[..landed], at);
        }
    }

    pub(crate) fn set_size(&mut self, octets: u64) {
        let size = usize::try_from(octets).unwrap_or(usize::MAX);
        self.live.resize(size, 0);
        let beyond = size.div_ceil(SECTOR_BYTES);
        self.unsynced.split_off(&beyond);
        self.placed.split_off(&beyond);
    }

    pub(crate) fn sync(&mut self) {
        self.durable.resize(self.live.len(), 0);
        for sector in std::mem::take(&mut self.unsynced) {
            keep(&mut self.durable, &self.live, sector);
        }
        self.is_named = true;
    }

    /// A sync that failed: some of it is on the disk, the rest is forgotten there, and no later sync writes it
    /// (as Linux does: the pages count as clean).
    pub(crate) fn sync_failed(&mut self, chance: &mut Rng) {
        for sector in std::mem::take(&mut self.unsynced) {
            if chance.bool() {
                keep(&mut self.durable, &self.live, sector);
            }
        }
    }

    /// A sync in whose middle the process died: some of it is on the disk, and the rest still waits to be written.
    pub(crate) fn sync_cut(&mut self, chance: &mut Rng) {
        let waiting = self.unsynced.clone();
        self.sync_failed(chance);
        self.unsynced = waiting;
    }

    /// What the disk has is all there is, with some of what was not synced.
    pub(crate) fn lose_power(&mut self, chance: &mut Rng) {
        let share = SHARES_KEPT[chance.usize(..SHARES_KEPT.len())];
        let mut left = std::mem::take(&mut self.durable);
        if self.live.len() < left.len() && chance.bool() {
            left.truncate(self.live.len());
        }
        for sector in std::mem::take(&mut self.unsynced) {
            if chance.f64() < share {
                keep(&mut left, &self.live, sector);
            }
        }
        self.placed = (0..left.len().div_ceil(SECTOR_BYTES)).collect();
        self.live.clone_from(&left);
        self.durable = left;
        self.is_named = true;
    }
}

fn sectors(count: usize, at: u64) -> std::ops::Range<usize> {
    let start = usize::try_from(at).unwrap_or(usize::MAX - count);
    start / SECTOR_BYTES..(start + count).div_ceil(SECTOR_BYTES)
}

/// Copies a sector from one image of a file to the other, which grows if need be.
fn keep(into: &mut Vec<u8>, from: &[u8], sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(from.len());
    if start >= end {
        return;
    }
    if into.len() < end {
        into.resize(end, 0);
    }
    into[start..end].copy_from_slice(&from[start..end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(image: &Image) -> Vec<u8> {
        let mut all = vec![0; image.size() as usize];
        assert_eq!(image.read(&mut all, 0), all.len());
        all
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_is_a_matter_of_chance_by_sector() {
        let mut kept = BTreeSet::new();
        for seed in 0..60 {
            let mut image = Image::default();
            image.write(&[1; 3 * SECTOR_BYTES], 0);
            image.sync();
            image.write(&[2; 3 * SECTOR_BYTES], 0);
            image.lose_power(&mut Rng::with_seed(seed));
            let after = content(&image);
            let sectors: Vec<u8> = after.chunks(SECTOR_BYTES).map(|sector| sector[0]).collect();
            assert!(after.chunks(SECTOR_BYTES).all(|sector| sector.iter().all(|octet| *octet == sector[0])));
            kept.insert(sectors);
        }
        assert!(kept.contains(&vec![1, 1, 1]) && kept.contains(&vec![2, 2, 2]) && kept.len() > 4, "{kept:?}");
    }

    #[test]
    fn a_torn_write_lands_up_to_the_end_of_a_sector() {
        for seed in 0..40 {
            let mut image = Image::default();
            image.write(&[1; 2_048], 0);
            image.write_torn(&[2; 1_200], 100, &mut Rng::with_seed(seed));
            let landed = content(&image).iter().filter(|octet| **octet == 2).count();
            assert!([0, 412, 924].contains(&landed), "{landed} octets");
        }
    }

    #[test]
    fn after_a_failed_sync_a_later_one_promises_nothing_of_what_was_before() {
        let lost = (0..40).any(|seed| {
            let mut chance = Rng::with_seed(seed);
            let mut image = Image::default();
            image.write(&[1; SECTOR_BYTES], 0);
            image.sync_failed(&mut chance);
            image.sync();
            image.lose_power(&mut chance);
            content(&image).first() != Some(&1)
        });
        assert!(lost);
    }

    #[test]
    fn holes_need_room_and_what_was_written_once_does_not() {
        let mut image = Image::default();
        image.set_size(4_096);
        assert!(image.needs_room(64, 512));
        image.write(&[1; 64], 512);
        assert!(!image.needs_room(64, 576) && image.needs_room(64, 1_000));
    }
}
