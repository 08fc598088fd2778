//! A directory that an older release left: what changes something brings it up to date, what only reads says how.

use crate::contacts::Room;
use crate::peers::{find_program, skipped};
use std::fs;
use std::process::Command;

/// The newest form that an older release wrote.
const OLDER: &str = include_str!("../../../store/fixtures/schema-8.sql");

/// Its ledger in place of ours, written by a SQLite that is not ours.
fn aged(python: &std::path::Path) -> Room {
    let room = Room::new();
    room.says(&["settings", "postal_address", "1 High Street"]);
    let sql = room.file("older.sql", OLDER.as_bytes());
    let ledger = room.path("data").join("ledger.db");
    for file in fs::read_dir(room.path("data")).unwrap().map(Result::unwrap) {
        if file.file_name().to_string_lossy().starts_with("ledger.db") {
            fs::remove_file(file.path()).unwrap();
        }
    }
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
    let loaded = Command::new(python).args(["-c", script]).arg(&ledger).arg(&sql).status().unwrap();
    assert!(loaded.success());
    room
}

fn has_copy(room: &Room) -> bool {
    let names = fs::read_dir(room.path("data")).unwrap().map(|file| file.unwrap().file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with("ledger.db.before-"))
}

#[test]
fn any_command_that_changes_something_brings_an_older_ledger_up_to_date() {
    let Some(python) = find_program("python3") else { return skipped("python3") };
    for change in [
        vec!["suppress", "add", "y.example"],
        vec!["pause", "news"],
        vec!["contact", "edit", "anna@a.example", "--set", "city=Ulm"],
        vec!["user", "add", "kim@a.example"],
        vec!["user", "reset", "owner@a.example"],
        vec!["hold", "--domain", "b.example", "--because", "they asked", "--for", "1h"],
        // That there is no such campaign is found in the new form.
        vec!["resume", "no such campaign"],
    ] {
        let room = aged(&python);
        let (code, said) = room.fails(&["campaigns"]);
        assert!(code == 2 && said.contains("has an older form"), "{said}");
        assert!(!has_copy(&room), "who only reads changes nothing");
        let done = room.run(&change);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!said.contains("has an older form"), "{change:?}: {said}");
        assert!(has_copy(&room), "{change:?}: {said}");
        room.says(&["campaigns"]);
    }
}
