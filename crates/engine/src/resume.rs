//! Whether a stopped campaign may simply go on.
//!
//! One that a brake stopped for what it does to people goes on only for a reason, and without the group that did the harm
//! (`defaults.md`, "Brakes"). A reason alone, given again and again, would mail the rest of a bad list in small pieces. So
//! would a group that holds nobody: what is taken out is counted by the people who were still to be tried.

use crate::handle::Handle;
use crate::remembered::Remembered;
use dispatch::brakes::{Group, Trip};
use model::{Actor, CampaignId, EventKind, ImportId, Timestamp, thousands};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Campaign, Event, GroupOf, LeftOut, NewHold, Parts, Store, StoreError};

/// Stops of the past that are looked through.
const BRAKES_LOOKED_AT: usize = 1_000;

/// One in so many of those who wait has to be taken out where nobody stands out: as many as bring the first warning of dead
/// addresses. Whoever takes out fewer has not mended a list that was stopped for more.
const TAKEN_OUT_ONE_IN: u64 = 50;

/// What has to be given before a campaign that a brake stopped goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Why it was stopped, in words.
    pub why: String,
    /// What has to be taken out beside giving a reason.
    pub out: ToTakeOut,
}

/// What has to be taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToTakeOut {
    /// Nothing: it is out already, or nobody stood out and this is the first stop.
    Nothing,
    /// The group that the brake named.
    Named(Group),
    /// Some people: nobody stands out, but a reason alone did not help the last time.
    Some {
        /// So many at least.
        least: u64,
        /// Of so many who wait.
        waiting: u64,
        /// The group of them that fared worst; `None`: there is none that holds enough of them and not all.
        worst: Option<Group>,
    },
}

/// Who is taken out when a campaign is resumed. The people of a provider and the cold are held until the hold is lifted;
/// those of an import or a lead source and those who are named are skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOut {
    /// Keys of providers; of a site that nobody described, its fingerprint.
    pub providers: Vec<String>,
    /// The people who have not reacted for long.
    pub cold: bool,
    /// Imports that brought people in.
    pub imports: Vec<ImportId>,
    /// Where addresses were collected.
    pub lead_sources: Vec<String>,
    /// People, by the keys of their addresses ([`model::EmailAddress::key`]).
    pub people: Arc<BTreeSet<String>>,
}

impl TakenOut {
    /// The groups that are skipped.
    fn left_out(&self) -> Vec<LeftOut> {
        let imports = self.imports.iter().collect::<BTreeSet<_>>().into_iter().map(|id| LeftOut::Import(*id));
        let names = self.lead_sources.iter().collect::<BTreeSet<_>>().into_iter().cloned();
        let people = (!self.people.is_empty()).then(|| LeftOut::People(self.people.clone()));
        imports.chain(names.map(LeftOut::LeadSource)).chain(people).collect()
    }

    fn has(&self, group: &Group) -> bool {
        match group {
            Group::Provider(key) | Group::Server { site: key, .. } => self.providers.contains(key),
            Group::Import { id, .. } => self.imports.contains(id),
            Group::LeadSource(name) => self.lead_sources.contains(name),
        }
    }
}

impl Demand {
    /// Is it met by what is taken out, and so many people with it ([`people_of`])?
    fn is_met_by(&self, out: &TakenOut, people: u64) -> bool {
        match &self.out {
            ToTakeOut::Nothing => true,
            ToTakeOut::Named(group) => out.has(group),
            ToTakeOut::Some { least, .. } => people >= *least,
        }
    }

    /// The arguments of `postroom resume` that take out what has to be.
    pub fn arguments(&self) -> String {
        match &self.out {
            ToTakeOut::Nothing => String::new(),
            ToTakeOut::Named(group) | ToTakeOut::Some { worst: Some(group), .. } => without(group),
            ToTakeOut::Some { worst: None, .. } => " --without-addresses FILE".to_owned(),
        }
    }

    /// What is missing beside a reason, in words; empty: nothing.
    pub fn missing(&self) -> String {
        match &self.out {
            ToTakeOut::Nothing => String::new(),
            ToTakeOut::Named(group) => format!("the worst group has to be taken out: {group}"),
            ToTakeOut::Some { least, waiting, .. } => format!(
                "a reason alone did not help the last time: a group has to be taken out, or those by name who are dead, \
                 and with them at least {} of the {} who wait",
                thousands(*least),
                thousands(*waiting)
            ),
        }
    }
}

