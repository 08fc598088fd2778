//! Whether a stopped campaign may simply go on.
//!
//! One that a brake stopped for what it does to people goes on only for a reason, and without the group that did the harm
//! (`defaults.md`, "Brakes"). A reason alone, given again and again, would mail the rest of a bad list in small pieces. So
//! would a group that holds nobody: what is taken out is counted by the people who were still to be tried.

use crate::handle::Handle;
use crate::remembered::Remembered;
use dispatch::brakes::{Group, Trip};
use model::{Actor, CampaignId, EventKind, ImportId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Campaign, Event, GroupOf, LeftOut, NewHold, Store, StoreError};

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
    /// Keys of providers.
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
            Group::Provider(key) => self.providers.contains(key),
            Group::Import { id, .. } => self.imports.contains(id),
            Group::LeadSource(name) => self.lead_sources.contains(name),
        }
    }
}

impl Demand {
    /// Is it met by what is taken out, and so many people with it ([`people_of`])?
    pub fn is_met_by(&self, out: &TakenOut, people: u64) -> bool {
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
                 and with them at least {least} of the {waiting} who wait"
            ),
        }
    }
}

/// The arguments of `postroom resume` that take a group out.
fn without(group: &Group) -> String {
    match group {
        Group::Provider(key) => format!(" --without {key}"),
        Group::Import { id, .. } => format!(" --without-import {id}"),
        Group::LeadSource(name) => format!(" --without-lead-source {name:?}"),
    }
}

/// What has to be given before a paused campaign goes on. `None`: a person paused it, or it was stopped for a fault of ours
/// that is mended.
pub async fn demanded(store: &Store, campaign: &Campaign) -> Result<Option<Demand>, StoreError> {
    let Some(why) = braked_by(store, campaign).await? else { return Ok(None) };
    let kept = Remembered::read(store).await?;
    let out = match kept.brakes.stops(campaign.id) {
        (_, Some(group)) if is_out(store, campaign.id, group).await? => ToTakeOut::Nothing,
        (_, Some(group)) => ToTakeOut::Named(group.clone()),
        (0 | 1, None) => ToTakeOut::Nothing,
        (_, None) => some(store, campaign).await?,
    };
    Ok(Some(Demand { why, out }))
}

/// How many have to be taken out where nobody stands out, and which group would be the first to go.
async fn some(store: &Store, campaign: &Campaign) -> Result<ToTakeOut, StoreError> {
    let waiting = store.tally(campaign.id).await?.in_progress();
    let least = waiting.div_ceil(TAKEN_OUT_ONE_IN).max(1);
    let mut groups: Vec<(Group, u64, u64, u64)> = Vec::new();
    for GroupOf { who, file, waiting, tried, hard } in store.groups_of(campaign.id).await? {
        match who {
            LeftOut::Import(id) => groups.push((Group::Import { id, file }, waiting, tried, hard)),
            LeftOut::LeadSource(name) => groups.push((Group::LeadSource(name), waiting, tried, hard)),
            LeftOut::People(_) => {}
        }
    }
    let mut at_providers: BTreeMap<String, u64> = BTreeMap::new();
    for row in store.waiting_by_site(Some(campaign.id)).await? {
        if let Some(key) = row.site.and_then(|site| site.provider) {
            *at_providers.entry(key).or_default() += row.waiting;
        }
    }
    for (key, count) in store.campaign_providers(campaign.id).await? {
        let Some(key) = key else { continue };
        let group = Group::Provider(key.clone());
        if !is_out(store, campaign.id, &group).await? {
            let waiting = at_providers.get(&key).copied().unwrap_or(0);
            groups.push((group, waiting, count.attempted.into(), count.hard.into()));
        }
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
    Ok(ToTakeOut::Some { least, waiting, worst: worst.map(|(group, _)| group) })
}

/// How many people who are still to be tried are taken out with these groups. Those of a provider who are held already, and
/// the cold likewise, are out before.
pub async fn people_of(store: &Store, campaign: &Campaign, out: &TakenOut) -> Result<u64, StoreError> {
    let mut people = 0;
    for who in out.left_out() {
        people += store.left_of(campaign.id, who, u64::MAX).await?;
    }
    for key in out.providers.iter().collect::<BTreeSet<_>>() {
        if !is_out(store, campaign.id, &Group::Provider(key.clone())).await? {
            people += store.covered_by(hold(campaign, Some(key), false, "")).await?.waiting;
        }
    }
    if out.cold && !holds_for_good(store, campaign.id, |held| held.provider.is_none() && held.cold_only).await? {
        people += store.covered_by(hold(campaign, None, true, "")).await?.waiting;
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
        LeftOut::Import(_) | LeftOut::People(_) => None,
    });
    let known: Vec<String> = names.collect();
    let unknown = out.lead_sources.iter().find(|name| !known.contains(name)).cloned();
    Ok(unknown.map(|name| (name, known)))
}

/// Is nobody of the group mailed any more? A hold that ends by itself takes nobody out.
async fn is_out(store: &Store, campaign: CampaignId, group: &Group) -> Result<bool, StoreError> {
    let who = match group {
        Group::Import { id, .. } => LeftOut::Import(*id),
        Group::LeadSource(name) => LeftOut::LeadSource(name.clone()),
        Group::Provider(key) => {
            let whole = |hold: &store::Hold| hold.provider.as_ref() == Some(key) && !hold.cold_only;
            return holds_for_good(store, campaign, whole).await;
        }
    };
    Ok(store.left_of(campaign, who, 1).await? == 0)
}

/// Is there such a hold on the whole campaign that does not end by itself?
async fn holds_for_good(
    store: &Store,
    campaign: CampaignId,
    is_such: impl Fn(&store::Hold) -> bool,
) -> Result<bool, StoreError> {
    let covers = |hold: &store::Hold| {
        hold.campaign.is_none_or(|of| of == campaign)
            && (hold.domain.is_none() && hold.source.is_none())
            && (hold.until.is_none() && hold.lifted_at.is_none())
            && is_such(hold)
    };
    Ok(store.holds(None).await?.iter().any(covers))
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

/// The brake that stopped a paused campaign for what it does to people, in words; `None`: a person paused it, or it was
/// stopped for a fault of ours that is mended.
pub async fn braked_by(store: &Store, campaign: &Campaign) -> Result<Option<String>, StoreError> {
    let Some(why) = &campaign.why else { return Ok(None) };
    let stopped = store.latest_events(vec![EventKind::Braked], BRAKES_LOOKED_AT).await?;
    let by_brake = |event: &Event| event.campaign == Some(campaign.id) && event.detail.as_ref() == Some(why);
    let own_faults = [
        Trip::Port25,
        Trip::Resolver,
        Trip::Authentication { needs_dns_check: false },
        Trip::Authentication { needs_dns_check: true },
    ];
    let is_own_fault = own_faults.iter().any(|trip| trip.why() == why) || why.starts_with("The relay ");
    Ok((!is_own_fault && stopped.iter().any(by_brake)).then(|| why.clone()))
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
