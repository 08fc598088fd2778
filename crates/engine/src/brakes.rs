//! The brakes of a run: every verdict is shown to them, and what they say is carried to the scheduler.
//!
//! What they are is decided in [`dispatch::brakes`]; here they are fed. Invariant: a verdict is counted once for its
//! campaign, once for its workspace and once for its provider; nothing can be switched off.

use dispatch::brakes::{
    Authentication, BlockedShare, Group, Groups, Incident, LeftAlone, Limits, Missing, PointsInside, Port25, Rates,
    Trip, Unanswered,
};
use model::{CampaignId, DayCount, Outcome, SiteId, Stage, Timestamp, Verdict, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The counters that tell our own fault from everybody else's, and a bad list from a bad hour.
#[derive(Debug, Default)]
pub(crate) struct Brakes {
    pub(crate) port25: Port25,
    pub(crate) points_inside: PointsInside,
    pub(crate) unanswered: Unanswered,
    /// Sites whose silence was forgiven while nobody had answered yet, and until when it is.
    pub(crate) forgiven: BTreeMap<SiteId, Timestamp>,
    kept: Kept,
    /// Campaigns of which something was counted since it was written down.
    changed: BTreeSet<CampaignId>,
    /// Was anything counted since then? Also of a campaign that is over: its workspace and the providers remember it.
    is_unwritten: bool,
    /// Operators whose incident was found, and since when their word is in question: whom they suppressed since is yet to be
    /// marked in the ledger.
    found: BTreeMap<String, Timestamp>,
}

/// Campaigns remembered that no run works on any more, beside those at work.
const CAMPAIGNS_REMEMBERED_MAX: usize = 256;

impl Kept {
    /// How often a campaign was stopped for what it did to people, and which group was named the last time.
    pub(crate) fn stops(&self, campaign: CampaignId) -> (u32, Option<&Group>) {
        self.campaigns.get(&campaign).map_or((0, None), |of| (of.stops, of.worst.as_ref()))
    }

    /// Which group of those who wait fared worst when it was last stopped and nobody stood out.
    pub(crate) fn fared_worst(&self, campaign: CampaignId) -> Option<&Group> {
        self.campaigns.get(&campaign).and_then(|of| of.fared_worst.as_ref())
    }

    /// Has the sample of a campaign been judged?
    pub(crate) fn is_sample_over(&self, campaign: CampaignId) -> bool {
        self.campaigns.get(&campaign).is_some_and(|of| of.is_sample_over)
    }

    /// The clock may have been set back since this was written down: no hold lasts longer than one that begins now may.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        self.blocked.set_back(now);
        self.incident.set_back(now);
    }

    /// Whom nothing goes to for a while, by what tells unrelated sites apart.
    pub(crate) fn left_alone(&self, now: Timestamp) -> BTreeMap<String, LeftAlone> {
        let mut all: BTreeMap<String, LeftAlone> = BTreeMap::new();
        for (operator, alone) in self.blocked.left_alone(now).chain(self.incident.left_alone(now)) {
            if all.get(operator).is_none_or(|known| known.until < alone.until) {
                all.insert(operator.to_owned(), alone);
            }
        }
        all
    }
}

/// What outlives a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    campaigns: BTreeMap<CampaignId, OfCampaign>,
    workspaces: BTreeMap<WorkspaceId, OfWorkspace>,
    /// The last time that somebody answered for one. A campaign that is over is forgotten with its answers, and may come
    /// back with an old one: that answers for nothing that tripped since.
    #[serde(default)]
    answered: BTreeMap<WorkspaceId, Timestamp>,
    blocked: BlockedShare,
    incident: Incident,
}

/// What is counted of one campaign.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OfCampaign {
    authentication: Authentication,
    rates: Rates,
    #[serde(default)]
    missing: Missing,
    /// How often it was stopped for what it did to people, and which group was named the last time.
    #[serde(default)]
    stops: u32,
    #[serde(default)]
    worst: Option<Group>,
    /// Which group of those who wait fared worst when it was last stopped and nobody stood out: found once, because it takes
    /// reading the whole campaign.
    #[serde(default)]
    fared_worst: Option<Group>,
    /// What the ledger had counted when this was written down, by provider (empty: nobody described it).
    counted: BTreeMap<String, DayCount>,
    /// The last time that somebody answered for it.
    answered_at: Option<Timestamp>,
    is_sample_over: bool,
}

