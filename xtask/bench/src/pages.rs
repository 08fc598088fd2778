//! `bench pages`: the pages over a large store, as a browser asks for them, quiet and while a campaign is being sent.
//!
//! A million people, a campaign that went to all of them, and another that goes to them while pages are asked for. Measured
//! are the time from the question to the last octet of the answer over loopback, what comes over the wire, how often a page
//! that watches a campaign is drawn anew, and how often the ledger is read for one watcher and for fifty.

use crate::audience::{ZONE, write_message};
use crate::directory::Directory;
use crate::figures::Figures;
use crate::http::{Client, watch};
use crate::ledger::Ledger;
use crate::options::Options;
use crate::server::Server;
use crate::sink::{GONE, Sink};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const DOMAINS: u64 = 10;
/// One of so many people does not exist, so that there is something to look into.
const ONE_GONE_IN: u64 = 200;
const CONNECTIONS: u64 = 40;
/// Each page is looked at so often.
const LOOKS: usize = 9;
/// Watchers beside the one.
const WATCHERS: usize = 50;
/// For so long they watch.
const WATCHING: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Nothing measured here takes longer.
const LIMIT: Duration = Duration::from_secs(3_600);
const OWNER: &str = "owner@bench.test";
const PASSWORD: &str = "a bench of nine herons";
/// Pages beside those of a campaign.
const PAGES: [&str; 23] = [
    "/",
    "/campaigns",
    "/campaigns/new",
    "/contacts",
    "/contacts?q=person500000@d0.bench.test",
    "/segments",
    "/segments/new",
    // A rule that holds for a hundred in a million: the look of whoever makes it, and the list of its people.
    "/segments/new?text=attr.points+%3D%3D+%225%22",
    "/segments/new/people?text=attr.points+%3D%3D+%225%22",
    "/lists",
    "/imports",
    "/suppressions",
    "/sequences",
    "/lanes",
    "/sources",
    "/domains",
    "/alerts",
    "/events",
    "/events?hand=yes",
    "/settings",
    "/users",
    "/keys",
    "/webhooks",
];
/// Pages of a campaign, below its own address.
const OF_A_CAMPAIGN: [&str; 8] = [
    "",
    "/report",
    "/investigate",
    "/people",
    "/people?state=accepted",
    "/people?state=hard",
    "/people?state=soft",
    "/cancel",
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let people = options.number("people", 1_000_000)?;
    let directory = Directory::create("pages")?;
    let ledger = Ledger::new(directory.file("data"))?;
    let contacts = directory.file("people.csv");
    write_people(&contacts, people)?;
    ledger.import(&contacts)?;
    let password = directory.file("password");
    fs::write(&password, PASSWORD)?;
    let sink = Sink::start()?;
    let server = Server::start_owned(&ledger, &sink, CONNECTIONS, (OWNER, &password))?;
    let mut bench =
        Bench { client: server.client()?, server: &server, sink: &sink, directory: &directory, cookie: String::new() };
    bench.cookie = bench.client.sign_in(OWNER, PASSWORD)?;
    let begun = Instant::now();
    let past = bench.begin("past")?;
    bench.wait_until_over(&past)?;
    println!("bench pages: {people} were sent to in {:.0} s", begun.elapsed().as_secs_f64());
    let mut figures = Figures::default();
    let quiet = bench.look_at_all(&past)?;
    let before = sink.messages()?;
    let under_way = bench.begin("under way")?;
    while sink.messages()? == before {
        // Which also keeps the connection: a large audience takes a while.
        bench.state(&under_way)?;
        thread::sleep(LOOK_EVERY);
    }
    let running = bench.look_at_all(&under_way)?;
    bench.must_be(&under_way, "sending")?;
    show(&quiet, &running);
    figures.add("quiet_slowest_page_ms", slowest(&quiet));
    figures.add("running_slowest_page_ms", slowest(&running));
    let assets = bench.assets()?;
    let heaviest = quiet.iter().chain(&running).map(|page| page.bytes).max().unwrap_or(0);
    figures.add("first_load_bytes_max", (assets + heaviest) as f64);
    figures.add("later_load_bytes_max", heaviest as f64);
    let (slowest_drawn, _) = bench.watch(&under_way, WATCHERS)?;
    figures.add("drawn_per_s_of_the_slowest_watcher", slowest_drawn);
    bench.must_be(&under_way, "sending")?;
    // What the engine reads to send would hide what is read to watch.
    bench.ask("POST", &format!("/campaigns/{under_way}/pause"), &json!({ "because": "bench" }))?;
    thread::sleep(Duration::from_secs(3));
    figures.add("ledger_reads_per_s_by_nobody", bench.reads_while(|| thread::sleep(WATCHING))?);
    figures.add("ledger_reads_per_s_by_1_watcher", bench.watch(&under_way, 1)?.1);
    figures.add("ledger_reads_per_s_by_50_watchers", bench.watch(&under_way, WATCHERS)?.1);
    println!();
    figures.show(&json!({ "bench": "pages", "people": people }));
    drop(bench);
    server.stop()?;
    sink.stop()?;
    Ok(())
}

