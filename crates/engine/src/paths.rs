//! What is known of the ways to a site: rests, learned limits and day budgets of every source that may carry a campaign there.
//!
//! Read from the ledger alone, where a run at work writes what it learned within seconds, so that it can be told beside a
//! process and without one. Forecasts and `why` tell from this, so they cannot disagree. Nothing is decided here.

use crate::Stakes;
use crate::budget::next_day;
use crate::fleet::{Rest, Source, Ways};
use crate::holds::concerns;
use crate::house::SITE_FOR_PROVIDER;
use crate::lane::HOLD_GONE_ROUND;
use crate::lanes::Written;
use crate::launch;
use crate::options::SendOptions;
use crate::remembered::{Configured, Remembered};
use dispatch::brakes::LeftAlone;
use dispatch::pace::{InForce, Limit, Outlook, Pace};
use dispatch::providers::{self, Limits};
use dispatch::volume::{self, Allowance, HISTORY_DAYS, Who};
use model::{CampaignId, CampaignKind, DayCount, HoldId, SiteId, SourceId, Timestamp, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Campaign, Hold, Site, Store, StoreError, VolumeOf};

/// Days of somebody's volume, ascending.
pub(crate) type Days = Vec<(i64, DayCount)>;

/// The ways of a campaign's mail.
#[derive(Debug)]
pub(crate) struct Paths {
    now: Timestamp,
    members: Vec<Arc<Source>>,
    lanes: BTreeMap<(SourceId, SiteId), Learned>,
    /// Where that is learned for all sites of a provider together: under which site it is kept.
    shared: BTreeMap<(SourceId, String), SiteId>,
    /// The same of lanes that learned nothing, where it is configured how fast messages go to the provider.
    unlearned: BTreeMap<(SourceId, String), Learned>,
    /// What is configured of that, by provider.
    configured: BTreeMap<String, Configured>,
    /// Sources left out toward an operator.
    rests: BTreeMap<(SourceId, String), Rest>,
    /// Operators to whom the brakes let nothing go for a while.
    left_alone: BTreeMap<String, LeftAlone>,
    /// What went out lately, by source and provider; `None` where no budget bounds the sources.
    spent: Option<BTreeMap<(SourceId, Option<String>), Days>>,
    /// What went out today to each site nobody described.
    at_sites: BTreeMap<(SourceId, String), u32>,
    /// Holds that cover a source of it.
    holds: Vec<Hold>,
    nowhere: Option<NoWay>,
}

/// Why nothing of a campaign goes anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoWay {
    /// Until when, if that is known.
    pub(crate) until: Option<Timestamp>,
    pub(crate) why: String,
    /// The holds behind it; none: there is no source.
    pub(crate) holds: Vec<HoldId>,
}

/// There is nobody to carry it.
const NO_SOURCE: &str = "no source carries this mail: of the pool set for it, or of those in no pool, none is in use";