impl Default for OfCampaign {
    fn default() -> OfCampaign {
        OfCampaign {
            authentication: Authentication::default(),
            rates: Rates::of_campaign(Limits::default()),
            missing: Missing::default(),
            stops: 0,
            worst: None,
            fared_worst: None,
            counted: BTreeMap::new(),
            answered_at: None,
            is_sample_over: false,
        }
    }
}

/// What is counted of one workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OfWorkspace(Rates);

impl Default for OfWorkspace {
    fn default() -> OfWorkspace {
        OfWorkspace(Rates::of_workspace(Limits::default()))
    }
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
    /// What people call the operator; `None`: a relay, which refuses in the name of others.
    pub(crate) name: Option<&'a str>,
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
    /// The brakes as the last run left them.
    pub(crate) fn restored(mut kept: Kept, now: Timestamp) -> Brakes {
        kept.set_back(now);
        // The last run may have died before it could mark whom they suppressed.
        let found = kept.incident.in_question().map(|(operator, since)| (operator.to_owned(), since)).collect();
        Brakes { kept, found, ..Brakes::default() }
    }

    /// What the next run has to know.
    pub(crate) fn kept(&mut self) -> &Kept {
        while self.kept.campaigns.len() > CAMPAIGNS_REMEMBERED_MAX {
            // The ids are in the order of their making.
            self.kept.campaigns.pop_first();
        }
        &self.kept
    }

