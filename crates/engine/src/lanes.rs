//! What `postroom lanes` shows: every lane with work or with something learned, and why it goes as fast as it does.
//!
//! A running engine tells how its lanes stand ([`crate::Handle::lanes`]); without one [`remembered`] tells what they left.
//! [`sources`] tells the same of each way out: how warm it is toward whom, and what it may still send today.

use crate::Stakes;
use crate::budget::next_day;
use crate::delisting;
use crate::fleet::{Rest, Ways};
use crate::hours;
use crate::launch;
use crate::offers::{Heard, Refused};
use crate::paths::{self, NoWay};
use crate::remembered::Remembered;
use crate::throttles::Told;
use crate::why::ceiling_reached;
use dispatch::brakes::LeftAlone;
use dispatch::pace::{InForce, Limit, Memory, Pace};
use dispatch::providers::{self, Limits};
use dispatch::volume::{self, HISTORY_DAYS, Who};
use dispatch::words;
use model::{
    CampaignId, CampaignKind, Category, Ceilings, DayCount, DomainId, Outcome, SourceId, Timestamp, WorkspaceId,
    in_quotes,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use store::{Campaign, CeilingOf, Covered, NewHold, Site, Source, Store, StoreError, VolumeOf};

/// One lane, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneView {
    /// The source's name.
    pub source: String,
    /// The provider's name, or a server of the site.
    pub site: String,
    /// The provider's key.
    pub provider: Option<String>,
    /// What tells unrelated sites apart: the provider's key, else the site's fingerprint. A process of an older version
    /// does not say it.
    #[serde(default)]
    pub operator: String,
    /// Connections open.
    pub open: u32,
    /// Messages started in the last minute; none without a process.
    #[serde(default)]
    pub last_minute: u32,
    /// Over how many seconds of it those were counted: since the first of them.
    #[serde(default)]
    pub last_minute_s: u32,
    /// Deliveries in hand: read, and waiting for a connection; a few hundred at most. All who wait for their first try or
    /// another are counted by [`at_their_sites`].
    pub waiting: u64,
    /// Nothing starts before then, and why.
    pub held: Option<HeldView>,
    /// Does it rest because the source's address is listed there? Then somebody can do something about it.
    #[serde(default)]
    pub listed: bool,
    /// The limits in force, each with its reason.
    pub limits: Vec<LimitView>,
    /// Today's budget of the source toward the provider.
    pub budget: Option<BudgetView>,
    /// Tries it refused for our SPF, DKIM or DMARC since it last accepted anybody: our set-up, not theirs.
    #[serde(default)]
    pub unauthenticated: u32,
    /// It has refused us without a break since then; `None`: it accepted somebody since, or there is no process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<Timestamp>,
    /// What its servers offer and refused, so that it is done without there.
    #[serde(default)]
    pub without: Vec<WithoutView>,
}

impl LaneView {
    /// Is it none of a source and a site, but what keeps a whole campaign back ([`crate::sample`])?
    pub fn is_everywhere(&self) -> bool {
        self.site == EVERYWHERE
    }
}

impl LaneView {
    /// What says that a listing is over, without the program's name: `source delisted "mta1" --provider "gmx"`.
    pub fn delisted(&self) -> Option<String> {
        let toward = self.provider.as_deref().unwrap_or(&self.site);
        self.listed.then(|| delisting::command(&self.source, toward))
    }
}

/// The site of a view that is about all of them.
const EVERYWHERE: &str = "any site";
/// The source of a view that is about all of them.
pub(crate) const ANY_SOURCE: &str = "any source";

/// What the scheduler shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) lanes: Vec<LaneView>,
    /// Campaigns whose sample is out: the rest of them waits wherever it goes.
    pub(crate) samples_out: Vec<CampaignId>,
    /// Campaigns that nothing carries anywhere.
    pub(crate) nowhere: Vec<CampaignId>,
    /// Campaigns whose sending hours may keep people back now.
    pub(crate) closed: Vec<CampaignId>,
    /// Campaigns of workspaces of whom no lane has anything.
    pub(crate) idle: Vec<CampaignId>,
}

/// Something a server offers and refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithoutView {
    /// What, where, since when and what was said.
    #[serde(flatten)]
    pub refused: Refused,
    /// The same in a sentence.
    pub says: String,
}

