//! What every part of a run shares: the ledger, the world, the rules, and the ways to the scheduler and the settler.

use crate::alerts::{About, Errand, Heard as Noticed};
use crate::brakes::{Brakes, Judged, Whom};
use crate::budget::Budgets;
use crate::fleet::{Fleet, Rest};
use crate::gate::Gate;
use crate::holds::{Asked, Holds};
use crate::lane::{Lane, LaneId, SiteRefusal, Stream};
use crate::mailing::Mailing;
use crate::note::{Note, Watch};
use crate::notice::{Notice, Stop};
use crate::offers::Offers;
use crate::outstanding::Outstanding;
use crate::reach::Reach;
use crate::route::Place;
use crate::security::Policies;
use crate::settings::{Settings, Way};
use crate::terms::Terms;
use crate::throttles::Throttles;
use crate::tls_reports::Tally;
use crate::trace::Traces;
use dispatch::alert::Turn;
use dispatch::brakes::{Groups, Inside, Trip};
use dispatch::judge::{Circumstance, What, judge};
use dispatch::own::Described;
use dispatch::providers::Providers;
use dispatch::react::LaneHold;
use dispatch::rules::RulePack;
use dispatch::share::{Class, Flow, Weights};
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, Category, DeliveryId, ImportId, Reply, Scope, SiteId, SourceId,
    Stage, Timestamp, Verdict,
};
use net::{Cache, Resolve, TlsClient, World};
use smtp::extensions::Optional;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use store::{CeilingOf, Claimed, Part, Settlement, Slot, Store, StoreError};
use tokio::sync::{Notify, mpsc};

/// How long a connection may take to open.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A source that has no address of a site's family is tried there again after this: sites get new addresses.
const OTHER_FAMILY_REST: Duration = Duration::from_secs(6 * 3_600);

/// What one durable settlement means for the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) campaign: CampaignId,
    pub(crate) was_due: Option<SiteId>,
    pub(crate) due: Option<(SiteId, Timestamp)>,
    pub(crate) second_lookup_at: Option<Timestamp>,
}

/// What follows from what a lane heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// Nothing of the lane until then; in force already.
    pub(crate) hold: Option<LaneHold>,
    /// The session is to be closed.
    pub(crate) leave: bool,
    /// The source is listed there.
    pub(crate) listed: bool,
}

/// What the settler is given.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) settlement: Settlement,
    pub(crate) slot: Option<Slot>,
    /// On whose word somebody is suppressed: while that operator has an incident, provisionally.
    pub(crate) operator: Option<String>,
}

/// What every part of a run shares.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) world: World,
    pub(crate) dns: Cache,
    pub(crate) tls: TlsClient,
    pub(crate) settings: Settings,
    /// When the run began.
    pub(crate) began: Timestamp,
    pub(crate) gate: Arc<Gate>,
    pub(crate) mailings: RwLock<BTreeMap<CampaignId, Arc<Mailing>>>,
    pub(crate) fleet: Fleet,
    /// Who runs which servers, and what replies mean; what the settings say is how the run began.
    pub(crate) described: Arc<RwLock<Described>>,
    pub(crate) budgets: Budgets,
    pub(crate) throttles: Arc<Throttles>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) terms: Terms,
    pub(crate) outcomes: mpsc::Sender<Outcome>,
    pub(crate) notices: mpsc::UnboundedSender<Notice>,
    pub(crate) alarms: mpsc::UnboundedSender<Errand>,
    /// Rings when somebody is in doubt.
    pub(crate) doubted: Notify,
    pub(crate) outstanding: Arc<Outstanding>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) brakes: Mutex<Brakes>,
    /// Which addresses did not answer a moment ago.
    pub(crate) reach: Reach,
    /// Held by the one write that tries again while the ledger cannot record.
    pub(crate) ledger_turn: tokio::sync::Mutex<()>,
    /// What domains demand of their servers.
    pub(crate) policies: Arc<Policies>,
    /// What servers offer and refuse.
    pub(crate) offers: Offers,
    /// What came of it, for the reports.
    pub(crate) tally: Arc<Tally>,
    /// Sites by fingerprint, as the ledger numbers them; a memory of bounded size.
    pub(crate) sites: Mutex<BTreeMap<String, SiteId>>,
    /// The names of imports' files, likewise.
    pub(crate) files: Mutex<BTreeMap<ImportId, Arc<str>>>,
}

