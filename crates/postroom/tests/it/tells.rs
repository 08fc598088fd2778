//! Webhooks of the real service, told to a receiver that verifies them with the public library: the service is killed while
//! it tells, and nothing is missing, forged or out of order.

#![allow(clippy::disallowed_methods, reason = "other programs live in real time")]

use crate::peers::{START_TIMEOUT, end, free_port, kit_file, skipped, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// Nothing here takes longer, however busy the machine.
const LIMIT: Duration = Duration::from_secs(120);
/// Addresses that are suppressed before the kill, and as many after it: an event each.
const EVENTS: usize = 150;

/// The receiver. Dropping it closes its standard input, on which it ends.
struct Receiver {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u16,
    log: PathBuf,
}

impl Receiver {
    fn start(dir: &Path) -> Option<Receiver> {
        let Some(python) = std::env::var_os("POSTROOM_TEST_PYTHON") else {
            skipped("standardwebhooks (cargo xtask test sets POSTROOM_TEST_PYTHON)");
            return None;
        };
        let log = dir.join("told.jsonl");
        let mut command = Command::new(python);
        command.arg(kit_file("webhook_receiver.py")).arg("--log").arg(&log);
        command.arg("--secret").arg(dir.join("secret")).args(["--refuse", "1"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("the receiver says when it is ready");
        let port = said["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap();
        let stdin = child.stdin.take();
        Some(Receiver { child, stdin, port, log })
    }

    /// What it was told, line by line.
    fn told(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stdin.take();
        end(&mut self.child);
    }
}

/// The service in its folder.
struct Service {
    dir: PathBuf,
    port: u16,
    child: Child,
    key: String,
}

impl Service {
    fn start(dir: &Path, key: &str) -> Service {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let args = ["serve", "--listen", &listen, "--dns", "127.0.0.1:9", "--data", "data"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.current_dir(dir).env_remove("POSTROOM_DATA").args(args).stdin(Stdio::null());
        command.stdout(File::create(dir.join("serve.out")).unwrap());
        command.stderr(File::options().create(true).append(true).open(dir.join("serve.err")).unwrap());
        let child = command.spawn().unwrap();
        let service = Service { dir: dir.to_owned(), port, child, key: key.to_owned() };
        let ready = wait_until(START_TIMEOUT, || {
            let answer = service.try_ask("GET", "/readyz", None)?;
            (answer.0 == 200).then_some(())
        });
        assert!(ready.is_some(), "{}", fs::read_to_string(dir.join("serve.err")).unwrap());
        service
    }

    fn try_ask(&self, method: &str, path: &str, body: Option<Value>) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            self.key,
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let (status, text) = self.try_ask("POST", path, Some(body)).expect("the service answers");
        assert!(status < 300, "{status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn suppress(&self, from: usize) {
        for n in from..from + EVENTS {
            self.post("/api/v1/suppressions", json!({ "target": format!("p{n}@peer.test") }));
        }
    }

    fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.dir.clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn make_key(dir: &Path) -> String {
    let args = ["key", "make", "test", "--scope", "all", "--data", "data", "--json"];
    let made = Command::new(env!("CARGO_BIN_EXE_postroom")).current_dir(dir).args(args).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let said: Value = serde_json::from_slice(&made.stdout).unwrap();
    said["secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_killed_service_tells_everything_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let Some(receiver) = Receiver::start(folder.path()) else { return };
    let key = make_key(folder.path());
    let service = Service::start(folder.path(), &key);
    let url = format!("http://127.0.0.1:{}/in", receiver.port);
    let made = service.post("/api/v1/webhooks", json!({ "url": url, "events": ["contact.*"] }));
    fs::write(folder.path().join("secret"), made["secret"].as_str().unwrap()).unwrap();
    service.suppress(0);
    // The first request was refused; the second comes after five seconds, and then they come one after the other.
    wait_until(LIMIT, || (receiver.told().len() >= 20).then_some(())).expect("it is told");
    let dir = service.kill();
    let service = Service::start(&dir, &key);
    service.suppress(EVENTS);
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let all = wait_until(LIMIT, || {
        let told = receiver.told();
        let ids: std::collections::BTreeSet<String> = told.iter().map(|one| one["id"].to_string()).collect();
        (ids.len() >= 2 * EVENTS).then_some(told)
    });
    let all = all.unwrap_or_else(|| panic!("{} were told", receiver.told().len()));
    let mut places = Vec::new();
    let mut addresses = Vec::new();
    for one in &all {
        assert_eq!(one["genuine"], true, "{one}");
        let (id, body) = (one["id"].to_string(), one["body"].as_str().unwrap().to_owned());
        match first.insert(id, body.clone()) {
            Some(before) => assert_eq!(before, body, "a repeat says the same"),
            None => {
                let event: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(event["type"], "contact.suppressed");
                places.push(event["data"]["event"].as_str().unwrap().parse::<u64>().unwrap());
                addresses.push(event["data"]["to"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    assert!(places.is_sorted_by(|a, b| a < b), "in the order of the log: {places:?}");
    let expected: Vec<String> = (0..2 * EVENTS).map(|n| format!("p{n}@peer.test")).collect();
    assert_eq!(addresses, expected);
    drop(service);
}

#[test]
fn the_log_is_followed_until_somebody_interrupts_it() {
    let room = crate::contacts::Room::new();
    room.says(&["settings", "postal_address", "1 High Street"]);
    room.says(&["suppress", "add", "before@example.org"]);
    let mut follower =
        room.command(&["events", "--follow", "--kind", "suppressed"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    // Somebody else writes until it is heard: how long the follower needs to begin, nobody knows.
    let said = std::thread::spawn(move || (lines.next().unwrap().unwrap(), lines));
    let mut written = 0;
    while !said.is_finished() && written < 60 {
        written += 1;
        room.says(&["suppress", "add", &format!("n{written}@example.org")]);
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    let (first, rest) = said.join().unwrap();
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(first["kind"], "suppressed", "{first}");
    let told = room.json(&["events", "--kind", "suppressed"]);
    assert!(first["cursor"] != told[0]["cursor"], "from now on: what was before is not told");
    let process = follower.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    let ended = crate::peers::end(&mut follower);
    assert_eq!(ended.code(), Some(0), "interrupted is its end, not its failure");
    let rest: Vec<String> = rest.map(Result::unwrap).collect();
    assert!(rest.iter().all(|line| line.contains("suppressed")), "{rest:?}");
}
