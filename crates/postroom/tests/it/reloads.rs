//! What happens beside the real binary at work: `postroom reload` and SIGHUP read again what may change, a wrong file is refused
//! with its line and changes nothing, people are imported, and mail under way goes on.

#![allow(clippy::disallowed_methods, reason = "other programs live in real time")]

use crate::api::Server;
use crate::contacts::Room;
use crate::peers::place::{Place, copies};
use crate::peers::python_smtp::PythonSmtp;
use crate::peers::wait_until;
use std::fs;
use std::process::Command;
use std::time::Duration;

const GOOD: &str = "[[provider]]\nkey = 'google'\nlimits = { connections = 1 }\n";
/// Nothing here takes longer, however busy the machine.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_service_reads_again_by_order_and_by_signal() {
    let room = Room::new();
    let server = Server::start(&room, &[]);
    let file = room.path("data").join("providers.toml");
    fs::write(&file, format!("{GOOD}\n[[provider]]\nkey = 'google'\nlimits = {{ connections = 5000 }}\n")).unwrap();
    let (code, error) = room.fails(&["reload"]);
    assert!(code == 2 && error.contains("providers.toml, line "), "{error}");
    assert!(error.contains("in force as they are now: sources and pools"), "the rest is read: {error}");
    assert!(error.contains("what was in force before stays so"), "{error}");
    fs::write(&file, GOOD).unwrap();
    assert!(room.says(&["reload"]).contains("providers.toml and rules.toml"));
    let added = room.says(&["source", "add", "mta1", "--address", "127.0.0.2", "--ehlo", "mta1.letters.example"]);
    assert!(added.contains("It is in force"), "{added}");
    fs::write(&file, "[[provider]]\nkey = 7\n").unwrap();
    server.signal("-HUP");
    // An order behind it is obeyed: the service lives. What the signal found is told in the log.
    assert_eq!(room.fails(&["reload"]).0, 2);
    fs::write(&file, GOOD).unwrap();
    server.signal("-HUP");
    let read_again = || server.said().contains("read again answer=").then_some(());
    assert!(wait_until(LIMIT, read_again).is_some(), "{}", server.said());
    let said = server.stop();
    assert!(said.contains("not everything could be read again") && said.contains("providers.toml, line 2"), "{said}");
    let (code, error) = room.fails(&["reload"]);
    assert!(code == 3 && error.contains("no process is at work here"), "{error}");
}

#[test]
fn mail_under_way_outlives_it() {
    let Some(receiver) = PythonSmtp::start(&["--final-delay-ms", "20"]) else { return };
    const PEOPLE: u64 = 600;
    let place = Place::new(PEOPLE, &receiver);
    let sending = place.begin_send();
    assert!(receiver.wait_for(20, LIMIT).len() >= 20, "{}", place.errors());
    let order = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.args(args).arg("--data").arg(place.data()).env_remove("POSTROOM_DATA");
        let done = command.output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    fs::write(place.data().join("providers.toml"), GOOD).unwrap();
    let add = ["source", "add", "mta1", "--address", "127.0.0.1", "--ehlo", "mta1.letters.example"];
    for args in [&["reload"][..], &add, &["source", "retire", "mta1"], &add, &["reload"]] {
        let (code, error) = order(args);
        assert_eq!(code, Some(0), "{args:?}: {error}");
    }
    fs::write(place.data().join("rules.toml"), "nonsense").unwrap();
    let (code, error) = order(&["reload"]);
    assert!(code == Some(2) && error.contains("rules.toml, line 1"), "{error}");
    let so_far = receiver.received().len() as u64;
    assert!(so_far < PEOPLE, "it came in the middle: {so_far}");
    let end = place.last(sending);
    let n = |field: &str| end[field].as_u64().unwrap();
    assert_eq!((n("accepted"), n("in_doubt"), n("in_progress")), (PEOPLE, 0, 0), "{end}");
    let copies = wait_until(LIMIT, || Some(copies(&receiver)).filter(|copies| copies.len() as u64 == PEOPLE));
    assert!(copies.is_some_and(|copies| copies.values().all(|count| *count == 1)), "everybody once");
}

#[test]
fn people_are_imported_beside_mail_under_way() {
    let Some(receiver) = PythonSmtp::start(&["--final-delay-ms", "20"]) else { return };
    const PEOPLE: u64 = 400;
    const NEWCOMERS: u64 = 30_000;
    let place = Place::new(PEOPLE, &receiver);
    let sending = place.begin_send();
    assert!(receiver.wait_for(20, LIMIT).len() >= 20, "{}", place.errors());
    let rows: String = (0..NEWCOMERS).map(|n| format!("n{n}@newcomers.test\n")).collect();
    let file = place.data().join("newcomers.csv");
    fs::write(&file, format!("email\n{rows}")).unwrap();
    let mut import = Command::new(env!("CARGO_BIN_EXE_postroom"));
    import.arg("import").arg(&file).arg("--json").arg("--data").arg(place.data()).env_remove("POSTROOM_DATA");
    let done = import.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((report["rows"].as_u64(), report["added"].as_u64()), (Some(NEWCOMERS), Some(NEWCOMERS)), "{report}");
    let end = place.last(sending);
    assert_eq!(end["accepted"].as_u64(), Some(PEOPLE), "{end}");
    assert!(copies(&receiver).values().all(|count| *count == 1), "nobody twice");
}