/// How long a probe's verdicts are waited for, before the lane looks again.
const PROBE_LOOK: Duration = Duration::from_secs(60);
/// Imports whose file's name is remembered.
const FILES_REMEMBERED_MAX: usize = 1_000;
/// Sites whose number is remembered.
const SITES_REMEMBERED_MAX: usize = 10_000;
/// What stands in the dictionary of sites for all sites of a provider together begins so.
pub(crate) const SITE_FOR_PROVIDER: &str = "all of ";

/// While no site has answered at all, a silent one is left alone for so long and nobody is charged.
const FORGIVEN_HOLD: Duration = Duration::from_secs(300);

impl House {
    /// Who runs which servers, as it is described now.
    pub(crate) fn providers(&self) -> &'static Providers {
        self.described.read().unwrap_or_else(PoisonError::into_inner).providers
    }

    /// What replies mean, as it is described now.
    pub(crate) fn rules(&self) -> &'static RulePack {
        self.described.read().unwrap_or_else(PoisonError::into_inner).rules
    }

    /// Tells the alarm desk; in a run without one nobody hears.
    pub(crate) fn alarm(&self, about: About, turn: Turn) {
        self.alarms.send(Errand::Heard(Noticed { about, turn })).ok();
    }

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

    /// Hands an outcome to the settler; `word_of`: the lane it was said in, where it says something about the person. Waits
    /// while the ledger is behind: what cannot be recorded is not started.
    pub(crate) async fn settle(&self, settlement: Settlement, slot: Option<Slot>, word_of: Option<&Lane>) {
        let word_of = word_of.filter(|_| settlement.suppress.is_some());
        let operator = word_of.map(|lane| lane.operator().to_owned());
        self.outstanding.settling.fetch_add(1, Ordering::Relaxed);
        if self.outcomes.send(Outcome { settlement, slot, operator }).await.is_err() {
            self.outstanding.settling.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A campaign ready to be sent.
    pub(crate) fn mailing(&self, campaign: CampaignId) -> Option<Arc<Mailing>> {
        self.mailings.read().unwrap_or_else(PoisonError::into_inner).get(&campaign).cloned()
    }

    /// The campaigns of the run.
    pub(crate) fn campaigns(&self) -> Vec<CampaignId> {
        self.mailings.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Takes a campaign into the run: its terms, its budgets, and what the ledger counted of it before.
    pub(crate) async fn take_up(&self, mailing: Mailing) -> Result<(), StoreError> {
        let (campaign, now) = (mailing.campaign, self.now());
        if let Some(identity) = mailing.identity {
            self.until_read(|| self.budgets.know(&self.store, identity)).await?;
        }
        let is_sample_over = self.brakes().is_sample_over(campaign);
        self.terms.put(campaign, mailing.plan.begin(self.settings.stakes, is_sample_over, now));
        self.mailings.write().unwrap_or_else(PoisonError::into_inner).insert(campaign, Arc::new(mailing));
        self.recount(campaign).await
    }

    /// Forgets a campaign that is over.
    pub(crate) fn let_go(&self, campaign: CampaignId) {
        self.mailings.write().unwrap_or_else(PoisonError::into_inner).remove(&campaign);
        self.terms.forget(campaign);
        self.brakes().forget(campaign);
    }

    /// A campaign's place among the others.
    pub(crate) fn stream(&self, campaign: CampaignId) -> Option<Stream> {
        let mailing = self.mailing(campaign)?;
        let class = match mailing.kind {
            CampaignKind::Transactional => Class::Transactional,
            CampaignKind::Broadcast | CampaignKind::Automated => Class::Bulk,
        };
        let weights = Weights { workspace: self.throttles.weight(mailing.workspace), campaign: mailing.weight };
        Some(Stream { flow: Flow { workspace: mailing.workspace, campaign }, class, weights })
    }

    /// Messages a session of a lane may carry.
    pub(crate) fn per_connection(&self, lane: &Lane) -> u32 {
        lane.per_connection(self.now()).min(self.throttles.per_connection(lane.id.source))
    }

    /// May a transactional message come?
    pub(crate) fn has_transactional(&self) -> bool {
        let mailings = self.mailings.read().unwrap_or_else(PoisonError::into_inner);
        mailings.values().any(|mailing| mailing.kind == CampaignKind::Transactional)
    }

    /// When anything of a campaign may start, if its own terms forbid it now.
    pub(crate) fn not_before(&self, campaign: CampaignId, now: Timestamp) -> Option<(Timestamp, String)> {
        self.terms.not_before(campaign, now)
    }

    /// The same toward one operator: terms, holds, the ceilings of its workspace, and what the brakes say of the provider.
    pub(crate) fn not_before_at(
        &self,
        campaign: CampaignId,
        operator: &str,
        now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        let own = self.not_before(campaign, now);
        let workspace = self.mailing(campaign).map(|mailing| mailing.workspace);
        let held = workspace.and_then(|workspace| self.holds.of_flow((workspace, campaign), operator, now));
        let braked = self.brakes().left_alone(operator, now);
        let braked = braked.map(|alone| (alone.until, alone.told()));
        let of = workspace.map(CeilingOf::Workspace);
        let closed = of.and_then(|of| Some((of, self.throttles.closed_until(of, now)?)));
        let closed = closed.and_then(|(of, until)| Some((until, self.throttles.told(of, now)?.reached(now))));
        [own, held, braked, closed].into_iter().flatten().max_by_key(|(until, _)| *until)
    }

    /// Which part of a campaign may be read, for an operator if it is known whose it is.
    pub(crate) fn part_of(&self, campaign: CampaignId, operator: Option<&str>, now: Timestamp) -> Part {
        let workspace = self.mailing(campaign).map(|mailing| mailing.workspace);
        let is_held = workspace.is_some_and(|workspace| self.holds.holds_cold((workspace, campaign), operator, now));
        self.terms.part(campaign, is_held)
    }

    /// Learns from a verdict of a lane. The hold that follows, if one does, is in force already.
    pub(crate) fn heard(&self, lane: &Lane, verdict: &Verdict, reply: Option<&str>, in_session: u32) -> Heard {
        let now = self.now();
        let was_held = lane.held(now).is_some();
        let response = lane.heard(verdict, reply, in_session, now);
        if let Some(hold) = &response.hold {
            lane.refused(self.refusal_in(lane, verdict, reply), now);
            if !was_held {
                self.note(Note::SiteHeld { site: lane.name(), until: hold.until, rule: hold.rule.clone() });
            }
        }
        if response.listed {
            let why = reply.map_or_else(|| verdict.rule.to_string(), str::to_owned);
            self.tell(Notice::Rests { lane: lane.id, why });
        }
        if response.steps || !response.changes.is_empty() {
            self.tell(Notice::Learned { lane: lane.id, changes: response.changes });
        }
        // A refusal of us that comes while the lane rests already is no recipient's either.
        let of_us = matches!(verdict.scope, Scope::Source | Scope::Site | Scope::Identity);
        let refused = matches!(verdict.outcome, model::Outcome::Blocked);
        let hold = response.hold.or_else(|| lane.held(now).filter(|_| of_us && refused));
        Heard { hold, leave: response.leave, listed: response.listed }
    }

    /// A server refused what it offers: it is done without there for a while, which is told once. The remark for transcripts.
    pub(crate) fn offer_refused(&self, lane: &Lane, host: &str, offer: Optional, reply: &str) -> String {
        let heard_at = (lane.id.source, lane.operator());
        let (refused, remark, is_news) = self.offers.refused(heard_at, host, offer, reply, self.now());
        if is_news {
            self.tell(Notice::OfferRefused { lane: lane.id, refused });
        }
        remark
    }

    /// What a verdict means for whoever was not tried. A reply that did not come leaves one person in doubt; to the others
    /// it is a server that does not answer.
    fn refusal_in(&self, lane: &Lane, verdict: &Verdict, reply: Option<&str>) -> SiteRefusal {
        if verdict.outcome != model::Outcome::InDoubt {
            let reply = reply.and_then(|reply| reply.split_once(' '));
            let reply = reply.and_then(|(code, text)| Some(Reply::new(code.parse().ok()?, text)));
            return SiteRefusal { verdict: verdict.clone(), reply };
        }
        let provider = lane.provider().map(|provider| provider.key.as_str());
        let what = What::TimedOut;
        let verdict = judge(self.rules(), &Circumstance { stage: verdict.stage, provider, what });
        SiteRefusal { verdict, reply: None }
    }

    /// Holds a lane alone, for a reason of ours, and says so.
    pub(crate) fn hold(&self, lane: &Lane, hold: &LaneHold) {
        if lane.held(self.now()).is_none() {
            self.note(Note::SiteHeld { site: lane.name(), until: hold.until, rule: hold.rule.clone() });
        }
        lane.hold(hold.clone());
    }

    /// Does any campaign of this run insist on encryption all the way (RFC 8689)?
    pub(crate) fn requires_tls(&self) -> bool {
        let mailings = self.mailings.read().unwrap_or_else(PoisonError::into_inner);
        mailings.values().any(|mailing| mailing.require_tls)
    }

    /// A server of the site talked to us.
    pub(crate) fn reached(&self, lane: &Lane) {
        let mut brakes = self.brakes();
        brakes.port25.answered();
        brakes.points_inside.answered(self.now(), lane.operator());
        drop(brakes);
        self.fleet.works(lane.id.source);
    }

    /// Nothing goes through the lane's source, whoever the receiver is: it rests, and others carry what waits in its lanes.
    pub(crate) fn source_down(&self, lane: &Lane, why: &str) {
        let until = self.now() + self.forgiven_hold();
        let news = self.fleet.went_down(lane.id.source, Rest { until, why: format!("cannot send: {why}"), site: None });
        if news {
            self.tell(Notice::SourceDown { lane: lane.id, why: why.to_owned() });
        }
        self.leave_source(lane, until);
    }

    /// What waits in a lane is left to other sources until then; if there are none, it waits.
    pub(crate) fn leave_source(&self, lane: &Lane, until: Timestamp) {
        let (scope, category) = (Scope::Source, Category::NetworkFailure);
        lane.hold(LaneHold { scope, until, category, rule: "egress-down".to_owned() });
        self.tell(Notice::Redeal(lane.id));
    }

    /// The site has no address of a family that the lane's source has. `true`: another source may have one, and carries what
    /// waits in the lane; until the look is repeated this one takes nothing there.
    pub(crate) fn leave_to_another_family(&self, lane: &Lane, claimed: &Claimed) -> bool {
        let now = self.now();
        let until = now + OTHER_FAMILY_REST;
        self.fleet.has_no_way(lane.id, until, now);
        let Some(mailing) = self.mailing(claimed.campaign) else { return false };
        let ways = self.fleet.ways();
        let mut members = ways.members(mailing.workspace, mailing.kind).into_iter();
        let is_left = members.any(|(source, _)| self.fleet.no_way_until(LaneId { source, ..lane.id }, now).is_none());
        if is_left {
            self.tell(Notice::Redeal(lane.id));
        }
        is_left
    }

    /// No server of the site answered. `true`: charge nobody, it may be our own fault (or is: the brake has tripped).
    pub(crate) fn is_our_silence(&self, lane: &Lane) -> bool {
        let mut brakes = self.brakes();
        if let Way::Relay(relay) = &self.settings.way {
            if brakes.port25.is_doubtful() {
                let at = format!("{}:{}", relay.host, relay.port);
                self.tell(Notice::Tripped(Stop::RelaySilent(at), Whom::Everybody));
            }
            drop(brakes);
            self.forgive(lane);
            return true;
        }
        if let Some(trip) = brakes.port25.unreachable(&lane.fingerprint) {
            self.tell(Notice::Tripped(Stop::Brake(trip), Whom::Everybody));
            return true;
        }
        let now = self.now();
        let until = *brakes.forgiven.entry(lane.id.site).or_insert(now + self.forgiven_hold());
        let forgiven = brakes.port25.is_doubtful() && now < until;
        drop(brakes);
        if forgiven {
            self.forgive(lane);
        }
        forgiven
    }

    /// All servers of the site are at addresses that nobody may connect to. `true`: charge nobody, it may be our own
    /// resolver (or is: the brake has tripped).
    pub(crate) fn is_our_resolver(&self, lane: &Lane, domains: &[String], verdict: &Verdict) -> bool {
        if matches!(self.settings.way, Way::Relay(_)) {
            return self.is_our_silence(lane);
        }
        let (operator, is_described) = (lane.operator(), lane.provider().is_some());
        let found = self.brakes().points_inside.found(self.now(), operator, is_described, domains);
        match found {
            Inside::LookAgain(until) => {
                let (category, rule) = (Category::NetworkFailure, verdict.rule.to_string());
                self.hold(lane, &LaneHold { scope: Scope::Site, until, category, rule });
                true
            }
            Inside::Theirs => false,
            Inside::Ours(trip) => {
                self.tell(Notice::Tripped(Stop::Brake(trip), Whom::Everybody));
                true
            }
        }
    }

    fn forgive(&self, lane: &Lane) {
        let until = self.now() + self.forgiven_hold();
        let (scope, category) = (Scope::Site, Category::NetworkFailure);
        self.hold(lane, &LaneHold { scope, until, category, rule: "site-silent".to_owned() });
    }

    fn forgiven_hold(&self) -> Duration {
        FORGIVEN_HOLD.min(self.settings.schedule.longest_gap())
    }

    /// Shows a verdict to the brakes and the budgets.
    pub(crate) async fn judged(&self, lane: &Lane, claimed: &Claimed, verdict: &Verdict) {
        let Some(mailing) = self.mailing(claimed.campaign) else { return };
        let file = match claimed.import {
            Some(import) => self.file_of(import).await,
            None => Arc::default(),
        };
        let name = matches!(self.settings.way, Way::Direct { .. }).then(|| match lane.provider() {
            Some(provider) => Cow::Borrowed(provider.name.as_str()),
            None => Cow::Owned(lane.server()),
        });
        // Whoever has no servers waits in no site.
        let server = name.as_deref().filter(|_| lane.provider().is_none() && verdict.stage != Stage::Dns);
        let groups = Groups {
            provider: lane.provider().map(|provider| provider.key.as_str()),
            server: server.map(|name| (lane.operator(), name)),
            lead_source: claimed.lead_source.as_deref(),
            import: claimed.import.map(|import| (import, &*file)),
        };
        let now = self.now();
        self.budgets.judged(lane.id.source, mailing.identity, lane.operator(), verdict, now);
        let judged = Judged {
            campaign: claimed.campaign,
            workspace: claimed.workspace,
            groups,
            operator: lane.operator(),
            name: name.as_deref(),
            verdict,
            stops_campaign: self.rules().stops_campaign(verdict),
            is_first: claimed.attempts == 0,
        };
        let trips = {
            let mut brakes = self.brakes();
            if verdict.outcome == model::Outcome::Accepted {
                brakes.points_inside.took(now);
            }
            brakes.judged(judged, now)
        };
        for (trip, reach) in trips {
            // A domain that is gone may hold thousands, who have their verdicts faster than the scheduler hears of it.
            if let (Trip::Missing { .. }, Whom::Campaign(campaign)) = (&trip, reach) {
                self.gate.close(campaign).await;
            }
            self.tell(Notice::Tripped(Stop::Brake(trip), reach));
        }
        // What DNS alone decided says nothing about the list, as for the rates.
        if claimed.attempts == 0 && verdict.stage != Stage::Dns {
            self.terms.with_canary(claimed.campaign, |canary| canary.judged(now, &groups, verdict));
        }
    }

    /// The name of an import's file: a brake that accuses an import says what a person calls it.
    pub(crate) async fn file_of(&self, import: ImportId) -> Arc<str> {
        let remembered = || self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = remembered().get(&import) {
            return file.clone();
        }
        // A name is not worth an error: the number says the same.
        let file: Arc<str> =
            self.store.import(import).await.map_or_else(|_| "?".into(), |known| known.file_name.into());
        let mut files = remembered();
        if files.len() >= FILES_REMEMBERED_MAX {
            files.clear();
        }
        files.insert(import, file.clone());
        file
    }

    /// A provider that was left alone is being probed, and the probe is out: until when to wait for what comes of it.
    pub(crate) fn probe_is_out(&self, lane: &Lane, now: Timestamp) -> Option<Timestamp> {
        let left = self.brakes().probe_left(lane.operator(), now);
        left.is_some_and(|left| left == 0).then(|| now + PROBE_LOOK)
    }

    pub(crate) fn brakes(&self) -> std::sync::MutexGuard<'_, Brakes> {
        self.brakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves a campaign, on the engine's own account.
    pub(crate) async fn set_state(
        &self,
        campaign: CampaignId,
        to: CampaignState,
        why: Option<&str>,
    ) -> Result<(), StoreError> {
        let moved = || {
            let why = why.map(str::to_owned);
            self.store.set_campaign_state(campaign, to, why, &Actor::Engine, self.now())
        };
        self.until_recorded(moved).await.map(drop)
    }

    /// The ledger's number for a site.
    pub(crate) async fn site_of(&self, place: &Place) -> Result<SiteId, StoreError> {
        self.site_id(&place.fingerprint, place.provider.map(|provider| provider.key.as_str())).await
    }

    /// The ledger's number for what has this fingerprint.
    pub(crate) async fn site_id(&self, fingerprint: &str, provider: Option<&str>) -> Result<SiteId, StoreError> {
        let remembered = || self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = remembered().get(fingerprint).copied() {
            return Ok(site);
        }
        let site = self.until_recorded(|| self.store.site_id(fingerprint, provider, self.now())).await?;
        let mut sites = remembered();
        if sites.len() >= SITES_REMEMBERED_MAX {
            sites.clear();
        }
        sites.insert(fingerprint.to_owned(), site);
        Ok(site)
    }

    /// Which records of our own DNS does not show, of those that the campaign's signature and envelope sender need, each in
    /// words. Asked before a campaign is stopped on one provider's word.
    pub(crate) async fn own_records_missing(&self, campaign: CampaignId) -> Vec<String> {
        let Some(mailing) = self.mailing(campaign) else { return Vec::new() };
        let mut missing = Vec::new();
        match &mailing.key_name {
            Some(name) if self.txt_has(name, "p=").await => {}
            Some(name) => missing.push(format!("the DKIM key at {name} (a TXT record with p=)")),
            None => missing.push("a DKIM key (the mail is not signed)".to_owned()),
        }
        let return_path = mailing.return_path.as_str();
        if !self.txt_has(return_path, "v=spf1").await {
            missing.push(format!("SPF at {return_path} (a TXT record with v=spf1)"));
        }
        missing
    }

    async fn txt_has(&self, name: &str, needle: &str) -> bool {
        match self.dns.txt(name).await.result {
            Ok(records) => records.iter().any(|record| record.contains(needle)),
            Err(failure) => !failure.is_definite(),
        }
    }

    /// Puts a delivery in front of its lane again: its conversation ended before it began.
    pub(crate) fn put_first(&self, lane: &Lane, claimed: Claimed) {
        match self.stream(claimed.campaign) {
            Some(stream) => lane.put_first(stream, claimed),
            None => self.put_back(lane, claimed.delivery),
        }
    }

    /// Could another source than the lane's carry the campaign there now?
    pub(crate) fn has_other_source(&self, lane: &Lane, campaign: CampaignId) -> bool {
        let Some(mailing) = self.mailing(campaign) else { return false };
        let members = self.fleet.ways().members(mailing.workspace, mailing.kind);
        let now = self.now();
        let rests = |source| self.fleet.rest(source, lane.operator(), now).is_some();
        members.into_iter().any(|(source, _)| source != lane.id.source && !rests(source))
    }

    /// Does a hold cover a delivery toward this operator, by this source?
    pub(crate) fn is_held(&self, claimed: &Claimed, operator: &str, source: SourceId, now: Timestamp) -> bool {
        let Claimed { workspace, campaign, domain, .. } = *claimed;
        let asked = || Asked { workspace, campaign, operator, source, domain, is_cold: self.terms.is_cold(claimed) };
        !self.holds.is_empty() && self.holds.of(asked(), now).is_some()
    }

    /// Puts a delivery back as if it had never been read.
    pub(crate) fn put_back(&self, lane: &Lane, delivery: DeliveryId) {
        self.outstanding.release(delivery);
        lane.gave_back();
    }
}
