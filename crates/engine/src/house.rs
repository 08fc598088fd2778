//! What every part of a run shares: the ledger, the world, the rules, and the ways to the scheduler and the settler.

use crate::gate::Gate;
use crate::lane::Lane;
use crate::mailing::Mailing;
use crate::note::{Note, Watch};
use crate::reach::Reach;
use crate::route::Place;
use dispatch::brakes::{Authentication, Port25, Trip};
use dispatch::providers::Limits;
use dispatch::react::{LaneHold, Policy};
use dispatch::retry::Schedule;
use dispatch::rules::RulePack;
use model::{CampaignId, Category, DeliveryId, Scope, SiteId, Timestamp, Verdict};
use net::{Cache, Resolve, TlsClient, World};
use smtp::client::{Credentials, Timeouts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Settlement, Slot, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

/// Conversations at once over all sites, unless a campaign asks for fewer.
pub const CONNECTIONS_MAX: u32 = 1_000;
/// How long a connection may take to open.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How a run sends.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name we greet with; it should resolve to our address and back.
    pub ehlo_name: String,
    /// The way out.
    pub way: Way,
    /// How many conversations there may be.
    pub ceiling: Ceiling,
    /// When to try again.
    pub schedule: Schedule,
    /// The other numbers of the defaults.
    pub policy: Policy,
    /// The deadlines of the conversation.
    pub timeouts: Timeouts,
}

/// The way out.
#[derive(Clone, Debug)]
pub enum Way {
    /// To each domain's own servers.
    Direct {
        /// The port they listen on.
        port: u16,
    },
    /// Everything through one server.
    Relay(Relay),
}

/// A server that takes everything.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// Is it on this machine? Then clear text is no risk.
    pub is_loopback: bool,
    /// How to sign in.
    pub credentials: Option<Credentials>,
}

/// How many conversations there may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// What each provider allows, and so many in all.
    Providers {
        /// Over all sites.
        total: u32,
    },
    /// One number for everything, in place of the providers' limits (loopback mode, relays).
    Flat(u32),
}

impl Ceiling {
    /// Over all sites.
    pub(crate) fn total(self) -> u32 {
        match self {
            Ceiling::Providers { total } | Ceiling::Flat(total) => total,
        }
    }

    /// For one site.
    pub(crate) fn limits(self, of_provider: Limits) -> Limits {
        match self {
            Ceiling::Providers { .. } => of_provider,
            Ceiling::Flat(connections) => Limits {
                connections,
                per_connection: of_provider.per_connection,
                connects_per_minute: u32::MAX,
                messages_per_minute: None,
                messages_per_hour: None,
                messages_per_day: None,
                shared_over_sites: false,
                tls_expected: of_provider.tls_expected,
            },
        }
    }
}

/// What the scheduler is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A lane has room for more deliveries.
    Hungry(SiteId),
    /// A connection of a lane has ended.
    Ended(SiteId),
    /// A batch of settlements is durable.
    Committed(Vec<Moved>),
    /// A brake.
    Tripped(Stop, Option<CampaignId>),
    /// A campaign was paused or resumed.
    Changed(CampaignId),
    /// A campaign was cancelled: give back what was read, then answer.
    Drop(CampaignId, oneshot::Sender<()>),
    /// The run is to end.
    Stop,
}

/// Why everything, or one campaign, is stopped.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// A brake of the rules.
    Brake(Trip),
    /// The relay does not answer, and never has in this run.
    RelaySilent(String),
}

impl Stop {
    pub(crate) fn why(&self) -> String {
        match self {
            Stop::Brake(trip) => trip.why().to_owned(),
            Stop::RelaySilent(at) => {
                format!("The relay {at} does not answer. Nobody was charged an attempt. Check it, then resume.")
            }
        }
    }
}

/// What one durable settlement means for the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) campaign: CampaignId,
    pub(crate) was_due: Option<SiteId>,
    pub(crate) due: Option<(SiteId, Timestamp)>,
    pub(crate) second_lookup_at: Option<Timestamp>,
}

/// What the settler is given.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) settlement: Settlement,
    pub(crate) slot: Option<Slot>,
}

