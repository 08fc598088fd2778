//! Stories: people, a message, a world with faults, commands in the middle, and what came of it all.
//!
//! A scenario runs the real engine over the real store against the simulated internet, on virtual time, twice: both
//! runs must leave the same trace. After each, the standing checks of [`crate::check`] are made. What it gives back is
//! meant to be read: the equation, and each person's tries with the receivers' words.
//!
//! A kill is real as far as it can be: the runtime with every task on it is dropped at that instant, the store is
//! opened again from its directory, and the receivers, who know nothing of it, go on.

use crate::check::{self, Gauge, Outcome, Stop};
use crate::dns::Zone;
use crate::fault::{Fault, Trouble};
use crate::ledger::{Arrival, Folder, Sighting};
use crate::people::{POSTAL_ADDRESS, SENDER, SENDER_DOMAIN};
use crate::provider::Profile;
use crate::trace::Trace;
use crate::world::{EPOCH, SimWorld};
use dispatch::react::Policy;
use dispatch::retry::Schedule;
use engine::launch::{self, Draft, MessageFile, Snapshot};
use engine::note::{Note, Watch};
use engine::options::{Dkim, SendOptions, Transport, Unsubscribe};
use engine::{CONNECTIONS_MAX, Ceiling, Engine, Handle, RunEnd, Settings, Until, Way};
use mail::sign::SigningKey;
use model::{
    Actor, CampaignId, CampaignState, DeliveryState, EmailAddress, MailDomain, SuppressionReason, Tally, Timestamp,
    WorkspaceId,
};
use smtp::client::Timeouts;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{AttemptRow, Campaign, DeliveryRow, Import, ImportRow, NewImport, OpenOptions, Store, Target};
use tokio::task::JoinHandle;

/// Deliveries read from the ledger at a time.
const PAGE: usize = 1_000;
/// A story is told person by person up to so many people.
const TOLD_MAX: usize = 40;
/// The longest a story may take; a scenario that has not ended by then never will.
const STORY: Duration = Duration::from_secs(14 * 24 * 3_600);
/// What the tests of an engine need: one short message.
const MESSAGE: &str = "---\nsubject: Spring news\n---\nDear {{ email }},\n\nspring is here.\n\n[Unsubscribe]({{ \
                       unsubscribe_url }})\n\n{{ postal_address }}\n";

/// Something done while a campaign is under way.
#[derive(Clone, Debug)]
pub enum Action {
    /// An address is suppressed.
    Suppress(String, SuppressionReason),
    /// The campaign is paused.
    Pause,
    /// It is resumed.
    Resume,
    /// It is cancelled.
    Cancel,
    /// The process dies and is started again at once. Needs [`Scenario::in_directory`].
    Kill,
    /// DNS changes.
    Dns(fn(&Zone)),
}

/// A story to be played.
#[derive(Clone, Debug)]
pub struct Scenario {
    seed: u64,
    profiles: Vec<Arc<Profile>>,
    people: Vec<String>,
    suppressed: Vec<(String, SuppressionReason)>,
    faults: Vec<Fault>,
    actions: Vec<(Duration, Action)>,
    dns: Vec<fn(&Zone)>,
    settings: Option<fn(&mut Settings)>,
    authentic: bool,
    directory: Option<PathBuf>,
}

/// What came of a story.
#[derive(Debug)]
pub struct Ended {
    /// How many deliveries stand where.
    pub tally: Tally,
    /// Where the campaign stands.
    pub campaign: Campaign,
    /// How the last run of the engine ended.
    pub run: RunEnd,
    /// Each delivery and its tries, by address.
    pub deliveries: Vec<(DeliveryRow, Vec<AttemptRow>)>,
    /// The copies the receivers took.
    pub arrivals: Vec<Arrival>,
    /// The recipients they were asked about.
    pub sightings: Vec<Sighting>,
    /// The suppression list at the end, by what is shown.
    pub suppressed: BTreeMap<String, SuppressionReason>,
    /// When it was over.
    pub over_at: Timestamp,
    /// Which standing checks were broken, in words.
    pub breaches: Vec<String>,
    /// What happened.
    pub trace: Trace,
}