    /// The campaigns of which something was counted since this was last asked.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<CampaignId> {
        self.is_unwritten = false;
        std::mem::take(&mut self.changed)
    }

    /// Was anything counted since it was written down?
    pub(crate) fn has_changed(&self) -> bool {
        self.is_unwritten
    }

    /// Takes note of what the ledger has counted of a campaign.
    pub(crate) fn counted_by_ledger(&mut self, campaign: CampaignId, counted: Vec<(Option<String>, DayCount)>) {
        let counted = counted.into_iter().map(|(provider, count)| (provider.unwrap_or_default(), count)).collect();
        self.kept.campaigns.entry(campaign).or_default().counted = counted;
    }

    /// Has the sample of a campaign been judged?
    pub(crate) fn is_sample_over(&self, campaign: CampaignId) -> bool {
        self.kept.is_sample_over(campaign)
    }

    /// The sample of a campaign has been judged.
    pub(crate) fn sample_is_over(&mut self, campaign: CampaignId) {
        self.kept.campaigns.entry(campaign).or_default().is_sample_over = true;
    }

    /// A campaign is over. What was counted of its workspace and at providers is still to be written down.
    pub(crate) fn forget(&mut self, campaign: CampaignId) {
        self.kept.campaigns.remove(&campaign);
        self.changed.remove(&campaign);
    }

    /// Counts a verdict; what trips, and whom it concerns.
    pub(crate) fn judged(&mut self, judged: Judged<'_>, now: Timestamp) -> Vec<(Trip, Whom)> {
        let Judged { campaign, workspace, groups, operator, name, verdict, stops_campaign, is_first } = judged;
        let mut trips = Vec::new();
        self.changed.insert(campaign);
        self.is_unwritten = true;
        let kept = &mut self.kept;
        let of_campaign = kept.campaigns.entry(campaign).or_default();
        let refused = of_campaign.authentication.judged(operator, name.unwrap_or("The relay"), verdict, stops_campaign);
        trips.extend(refused.map(|trip| (trip, Whom::Campaign(campaign))));
        let noticed = name.and_then(|name| of_campaign.authentication.noticed(operator, name, verdict));
        trips.extend(noticed.map(|trip| (trip, Whom::Campaign(campaign))));
        let incident = kept.incident.judged(now, campaign, &groups, verdict);
        if let Some(Trip::Incident { provider, since, .. }) = &incident {
            self.found.insert(provider.clone(), *since);
            kept.campaigns.values_mut().for_each(|of| of.rates.forgive(provider));
            kept.workspaces.values_mut().for_each(|of| of.0.forgive(provider));
        }
        trips.extend(incident.map(|trip| (trip, Whom::Everybody)));
        let blocked = name.and_then(|name| kept.blocked.judged(now, operator, name, verdict));
        trips.extend(blocked.map(|trip| (trip, Whom::Everybody)));
        // A domain that does not exist has never seen the mail, and its people have their verdict long before the others:
        // among the people tried they would make any list look dead.
        if verdict.stage == Stage::Dns {
            let of_campaign = kept.campaigns.entry(campaign).or_default();
            let gone = if verdict.outcome == Outcome::Hard { of_campaign.missing.gone() } else { None };
            trips.extend(gone.map(|trip| (trip, Whom::Campaign(campaign))));
            return trips;
        }
        // What a provider in trouble says of its people is held against nobody.
        if kept.incident.is_under_way(operator) {
            return trips;
        }
        let of_campaign = &mut kept.campaigns.entry(campaign).or_default().rates;
        let of_workspace = &mut kept.workspaces.entry(workspace).or_default().0;
        for (rates, reach) in [(of_campaign, Whom::Campaign(campaign)), (of_workspace, Whom::Workspace(workspace))] {
            if is_first {
                rates.attempted(now, &groups);
            }
            trips.extend(rates.judged(now, &groups, verdict).map(|trip| (trip, reach)));
        }
        trips
    }

    /// Adds what the ledger has counted of a campaign beyond what is known of it. What complaints trip that came while
    /// nobody sent, and whom it concerns.
    pub(crate) fn recount(
        &mut self,
        campaign: CampaignId,
        workspace: WorkspaceId,
        counted: &[(Option<String>, DayCount)],
        now: Timestamp,
    ) -> Vec<(Trip, Whom)> {
        let mut trips = Vec::new();
        let of_campaign = self.kept.campaigns.entry(campaign).or_default();
        let of_workspace = &mut self.kept.workspaces.entry(workspace).or_default().0;
        for (provider, count) in counted {
            let known = of_campaign.counted.get(provider.as_deref().unwrap_or_default());
            let more = count.since(&known.copied().unwrap_or_default());
            if more != DayCount::default() && !self.kept.incident.is_under_way(provider.as_deref().unwrap_or_default())
            {
                of_campaign.rates.recount(now, provider.as_deref(), &more);
                // Of complaints that came while nobody sent it is not known which day's mail they are about.
                of_workspace.recount(now, provider.as_deref(), &DayCount { complained: 0, ..more });
                if more.complained > 0 {
                    let trip = of_campaign.rates.look_at_complaints(provider.as_deref());
                    trips.extend(trip.map(|trip| (trip, Whom::Campaign(campaign))));
                }
            }
        }
        trips
    }

    /// Counts a complaint about mail of a campaign at work (`None`: it is over) and of a workspace; what trips, and whom it
    /// concerns. What was sent before somebody answered for it has been answered for.
    pub(crate) fn complained(
        &mut self,
        (campaign, workspace): (Option<CampaignId>, WorkspaceId),
        groups: &Groups<'_>,
        sent_at: Timestamp,
    ) -> Vec<(Trip, Whom)> {
        let kept = &mut self.kept;
        self.is_unwritten = true;
        let mut trips = Vec::new();
        if let Some(campaign) = campaign {
            self.changed.insert(campaign);
            let of_campaign = kept.campaigns.entry(campaign).or_default();
            let counts = of_campaign.answered_at.is_none_or(|answered| sent_at > answered);
            let trip = if counts { of_campaign.rates.complained(sent_at, groups) } else { None };
            trips.extend(trip.map(|trip| (trip, Whom::Campaign(campaign))));
        }
        if kept.answered.get(&workspace).is_none_or(|answered| sent_at > *answered) {
            let of_workspace = &mut kept.workspaces.entry(workspace).or_default().0;
            trips.extend(of_workspace.complained(sent_at, groups).map(|trip| (trip, Whom::Workspace(workspace))));
        }
        trips
    }

    /// Takes note of how many people a campaign goes to, and how many of them are at domains that do not exist.
    pub(crate) fn listed(&mut self, campaign: CampaignId, (people, gone): (u64, u64)) {
        self.kept.campaigns.entry(campaign).or_default().missing.counted(people, gone);
    }

    /// What the people at domains that do not exist trip, as they are known.
    pub(crate) fn look_at_missing(&mut self, campaign: CampaignId) -> Option<Trip> {
        self.kept.campaigns.get_mut(&campaign).and_then(|of| of.missing.look())
    }

    /// A campaign stops for what it does to people; the group that was named, to be taken out before it goes on.
    pub(crate) fn stopped(&mut self, campaign: CampaignId, worst: Option<Group>) {
        let of_campaign = self.kept.campaigns.entry(campaign).or_default();
        of_campaign.stops = of_campaign.stops.saturating_add(1);
        of_campaign.worst = worst;
        of_campaign.fared_worst = None;
        self.changed.insert(campaign);
        self.is_unwritten = true;
    }

    /// Was a campaign stopped again, and nobody stood out? Then a reason alone does not help.
    pub(crate) fn is_stopped_again(&self, campaign: CampaignId) -> bool {
        matches!(self.kept.stops(campaign), (2.., None))
    }

    /// Of a campaign that was stopped again, the group of those who wait that fared worst.
    pub(crate) fn fared_worst(&mut self, campaign: CampaignId, group: Option<Group>) {
        self.kept.campaigns.entry(campaign).or_default().fared_worst = group;
        self.is_unwritten = true;
    }

    /// Somebody looked at the rates of a campaign and gave a reason to go on: it is measured anew, and so is its
    /// workspace. `false`: nobody did, or it is known already.
    pub(crate) fn answered(&mut self, campaign: CampaignId, workspace: WorkspaceId, at: Option<Timestamp>) -> bool {
        let of_campaign = self.kept.campaigns.entry(campaign).or_default();
        if at <= of_campaign.answered_at {
            return false;
        }
        of_campaign.answered_at = at;
        of_campaign.rates.resumed();
        of_campaign.missing.resumed();
        if at > self.kept.answered.get(&workspace).copied() {
            self.kept.answered.extend(at.map(|at| (workspace, at)));
            self.kept.workspaces.entry(workspace).or_default().0.resumed();
        }
        self.changed.insert(campaign);
        self.is_unwritten = true;
        true
    }

    /// Why a workspace sends nothing more until somebody gives a reason, and which group was named; `None`: it may send.
    pub(crate) fn workspace_stopped(&self, workspace: WorkspaceId) -> Option<(String, Option<Group>)> {
        let tripped = self.kept.workspaces.get(&workspace).and_then(|of| of.0.tripped());
        tripped.map(|(why, worst)| (why.to_owned(), worst.cloned()))
    }

    /// Is an operator having an incident? Then what it says about people is provisional.
    pub(crate) fn is_incident(&self, operator: &str) -> bool {
        self.kept.incident.is_under_way(operator)
    }

    /// The operators whose incident was found since this was last asked, and since when their word is in question.
    pub(crate) fn take_incidents(&mut self) -> BTreeMap<String, Timestamp> {
        std::mem::take(&mut self.found)
    }

    /// Is nothing to go to an operator for a while? Until when, and why.
    pub(crate) fn left_alone(&self, operator: &str, now: Timestamp) -> Option<LeftAlone> {
        let held = [self.kept.blocked.held_until(operator, now), self.kept.incident.held_until(operator, now)];
        held.into_iter().flatten().max()?;
        self.kept.left_alone(now).remove(operator)
    }

    /// How many may go to a provider that was left alone, until it is known whether it is better; `None`: no bound.
    pub(crate) fn probe_left(&self, provider: &str, now: Timestamp) -> Option<u32> {
        [self.kept.blocked.probe_left(provider, now), self.kept.incident.probe_left(provider, now)]
            .into_iter()
            .flatten()
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dispatch::brakes::PROBE_ATTEMPTS;
    use model::{Category, Outcome};
    use std::time::Duration;

    const CAMPAIGN: CampaignId = CampaignId(1);
    const OTHER: CampaignId = CampaignId(2);

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(minute * 60)
    }

    fn verdict(outcome: Outcome, category: Category) -> Verdict {
        Verdict { outcome, category, ..Verdict::accepted() }
    }

    /// `count` people of a campaign, at a provider, with this verdict; what trips.
    fn send(
        brakes: &mut Brakes,
        campaign: CampaignId,
        provider: &str,
        count: u32,
        verdict: &Verdict,
    ) -> Vec<(Trip, Whom)> {
        let judged = Judged {
            campaign,
            workspace: WorkspaceId::FIRST,
            groups: Groups { provider: Some(provider), ..Groups::default() },
            operator: provider,
            name: Some(provider),
            verdict,
            stops_campaign: false,
            is_first: true,
        };
        (0..count).flat_map(|_| brakes.judged(judged, at(1))).collect()
    }

    /// A process ends and another begins: what it wrote down is all it left.
    fn killed(mut brakes: Brakes) -> Brakes {
        let text = serde_json::to_string(brakes.kept()).unwrap();
        Brakes::restored(serde_json::from_str(&text).unwrap(), at(100_000))
    }

    #[test]
    fn a_provider_left_alone_and_an_incident_outlive_the_process() {
        let mut brakes = Brakes::default();
        let refused = verdict(Outcome::Blocked, Category::Policy);
        send(&mut brakes, CAMPAIGN, "gmx", 95, &Verdict::accepted());
        assert_eq!(send(&mut brakes, CAMPAIGN, "gmx", 10, &refused).len(), 1);
        let dead = verdict(Outcome::Hard, Category::UnknownRecipient);
        let trips = send(&mut brakes, CAMPAIGN, "google", 40, &dead);
        assert!(trips.iter().any(|(trip, _)| matches!(trip, Trip::Incident { .. })), "{trips:?}");
        let found = |brakes: &mut Brakes| brakes.take_incidents().into_keys().collect::<Vec<_>>();
        assert_eq!(found(&mut brakes), ["google"]);
        assert!(found(&mut brakes).is_empty(), "it is marked once");
        let mut brakes = killed(brakes);
        assert_eq!(found(&mut brakes), ["google"], "it may have died before whom it suppressed was marked");
        let alone = brakes.left_alone("gmx", at(2)).unwrap();
        let says = "gmx is left alone: it refused 10 of the last 100 messages (10 % is the limit); then 20 messages show whether \
                    it still refuses";
        assert_eq!((alone.until, alone.told().as_str()), (at(61), says));
        assert!(brakes.left_alone("google", at(2)).unwrap().why.contains("trouble of its own; then 20 messages"));
        assert!(brakes.is_incident("google") && !brakes.is_incident("gmx"));
        assert_eq!(brakes.probe_left("gmx", at(61)), Some(PROBE_ATTEMPTS));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_hold_longer() {
        let mut brakes = Brakes::default();
        let refused = verdict(Outcome::Blocked, Category::Policy);
        send(&mut brakes, CAMPAIGN, "gmx", 95, &Verdict::accepted());
        send(&mut brakes, CAMPAIGN, "gmx", 10, &refused);
        let dead = verdict(Outcome::Hard, Category::UnknownRecipient);
        send(&mut brakes, CAMPAIGN, "google", 40, &dead);
        let two_days_before = at(1) - std::time::Duration::from_secs(2 * 86_400);
        let text = serde_json::to_string(brakes.kept()).unwrap();
        let brakes = Brakes::restored(serde_json::from_str(&text).unwrap(), two_days_before);
        let hour = two_days_before + std::time::Duration::from_secs(3_600);
        for provider in ["gmx", "google"] {
            let alone = brakes.left_alone(provider, two_days_before).map(|alone| alone.until);
            assert_eq!(alone, Some(hour), "{provider}");
        }
    }

    #[test]
    fn only_what_the_ledger_counted_since_is_added_at_a_start() {
        let mut brakes = Brakes::default();
        let dead = verdict(Outcome::Hard, Category::UnknownRecipient);
        send(&mut brakes, CAMPAIGN, "gmx", 300, &Verdict::accepted());
        send(&mut brakes, CAMPAIGN, "gmx", 10, &dead);
        let count = |attempted, hard| {
            vec![(
                Some("gmx".to_owned()),
                DayCount { attempted, accepted: attempted - hard, hard, ..DayCount::default() },
            )]
        };
        brakes.counted_by_ledger(CAMPAIGN, count(310, 10));
        let mut brakes = killed(brakes);
        brakes.recount(CAMPAIGN, WorkspaceId::FIRST, &count(315, 14), at(2));
        let trips = send(&mut brakes, CAMPAIGN, "gmx", 3, &dead);
        let says = |trips: &[(Trip, Whom)], what: &str| trips.iter().any(|(trip, _)| trip.why().contains(what));
        assert!(!says(&trips, "it stops at 5 %)."), "17 of 318: too few yet: {trips:?}");
        let trips = send(&mut brakes, CAMPAIGN, "gmx", 3, &dead);
        assert!(says(&trips, "20 of 321 tried"), "{trips:?}");
    }

    #[test]
    fn complaints_count_where_their_mail_did() {
        let mut brakes = Brakes::default();
        let groups = Groups { provider: Some("yahoo"), ..Groups::default() };
        let sent = |brakes: &mut Brakes, campaign| send(brakes, campaign, "yahoo", 1_000, &Verdict::accepted());
        let complain = |brakes: &mut Brakes, campaign, count: u32, sent_at| {
            let about = |_| brakes.complained((campaign, WorkspaceId::FIRST), &groups, sent_at);
            (0..count)
                .flat_map(about)
                .map(|(trip, whom)| (matches!(trip, Trip::Rates { .. }), whom))
                .collect::<Vec<_>>()
        };
        sent(&mut brakes, CAMPAIGN);
        assert_eq!(complain(&mut brakes, Some(OTHER), 2, at(1)), [], "nothing of that campaign was counted");
        let paused = complain(&mut brakes, Some(CAMPAIGN), 5, at(1));
        let both = [(true, Whom::Workspace(WorkspaceId::FIRST)), (true, Whom::Campaign(CAMPAIGN))];
        assert_eq!(paused, both, "the workspace had seven of a thousand first");
        brakes.answered(CAMPAIGN, WorkspaceId::FIRST, Some(at(5)));
        let mut brakes = killed(brakes);
        sent(&mut brakes, CAMPAIGN);
        assert_eq!(complain(&mut brakes, Some(CAMPAIGN), 9, at(3)), [], "that has been answered for");
        assert_eq!(complain(&mut brakes, None, 9, at(1) - Duration::from_secs(30 * 3_600)), [], "of another day");
    }

    #[test]
    fn complaints_that_came_while_nobody_sent_are_found_at_a_start() {
        let mut brakes = Brakes::default();
        send(&mut brakes, CAMPAIGN, "yahoo", 1_000, &Verdict::accepted());
        let count = |complained| {
            let count = DayCount { attempted: 1_000, accepted: 1_000, complained, ..DayCount::default() };
            vec![(Some("yahoo".to_owned()), count)]
        };
        brakes.counted_by_ledger(CAMPAIGN, count(0));
        let mut brakes = killed(brakes);
        let trips = brakes.recount(CAMPAIGN, WorkspaceId::FIRST, &count(5), at(3_000));
        assert!(matches!(&trips[..], [(Trip::Rates { .. }, Whom::Campaign(CAMPAIGN))]), "{trips:?}");
    }

    #[test]
    fn a_reason_counts_once_and_is_remembered() {
        let mut brakes = Brakes::default();
        let dead = verdict(Outcome::Hard, Category::UnknownRecipient);
        send(&mut brakes, CAMPAIGN, "gmx", 400, &Verdict::accepted());
        assert!(send(&mut brakes, CAMPAIGN, "gmx", 30, &dead).len() > 1);
        assert!(!brakes.answered(CAMPAIGN, WorkspaceId::FIRST, None));
        assert!(brakes.answered(CAMPAIGN, WorkspaceId::FIRST, Some(at(5))));
        let mut brakes = killed(brakes);
        assert!(
            !brakes.answered(CAMPAIGN, WorkspaceId::FIRST, Some(at(5))),
            "a second pause and resume change nothing"
        );
        send(&mut brakes, CAMPAIGN, "gmx", 400, &Verdict::accepted());
        assert!(send(&mut brakes, CAMPAIGN, "gmx", 30, &dead).len() > 1, "measured anew, it trips anew");
    }

    #[test]
    fn short_campaigns_that_are_over_add_up_for_their_workspace() {
        let mut brakes = Brakes::default();
        let dead = verdict(Outcome::Hard, Category::UnknownRecipient);
        let mut trips = Vec::new();
        for id in 1..=2 {
            send(&mut brakes, CampaignId(id), "gmx", 138, &Verdict::accepted());
            trips = send(&mut brakes, CampaignId(id), "gmx", 12, &dead);
            brakes.forget(CampaignId(id));
            assert!(brakes.has_changed(), "its workspace is yet to be written down");
            brakes = killed(brakes);
        }
        let stopped = |(trip, whom): &(Trip, Whom)| {
            matches!(trip, Trip::Rates { .. }) && *whom == Whom::Workspace(WorkspaceId::FIRST)
        };
        assert!(trips.iter().any(stopped), "{trips:?}");
    }

    #[test]
    fn a_workspace_stays_stopped_until_somebody_gives_a_reason() {
        let mut brakes = Brakes::default();
        let dead = verdict(Outcome::Hard, Category::UnknownRecipient);
        send(&mut brakes, CAMPAIGN, "gmx", 400, &Verdict::accepted());
        assert_eq!(brakes.workspace_stopped(WorkspaceId::FIRST), None);
        send(&mut brakes, CAMPAIGN, "gmx", 30, &dead);
        brakes.forget(CAMPAIGN);
        let mut brakes = killed(brakes);
        let (why, _) = brakes.workspace_stopped(WorkspaceId::FIRST).unwrap();
        assert!(why.contains("over all campaigns of this workspace"), "{why}");
        assert!(!brakes.answered(OTHER, WorkspaceId::FIRST, None));
        assert!(brakes.workspace_stopped(WorkspaceId::FIRST).is_some(), "resumed without a reason");
        assert!(brakes.answered(OTHER, WorkspaceId::FIRST, Some(at(5))));
        assert_eq!(brakes.workspace_stopped(WorkspaceId::FIRST), None);
        brakes.forget(OTHER);
        send(&mut brakes, CAMPAIGN, "gmx", 400, &Verdict::accepted());
        send(&mut brakes, CAMPAIGN, "gmx", 30, &dead);
        assert!(
            brakes.answered(OTHER, WorkspaceId::FIRST, Some(at(5))),
            "forgotten, it comes back with its old answer"
        );
        assert!(brakes.workspace_stopped(WorkspaceId::FIRST).is_some(), "which answers for nothing that came later");
    }

    #[test]
    fn who_fared_worst_is_found_at_a_stop_and_remembered_until_the_next() {
        let mut brakes = Brakes::default();
        let gmx = Group::Provider("gmx".to_owned());
        brakes.stopped(CAMPAIGN, None);
        assert!(!brakes.is_stopped_again(CAMPAIGN), "the first time a reason is enough");
        brakes.stopped(CAMPAIGN, None);
        assert!(brakes.is_stopped_again(CAMPAIGN) && !brakes.is_stopped_again(OTHER));
        brakes.fared_worst(CAMPAIGN, Some(gmx.clone()));
        assert!(brakes.has_changed());
        let mut brakes = killed(brakes);
        assert_eq!(brakes.kept.fared_worst(CAMPAIGN), Some(&gmx));
        brakes.stopped(CAMPAIGN, Some(gmx));
        assert!(!brakes.is_stopped_again(CAMPAIGN), "somebody stands out now");
        assert_eq!(brakes.kept.fared_worst(CAMPAIGN), None);
    }

    #[test]
    fn what_is_over_is_forgotten_and_the_rest_is_bounded() {
        let mut brakes = Brakes::default();
        brakes.sample_is_over(CAMPAIGN);
        send(&mut brakes, OTHER, "gmx", 1, &Verdict::accepted());
        brakes.forget(OTHER);
        assert!(brakes.has_changed() && brakes.is_sample_over(CAMPAIGN));
        assert!(brakes.take_changed().is_empty() && !brakes.has_changed());
        for id in 10..1_000 {
            brakes.sample_is_over(CampaignId(id));
        }
        let brakes = killed(brakes);
        assert_eq!(brakes.kept.campaigns.len(), CAMPAIGNS_REMEMBERED_MAX);
        assert!(brakes.is_sample_over(CampaignId(999)) && !brakes.is_sample_over(CAMPAIGN));
    }
}
