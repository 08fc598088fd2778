//! The Python SMTP server as a child: starts it, reads its log.

use super::{START_TIMEOUT, end, find_program, kit_file, octets, skipped, wait_until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// A running server. Dropping it closes its standard input, on which it ends.
pub struct PythonSmtp {
    child: Child,
    stdin: Option<ChildStdin>,
    directory: TempDir,
    pub port: u16,
}

/// One message it accepted.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which connection brought it, from 1.
    pub connection: u64,
    pub mail_from: String,
    pub rcpt_to: Vec<String>,
    /// As sent, dots unstuffed.
    pub message: Vec<u8>,
}

impl PythonSmtp {
    /// Starts one on a free port; `options` as `smtp_server.py --help` lists them.
    pub fn start(options: &[&str]) -> Option<PythonSmtp> {
        let Some(python) = find_program("python3") else {
            skipped("python3");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(python)
            .arg(kit_file("smtp_server.py"))
            .arg("--log")
            .arg(directory.path().join("accepted.jsonl"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (ready, when_ready) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            ready.send(line).ok();
        });
        let stdin = child.stdin.take();
        let mut server = PythonSmtp { child, stdin, directory, port: 0 };
        let line = when_ready.recv_timeout(START_TIMEOUT).expect("the Python SMTP server says when it is ready");
        let said: Value = serde_json::from_str(&line).expect("its first line is JSON");
        server.port = said["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("its port");
        Some(server)
    }

    /// `host:port` as command lines take it.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it writes what it accepted.
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("accepted.jsonl")
    }

    /// Everything accepted so far, in the order of the final dots. A line still being written is left out.
    pub fn received(&self) -> Vec<Received> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole.lines().map(read_line).collect()
    }

    /// Waits until `count` messages are there; returns what there is when the time is over.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        let enough = || Some(self.received()).filter(|received| received.len() >= count);
        wait_until(limit, enough).unwrap_or_else(|| self.received())
    }
}

impl Drop for PythonSmtp {
    fn drop(&mut self) {
        drop(self.stdin.take());
        end(&mut self.child);
    }
}

fn read_line(line: &str) -> Received {
    let value: Value = serde_json::from_str(line).expect("the log is JSON lines");
    let recipients = value["rcpt_to"].as_array().unwrap();
    Received {
        connection: value["connection"].as_u64().unwrap(),
        mail_from: value["mail_from"].as_str().unwrap().to_owned(),
        rcpt_to: recipients.iter().map(|to| to.as_str().unwrap().to_owned()).collect(),
        message: octets(value["message"].as_str().unwrap()),
    }
}