impl Scenario {
    /// These people, the shipped providers, nothing amiss.
    pub fn of(people: &[&str]) -> Scenario {
        Scenario {
            seed: 7,
            profiles: Profile::shipped(),
            people: people.iter().map(|person| (*person).to_owned()).collect(),
            suppressed: Vec::new(),
            faults: Vec::new(),
            actions: Vec::new(),
            dns: Vec::new(),
            settings: None,
            authentic: true,
            directory: None,
        }
    }

    /// `count` people at `domain`: `person1`, `person2`, …
    pub fn crowd(count: usize, domain: &str) -> Scenario {
        let mut scenario = Scenario::of(&[]);
        scenario.people = (1..=count).map(|n| format!("person{n}@{domain}")).collect();
        scenario
    }

    /// And these.
    pub fn and(mut self, other: Scenario) -> Scenario {
        self.people.extend(other.people);
        self
    }

    /// With another seed.
    pub fn seed(mut self, seed: u64) -> Scenario {
        self.seed = seed;
        self
    }

    /// With a provider changed.
    pub fn provider(mut self, key: &str, change: impl Fn(&mut Profile)) -> Scenario {
        for profile in self.profiles.iter_mut().filter(|profile| profile.key == key) {
            change(Arc::make_mut(profile));
        }
        self
    }

    /// With somebody suppressed before it begins.
    pub fn suppressed(mut self, address: &str, reason: SuppressionReason) -> Scenario {
        self.suppressed.push((address.to_owned(), reason));
        self
    }

    /// With a fault of a host or provider, from and until so long after the beginning.
    pub fn fault(mut self, at: &str, from: Duration, until: Duration, trouble: Trouble) -> Scenario {
        self.faults.push(Fault { at: at.to_owned(), from: EPOCH + from, until: EPOCH + until, trouble });
        self
    }

    /// With something done so long after the beginning. Actions are given in the order of their times.
    pub fn then(mut self, after: Duration, action: Action) -> Scenario {
        self.actions.push((after, action));
        self
    }

    /// With other names in DNS.
    pub fn dns(mut self, change: fn(&Zone)) -> Scenario {
        self.dns.push(change);
        self
    }

    /// With other settings of the engine.
    pub fn settings(mut self, change: fn(&mut Settings)) -> Scenario {
        self.settings = Some(change);
        self
    }

    /// With a sending domain that has published nothing that could vouch for it.
    pub fn unauthenticated(mut self) -> Scenario {
        self.authentic = false;
        self
    }

    /// With the ledger in a directory (one for each of the two runs is made inside), so that the process can die.
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Scenario {
        self.directory = Some(directory.into());
        self
    }

    /// Plays the story twice. Panics, saying why, when the runs differ or a standing check is broken.
    pub fn play(&self) -> Ended {
        let (first, second) = (self.play_once("first"), self.play_once("second"));
        if let Some((line, one, other)) = first.trace.parting(&second.trace) {
            panic!("two runs of one seed part at line {line} of the trace:\n  first:  {one}\n  second: {other}");
        }
        assert_eq!(first.trace.hash(), second.trace.hash(), "two runs of one seed differ");
        assert!(
            first.breaches.is_empty(),
            "standing checks broken:\n{}\n\n{}",
            first.breaches.join("\n"),
            first.story()
        );
        first
    }

