//! How a story is lived: a process that begins, is commanded, may die and begin again, and is judged in the end.

mod acting;
mod complaining;
mod followed;
mod letters;
mod resuming;
mod rows;

pub(crate) use letters::{Letter, import, mail};

use super::ended::{Ended, Mailed};
use super::machine::Machine;
use super::watcher::Watcher;
use super::{Action, Room, Scenario};
use crate::check::{self, Death, Gauge, Given, Outcome, StartUp, Stop, Wakes};
use crate::internet::Internet;
use crate::ledger::{Arrival, Sighting};
use crate::people::SENDER_DOMAIN;
use crate::provider::Profile;
use crate::world::{EPOCH, SimWorld, settings};
use engine::launch;
use engine::{CONNECTIONS_MAX, Engine, Handle, RunEnd, SendError, Settings, Until};
use mail::sign::SigningKey;
use model::{Actor, CampaignId, CampaignKind, CampaignState, MailDomain, SuppressionReason, Timestamp, WorkspaceId};
use rows::{contacts, deliveries, lost_replies, outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use store::{Campaign, CeilingOf, Durability, NewSource, OpenOptions, Store, StoreError, Target};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How often it is looked whether a served story is over.
const LOOK: Duration = Duration::from_secs(600);
/// Rows read from the ledger, or written into it, at a time.
const PAGE: usize = 1_000;
/// The longest a story may take; a scenario that has not ended by then never will.
const STORY: Duration = Duration::from_secs(14 * 24 * 3_600);
/// After a process has ended by itself, the next one is started so much later.
const RESTART: Duration = Duration::from_secs(5);
/// Processes in a story; one that takes more never ends.
const PROCESSES_MAX: u64 = 500;
/// The first campaign.
const NAME: &str = "Spring news";
/// The list that nobody uses, where one is asked for: so many people.
const UNUSED: usize = 2_000;
/// Octets in a page of the ledger.
const PAGE_BYTES: u64 = 4_096;
/// Whom alerts by mail are from.
const SENDER_ADDRESS: &str = "postroom@letters.example";
/// The selector of the sample sender's key.
pub(crate) const SELECTOR: &str = "s1";

/// What outlives a simulated process.
pub(super) struct Life {
    directory: Option<PathBuf>,
    machine: Option<Arc<dyn Machine>>,
    sim: Option<SimWorld>,
    died_at: Timestamp,
    deaths: Vec<Death>,
    stops: Vec<Stop>,
    suppressed: BTreeMap<String, Timestamp>,
    watch: Arc<Watcher>,
    /// How often the processes so far woke up, and how many there were.
    wakes: u64,
    processes: u64,
    /// What each start after a kill read before its first connection.
    starts: Arc<Mutex<Vec<StartUp>>>,
    /// For whoever sees a death in the middle of an operation: whom to ask how many lines were open, and how many they were.
    internet: Arc<OnceLock<Arc<Internet>>>,
    lines: Arc<AtomicU64>,
}

impl Life {
    pub(super) fn begin(scenario: &Scenario, directory: Option<PathBuf>) -> Life {
        let lower = |(address, _): &(String, SuppressionReason)| (address.to_lowercase(), EPOCH);
        let machine = scenario.workshop.as_ref().zip(directory.as_deref()).map(|(workshop, directory)| {
            std::fs::create_dir_all(directory).expect("a scenario's directory can be made");
            workshop.0(directory)
        });
        Life {
            directory,
            machine,
            sim: None,
            died_at: EPOCH,
            deaths: Vec::new(),
            stops: Vec::new(),
            suppressed: scenario.suppressed.iter().map(lower).collect(),
            watch: Arc::default(),
            wakes: 0,
            processes: 0,
            starts: Arc::default(),
            internet: Arc::default(),
            lines: Arc::default(),
        }
    }

    /// One process from its start until the story is over (`Some`) or it is dead (`None`).
    pub(super) async fn live(&mut self, scenario: &Scenario, actions: &mut Vec<(Duration, Action)>) -> Option<Ended> {
        self.processes += 1;
        assert!(self.processes < PROCESSES_MAX, "the process dies again and again and never comes to its end");
        let death = Arc::new(Notify::new());
        if let Some(machine) = &self.machine {
            let (death, lines, internet) = (death.clone(), self.lines.clone(), self.internet.clone());
            machine.when_it_dies(Box::new(move || {
                lines.store(internet.get().map_or(0, |internet| internet.lines_now()), Ordering::Relaxed);
                death.notify_one();
            }));
        }
        tokio::select! {
            biased;
            () = death.notified() => {
                self.dies("died in the middle of a write", self.machine.as_ref().is_some_and(|machine| machine.lost_power()));
                None
            }
            ended = self.run(scenario, actions) => ended,
        }
    }

    async fn run(&mut self, scenario: &Scenario, actions: &mut Vec<(Duration, Action)>) -> Option<Ended> {
        let (sim, store) = match self.sim.clone() {
            Some(sim) => {
                sim.clock.go_on_from(self.died_at);
                self.watch.see(&sim);
                self.measure_start(&sim);
                let store = self.reopen(&sim).await;
                (sim, store)
            }
            None => {
                let sim = world(scenario);
                self.internet.get_or_init(|| sim.internet.clone());
                self.sim = Some(sim.clone());
                let store = self.set_up(scenario, &sim).await;
                self.machine.iter().for_each(|machine| machine.arm());
                (sim, store)
            }
        };
        self.watch.see(&sim);
        let machine = self.machine.clone();
        let mut process = Process {
            scenario,
            sim,
            store,
            machine,
            engine: None,
            works_on: BTreeSet::new(),
            watch: self.watch.clone(),
        };
        if let Err(why) = process.start().await {
            process.until_death().await;
            self.ends(&why.to_string());
            return None;
        }
        while let Some((after, action)) = actions.first().cloned() {
            process.run_until(EPOCH + after).await;
            actions.remove(0);
            if matches!(action, Action::Kill | Action::LosePower) {
                let power = matches!(action, Action::LosePower);
                self.machine.iter().for_each(|machine| machine.die(power));
                self.dies(if power { "lost power" } else { "killed" }, power);
                return None;
            }
            if scenario.is_lenient && !process.can(&action).await {
                continue;
            }
            self.act(&mut process, action).await;
        }
        match process.finish().await {
            Ok(run) => {
                self.wakes += wakes();
                Some(self.judge(&process, run).await)
            }
            Err(why) => {
                self.ends(&why.to_string());
                None
            }
        }
    }

    /// From this instant on the process does nothing more.
    fn dies(&mut self, how: &str, power: bool) {
        let sim = self.sim.as_ref().expect("whoever dies has lived");
        self.died_at = sim.world.clock.now();
        // In the middle of an operation whoever asked for it learns that it failed, and may hang up in the same instant.
        let lines = self.lines.swap(0, Ordering::Relaxed).max(sim.internet.lines_now());
        let open = sim.internet.open_now().max(lines);
        self.deaths.push(Death { at: self.died_at, power, open });
        sim.internet.note("engine", how);
        sim.clock.stand_still();
        self.wakes += wakes();
    }

    /// The process ends by itself, because its ledger failed it; conversations under way are cut off with it, as by a
    /// kill. Whoever looks after it starts it again.
    fn ends(&mut self, why: &str) {
        assert!(self.machine.is_some(), "the ledger works: {why}");
        self.dies(&format!("ended: {why}"), false);
        self.died_at = self.died_at + RESTART;
        self.machine.iter().for_each(|machine| machine.die(false));
    }

    /// Opens the ledger again, as often as it takes.
    async fn reopen(&self, sim: &SimWorld) -> Store {
        self.machine.iter().for_each(|machine| machine.start());
        loop {
            match self.try_open(sim, None) {
                Ok(store) => return store,
                Err(why) if self.machine.is_some() && why.is_transient() => {
                    sim.internet.note("engine", &format!("not started: {why}"));
                    tokio::time::sleep(RESTART).await;
                }
                Err(why) => panic!("a scenario's ledger can be opened: {why}"),
            }
        }
    }

    /// From now on until the first connection: what a new process reads of its ledger.
    fn measure_start(&self, sim: &SimWorld) {
        let (Some(directory), Some(before)) = (&self.directory, octets_read()) else { return };
        let log_bytes = std::fs::metadata(directory.join("ledger.db-wal")).map_or(0, |log| log.len());
        let starts = Arc::clone(&self.starts);
        sim.internet.at_next_connection(Box::new(move || {
            let read_bytes = octets_read().unwrap_or(before).saturating_sub(before);
            starts.lock().unwrap_or_else(PoisonError::into_inner).push(StartUp { read_bytes, log_bytes });
        }));
    }

    /// Opens the ledger; with `room`, it may grow by so many pages and no more.
    fn open(&self, sim: &SimWorld, room: Option<u32>) -> Store {
        self.try_open(sim, room).expect("a scenario's ledger can be opened")
    }

    fn try_open(&self, sim: &SimWorld, room: Option<u32>) -> Result<Store, StoreError> {
        let mut options = OpenOptions::memory([7; 32]);
        if let Some(directory) = &self.directory {
            options.place = store::Place::Directory(directory.clone());
            options.pages_max = room.map(|pages| {
                let ledger = std::fs::metadata(directory.join("ledger.db")).expect("the ledger is there");
                u32::try_from(ledger.len() / PAGE_BYTES).expect("a small ledger") + pages
            });
        }
        if let Some(machine) = &self.machine {
            (options.disk, options.durability) = (machine.disk(), Durability::Power);
        }
        Store::open(options, sim.world.clock.now())
    }

    /// The same ledger on a disk that holds so many more pages.
    async fn confine(&self, sim: &SimWorld, store: Store, pages: u32) -> Store {
        store.checkpoint().await.expect("the log is copied into the ledger");
        drop(store);
        self.open(sim, Some(pages))
    }

    /// People in, suppressions in, the campaigns made and started.
    async fn set_up(&self, scenario: &Scenario, sim: &SimWorld) -> Store {
        let (actor, now) = (actor(), sim.world.clock.now());
        let mut store = self.open(sim, None);
        import(&store, scenario, &scenario.people, 1, now).await;
        if !scenario.second_list.is_empty() {
            import(&store, scenario, &scenario.second_list, 3, now).await;
        }
        for way_out in &scenario.ways_out {
            let new = NewSource {
                name: way_out.name.clone(),
                address: Some(way_out.address),
                ehlo_name: format!("{}.{SENDER_DOMAIN}", way_out.name),
                warm_since: way_out.is_warm.then(|| EPOCH - STORY * 10),
                ..NewSource::default()
            };
            store.put_source(new, &actor, now).await.expect("described");
        }
        for (source, ceilings) in &scenario.ceilings {
            let known = store.sources().await.expect("the ledger can be read").into_iter();
            let mut known = known.filter(|one| Some(&one.name) == source.as_ref());
            let of = match known.next() {
                Some(source) => CeilingOf::Source(source.id),
                None => CeilingOf::Workspace(WorkspaceId::FIRST),
            };
            store.set_ceilings(of, *ceilings, &actor, now).await.expect("set");
        }
        for (address, reason) in &scenario.suppressed {
            let target = Target::Address(address.clone());
            store.suppress(WorkspaceId::FIRST, target, *reason, None, &actor, now).await.expect("suppressed");
        }
        let entropy = sim.world.entropy.as_ref();
        launch::keep_key(&store, SENDER_DOMAIN, SELECTOR, &key(), entropy, &actor, now).await.expect("the key is kept");
        if let Some(Room::Building(pages)) = scenario.room {
            store = self.confine(sim, store, pages).await;
            let cut_short =
                mail(&store, &Letter::first(scenario), now).await.expect_err("there is too little room to build");
            assert!(cut_short.to_string().contains("full"), "{cut_short}");
            drop(store);
            store = self.open(sim, None);
        }
        mail(&store, &Letter::first(scenario), now).await.expect("launched");
        for name in &scenario.beside {
            mail(&store, &Letter::beside(scenario, name), now).await.expect("launched");
        }
        for (number, (name, person)) in (100..).zip(&scenario.urgent) {
            let only = import(&store, scenario, std::slice::from_ref(person), number, now).await;
            mail(&store, &Letter::urgent(scenario, name, only), now).await.expect("launched");
        }
        if let Some(Room::Sending(pages)) = scenario.room {
            let nobody: Vec<String> = (1..=UNUSED).map(|n| format!("somebody{n}@unused.test")).collect();
            import(&store, scenario, &nobody, 2, now).await;
            store = self.confine(sim, store, pages).await;
        }
        store
    }

    /// What came of it, and whether everything held that must.
    async fn judge(&self, process: &Process<'_>, run: RunEnd) -> Ended {
        self.machine.iter().for_each(|machine| machine.disarm());
        let (store, internet) = (&process.store, &process.sim.internet);
        let mut breaches = Vec::new();
        let mut mailed = Vec::new();
        for campaign in process.campaigns().await {
            let tally = store.tally(campaign.id).await.expect("tallied");
            let recount = store.recount(campaign.id).await.expect("recounted");
            if tally != recount {
                breaches.push(format!("{}: the counters say {tally:?}, the rows {recount:?}", campaign.name));
            }
            let deliveries = deliveries(store, campaign.id).await;
            for (row, _) in &deliveries {
                internet.note("ledger", &format!("{} {}", row.email.as_deref().unwrap_or("-"), row.state));
            }
            mailed.push(Mailed { tally, campaign, deliveries });
        }
        let (arrivals, sightings) =
            internet.with_ledger(|ledger| (ledger.arrivals().to_vec(), ledger.sightings().to_vec()));
        let events = internet.trace_count()
            + internet.tries()
            + internet.zone().asked()
            + mailed.iter().map(|one| one.deliveries.len() as u64).sum::<u64>();
        let woken = Wakes { wakes: self.wakes, events, processes: self.processes };
        let starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        breaches.extend(self.breaches(process, &mailed, (&arrivals, &sightings)));
        breaches.extend(check::throttled_work_is_not_polled(&woken));
        breaches.extend(check::a_start_reads_the_hot_set(&starts));
        let suppressions = store.suppressions(WorkspaceId::FIRST, None, PAGE).await.expect("listed");
        let shown = |entry: store::Suppression| entry.shown.map(|shown| (shown, (entry.reason, entry.at)));
        let suppressions: BTreeMap<String, _> = suppressions.into_iter().filter_map(shown).collect();
        let alerts = store.alerts(WorkspaceId::FIRST, true, None, PAGE).await.expect("listed").into_iter();
        let alerts = alerts.map(|one| (one.kind, one.subject, one.standing.over_at.is_some())).collect();
        let mut others = mailed.into_iter();
        let Mailed { tally, campaign, deliveries } = others.next().expect("there is a campaign");
        Ended {
            tally,
            campaign,
            run,
            deliveries,
            others: others.collect(),
            steps: process.steps().await,
            contacts: contacts(store, &process.scenario.people).await,
            arrivals,
            alerts,
            delivered: internet.delivered_to_web(),
            asked: internet.asked_of_web(),
            sightings,
            suppressed: suppressions.iter().map(|(shown, (reason, _))| (shown.clone(), *reason)).collect(),
            suppressed_at: suppressions.into_iter().map(|(shown, (_, at))| (shown, at)).collect(),
            troubles: self.watch.troubles(),
            deaths: self.deaths.clone(),
            over_at: process.now(),
            used: internet.used(),
            blocks: internet.blocks(),
            woken,
            starts,
            breaches,
            trace: internet.take_trace(),
        }
    }

    /// The standing checks of what the ledger says was mailed, by what the receivers saw.
    fn breaches(
        &self,
        process: &Process<'_>,
        mailed: &[Mailed],
        (arrivals, sightings): (&[Arrival], &[Sighting]),
    ) -> Vec<String> {
        let internet = &process.sim.internet;
        let outcomes: Vec<Outcome> = mailed.iter().flat_map(|one| one.deliveries.iter().map(outcome)).collect();
        let mut breaches = check::everybody_is_accounted_for(due(process.scenario, mailed), &outcomes);
        // Reports on encryption, which have no envelope sender, and alerts are nobody's campaign.
        let is_letter = |copy: &&Arrival| !copy.return_path.is_empty() && copy.return_path != SENDER_ADDRESS;
        let letters: Vec<Arrival> = arrivals.iter().filter(is_letter).cloned().collect();
        breaches.extend(check::nobody_twice(&outcomes, &letters));
        let doubts: Vec<Timestamp> =
            mailed.iter().flat_map(|one| one.deliveries.iter().flat_map(lost_replies)).collect();
        breaches.extend(check::doubts_are_few(&self.deaths, &doubts, &letters, &self.watch.troubles()));
        if mailed.len() == 1 {
            // Receivers cannot tell one campaign's tries from another's.
            breaches.extend(check::a_stop_stops(&self.stops, sightings));
        }
        breaches.extend(check::the_suppressed_are_left_alone(&self.suppressed, EPOCH, sightings));
        breaches.extend(check::a_failing_ledger_stops_sending(&self.watch.troubles(), sightings));
        breaches.extend(check::memory_is_bounded(&[Gauge {
            what: "connections open at once".into(),
            peak: internet.peak_open(),
            bound: u64::from(CONNECTIONS_MAX),
        }]));
        breaches.extend(check::moves_are_legal(&self.watch.moves()));
        breaches.extend(check::no_limit_is_exceeded(&given(process.scenario), &internet.used()));
        breaches
    }
}

/// How many deliveries the campaigns of a story come to.
fn due(scenario: &Scenario, mailed: &[Mailed]) -> usize {
    let (people, urgent) = (scenario.people.len() + scenario.second_list.len(), scenario.urgent.len());
    let is_built = |one: &&Mailed| one.campaign.built_at.is_some() && !one.campaign.standing;
    let built = mailed.iter().filter(is_built).count();
    let newcomers: usize = scenario.actions.iter().filter_map(|(_, action)| newcomers(action, mailed)).sum();
    let is_post = |action: &Action| matches!(action, Action::Post(_) | Action::PostOnce(_));
    let posted = scenario.actions.iter().filter(|(_, action)| is_post(action)).count();
    let is_of_a_sequence = |one: &&Mailed| one.campaign.standing && one.campaign.kind == CampaignKind::Automated;
    let followed: usize = mailed.iter().filter(is_of_a_sequence).map(|one| one.deliveries.len()).sum();
    people * (built - urgent) + urgent + newcomers + posted + followed
}

/// An engine at work.
type Run = JoinHandle<Result<RunEnd, StoreError>>;

/// A simulated process: an engine over a ledger, running or not.
struct Process<'a> {
    scenario: &'a Scenario,
    sim: SimWorld,
    store: Store,
    machine: Option<Arc<dyn Machine>>,
    /// The last engine, and its run, unless there was nothing to send.
    engine: Option<(Handle, Option<Run>)>,
    /// What the last engine was given to send.
    works_on: BTreeSet<CampaignId>,
    watch: Arc<Watcher>,
}

