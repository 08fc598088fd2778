//! A folder with people, a message and a ledger, and the real binary at work in it.

use super::python_smtp::PythonSmtp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The `number`th address of the list.
pub fn address(number: u64) -> String {
    format!("p{number}@peer{}.test", number % 7)
}

/// A folder with people, a message and a ledger.
pub struct Place {
    dir: TempDir,
    relay: String,
}

impl Place {
    /// `people` of them, at seven domains, all to be reached through `server`.
    pub fn new(people: u64, server: &PythonSmtp) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let rows: String = (0..people).map(|n| format!("{}\n", address(n))).collect();
        fs::write(dir.path().join("people.csv"), format!("email\n{rows}")).unwrap();
        let message = "---\nsubject: Hello\n---\nDear reader\n\n[Stop]({{ unsubscribe_url }})\n";
        fs::write(dir.path().join("spring.md"), message).unwrap();
        Place { dir, relay: format!("smtp://{}", server.endpoint()) }
    }

    /// Where the ledger is.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What the latest command said on standard error so far.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.dir.path().join("errors.txt")).unwrap()
    }

    /// Begins a command.
    pub fn begin(&self, args: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.current_dir(self.dir.path()).env_remove("POSTROOM_DATA").args(args).args(["--data", "data", "--json"]);
        let errors = fs::File::create(self.dir.path().join("errors.txt")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap()
    }

    /// Begins to send to everybody, to the end.
    pub fn begin_send(&self) -> Child {
        let plain = ["send", "--from", "Mira <mira@letters.example>", "--message", "spring.md"];
        let rest = ["--contacts", "people.csv", "--relay", &self.relay, "--wait", "done"];
        self.begin(&[plain.as_slice(), rest.as_slice()].concat())
    }

    /// Waits for a command to succeed; its JSON, line by line.
    pub fn lines(&self, child: Child) -> Vec<Value> {
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{said}\n{}", self.errors());
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for a command to succeed; the last line of its JSON.
    pub fn last(&self, child: Child) -> Value {
        self.lines(child).pop().unwrap_or(Value::Null)
    }

    /// Runs a command to its end; the last line of its JSON.
    pub fn run(&self, args: &[&str]) -> Value {
        self.last(self.begin(args))
    }
}

/// Copies by address, as the server wrote them down.
pub fn copies(server: &PythonSmtp) -> BTreeMap<String, u64> {
    let mut copies = BTreeMap::new();
    for to in server.received().into_iter().flat_map(|message| message.rcpt_to) {
        *copies.entry(to).or_default() += 1;
    }
    copies
}
