//! Deaths by the hundred, at any moment, also in the middle of a write: of the process, which leaves what it wrote, and
//! of the machine, which leaves what it synced. Each story is the real engine over the real ledger on a disk that breaks
//! by a seeded plan ([`faultfs`]); it is started again until everybody has a verdict, and then all standing checks hold:
//! nobody is forgotten, copies are at most one and one for each doubt, whoever is missing or doubled is in doubt, and
//! nobody is in doubt without need.
//!
//! `cargo xtask crash --seeds N` plays more of them; a story that fails says how to play it alone.

#![allow(clippy::unwrap_used)]

use faultfs::{Counts, FaultDisk, Plan};
use model::DeliveryState;
use sim::scenario::{Action, Ended, Machine, Scenario};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Disk;

/// How many stories of each kind, where the command does not say otherwise.
const STORIES: u64 = 30;
/// The first seed, and how many, from the command.
const FIRST: &str = "POSTROOM_CRASH_FIRST";
const SEEDS: &str = "POSTROOM_CRASH_SEEDS";
/// Deaths in the middle of an operation in each story; two more come between operations.
const DEATHS: usize = 5;
/// Operations of a life within which they come: an opening and a recovery take some thirty, a conversation some eight.
const OPERATIONS: u64 = 160;

/// A machine with a disk that breaks.
#[derive(Debug)]
struct Breaking {
    disk: FaultDisk,
    losses: Mutex<u64>,
}

impl Machine for Breaking {
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    fn arm(&self) {
        self.disk.arm();
    }

    fn disarm(&self) {
        self.disk.disarm();
    }

    fn when_it_dies(&self, tell: Box<dyn FnOnce() + Send>) {
        self.disk.when_it_dies(tell);
    }

    fn die(&self, power: bool) {
        self.disk.die(power);
    }

    fn is_dead(&self) -> bool {
        self.disk.is_dead()
    }

    fn lost_power(&self) -> bool {
        let losses = self.disk.counts().power_losses;
        std::mem::replace(&mut *self.losses.lock().unwrap(), losses) < losses
    }

    fn start(&self) {
        self.disk.start();
    }
}

/// What came of many stories.
#[derive(Debug, Default)]
struct Sum {
    stories: u64,
    people: u64,
    deaths: u64,
    power_losses: u64,
    mid_write: u64,
    failed: u64,
    in_doubt: u64,
    doubled: u64,
    without_copy: u64,
    troubles: u64,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Tells past the harness, which swallows what a passing test prints.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// People at receivers of all tempers: quick, slow, greylisting, with few messages to a connection.
fn people(seed: u64) -> Scenario {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut crowd = |domain: &str, most: usize| Scenario::crowd(chance.usize(0..=most), domain);
    let many = crowd("northmail.test", 25).and(crowd("openhouse.test", 15)).and(crowd("old-ways.test", 15));
    many.and(crowd("harbour-leasing.test", 8))
        .and(crowd("slow-river.test", 6))
        .and(Scenario::crowd(12, "papermill.test"))
}

/// Plays a story on a machine with this plan, with two deaths between operations, and adds what came of it.
fn play(seed: u64, plan: Plan, sum: &mut Sum) {
    let mut chance = fastrand::Rng::with_seed(seed ^ 0xdead);
    let (first, second) = (chance.u64(50..2_000), chance.u64(2_000..40_000));
    let mut death = || if chance.bool() { Action::Kill } else { Action::LosePower };
    let (one, other) = (death(), death());
    let story = people(seed).then(Duration::from_millis(first), one).then(Duration::from_millis(second), other);
    play_on(seed, plan, story, sum);
}

/// Plays this story on a machine with this plan, and adds what came of it.
fn play_on(seed: u64, plan: Plan, story: Scenario, sum: &mut Sum) {
    let folder = faultfs::folder().unwrap();
    let disks: Arc<Mutex<Vec<FaultDisk>>> = Arc::default();
    let made = disks.clone();
    let make = move |directory: &Path| -> Arc<dyn Machine> {
        let disk = FaultDisk::new(directory, plan.clone(), seed);
        made.lock().unwrap().push(disk.clone());
        Arc::new(Breaking { disk, losses: Mutex::new(0) })
    };
    let ended = story.seed(seed).in_directory(folder.path()).on(make).play();
    let counts = disks.lock().unwrap().last().map(FaultDisk::counts).unwrap();
    sum.add(&ended, counts);
}

impl Sum {
    fn add(&mut self, ended: &Ended, counts: Counts) {
        assert_eq!(ended.tally.in_progress(), 0, "{}", ended.story());
        let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
        for arrival in &ended.arrivals {
            *copies.entry(arrival.recipient.as_str()).or_default() += 1;
        }
        for (row, attempts) in &ended.deliveries {
            let address = row.email.as_deref().unwrap();
            let copies = copies.get(address).copied().unwrap_or(0);
            let doubted = attempts.iter().any(|row| row.became == DeliveryState::InDoubt);
            let is_right = match row.state {
                DeliveryState::Accepted => copies == 1,
                DeliveryState::InDoubt => doubted && copies <= 1,
                _ => copies == 0,
            };
            assert!(is_right, "{address} is {} and has {copies} copies\n{}", row.state, ended.story());
            self.doubled += u64::from(copies > 1);
            self.without_copy += u64::from(row.state == DeliveryState::InDoubt && copies == 0);
        }
        self.stories += 1;
        self.people += ended.deliveries.len() as u64;
        self.deaths += ended.deaths.len() as u64;
        self.power_losses += counts.power_losses;
        self.mid_write += counts.deaths;
        self.failed += counts.failed_writes + counts.failed_syncs + counts.failed_reads;
        self.in_doubt += ended.count(DeliveryState::InDoubt);
        self.troubles += ended.troubles.len() as u64;
    }