impl NoWay {
    /// Of a campaign, if it is so.
    pub(crate) async fn read(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<NoWay>, StoreError> {
        let (ways, holds) = (Ways::read(store, "").await?, store.holds(Some(now)).await?);
        Ok(NoWay::of(&ways, &holds, (campaign.workspace, campaign.kind), campaign.id))
    }

    /// No source of the stream is in use, or each of them is held as a whole. `holds`: those in force.
    pub(crate) fn of(
        ways: &Ways,
        holds: &[Hold],
        (workspace, kind): (WorkspaceId, CampaignKind),
        campaign: CampaignId,
    ) -> Option<NoWay> {
        let members = ways.members(workspace, kind);
        if members.is_empty() {
            return Some(NoWay { until: None, why: NO_SOURCE.to_owned(), holds: Vec::new() });
        }
        let whole = |hold: &&Hold| hold.provider.is_none() && covers_source(hold, workspace, campaign);
        let held = members.iter().map(|(id, _)| {
            let on_it = holds.iter().filter(|hold| hold.source == Some(*id)).filter(whole);
            on_it.max_by_key(|hold| hold.until.unwrap_or(Timestamp::MAX))
        });
        let held: Vec<&Hold> = held.collect::<Option<Vec<_>>>()?;
        let until = held.iter().map(|hold| hold.until.unwrap_or(Timestamp::MAX)).min();
        let name = |hold: &Hold| hold.source.and_then(|id| ways.source(id)).map(|source| source.name.clone());
        let each = |hold: &&Hold| {
            format!("{} is held by {}: {}", name(hold).unwrap_or_default(), hold.actor, hold.why.trim_end_matches('.'))
        };
        let (all, ids) = (held.iter().map(each).collect::<Vec<_>>(), held.iter().map(|hold| hold.id).collect());
        let why = format!("{}; no other source carries this mail", all.join("; "));
        Some(NoWay { until: until.filter(|at| *at < Timestamp::MAX), why, holds: ids })
    }
}

/// Does a hold on a source cover it for all of a campaign's mail toward the hold's provider, or toward everybody?
fn covers_source(hold: &Hold, workspace: WorkspaceId, campaign: CampaignId) -> bool {
    let of_campaign = hold.campaign.is_none_or(|one| one == campaign);
    hold.source.is_some() && concerns(hold, workspace) && of_campaign && hold.domain.is_none() && !hold.cold_only
}

/// What a lane has learned.
#[derive(Debug)]
struct Learned {
    pace: Pace,
    /// What people call its site.
    name: Option<String>,
    /// Is it for all sites of the provider together?
    is_shared: bool,
    /// The provider it is shared for, or the fingerprint of a site nobody described; `None`: one of a provider's sites alone.
    counted_as: Option<String>,
}

/// One source toward one site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    pub(crate) source: &'a Source,
    pub(crate) site: &'a Site,
    learned: Option<&'a Learned>,
    rest: Option<&'a Rest>,
    paths: &'a Paths,
}

/// What tells unrelated sites apart: the provider's key, else the site itself.
pub(crate) fn operator(site: &Site) -> &str {
    site.provider.as_deref().unwrap_or(&site.fingerprint)
}

impl Paths {
    /// Reads what is known for a campaign's mail.
    pub(crate) async fn read(
        store: &Store,
        campaign: &Campaign,
        stakes: Stakes,
        now: Timestamp,
    ) -> Result<Paths, StoreError> {
        let (ways, today) = (Ways::read(store, "").await?, now.day());
        let members = ways.members(campaign.workspace, campaign.kind);
        let mut holds = store.holds(Some(now)).await?;
        let nowhere = NoWay::of(&ways, &holds, (campaign.workspace, campaign.kind), campaign.id);
        holds.retain(|hold| covers_source(hold, campaign.workspace, campaign.id));
        let members: Vec<Arc<Source>> = members.into_iter().filter_map(|(id, _)| ways.source(id).cloned()).collect();
        let mut known = Remembered::read(store).await?;
        let configured = known.take_configured();
        let (mut lanes, mut shared) = (BTreeMap::new(), BTreeMap::new());
        for kept in store.lane_memories().await? {
            let Ok(Written { name, memory }) = serde_json::from_str::<Written>(&kept.memory) else { continue };
            let site = store.site(kept.site).await?;
            let provider =
                site.as_ref().and_then(|site| Some(site.fingerprint.strip_prefix(SITE_FOR_PROVIDER)?.to_owned()));
            let is_shared = provider.is_some();
            let ceilings = site.as_ref().and_then(|site| configured.get(site.provider.as_deref()?));
            let limits = ceilings.map_or(Limits::unbounded(), |ceilings| ceilings.limits.on_messages());
            let alone = site.filter(|site| site.provider.is_none()).map(|site| site.fingerprint);
            let counted_as = provider.clone().or(alone);
            shared.extend(provider.map(|provider| ((kept.source, provider), kept.site)));
            // What was learned counts, whatever the ceilings on connections will be in the next run.
            let pace = Pace::restore(limits, &memory, now);
            lanes.insert((kept.source, kept.site), Learned { pace, name, is_shared, counted_as });
        }
        let each = members.iter().flat_map(|source| configured.values().map(move |ceilings| (source.id, ceilings)));
        let unlearned = each.map(|(source, Configured { provider, limits, .. })| {
            let (is_shared, pace) = (limits.shared_over_sites, Pace::new(limits.on_messages()));
            let counted_as = is_shared.then(|| provider.clone());
            ((source, provider.clone()), Learned { pace, name: None, is_shared, counted_as })
        });
        let unlearned = unlearned.collect();
        let left_alone = known.left_alone(now);
        let rests = known.rests.into_iter().filter(|(.., rest)| rest.until > now);
        let rests = rests.map(|(source, operator, rest)| ((source, operator), rest)).collect();
        let mut paths = Paths {
            now,
            members,
            lanes,
            shared,
            unlearned,
            configured,
            rests,
            left_alone,
            spent: None,
            at_sites: BTreeMap::new(),
            holds,
            nowhere,
        };
        if stakes == Stakes::Real {
            let mut spent: BTreeMap<(SourceId, Option<String>), Days> = BTreeMap::new();
            for source in &paths.members {
                for row in store.volume_of(VolumeOf::Source(source.id), today - HISTORY_DAYS).await? {
                    spent.entry((source.id, row.provider)).or_default().push((row.day, row.count));
                }
            }
            spent.values_mut().for_each(|days| days.sort_by_key(|(day, _)| *day));
            paths.spent = Some(spent);
            let rows = store.site_days(today).await?.into_iter();
            paths.at_sites = rows.map(|row| ((row.source, row.site), row.attempted)).collect();
            paths.count_today();
        }
        Ok(paths)
    }

