//! A real ledger on a disk that dies: what was acknowledged is there afterwards, and what is there was asked for.

#![allow(clippy::unwrap_used)]

use faultfs::{Death, FaultDisk, Plan, Trouble, What};
use model::{Actor, Timestamp, WorkspaceId};
use std::path::Path;
use std::sync::Arc;
use store::{Durability, Executor, Going, OpenOptions, Phase, Result, Store};

/// Deaths tried in each test.
const SEEDS: u64 = 150;
/// Operations within which they come: an opening takes some fifteen, a setting four.
const OPERATIONS: u64 = 90;
/// Settings written in a life at most.
const SETTINGS: u32 = 40;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_772_442_000_000 + ms)
}

fn options(dir: &Path, disk: &FaultDisk) -> OpenOptions {
    let durability = Durability::Power;
    let inflight_slots = 16;
    OpenOptions {
        disk: Arc::new(disk.clone()),
        executor: Executor::Inline,
        durability,
        inflight_slots,
        ..OpenOptions::directory(dir, [7; 32])
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("an inline ledger never waits"),
    }
}

fn read(store: &Store) -> Result<u32> {
    let text = now(store.setting(WorkspaceId::FIRST, "count"))?;
    Ok(text.map_or(0, |text| text.parse().unwrap()))
}

fn write(store: &Store, count: u32) -> Result<()> {
    now(store.set_setting(WorkspaceId::FIRST, "count", &count.to_string(), &Actor::Engine, at(i64::from(count))))
}

/// Counts upward until the disk dies; returns the last number acknowledged and the last one asked for.
fn one_life(dir: &Path, disk: &FaultDisk, from: u32) -> (u32, u32) {
    let Ok(store) = Store::open(options(dir, disk), at(0)) else { return (from, from) };
    let Ok(found) = read(&store) else { return (from, from) };
    for count in found + 1..=found + SETTINGS {
        if write(&store, count).is_err() && disk.is_dead() {
            return (count - 1, count);
        }
    }
    (found + SETTINGS, found + SETTINGS)
}

#[test]
fn what_was_acknowledged_survives_every_death() {
    let mut deaths = 0;
    for seed in 0..SEEDS {
        let folder = faultfs::folder().unwrap();
        let disk = FaultDisk::new(folder.path(), Plan::deaths(seed, 3, OPERATIONS), seed);
        disk.arm();
        let (mut acknowledged, mut asked) = (0, 0);
        for _ in 0..3 {
            let (last, tried) = one_life(folder.path(), &disk, acknowledged);
            (acknowledged, asked) = (acknowledged.max(last), asked.max(tried));
            deaths += u64::from(disk.is_dead());
            disk.die(seed % 2 == 0);
            disk.start();
        }
        let store = Store::open(options(folder.path(), &disk), at(0)).unwrap();
        let found = read(&store).unwrap();
        assert!((acknowledged..=asked).contains(&found), "seed {seed}: {found}, acknowledged {acknowledged}");
        write(&store, asked + 1).unwrap();
    }
    assert!(deaths > SEEDS, "most lives end in the middle of an operation: {deaths}");
}

#[test]
fn no_death_makes_the_in_flight_file_look_lost() {
    for seed in 0..SEEDS {
        let folder = faultfs::folder().unwrap();
        let plan = Plan::deaths(seed, 3, OPERATIONS / 2).with_troubles(seed, 2, OPERATIONS);
        let disk = FaultDisk::new(folder.path(), plan, seed);
        disk.arm();
        // More slots in every life, so that the file is made, and sized anew, while it dies.
        for slots in [16, 32, 64, 64] {
            let options = OpenOptions { inflight_slots: slots, ..options(folder.path(), &disk) };
            if let Ok(store) = Store::open(options, at(0)) {
                assert_eq!(store.held(), None, "seed {seed}, {slots} slots");
                let slot = now(store.inflight().take_slot()).unwrap();
                let _may_fail = now(store.inflight().record(&slot, going(1), at(0)));
            }
            disk.die(seed % 2 == 0);
            disk.start();
        }
        disk.disarm();
        assert_eq!(Store::open(options(folder.path(), &disk), at(0)).unwrap().held(), None, "seed {seed}");
    }
}

#[test]
fn a_ledger_in_trouble_says_so_and_goes_on_afterwards() {
    let mut failed = 0;
    for seed in 0..SEEDS {
        let folder = faultfs::folder().unwrap();
        let plan = Plan::default().with_troubles(seed, 3, OPERATIONS);
        let disk = FaultDisk::new(folder.path(), plan, seed);
        let store = Store::open(options(folder.path(), &disk), at(0)).unwrap();
        disk.arm();
        let mut last = 0;
        for count in 1..=SETTINGS {
            match write(&store, count) {
                Ok(()) => last = count,
                Err(error) if error.is_transient() => failed += 1,
                Err(error) => panic!("seed {seed}: {error} passes with the trouble"),
            }
        }
        disk.disarm();
        assert_eq!(read(&store).unwrap(), last, "seed {seed}");
        write(&store, SETTINGS + 1).unwrap();
        disk.die(true);
        disk.start();
        drop(store);
        assert_eq!(read(&Store::open(options(folder.path(), &disk), at(0)).unwrap()).unwrap(), SETTINGS + 1);
    }
    assert!(failed > SEEDS, "{failed} writes failed");
}