/// What servers refused of their offers, as it is read now.
pub(crate) fn without(refused: Vec<Refused>, now: Timestamp) -> Vec<WithoutView> {
    refused.into_iter().map(|refused| WithoutView { says: refused.told_at(now), refused }).collect()
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldView {
    /// When it ends.
    pub until: Timestamp,
    /// The rule, brake or person behind it.
    pub why: String,
}

/// A limit in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitView {
    /// The limit with its reason, since when it holds and when it is tried again.
    #[serde(flatten)]
    pub limit: InForce,
    /// The same in a sentence.
    pub says: String,
    /// Whose ceiling it is: over all sites that of a source or a workspace, else what is configured for a provider. `None`: the
    /// lane's own limit.
    #[serde(default)]
    pub whose: Option<String>,
    /// Does it keep the lane back now: a ceiling that is reached, or a rest?
    #[serde(default)]
    pub holds_back: bool,
}

impl LimitView {
    /// A limit of the lane itself.
    fn of_lane(limit: InForce, own: &OwnCeilings, now: Timestamp) -> LimitView {
        let is_configured = limit.cause.is_none() && limit.limit.counts_messages();
        match own.provider.as_deref().filter(|_| is_configured) {
            Some(provider) => {
                let is_reached = own.reached == Some(limit.limit);
                LimitView::ceiling(limit, provider, is_reached, now)
            }
            None => {
                let holds_back = limit.limit == Limit::Rest;
                LimitView { says: limit.told_at(now), limit, whose: None, holds_back }
            }
        }
    }

    /// A ceiling of its source, of a workspace that has something there, or of the provider.
    fn ceiling(limit: InForce, whose: &str, holds_back: bool, now: Timestamp) -> LimitView {
        let says = format!("{} for {whose}", limit.told_at(now));
        LimitView { says, limit, whose: Some(whose.to_owned()), holds_back }
    }
}

/// What a lane's ceilings are told with.
#[derive(Debug, Default)]
pub(crate) struct OwnCeilings {
    /// For whom they are configured.
    pub(crate) provider: Option<String>,
    /// The one that keeps somebody back now.
    pub(crate) reached: Option<Limit>,
}

/// The limits of a lane, then the ceilings of its source and of those who have something there.
pub(crate) fn limits_of(
    (limits, own): (Vec<InForce>, OwnCeilings),
    ceilings: Vec<Told>,
    now: Timestamp,
) -> Vec<LimitView> {
    let own = limits.into_iter().map(move |limit| LimitView::of_lane(limit, &own, now));
    let ceilings = ceilings.into_iter().flat_map(|Told { whose, set, binds }| {
        let kind = binds.as_ref().map(|bound| bound.limit);
        let others = set.into_iter().filter(move |limit| Some(limit.limit) != kind).map(|limit| (limit, false));
        let all: Vec<(InForce, bool)> = binds.into_iter().map(|bound| (bound, true)).chain(others).collect();
        all.into_iter().map(move |(limit, holds_back)| LimitView::ceiling(limit, &whose, holds_back, now))
    });
    own.chain(ceilings).collect()
}

/// The limits beside a hold: where both end a rest, only the later end is told.
pub(crate) fn with_one_end(mut limits: Vec<LimitView>, held: Option<&HeldView>) -> Vec<LimitView> {
    let later = |one: &LimitView| one.limit.next_probe.is_some_and(|at| held.is_some_and(|held| held.until > at));
    limits.retain(|one| one.limit.limit != Limit::Rest || !later(one));
    limits
}

/// A hold with the reason that is known for it: that no way is open (`no_way`) says less than what closes it, a ceiling that is
/// reached or a day's budget that is spent.
pub(crate) fn with_reason(held: HeldView, no_way: &str, ceilings: &[Told], budget: Option<&BudgetView>) -> HeldView {
    if held.why != no_way {
        return held;
    }
    let reached = ceilings.iter().find_map(Told::at_ceiling);
    let spent = || budget.filter(|budget| budget.spent >= budget.today).map(|_| "today's budget is spent".to_owned());
    HeldView { why: reached.or_else(spent).unwrap_or(held.why), ..held }
}

/// A day's budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetView {
    /// Messages today.
    pub today: u32,
    /// Of these, spent.
    pub spent: u32,
    /// Why so many.
    pub why: String,
}

/// How the ledger keeps a lane's memory: with a name, because a fingerprint tells nobody anything.
#[derive(Serialize, Deserialize)]
pub(crate) struct Written {
    #[serde(rename = "site_name")]
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    pub(crate) memory: Memory,
}

/// A lane's memory as the ledger keeps it; [`Memory`] reads it as well.
pub(crate) fn written(memory: &Memory, name: Option<String>) -> Option<String> {
    serde_json::to_string(&Written { name, memory: memory.clone() }).ok()
}

