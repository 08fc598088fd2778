//! A disk that is really full: a small tmpfs under the data directory of the real binary. Sending stops first, then it is
//! told, then it goes on by itself when there is room; whoever orders it to stop meanwhile is obeyed. Nobody is forgotten,
//! doubled or in doubt.

#![allow(clippy::disallowed_methods, reason = "other programs live in real time")]

use crate::api::Server;
use crate::contacts::Room;
use crate::peers::place::{Place, copies};
use crate::peers::python_smtp::PythonSmtp;
use crate::peers::{skipped, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Nothing here takes longer, however busy the machine.
const LIMIT: Duration = Duration::from_secs(120);
/// People to be mailed: some seconds of sending.
const PEOPLE: u64 = 1_500;
/// The size of the disk: room for the campaign and for what is written while it is sent.
const SIZE: &str = "size=48m,mode=0700";
/// Conversations at once, as loopback mode has it by default: so many may still end when it stops.
const CONNECTIONS: usize = 20;
/// How long a sender that has stopped is watched.
const WATCH: Duration = Duration::from_secs(3);

/// A small file system of its own; unmounted when dropped.
struct Tmpfs {
    at: PathBuf,
}

impl Tmpfs {
    /// `None` where mounting is not permitted.
    fn mount(at: &Path) -> Option<Tmpfs> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(at).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Tmpfs { at: at.to_owned() })
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let path = self.at.join("filler");
        let mut filler = fs::File::create(&path).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            if filler.write_all(&vec![7; size]).is_err() {
                size /= 4;
            }
        }
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a process that was killed a moment ago may still hold it.
        Command::new("umount").arg("-l").arg(&self.at).status().ok();
    }
}

#[test]
fn a_full_disk_stops_sending_is_told_and_is_got_over() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "20"]) else { return };
    let place = Place::new(PEOPLE, &server);
    let Some(disk) = Tmpfs::mount(&place.data()) else {
        skipped("leave to mount a small tmpfs (root)");
        return;
    };
    let mut sending = place.begin_send();
    assert!(server.wait_for(50, LIMIT).len() >= 50, "{}", place.errors());
    let filler = disk.fill();
    let told = wait_until(LIMIT, || place.errors().contains("is full").then(|| server.received().len()));
    let at_telling = told.unwrap_or_else(|| panic!("it is not told: {}", place.errors()));
    std::thread::sleep(WATCH);
    let stopped_at = server.received().len();
    assert!(stopped_at <= at_telling + CONNECTIONS, "it was told, and {} came after it", stopped_at - at_telling);
    assert!(stopped_at < PEOPLE as usize, "the disk was full in the middle");
    std::thread::sleep(WATCH);
    assert_eq!(server.received().len(), stopped_at, "nothing starts while outcomes cannot be recorded");
    assert!(sending.try_wait().unwrap().is_none(), "it waits for room: {}", place.errors());
    fs::remove_file(filler).unwrap();
    if wait_until(LIMIT, || sending.try_wait().unwrap()).is_none() {
        sending.kill().unwrap();
    }
    let end = place.last(sending);
    let n = |field: &str| end[field].as_u64().unwrap();
    assert_eq!((n("accepted"), n("in_doubt"), n("in_progress")), (PEOPLE, 0, 0), "{end}\n{}", place.errors());
    let copies = copies(&server);
    assert_eq!(copies.len() as u64, PEOPLE);
    assert!(copies.values().all(|count| *count == 1), "nobody twice");
}

