//! The pages as somebody at a browser meets them: headless Chromium, the real service, simulated receivers on loopback.
//!
//! The stories are told in `tests/browser/*.mjs`, one to a file; here a service and its receivers are started for each,
//! what a story asks for is done, and what it found is judged. `cargo xtask test` installs what that needs; where it is
//! missing the tests say so and are counted as skipped. `POSTROOM_SCREENS=1` has them draw `docs/screens` anew.
#![allow(clippy::disallowed_methods, reason = "browsers live in real time")]

use crate::api::Server;
use crate::contacts::Room;
use crate::peers::{find_program, skipped, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where playwright-core and axe-core are installed; set by `cargo xtask test`.
const MODULES_VARIABLE: &str = "POSTROOM_TEST_BROWSER";
/// Set to anything: the pictures of the pages are drawn anew.
const SCREENS_VARIABLE: &str = "POSTROOM_SCREENS";
/// The oldest Node that playwright-core runs on.
const NODE_MAJOR_MIN: u32 = 20;
/// A browser that takes longer to show an empty page does not start.
const START_MAX: Duration = Duration::from_secs(60);
/// A story that takes longer hangs.
const STORY_MAX: Duration = Duration::from_secs(540);
/// For so many seconds a campaign can be taken back: long enough that its countdown is looked at, however busy the machine.
const CANCEL_WINDOW: &str = "20";
/// The receivers' five minutes of greylisting take a second.
const TIME_SCALE: &str = "300";

/// Where the stories are.
fn stories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// Chromium, and the Node programs that drive it.
struct Kit {
    node: PathBuf,
    chromium: PathBuf,
    modules: PathBuf,
}

impl Kit {
    /// `None` after saying what is missing.
    fn find() -> Option<Kit> {
        let chromium = find_program("chromium").or_else(|| find_program("chromium-browser"));
        let modules = std::env::var_os(MODULES_VARIABLE).map(PathBuf::from);
        let modules = modules.filter(|modules| modules.join("node_modules/playwright-core").is_dir());
        let node = find_program("node").filter(|node| is_new_enough(node));
        let chromium = chromium.filter(|chromium| starts(chromium));
        let missing = [
            (chromium.is_none(), "a Chromium that starts"),
            (node.is_none(), "Node.js 20 or newer"),
            (modules.is_none(), "playwright-core and axe-core (cargo xtask test sets POSTROOM_TEST_BROWSER)"),
        ];
        let missing: Vec<&str> = missing.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        if !missing.is_empty() {
            skipped(&missing.join(", "));
        }
        Some(Kit { node: node?, chromium: chromium?, modules: modules? })
    }
}

/// Some machines do not let a browser have what it wants of the kernel: that is theirs, and no fault of a page.
fn starts(chromium: &Path) -> bool {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(chromium);
    command.args(["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = started else { return false };
    let ended = wait_until(START_MAX, || child.try_wait().unwrap());
    if ended.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    ended.is_some_and(|status| status.success())
}

fn is_new_enough(node: &Path) -> bool {
    let Ok(said) = Command::new(node).arg("--version").output() else { return false };
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let major = said.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= NODE_MAJOR_MIN)
}

/// The simulated receivers as a process; stopped when dropped.
struct Receivers {
    child: Child,
    port: u16,
    dns: String,
    letters: PathBuf,
}

impl Receivers {
    /// At ports that are free.
    fn start(room: &Room) -> Receivers {
        Receivers::listen(room, "0", "0", &[])
    }

    /// At the same ports as before, with records that somebody published.
    fn publish(self, room: &Room, records: &[String]) -> Receivers {
        let (port, dns_port) = (self.port.to_string(), self.dns.rsplit_once(':').unwrap().1.to_owned());
        drop(self);
        Receivers::listen(room, &port, &dns_port, records)
    }

    fn listen(room: &Room, port: &str, dns_port: &str, records: &[String]) -> Receivers {
        let letters = room.path("letters");
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.args(["simulate", "--json", "--time-scale", TIME_SCALE, "--port", port, "--dns-port", dns_port]);
        command.arg("--letters").arg(&letters).args(records.iter().flat_map(|record| ["--txt", record]));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).expect("the receivers listen");
        let (port, dns) = (ready["port"].as_u64().unwrap(), ready["dns"].as_str().unwrap().to_owned());
        Receivers { child, port: u16::try_from(port).unwrap(), dns, letters }
    }

    /// The latest letter to somebody, as it came.
    fn letter(&self, to: &str) -> Option<String> {
        let mut numbers: Vec<u64> = fs::read_dir(&self.letters)
            .ok()?
            .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let read = |number| fs::read(self.letters.join(format!("{number}.eml"))).ok();
        let letters = numbers.into_iter().rev().filter_map(read);
        let mut letters = letters.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        letters.find(|letter| letter.contains(&format!("\r\nDelivered-To: {to}\r\n")))
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A service over a directory, and whoever it sends to.
struct Stage {
    room: Room,
    receivers: Option<Receivers>,
    server: Server,
}

impl Stage {
    /// `retries`: the gaps between tries, and when nobody is tried any more.
    fn new(room: Room, retries: [&str; 2]) -> Stage {
        let receivers = Receivers::start(&room);
        let port = receivers.port.to_string();
        let way = ["--dns", &receivers.dns, "--port", &port, "--retry", retries[0], "--give-up", retries[1]];
        let more = ["--requests-per-minute", "1000000", "--cancel-window", CANCEL_WINDOW];
        let server = Server::start(&room, &[&way[..], &more].concat());
        Stage { room, receivers: Some(receivers), server }
    }

    /// What only somebody beside the browser can do.
    fn answer(&mut self, asked: &Value) -> Value {
        match asked["ask"].as_str().unwrap() {
            "link" => json!({ "link": format!("/welcome/{}", self.server.link) }),
            "publish" => {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let records = asked["records"].as_array().unwrap().iter();
                let records = records.map(|one| format!("{}={}", text(&one["name"]), text(&one["value"])));
                let records: Vec<String> = records.collect();
                let before = self.receivers.take().unwrap();
                self.receivers = Some(before.publish(&self.room, &records));
                json!({})
            }
            "letter" => {
                let receivers = self.receivers.as_ref().unwrap();
                json!({ "letter": receivers.letter(asked["to"].as_str().unwrap()) })
            }
            other => panic!("a story asks for {other}"),
        }
    }

    /// Tells a story; what it found, by step.
    fn tell(&mut self, kit: &Kit, story: &str, more: Value) -> BTreeMap<String, Value> {
        let key = self.room.json(&["key", "make", "test", "--scope", "all"])[0]["secret"].clone();
        let mut told = json!({
            "base": format!("http://{}", self.server.address), "key": key, "chromium": kit.chromium,
            "modules": kit.modules, "scratch": self.room.path(""), "pictures": screens(),
        });
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut command = Command::new(&kit.node);
        command.arg(stories().join("tell.mjs")).args([story, &told.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut into, out) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        // A story that hangs ends here: its output does, and the test with it.
        let node = child.id().to_string();
        let watch = std::thread::spawn(move || {
            if wait_until(STORY_MAX, || child.try_wait().unwrap()).is_none() {
                child.kill().unwrap();
            }
            std::io::read_to_string(child.stderr.take().unwrap()).unwrap_or_default()
        });
        let (mut steps, mut end) = (BTreeMap::new(), Value::Null);
        for line in out.lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line.get("ask").is_some() {
                writeln!(into, "{}", self.answer(&line)).unwrap();
            } else if let Some(step) = line["step"].as_str() {
                steps.insert(step.to_owned(), line.clone());
            } else {
                end = line;
            }
        }
        let errors = watch.join().unwrap();
        let last = steps.keys().cloned().collect::<Vec<_>>().join(", ");
        assert_eq!(end["end"], "well", "the story `{story}` (node {node}) came to: {last}\n{end:#}\n{errors}");
        assert_eq!(end["complaints"], json!([]), "the browser complains");
        steps
    }
}

/// Where pictures are kept, if they are wanted.
fn screens() -> Option<PathBuf> {
    std::env::var_os(SCREENS_VARIABLE)?;
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/screens"))
}

/// What a step found.
fn said<'s>(steps: &'s BTreeMap<String, Value>, step: &str, what: &str) -> &'s str {
    steps.get(step).and_then(|step| step[what].as_str()).unwrap_or_else(|| panic!("{step}: {what} in {steps:#?}"))
}

#[test]
fn ten_minutes_from_an_empty_directory_to_ten_verdicts_and_again_by_the_keyboard_alone() {
    let Some(kit) = Kit::find() else { return };
    let mut stage = Stage::new(Room::new(), ["1s,2s,2s,4s", "60s"]);
    let steps = stage.tell(&kit, "minutes", json!({}));
    let said = |step, what| said(&steps, step, what);
    assert_eq!(said("written", "reach"), "11 people equals 1 skipped plus 10 attempted");
    let second = said("verdicts", "second");
    assert!(second.contains("9 accepted") && second.contains("1 hard") && second.contains("0 in progress"), "{second}");
    let verdicts = steps["verdicts"]["verdicts"].as_array().unwrap();
    let of = |word: &str| verdicts.iter().filter(|row| row.as_str().unwrap().contains(word)).count();
    assert_eq!((of(" accepted "), of(" hard ")), (9, 1), "{verdicts:?}");
    assert!(said("investigation", "said").contains("550 5.1.1"), "{steps:#?}");
    assert!(said("investigation", "advice").contains("the address"), "{steps:#?}");
    assert!(said("timeline", "told").contains("Crocuses") && said("timeline", "note").contains("550 5.1.1"));
    assert!(said("unsubscribed", "before").contains("i…@lookmail.test"), "{steps:#?}");
    assert!(said("unsubscribed", "badge").contains("Unsubscribed"), "who left may not be mailed: {steps:#?}");
    assert!(said("unsubscribed", "told").contains("on the page that the message leads to"), "{steps:#?}");
    let why = said("skipped", "why");
    assert!(why.contains("1 unsubscribed") && why.contains("1 bounced before"), "{why}");
    assert!(steps.contains_key("left at once"), "nothing that was typed is lost: {steps:#?}");
    assert!(steps.contains_key("begun by keyboard"));
}

#[test]
fn every_page_keeps_the_rules_of_accessibility_and_runs_nothing_of_what_people_are_called() {
    let Some(kit) = Kit::find() else { return };
    let room = Room::new();
    room.says(&["demo", "--fast", "--people", "300"]);
    // Whoever is never answered is tried for longer than this takes.
    let mut stage = Stage::new(room, ["2s,60s,60s", "20m"]);
    let steps = stage.tell(&kit, "pages", json!({ "routes": routes() }));
    assert!(steps["hostile"]["ways"].as_u64() >= Some(10), "{steps:#?}");
    assert!(steps["pages"]["looked"].as_u64() >= Some(60), "{steps:#?}");
}

#[test]
fn a_campaign_of_a_thousand_is_watched_in_the_sandbox_to_its_end_and_looked_into() {
    let Some(kit) = Kit::find() else { return };
    let room = Room::new();
    let server = Server::start(&room, &["--requests-per-minute", "1000000", "--cancel-window", "1"]);
    let mut stage = Stage { room, receivers: None, server };
    let steps = stage.tell(&kit, "thousand", json!({}));
    assert!(said(&steps, "begun", "reach").contains("938 attempted"), "{steps:#?}");
    let readings = steps["watched"]["readings"].as_array().unwrap();
    let of = |reading: &Value, term: &str| reading[term].as_u64().unwrap_or_else(|| panic!("{term} in {reading}"));
    let terms = ["accepted", "in_progress", "soft", "hard", "blocked", "in_doubt"];
    for reading in readings {
        let sum: u64 = terms.iter().map(|term| of(reading, term)).sum();
        assert_eq!(sum, of(reading, "attempted"), "the terms of one moment belong together: {reading}");
    }
    assert!(readings.len() >= 3, "{readings:#?}");
    let accepted: Vec<u64> = readings.iter().map(|reading| of(reading, "accepted")).collect();
    assert!(accepted.is_sorted() && accepted.first() < accepted.last(), "it only grows: {accepted:?}");
    assert!(said(&steps, "report", "first").starts_with("1,000 people"), "{steps:#?}");
    assert!(said(&steps, "report", "second").contains("0 in progress"), "{steps:#?}");
    assert!(said(&steps, "report", "causes").contains("mailbox full"), "{steps:#?}");
    assert!(steps["investigated"]["causes"].as_u64() >= Some(5), "{steps:#?}");
    assert!(!said(&steps, "investigated", "advice").is_empty());
    assert!(said(&steps, "investigated", "told").contains("Spring news"), "{steps:#?}");
}

/// Every route of the pages that answers GET, as the server's own tables have them.
fn routes() -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/src");
    let files = ["pages", "public"].iter().flat_map(|folder| fs::read_dir(source.join(folder)).unwrap());
    let texts = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let mut routes: Vec<String> = texts.flat_map(|path| routes_in(&fs::read_to_string(path).unwrap())).collect();
    routes.sort();
    routes
}

fn routes_in(text: &str) -> Vec<String> {
    let one = |entry: &str| {
        let (route, handlers) = entry.trim_start().strip_prefix('"')?.split_once('"')?;
        let mut depth = 1;
        let end = handlers.find(|c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        handlers.get(..end?)?.contains("get(").then(|| route.to_owned())
    };
    text.split(".route(").skip(1).filter_map(one).collect()
}

#[test]
fn routes_are_read_as_they_are_written() {
    let text = ".route(\"/\", get(home::show))\n.route(\n \"/a/{id}\",\n get(a::b).post(a::c).layer(d()),\n)\n\
        .route(\"/b\", post(b::c))\n.route(BACK, get(x))\n.merge(get(y))";
    assert_eq!(routes_in(text), ["/", "/a/{id}"]);
}
