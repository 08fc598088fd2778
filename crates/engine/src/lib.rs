//! The journey: from a message and an audience to a verdict for everybody.
//!
//! [`Engine::run`] drives campaigns until nothing can be done now, or ever, or somebody says stop. Inside, in the order
//! of the journey: [`import`] and [`launch`] (build), `scheduler` (claim), `route`, `lane` (pace), `converse` and
//! `journey` (check, compose, sign, transmit, judge), `settle`. What is decided is decided in `dispatch`; what is
//! remembered is remembered in `store`; this crate carries out.
//!
//! Invariants: only the settler writes outcomes; nothing is started that could not be recorded; no database, resolver or
//! TLS library is named here; time is the world's clock and tokio's timers, so the simulator can hand in its own.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alerts;
pub mod brand;
pub mod complaints;
pub mod doubt;
pub mod drafts;
pub mod engage;
pub mod forecast;
pub mod guard;
pub mod history;
pub mod hosts;
pub mod hours;
pub mod import;
pub mod lanes;
pub mod launch;
pub mod messages;
pub mod migrate;
pub mod named;
pub mod note;
pub mod options;
pub mod origins;
pub mod remade;
pub mod replies;
pub mod report;
pub mod resume;
pub mod returned;
pub mod sample;
pub mod sequences;
pub mod setup;
pub mod sunsets;
pub mod tls_reports;
pub mod trace;
pub mod trial;
pub mod webhooks;
pub mod why;

mod brakes;
mod budget;
mod clerk;
mod converse;
mod delisting;
mod error;
mod fleet;
mod gate;
mod handle;
mod holds;
mod house;
mod journey;
mod lane;
mod mailing;
mod notice;
mod offers;
mod outstanding;
mod pacer;
mod paths;
mod reach;
mod ready;
mod recording;
mod recover;
mod remembered;
mod route;
mod scheduler;
mod security;
mod settings;
mod settle;
mod silence;
mod stopping;
mod tempo;
mod terms;
mod throttles;
mod transmit;
mod wakes;

pub use delisting::{command as delisting_command, delisted};
pub use error::SendError;
pub use fleet::proxy_secret;
pub use guard::Objection;
pub use handle::Handle;
pub use mailing::Mailing;
pub use model::{one_line, steers};
pub use offers::Refused;
pub use recover::{LOST_REPLY, recover};
pub use settings::{AfterRefusal, CONNECTIONS_MAX, Ceiling, KnownLimits, LimitsAt, Relay, Settings, Stakes, Way};
pub use stopping::Obeyed;
pub use terms::unknown_zone;

use brakes::Brakes;
use budget::Budgets;
use fleet::{Fleet, LISTED_REST, Rest, Ways};
use gate::Gate;
use holds::Holds;
use house::{House, Outcome};
use model::DomainId;
use net::{Cache, World};
use note::Watch;
use notice::Notice;
use offers::Offers;
use outstanding::Outstanding;
use reach::Reach;
use remembered::Remembered;
use std::sync::{Arc, Mutex, RwLock};
use store::{Store, StoreError};
use terms::Terms;
use throttles::Throttles;
use tls_reports::Reported;
use tokio::sync::{Notify, mpsc};
use trace::Traces;

/// How long a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until everybody who can be tried now was tried once.
    FirstTries,
    /// Until everybody has a verdict, which may take the whole retry window.
    Settled,
    /// Until it is told to stop: campaigns come ([`Handle::take_up`]) and go.
    Told,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// Everybody has a verdict.
    Done,
    /// Some wait for another try.
    RetriesRemain,
    /// Somebody said stop.
    Stopped,
    /// A brake stopped what was left; why, and what to do.
    Braked(String),
}