    fn tell(&self, what: &str) {
        let Sum { stories, people, deaths, power_losses, mid_write, failed, in_doubt, doubled, without_copy, troubles } =
            self;
        say(&format!(
            "crash: {what}: {stories} stories, {people} people, {deaths} deaths ({mid_write} in the middle of an \
             operation, {power_losses} with loss of power), {failed} operations failed, {troubles} troubles told; missing 0, \
             doubled {doubled}, in doubt {in_doubt} ({without_copy} of them without a copy)"
        ));
    }
}

/// Plays every seed, and says which failed.
fn all(what: &str, plan: impl Fn(u64) -> Plan) -> Sum {
    each(what, |seed, sum| play(seed, plan(seed), sum))
}

/// The same, each seed played so.
fn each(what: &str, play: impl Fn(u64, &mut Sum)) -> Sum {
    let (first, count) = (number(FIRST).unwrap_or(0), number(SEEDS).unwrap_or(STORIES));
    let (mut sum, mut failed) = (Sum::default(), Vec::new());
    for seed in first..first + count {
        let one = || play(seed, &mut sum);
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(one)).is_err() {
            say(&format!("crash: {what}: seed {seed} fails: cargo xtask crash --first {seed} --seeds 1"));
            failed.push(seed);
        }
    }
    sum.tell(what);
    assert!(failed.is_empty(), "seeds that fail: {failed:?}");
    sum
}

#[test]
fn whoever_dies_in_the_middle_of_a_write_forgets_nobody_and_doubles_nobody() {
    let sum = all("deaths", |seed| Plan::deaths(seed, DEATHS, OPERATIONS));
    assert!(sum.stories < STORIES || (sum.deaths > 4 * sum.stories && sum.power_losses > sum.stories), "{sum:?}");
}

#[test]
fn nor_does_whoever_dies_while_the_disk_fails() {
    let sum = all("deaths and troubles", |seed| Plan::deaths(seed, DEATHS, OPERATIONS).with_troubles(seed, 6, 600));
    assert!(sum.stories < STORIES || (sum.failed > sum.stories && sum.troubles > 0), "{sum:?}");
}

#[test]
fn a_ledger_that_cannot_be_read_for_a_while_is_waited_for() {
    let sum = each("unreadable", |seed, sum| {
        // What the process before had read already, a new one has to read again.
        let killed = people(seed).then(Duration::from_millis(300), Action::Kill);
        play_on(seed, Plan::default().with_unreadable(seed, 12, 400), killed, sum);
    });
    assert!(sum.stories < STORIES || (sum.failed > sum.stories && sum.troubles > 0), "{sum:?}");
    // One was asked for; a start that cannot read says so and is made again.
    assert!(sum.deaths <= 2 * sum.stories, "{sum:?}");
}
