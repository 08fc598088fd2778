//! Trials of pacing: worlds with hidden limits, a campaign to many people, and how long it took the engine to reach them.
//!
//! Each world is played with an engine that has to learn everything from replies ([`Knowledge::Learns`]), with one that is
//! told every limit the moment it changes ([`Knowledge::Told`], the oracle no real sender has), and with one that keeps to
//! the same numbers everywhere, as mail servers do that nobody has tuned ([`Knowledge::Fixed`]). What is compared is virtual
//! time, refusals, and whether anybody was driven into a long block. Messages are small and signed with Ed25519; nothing
//! here measures a machine.

mod worlds;

pub use worlds::{Trial, trials};

use crate::people::SENDER_DOMAIN;
use crate::provider::{Limits, Profile, in_force};
use crate::scenario::{Scenario, life, runtime};
use crate::world::{EPOCH, SimWorld};
use dispatch::route::site_fingerprint;
use engine::{AfterRefusal, Engine, KnownLimits, Until, launch};
use model::{DeliveryState, MailDomain, Timestamp, WorkspaceId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{Durability, Executor, OpenOptions, Store};

/// A trial that takes longer is given up: whoever is not reached by then counts as not reached.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The share of people after whom the clock stops: a few stragglers are not what pacing is about.
const NEARLY_ALL: f64 = 0.99;

/// What the engine knows of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing: it learns from replies.
    Learns,
    /// Everything, the moment it changes.
    Told,
    /// Nothing, and it learns nothing: everywhere the ceilings of a site nobody described, as common engines ship them (ten
    /// connections, a hundred messages each, a hundred new ones a minute), each message that is refused again after the
    /// usual gaps.
    Fixed,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Came {
    /// People who got their mail.
    pub accepted: u64,
    /// Until nearly all of them had it, in seconds.
    pub nearly_all_s: f64,
    /// Until the last of them had it, in seconds.
    pub last_s: f64,
    /// Messages that were begun.
    pub begun: u64,
    /// Refusals because of a limit, by provider.
    pub refusals: BTreeMap<String, u64>,
    /// Long blocks.
    pub blocks: u64,
    /// Tries that the engine recorded as put off.
    pub put_off: u64,
}

impl Came {
    /// Refusals of all providers.
    pub fn refused(&self) -> u64 {
        self.refusals.values().sum()
    }
}

/// Plays a trial with so many people on a runtime of its own; its ledger is kept in `directory`, which must be empty.
pub fn play(trial: &Trial, people: usize, knowledge: Knowledge, directory: &Path) -> Came {
    runtime().block_on(Box::pin(live(trial, people, knowledge, directory)))
}

async fn live(trial: &Trial, people: usize, knowledge: Knowledge, directory: &Path) -> Came {
    let sim = SimWorld::with_profiles(trial.seed, &trial.profiles);
    sim.internet.only_count();
    let domain = MailDomain::parse(SENDER_DOMAIN).expect("the sample sender has a domain");
    let record = life::key().dns_record(&domain, life::SELECTOR).expect("the key has a record");
    sim.publish_sender(SENDER_DOMAIN, &[(record.name, record.value)]);
    let clock = sim.world.clock.clone();
    // A ledger in memory pays for every page it has at each commit: with many people, files are faster.
    let options = OpenOptions {
        executor: Executor::Inline,
        durability: Durability::Process,
        ..OpenOptions::directory(directory, [7; 32])
    };
    let store = Store::open(options, clock.now()).expect("a ledger can be opened in an empty directory");
    let plain = Scenario::of(&[]);
    life::import(&store, &plain, &trial.people(people), 1, clock.now()).await;
    let (actor, entropy) = (life::actor(), sim.world.entropy.clone());
    let kept =
        launch::keep_key(&store, domain.as_str(), life::SELECTOR, &life::key(), entropy.as_ref(), &actor, EPOCH).await;
    kept.expect("the key is kept");
    life::mail(&store, &life::Letter::first(&plain), clock.now()).await.expect("launched");
    let campaign = store.list_campaigns(WorkspaceId::FIRST).await.expect("readable").remove(0);
    let mailing = launch::mailing(&store, &campaign, entropy.as_ref()).await.expect("a mailing");
    let mut settings = crate::world::settings();
    settings.limits = known(&trial.profiles, knowledge);
    let watch = Arc::new(Counter::default());
    let engine = Engine::new(store.clone(), sim.world.clone(), settings, watch.clone());
    let run = Box::pin(engine.run(vec![mailing], Until::Settled));
    // Given up or done: what counts is who was reached.
    let _ended = tokio::time::timeout(LONGEST, run).await;
    let tally = store.tally(campaign.id).await.expect("tallied");
    let times = sim.internet.with_ledger(|ledger| ledger.times().to_vec());
    let due = ((people as f64) * NEARLY_ALL).ceil() as usize;
    let seconds = |at: Option<&Timestamp>| at.map_or(LONGEST, |at| at.since(EPOCH)).as_secs_f64();
    Came {
        accepted: tally.count(DeliveryState::Accepted),
        nearly_all_s: seconds(times.get(due.saturating_sub(1))),
        last_s: seconds(times.get(people.saturating_sub(1)).or(times.last())),
        begun: sim.internet.used().values().map(|used| used.days.values().map(|n| u64::from(*n)).sum::<u64>()).sum(),
        refusals: sim.internet.refusals(),
        blocks: sim.internet.blocks().len() as u64,
        put_off: watch.put_off.load(std::sync::atomic::Ordering::Relaxed),
    }
}

/// Counts the tries that were put off.
#[derive(Debug, Default)]
struct Counter {
    put_off: std::sync::atomic::AtomicU64,
}

impl engine::note::Watch for Counter {
    fn note(&self, note: engine::note::Note<'_>) {
        if let engine::note::Note::Moved { attempt: Some(attempt), .. } = note
            && attempt.verdict.outcome == model::Outcome::Deferred
        {
            self.put_off.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// The limits as the engine is given them.
fn known(profiles: &[Arc<Profile>], knowledge: Knowledge) -> Option<KnownLimits> {
    match knowledge {
        Knowledge::Learns => None,
        Knowledge::Told => {
            let of = |profile: &Arc<Profile>| {
                let hosts: Vec<&str> = profile.hosts.iter().map(|host| host.name.as_str()).collect();
                (site_fingerprint(&hosts), Arc::clone(profile))
            };
            let by_site: BTreeMap<String, Arc<Profile>> = profiles.iter().map(of).collect();
            let told = move |site: &str, now: Timestamp| {
                let profile = by_site.get(site)?;
                Some(as_given(in_force(profile.limits, &profile.moods, now.since(EPOCH))))
            };
            Some(KnownLimits { at: Arc::new(told), after_refusal: AfterRefusal::Learn })
        }
        Knowledge::Fixed => {
            let limits = dispatch::providers::Limits::default();
            Some(KnownLimits { at: Arc::new(move |_, _| Some(limits)), after_refusal: AfterRefusal::GoOn })
        }
    }
}

/// A receiver's limits as the engine's, never beyond what the engine would use of a site nobody has described.
fn as_given(hidden: Limits) -> dispatch::providers::Limits {
    let ours = dispatch::providers::Limits::default();
    let least = |of: Option<u32>, of_domain: Option<u32>| [of, of_domain].into_iter().flatten().min();
    // Whoever has a rate to keep starts each message by itself; that is slower, and the oracle does it only where it must.
    let per_minute = Some(hidden.messages_per_minute).filter(|most| *most < worlds::ANY_PER_MINUTE);
    dispatch::providers::Limits {
        connections: hidden.connections.min(ours.connections),
        per_connection: hidden.messages_per_connection.min(ours.per_connection),
        connects_per_minute: hidden.connects_per_minute.unwrap_or(u32::MAX).min(ours.connects_per_minute),
        messages_per_minute: least(per_minute, hidden.domain_per_minute),
        messages_per_hour: least(hidden.messages_per_hour, hidden.domain_per_hour),
        messages_per_day: least(hidden.messages_per_day, hidden.domain_per_day),
        ..ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_told_everything_is_hardly_ever_refused_and_reaches_all() {
        let trial = &trials()[0];
        let played = |knowledge| {
            let folder = tempfile::tempdir().unwrap();
            play(trial, 600, knowledge, folder.path())
        };
        let told = played(Knowledge::Told);
        assert_eq!((told.accepted, told.blocks), (600, 0), "{told:?}");
        assert!(told.refused() <= 12 && told.last_s >= told.nearly_all_s, "{told:?}");
        let learned = played(Knowledge::Learns);
        assert_eq!(learned.accepted, 600, "{learned:?}");
        assert!(learned.refused() > 0, "the limits are hidden: {learned:?}");
        assert_eq!(learned, played(Knowledge::Learns), "the same seed, the same trial");
    }

    #[test]
    fn whoever_learns_nothing_runs_into_the_same_limit_again_and_again() {
        let trial = &trials()[1];
        let played = |knowledge| {
            let folder = tempfile::tempdir().unwrap();
            play(trial, 600, knowledge, folder.path())
        };
        let (learned, fixed) = (played(Knowledge::Learns), played(Knowledge::Fixed));
        assert_eq!((learned.accepted, fixed.accepted), (600, 600), "{learned:?} {fixed:?}");
        assert!(fixed.refused() > 2 * learned.refused(), "{learned:?} {fixed:?}");
    }
}
