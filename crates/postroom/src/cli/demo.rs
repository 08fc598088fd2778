//! `postroom demo`: the whole journey for somebody with nothing but a fresh clone.
//!
//! A thousand sample people with the flaws real lists have, a sample message, the real engine and the real ledger, and a
//! simulated internet in virtual time: thirty hours of retries in seconds. The ledger stays, so that every command
//! printed at the end works. Invariants: same seed, same object with `--json`; a directory that is not a demo's is
//! never touched.

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::sample;
use crate::show::{Style, called, command, lapse, report::Remarks, report::end_of_campaign};
use crate::stage::{Recorder, Recording};
use engine::launch::{self, Draft, MessageFile, Snapshot};
use engine::options::{Dkim, SendOptions, Timing, Tracking, Unsubscribe};
use engine::report::{Report, report};
use engine::{Engine, Stakes, Until};
use model::{Actor, CampaignKind, CampaignState, Timestamp, in_quotes};
use net::{Clock, SystemClock};
use serde::Serialize;
use sim::ledger::Folder;
use sim::people::{MESSAGE, MESSAGE_FILE, POSTAL_ADDRESS, SENDER, SENDER_DOMAIN};
use sim::world::{EPOCH, SimWorld};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{Campaign, Durability, Executor, OpenOptions, Store};

/// Where the demo's ledger is when nothing else is said.
const DEMO_DIR: &str = "./postroom-demo";
/// The file that says that a directory is a demo's and may be replaced.
const MARK: &str = ".postroom-demo";
/// What stands in that file.
const MARK_TEXT: &str = "Made by postroom demo. The next demo replaces what it made here; delete it any time.\n";
/// What a demo leaves in its directory; nothing else is ever removed.
const LEFT_BEHIND: [&str; 12] = [
    sample::PEOPLE_FILE,
    sample::REJECTS_FILE,
    MESSAGE_FILE,
    "ledger.db",
    "ledger.db-wal",
    "ledger.db-shm",
    "secrets",
    "inflight",
    "inflight-replies",
    "lock",
    "erasures",
    "control.sock",
];
/// The campaign's name.
const CAMPAIGN: &str = "Spring news";
/// Two people of the sample with a story worth asking for.
const STORIES: [&str; 2] = ["ada.full@northmail.test", "kim.left@harbour-bank.test"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many people
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    /// Decides every draw: the same seed, the same story
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// No show on the terminal, only the end
    #[arg(long)]
    fast: bool,
}

/// What a demo came to.
struct Played {
    report: Report,
    trace: String,
    seen: Simulator,
    over_at: Timestamp,
    recording: Recording,
}

/// What only the receiving side can tell.
#[derive(Clone, Copy, Debug, Serialize)]
struct Simulator {
    inbox: u64,
    spam: u64,
    silently_dropped: u64,
    conversations: u64,
    connections: u64,
}

/// The answer with `--json`.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    report: &'a Report,
    seed: u64,
    virtual_seconds: u64,
    simulator: Simulator,
    trace: &'a str,
}

pub(crate) async fn run(args: Args, dir: Option<&Path>, output: &Output) -> Result<Exit, Failure> {
    let dir = dir.unwrap_or(Path::new(DEMO_DIR)).to_owned();
    make_room(&dir)?;
    let wall = SystemClock::new();
    let began = wall.now();
    let is_shown = output.is_watched() && !output.is_json() && !args.fast;
    let (people, seed) = (args.people as usize, args.seed);
    let waiting = is_shown.then(|| output.spinner("thirty hours pass in virtual time"));
    let played = {
        let dir = dir.clone();
        #[expect(clippy::disallowed_methods, reason = "the whole simulation runs on that one thread, on its own clock")]
        tokio::task::spawn_blocking(move || play_alone(&dir, people, seed)).await
    };
    if let Some(spinner) = waiting {
        spinner.finish_and_clear();
    }
    let played = played.map_err(|error| Failure::own("the demo stopped by a fault of this program", error))??;
    let took = wall.now().since(began);
    if is_shown {
        played.recording.replay(output).await;
    }
    let virtual_time = played.over_at.since(EPOCH);
    let told = Told {
        report: &played.report,
        seed,
        virtual_seconds: virtual_time.as_secs(),
        simulator: played.seen,
        trace: &played.trace,
    };
    output.answer(&told, || {
        let style = Style::of_this_process(output, &dir, played.over_at);
        end_of_campaign(&played.report, &style, &remarks(&played, virtual_time, took, seed, &dir))
    });
    Ok(if played.report.is_settled() { Exit::Done } else { Exit::RetriesRemain })
}