/// What the lanes of earlier runs left: limits learned and still believed, rests that are not over, sources left out
/// because they are listed.
pub async fn remembered(store: &Store, stakes: Stakes, now: Timestamp) -> Result<Vec<LaneView>, StoreError> {
    // What was learned is told whatever the ceilings of the next run will be.
    let unbounded = Limits::unbounded();
    let standings = sources(store, now).await?;
    let budgets = Remaining::read(store, stakes, now).await?;
    let mut lanes: Vec<LaneView> = Vec::new();
    for kept in store.lane_memories().await? {
        let Ok(Written { name, memory }) = serde_json::from_str::<Written>(&kept.memory) else { continue };
        let (Some(site), Some(source)) =
            (store.site(kept.site).await?, standings.iter().find(|one| one.source.id == kept.source))
        else {
            continue;
        };
        let pace = Pace::restore(unbounded, &memory, now);
        let (listed, limits) = (pace.is_held(now) && pace.is_listed(), pace.limits_in_force(now));
        let limits: Vec<InForce> = limits.into_iter().filter(|limit| limit.cause.is_some()).collect();
        let budget = budgets.of(source, &site);
        let spent = budget.as_ref().and_then(|budget| budgets.closed(source, &site, budget));
        if limits.is_empty() && spent.is_none() {
            continue;
        }
        let rest = limits.iter().find(|limit| limit.limit == Limit::Rest);
        let held = rest.and_then(|rest| Some((rest.next_probe.filter(|until| *until > now)?, rest.cause.as_ref()?)));
        let held = held.map(|(until, cause)| HeldView { until, why: cause.to_string() }).or(spent);
        let provider = site.provider.as_deref().and_then(providers::by_key);
        let operator = paths::operator(&site).to_owned();
        lanes.push(LaneView {
            source: source.source.name.clone(),
            site: match provider {
                Some(provider) => provider.name.clone(),
                None => name.unwrap_or(site.fingerprint),
            },
            provider: site.provider,
            operator,
            open: 0,
            last_minute: 0,
            last_minute_s: 0,
            waiting: 0,
            held,
            listed,
            limits: limits_of((limits, OwnCeilings::default()), Vec::new(), now),
            budget,
            unauthenticated: 0,
            refused_since: None,
            without: Vec::new(),
        });
    }
    budgets.add_spent(&mut lanes, &standings);
    let Remembered { rests, offers, .. } = Remembered::read(store).await?;
    for (source, operator, rest) in rests.into_iter().filter(|(.., rest)| rest.until > now) {
        let Some(source) = standings.iter().find(|one| one.source.id == source) else { continue };
        let held = HeldView { until: rest.until, why: rest.why.clone() };
        let name = &source.source.name;
        match lanes.iter_mut().find(|lane| lane.source == *name && lane.operator == operator) {
            Some(lane) => {
                lane.listed |= rest.is_listing();
                if lane.held.as_ref().is_none_or(|known| known.until < held.until) {
                    lane.limits = with_one_end(std::mem::take(&mut lane.limits), Some(&held));
                    lane.held = Some(held);
                }
            }
            None => {
                lanes.push(at_rest(name, operator, rest));
            }
        }
    }
    add_refused_offers(&mut lanes, offers, &standings, now);
    add_left_alone(&mut lanes, Remembered::read(store).await?.left_alone(now));
    Ok(lanes)
}

/// What is left of today's budgets, read without a process.
struct Remaining {
    stakes: Stakes,
    now: Timestamp,
    /// What went out today to each site nobody described, by source and fingerprint: each has its own budget, of which the
    /// sum over all of them says nothing.
    at_sites: BTreeMap<(SourceId, String), u32>,
    /// Where people wait, by operator: one of its sites, and a domain that it receives for.
    waited_at: BTreeMap<String, (Site, Option<String>)>,
}

impl Remaining {
    async fn read(store: &Store, stakes: Stakes, now: Timestamp) -> Result<Remaining, StoreError> {
        let rows = store.site_days(now.day()).await?.into_iter();
        let at_sites = rows.map(|row| ((row.source, row.site), row.attempted)).collect();
        let waiting = store.waiting_by_site(None).await?.into_iter().filter(|row| row.waiting > 0);
        let there = waiting.filter_map(|row| Some((row.site?, row.domain)));
        let waited_at = there.map(|(site, domain)| (paths::operator(&site).to_owned(), (site, domain))).collect();
        Ok(Remaining { stakes, now, at_sites, waited_at })
    }

