//! A sandbox that is open: its thread, with its own time, its own engine and its own ledger.
//!
//! Time in it is the simulator's, so it has one thread with one runtime, and its ledger works on whatever thread asks. Pages
//! are drawn where requests come in, and see the clock and the ledger from there. What its engine and its visitors tell is
//! not in the service's log.

use super::READY;
use super::clock::Written;
use super::furnish::{SEED, furnish};
use super::life::{Life, Turn, in_turn};
use super::readers::Readers;
use crate::failure::Failure;
use crate::{sample, service};
use axum::Router;
use engine::note::{Note, Watch};
use engine::{Engine, Until};
use net::{Entropy, SystemEntropy};
use sim::provider::{Habits, Profile};
use sim::world::{SimWorld, VirtualClock};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use store::{Durability, Executor, OpenOptions, Store};
use tokio::sync::oneshot;
use tracing::subscriber::NoSubscriber;
use web::{App, Config, SANDBOX_PLACE, Sending};

/// Pages of 4,096 octets that its ledger may have: half a gibibyte, some hundred thousand people.
const PAGES_MAX: u32 = 131_072;
/// How long what is under way may take to end.
const LAST_REPLIES: Duration = Duration::from_secs(30);

/// What people do with what they get, where nothing else is known of their provider's.
const HABITS: Habits = Habits {
    opens: 0.4,
    clicks: 0.3,
    complains: 0.001,
    unsubscribes: 0.008,
    rescues: 0.05,
    deletes: 0.4,
    welcome_per_week: 2,
};

/// An open sandbox.
pub(super) struct Play {
    router: Router,
    thread: JoinHandle<()>,
    /// Dropped, it stops …
    until: Sender<()>,
    /// … and is over when this is dropped.
    over: oneshot::Receiver<()>,
}

impl Play {
    /// Opens the sandbox in this directory for the people of `home`; puts the samples in if they are not there.
    pub(super) async fn begin(dir: &Path, home: &App) -> Result<Play, Failure> {
        let (tell, told) = oneshot::channel();
        let (until, stopped) = channel();
        let (ends, over) = oneshot::channel::<()>();
        let (dir, home) = (dir.to_owned(), home.clone());
        let body = move || {
            let quiet = tracing::subscriber::set_default(NoSubscriber::new());
            let ended = play_alone(&dir, &home, tell, stopped);
            drop(quiet);
            if let Err(why) = ended {
                tracing::error!(%why, "the sandbox ended");
            }
            drop(ends);
        };
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(body);
        let thread = thread.map_err(|error| Failure::own("the sandbox could not start its thread", error))?;
        let died = |_| Failure::own("the sandbox could not be opened", "a fault of this program");
        let router = told.await.map_err(died)??;
        Ok(Play { router, thread, until, over })
    }

    /// What answers in it; `None`: it ended by a fault.
    pub(super) fn router(&self) -> Option<Router> {
        (!self.thread.is_finished()).then(|| self.router.clone())
    }

    /// Stops it: nothing new begins, and what is under way ends, bounded in time.
    pub(super) async fn stop(self) {
        let Play { router, until, over, thread: _ } = self;
        drop((until, router));
        // Nothing is ever sent: it is over when the other end is gone.
        if tokio::time::timeout(LAST_REPLIES, over).await.is_err() {
            tracing::warn!("the sandbox takes long to stop");
        }
    }
}

/// On a runtime of its own, whose time stands still whenever somebody works.
fn play_alone(
    dir: &Path,
    home: &App,
    tell: oneshot::Sender<Result<Router, Failure>>,
    stopped: Receiver<()>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| format!("its time could not be started: {error}"))?;
    runtime.block_on(async {
        match Box::pin(Opened::open(dir, home)).await {
            Ok(opened) => {
                let router = in_turn(opened.life.router.clone(), Arc::clone(&opened.life.turn));
                // Nobody is left to hear it: then nobody keeps the other end of `stopped` either.
                tell.send(Ok(router)).ok();
                Box::pin(opened.play(stopped)).await
            }
            Err(failure) => {
                tell.send(Err(failure)).ok();
                Ok(())
            }
        }
    })
}

/// A sandbox whose engine waits to be let go.
struct Opened {
    life: Life,
    engine: Engine,
    mailings: Vec<engine::Mailing>,
}

impl Opened {
    async fn open(dir: &Path, home: &App) -> Result<Opened, Failure> {
        let address = format!("{}{SANDBOX_PLACE}", home.config.public_url);
        let clock = Written::read(dir, home.world.clock.now());
        let sim = SimWorld::by_clock(SEED, &providers(), VirtualClock::shared(clock.begins()));
        let readers = Readers::of(&sim.internet, SEED, &address);
        let mut fresh_key = [0; 32];
        SystemEntropy::new().fill("address key", &mut fresh_key);
        let options = OpenOptions {
            executor: Executor::Inline,
            durability: Durability::Process,
            pages_max: Some(PAGES_MAX),
            ..OpenOptions::directory(dir, fresh_key)
        };
        let store = Store::open(options, sim.world.clock.now())?;
        let ready = dir.join(READY);
        if ready.exists() {
            sample::publish_key(&sim)?;
        } else {
            Box::pin(furnish(&store, &sim, dir, &address)).await?;
            let cannot = |error| Failure::own(format!("{} could not be written", ready.display()), error);
            fs::write(&ready, "").map_err(cannot)?;
        }
        store.break_off_jobs(sim.world.clock.now()).await?;
        let mailings = service::left_to_send(&store, &sample::transport(), sim.world.clock.now()).await?;
        // What nobody can guess (a webhook's secret, the id of a request) is drawn by the machine, not by the seed.
        let world = net::World { entropy: Arc::new(SystemEntropy::new()), ..sim.world.clone() };
        let engine = Engine::new(store.clone(), world.clone(), sim::world::settings(), Arc::new(Silence));
        let config = Config {
            public_url: address,
            trusted_proxies: home.config.trusted_proxies.clone(),
            requests_per_minute: home.config.requests_per_minute,
            cancel_window_secs: home.config.cancel_window_secs,
            sending: Sending { transport: sample::transport(), connections: None, retry: None },
            uploads: dir.join("uploads"),
            ..Config::default()
        };
        let app = App::new(store, engine.handle(), world, config).as_sandbox_of(home);
        let router = web::router(app.clone());
        Ok(Opened { life: Life { sim, app, router, readers, clock, turn: Turn::default() }, engine, mailings })
    }

    /// Until it is told to stop, or cannot go on.
    async fn play(self, stopped: Receiver<()>) -> Result<(), String> {
        let Opened { life, engine, mailings } = self;
        let handle = engine.handle();
        let asking = tokio::spawn(web::ask_to_confirm(life.app.clone()));
        let mut run = tokio::spawn(engine.run(mailings, Until::Told));
        let ended = tokio::select! { biased;
            ended = &mut run => return Err(format!("its engine stopped: {ended:?}")),
            ended = life.live(stopped) => ended,
        };
        asking.abort();
        // Nothing holds time back any more: final replies come at once.
        handle.stop().await;
        match run.await {
            Ok(Ok(_)) => ended,
            other => Err(format!("its engine did not end in order: {other:?}")),
        }
    }
}

/// The shipped providers, whose people read what they get.
fn providers() -> Vec<Arc<Profile>> {
    let mut profiles = Profile::shipped();
    for profile in &mut profiles {
        Arc::make_mut(profile).habits.get_or_insert(HABITS);
    }
    profiles
}

/// What the engine of a sandbox tells is nobody's news.
struct Silence;

impl Watch for Silence {
    fn note(&self, _note: Note<'_>) {}
}
