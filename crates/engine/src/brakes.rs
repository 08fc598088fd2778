//! The brakes of a run: every verdict is shown to them, and what they say is carried to the scheduler.
//!
//! What they are is decided in [`dispatch::brakes`]; here they are fed. Invariant: a verdict is counted once for its
//! campaign, once for its workspace and once for its provider; nothing can be switched off.

use dispatch::brakes::{Authentication, BlockedShare, Groups, Incident, Limits, Port25, Rates, Trip};
use dispatch::volume::DayCount;
use model::{CampaignId, SiteId, Stage, Timestamp, Verdict, WorkspaceId};
use std::collections::BTreeMap;

/// The counters that tell our own fault from everybody else's, and a bad list from a bad hour.
#[derive(Debug, Default)]
pub(crate) struct Brakes {
    pub(crate) port25: Port25,
    /// Sites whose silence was forgiven while nobody had answered yet, and until when it is.
    pub(crate) forgiven: BTreeMap<SiteId, Timestamp>,
    authentication: BTreeMap<CampaignId, Authentication>,
    rates: BTreeMap<CampaignId, Rates>,
    of_workspace: BTreeMap<WorkspaceId, Rates>,
    blocked: BlockedShare,
    incident: Incident,
}

/// One verdict, as far as brakes are concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) campaign: CampaignId,
    pub(crate) workspace: WorkspaceId,
    /// The groups the person is in.
    pub(crate) groups: Groups<'a>,
    /// What tells unrelated sites apart.
    pub(crate) operator: &'a str,
    pub(crate) verdict: &'a Verdict,
    /// Does the rule alone stop a campaign?
    pub(crate) stops_campaign: bool,
    /// Is it the first verdict on this person?
    pub(crate) is_first: bool,
}

/// Whom a trip concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    Campaign(CampaignId),
    Workspace(WorkspaceId),
    Everybody,
}

impl Brakes {
    /// Counts a verdict; what trips, and whom it concerns.
    pub(crate) fn judged(&mut self, judged: Judged<'_>, now: Timestamp) -> Vec<(Trip, Whom)> {
        let Judged { campaign, workspace, groups, operator, verdict, stops_campaign, is_first } = judged;
        let provider = groups.provider;
        let mut trips = Vec::new();
        let authentication = self.authentication.entry(campaign).or_default();
        let refused = authentication.judged(operator, verdict, stops_campaign);
        trips.extend(refused.map(|trip| (trip, Whom::Campaign(campaign))));
        let incident = self.incident.judged(now, campaign, provider, verdict);
        if let Some(Trip::Incident { provider, .. }) = &incident {
            self.rates.values_mut().for_each(|rates| rates.forgive(provider));
            self.of_workspace.values_mut().for_each(|rates| rates.forgive(provider));
        }
        trips.extend(incident.map(|trip| (trip, Whom::Everybody)));
        trips.extend(self.blocked.judged(now, provider, verdict).map(|trip| (trip, Whom::Everybody)));
        // What a provider in trouble says of its people is held against nobody. A domain that does not exist has never
        // seen the mail, and its people have their verdict long before the others: they would make any list look dead.
        if self.is_incident(provider) || verdict.stage == Stage::Dns {
            return trips;
        }
        let of_campaign = self.rates.entry(campaign).or_insert_with(|| Rates::of_campaign(Limits::default()));
        let of_workspace = self.of_workspace.entry(workspace).or_insert_with(|| Rates::of_workspace(Limits::default()));
        for (rates, reach) in [(of_campaign, Whom::Campaign(campaign)), (of_workspace, Whom::Workspace(workspace))] {
            if is_first {
                rates.attempted(now, &groups);
            }
            trips.extend(rates.judged(now, &groups, verdict).map(|trip| (trip, reach)));
        }
        trips
    }

    /// Adds what the ledger counted of a campaign before this run.
    pub(crate) fn recount(
        &mut self,
        campaign: CampaignId,
        workspace: WorkspaceId,
        before: &[(Option<String>, DayCount)],
        now: Timestamp,
    ) {
        let of_campaign = self.rates.entry(campaign).or_insert_with(|| Rates::of_campaign(Limits::default()));
        let of_workspace = self.of_workspace.entry(workspace).or_insert_with(|| Rates::of_workspace(Limits::default()));
        for (provider, count) in before {
            of_campaign.recount(now, provider.as_deref(), count);
            of_workspace.recount(now, provider.as_deref(), count);
        }
    }

    /// Somebody looked at the rates of a campaign and decided to go on: it is measured anew, and so is its workspace.
    pub(crate) fn resumed(&mut self, campaign: CampaignId, workspace: WorkspaceId) {
        let rates = [self.rates.get_mut(&campaign), self.of_workspace.get_mut(&workspace)];
        rates.into_iter().flatten().for_each(Rates::resumed);
    }

    /// Is the provider having an incident? Then what it says about people is provisional.
    pub(crate) fn is_incident(&self, provider: Option<&str>) -> bool {
        provider.is_some_and(|provider| self.incident.is_under_way(provider))
    }

    /// Until when a provider is left alone.
    pub(crate) fn provider_held(&self, provider: &str, now: Timestamp) -> Option<Timestamp> {
        [self.blocked.held_until(provider, now), self.incident.held_until(provider, now)].into_iter().flatten().max()
    }

    /// How many may go to a provider that was left alone, until it is known whether it is better; `None`: no bound.
    pub(crate) fn probe_left(&self, provider: &str, now: Timestamp) -> Option<u32> {
        [self.blocked.probe_left(provider, now), self.incident.probe_left(provider, now)].into_iter().flatten().min()
    }
}