    /// Today's budget of a source toward a site; `None` where it has sent nothing lately, or nothing is bounded.
    fn of(&self, source: &SourceView, site: &Site) -> Option<BudgetView> {
        let toward = source.toward.iter().find(|toward| toward.provider == site.provider)?;
        let there = || self.at_sites.get(&(source.source.id, site.fingerprint.clone())).copied().unwrap_or_default();
        let spent = if site.provider.is_some() { toward.spent } else { there() };
        let is_bounded = self.stakes == Stakes::Real && toward.today < u32::MAX;
        is_bounded.then(|| BudgetView { today: toward.today, spent, why: toward.why.clone() })
    }

    /// Until when a source carries nobody there because its budget is spent, where somebody waits for it.
    fn closed(&self, source: &SourceView, site: &Site, budget: &BudgetView) -> Option<HeldView> {
        let is_waited_at = self.waited_at.contains_key(paths::operator(site));
        let is_spent = source.source.retired_at.is_none() && budget.spent >= budget.today;
        let why = || format!("today's budget of {} is spent", source.source.name);
        (is_spent && is_waited_at).then(|| HeldView { until: next_day(self.now), why: why() })
    }

    /// Who waits for tomorrow's budget of a source has a lane there, though nothing was learned about it.
    fn add_spent(&self, lanes: &mut Vec<LaneView>, standings: &[SourceView]) {
        for source in standings {
            for (operator, (site, domain)) in &self.waited_at {
                let name = &source.source.name;
                let Some(budget) = self.of(source, site) else { continue };
                let Some(held) = self.closed(source, site, &budget) else { continue };
                if !lanes.iter().any(|lane| lane.source == *name && lane.operator == *operator) {
                    let known_by = domain.as_ref().map(|domain| format!("the servers of {domain}"));
                    let lane = quiet(name, operator.clone(), known_by);
                    lanes.push(LaneView { held: Some(held), budget: Some(budget), ..lane });
                }
            }
        }
    }
}

/// What servers refused of their offers, beside the lanes to them; where there is none, by itself.
fn add_refused_offers(lanes: &mut Vec<LaneView>, offers: Vec<Heard>, standings: &[SourceView], now: Timestamp) {
    for Heard { source, operator, refused } in offers.into_iter().filter(|heard| heard.refused.until > now) {
        let Some(source) = standings.iter().find(|one| one.source.id == source) else { continue };
        let name = &source.source.name;
        let told = without(vec![refused.clone()], now);
        match lanes.iter_mut().find(|lane| lane.source == *name && lane.operator == operator) {
            Some(lane) => lane.without.extend(told),
            None => lanes.push(LaneView { without: told, ..quiet(name, operator, Some(refused.host)) }),
        }
    }
}

/// To whom nothing goes for a while, whichever source would carry it: by the lanes there, or by itself where there is none.
fn add_left_alone(lanes: &mut Vec<LaneView>, left_alone: BTreeMap<String, LeftAlone>) {
    for (operator, alone) in left_alone {
        let held = HeldView { until: alone.until, why: alone.told() };
        let is_there = lanes.iter().any(|lane| lane.operator == operator);
        for lane in lanes.iter_mut().filter(|lane| lane.operator == operator) {
            if lane.held.as_ref().is_none_or(|known| known.until < held.until) {
                lane.held = Some(held.clone());
            }
        }
        if !is_there {
            let rest = Rest { until: held.until, why: held.why, site: Some(alone.name) };
            lanes.push(at_rest(ANY_SOURCE, operator, rest));
        }
    }
}

/// To whom nothing goes for a while because of what they said, whichever source would carry it: by name.
pub async fn left_alone(store: &Store, now: Timestamp) -> Result<Vec<LeftAlone>, StoreError> {
    let mut alone: Vec<LeftAlone> = Remembered::read(store).await?.left_alone(now).into_values().collect();
    alone.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(alone)
}

/// The view of a source that rests toward an operator, where it has no lane: `operator` as [`LaneView::operator`] has it.
pub(crate) fn at_rest(source: &str, operator: String, rest: Rest) -> LaneView {
    let (listed, held) = (rest.is_listing(), Some(HeldView { until: rest.until, why: rest.why }));
    LaneView { held, listed, ..quiet(source, operator, rest.site) }
}