    /// What was sent today counts for the lanes' days as well: a lane's own count is written down seldom.
    fn count_today(&mut self) {
        let today = self.now.day();
        let lanes = self.lanes.iter_mut().map(|((source, _), learned)| (source, learned));
        let unlearned = self.unlearned.iter_mut().map(|((source, _), learned)| (source, learned));
        for (source, learned) in lanes.chain(unlearned) {
            let Some(key) = &learned.counted_as else { continue };
            let attempted = match learned.is_shared {
                true => {
                    let days = self.spent.as_ref().and_then(|spent| spent.get(&(*source, Some(key.clone()))));
                    days.into_iter()
                        .flatten()
                        .filter(|(day, _)| *day == today)
                        .map(|(_, count)| count.attempted)
                        .sum::<u32>()
                }
                false => self.at_sites.get(&(*source, key.clone())).copied().unwrap_or_default(),
            };
            learned.pace.started_besides(today, attempted);
        }
    }

    /// Why nothing of the campaign goes anywhere, if it is so.
    pub(crate) fn no_way(&self) -> Option<&NoWay> {
        self.nowhere.as_ref()
    }

    /// Why nothing goes to a site for a while, whichever source would carry it, if a brake says so.
    pub(crate) fn left_alone(&self, site: &Site) -> Option<&LeftAlone> {
        self.left_alone.get(operator(site))
    }

    /// How many may go today by all sources together wherever they go: each where it may send the least. `None`: nothing is
    /// bounded.
    pub(crate) fn least_today(&self) -> Option<u64> {
        let (spent, today) = (self.spent.as_ref()?, self.now.day());
        let room = |source: &Source, provider: Option<&str>, days: &[(i64, DayCount)]| {
            let (allowance, spent) = today_of(&Who::Source { warm_since: source.warm_since }, provider, days, today);
            u64::from(allowance.messages.saturating_sub(spent))
        };
        let of_source = |source: &Arc<Source>| {
            // Of today the sites nobody described are told together, and the budget is for each: one of them has all of it.
            let elsewhere = spent.get(&(source.id, None)).map(Vec::as_slice).unwrap_or_default();
            let before: Days = elsewhere.iter().filter(|(day, _)| *day < today).copied().collect();
            let described = spent.iter().filter(|((id, provider), _)| *id == source.id && provider.is_some());
            let described = described.map(|((_, provider), days)| room(source, provider.as_deref(), days));
            described.fold(room(source, None, &before), u64::min)
        };
        Some(self.members.iter().map(of_source).sum())
    }