    fn play_once(&self, name: &str) -> Ended {
        let directory = self.directory.as_ref().map(|directory| directory.join(name));
        let mut life = Life::begin(self, directory);
        let mut actions = self.actions.clone();
        loop {
            let runtime = runtime();
            if let Some(ended) = runtime.block_on(life.live(self, &mut actions)) {
                return ended;
            }
            // Everything on the runtime dies with it, in the middle of whatever it was doing.
            drop(runtime);
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime without input or output can always be made")
}

/// What outlives a simulated process.
struct Life {
    directory: Option<PathBuf>,
    sim: Option<SimWorld>,
    died_at: Timestamp,
    stops: Vec<Stop>,
    suppressed: BTreeMap<String, Timestamp>,
    watch: Arc<Watcher>,
}

impl Life {
    fn begin(scenario: &Scenario, directory: Option<PathBuf>) -> Life {
        let lower = |(address, _): &(String, SuppressionReason)| (address.to_lowercase(), EPOCH);
        Life {
            directory,
            sim: None,
            died_at: EPOCH,
            stops: Vec::new(),
            suppressed: scenario.suppressed.iter().map(lower).collect(),
            watch: Arc::default(),
        }
    }

    /// One process from its start until the story is over (`Some`) or it is killed (`None`).
    async fn live(&mut self, scenario: &Scenario, actions: &mut Vec<(Duration, Action)>) -> Option<Ended> {
        let is_first = self.sim.is_none();
        let sim = match &self.sim {
            Some(sim) => {
                sim.clock.go_on_from(self.died_at);
                sim.clone()
            }
            None => world(scenario),
        };
        self.sim = Some(sim.clone());
        self.watch.see(&sim);
        let store = self.open(&sim);
        let campaign = match is_first {
            true => set_up(scenario, &sim, &store).await,
            false => only_campaign(&store).await,
        };
        let mut process = Process { scenario, sim, store, campaign, running: None, watch: self.watch.clone() };
        process.start().await;
        while !actions.is_empty() {
            let (after, action) = actions.remove(0);
            process.run_until(EPOCH + after).await;
            if matches!(action, Action::Kill) {
                self.died_at = process.sim.world.clock.now();
                process.sim.internet.note("engine", "killed");
                process.sim.clock.stand_still();
                return None;
            }
            self.act(&mut process, action).await;
        }
        let run = process.finish().await;
        Some(self.judge(&process, run).await)
    }

    fn open(&self, sim: &SimWorld) -> Store {
        let key = [7; 32];
        let mut options = OpenOptions::memory(key);
        if let Some(directory) = &self.directory {
            options.place = store::Place::Directory(directory.clone());
        }
        Store::open(options, sim.world.clock.now()).expect("a scenario's ledger can be opened")
    }

    async fn act(&mut self, process: &mut Process<'_>, action: Action) {
        let actor = actor();
        let (handle, id) = (process.handle(), process.campaign);
        match action {
            Action::Suppress(address, reason) => {
                let target = Target::Address(address.clone());
                handle.suppress(WorkspaceId::FIRST, target, reason, None, &actor).await.expect("suppressed");
                self.suppressed.insert(address.to_lowercase(), process.now());
            }
            Action::Pause => {
                handle.pause(id, Some("to look at it".into()), &actor).await.expect("paused");
                self.stops.push(Stop { from: process.now(), until: Timestamp::MAX });
            }
            Action::Resume => {
                if let Some(stop) = self.stops.last_mut() {
                    stop.until = process.now();
                }
                handle.resume(id, &actor).await.expect("resumed");
                process.start().await;
            }
            Action::Cancel => {
                handle.cancel(id, &actor).await.expect("cancelled");
                self.stops.push(Stop { from: process.now(), until: Timestamp::MAX });
            }
            Action::Dns(change) => change(process.sim.internet.zone()),
            Action::Kill => {}
        }
    }

    /// What came of it, and whether everything held that must.
    async fn judge(&self, process: &Process<'_>, run: RunEnd) -> Ended {
        let (store, internet, id) = (&process.store, &process.sim.internet, process.campaign);
        let tally = store.tally(id).await.expect("tallied");
        let recount = store.recount(id).await.expect("recounted");
        let deliveries = deliveries(store, id).await;
        for (row, _) in &deliveries {
            internet.note("ledger", &format!("{} {}", row.email.as_deref().unwrap_or("-"), row.state));
        }
        let (arrivals, sightings) =
            internet.with_ledger(|ledger| (ledger.arrivals().to_vec(), ledger.sightings().to_vec()));
        let outcomes: Vec<Outcome> = deliveries.iter().map(outcome).collect();
        let people = process.scenario.people.len();
        let mut breaches = check::everybody_is_accounted_for(people, &outcomes);
        breaches.extend(check::nobody_twice(&outcomes, &arrivals));
        breaches.extend(check::a_stop_stops(&self.stops, &sightings));
        breaches.extend(check::the_suppressed_are_left_alone(&self.suppressed, EPOCH, &sightings));
        breaches.extend(check::memory_is_bounded(&[Gauge {
            what: "connections open at once".into(),
            peak: internet.peak_open(),
            bound: u64::from(CONNECTIONS_MAX),
        }]));
        breaches.extend(check::moves_are_legal(&self.watch.moves()));
        if tally != recount {
            breaches.push(format!("the counters say {tally:?}, the rows {recount:?}"));
        }
        let suppressions = store.suppressions(WorkspaceId::FIRST, None, PAGE).await.expect("listed");
        let shown = |entry: store::Suppression| entry.shown.map(|shown| (shown, entry.reason));
        Ended {
            tally,
            campaign: campaign(store, id).await,
            run,
            deliveries,
            arrivals,
            sightings,
            suppressed: suppressions.into_iter().filter_map(shown).collect(),
            over_at: process.now(),
            breaches,
            trace: internet.take_trace(),
        }
    }
}

/// A simulated process: an engine over a ledger, running or not.
struct Process<'a> {
    scenario: &'a Scenario,
    sim: SimWorld,
    store: Store,
    campaign: CampaignId,
    running: Option<(Handle, JoinHandle<RunEnd>)>,
    watch: Arc<Watcher>,
}

impl Process<'_> {
    fn now(&self) -> Timestamp {
        self.sim.world.clock.now()
    }

