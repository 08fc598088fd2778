//! Whether a stopped campaign may simply go on.
//!
//! One that a brake stopped for what it does to people goes on only for a reason, and without the group that did the harm
//! (`defaults.md`, "Brakes"). A reason alone, given again and again, would mail the rest of a bad list in small pieces.

use crate::handle::Handle;
use crate::remembered::Remembered;
use dispatch::brakes::{Group, Trip};
use model::{Actor, CampaignId, EventKind, ImportId};
use store::{Campaign, Event, LeftOut, NewHold, Store, StoreError};

/// Stops of the past that are looked through.
const BRAKES_LOOKED_AT: usize = 1_000;

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
    /// Some group: nobody stands out, but a reason alone did not help the last time.
    Some,
}

/// Groups that are taken out when a campaign is resumed. The people of a provider and the cold are held until the hold is
/// lifted; those of an import or a lead source are skipped.
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
}

impl TakenOut {
    fn is_nothing(&self) -> bool {
        self == &TakenOut::default()
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
    /// Is it met by what is taken out?
    pub fn is_met_by(&self, out: &TakenOut) -> bool {
        match &self.out {
            ToTakeOut::Nothing => true,
            ToTakeOut::Named(group) => out.has(group),
            ToTakeOut::Some => !out.is_nothing(),
        }
    }

    /// The arguments of `postroom resume` that take out what has to be.
    pub fn arguments(&self) -> String {
        match &self.out {
            ToTakeOut::Nothing => String::new(),
            ToTakeOut::Named(Group::Provider(key)) => format!(" --without {key}"),
            ToTakeOut::Named(Group::Import { id, .. }) => format!(" --without-import {id}"),
            ToTakeOut::Named(Group::LeadSource(name)) => format!(" --without-lead-source {name:?}"),
            ToTakeOut::Some => " --without-import …".to_owned(),
        }
    }

    /// What is missing beside a reason, in words; empty: nothing.
    pub fn missing(&self) -> String {
        match &self.out {
            ToTakeOut::Nothing => String::new(),
            ToTakeOut::Named(group) => format!("the worst group has to be taken out: {group}"),
            ToTakeOut::Some => {
                "a reason alone did not help the last time, so that a group has to be taken out".to_owned()
            }
        }
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
        (_, None) => ToTakeOut::Some,
    };
    Ok(Some(Demand { why, out }))
}

/// Is nobody of the group mailed any more? A hold that ends by itself takes nobody out.
async fn is_out(store: &Store, campaign: CampaignId, group: &Group) -> Result<bool, StoreError> {
    let who = match group {
        Group::Import { id, .. } => LeftOut::Import(*id),
        Group::LeadSource(name) => LeftOut::LeadSource(name.clone()),
        Group::Provider(key) => {
            let covers = |hold: &store::Hold| {
                hold.provider.as_ref() == Some(key)
                    && hold.campaign.is_none_or(|of| of == campaign)
                    && (hold.domain.is_none() && hold.source.is_none() && !hold.cold_only)
                    && (hold.until.is_none() && hold.lifted_at.is_none())
            };
            return Ok(store.holds(None).await?.iter().any(covers));
        }
    };
    Ok(!store.has_left(campaign, who).await?)
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
        let hold = |provider: Option<&String>, cold_only| NewHold {
            workspace: campaign.workspace,
            campaign: Some(campaign.id),
            provider: provider.cloned(),
            domain: None,
            source: None,
            cold_only,
            until: None,
            why: why.to_owned(),
        };
        for provider in &out.providers {
            self.place_hold(hold(Some(provider), false), actor).await?;
        }
        if out.cold {
            self.place_hold(hold(None, true), actor).await?;
        }
        let imports = out.imports.iter().map(|import| LeftOut::Import(*import));
        let lead_sources = out.lead_sources.iter().cloned().map(LeftOut::LeadSource);
        for who in imports.chain(lead_sources) {
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
        assert!(!named.is_met_by(&TakenOut::default()) && !named.is_met_by(&yahoo));
        assert_eq!(named.arguments(), " --without gmx");
        assert_eq!(named.missing(), "the worst group has to be taken out: GMX and WEB.DE");
        let fair = Group::LeadSource("fair 2019".to_owned());
        assert_eq!(demand(ToTakeOut::Named(fair)).arguments(), " --without-lead-source \"fair 2019\"");
        let some = demand(ToTakeOut::Some);
        assert!(some.is_met_by(&yahoo) && !some.is_met_by(&TakenOut::default()));
        assert!(demand(ToTakeOut::Nothing).is_met_by(&TakenOut::default()));
    }
}