    /// The sources that may carry mail to a site.
    pub(crate) fn toward<'a>(&'a self, site: &'a Site) -> Vec<Path<'a>> {
        let path = |source: &'a Arc<Source>| {
            let of_provider = site.provider.as_ref().and_then(|key| self.shared.get(&(source.id, key.clone())));
            let at = of_provider.filter(|_| !self.lanes.contains_key(&(source.id, site.id))).unwrap_or(&site.id);
            let unlearned = || self.unlearned.get(&(source.id, site.provider.clone()?));
            let learned = self.lanes.get(&(source.id, *at)).or_else(unlearned);
            let rest = self.rests.get(&(source.id, operator(site).to_owned()));
            Path { source, site, learned, rest, paths: self }
        };
        self.members.iter().map(path).collect()
    }
}

impl Path<'_> {
    /// A name of the site that people know; `domain`: one of those it receives for.
    pub(crate) fn site_name(&self, domain: Option<&str>) -> String {
        let provider = self.site.provider.as_deref();
        let configured = provider.and_then(|key| self.paths.configured.get(key)).map(|provider| provider.name.as_str());
        let described = provider.and_then(providers::by_key).map(|provider| provider.name.as_str());
        let described = described.or(configured).or(provider);
        let learned = self.learned.and_then(|learned| learned.name.as_deref());
        let rested = self.rest.and_then(|rest| rest.site.as_deref());
        let left_alone = self.left_alone().map(|alone| alone.name.as_str());
        match (described.or(learned).or(rested).or(left_alone), domain) {
            (Some(name), _) => name.to_owned(),
            (None, Some(domain)) => format!("the servers of {domain}"),
            (None, None) => self.site.fingerprint.clone(),
        }
    }

    /// Is what it learned for all sites of the provider together?
    pub(crate) fn is_shared(&self) -> bool {
        self.learned.is_some_and(|learned| learned.is_shared)
    }

    /// What it lets go, budgets aside.
    pub(crate) fn outlook(&self) -> Outlook {
        let now = self.paths.now;
        let outlook = self.learned.map_or(Outlook::free(now), |learned| learned.pace.outlook(now));
        let outlook = self.rest.map_or(outlook, |rest| outlook.resting(rest.until));
        let outlook = self.left_alone().map_or(outlook, |alone| outlook.resting(alone.until));
        self.held().map_or(outlook, |hold| outlook.resting(hold.until.unwrap_or(Timestamp::MAX)))
    }

    /// Why nothing goes there for a while, whichever source would carry it.
    pub(crate) fn left_alone(&self) -> Option<&LeftAlone> {
        self.paths.left_alone(self.site)
    }

    /// The hold that keeps the source from going there, if one does.
    pub(crate) fn held(&self) -> Option<&Hold> {
        let there = |hold: &&Hold| hold.provider.as_deref().is_none_or(|provider| provider == operator(self.site));
        let on_it = self.paths.holds.iter().filter(|hold| hold.source == Some(self.source.id)).filter(there);
        on_it.max_by_key(|hold| hold.until.unwrap_or(Timestamp::MAX))
    }

    /// The limits that were learned, a rest first, and how fast messages go there as configured.
    pub(crate) fn limits(&self) -> Vec<InForce> {
        let all = self.learned.map(|learned| learned.pace.limits_in_force(self.paths.now)).unwrap_or_default();
        all.into_iter().filter(|limit| limit.cause.is_some() || limit.limit.counts_messages()).collect()
    }

    /// Does nothing slow it but what is configured? That bounds how fast it goes, and says nothing of how fast it does.
    pub(crate) fn is_as_configured(&self) -> bool {
        self.outlook().from <= self.paths.now && self.limits().iter().all(|limit| limit.cause.is_none())
    }

    /// Until when it rests, if it does, and why.
    pub(crate) fn rests(&self) -> Option<(Timestamp, String)> {
        let now = self.paths.now;
        let is_on = |limit: &InForce| limit.limit == Limit::Rest && limit.next_probe.is_some_and(|at| at > now);
        let own = self.limits().into_iter().find(is_on);
        let own = own.and_then(|rest| Some((rest.next_probe?, format!("because of {}", rest.cause?))));
        let listed = self.rest.map(|rest| (rest.until, rest.why.clone()));
        [own, listed].into_iter().flatten().max_by_key(|(until, _)| *until)
    }

    /// Is it gone round where another source can go?
    pub(crate) fn is_gone_round(&self) -> bool {
        self.outlook().from.since(self.paths.now) > HOLD_GONE_ROUND
    }

    /// The history its budget follows, and for whom: what is spent of today is today's.
    pub(crate) fn history(&self) -> Option<(Who, Days)> {
        let spent = self.paths.spent.as_ref()?;
        let key = (self.source.id, self.site.provider.clone());
        let mut days = spent.get(&key).cloned().unwrap_or_default();
        if self.site.provider.is_none() {
            // Told together, and the budget is for each of them.
            let today = self.paths.now.day();
            days.retain(|(day, _)| *day < today);
            let there = self.paths.at_sites.get(&(self.source.id, self.site.fingerprint.clone()));
            days.push((today, DayCount { attempted: there.copied().unwrap_or_default(), ..DayCount::default() }));
        }
        Some((Who::Source { warm_since: self.source.warm_since }, days))
    }

    /// Today's budget, and what is spent of it; `None` where nothing is bounded.
    pub(crate) fn budget(&self) -> Option<(Allowance, u32)> {
        let (who, history) = self.history()?;
        Some(today_of(&who, self.site.provider.as_deref(), &history, self.paths.now.day()))
    }

    /// Until when today's budget is spent, if it is, and why it was so large.
    pub(crate) fn is_spent(&self) -> Option<(Timestamp, String)> {
        let (allowance, spent) = self.budget()?;
        (spent >= allowance.messages).then(|| (next_day(self.paths.now), allowance.why))
    }
}

