//! `bench backlog`: the same campaign with millions of others waiting in the ledger, and without them.
//!
//! One ledger gets a campaign of that size, built and then paused before more than a few of it are sent; the other none.
//! Then both send campaigns of the usual size in turn. At last a campaign is killed in the middle, and it is measured how
//! long the next process takes from its start to its first message at the receiver.

use crate::audience::{write_contacts, write_message};
use crate::directory::Directory;
use crate::figures::{Figures, with};
use crate::ledger::{Campaign, Ledger};
use crate::options::Options;
use crate::process::measure;
use crate::send::measured;
use crate::sink::Sink;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Domains that those who wait are spread over.
const DOMAINS_BEHIND: u64 = 20_000;
/// Domains of the campaigns that are measured.
const DOMAINS: u64 = 10;
/// Between two looks at a campaign that is being built.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Building takes no longer than this.
const BUILD_LIMIT: Duration = Duration::from_secs(1_800);
/// A campaign is killed so long after its first message.
const KILL_AFTER: Duration = Duration::from_millis(1_500);
/// A restarted process has sent something after this at the latest.
const RESTART_LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(options: &Options) -> Result<()> {
    let bench = Bench {
        people: options.number("recipients", 50_000)?,
        behind: options.number("behind", 5_000_000)?,
        connections: options.number("connections", 40)?,
        durability: options.text("durability", "power").to_owned(),
        directory: Directory::create("backlog")?,
        sink: Sink::start()?,
    };
    let runs = options.number("runs", 5)?.max(1);
    let (alone, behind) = (bench.ledger("alone", false)?, bench.ledger("behind", true)?);
    let about = json!({ "bench": "backlog", "recipients": bench.people, "durability": bench.durability });
    let (mut without, mut with_backlog) = (Vec::new(), Vec::new());
    for number in 0..runs {
        for (ledger, behind, all) in [(&alone, 0, &mut without), (&behind, bench.behind, &mut with_backlog)] {
            println!("\n{} recipients, {behind} behind them", bench.people);
            let figures = bench.one(ledger, number)?;
            figures.show(&with(&about, "behind", &json!(behind)));
            all.push(figures);
        }
    }
    let (without, with_backlog) = (Figures::medians(&without), Figures::medians(&with_backlog));
    let about = with(&about, "runs", &json!(runs));
    println!("\nmedians without a backlog");
    without.show(&with(&about, "behind", &json!(0)));
    println!("\nmedians with {} behind", bench.behind);
    let mut medians = with_backlog;
    medians.add("cpu_to_that_alone", medians.get("ratio") / without.get("ratio"));
    medians.add("restart_to_first_message_s", bench.restart(&behind)?);
    medians.show(&with(&about, "behind", &json!(bench.behind)));
    bench.sink.stop()?;
    Ok(())
}

struct Bench {
    people: u64,
    behind: u64,
    connections: u64,
    durability: String,
    directory: Directory,
    sink: Sink,
}

impl Bench {
    fn contacts(&self, of: &str) -> PathBuf {
        self.directory.file(&format!("{of}.csv"))
    }

    /// A ledger with the people to send to, and with a backlog if it is to have one.
    fn ledger(&self, name: &str, has_backlog: bool) -> Result<Ledger> {
        let ledger = Ledger::new(self.directory.file(name))?;
        if has_backlog {
            let started = Instant::now();
            write_contacts(&self.contacts("waiting"), "waiting", self.behind, DOMAINS_BEHIND)?;
            ledger.import(&self.contacts("waiting"))?;
            self.queue_and_pause(&ledger)?;
            println!("bench backlog: {} queued in {:.0} s", self.behind, started.elapsed().as_secs_f64());
        }
        write_contacts(&self.contacts("people"), "person", self.people, DOMAINS)?;
        ledger.import(&self.contacts("people"))?;
        Ok(ledger)
    }

    /// Starts a campaign to everybody imported and pauses it as soon as it is built.
    fn queue_and_pause(&self, ledger: &Ledger) -> Result<()> {
        let message = self.directory.file("waiting.html");
        write_message(&message, "waiting")?;
        let contacts = self.contacts("waiting");
        let campaign =
            Campaign { name: "waiting", message: &message, contacts: &contacts, durability: &self.durability };
        let mut sending = ledger.send(&campaign, &self.sink, self.connections);
        let mut sending = sending.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let started = Instant::now();
        while state(ledger, "waiting").as_deref() != Some("sending") {
            if started.elapsed() > BUILD_LIMIT || sending.try_wait()?.is_some() {
                sending.kill().ok();
                bail!("the campaign that is to wait was not built");
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let pause = measure(ledger.command(&["pause", "waiting"]))?;
        sending.wait()?;
        if pause.exit_code == 0 {
            Ok(())
        } else {
            bail!("the campaign that is to wait was not paused:\n{}", pause.stdout)
        }
    }

    fn one(&self, ledger: &Ledger, number: u64) -> Result<Figures> {
        let name = format!("bench {number}");
        let message = self.directory.file("message.html");
        write_message(&message, &name)?;
        let contacts = self.contacts("people");
        let campaign = Campaign { name: &name, message: &message, contacts: &contacts, durability: &self.durability };
        measured(ledger, &campaign, &self.sink, self.people, self.connections)
    }

    /// Seconds from the start of a process to its first message, after another was killed in the middle of sending.
    fn restart(&self, ledger: &Ledger) -> Result<f64> {
        let message = self.directory.file("message.html");
        write_message(&message, "restart")?;
        let contacts = self.contacts("people");
        let campaign =
            Campaign { name: "restart", message: &message, contacts: &contacts, durability: &self.durability };
        let mut killed = ledger.send(&campaign, &self.sink, self.connections);
        let mut killed = killed.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        self.first_message(&mut killed)?;
        std::thread::sleep(KILL_AFTER);
        killed.kill()?;
        killed.wait()?;
        let started = Instant::now();
        let mut resumed = ledger.command(&["resume", "restart", "--wait", "first"]);
        let mut resumed = resumed.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        self.first_message(&mut resumed)?;
        let restart_s = started.elapsed().as_secs_f64();
        resumed.wait()?;
        Ok(restart_s)
    }

    /// Waits until the sink has taken a message of `sender`.
    fn first_message(&self, sender: &mut Child) -> Result<()> {
        let (before, started) = (self.sink.messages()?, Instant::now());
        while self.sink.messages()? == before {
            if started.elapsed() > RESTART_LIMIT || sender.try_wait()?.is_some() {
                sender.kill().ok();
                bail!("nothing was sent");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// The state of a campaign, as `postroom status` says; `None` while there is none, which is no news and not shown.
fn state(ledger: &Ledger, name: &str) -> Option<String> {
    let shown = ledger.command(&["status", name]).stderr(Stdio::null()).output().ok()?;
    let shown = String::from_utf8(shown.stdout).ok()?;
    let shown: Value = serde_json::from_str(shown.lines().last()?).ok()?;
    Some(shown.get("campaign")?.get("state")?.as_str()?.to_owned())
}