/// What every part of a run shares.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) world: World,
    pub(crate) dns: Cache,
    pub(crate) tls: TlsClient,
    pub(crate) rules: &'static RulePack,
    pub(crate) settings: Settings,
    pub(crate) gate: Arc<Gate>,
    pub(crate) mailings: BTreeMap<CampaignId, Arc<Mailing>>,
    pub(crate) outcomes: mpsc::Sender<Outcome>,
    pub(crate) notices: mpsc::UnboundedSender<Notice>,
    pub(crate) outstanding: Arc<Outstanding>,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) brakes: Mutex<Brakes>,
    /// Which addresses did not answer a moment ago.
    pub(crate) reach: Reach,
    /// Sites by fingerprint, as the ledger numbers them; a memory of bounded size.
    pub(crate) sites: Mutex<BTreeMap<String, SiteId>>,
}

/// Sites whose number is remembered.
const SITES_REMEMBERED_MAX: usize = 10_000;

/// The counters that tell our own fault from everybody else's.
#[derive(Debug, Default)]
pub(crate) struct Brakes {
    port25: Port25,
    /// Sites whose silence was forgiven while nobody had answered yet, and until when it is.
    forgiven: BTreeMap<SiteId, Timestamp>,
    authentication: BTreeMap<CampaignId, Authentication>,
}

/// While no site has answered at all, a silent one is left alone for so long and nobody is charged.
const FORGIVEN_HOLD: Duration = Duration::from_secs(300);