/// The disk on which a process died after its second setting could not be synced, in so many operations: the log in memory
/// has it, the one on the disk has holes. The next process loses the power in operation `second` of its life.
fn a_log_with_holes(dir: &Path, seed: u64, failing: u64, second: u64) -> FaultDisk {
    let deaths = [u64::MAX, second].map(|operation| Death { operation, power: true }).to_vec();
    let troubles = vec![Trouble { from: 1, until: failing, what: What::SyncsFail }];
    let disk = FaultDisk::new(dir, Plan { deaths, troubles }, seed);
    let store = Store::open(options(dir, &disk), at(0)).unwrap();
    write(&store, 1).unwrap();
    disk.arm();
    assert!(write(&store, 2).is_err());
    disk.die(false);
    disk.start();
    disk
}

#[test]
fn what_is_found_in_a_log_with_holes_outlives_the_power() {
    let folder = faultfs::folder().unwrap();
    let failing = a_log_with_holes(folder.path(), 0, u64::MAX, u64::MAX).counts().operations + 1;
    let mut refused = 0;
    for seed in 0..SEEDS {
        // At the opening, or when it is over.
        let second = if seed % 4 == 0 { u64::MAX } else { 1 + seed % 40 };
        let folder = faultfs::folder().unwrap();
        let disk = a_log_with_holes(folder.path(), seed, failing, second);
        let next = Store::open(options(folder.path(), &disk), at(0));
        let found = next.as_ref().ok().and_then(|store| read(store).ok());
        disk.die(true);
        disk.start();
        drop(next);
        let last = read(&Store::open(options(folder.path(), &disk), at(0)).unwrap()).unwrap();
        assert!((1..=2).contains(&last), "seed {seed}, second {second}: {last}");
        assert!(found.is_none_or(|found| found == last), "seed {seed}, second {second}: {found:?}, then {last}");
        refused += u64::from(found == Some(2));
    }
    assert!(refused > SEEDS / 4, "{refused}: what was refused is found where the log in memory has it");
}

fn going(number: u16) -> Going {
    let peer = std::net::IpAddr::from([192, 0, 2, 1]);
    let source = model::SourceId::THIS_MACHINE;
    Going { delivery: model::DeliveryId(77), number, phase: Phase::FinalDot, peer, source }
}

#[test]
fn a_record_that_cannot_be_taken_back_is_before_anything_is_recorded_again() {
    let trouble = |at, what| Trouble { from: at, until: at + 1, what };
    // The record is written, its sync fails, and so does the first try to take it back.
    let troubles = vec![trouble(2, What::SyncsFail), trouble(3, What::WritesFail)];
    for seed in 0..SEEDS {
        let folder = faultfs::folder().unwrap();
        let plan = Plan { troubles: troubles.clone(), ..Plan::default() };
        let disk = FaultDisk::new(folder.path(), plan, seed);
        let store = Store::open(options(folder.path(), &disk), at(0)).unwrap();
        disk.arm();
        let inflight = store.inflight();
        let slot = now(inflight.take_slot()).unwrap();
        assert!(now(inflight.record(&slot, going(1), at(0))).is_err());
        now(inflight.withdraw(slot));
        let others: Vec<_> = std::iter::from_fn(|| inflight.try_slot()).collect();
        assert_eq!(others.len(), 15, "nobody gets a place that says what is not true");
        others.into_iter().for_each(|slot| inflight.free(slot));
        now(inflight.probe()).unwrap();
        let all: Vec<_> = std::iter::from_fn(|| inflight.try_slot()).collect();
        assert_eq!(all.len(), 16, "then it is there for anybody");
        disk.die(seed % 2 == 0);
        disk.start();
        drop(store);
        let store = Store::open(options(folder.path(), &disk), at(0)).unwrap();
        assert_eq!(store.inflight().recovered(), [], "seed {seed}: in doubt, and nothing was sent");
    }
}

#[test]
fn a_recorded_slot_survives_and_one_that_was_refused_means_nothing_to_anybody() {
    let mut lost = 0;
    for seed in 0..SEEDS {
        let folder = faultfs::folder().unwrap();
        let path = folder.path().join("inflight");
        let disk = FaultDisk::new(folder.path(), Plan::deaths(seed, 1, 2 * 16), seed);
        let store = Store::open(options(folder.path(), &disk), at(0)).unwrap();
        disk.arm();
        let mut recorded = 0;
        for number in 1..=16 {
            let slot = now(store.inflight().take_slot()).unwrap();
            if now(store.inflight().record(&slot, going(number), at(0))).is_err() {
                break;
            }
            recorded += 1;
        }
        disk.die(true);
        disk.start();
        drop(store);
        // Each slot is 64 octets and begins with its mark.
        let mut file = vec![0; 16 * 64];
        let left = store::Disk::open(&disk, &path).unwrap();
        left.read_at(&mut file, 0).unwrap();
        let there = file.chunks(64).filter(|slot| slot.starts_with(b"MFNI")).count();
        assert!(there >= recorded, "seed {seed}: {there} of {recorded} slots");
        lost += usize::from(recorded < 16);
    }
    assert!(lost > 0, "some deaths come in the middle");
}