/// The view of a source toward an operator to whom it has no lane: `site` is what people know those servers by.
fn quiet(source: &str, operator: String, site: Option<String>) -> LaneView {
    let provider = providers::by_key(&operator);
    let named = provider.map(|provider| provider.name.clone()).or(site);
    LaneView {
        source: source.to_owned(),
        site: named.unwrap_or_else(|| operator.clone()),
        provider: provider.map(|provider| provider.key.clone()),
        operator,
        open: 0,
        last_minute: 0,
        last_minute_s: 0,
        waiting: 0,
        held: None,
        listed: false,
        limits: Vec::new(),
        budget: None,
        unauthenticated: 0,
        refused_since: None,
        without: Vec::new(),
    }
}

/// A rule in words, where no reply is at hand: `they take no more for now (rule rate-limited)`.
pub(crate) fn rule_in_words(category: Category, rule: &str) -> String {
    format!("{} (rule {rule})", words::explain(category, Outcome::Deferred, rule).meaning)
}

/// What stands for the lanes of a campaign that nothing carries anywhere: as whoever asks for lanes is told.
pub async fn nowhere(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<LaneView>, StoreError> {
    if !campaign.state.may_send() {
        return Ok(None);
    }
    let Some(no_way) = NoWay::read(store, campaign, now).await? else { return Ok(None) };
    let waiting = store.tally(campaign.id).await?.in_progress();
    let held = (no_way.until.unwrap_or(Timestamp::MAX), no_way.why.as_str());
    Ok((waiting > 0).then(|| everywhere("no source", campaign, waiting, held)))
}

/// The same of a campaign whose sending hours are closed, by the clocks of those who wait: until the first of them open.
pub async fn outside_hours(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<LaneView>, StoreError> {
    if !campaign.state.may_send() {
        return Ok(None);
    }
    let waiting = store.tally(campaign.id).await?.in_progress();
    let Some(closed) = hours::closed(store, campaign, waiting, now).await? else { return Ok(None) };
    let windows = launch::snapshot(campaign).ok().and_then(|known| known.windows().ok().flatten());
    let windows = windows.map(|windows| windows.to_string()).unwrap_or_default();
    let why = format!("outside the sending hours ({windows})");
    Ok(Some(everywhere(ANY_SOURCE, campaign, closed.people, (closed.first, why.as_str()))))
}

/// The same of a campaign whose sending domain has spent its budget of today, or whose workspace or sources are at a ceiling for
/// long: of both the one that lasts longer.
pub async fn spent(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<LaneView>, StoreError> {
    let Some(snapshot) = launch::snapshot(campaign).ok().filter(|_| campaign.state.may_send()) else { return Ok(None) };
    let domain = paths::domain_is_spent(store, &snapshot.options, now).await?;
    let Some((until, why)) = domain.max(ceiling_reached(store, campaign, now).await?) else { return Ok(None) };
    let waiting = store.tally(campaign.id).await?.in_progress();
    Ok((waiting > 0).then(|| everywhere(ANY_SOURCE, campaign, waiting, (until, why.as_str()))))
}

/// The view of what keeps so many of a campaign back wherever they go.
pub(crate) fn everywhere(source: &str, campaign: &Campaign, waiting: u64, (until, why): (Timestamp, &str)) -> LaneView {
    let why = format!("campaign {} {}: {why}", campaign.number, in_quotes(&campaign.name));
    let held = Some(HeldView { until, why });
    LaneView { waiting, held, ..quiet(source, String::new(), Some(EVERYWHERE.to_owned())) }
}

/// The kinds of a workspace's mail that no source in use carries.
pub async fn without_source(store: &Store, workspace: WorkspaceId) -> Result<Vec<CampaignKind>, StoreError> {
    let ways = Ways::read(store, "").await?;
    let kinds = [CampaignKind::Broadcast, CampaignKind::Automated, CampaignKind::Transactional];
    Ok(kinds.into_iter().filter(|kind| ways.members(workspace, *kind).is_empty()).collect())
}

/// How many people of a campaign, or of all that are not over, wait at each operator's sites, whichever source carries them:
/// by the key or fingerprint that [`LaneView::operator`] names.
pub async fn at_their_sites(store: &Store, campaign: Option<CampaignId>) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut sums = BTreeMap::new();
    for row in store.waiting_by_site(campaign).await? {
        if let Some(site) = &row.site {
            *sums.entry(paths::operator(site).to_owned()).or_default() += row.waiting;
        }
    }
    Ok(sums)
}

/// How much work a hold with this reach stops. Who will carry what waits is decided late: of a source it is what it has
/// tried before, and everything of the campaigns that have no other way out.
pub async fn covered_by(store: &Store, reach: NewHold) -> Result<Covered, StoreError> {
    let mut covered = store.covered_by(reach.clone()).await?;
    let Some(source) = reach.source else { return Ok(covered) };
    let ways = Ways::read(store, "").await?;
    let alone = |campaign: &Campaign| {
        let members = ways.members(campaign.workspace, campaign.kind);
        !campaign.state.is_over() && matches!(members.as_slice(), [(only, _)] if *only == source)
    };
    let is_meant = |campaign: &Campaign| reach.campaign.is_none_or(|one| one == campaign.id);
    let all = store.list_campaigns(reach.workspace).await?;
    for campaign in all.iter().filter(|campaign| is_meant(campaign) && alone(campaign)) {
        let its = NewHold { campaign: Some(campaign.id), ..reach.clone() };
        let tried = store.covered_by(its.clone()).await?;
        let whole = store.covered_by(NewHold { source: None, ..its }).await?;
        covered.waiting += whole.waiting.saturating_sub(tried.waiting);
        covered.unplaced += whole.unplaced;
    }
    Ok(covered)
}

/// The part of a campaign that is cancelled with this reach. Nobody has a source of their own: through one are all whom no
/// other can carry. Refused: a source in whose place another goes, so that it means nobody.
pub async fn cancelled_with(store: &Store, campaign: &Campaign, reach: NewHold) -> Result<NewHold, StoreError> {
    let Some(source) = reach.source else { return Ok(reach) };
    let ways = Ways::read(store, "").await?;
    let members = ways.members(campaign.workspace, campaign.kind);
    let others = members.iter().filter(|(id, _)| *id != source).filter_map(|(id, _)| ways.source(*id));
    let others: Vec<&str> = others.map(|other| other.name.as_str()).collect();
    let name = ways.source(source).map_or_else(|| source.to_string(), |known| known.name.clone());
    if !members.iter().any(|(id, _)| *id == source) {
        return Err(StoreError::Refused(format!("{name} carries nobody of this campaign: nobody would be skipped")));
    }
    if !others.is_empty() {
        return Err(StoreError::Refused(format!(
            "nobody of this campaign goes through {name} alone: {} would carry them, and nobody would be skipped; \
             hold {name} instead",
            others.join(", ")
        )));
    }
    Ok(NewHold { source: None, ..reach })
}

/// A source, the pools it is in, and what it may send today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceView {
    /// The source.
    pub source: Source,
    /// How much it may send at most, over all sites.
    pub ceilings: Ceilings,
    /// The pools it is in, with its weight.
    pub pools: Vec<(String, u32)>,
    /// Toward every provider it has sent to lately, most mail today first; sites nobody described are one entry.
    pub toward: Vec<TowardView>,
}

/// How a source stands with a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TowardView {
    /// The provider's key; `None`: each of the sites nobody described.
    pub provider: Option<String>,
    /// Its name.
    pub name: String,
    /// Is it past its warm-up there?
    pub is_warm: bool,
    /// Messages today.
    pub today: u32,
    /// Of these, spent.
    pub spent: u32,
    /// Why so many.
    pub why: String,
}