/// The arguments of `postroom resume` that take a group out.
fn without(group: &Group) -> String {
    match group {
        Group::Provider(key) | Group::Server { name: key, .. } => format!(" --without {key}"),
        Group::Import { id, .. } => format!(" --without-import {id}"),
        Group::LeadSource(name) => format!(" --without-lead-source {name:?}"),
    }
}

/// What has to be given before a paused campaign goes on. `None`: a person paused it, or it was stopped for a fault of ours
/// that is mended. Cheap enough to be shown again and again: of those who wait it reads counts alone, and only those whom a
/// hold that was placed since the stop covers.
pub async fn demanded(store: &Store, campaign: &Campaign) -> Result<Option<Demand>, StoreError> {
    let Some(Stopped { why, at }) = stopped_by(store, campaign).await? else { return Ok(None) };
    let kept = Remembered::read(store).await?;
    let out = match kept.brakes.stops(campaign.id) {
        (_, Some(group @ (Group::Provider(_) | Group::Server { .. }))) if is_out(store, campaign, group).await? => {
            ToTakeOut::Nothing
        }
        (_, Some(group)) => ToTakeOut::Named(group.clone()),
        (0 | 1, None) => ToTakeOut::Nothing,
        (_, None) => some(store, campaign, at, kept.brakes.fared_worst(campaign.id)).await?,
    };
    Ok(Some(Demand { why, out }))
}

/// How many have to be taken out where nobody stands out, and which group would be the first to go. Nobody, if holds that
/// were placed since the stop cover as many.
async fn some(
    store: &Store,
    campaign: &Campaign,
    stopped_at: Timestamp,
    fared_worst: Option<&Group>,
) -> Result<ToTakeOut, StoreError> {
    let waiting = store.tally(campaign.id).await?.in_progress();
    let least = least_of(waiting);
    let held = Held::of(store, campaign, stopped_at).await?;
    if held.since(store, campaign.id, Parts::default()).await? >= least {
        return Ok(ToTakeOut::Nothing);
    }
    let is_held = |group: &&Group| matches!(group, Group::Provider(key) if held.now.providers.contains(key));
    Ok(ToTakeOut::Some { least, waiting, worst: fared_worst.filter(|group| !is_held(group)).cloned() })
}

/// So many have to be taken out of so many who wait.
fn least_of(waiting: u64) -> u64 {
    waiting.div_ceil(TAKEN_OUT_ONE_IN).max(1)
}

/// The group of those who wait that fared worst, of those that hold enough of them and not all. Reads the whole campaign:
/// for when a brake has stopped it.
pub(crate) async fn fared_worst(store: &Store, campaign: CampaignId) -> Result<Option<Group>, StoreError> {
    let waiting = store.tally(campaign).await?.in_progress();
    let least = least_of(waiting);
    let mut groups: Vec<(Group, u64, u64, u64)> = Vec::new();
    for GroupOf { who, file, waiting, tried, hard } in store.groups_of(campaign).await? {
        match who {
            LeftOut::Import(id) => groups.push((Group::Import { id, file }, waiting, tried, hard)),
            LeftOut::LeadSource(name) => groups.push((Group::LeadSource(name), waiting, tried, hard)),
            LeftOut::People(_) | LeftOut::Part(_) => {}
        }
    }
    let mut at_providers: BTreeMap<String, u64> = BTreeMap::new();
    for row in store.waiting_by_site(Some(campaign)).await? {
        if let Some(key) = row.site.and_then(|site| site.provider) {
            *at_providers.entry(key).or_default() += row.waiting;
        }
    }
    for (key, count) in store.campaign_providers(campaign).await? {
        let Some(key) = key else { continue };
        let waiting = at_providers.get(&key).copied().unwrap_or(0);
        groups.push((Group::Provider(key), waiting, count.attempted.into(), count.hard.into()));
    }
    // The rates as fractions of whole numbers; of equals the one that is named first.
    let worse = |one: &(u64, u64), other: &(u64, u64)| one.1 * other.0.max(1) > other.1 * one.0.max(1);
    let mut worst: Option<(Group, (u64, u64))> = None;
    for (group, left, tried, hard) in groups {
        let is_some_of_them = left >= least && left < waiting;
        if is_some_of_them && hard > 0 && worst.as_ref().is_none_or(|(_, known)| worse(&(tried, hard), known)) {
            worst = Some((group, (tried, hard)));
        }
    }
    Ok(worst.map(|(group, _)| group))
}

