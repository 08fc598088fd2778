//! The real binary, killed (SIGKILL) again and again in the middle of sending to a real server, which is another program
//! (`peers/smtp_server.py`) and writes down what it accepts before it says so. Afterwards its log is the judge: nobody is
//! missing and nobody has two copies but those who are named as in doubt, and of those there are no more than kills times
//! connections.
//!
//! A few kills belong to the tests; `cargo xtask crash --real --kills N` does hundreds.

#![allow(clippy::disallowed_methods, reason = "other programs live in real time")]

use crate::peers::place::{Place, address, copies};
use crate::peers::python_smtp::PythonSmtp;
use crate::peers::wait_until;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Child;
use std::time::Duration;

/// Kills where the command does not say otherwise.
const KILLS: u64 = 8;
/// How many kills, and the seed of their instants, from the command.
const KILLS_ASKED: &str = "POSTROOM_KILLS";
const SEED_ASKED: &str = "POSTROOM_KILL_SEED";
/// Conversations at once, as loopback mode has it by default.
const CONNECTIONS: u64 = 20;
/// People for each kill: a life of half a second reaches fewer.
const PEOPLE_PER_KILL: u64 = 60;
/// How long the server thinks before it accepts, so that some are always between the last byte and the reply.
const FINAL_DELAY_MS: &str = "80";
/// The end of the campaign, when nobody kills it any more.
const LIMIT: Duration = Duration::from_secs(900);
/// Lives within which a few people are all in doubt.
const LIVES_MAX: usize = 10;
/// Between two looks at the server's log.
const LOOK: Duration = Duration::from_millis(1);