/// People as [`crate::audience::write_contacts`] writes them; some of them are gone.
fn write_people(path: &Path, people: u64) -> Result<()> {
    let mut csv = BufWriter::new(fs::File::create(path)?);
    writeln!(csv, "email,first_name,place,points")?;
    for number in 0..people {
        let who = if number % ONE_GONE_IN == 0 { GONE } else { "person" };
        writeln!(csv, "{who}{number}@d{}.{ZONE},Ada,Ghent,{}", number % DOMAINS, number * 37 % 9_973)?;
    }
    Ok(csv.flush()?)
}

struct Bench<'a> {
    client: Client,
    server: &'a Server,
    sink: &'a Sink,
    directory: &'a Directory,
    cookie: String,
}

/// What a page cost.
struct Looked {
    path: String,
    median_ms: f64,
    slowest_ms: f64,
    bytes: usize,
}

impl Bench<'_> {
    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.client.ask(method, &format!("/api/v1{path}"), &self.server.key, body)
    }

    /// Begins a campaign to everybody; its id.
    fn begin(&mut self, name: &str) -> Result<String> {
        let source = self.directory.file("message.html");
        write_message(&source, name)?;
        let campaign = json!({
            "name": name, "from": "Bench <news@sender.bench.test>", "subject": "News",
            "message": { "format": "html", "source": fs::read_to_string(&source)? },
            "audience": { "include": ["everyone"] }
        });
        let made = self.ask("POST", "/campaigns", &campaign)?;
        let id = made.get("id").and_then(Value::as_str).context("no campaign was made")?.to_owned();
        self.ask("POST", &format!("/campaigns/{id}/start"), &json!({ "cancel_window_seconds": 0 }))?;
        Ok(id)
    }

    fn state(&mut self, id: &str) -> Result<String> {
        let shown = self.ask("GET", &format!("/campaigns/{id}"), &Value::Null)?;
        Ok(shown.get("state").and_then(Value::as_str).context("a campaign without a state")?.to_owned())
    }

    fn must_be(&mut self, id: &str, state: &str) -> Result<()> {
        let is = self.state(id)?;
        if is == state { Ok(()) } else { bail!("the campaign is {is} and was to be {state}; take more people") }
    }

    fn wait_until_over(&mut self, id: &str) -> Result<()> {
        let begun = Instant::now();
        while self.state(id)? != "complete" {
            if begun.elapsed() > LIMIT {
                bail!("a campaign did not end; {} messages came", self.sink.messages()?);
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Every page, the campaign's among them.
    fn look_at_all(&mut self, campaign: &str) -> Result<Vec<Looked>> {
        let own = OF_A_CAMPAIGN.iter().map(|page| format!("/campaigns/{campaign}{page}"));
        let paths: Vec<String> = PAGES.iter().map(|page| (*page).to_owned()).chain(own).collect();
        paths.into_iter().map(|path| self.look_at(path)).collect()
    }

    fn look_at(&mut self, path: String) -> Result<Looked> {
        let (mut times_ms, mut bytes) = (Vec::new(), 0);
        for _ in 0..LOOKS {
            let begun = Instant::now();
            let (status, length) = self.client.look(&path, &self.cookie)?;
            times_ms.push(begun.elapsed().as_secs_f64() * 1e3);
            // A campaign that is over leads from its own page to its report, and one that is over is not cancelled.
            if !matches!(status, 200 | 303 | 409) {
                bail!("{path} was answered with {status}");
            }
            bytes = length;
        }
        times_ms.sort_by(f64::total_cmp);
        let at = |place: usize| times_ms.get(place).copied().unwrap_or(f64::NAN);
        Ok(Looked { path, median_ms: at(LOOKS / 2), slowest_ms: at(LOOKS - 1), bytes })
    }

    /// Octets of the stylesheet, the icons and the scripts.
    fn assets(&mut self) -> Result<usize> {
        let page = self.client.read("/", &self.cookie)?;
        let place = page.split("/assets/").nth(1).and_then(|rest| rest.split('/').next()).context("no assets")?;
        let mut all = 0;
        for name in ["style.css", "icons.svg", "mark.svg", "live.js", "compose.js"] {
            all += self.client.look(&format!("/assets/{place}/{name}"), &self.cookie)?.1;
        }
        Ok(all)
    }

    /// So many watch a campaign's page at once: how often a second the one that was drawn least was drawn, and how often the
    /// ledger was read.
    fn watch(&mut self, campaign: &str, watchers: usize) -> Result<(f64, f64)> {
        let path = format!("/campaigns/{campaign}/live");
        let (address, cookie) = (self.server.address.clone(), self.cookie.clone());
        let mut drawn = Vec::new();
        let reads = self.reads_while(|| {
            drawn = thread::scope(|scope| {
                let one = || watch(&address, &path, &cookie, WATCHING);
                let all: Vec<_> = (0..watchers).map(|_| scope.spawn(one)).collect();
                all.into_iter().map(|one| one.join().unwrap_or_else(|_| bail!("a watcher broke"))).collect()
            });
        })?;
        let counts = drawn.into_iter().collect::<Result<Vec<u64>>>()?;
        let least = counts.into_iter().min().context("nobody watched")?;
        Ok((least as f64 / WATCHING.as_secs_f64(), reads))
    }

    /// Reads of the ledger a second meanwhile.
    fn reads_while(&mut self, work: impl FnOnce()) -> Result<f64> {
        let (before, begun) = (self.reads()?, Instant::now());
        work();
        Ok((self.reads()? - before) / begun.elapsed().as_secs_f64())
    }

    /// Over a connection of its own: one that is kept would not outlive what is done in between.
    fn reads(&mut self) -> Result<f64> {
        self.client = self.server.client()?;
        self.client.send("GET", "/metrics", &self.server.key, "text/plain", b"")?;
        let text = self.client.text();
        let line = text.lines().find_map(|line| line.strip_prefix("postroom_ledger_reads_total "));
        Ok(line.context("the server does not count what it reads")?.parse()?)
    }
}

fn slowest(pages: &[Looked]) -> f64 {
    pages.iter().map(|page| page.median_ms).fold(0.0, f64::max)
}

fn show(quiet: &[Looked], running: &[Looked]) {
    println!("\n    median ms (slowest): quiet, while a campaign is sent; octets over the wire");
    for (quiet, running) in quiet.iter().zip(running) {
        println!(
            "    {:>7.1} ({:>6.1}) {:>7.1} ({:>6.1}) {:>7}  {}",
            quiet.median_ms,
            quiet.slowest_ms,
            running.median_ms,
            running.slowest_ms,
            quiet.bytes.max(running.bytes),
            quiet.path
        );
    }
}