fn remarks(played: &Played, virtual_time: Duration, took: Duration, seed: u64, dir: &Path) -> Remarks {
    let Simulator { spam, silently_dropped, .. } = played.seen;
    let mut ask_next: Vec<String> = STORIES.iter().map(|address| format!("why {address}")).collect();
    ask_next.push("report 1 --blocked".to_owned());
    ask_next.push("lanes".to_owned());
    Remarks {
        facts: vec![format!("{} of virtual time in {}", lapse(virtual_time), lapse(took)), format!("seed {seed}")],
        beyond: Some(format!("Only the simulator can tell: {spam} in spam, {silently_dropped} silently dropped.")),
        data: Some(format!("data in {}, delete it any time", dir.display())),
        ask_next,
        ..Remarks::default()
    }
}

/// Is this the data of a demo? Then its clock stands where the demo ended.
pub(crate) fn is_demo(dir: &Path) -> bool {
    dir.join(MARK).is_file()
}

/// Refuses a campaign of the demo where somebody would send it: its people and their servers were in the simulated world that
/// ended with the demo, and here nobody would ever answer.
pub(crate) fn refuse_to_send(dir: &Path, campaign: &Campaign) -> Result<(), Failure> {
    let was_simulated =
        is_demo(dir) && launch::snapshot(campaign).is_ok_and(|known| known.options.transport == sample::transport());
    if !was_simulated {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "campaign {} (number {}) was sent in the simulated world of a demo, which is over: its people and their servers are \
         not there any more, and nobody would be reached",
        in_quotes(&campaign.name),
        campaign.number
    ))
    .advise(format!("to see it again from the beginning: {}", command(dir, "demo")))
    .advise(format!("to see what came of it: {}", command(dir, &format!("report {}", campaign.number))))
    .advise(format!("for a simulated world that goes on: {}, then its page /first", called("serve"))))
}

// ── the directory ────────────────────────────────────────────────────────────────────────────────────────────────

/// Makes the directory, or removes what a former demo left in it. Refuses any other directory.
fn make_room(dir: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::own(format!("the demo's directory {} cannot be made", dir.display()), error)
            .advise("name another: --data DIR")
    };
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => fs::create_dir_all(dir).map_err(cannot)?,
        Err(error) => return Err(cannot(error)),
        Ok(true) => {}
        Ok(false) if is_demo(dir) => {
            for name in LEFT_BEHIND {
                match fs::remove_file(dir.join(name)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
                    _ => {}
                }
            }
        }
        Ok(false) => {
            return Err(Failure::bad_input(format!(
                "{} is there and is no former demo: it stays as it is",
                dir.display()
            ))
            .advise("name another directory: --data DIR"));
        }
    }
    fs::write(dir.join(MARK), MARK_TEXT).map_err(cannot)
}

// ── the play ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Plays on a runtime of its own whose clock stands still whenever somebody works.
fn play_alone(dir: &Path, people: usize, seed: u64) -> Result<Played, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| Failure::own("virtual time could not be started", error))?;
    runtime.block_on(play(dir, people, seed))
}