/// Draws for the instants: SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Tells past the harness, which swallows what a passing test prints.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// Lets a process live for a while: so long, or until the server has so many octets more. `false`: it ended before.
fn live(child: &mut Child, server: &PythonSmtp, chance: &mut Chance) -> bool {
    let (wait, octets) = match chance.below(2) {
        0 => (Duration::from_millis(20 + chance.below(600)), u64::MAX),
        _ => (Duration::from_secs(5), 1 + chance.below(100_000)),
    };
    let size = || fs::metadata(server.log()).map_or(0, |log| log.len());
    let enough = size().saturating_add(octets);
    let until = std::time::Instant::now() + wait;
    while std::time::Instant::now() < until && size() < enough {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// Kills one process after the other. Returns how many.
fn kill_all(place: &Place, server: &PythonSmtp, kills: u64, chance: &mut Chance) -> u64 {
    for killed in 0..kills {
        let is_made = place.data().join("ledger.db").exists() && status_of_first(place).is_some();
        let mut child = if is_made { place.begin(&["resume"]) } else { place.begin_send() };
        if !live(&mut child, server, chance) {
            let code = child.wait().unwrap().code();
            assert_eq!(code, Some(0), "it ended by itself: {}", place.errors());
            return killed;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    kills
}

/// The first campaign as `status` shows it, once it is there.
fn status_of_first(place: &Place) -> Option<Value> {
    let done = place.begin(&["status"]).wait_with_output().unwrap();
    let said: Value = serde_json::from_slice(&done.stdout).ok()?;
    let campaigns = said["campaigns"].as_array()?;
    campaigns.first().filter(|first| first["state"] != "building").cloned()
}

#[test]
fn killed_in_the_middle_of_sending_again_and_again_it_forgets_nobody_and_doubles_nobody() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", FINAL_DELAY_MS]) else { return };
    let asked = number(KILLS_ASKED).unwrap_or(KILLS);
    let seed = number(SEED_ASKED).unwrap_or(7);
    let people = asked * PEOPLE_PER_KILL + 200;
    let place = Place::new(people, &server);
    let kills = kill_all(&place, &server, asked, &mut Chance(seed));
    let last = if status_of_first(&place).is_some() { place.begin(&["resume", "1"]) } else { place.begin_send() };
    let end = place.last(wait_for(last));
    let n = |field: &str| end[field].as_u64().unwrap_or_else(|| panic!("{field} in {end}"));
    let doubtful = place.run(&["report", "1", "--in-doubt"]);
    let listed = doubtful["people"].as_array().unwrap();
    let doubtful: BTreeSet<&str> = listed.iter().map(|one| one["address"].as_str().unwrap()).collect();
    let copies = copies(&server);
    let of = |address: &String| copies.get(address).copied().unwrap_or(0);
    let certain: Vec<String> = (0..people).map(address).filter(|one| !doubtful.contains(one.as_str())).collect();
    let missing: Vec<&String> = certain.iter().filter(|one| of(one) == 0).collect();
    let doubled: Vec<String> = (0..people).map(address).filter(|one| of(one) > 1).collect();
    let arrived = doubtful.iter().filter(|one| copies.contains_key(**one)).count();
    say(&format!(
        "crash: {people} people, missing {}, doubled {}, in doubt {} ({arrived} of them have their copy), {kills} kills, \
         {CONNECTIONS} connections; seed {seed}",
        missing.len(),
        doubled.len(),
        doubtful.len(),
    ));
    assert!(kills == asked, "the campaign was over after {kills} kills");
    assert_eq!((n("recipients"), n("in_progress")), (people, 0), "{end}");
    assert_eq!(n("accepted") + n("in_doubt"), people, "{end}");
    assert_eq!(doubtful.len() as u64, n("in_doubt"), "everybody in doubt is named");
    assert!(missing.is_empty(), "missing and not in doubt: {missing:?}");
    assert!(doubled.is_empty(), "more than one copy: {doubled:?}");
    assert!(doubtful.len() as u64 <= kills * CONNECTIONS, "{} in doubt after {kills} kills", doubtful.len());
}

/// Kills a send to a few people as often as it takes until all were cut off before their reply: in one life or in
/// several, as it comes. Then a process has nothing left to send and ends by itself.
fn all_in_doubt(place: &Place) {
    let slots = || fs::read(place.data().join("inflight")).unwrap_or_default();
    for life in 0..LIVES_MAX {
        let before = slots();
        let mut sending = if life == 0 { place.begin_send() } else { place.begin(&["resume"]) };
        // A slot that is written stands for a message whose last bytes go out now.
        let recorded = || slots().iter().zip(before.iter().chain(std::iter::repeat(&0))).any(|(now, then)| now != then);
        let has_ended = wait_until(LIMIT, || match sending.try_wait().unwrap() {
            Some(_) => Some(true),
            None => recorded().then_some(false),
        });
        // It may have ended meanwhile.
        sending.kill().ok();
        sending.wait().unwrap();
        if has_ended.unwrap_or_else(|| panic!("neither sends nor ends: {}", place.errors())) {
            return;
        }
    }
    panic!("after {LIVES_MAX} lives there is somebody left: {}", place.errors());
}

#[test]
fn whoever_is_in_doubt_is_listed_settled_by_what_is_found_out_or_sent_to_once_more() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "8000"]) else { return };
    let place = Place::new(3, &server);
    all_in_doubt(&place);
    let listed = place.lines(place.begin(&["doubt", "list"]));
    let addresses: BTreeSet<String> = listed.iter().map(|one| one["address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(addresses, (0..3).map(address).collect());
    assert!(listed.iter().all(|one| one["campaign"] == 1 && one["reply"].as_str().unwrap().contains("ended between")));
    let first = ["doubt", "settle", &address(0), "--accepted", "--because", "it stands in their log"];
    assert_eq!(place.run(&first)["state"], "accepted");
    assert!(!place.begin(&first).wait().unwrap().success(), "nothing to settle any more");
    let delivery =
        listed.iter().find(|one| one["address"] == address(1).as_str()).unwrap()["delivery"].as_str().unwrap();
    let second = ["doubt", "settle", delivery, "--bounced", "--because", "they sent it back"];
    assert_eq!(place.run(&second)["state"], "hard");
    assert_eq!(place.run(&["doubt", "resend", "1", &address(2)])["queued_again"], 1);
    let end = place.run(&["resume", "1"]);
    let n = |field: &str| end[field].as_u64().unwrap();
    assert_eq!((n("accepted"), n("hard"), n("in_doubt")), (2, 1, 0), "{end}");
    // A kill between the slot and the bytes it stands for leaves a doubt and no copy: nobody can know which it was.
    let copies = copies(&server);
    let of = |n: u64| copies.get(&address(n)).copied().unwrap_or(0);
    assert!(of(0) <= 1 && of(1) <= 1, "whoever is in doubt is not sent to again by itself: {copies:?}");
    assert!((1..=2).contains(&of(2)), "once more, as was asked: {copies:?}");
    assert!(place.lines(place.begin(&["doubt", "list", "1"])).is_empty());
}

#[test]
fn whoever_is_sent_to_once_more_is_taken_up_by_the_process_that_sends_already() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "6000"]) else { return };
    let place = Place::new(2, &server);
    all_in_doubt(&place);
    let answer = place.run(&["doubt", "resend", "1", &address(0)]);
    assert_eq!((&answer["queued_again"], &answer["goes_on_here"]), (&Value::from(1), &Value::from(false)), "{answer}");
    let waiting = &place.run(&["report", "1"])["waiting"];
    assert_eq!((&waiting["first_try"], &waiting["after_doubt"]), (&Value::from(0), &Value::from(1)), "{waiting}");
    let slots = || fs::read(place.data().join("inflight")).unwrap_or_default();
    let then = slots();
    let working = place.begin(&["resume", "1"]);
    wait_until(LIMIT, || (slots() != then).then_some(())).expect("it sends");
    // It waits for its reply now, for seconds.
    let answer = place.run(&["doubt", "resend", "1", &address(1)]);
    assert_eq!((&answer["queued_again"], &answer["goes_on_here"]), (&Value::from(1), &Value::from(true)), "{answer}");
    let end = place.last(working);
    let n = |field: &str| end[field].as_u64().unwrap();
    assert_eq!((n("accepted"), n("in_doubt"), n("in_progress")), (2, 0, 0), "{end}");
    // Of the first copies nobody knows: the server may have heard the end of the message or not.
    let copies = copies(&server);
    assert!((0..2).all(|n| (1..=2).contains(&copies[&address(n)])), "once more, and only once: {copies:?}");
}