/// The source in use under another name that has this address: receivers would take both for one.
pub fn address_taken<'s>(all: &'s [Source], name: &str, address: Option<IpAddr>) -> Option<&'s Source> {
    let address = address?;
    all.iter().find(|one| one.retired_at.is_none() && one.name != name && one.address == Some(address))
}

/// How every source that is in use stands, this machine's own first.
pub async fn sources(store: &Store, now: Timestamp) -> Result<Vec<SourceView>, StoreError> {
    let (pools, today, set) = (store.pools().await?, now.day(), store.ceilings().await?);
    let mut views = Vec::new();
    for source in store.sources().await? {
        let mut history: BTreeMap<Option<String>, Vec<(i64, DayCount)>> = BTreeMap::new();
        for row in store.volume_of(VolumeOf::Source(source.id), today - HISTORY_DAYS).await? {
            history.entry(row.provider).or_default().push((row.day, row.count));
        }
        let who = Who::Source { warm_since: source.warm_since };
        let mut toward: Vec<TowardView> =
            history.into_iter().map(|(provider, days)| stands_toward(who, provider, days, today)).collect();
        toward.sort_by(|a, b| b.spent.cmp(&a.spent).then_with(|| a.name.cmp(&b.name)));
        let of = |id: SourceId| {
            let weight = |pool: &store::Pool| {
                let member = pool.members.iter().find(|(one, _)| *one == id);
                member.map(|(_, weight)| (pool.name.clone(), *weight))
            };
            pools.iter().filter_map(weight).collect()
        };
        let its = set.iter().find(|ceiling| ceiling.of == CeilingOf::Source(source.id));
        let ceilings = its.map(|ceiling| ceiling.ceilings).unwrap_or_default();
        views.push(SourceView { pools: of(source.id), source, ceilings, toward });
    }
    Ok(views)
}