/// Is a demand met by what is taken out? Whoever is held since the stop is out as well. May read the whole campaign: for
/// when somebody resumes it.
pub async fn is_met(store: &Store, campaign: &Campaign, demand: &Demand, out: &TakenOut) -> Result<bool, StoreError> {
    let people = match &demand.out {
        ToTakeOut::Named(group) if !out.has(group) => return is_out(store, campaign, group).await,
        ToTakeOut::Nothing | ToTakeOut::Named(_) => 0,
        ToTakeOut::Some { .. } => people_of(store, campaign, out).await?,
    };
    Ok(demand.is_met_by(out, people))
}

/// How many people who are still to be tried are out with these groups, and with the holds that were placed since the stop.
/// Whoever a hold covered before it did not help, and is not counted.
async fn people_of(store: &Store, campaign: &Campaign, out: &TakenOut) -> Result<u64, StoreError> {
    let stopped = stopped_by(store, campaign).await?;
    let held = Held::of(store, campaign, stopped.map_or(Timestamp::MAX, |stopped| stopped.at)).await?;
    let more = Parts { providers: out.providers.iter().cloned().collect(), cold: out.cold, ..Parts::default() };
    let mut people = held.since(store, campaign.id, more).await?;
    for who in out.left_out() {
        people += store.left_of(campaign.id, who, u64::MAX).await?;
    }
    Ok(people)
}

/// A lead source that nobody of the campaign came from, and those there are; `None`: all that are named are known.
pub async fn unknown_lead_source(
    store: &Store,
    campaign: CampaignId,
    out: &TakenOut,
) -> Result<Option<(String, Vec<String>)>, StoreError> {
    if out.lead_sources.is_empty() {
        return Ok(None);
    }
    let names = store.groups_of(campaign).await?.into_iter().filter_map(|group| match group.who {
        LeftOut::LeadSource(name) => Some(name),
        LeftOut::Import(_) | LeftOut::People(_) | LeftOut::Part(_) => None,
    });
    let known: Vec<String> = names.collect();
    let unknown = out.lead_sources.iter().find(|name| !known.contains(name)).cloned();
    Ok(unknown.map(|name| (name, known)))
}

/// Is nobody of the group mailed any more?
async fn is_out(store: &Store, campaign: &Campaign, group: &Group) -> Result<bool, StoreError> {
    let who = match group {
        Group::Import { id, .. } => LeftOut::Import(*id),
        Group::LeadSource(name) => LeftOut::LeadSource(name.clone()),
        Group::Provider(key) | Group::Server { site: key, .. } => {
            return Ok(Held::of(store, campaign, Timestamp::MAX).await?.now.providers.contains(key));
        }
    };
    Ok(store.left_of(campaign.id, who, 1).await? == 0)
}

/// The parts of a campaign that are held until somebody lifts the hold. One that ends by itself takes nobody out, and neither
/// does one on a source: its people go by another.
#[derive(Debug, Default)]
struct Held {
    /// All of them.
    now: Parts,
    /// Those that were held when the campaign was stopped.
    before: Parts,
}

impl Held {
    async fn of(store: &Store, campaign: &Campaign, stopped_at: Timestamp) -> Result<Held, StoreError> {
        let mut held = Held::default();
        let covers = |hold: &&store::Hold| {
            hold.workspace == campaign.workspace
                && hold.campaign.is_none_or(|of| of == campaign.id)
                && (hold.source.is_none() && hold.until.is_none() && hold.lifted_at.is_none())
        };
        for hold in store.holds(None).await?.iter().filter(covers) {
            held.now.add(hold);
            if hold.at < stopped_at {
                held.before.add(hold);
            }
        }
        Ok(held)
    }

