//! `bench beside`: does sending slow down while a long file is imported over the API?
//!
//! One server, the same people. A campaign is sent alone, then another; with its first message the import of a file of as
//! many rows as wanted begins. The rate is that of the sink, from the first message until the last, or until the import
//! is done. There have to be more people than can be sent to while it lasts.

use crate::audience::{write_contacts, write_message};
use crate::directory::Directory;
use crate::figures::Figures;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::server::Server;
use crate::sink::Sink;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Domains of the campaigns.
const DOMAINS: u64 = 10;
/// Between two looks at what the sink has.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Nothing measured here takes longer.
const LIMIT: Duration = Duration::from_secs(1_800);

pub(crate) fn run(options: &Options) -> Result<()> {
    let people = options.number("recipients", 400_000)?;
    let rows = options.number("rows", 1_000_000)?;
    let runs = options.number("runs", 3)?.max(1);
    let directory = Directory::create("beside")?;
    let ledger = Ledger::new(directory.file("data"))?;
    let sink = Sink::start()?;
    let contacts = directory.file("people.csv");
    write_contacts(&contacts, "person", people, DOMAINS)?;
    ledger.import(&contacts)?;
    ledger.keygen()?;
    let server = Server::start(&ledger, &sink, options.number("connections", 40)?)?;
    let bench = Bench { server: &server, sink: &sink, directory: &directory, people };
    let about = json!({ "bench": "beside", "recipients": people, "rows": rows });
    let mut all = Vec::new();
    for run in 0..runs {
        let (alone, _) = bench.campaign(&format!("alone {run}"), None)?;
        let file = bench.send_in(run, rows)?;
        let (beside, job) = bench.campaign(&format!("beside {run}"), Some(&file))?;
        let job = job.context("no import was begun")?;
        let mut figures = Figures::default();
        figures.add("alone_messages_per_s", alone);
        figures.add("beside_messages_per_s", beside);
        figures.add("beside_to_alone", beside / alone);
        figures.add("import_rows_per_s", rows as f64 / bench.finish(&job)?.as_secs_f64());
        figures.show(&about);
        all.push(figures);
    }
    Figures::show_medians(&all, &about);
    server.stop()?;
    sink.stop()?;
    Ok(())
}

struct Bench<'a> {
    server: &'a Server,
    sink: &'a Sink,
    directory: &'a Directory,
    people: u64,
}

/// An import under way.
struct Job {
    path: String,
    begun: Instant,
}

impl Bench<'_> {
    /// Over a connection of its own: one that is kept would not outlive a campaign.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.server.client()?.ask(method, &format!("/api/v1{path}"), &self.server.key, body)
    }

    /// Sends a campaign to everybody of the first import, and imports a file beside it, if there is one, from its first
    /// message on; messages a second from then until the last, or until the import is done.
    fn campaign(&self, name: &str, beside: Option<&Value>) -> Result<(f64, Option<Job>)> {
        let imports = self.ask("GET", "/imports?limit=500", &Value::Null)?;
        let imports = imports.get("data").and_then(Value::as_array).context("no imports")?;
        let first = imports.last().and_then(|import| import.get("id")).context("no import")?.clone();
        let source = self.directory.file("message.html");
        write_message(&source, name)?;
        let campaign = json!({
            "name": name, "from": "Bench <news@sender.bench.test>", "subject": "News",
            "message": { "format": "html", "source": fs::read_to_string(&source)? },
            "audience": { "include": [first] }
        });
        let made = self.ask("POST", "/campaigns", &campaign)?;
        let id = made.get("id").and_then(Value::as_str).context("no campaign was made")?.to_owned();
        self.ask("POST", &format!("/campaigns/{id}/start"), &json!({ "cancel_window_seconds": 0 }))?;
        let before = self.sink.messages()?;
        let started = Instant::now();
        let (mut first_at, mut job) = (None, None);
        loop {
            thread::sleep(LOOK_EVERY);
            let sent = self.sink.messages()? - before;
            if sent > 0 && first_at.is_none() {
                job = beside.map(|file| self.begin_import(file)).transpose()?;
                first_at = Some((Instant::now(), sent));
            }
            let Some((since, already)) = first_at else {
                if started.elapsed() > LIMIT {
                    bail!("nothing of {name} was sent");
                }
                continue;
            };
            let import_is_over = match &job {
                Some(job) => !self.is_running(job)?,
                None => false,
            };
            if sent >= self.people || import_is_over {
                let rate = (sent - already) as f64 / since.elapsed().as_secs_f64();
                self.wait_for(before + self.people)?;
                return Ok((rate, job));
            }
        }
    }

    fn wait_for(&self, messages: u64) -> Result<()> {
        let started = Instant::now();
        while self.sink.messages()? < messages {
            if started.elapsed() > LIMIT {
                bail!("a campaign did not end");
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Sends a file in; what it is called there.
    fn send_in(&self, run: u64, rows: u64) -> Result<Value> {
        let file = self.directory.file("rows.csv");
        write_contacts(&file, &format!("row{run}x"), rows, 1_000)?;
        let rows = fs::read(&file)?;
        let (status, sent) =
            self.server.client()?.send("POST", "/api/v1/imports/files", &self.server.key, "text/csv", &rows)?;
        if status != 201 {
            bail!("the file was answered with {status}: {sent}");
        }
        Ok(sent.get("file").context("the file has no name")?.clone())
    }

    fn begin_import(&self, file: &Value) -> Result<Job> {
        let job = self.ask("POST", "/imports", &json!({ "file": file }))?;
        let id = job.get("id").and_then(Value::as_str).context("no job was begun")?;
        Ok(Job { path: format!("/jobs/{id}"), begun: Instant::now() })
    }

    fn is_running(&self, job: &Job) -> Result<bool> {
        let shown = self.ask("GET", &job.path, &Value::Null)?;
        match shown.get("state").and_then(Value::as_str) {
            Some("running") => Ok(true),
            Some("done") => Ok(false),
            _ => bail!("the import failed: {shown}"),
        }
    }

    /// Waits for the end of an import; how long it took.
    fn finish(&self, job: &Job) -> Result<Duration> {
        while self.is_running(job)? {
            if job.begun.elapsed() > LIMIT {
                bail!("an import did not end");
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(job.begun.elapsed())
    }
}