    fn handle(&self) -> Handle {
        self.running.as_ref().map(|(handle, _)| handle.clone()).expect("a process has an engine")
    }

    /// Starts the engine, unless it is at work.
    async fn start(&mut self) {
        if self.running.as_ref().is_some_and(|(_, run)| !run.is_finished()) {
            return;
        }
        let known = campaign(&self.store, self.campaign).await;
        let mailing = launch::mailing(&self.store, &known, self.sim.world.entropy.as_ref()).await.expect("a mailing");
        let mut settings = settings();
        if let Some(change) = self.scenario.settings {
            change(&mut settings);
        }
        let engine = Engine::new(self.store.clone(), self.sim.world.clone(), settings, self.watch.clone());
        let handle = engine.handle();
        let run = async move { engine.run(vec![mailing], Until::Settled).await.expect("the ledger works") };
        self.running = Some((handle, tokio::spawn(run)));
    }

    /// Lets the world go on until then, whether or not the engine has ended before.
    async fn run_until(&mut self, at: Timestamp) {
        let left = at.since(self.now());
        tokio::time::sleep(left).await;
    }

    async fn finish(&mut self) -> RunEnd {
        let (_, run) = self.running.take().expect("a process has an engine");
        let ended = tokio::time::timeout(STORY, run).await.expect("the story ends within its time");
        ended.expect("the engine does not panic")
    }
}

fn world(scenario: &Scenario) -> SimWorld {
    let sim = SimWorld::with_profiles(scenario.seed, &scenario.profiles);
    if scenario.authentic {
        let domain = MailDomain::parse(SENDER_DOMAIN).expect("the sample sender has a domain");
        let record = key().dns_record(&domain, SELECTOR).expect("the key has a record");
        sim.publish_sender(SENDER_DOMAIN, &[(record.name, record.value)]);
    }
    scenario.faults.iter().for_each(|fault| sim.internet.add_fault(fault.clone()));
    scenario.dns.iter().for_each(|change| change(sim.internet.zone()));
    sim
}

/// The selector of the sample sender's key.
const SELECTOR: &str = "s1";

/// One key for all scenarios: the same signatures in every run.
fn key() -> SigningKey {
    SigningKey::ed25519_from_seed([7; 32]).expect("any seed makes an Ed25519 key")
}

fn settings() -> Settings {
    Settings {
        ehlo_name: format!("out.{SENDER_DOMAIN}"),
        way: Way::Direct { port: engine::options::SMTP_PORT },
        ceiling: Ceiling::Providers { total: CONNECTIONS_MAX },
        schedule: Schedule::shipped(),
        policy: Policy::default(),
        timeouts: Timeouts::default(),
    }
}

fn actor() -> Actor {
    Actor::CommandLine("scenario".into())
}

/// People in, suppressions in, the campaign made and started.
async fn set_up(scenario: &Scenario, sim: &SimWorld, store: &Store) -> CampaignId {
    let (actor, now) = (actor(), sim.world.clock.now());
    let import = import(scenario, store, now).await;
    for (address, reason) in &scenario.suppressed {
        let target = Target::Address(address.clone());
        store.suppress(WorkspaceId::FIRST, target, *reason, None, &actor, now).await.expect("suppressed");
    }
    let entropy = sim.world.entropy.as_ref();
    launch::keep_key(store, SENDER_DOMAIN, SELECTOR, &key(), entropy, &actor, now).await.expect("the key is kept");
    let snapshot = Snapshot {
        file: MessageFile { name: "spring.md".into(), source: MESSAGE.into() },
        options: options(),
        columns: vec!["email".into()],
    };
    let draft = Draft { name: "Spring news".into(), snapshot, imports: vec![import] };
    let launched = launch::launch(store, &draft, &actor, now).await.expect("launched");
    let id = launched.campaign.id;
    store.set_campaign_state(id, CampaignState::Sending, None, &actor, now).await.expect("started");
    id
}