/// How a From domain stands: it has one budget toward all providers together.
pub async fn domain_stands(store: &Store, domain: DomainId, now: Timestamp) -> Result<TowardView, StoreError> {
    let today = now.day();
    let mut sums: BTreeMap<i64, DayCount> = BTreeMap::new();
    for row in store.volume_of(VolumeOf::Domain(domain), today - HISTORY_DAYS).await? {
        sums.entry(row.day).or_default().add(&row.count);
    }
    let days = sums.into_iter().collect();
    let stands = stands_toward(Who::Domain { warm_since: None }, None, days, today);
    Ok(TowardView { name: "all providers together".to_owned(), ..stands })
}

fn stands_toward(who: Who, provider: Option<String>, mut days: Vec<(i64, DayCount)>, today: i64) -> TowardView {
    days.sort_by_key(|(day, _)| *day);
    let allowance = volume::allowance(&who, provider.as_deref(), &days, today);
    let spent = days.iter().filter(|(day, _)| *day == today).map(|(_, count)| count.attempted).sum();
    let known = provider.as_deref().and_then(providers::by_key);
    let name = match (known, &provider) {
        (Some(known), _) => known.name.clone(),
        (None, Some(key)) => key.clone(),
        (None, None) => "each other site".to_owned(),
    };
    TowardView { provider, name, is_warm: allowance.is_warm, today: allowance.messages, spent, why: allowance.why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Rest;
    use std::time::Duration;
    use store::OpenOptions;

    #[test]
    fn a_hold_names_what_closes_the_way() {
        let held = || HeldView { until: Timestamp::from_millis(9), why: "no way".to_owned() };
        let bound = InForce { limit: Limit::PerDay, value: 6_000, cause: None, since: None, next_probe: None };
        let told = |binds| Told { whose: "source \"out1\"".to_owned(), set: vec![bound.clone()], binds };
        let budget = |spent| BudgetView { today: 50, spent, why: "day 1".to_owned() };
        let why =
            |held, ceilings: &[Told], budget: &BudgetView| with_reason(held, "no way", ceilings, Some(budget)).why;
        let reached = [told(None), told(Some(bound.clone()))];
        assert_eq!(
            why(held(), &reached, &budget(0)),
            "source \"out1\" has reached its ceiling of 6,000 messages a day"
        );
        assert_eq!(why(held(), &[told(None)], &budget(50)), "today's budget is spent");
        assert_eq!(why(held(), &[told(None)], &budget(49)), "no way");
        let other = HeldView { why: "they asked for it".to_owned(), ..held() };
        assert_eq!(why(other, &reached, &budget(50)), "they asked for it");
    }

    #[test]
    fn a_ceiling_of_a_provider_is_told_as_theirs_and_as_reached_where_it_is() {
        let configured = |limit, value| InForce { limit, value, cause: None, since: None, next_probe: None };
        let all = || vec![configured(Limit::Connections, 10), configured(Limit::PerMinute, 600)];
        let told = |reached| {
            let own = OwnCeilings { provider: Some("WEB.DE".to_owned()), reached };
            let limits = limits_of((all(), own), Vec::new(), Timestamp::default());
            limits.into_iter().map(|one| (one.says, one.whose, one.holds_back)).collect::<Vec<_>>()
        };
        let connections = ("at most 10 connections as configured".to_owned(), None, false);
        let rate = |is_reached| {
            let says = "at most 600 messages a minute as configured for WEB.DE".to_owned();
            (says, Some("WEB.DE".to_owned()), is_reached)
        };
        assert_eq!(told(Some(Limit::PerMinute)), [connections.clone(), rate(true)]);
        assert_eq!(told(None), [connections, rate(false)]);
    }

    #[test]
    fn who_is_left_alone_is_told_on_every_lane_there_or_by_itself() {
        let at = Timestamp::from_millis;
        let rest = |until| Rest { until: at(until), why: "554 no".to_owned(), site: Some("mx.picky.test".to_owned()) };
        let mut lanes = vec![at_rest("out1", "aa11".to_owned(), rest(5)), at_rest("out2", "aa11".to_owned(), rest(50))];
        let alone = |name: &str| LeftAlone { name: name.to_owned(), until: at(20), why: "it refused".to_owned() };
        let all = [("aa11", alone("mx.picky.test")), ("bb22", alone("mx.other.test"))];
        add_left_alone(&mut lanes, all.into_iter().map(|(key, alone)| (key.to_owned(), alone)).collect());
        let told = |lane: &LaneView| {
            let held = lane.held.clone().unwrap();
            (lane.source.clone(), lane.site.clone(), held.why, held.until.as_millis())
        };
        let told: Vec<_> = lanes.iter().map(told).collect();
        let row =
            |source: &str, site: &str, why: &str, until| (source.to_owned(), site.to_owned(), why.to_owned(), until);
        let expected = [
            row("out1", "mx.picky.test", "mx.picky.test is left alone: it refused", 20),
            row("out2", "mx.picky.test", "554 no", 50),
            row("any source", "mx.other.test", "mx.other.test is left alone: it refused", 20),
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn each_site_nobody_described_has_its_own_budget_and_whoever_waits_for_tomorrows_is_told() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let store = Store::open(OpenOptions::memory([7; 32]), now).unwrap();
        let source = store.sources().await.unwrap().swap_remove(0);
        let toward = |provider: Option<&str>, today, spent| TowardView {
            provider: provider.map(str::to_owned),
            name: String::new(),
            is_warm: false,
            today,
            spent,
            why: "day 1".to_owned(),
        };
        let toward = vec![toward(Some("google"), 30, 30), toward(Some("yahoo"), 30, 30), toward(None, 100, 124)];
        let (name, id) = (source.name.clone(), source.id);
        let standing = SourceView { source, ceilings: Ceilings::default(), pools: Vec::new(), toward };
        let site = |n, fingerprint: &str, provider: Option<&str>| Site {
            id: model::SiteId(n),
            fingerprint: fingerprint.to_owned(),
            provider: provider.map(str::to_owned),
        };
        let (google, alpha, beta) = (site(1, "f1", Some("google")), site(2, "aa11", None), site(3, "bb22", None));
        let waits =
            |site: &Site, domain: &str| (paths::operator(site).to_owned(), (site.clone(), Some(domain.to_owned())));
        let budgets = Remaining {
            stakes: Stakes::Real,
            now,
            at_sites: [((id, "aa11".to_owned()), 100), ((id, "bb22".to_owned()), 24)].into(),
            waited_at: [waits(&google, "gmail.com"), waits(&alpha, "alpha.test"), waits(&beta, "beta.test")].into(),
        };
        let spent = |site| budgets.of(&standing, site).map(|budget| (budget.spent, budget.today));
        assert_eq!([spent(&google), spent(&alpha), spent(&beta)], [Some((30, 30)), Some((100, 100)), Some((24, 100))]);
        let mut lanes = Vec::new();
        budgets.add_spent(&mut lanes, std::slice::from_ref(&standing));
        let told: Vec<_> = lanes.iter().map(|lane: &LaneView| (lane.site.as_str(), lane.held.clone())).collect();
        let held = || Some(HeldView { until: next_day(now), why: format!("today's budget of {name} is spent") });
        assert_eq!(told, [("the servers of alpha.test", held()), ("Google", held())], "nobody waits at Yahoo");
        budgets.add_spent(&mut lanes, std::slice::from_ref(&standing));
        assert_eq!(lanes.len(), 2, "once each");
        let rehearsal = Remaining { stakes: Stakes::Rehearsal, ..budgets };
        assert_eq!(rehearsal.of(&standing, &google), None, "nothing is bounded there");
    }

    #[tokio::test]
    async fn a_source_that_is_left_out_is_told_with_a_name_people_know() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let store = Store::open(OpenOptions::memory([7; 32]), now).unwrap();
        let source = store.sources().await.unwrap().swap_remove(0).id;
        let until = now + Duration::from_secs(86_400);
        let rest = Rest { until, why: "554 listed".to_owned(), site: Some("mx.gatehouse.test".to_owned()) };
        let rests = vec![(source, "354c53ad99946c11".to_owned(), rest)];
        let text = serde_json::to_string(&Remembered { rests, ..Remembered::default() }).unwrap();
        store.keep_brake_memory(&text).await.unwrap();
        let told = remembered(&store, Stakes::Real, now).await.unwrap();
        let seen: Vec<_> = told.iter().map(|lane| (lane.site.as_str(), lane.held.as_ref().unwrap().until)).collect();
        assert_eq!(seen, [("mx.gatehouse.test", until)]);
    }
}