/// The name of the domain a campaign is from and what it sent lately.
pub(crate) async fn sending_domain(
    store: &Store,
    from: &str,
    now: Timestamp,
) -> Result<Option<(String, Who, Days)>, StoreError> {
    let Ok(from) = launch::parse_mailbox(from) else { return Ok(None) };
    let name = from.address.domain().as_str().to_owned();
    let mut sums: BTreeMap<i64, DayCount> = BTreeMap::new();
    if let Some(id) = store.known_domain(&name).await? {
        for row in store.volume_of(VolumeOf::Domain(id), now.day() - HISTORY_DAYS).await? {
            sums.entry(row.day).or_default().add(&row.count);
        }
    }
    Ok(Some((name, Who::Domain { warm_since: None }, sums.into_iter().collect())))
}

/// Until when the day's budget of a campaign's sending domain is spent, if it is, and why it was so large.
pub(crate) async fn domain_is_spent(
    store: &Store,
    options: &SendOptions,
    now: Timestamp,
) -> Result<Option<(Timestamp, String)>, StoreError> {
    if options.transport.stakes() == Stakes::Rehearsal {
        return Ok(None);
    }
    let Some((name, who, history)) = sending_domain(store, &options.from, now).await? else { return Ok(None) };
    let (allowance, spent) = today_of(&who, None, &history, now.day());
    let why = || format!("today's budget of the sending domain {name} is spent: {}", allowance.why);
    Ok((spent >= allowance.messages).then(|| (next_day(now), why())))
}

/// The budget of a day, and what is spent of it.
pub(crate) fn today_of(who: &Who, provider: Option<&str>, history: &[(i64, DayCount)], today: i64) -> (Allowance, u32) {
    let spent = history.iter().filter(|(day, _)| *day == today).map(|(_, count)| count.attempted).sum();
    (volume::allowance(who, provider, history, today), spent)
}

#[cfg(test)]
mod tests;
