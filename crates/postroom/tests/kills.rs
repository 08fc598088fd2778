//! The real binary, killed (SIGKILL) again and again in the middle of sending to a real server, which is another program
//! (`peers/smtp_server.py`) and writes down what it accepts before it says so. Afterwards its log is the judge: nobody is
//! missing and nobody has two copies but those who are named as in doubt, and of those there are no more than kills times
//! connections.
//!
//! A few kills belong to the tests; `cargo xtask crash --real --kills N` does hundreds.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its peer has failed")]
#![allow(clippy::disallowed_methods, reason = "other programs live in real time")]

mod peers;

use peers::python_smtp::PythonSmtp;
use peers::wait_until;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

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

fn address(number: u64) -> String {
    format!("p{number}@peer{}.test", number % 7)
}

/// A folder with people, a message and a ledger.
struct Place {
    dir: TempDir,
    relay: String,
}

impl Place {
    fn new(people: u64, server: &PythonSmtp) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let rows: String = (0..people).map(|n| format!("{}\n", address(n))).collect();
        fs::write(dir.path().join("people.csv"), format!("email\n{rows}")).unwrap();
        let message = "---\nsubject: Hello\n---\nDear reader\n\n[Stop]({{ unsubscribe_url }})\n";
        fs::write(dir.path().join("spring.md"), message).unwrap();
        Place { dir, relay: format!("smtp://{}", server.endpoint()) }
    }

    fn begin(&self, args: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.current_dir(self.dir.path()).env_remove("POSTROOM_DATA").args(args).args(["--data", "data", "--json"]);
        let errors = fs::File::create(self.dir.path().join("errors.txt")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap()
    }

    fn begin_send(&self) -> Child {
        let from = "Mira <mira@letters.example>";
        self.begin(&[
            "send",
            "--from",
            from,
            "--message",
            "spring.md",
            "--contacts",
            "people.csv",
            "--relay",
            &self.relay,
            "--wait",
            "done",
        ])
    }

    /// Runs a command to its end; its JSON.
    fn run(&self, child: Child) -> Value {
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        let errors = fs::read_to_string(self.dir.path().join("errors.txt")).unwrap();
        assert!(done.status.success(), "{errors}");
        serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{said}\n{errors}"))
    }
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
        let is_made = place.dir.path().join("data/ledger.db").exists() && status_of_first(place).is_some();
        let mut child = if is_made { place.begin(&["resume"]) } else { place.begin_send() };
        if !live(&mut child, server, chance) {
            let code = child.wait().unwrap().code();
            let errors = fs::read_to_string(place.dir.path().join("errors.txt")).unwrap();
            assert_eq!(code, Some(0), "it ended by itself: {errors}");
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

fn copies(server: &PythonSmtp) -> BTreeMap<String, u64> {
    let mut copies = BTreeMap::new();
    for to in server.received().into_iter().flat_map(|message| message.rcpt_to) {
        *copies.entry(to).or_default() += 1;
    }
    copies
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
    let last = wait_for(last);
    let end = place.run(last);
    let n = |field: &str| end[field].as_u64().unwrap_or_else(|| panic!("{field} in {end}"));
    let doubtful = place.run(place.begin(&["report", "1", "--in-doubt"]));
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

/// Waits for the last process; kills it when it does not end.
fn wait_for(mut child: Child) -> Child {
    if wait_until(LIMIT, || child.try_wait().unwrap()).is_none() {
        child.kill().unwrap();
    }
    child
}