impl House {
    /// Tells whoever watches.
    pub(crate) fn note(&self, note: Note<'_>) {
        self.watch.note(note);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Tells the scheduler; when it has gone, the run is over and nobody needs to know.
    pub(crate) fn tell(&self, notice: Notice) {
        self.notices.send(notice).ok();
    }

    /// Hands an outcome to the settler. Waits while the ledger is behind: what cannot be recorded is not started.
    pub(crate) async fn settle(&self, settlement: Settlement, slot: Option<Slot>) {
        self.outstanding.settling.fetch_add(1, Ordering::Relaxed);
        if self.outcomes.send(Outcome { settlement, slot }).await.is_err() {
            self.outstanding.settling.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Holds a lane and says so.
    pub(crate) fn hold(&self, lane: &Lane, hold: &LaneHold, refusal: Option<&Verdict>) {
        if lane.held(self.now()).is_none() {
            let site = lane.hosts().into_iter().next().unwrap_or_default();
            self.note(Note::SiteHeld { site, until: hold.until, rule: hold.rule.clone() });
        }
        lane.hold(hold.clone(), refusal, self.now());
    }

    /// A server of the site talked to us.
    pub(crate) fn reached(&self) {
        self.brakes().port25.answered();
    }

    /// No server of the site answered. `true`: charge nobody, it may be our own fault (or is: the brake has tripped).
    pub(crate) fn is_our_silence(&self, lane: &Lane) -> bool {
        let mut brakes = self.brakes();
        if let Way::Relay(relay) = &self.settings.way {
            if brakes.port25.is_doubtful() {
                self.tell(Notice::Tripped(Stop::RelaySilent(format!("{}:{}", relay.host, relay.port)), None));
            }
            drop(brakes);
            self.forgive(lane);
            return true;
        }
        if let Some(trip) = brakes.port25.unreachable(&lane.fingerprint) {
            self.tell(Notice::Tripped(Stop::Brake(trip), None));
            return true;
        }
        let now = self.now();
        let until = *brakes.forgiven.entry(lane.site).or_insert(now + self.forgiven_hold());
        let forgiven = brakes.port25.is_doubtful() && now < until;
        drop(brakes);
        if forgiven {
            self.forgive(lane);
        }
        forgiven
    }

    fn forgive(&self, lane: &Lane) {
        let until = self.now() + self.forgiven_hold();
        let (scope, category) = (Scope::Site, Category::NetworkFailure);
        self.hold(lane, &LaneHold { scope, until, category, rule: "site-silent".to_owned() }, None);
    }

    fn forgiven_hold(&self) -> Duration {
        FORGIVEN_HOLD.min(self.settings.schedule.longest_gap())
    }

    /// Feeds the authentication brake.
    pub(crate) fn judged(&self, lane: &Lane, campaign: CampaignId, verdict: &Verdict) {
        let stops = self.rules.stops_campaign(verdict);
        let trip = self.brakes().authentication.entry(campaign).or_default().judged(lane.operator(), verdict, stops);
        if let Some(trip) = trip {
            self.tell(Notice::Tripped(Stop::Brake(trip), Some(campaign)));
        }
    }

    fn brakes(&self) -> std::sync::MutexGuard<'_, Brakes> {
        self.brakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger's number for a site.
    pub(crate) async fn site_of(&self, place: &Place) -> Result<SiteId, StoreError> {
        let remembered = |sites: &Mutex<BTreeMap<String, SiteId>>| {
            sites.lock().unwrap_or_else(PoisonError::into_inner).get(&place.fingerprint).copied()
        };
        if let Some(site) = remembered(&self.sites) {
            return Ok(site);
        }
        let provider = place.provider.map(|provider| provider.key.as_str());
        let site = self.store.site_id(&place.fingerprint, provider, self.now()).await?;
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if sites.len() >= SITES_REMEMBERED_MAX {
            sites.clear();
        }
        sites.insert(place.fingerprint.clone(), site);
        Ok(site)
    }

    /// Do the records of our own that DNS shows fail to carry the campaign's signature and envelope sender? Asked
    /// before a campaign is stopped on one provider's word.
    pub(crate) async fn own_records_fail(&self, campaign: CampaignId) -> bool {
        let Some(mailing) = self.mailings.get(&campaign) else { return true };
        let key_missing = match &mailing.key_name {
            Some(name) => !self.txt_has(name, "p=").await,
            None => true,
        };
        key_missing || !self.txt_has(mailing.return_path.as_str(), "v=spf1").await
    }

    async fn txt_has(&self, name: &str, needle: &str) -> bool {
        match self.dns.txt(name).await.result {
            Ok(records) => records.iter().any(|record| record.contains(needle)),
            Err(failure) => !failure.is_definite(),
        }
    }

    /// Puts a delivery back as if it had never been read.
    pub(crate) fn put_back(&self, lane: &Lane, delivery: DeliveryId) {
        self.outstanding.release(delivery);
        lane.gave_back();
    }
}

/// Deliveries that were read from the ledger and are not settled yet. The ledger shows them as queued or deferred all
/// the while, so this set is what keeps a second reading from sending them twice.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    ids: Mutex<Ids>,
    /// Outcomes handed over and not durable yet.
    pub(crate) settling: AtomicUsize,
}

#[derive(Debug, Default)]
struct Ids {
    out: BTreeSet<DeliveryId>,
    /// Settled since the latest reading began: what that reading says of them is old. No more than were out.
    settled: BTreeSet<DeliveryId>,
}

impl Outstanding {
    /// A reading of the ledger begins. Only one task reads, one reading after the other.
    pub(crate) fn begin_reading(&self) {
        self.lock().settled.clear();
    }

    /// Takes a delivery of the latest reading; `false` when it is taken already, or was settled after it was read.
    pub(crate) fn take(&self, delivery: DeliveryId) -> bool {
        let mut ids = self.lock();
        !ids.settled.contains(&delivery) && ids.out.insert(delivery)
    }

    /// Gives a delivery up whose row is as it was read.
    pub(crate) fn release(&self, delivery: DeliveryId) {
        self.lock().out.remove(&delivery);
    }

    /// Gives a delivery up whose row has changed.
    pub(crate) fn settled(&self, delivery: DeliveryId) {
        let mut ids = self.lock();
        ids.out.remove(&delivery);
        ids.settled.insert(delivery);
    }

    /// How many are out.
    pub(crate) fn len(&self) -> usize {
        self.lock().out.len()
    }

    /// All that are out, in order.
    pub(crate) fn all(&self) -> Vec<DeliveryId> {
        self.lock().out.iter().copied().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_settled_after_it_was_read_is_not_sent_again() {
        let (outstanding, one) = (Outstanding::default(), DeliveryId(1));
        outstanding.begin_reading();
        assert!(outstanding.take(one) && !outstanding.take(one));
        // A reading that began before the outcome was durable still shows it as waiting.
        outstanding.begin_reading();
        outstanding.settled(one);
        assert!(!outstanding.take(one));
        outstanding.begin_reading();
        assert!(outstanding.take(one));
        outstanding.release(one);
        assert!(outstanding.take(one));
    }
}