    /// How many who wait are held since the stop, or would be with more.
    async fn since(&self, store: &Store, campaign: CampaignId, mut more: Parts) -> Result<u64, StoreError> {
        more.providers.extend(self.now.providers.iter().cloned());
        more.domains.extend(self.now.domains.iter().cloned());
        more.cold |= self.now.cold;
        if more == self.before {
            return Ok(0);
        }
        let before = store.waiting_in(campaign, self.before.clone()).await?;
        Ok(store.waiting_in(campaign, more).await?.saturating_sub(before))
    }
}

/// A hold that takes people out of a campaign.
fn hold(campaign: &Campaign, provider: Option<&String>, cold_only: bool, why: &str) -> NewHold {
    NewHold {
        workspace: campaign.workspace,
        campaign: Some(campaign.id),
        provider: provider.cloned(),
        domain: None,
        source: None,
        cold_only,
        until: None,
        why: why.to_owned(),
    }
}

/// A brake's stop.
struct Stopped {
    /// In words.
    why: String,
    /// When.
    at: Timestamp,
}

/// The brake that stopped a paused campaign for what it does to people; `None`: a person paused it, or it was stopped for a
/// fault of ours that is mended.
async fn stopped_by(store: &Store, campaign: &Campaign) -> Result<Option<Stopped>, StoreError> {
    let Some(why) = &campaign.why else { return Ok(None) };
    if Trip::is_own_fault(why) || why.starts_with("The relay ") {
        return Ok(None);
    }
    let stops = store.latest_events(vec![EventKind::Braked], BRAKES_LOOKED_AT).await?;
    let by_brake = |event: &&Event| event.campaign == Some(campaign.id) && event.detail.as_ref() == Some(why);
    Ok(stops.iter().find(by_brake).map(|event| Stopped { why: why.clone(), at: event.at }))
}

impl Handle {
    /// Takes groups out of a campaign of the running engine: when this returns, nobody of them is started.
    pub async fn take_out(
        &self,
        campaign: &Campaign,
        out: &TakenOut,
        why: &str,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        for provider in &out.providers {
            self.place_hold(hold(campaign, Some(provider), false, why), actor).await?;
        }
        if out.cold {
            self.place_hold(hold(campaign, None, true, why), actor).await?;
        }
        for who in out.left_out() {
            self.leave_out(campaign.id, who, actor).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_that_was_named_has_to_be_taken_out_and_no_other() {
        let demand = |out| Demand { why: "Too many.".to_owned(), out };
        let yahoo = TakenOut { providers: vec!["yahoo".to_owned()], ..TakenOut::default() };
        let named = demand(ToTakeOut::Named(Group::Provider("gmx".to_owned())));
        assert!(!named.is_met_by(&TakenOut::default(), 0) && !named.is_met_by(&yahoo, 900));
        assert_eq!(named.arguments(), " --without gmx");
        assert_eq!(named.missing(), "the worst group has to be taken out: GMX and WEB.DE");
        let fair = Group::LeadSource("fair 2019".to_owned());
        let alpha = Group::Server { site: "a1fa".to_owned(), name: "mx.alpha.example".to_owned() };
        let demanded = demand(ToTakeOut::Named(alpha));
        assert_eq!(demanded.arguments(), " --without mx.alpha.example");
        let held = TakenOut { providers: vec!["a1fa".to_owned()], ..TakenOut::default() };
        assert!(demanded.is_met_by(&held, 0) && !demanded.is_met_by(&yahoo, 0));
        assert_eq!(demand(ToTakeOut::Named(fair)).arguments(), " --without-lead-source \"fair 2019\"");
        assert!(demand(ToTakeOut::Nothing).is_met_by(&TakenOut::default(), 0));
    }

    #[test]
    fn a_group_that_holds_nobody_takes_nobody_out() {
        let worst = Some(Group::Provider("gmx".to_owned()));
        let some = |worst| Demand { why: String::new(), out: ToTakeOut::Some { least: 19, waiting: 940, worst } };
        let typo = TakenOut { lead_sources: vec!["nosuch".to_owned()], ..TakenOut::default() };
        assert!(!some(None).is_met_by(&typo, 0) && !some(None).is_met_by(&typo, 18) && some(None).is_met_by(&typo, 19));
        assert_eq!(some(worst).arguments(), " --without gmx");
        assert_eq!(some(None).arguments(), " --without-addresses FILE");
        assert!(some(None).missing().ends_with("at least 19 of the 940 who wait"));
    }
}
