//! The sandbox of a service, from an empty directory to its removal: opened on the page, a campaign of the sample sent to its
//! end while the service dies in between, and nothing of it in the workspace beside it.
#![allow(clippy::disallowed_methods, reason = "the server lives in real time")]

use crate::api::Server;
use crate::contacts::Room;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse battery";
/// A campaign of a thousand is over by then, whatever else the machine does.
const DEADLINE: Duration = Duration::from_secs(280);

/// What came back.
struct Page {
    status: u16,
    head: String,
    text: String,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

/// Somebody with a browser.
struct Visitor {
    address: String,
    cookie: String,
}

impl Visitor {
    fn ask(&self, method: &str, path: &str, form: &str) -> Page {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, cookie, length) = (&self.address, &self.cookie, form.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
            Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Page { status, head: head.to_owned(), text: text.to_owned() }
    }

    fn look(&self, path: &str) -> Page {
        let page = self.ask("GET", path, "");
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        page
    }

    /// Where a form leads.
    fn send(&self, path: &str, form: &str) -> String {
        let page = self.ask("POST", path, form);
        assert_eq!(page.status, 303, "{path}: {}", page.text);
        page.header("location").to_owned()
    }

    fn signs_in(server: &Server) -> Visitor {
        let mut visitor = Visitor { address: server.address.clone(), cookie: String::new() };
        let form = format!("email=anna%40example.org&password={}", PASSWORD.replace(' ', "+"));
        let page = visitor.ask("POST", "/sign-in", &form);
        assert_eq!(page.status, 303, "{}", page.text);
        visitor.cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
        visitor
    }
}

fn serve(room: &Room) -> Server {
    let password = room.file("password", PASSWORD.as_bytes());
    let owner = ["--owner", "anna@example.org", "--owner-password-file", &password];
    // Nobody takes anything back here.
    Server::start(room, &[&owner[..], &["--cancel-window", "1"]].concat())
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let mark = format!("name=\"{name}\" value=\"");
    page.split(&mark).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_else(|| panic!("no {name} in {page}"))
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(250));
    }
}

#[test]
fn a_sandbox_is_opened_played_to_the_end_over_a_kill_and_removed_without_a_trace() {
    let room = Room::new();
    let server = serve(&room);
    let anna = Visitor::signs_in(&server);
    let first = anna.look("/").text;
    assert!(first.contains("id=\"open-sandbox\"") && first.contains("id=\"step-domain\""), "{first}");
    assert_eq!(anna.ask("GET", "/sandbox/campaigns", "").header("location"), "/first", "there is none yet");

    assert_eq!(anna.send("/first/sandbox", ""), "/sandbox/");
    let inside = anna.look("/sandbox/").text;
    assert!(inside.contains("id=\"sandbox-mark\"") && !inside.contains(" href=\"/campaigns"), "{inside}");
    let campaigns = anna.look("/sandbox/campaigns").text;
    let id = campaigns.split("/sandbox/campaigns/m_").nth(1).unwrap();
    let id = format!("m_{}", id.split(['"', '/', '?']).next().unwrap());
    let review = anna.look(&format!("/sandbox/campaigns/{id}")).text;
    let form = format!("when=now&once={}", hidden(&review, "once"));
    assert_eq!(anna.send(&format!("/sandbox/campaigns/{id}/start"), &form), format!("/sandbox/campaigns/{id}"));
    let state = |server: &Server| {
        let page = Visitor { address: server.address.clone(), cookie: anna.cookie.clone() };
        page.ask("GET", &format!("/sandbox/campaigns/{id}/report"), "").text
    };
    wait_for("the beginning", || state(&server).contains(" Sending</span>"));

    // The service dies in the middle, and the sandbox goes on with the next one.
    server.signal("-KILL");
    drop(server);
    let server = serve(&room);
    wait_for("the end", || state(&server).contains("badge ok"));
    let report = state(&server);
    assert!(report.contains("Sandbox: ") && report.contains("938"), "{report}");

    // Nothing of it is beside it.
    let anna = Visitor { address: server.address.clone(), cookie: anna.cookie.clone() };
    assert!(
        !anna.look("/campaigns").text.contains("/campaigns/m_")
            && !anna.look("/contacts").text.contains("/contacts/c_")
    );
    assert_eq!(room.json(&["campaigns"]).len(), 0);
    let data = room.path("data");
    assert!(data.join("sandbox/ledger.db").exists());
    let (code, error) = {
        let sandbox = data.join("sandbox").display().to_string();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_postroom"))
            .args(["suppress", "add", "x@example.org", "--data", &sandbox])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert!(code == Some(3) && error.contains("sandbox"), "{code:?} {error}");

    assert!(anna.look("/first/sandbox/remove").text.contains("id=\"remove-sandbox\""));
    assert_eq!(anna.send("/first/sandbox/remove", ""), "/first");
    assert!(!data.join("sandbox").exists() && !data.join("sandbox.gone").exists());
    assert_eq!(anna.ask("GET", &format!("/sandbox/campaigns/{id}"), "").header("location"), "/first");
    server.stop();
}