#[test]
fn nobody_is_mailed_again_unasked_when_the_in_flight_file_is_gone_after_a_kill() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "4000"]) else { return };
    let place = Place::new(3, &server);
    let file = place.data().join("inflight");
    let mut sending = place.begin_send();
    let is_written = || fs::read(&file).unwrap_or_default().iter().any(|octet| *octet != 0);
    wait_until(LIMIT, || is_written().then_some(())).expect("it sends");
    sending.kill().unwrap();
    sending.wait().unwrap();
    fs::remove_file(&file).unwrap();
    // The second time the file is there again, and empty.
    for _ in 0..2 {
        assert_eq!(place.begin(&["resume", "1"]).wait().unwrap().code(), Some(3), "{}", place.errors());
        assert!(place.errors().contains("the file 'inflight' of this directory is missing"), "{}", place.errors());
    }
    assert_eq!(place.run(&["adopt", "--yes"])["adopted"], true);
    let end = place.run(&["resume", "1"]);
    assert_eq!((end["accepted"].as_u64(), end["in_doubt"].as_u64()), (Some(3), Some(0)), "{end}");
}

/// Waits for the last process; kills it when it does not end.
fn wait_for(mut child: Child) -> Child {
    if wait_until(LIMIT, || child.try_wait().unwrap()).is_none() {
        child.kill().unwrap();
    }
    child
}