/// Drives campaigns. One per process and data directory.
pub struct Engine {
    store: Store,
    world: World,
    settings: Settings,
    watch: Arc<dyn Watch>,
    gate: Arc<Gate>,
    outstanding: Arc<Outstanding>,
    holds: Arc<Holds>,
    throttles: Arc<Throttles>,
    /// Who runs which servers, and what replies mean, as it is described now.
    described: Arc<RwLock<dispatch::own::Described>>,
    traces: Arc<Traces>,
    bell: Arc<Notify>,
    desk: Arc<engage::Desk>,
    webhooks_bell: Arc<Notify>,
    alarms: mpsc::UnboundedSender<alerts::Errand>,
    errands: mpsc::UnboundedReceiver<alerts::Errand>,
    postbox: Arc<messages::Postbox>,
    notices: mpsc::UnboundedSender<Notice>,
    heard: mpsc::UnboundedReceiver<Notice>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over this ledger and this world.
    pub fn new(store: Store, world: World, settings: Settings, watch: Arc<dyn Watch>) -> Engine {
        let (notices, heard) = mpsc::unbounded_channel();
        let (alarms, errands) = mpsc::unbounded_channel();
        let (gate, outstanding, holds, traces) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        let (bell, desk, webhooks_bell, postbox) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        Engine {
            store,
            world,
            described: Arc::new(RwLock::new(settings.described)),
            settings,
            watch,
            gate,
            outstanding,
            holds,
            throttles: Arc::new(Throttles::new(notices.clone())),
            traces,
            bell,
            desk,
            webhooks_bell,
            postbox,
            alarms,
            errands,
            notices,
            heard,
        }
    }

    /// What commands use while the engine runs.
    pub fn handle(&self) -> Handle {
        Handle {
            store: self.store.clone(),
            clock: self.world.clock.clone(),
            ehlo_name: self.settings.ehlo_name.as_str().into(),
            watch: self.watch.clone(),
            gate: self.gate.clone(),
            outstanding: self.outstanding.clone(),
            holds: self.holds.clone(),
            throttles: self.throttles.clone(),
            described: self.described.clone(),
            traces: self.traces.clone(),
            bell: self.bell.clone(),
            desk: self.desk.clone(),
            webhooks_bell: self.webhooks_bell.clone(),
            alarms: self.alarms.clone(),
            postbox: self.postbox.clone(),
            notices: self.notices.clone(),
            is_rehearsal: self.settings.is_rehearsal(),
        }
    }

    /// Sends these campaigns (all `sending` or `retrying`) until `until`, a stop, or a brake.
    ///
    /// Everything that was under way when a former process died is settled first. Fails only when the ledger cannot
    /// work any more; whatever was not recorded then is queued or in doubt at the next start.
    pub async fn run(self, mailings: Vec<Mailing>, until: Until) -> Result<RunEnd, StoreError> {
        let handle = self.handle();
        let (house, Rooms { heard, to_settle, bell, webhooks_bell, errands }) = self.furnish(mailings).await?;
        for campaign in house.campaigns() {
            house.recount(campaign).await?;
        }
        house.remember().await?;
        let mut settler = tokio::spawn(settle::run(house.clone(), to_settle));
        let reporter = tokio::spawn(tls_reports::run(house.clone()));
        let clerk = (until == Until::Told).then(|| tokio::spawn(clerk::run(house.clone(), bell)));
        let visits = tokio::spawn(engage::run(handle.clone()));
        let doubts = tokio::spawn(doubt::run(handle.clone(), house.clone(), until));
        let teller = (until == Until::Told).then(|| tokio::spawn(webhooks::run(house.clone(), webhooks_bell)));
        let alarm_desk = tokio::spawn(alerts::run(house.clone(), errands, until == Until::Told));
        let keeper = (until == Until::Told).then(|| tokio::spawn(sequences::keeper::run(house.clone())));
        let scheduler = scheduler::Scheduler::new(house.clone(), heard, until).await?;
        let end = tokio::select! {
            biased;
            end = scheduler.run() => end,
            broken = &mut settler => Err(broken_ledger(broken)),
        };
        if until != Until::Told {
            handle.write_alerts().await;
        }
        // They wait for what will not come, and hold the ledger open.
        settler.abort();
        reporter.abort();
        house.policies.stop();
        clerk.iter().chain(&teller).chain([&alarm_desk]).chain(&keeper).for_each(tokio::task::JoinHandle::abort);
        visits.abort();
        doubts.abort();
        let end = end?;
        handle.write_hits().await?;
        house.tally.write(&house.store).await?;
        Ok(end)
    }

