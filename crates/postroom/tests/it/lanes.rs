//! Lanes after a send to receivers that do not tell their limits: what was found is told, with its reason.
#![allow(clippy::disallowed_methods, reason = "the receivers live in real time")]

use crate::contacts::Room;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Receivers {
    child: Child,
    dns: String,
    port: String,
}

impl Receivers {
    fn start() -> Receivers {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.args(["simulate", "--port", "0", "--dns-port", "0", "--time-scale", "60"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Receivers { child, dns: ready["dns"].as_str().unwrap().to_owned(), port: ready["port"].to_string() }
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_hidden_limit_is_found_and_told_and_a_hold_says_who_waits() {
    let (room, receivers) = (Room::new(), Receivers::start());
    let rows: String = (0..160).map(|n| format!("p{n}@yonder.test\n")).collect();
    let people = room.file("people.csv", format!("email\n{rows}").as_bytes());
    let message = room.file("news.md", b"---\nsubject: News\n---\nHello\n\n[Stop]({{ unsubscribe_url }})\n");
    let to = ["--dns", receivers.dns.as_str(), "--port", receivers.port.as_str(), "--connections", "2"];
    let send = ["send", "--from", "mira@letters.example", "--message", &message, "--contacts", &people, "--yes"];
    let args: Vec<&str> = send.iter().chain(&to).copied().collect();
    let sent = room.run(&args);
    assert!([0, 5].contains(&sent.status.code().unwrap()), "{}", String::from_utf8_lossy(&sent.stderr));
    let told = &room.json(&["lanes"])[0];
    assert_eq!(told["live"], false);
    let lane = told["lanes"].as_array().unwrap().iter().find(|lane| lane["provider"] == "yonder").unwrap();
    let limit = lane["limits"].as_array().unwrap().iter().find(|one| one["limit"] == "per_connection").unwrap();
    assert!(limit["says"].as_str().unwrap().contains("because of \"421"), "{limit}");
    assert!(limit["since"].is_string() && limit["next_probe"].is_string(), "{limit}");
    let shown = room.says(&["lanes"]);
    assert!(shown.contains("this machine → Yonder") && shown.contains("messages a connection since"), "{shown}");
    assert!(room.says(&["lanes", "--log"]).contains("limit learned"));
    assert_eq!(room.json(&["lanes", "--provider", "orchard"])[0]["lanes"].as_array().map(Vec::len), Some(0));

    let later: Vec<&str> = args.iter().copied().chain(["--name", "later", "--subject", "x"]).collect();
    let later: Vec<&str> = later.iter().map(|arg| if *arg == message.as_str() { "other.md" } else { *arg }).collect();
    room.file("other.md", b"---\nsubject: More\n---\nHello again\n\n[Stop]({{ unsubscribe_url }})\n");
    let held = room.json(&["hold", "--provider", "yonder", "--because", "to look at it"]);
    let mut child =
        room.command(&later).current_dir(room.path("")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut why = String::new();
    for _ in 0..200 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let asked = room.run(&["why", "p1@yonder.test", "--campaign", "later"]);
        why = String::from_utf8(asked.stdout).unwrap();
        if why.contains("held by") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(why.contains("held by cli:anna: to look at it"), "{why}");
    room.says(&["hold", "lift", held[0]["hold"].as_str().unwrap()]);
}

/// A demo plays in a past of its own, where what it learned is not forgotten.
#[test]
fn lanes_of_a_demo_tell_what_it_found() {
    let room = Room::new();
    room.says(&["demo", "--fast", "--people", "300"]);
    let shown = room.says(&["lanes"]);
    assert!(shown.contains("1 connection since Mon 09:00 UTC because of"), "{shown}");
    assert!(shown.contains("Strict Gate") && shown.contains("is listed by the"), "{shown}");
}