fn options() -> SendOptions {
    SendOptions {
        from: SENDER.into(),
        subject: None,
        return_path: SENDER_DOMAIN.into(),
        unsubscribe: Unsubscribe::PublicUrl(format!("https://{SENDER_DOMAIN}")),
        postal_address: Some(POSTAL_ADDRESS.into()),
        dkim: Some(Dkim { domain: SENDER_DOMAIN.into(), selector: SELECTOR.into() }),
        transport: Transport::Direct { port: engine::options::SMTP_PORT, dns: None },
        connections: None,
        retry: None,
    }
}

async fn import(scenario: &Scenario, store: &Store, now: Timestamp) -> Import {
    let new = NewImport {
        workspace: WorkspaceId::FIRST,
        file_name: "people.csv".into(),
        content_hash: [1; 32],
        columns: vec!["email".into()],
    };
    let import = store.begin_import(new, &actor(), now).await.expect("an import");
    let rows: Vec<ImportRow> = scenario.people.iter().zip(1..).map(|(person, line)| row(person, line)).collect();
    for chunk in rows.chunks(PAGE) {
        store.write_import_chunk(import.id, chunk.to_vec(), now).await.expect("written");
    }
    store.finish_import(import.id, &actor(), now).await.expect("finished")
}

fn row(person: &str, line: u64) -> ImportRow {
    ImportRow {
        line,
        external_id: None,
        typed: (!person.is_empty()).then(|| person.to_owned()),
        address: EmailAddress::parse(person).ok(),
        attributes: "{}".into(),
        status: None,
        consent: None,
        lead_source: None,
    }
}

async fn campaign(store: &Store, id: CampaignId) -> Campaign {
    store.campaign(id).await.expect("the ledger can be read").expect("the campaign is there")
}

async fn only_campaign(store: &Store) -> CampaignId {
    let all = store.list_campaigns(WorkspaceId::FIRST).await.expect("the ledger can be read");
    all.first().expect("the campaign is there").id
}

/// Every delivery with its tries, by address.
async fn deliveries(store: &Store, id: CampaignId) -> Vec<(DeliveryRow, Vec<AttemptRow>)> {
    let mut all = Vec::new();
    for state in DeliveryState::ALL {
        let mut after = None;
        loop {
            let page = store.deliveries(id, *state, after, PAGE).await.expect("the ledger can be read");
            after = page.last().map(|row| row.delivery);
            if page.is_empty() {
                break;
            }
            for row in page {
                let attempts = store.attempts(row.delivery).await.expect("the ledger can be read");
                all.push((row, attempts));
            }
        }
    }
    all.sort_by(|(a, _), (b, _)| (&a.email, a.delivery).cmp(&(&b.email, b.delivery)));
    all
}

fn outcome((row, attempts): &(DeliveryRow, Vec<AttemptRow>)) -> Outcome {
    let is_doubt = |attempt: &&AttemptRow| attempt.became == DeliveryState::InDoubt;
    Outcome {
        address: row.email.clone(),
        state: row.state,
        is_scheduled: row.state == DeliveryState::Queued || row.due.is_some(),
        doubts: u32::try_from(attempts.iter().filter(is_doubt).count()).unwrap_or(u32::MAX),
    }
}

/// Writes what the engine tells into the trace, and remembers every move.
#[derive(Default)]
struct Watcher {
    sim: Mutex<Option<SimWorld>>,
    moves: Mutex<BTreeMap<(DeliveryState, DeliveryState), u64>>,
}

impl Watcher {
    fn see(&self, sim: &SimWorld) {
        *self.sim.lock().unwrap_or_else(PoisonError::into_inner) = Some(sim.clone());
    }