    /// Sends the reports on encryption that are owed for the days that are over, and nothing else.
    pub async fn send_reports(self) -> Result<Vec<Reported>, StoreError> {
        let (house, _) = self.furnish(Vec::new()).await?;
        tls_reports::send_due(&house).await
    }

    /// What the parts of a run share. Whatever was under way when a former process died is settled first.
    async fn furnish(self, mailings: Vec<Mailing>) -> Result<(Arc<House>, Rooms), StoreError> {
        let Engine { store, world, settings, watch, gate, outstanding, holds, traces, notices, heard, .. } = self;
        let (bell, webhooks_bell, errands) = (self.bell, self.webhooks_bell, self.errands);
        let now = world.clock.now();
        recover(&store, &settings, now).await?;
        let ways = Ways::read(&store, &settings.ehlo_name).await?;
        let mut identities: Vec<DomainId> = mailings.iter().filter_map(|mailing| mailing.identity).collect();
        identities.sort_unstable();
        identities.dedup();
        let budgets =
            Budgets::read(&store, &ways, &identities, (settings.stakes, settings.described.providers), now).await?;
        holds.replace(store.holds(Some(now)).await?);
        self.throttles.read(&store, now).await?;
        let Remembered { brakes, rests, offers, .. } = Remembered::read(&store).await?;
        let fleet = Fleet::new(ways);
        for (source, operator, rest) in rests {
            // The clock may have been set back since it began.
            let until = rest.until.min(now + LISTED_REST);
            fleet.rest_from(source, &operator, Rest { until, ..rest }, now);
        }
        let mut brakes = Brakes::restored(brakes.into_owned(), now);
        for (operator, since) in brakes.take_incidents() {
            store.make_provisional(&operator, since).await?;
        }
        let terms = Terms::default();
        for mailing in &mailings {
            terms.put(
                mailing.campaign,
                mailing.plan.begin(settings.stakes, brakes.is_sample_over(mailing.campaign), now),
            );
        }
        let (outcomes, to_settle) = mpsc::channel(settle::OUTCOMES_WAITING_MAX);
        let house = Arc::new(House {
            dns: Cache::new(world.resolve.clone(), world.clock.clone()),
            tls: world.tls.clone(),
            described: self.described,
            mailings: RwLock::new(mailings.into_iter().map(|one| (one.campaign, Arc::new(one))).collect()),
            brakes: Mutex::new(brakes),
            began: now,
            sites: Mutex::default(),
            files: Mutex::default(),
            reach: Reach::default(),
            fleet,
            budgets,
            throttles: self.throttles,
            holds,
            terms,
            ledger_turn: tokio::sync::Mutex::default(),
            policies: Arc::default(),
            offers: Offers::restored(offers, now),
            tally: Arc::default(),
            store,
            world,
            settings,
            gate,
            outcomes,
            notices,
            alarms: self.alarms,
            doubted: Notify::new(),
            outstanding,
            traces,
            watch,
        });
        Ok((house, Rooms { heard, to_settle, bell, webhooks_bell, errands }))
    }
}

/// Where what the parts tell each other comes in.
struct Rooms {
    heard: mpsc::UnboundedReceiver<Notice>,
    to_settle: mpsc::Receiver<Outcome>,
    bell: Arc<Notify>,
    webhooks_bell: Arc<Notify>,
    errands: mpsc::UnboundedReceiver<alerts::Errand>,
}

/// The settler ends before the scheduler only when the ledger is broken.
fn broken_ledger(settler: Result<Result<(), StoreError>, tokio::task::JoinError>) -> StoreError {
    match settler {
        Ok(Err(broken)) => broken,
        Ok(Ok(())) | Err(_) => StoreError::Closed,
    }
}