impl Process<'_> {
    fn now(&self) -> Timestamp {
        self.sim.world.clock.now()
    }

    fn handle(&self) -> Handle {
        self.engine.as_ref().map(|(handle, _)| handle.clone()).expect("a process has an engine")
    }

    async fn campaigns(&self) -> Vec<Campaign> {
        self.store.list_campaigns(WorkspaceId::FIRST).await.expect("the ledger can be read")
    }

    /// Does the first campaign stand where this can be done to it?
    async fn can(&self, action: &Action) -> bool {
        let campaigns = self.campaigns().await;
        let state = campaigns.first().expect("there is a campaign").state;
        match action {
            Action::Pause => state.may_send(),
            Action::Resume
            | Action::ResumeWithoutSecondList
            | Action::ResumeBecause(_)
            | Action::ResumeWithout(_)
            | Action::ResumeHolding(_) => state == CampaignState::Paused,
            Action::Cancel | Action::CancelPart(_) => state.may_send() || state == CampaignState::Paused,
            Action::Mail(_) => self.watch.troubles().iter().all(|trouble| trouble.until < Timestamp::MAX),
            Action::MakeRoom => !self.store.list_imports(WorkspaceId::FIRST).await.expect("readable").is_empty(),
            Action::Suppress(..)
            | Action::Decline(..)
            | Action::Schedule(..)
            | Action::Post(..)
            | Action::PostOnce(..)
            | Action::Hold(..)
            | Action::Kill
            | Action::LosePower
            | Action::Sequence(..)
            | Action::Watch(..)
            | Action::Tell(..)
            | Action::Complain(..)
            | Action::SendAgain
            | Action::DescribeSource(..)
            | Action::RetireSource(_)
            | Action::Delisted(_)
            | Action::Describe(..)
            | Action::Wait
            | Action::Ahead(_)
            | Action::Dns(_)
            | Action::DnsFault(..)
            | Action::World(_)
            | Action::MailAlsoTo(..)
            | Action::SendReports
            | Action::Webhook(_)
            | Action::TellAgain(..)
            | Action::AlertMail(..)
            | Action::Alerts(..) => true,
        }
    }

    async fn first(&self) -> CampaignId {
        self.campaigns().await.first().expect("there is a campaign").id
    }

    /// Starts an engine for whatever may be sent, unless one is at work.
    async fn start(&mut self) -> Result<(), SendError> {
        if self.engine.as_ref().is_some_and(|(_, run)| run.as_ref().is_some_and(|run| !run.is_finished())) {
            return Ok(());
        }
        let mut mailings = Vec::new();
        self.works_on.clear();
        let known = self.store.list_campaigns(WorkspaceId::FIRST).await?;
        for known in known.iter().filter(|known| known.state.may_send()) {
            let entropy = self.sim.world.entropy.as_ref();
            mailings.push(launch::mailing(&self.store, known, entropy).await?);
            self.works_on.insert(known.id);
        }
        let engine = self.make_engine();
        let handle = engine.handle();
        let is_served = self.scenario.is_served;
        let has_work = !mailings.is_empty() || is_served;
        let run = engine.run(mailings, if is_served { Until::Told } else { Until::Settled });
        self.engine = Some((handle, has_work.then(|| tokio::spawn(run))));
        Ok(())
    }

    fn make_engine(&self) -> Engine {
        let mut settings = Settings { stakes: self.scenario.stakes, ..settings() };
        if let Some(change) = self.scenario.settings {
            change(&mut settings);
        }
        Engine::new(self.store.clone(), self.sim.world.clone(), settings, self.watch.clone())
    }

    /// Hands the engine at work whatever may be sent and is new to it.
    async fn hand_over(&mut self) {
        for campaign in self.campaigns().await.into_iter().filter(|campaign| campaign.state.may_send()) {
            if self.works_on.insert(campaign.id) {
                let entropy = self.sim.world.entropy.as_ref();
                let mailing = launch::mailing(&self.store, &campaign, entropy).await.expect("it was launched");
                self.handle().take_up(mailing).await.expect("the engine is at work");
            }
        }
    }

    /// Waits until there is nothing left to send.
    async fn until_all_is_over(&self) {
        while self.is_anything_open().await {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn is_anything_open(&self) -> bool {
        for campaign in self.campaigns().await {
            let is_open = match campaign.standing {
                true => self.store.tally(campaign.id).await.expect("tallied").in_progress() > 0,
                false => campaign.state.may_send() || campaign.state == CampaignState::Scheduled,
            };
            if is_open {
                return true;
            }
        }
        false
    }

    /// Lets the world go on until then, whether or not the engine has ended before.
    async fn run_until(&mut self, at: Timestamp) {
        let left = at.since(self.now());
        tokio::time::sleep(left).await;
    }

    /// Ends the engine in peace, if it is at work.
    async fn stop(&mut self) {
        self.handle().stop().await;
        self.finish().await.expect("the ledger works");
    }

    /// How the run ended.
    async fn finish(&mut self) -> Result<RunEnd, StoreError> {
        if self.scenario.is_served && self.engine.as_ref().is_some_and(|(_, run)| run.is_some()) {
            let over = tokio::time::timeout(STORY, self.until_all_is_over()).await;
            over.expect("the story ends within its time");
            self.handle().stop().await;
        }
        let run = self.engine.as_mut().and_then(|(_, run)| run.take());
        let Some(run) = run else { return Ok(RunEnd::Stopped) };
        let ended = tokio::time::timeout(STORY, run).await.expect("the story ends within its time");
        self.until_death().await;
        ended.expect("the engine does not panic")
    }

    /// Whoever died in the middle of something does not come to say how it ended.
    async fn until_death(&self) {
        if self.machine.as_ref().is_some_and(|machine| machine.is_dead()) {
            std::future::pending::<()>().await;
        }
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
    scenario.listings.iter().for_each(|listing| sim.internet.add_listing(listing.clone()));
    scenario.dns.iter().for_each(|change| change(sim.internet.zone()));
    scenario.world.iter().for_each(|change| change(&sim.internet));
    sim
}

/// One key for all scenarios: the same signatures in every run.
pub(crate) fn key() -> SigningKey {
    SigningKey::ed25519_from_seed([7; 32]).expect("any seed makes an Ed25519 key")
}

/// What the engine is given toward each provider: the limits that `dispatch` knows for its servers.
fn given(scenario: &Scenario) -> Vec<Given> {
    let of = |profile: &Arc<Profile>| {
        let hosts: Vec<&str> = profile.hosts.iter().map(|host| host.name.as_str()).collect();
        let limits = dispatch::providers::limits_of(&hosts);
        Given { provider: profile.key.clone(), limits, budgets: BTreeMap::new() }
    };
    scenario.profiles.iter().map(of).collect()
}

/// How often this runtime woke up from waiting.
fn wakes() -> u64 {
    tokio::runtime::Handle::current().metrics().worker_park_count(0)
}

/// Octets this thread has read so far, from whatever file; only Linux tells.
fn octets_read() -> Option<u64> {
    let account = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    account.lines().find_map(|line| line.strip_prefix("rchar:")).and_then(|count| count.trim().parse().ok())
}

pub(crate) fn actor() -> Actor {
    Actor::CommandLine("scenario".into())
}

/// How many people more than the first a campaign goes to, if this action made it.
fn newcomers(action: &Action, mailed: &[Mailed]) -> Option<usize> {
    let Action::MailAlsoTo(name, people) = action else { return None };
    mailed.iter().any(|one| one.campaign.name == *name).then_some(people.len())
}
