//! Mail programs that are not ours, for tests to talk to: a Python SMTP server, a private Postfix, a DKIM verifier.
//!
//! What we promise must hold against other people's software, so the end-to-end tests send to it. Every peer runs on a
//! loopback port chosen free, in a temporary directory, and is stopped by its owner's drop; every wait is bounded.
//! Where a program cannot be had the `start` functions return `None` after saying so: the test returns early, and
//! `cargo xtask test` counts it.

#![allow(dead_code, reason = "some of what a peer tells is only shown, when a test fails")]
#![allow(unreachable_pub, reason = "a module of a test binary has no outside")]
#![allow(clippy::disallowed_methods, reason = "other programs live in real time")]

pub mod dkim;
pub mod place;
pub mod postfix;
pub mod python_smtp;

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long a peer may take to be ready, on a busy machine.
pub const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a peer may take to end before it is killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause between two looks at something awaited.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Says that a test could not run, past the harness's capture, in the words the suite counts.
pub fn skipped(needs: &str) {
    // The harness swallows `eprintln!` of passing tests, not the stream itself. A closed stream loses only this line.
    writeln!(std::io::stderr(), "skipped: needs {needs}").ok();
}

/// The path of a file of this kit.
pub fn kit_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/peers").join(name)
}

/// A program by name, also in the places Debian keeps programs for root.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|place| place.join(name)).find(|file| file.is_file())
}

/// A loopback port nobody listened on a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Looks until `what` is there; `None` when `limit` is over.
pub fn wait_until<T>(limit: Duration, mut what: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        match what() {
            Some(found) => return Some(found),
            None if started.elapsed() > limit => return None,
            None => std::thread::sleep(LOOK_EVERY),
        }
    }
}

/// Waits for a child that was asked to end; kills it when it does not.
pub fn end(child: &mut Child) -> ExitStatus {
    match wait_until(STOP_TIMEOUT, || child.try_wait().unwrap()) {
        Some(status) => status,
        None => {
            child.kill().unwrap();
            child.wait().unwrap()
        }
    }
}

/// The bytes of a text that has one character per octet.
pub fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// One character per octet, so that any bytes survive JSON.
pub fn one_character_per_octet(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