#[test]
fn a_full_disk_is_told_though_nothing_is_sent() {
    let room = Room::new();
    let Some(disk) = Tmpfs::mount(&room.path("data")) else {
        skipped("leave to mount a small tmpfs (root)");
        return;
    };
    let made = room.json(&["key", "make", "test", "--scope", "all"]);
    let key = made[0]["secret"].as_str().unwrap();
    let server = Server::start(&room, &["--requests-per-minute", "100000"]);
    let adds = |n: u32| {
        let person = json!({ "email": format!("p{n}@peer.test"), "attributes": { "words": "x".repeat(1_000) } });
        server.ask("POST", "/api/v1/contacts", key, &person).0
    };
    // A small disk may have an alert of its own before.
    let alert = || {
        let open = server.ask("GET", "/api/v1/alerts", key, &Value::Null).1;
        let is_it = |alert: &&Value| alert["kind"] == "ledger_unwritable";
        open["data"].as_array().and_then(|all| all.iter().find(is_it).cloned()).unwrap_or_default()
    };
    assert_eq!((adds(0), alert()), (201, Value::Null));
    let filler = disk.fill();
    // What the log has kept of its room may take some still.
    let refused = (1..20_000).map(adds).find(|status| *status != 201);
    assert_eq!(refused, Some(503));
    let told = wait_until(LIMIT, || Some(alert()).filter(|alert| !alert.is_null()));
    assert_eq!(told.expect("it is told")["state"], "open");
    fs::remove_file(filler).unwrap();
    wait_until(LIMIT, || (alert()["state"] != "open").then_some(())).expect("it is over");
    assert_eq!(adds(20_000), 201);
}

#[test]
fn an_order_to_stop_is_obeyed_on_a_full_disk() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "20"]) else { return };
    let place = Place::new(PEOPLE, &server);
    let Some(disk) = Tmpfs::mount(&place.data()) else {
        skipped("leave to mount a small tmpfs (root)");
        return;
    };
    let mut sending = place.begin_send();
    assert!(server.wait_for(50, LIMIT).len() >= 50, "{}", place.errors());
    let filler = disk.fill();
    wait_until(LIMIT, || place.errors().contains("is full").then_some(())).expect("it is told");
    let paused = place.run(&["pause", "spring", "--reason", "wrong link"]);
    assert_eq!((&paused["state"], &paused["recorded"]), (&"paused".into(), &false.into()), "{paused}");
    let held = place.run(&["hold", "--domain", "peer1.test", "--because", "their postmaster asked"]);
    assert_eq!((&held["domain"], &held["recorded"]), (&"peer1.test".into(), &false.into()), "{held}");
    let status = place.run(&["status", "spring"]);
    assert_eq!((&status["campaign"]["state"], &status["recorded"]), (&"paused".into(), &false.into()), "{status}");
    let trouble = |value: &Value| value["ledger_trouble"]["why"].as_str().is_some_and(|why| why.contains("full"));
    assert!(trouble(&status), "{status}");
    let lanes = place.run(&["lanes"]);
    assert!(trouble(&lanes), "{lanes}");
    let alert = place.run(&["alert", "list"]);
    assert_eq!((&alert["kind"], &alert["severity"]), (&"ledger_unwritable".into(), &"critical".into()), "{alert}");
    let ordered_at = server.received().len();
    fs::remove_file(filler).unwrap();
    let ended = wait_until(LIMIT, || sending.try_wait().unwrap());
    assert_eq!(ended.and_then(|ended| ended.code()), Some(3), "paused, there is nothing left to do");
    let stopped_at = server.received().len();
    assert!(stopped_at <= ordered_at + CONNECTIONS, "{} came after the order", stopped_at - ordered_at);
    let status = place.run(&["status", "spring"]);
    assert_eq!(status["campaign"]["state"], "paused", "{status}");
    let hold = place.run(&["hold", "list"]);
    assert_eq!(hold["domain"], "peer1.test", "{hold}");
    place.run(&["hold", "lift", hold["hold"].as_str().unwrap()]);
    let end = place.run(&["resume", "spring", "--wait", "done"]);
    assert_eq!((end["accepted"].as_u64(), end["in_doubt"].as_u64()), (Some(PEOPLE), Some(0)), "{end}");
    assert!(copies(&server).values().all(|count| *count == 1), "nobody twice");
}
