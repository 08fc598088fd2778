//! A real ledger on a disk that dies: what was acknowledged is there afterwards, and what is there was asked for.

#![allow(clippy::unwrap_used)]

use faultfs::{FaultDisk, Plan};
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

#[test]
fn a_recorded_slot_survives_and_one_that_was_refused_means_nothing_to_anybody() {
    let going = |number| Going {
        delivery: model::DeliveryId(77),
        number,
        phase: Phase::FinalDot,
        peer: std::net::IpAddr::from([192, 0, 2, 1]),
    };
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
        let there = file.chunks(64).filter(|slot| slot.starts_with(b"LFNI")).count();
        assert!(there >= recorded, "seed {seed}: {there} of {recorded} slots");
        lost += usize::from(recorded < 16);
    }
    assert!(lost > 0, "some deaths come in the middle");
}