async fn play(dir: &Path, people: usize, seed: u64) -> Result<Played, Failure> {
    let sim = SimWorld::new(seed);
    let key = sample::publish_key(&sim)?;
    let actor = Actor::CommandLine("demo".to_owned());
    let (clock, entropy) = (sim.world.clock.clone(), sim.world.entropy.clone());
    let mut fresh_key = [0; 32];
    entropy.fill("address key", &mut fresh_key);
    let options = OpenOptions {
        executor: Executor::Inline,
        durability: Durability::Process,
        ..OpenOptions::directory(dir, fresh_key)
    };
    let store = Store::open(options, clock.now())?;
    let import = sample::people_in(&store, &sim, dir, (people, seed), &actor).await?;
    sample::keep_key(&store, &sim, &key, &actor).await?;
    let file = MessageFile::new(MESSAGE_FILE.to_owned(), MESSAGE.to_owned());
    let snapshot = Snapshot {
        file,
        options: options_of_demo(),
        columns: import.columns.clone(),
        never_mailed: false,
        trial: None,
    };
    let draft = Draft {
        name: CAMPAIGN.to_owned(),
        snapshot,
        imports: vec![import],
        stakes: Stakes::Rehearsal,
        kind: CampaignKind::Broadcast,
    };
    let campaign = launch::launch(&store, &draft, &actor, clock.now()).await?.campaign;
    let campaign = store.set_campaign_state(campaign.id, CampaignState::Sending, None, &actor, clock.now()).await?;
    let mailing = launch::mailing(&store, &campaign, entropy.as_ref()).await?;
    let recorder = Arc::new(Recorder::new(clock.clone(), store.tally(campaign.id).await?));
    let engine = Engine::new(store.clone(), sim.world.clone(), sim::world::settings(), recorder.clone());
    Box::pin(engine.run(vec![mailing], Until::Settled)).await?;
    let over_at = clock.now();
    Ok(Played {
        report: report(&store, campaign.id, over_at).await?,
        trace: sim.internet.trace_hash(),
        seen: seen(&sim),
        over_at,
        recording: recorder.recording(),
    })
}

fn options_of_demo() -> SendOptions {
    SendOptions {
        from: SENDER.to_owned(),
        subject: None,
        return_path: SENDER_DOMAIN.to_owned(),
        unsubscribe: Unsubscribe::PublicUrl(format!("https://{SENDER_DOMAIN}")),
        postal_address: Some(POSTAL_ADDRESS.to_owned()),
        dkim: Some(Dkim { domain: SENDER_DOMAIN.to_owned(), selector: sample::SELECTOR.to_owned() }),
        transport: sample::transport(),
        connections: None,
        retry: None,
        timing: Timing::default(),
        require_tls: false,
        tracking: Tracking::default(),
        topic: None,
    }
}

fn seen(sim: &SimWorld) -> Simulator {
    let in_folder = |folder| {
        sim.internet.with_ledger(|ledger| ledger.arrivals().iter().filter(|copy| copy.folder == folder).count() as u64)
    };
    Simulator {
        inbox: in_folder(Folder::Inbox),
        spam: in_folder(Folder::Spam),
        silently_dropped: in_folder(Folder::Dropped),
        conversations: sim.internet.begun(),
        connections: sim.internet.tries(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_former_demo_is_replaced_and_nothing_foreign_in_it() {
        let root = tempfile::tempdir().unwrap();
        let (mine, theirs) = (root.path().join("mine"), root.path().join("theirs"));
        make_room(&mine).unwrap();
        fs::write(mine.join("ledger.db"), "old").unwrap();
        fs::write(mine.join("notes.txt"), "keep").unwrap();
        make_room(&mine).unwrap();
        assert!(!mine.join("ledger.db").exists() && mine.join("notes.txt").exists());
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("ledger.db"), "precious").unwrap();
        assert_eq!(make_room(&theirs).unwrap_err().exit, Exit::BadInput);
        assert_eq!(fs::read_to_string(theirs.join("ledger.db")).unwrap(), "precious");
    }
}