    fn moves(&self) -> Vec<(DeliveryState, DeliveryState)> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

impl Watch for Watcher {
    fn note(&self, note: Note) {
        let line = match &note {
            Note::Moved { from, to, attempt, .. } => {
                *self.moves.lock().unwrap_or_else(PoisonError::into_inner).entry((*from, *to)).or_insert(0) += 1;
                let rule = attempt.as_ref().map_or_else(String::new, |attempt| attempt.verdict.to_string());
                format!("{from} -> {to} {rule}")
            }
            Note::SiteHeld { site, until, rule } => {
                format!("held {site} for {} s: {rule}", until.since(EPOCH).as_secs())
            }
            Note::Braked { why, .. } => format!("braked: {why}"),
            Note::LedgerTrouble(why) => format!("ledger trouble: {why}"),
            Note::LedgerWorks => "ledger works".to_owned(),
            Note::SettlementRefused(refused) => format!("settlement refused: {refused:?}"),
        };
        if let Some(sim) = &*self.sim.lock().unwrap_or_else(PoisonError::into_inner) {
            sim.internet.note("engine", &line);
        }
    }
}

impl Ended {
    /// The delivery to an address and its tries.
    pub fn of(&self, address: &str) -> Option<&(DeliveryRow, Vec<AttemptRow>)> {
        self.deliveries.iter().find(|(row, _)| row.email.as_deref() == Some(address))
    }

    /// How many deliveries are in `state`.
    pub fn count(&self, state: DeliveryState) -> u64 {
        self.tally.count(state)
    }

    /// How many copies ended up in `folder`.
    pub fn in_folder(&self, folder: Folder) -> usize {
        self.arrivals.iter().filter(|arrival| arrival.folder == folder).count()
    }

    /// How often receivers were asked about an address.
    pub fn sighted(&self, address: &str) -> usize {
        self.sightings.iter().filter(|seen| seen.recipient.eq_ignore_ascii_case(address)).count()
    }

    /// The story as a text: the equation, then, if they are not too many, everybody with their tries.
    pub fn story(&self) -> String {
        let mut text = self.equation();
        for (row, attempts) in self.deliveries.iter().take(TOLD_MAX) {
            let why = row.skip.map_or_else(String::new, |skip| format!(" ({skip})"));
            let _ok = writeln!(text, "{}: {}{why}", row.email.as_deref().unwrap_or("(no address)"), row.state);
            for row in attempts {
                tell(&mut text, row);
            }
        }
        for (shown, reason) in &self.suppressed {
            let _ok = writeln!(text, "suppressed: {shown} ({reason})");
        }
        text
    }

    /// The equation, in two lines, without terms that are zero.
    pub fn equation(&self) -> String {
        let tally = &self.tally;
        let terms = [
            (tally.count(DeliveryState::Accepted), "accepted"),
            (tally.in_progress(), "in progress"),
            (tally.count(DeliveryState::Soft), "soft"),
            (tally.count(DeliveryState::Hard), "hard"),
            (tally.count(DeliveryState::Blocked), "blocked"),
            (tally.count(DeliveryState::InDoubt), "in doubt"),
        ];
        let shown = |(count, word): &(u64, &str)| (*count > 0).then(|| format!("{count} {word}"));
        let terms: Vec<String> = terms.iter().filter_map(shown).collect();
        format!(
            "{} people = {} skipped + {} attempted\n{} attempted = {}\ncampaign {}\n",
            tally.recipients(),
            tally.count(DeliveryState::Skipped),
            tally.attempted(),
            tally.attempted(),
            terms.join(" + "),
            self.campaign.state,
        )
    }
}

/// One try: when, where it got to, what was said, what it meant.
fn tell(text: &mut String, row: &AttemptRow) {
    let attempt = &row.attempt;
    let minutes = attempt.started_at.since(EPOCH).as_secs() / 60;
    let said = match (&attempt.reply, &attempt.note) {
        (Some(reply), _) => match reply.enhanced {
            Some(enhanced) => format!("{} {enhanced}", reply.code),
            None => reply.code.to_string(),
        },
        (None, Some(note)) => note.clone(),
        (None, None) => "-".to_owned(),
    };
    let verdict = &attempt.verdict;
    let host = attempt.host.as_deref().unwrap_or("-");
    let charged = if row.charged { "" } else { ", not charged" };
    let _ok = writeln!(
        text,
        "  {:>2}:{:02} {host} {}: {said} = {} {}{charged}",
        minutes / 60,
        minutes % 60,
        verdict.stage,
        verdict.outcome,
        verdict.category,
    );
}
