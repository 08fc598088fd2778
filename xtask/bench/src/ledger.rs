//! A data directory under test, and the commands an operator would give to it.

use crate::directory::postroom;
use crate::process::measure;
use crate::send::succeeded;
use crate::sink::Sink;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The domain that sends and signs.
const SENDER: &str = "sender.bench.test";

/// A data directory and the binary that works on it.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) data: PathBuf,
    postroom: PathBuf,
}

/// A campaign to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Campaign<'a> {
    pub(crate) name: &'a str,
    pub(crate) message: &'a Path,
    pub(crate) contacts: &'a Path,
    pub(crate) durability: &'a str,
}

impl Ledger {
    pub(crate) fn new(data: PathBuf) -> Result<Ledger> {
        Ok(Ledger { data, postroom: postroom()? })
    }

    /// `postroom WHAT --data … --json`.
    pub(crate) fn command(&self, what: &[&str]) -> Command {
        let mut command = Command::new(&self.postroom);
        command.args(what).arg("--data").arg(&self.data).arg("--json");
        command
    }

    pub(crate) fn import(&self, contacts: &Path) -> Result<()> {
        let mut import = self.command(&["import"]);
        import.arg(contacts);
        succeeded(&measure(import)?)
    }

    /// Makes the key of the sending domain, which is there long before a campaign is.
    pub(crate) fn keygen(&self) -> Result<()> {
        succeeded(&measure(self.command(&["domain", "keygen", SENDER]))?)
    }

    /// `postroom send` toward the sink.
    pub(crate) fn send(&self, campaign: &Campaign<'_>, sink: &Sink, connections: u64) -> Command {
        let mut send = self.command(&["send", "--from", &format!("Bench <news@{SENDER}>"), "--yes"]);
        send.args(["--name", campaign.name, "--durability", campaign.durability]);
        send.arg("--message").arg(campaign.message).arg("--contacts").arg(campaign.contacts);
        send.args(["--dns", &format!("127.0.0.1:{}", sink.dns_port), "--port", &sink.smtp_port.to_string()]);
        send.args(["--connections", &connections.to_string(), "--public-url", "https://news.bench.test"]);
        send
    }
}
