//! Random worlds: providers with hidden limits, people, faults, kills, pauses and DNS trouble, all drawn from one seed.
//!
//! Nobody writes these stories, so they find what nobody thought of. Each is played with the real engine and judged by
//! the standing checks ([`crate::check`]); some are played twice, and then both traces must be the same. A world is
//! small, so that thousands can be played; what one of them finds is told again as a scenario, in words.
//!
//! Invariant: a seed is a world, for ever, as long as this file stays as it is.

mod provider;

use crate::dns;
use crate::fault::Trouble;
use crate::provider::Profile;
use crate::scenario::{Action, Ended, Scenario};
use fastrand::Rng;
use model::{Stage, SuppressionReason};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// One world of so many is played twice.
const TWICE: u64 = 5;
/// Providers of a world.
const PROVIDERS: std::ops::RangeInclusive<usize> = 1..=6;
/// People of a world.
const PEOPLE_MAX: usize = 160;
const MINUTE: Duration = Duration::from_secs(60);

/// Plays the world of a seed; in `directory`, which must be empty, its ledgers are kept if it needs any. The error is
/// every breach in words, or the panic that ended it.
pub fn play(seed: u64, directory: &Path) -> Result<Ended, String> {
    let scenario = draw(seed, directory);
    let times = if seed.is_multiple_of(TWICE) { 2 } else { 1 };
    let played = catch_unwind(AssertUnwindSafe(|| scenario.judge(times)));
    played.unwrap_or_else(|panic| Err(format!("it panicked: {}", words_of(&*panic))))
}

/// The world of a seed.
pub fn draw(seed: u64, directory: &Path) -> Scenario {
    let mut rng = Rng::with_seed(seed);
    let count = rng.usize(PROVIDERS);
    let profiles: Vec<Arc<Profile>> = (0..count).map(|number| Arc::new(provider::draw(&mut rng, number))).collect();
    let people = people(&mut rng, &profiles);
    let mut scenario = Scenario::of(&[]).seed(seed).with_profiles(profiles.clone()).with_people(people.clone());
    for address in people.iter().filter(|address| model::EmailAddress::parse(address).is_ok()) {
        if rng.u8(..) < 6 {
            scenario = scenario.suppressed(address, SuppressionReason::HardBounced);
        }
    }
    for _ in 0..rng.usize(0..=3) {
        scenario = fault(&mut rng, scenario, &profiles);
    }
    if one_in(&mut rng, 4) {
        let (from, until) = stretch(&mut rng, 600, 600);
        scenario = scenario.listed("list.test", from, until);
    }
    if one_in(&mut rng, 3) {
        scenario = scenario.beside("Summer news");
    }
    if one_in(&mut rng, 10) {
        scenario = scenario.unauthenticated();
    }
    let mut actions = actions(&mut rng, &people, &profiles);
    if one_in(&mut rng, 10) {
        scenario = scenario.little_room(rng.u32(4..80));
        actions.push((MINUTE * rng.u32(20..300), Action::MakeRoom));
    }
    actions.sort_by_key(|(at, _)| *at);
    let scenario = actions.into_iter().fold(scenario, |scenario, (at, action)| scenario.then(at, action));
    scenario.in_directory(directory).whatever_comes()
}

fn one_in(rng: &mut Rng, cases: u32) -> bool {
    rng.u32(0..cases) == 0
}

/// From when until when, in minutes: a beginning below the first, a length below the second.
fn stretch(rng: &mut Rng, begins_below: u32, lasts_below: u32) -> (Duration, Duration) {
    let from = MINUTE * rng.u32(0..begins_below);
    (from, from + MINUTE * rng.u32(1..lasts_below))
}

/// People at the providers' domains, some of whom have a fate, a twin, no address, or a domain that is not there.
fn people(rng: &mut Rng, profiles: &[Arc<Profile>]) -> Vec<String> {
    const FATES: [&str; 10] = ["", ".left", ".full", ".off", ".filter", ".busy", ".junk", ".lost", ".cut", ""];
    let domains: Vec<&str> =
        profiles.iter().flat_map(|profile| profile.domains.iter().map(|domain| domain.name.as_str())).collect();
    let count = if one_in(rng, 4) { rng.usize(1..=PEOPLE_MAX) } else { rng.usize(1..=40) };
    let mut people: Vec<String> = Vec::with_capacity(count);
    for number in 0..count {
        let domain = domains[rng.usize(0..domains.len())];
        let person = match rng.u32(0..100) {
            0 => String::new(),
            1 => format!("person{number}@"),
            2 => format!("person{number}@nowhere{}.test", rng.u32(0..3)),
            3 if number > 0 => people[rng.usize(0..number)].to_uppercase(),
            4..=20 => format!("person{number}{}@{domain}", FATES[rng.usize(0..FATES.len())]),
            _ => format!("person{number}@{domain}"),
        };
        people.push(person);
    }
    people
}

fn fault(rng: &mut Rng, scenario: Scenario, profiles: &[Arc<Profile>]) -> Scenario {
    const STAGES: [Stage; 7] =
        [Stage::Greeting, Stage::Ehlo, Stage::Tls, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Final];
    let profile = &profiles[rng.usize(0..profiles.len())];
    let at = match profile.hosts.first() {
        Some(host) if rng.bool() => host.name.clone(),
        _ => profile.key.clone(),
    };
    let stage = STAGES[rng.usize(0..STAGES.len())];
    let trouble = match rng.u32(0..4) {
        0 => Trouble::Down,
        1 => Trouble::Silent,
        2 => Trouble::CutAt(stage),
        _ => Trouble::MuteAt(stage),
    };
    let lasts = if one_in(rng, 5) { 2_400 } else { 120 };
    let (from, until) = stretch(rng, 60, lasts);
    scenario.fault(&at, from, until, trouble)
}

fn actions(rng: &mut Rng, people: &[String], profiles: &[Arc<Profile>]) -> Vec<(Duration, Action)> {
    let mut actions = Vec::new();
    // Kills come early, while much is under way, to the millisecond.
    for _ in 0..rng.usize(0..=2) {
        let within = if rng.bool() { 20_000 } else { 3_600_000 };
        actions.push((Duration::from_millis(rng.u64(1..within)), Action::Kill));
    }
    if one_in(rng, 3) {
        let (from, until) = stretch(rng, 30, 400);
        actions.extend([(from, Action::Pause), (until, Action::Resume)]);
    }
    if one_in(rng, 12) {
        actions.push((Duration::from_millis(rng.u64(1..7_200_000)), Action::Cancel));
    }
    if one_in(rng, 4) {
        let person = &people[rng.usize(0..people.len())];
        if model::EmailAddress::parse(person).is_ok() {
            let at = Duration::from_millis(rng.u64(1..3_600_000));
            actions.push((at, Action::Suppress(person.clone(), SuppressionReason::Unsubscribed)));
        }
    }
    if one_in(rng, 6) {
        actions.push((MINUTE * rng.u32(1..600), Action::Mail("Autumn news".into())));
    }
    if one_in(rng, 3) {
        let domains = &profiles[rng.usize(0..profiles.len())].domains;
        let domain = domains[rng.usize(0..domains.len())].ascii();
        let fault = [dns::Fault::NoSuchName, dns::Fault::ServFail, dns::Fault::Silent][rng.usize(0..3)];
        let (from, until) = stretch(rng, 60, 600);
        actions.push((from, Action::DnsFault(domain.clone(), Some(fault))));
        actions.push((until, Action::DnsFault(domain, None)));
    }
    actions
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}
