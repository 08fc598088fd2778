//! What the scheduler remembers for later runs and tells to people: learned limits, rests, holds, the state of lanes.

use super::Scheduler;
use crate::alerts::About;
use crate::delisting;
use crate::fleet::{LISTED, LISTED_REST, Rest};
use crate::house::House;
use crate::lane::{Lane, LaneId};
use crate::lanes::{self, BudgetView, HeldView, LaneView, OwnCeilings, Shown};
use crate::note::Note;
use crate::offers::Refused;
use crate::pacer::PacerKey;
use crate::remembered;
use crate::trial;
use dispatch::alert::Turn;
use dispatch::brakes::Decision;
use dispatch::pace::{Change, Limit, Memory, clock};
use model::{Actor, AlertKind, CampaignId, EventKind, SkipReason, Timestamp, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{CeilingOf, Listing, StoreError, VolumeOf};

/// What was learned is written down at most this often; a kill forgets no more than that.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// Conversations are kept for so long (`defaults.md`).
const TRANSCRIPTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Transcripts that are forgotten at once.
const FORGOTTEN_AT_ONCE: usize = 1_000;

/// What was learned in earlier runs. A text of another version is passed over: it is learned again.
pub(super) async fn read_memories(house: &House) -> Result<BTreeMap<PacerKey, Memory>, StoreError> {
    let kept = house.store.lane_memories().await?;
    let read = |one: store::LaneMemory| Some(((one.source, one.site), serde_json::from_str(&one.memory).ok()?));
    Ok(kept.into_iter().filter_map(read).collect())
}

/// Is it time to write down what nobody waits for? Not while nothing can be recorded: whoever writes then tries again and
/// again until there is room, and hears nobody meanwhile.
fn is_time(since: Duration, every: Duration, is_ledger_in_trouble: bool) -> bool {
    since >= every && !is_ledger_in_trouble
}

impl Scheduler {
    /// A pacer learned something: it is told now and written down soon.
    pub(super) async fn learned(&mut self, lane: LaneId, changes: Vec<Change>) -> Result<(), StoreError> {
        let Some(lane) = self.lane_at(lane).cloned() else { return Ok(()) };
        lane.pacer.named(lane.name());
        if let Some(memory) = lane.pacer.take_unwritten() {
            self.unwritten.insert(lane.pacer.key, (Some(lane.name()), memory));
        }
        let rest = self.house.fleet.rest(lane.id.source, lane.operator(), self.house.now());
        for mut change in changes {
            // Where others take its place, the source stays away for longer than the lane by itself would.
            if change.limit == Limit::Rest {
                change.next_probe = change.next_probe.max(rest.as_ref().map(|rest| rest.until));
            }
            let says = change.to_string();
            let detail = format!("{} by {}: {says}", lane.name(), lane.source().name);
            self.tell(EventKind::LimitLearned, None, detail).await?;
            self.house.note(Note::Learned { site: lane.name(), says });
        }
        Ok(())
    }

    /// A server refused what it offers: it is told, and remembered.
    pub(super) async fn offer_refused(&mut self, lane: LaneId, refused: &Refused) -> Result<(), StoreError> {
        let Some(lane) = self.lane_at(lane).cloned() else { return Ok(()) };
        let says = refused.told_at(self.house.now());
        let detail = format!("{} by {}: {says}", lane.name(), lane.source().name);
        self.tell(EventKind::LimitLearned, None, detail).await?;
        self.house.note(Note::Learned { site: lane.name(), says });
        self.house.remember().await
    }

    /// Writes down what was learned.
    pub(super) async fn write_down(&mut self, all: bool) -> Result<(), StoreError> {
        let now = self.house.now();
        let is_in_trouble = self.house.gate.is_ledger_in_trouble();
        if all || is_time(now.since(self.counted_at), WRITE_EVERY, is_in_trouble) {
            self.counted_at = now;
            // The age of limits moves without a word, and is written at the end; so does the number of a day, which is written
            // now and then where it is counted against a limit.
            for (key, pacer) in &self.pacers {
                let memory = if all { Some(pacer.memory()) } else { pacer.take_unwritten() };
                let Some(memory) = memory else { continue };
                let lane = self.sharing.get(key).and_then(|sharers| self.lane_at(*sharers.first()?));
                let name = lane.map(|lane| lane.name()).or_else(|| pacer.site_name());
                self.unwritten.insert(*key, (name, memory));
            }
        }
        let is_time = all || is_time(now.since(self.written_at), WRITE_EVERY, is_in_trouble);
        if self.unwritten.is_empty() || !is_time {
            return Ok(());
        }
        self.written_at = now;
        let learned = std::mem::take(&mut self.unwritten).into_iter().map(|((source, site), (name, memory))| {
            let text = memory.and_then(|memory| lanes::written(&memory, name));
            (source, site, text)
        });
        let (house, learned) = (&self.house, learned.collect::<Vec<_>>());
        house.until_recorded(|| house.store.keep_lane_memories(learned.clone(), now)).await
    }

    /// Writes down how the brakes stand, if they counted anything and it is time.
    pub(super) async fn write_down_brakes(&mut self, all: bool) -> Result<(), StoreError> {
        let now = self.house.now();
        let (since, is_in_trouble) = (now.since(self.brakes_written_at), self.house.gate.is_ledger_in_trouble());
        let is_time = all || is_time(since, remembered::WRITE_EVERY, is_in_trouble);
        if !is_time || !self.house.brakes().has_changed() {
            return Ok(());
        }
        self.brakes_written_at = now;
        self.house.remember().await
    }

    /// A source is listed at a provider: others take its place there if there are any, and somebody is told.
    pub(super) async fn rests(&mut self, lane: LaneId, why: &str) -> Result<(), StoreError> {
        let Some(lane) = self.lane_at(lane).cloned() else { return Ok(()) };
        let now = self.house.now();
        // Where nobody can take its place, the lane's own hold is all there is: it tries again as that says.
        let others = self.campaigns.keys().any(|campaign| self.house.has_other_source(&lane, *campaign));
        let until = if others { now + LISTED_REST } else { now };
        let rest = Rest { until, why: format!("{LISTED}{why}"), site: Some(lane.name()) };
        if !self.house.fleet.rest_from(lane.id.source, lane.operator(), rest, now) {
            return Ok(());
        }
        let (name, at) = (lane.source().name.clone(), lane.name());
        let listing = Listing { source: name.clone(), site: at.clone() };
        let told = delisting::told(&listing, others, why);
        let command = delisting::command(&name, lane.provider().map_or(&at, |provider| &provider.key));
        let detail = format!("{told}: postroom {command}");
        self.tell(EventKind::SourceRested, None, detail.clone()).await?;
        let shown = format!("{told} {}", delisting::BY_BUTTON);
        self.house.alarm(About::listed(listing), Turn::Happened(shown));
        self.house.note(Note::SourceRests { source: name, site: at, why: why.to_owned(), says: detail });
        self.redeal(lane.id).await;
        self.house.remember().await
    }

    /// Nothing goes through a source: others take its place if there are any, and somebody is told.
    pub(super) async fn source_down(&mut self, lane: LaneId, why: &str) -> Result<(), StoreError> {
        let Some(lane) = self.lane_at(lane).cloned() else { return Ok(()) };
        let others = self.campaigns.keys().any(|campaign| self.house.has_other_source(&lane, *campaign));
        let rest = if others { "others take its place" } else { "its mail waits, and nobody is charged for it" };
        let detail = format!("{} cannot send: {why}. It is tried again until it works; {rest}", lane.source().name);
        self.tell(EventKind::SourceRested, None, detail.clone()).await?;
        let name = lane.source().name.clone();
        self.alarm(AlertKind::SourceDown, None, Some(&name), Turn::Happened(detail.clone()));
        let (site, why) = ("everybody".to_owned(), why.to_owned());
        self.house.note(Note::SourceRests { source: name, site, why, says: detail });
        Ok(())
    }

    /// Tells the alarm desk: of a campaign it is its workspace's trouble, anything else the machine's.
    pub(super) fn alarm(&self, kind: AlertKind, campaign: Option<CampaignId>, subject: Option<&str>, turn: Turn) {
        let workspace = campaign.and_then(|campaign| self.house.mailing(campaign)).map(|mailing| mailing.workspace);
        let subject = campaign.map(|campaign| campaign.to_string()).or_else(|| subject.map(str::to_owned));
        let workspace = workspace.unwrap_or(WorkspaceId::FIRST);
        let about = About { workspace, ..About::house(kind, subject.unwrap_or_default()) };
        self.house.alarm(about, turn);
    }

    /// A day's budget is spent; what is over it waits for the next day, or goes by another source.
    pub(super) async fn budget_spent(
        &mut self,
        lane: LaneId,
        of: VolumeOf,
        until: Timestamp,
        why: String,
    ) -> Result<(), StoreError> {
        let Some(lane) = self.lane_at(lane).cloned() else { return Ok(()) };
        let whose = match of {
            VolumeOf::Source(_) => format!("{} toward {}", lane.source().name, lane.name()),
            VolumeOf::Domain(_) => "the sending domain".to_owned(),
            VolumeOf::Workspace(_) => "the workspace".to_owned(),
        };
        let opens = clock(until, self.house.now());
        let detail = format!("today's budget of {whose} is spent, the next opens {opens} UTC: {why}");
        self.tell(EventKind::BudgetSpent, None, detail.clone()).await?;
        self.house.note(Note::Warned { why: detail });
        Ok(())
    }

    /// What waits in a lane is dealt again among the other sources.
    pub(super) async fn redeal(&mut self, id: LaneId) {
        let Some(lane) = self.lane_at(id) else { return };
        let rows = lane.drain();
        self.hungry.insert(id.site);
        self.assign(id.site, rows).await;
    }

    /// Holds were placed, lifted, or have ended. One that was placed costs the same here whatever the number of lanes: each
    /// of them finds out when its turn comes ([`crate::ready::unless_stopped`]). What one covered that is over is read again.
    pub(super) async fn holds_changed(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        let active = self.house.until_read(|| self.house.store.holds(Some(now))).await?;
        self.house.holds.replace(active);
        let over = self.house.holds.take_over();
        self.holds_end_at = self.house.holds.next_end(now);
        let covered = |campaign: &CampaignId| over.iter().any(|hold| hold.campaign.is_none_or(|one| one == *campaign));
        for campaign in self.campaigns.keys().copied().filter(covered).collect::<Vec<CampaignId>>() {
            self.sites_for_holds += self.sites.len() as u64;
            self.deactivate(campaign);
            self.activate(campaign).await?;
        }
        Ok(())
    }

    /// A campaign is taken up: is there still a point in it, and may its workspace send? `false`: it has expired and is
    /// over, or it is paused because nobody has answered yet for what stopped its workspace.
    pub(super) async fn begin(&mut self, campaign: CampaignId) -> Result<bool, StoreError> {
        let now = self.house.now();
        let stale = self.house.terms.expires_at(campaign).is_some_and(|at| at <= now);
        if stale {
            self.expire(campaign).await?;
            return Ok(false);
        }
        let workspace = self.house.mailing(campaign).map(|mailing| mailing.workspace);
        let stopped = workspace.and_then(|workspace| self.house.brakes().workspace_stopped(workspace));
        if let Some((why, worst)) = stopped {
            self.stop_for(campaign, worst, why).await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Who of an expired campaign was not under way is skipped: the offer is stale. Those whose conversation is open
    /// are settled by it.
    async fn expire(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        let (house, now) = (self.house.clone(), self.house.now());
        if house.gate.ended(campaign).await.is_some() {
            return Ok(());
        }
        house.gate.end(campaign, SkipReason::Stale).await;
        self.deactivate(campaign);
        self.campaigns.insert(campaign, super::Campaign::default());
        let under_way = house.outstanding.all();
        let skip = || house.store.skip_remaining(campaign, SkipReason::Stale, &under_way, &Actor::Engine, now);
        house.until_recorded(skip).await.map(drop)
    }

    /// What time or a verdict may have changed about campaigns: canaries that are judged, offers that are stale.
    pub(super) async fn look_at_terms(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        for (campaign, decision) in self.house.terms.decide_canaries(now) {
            self.house.brakes().sample_is_over(campaign);
            match decision {
                Decision::Go { why } => {
                    self.tell(EventKind::CanaryEnded, Some(campaign), why.clone()).await?;
                    self.house.note(Note::CanaryEnded { campaign, why });
                    self.deactivate(campaign);
                    self.activate(campaign).await?;
                }
                // The rates of the campaign may have stopped it by the same verdict: it is one stop.
                Decision::Stop { worst, why } if self.campaigns.contains_key(&campaign) => {
                    self.stop_for(campaign, worst, why).await?;
                }
                Decision::Stop { why, .. } => self.pause(campaign, why).await?,
                Decision::Wait { .. } => {}
            }
            self.house.remember().await?;
        }
        self.look_at_trials().await?;
        let stale = |campaign: &CampaignId| self.house.terms.expires_at(*campaign).is_some_and(|at| at <= now);
        for campaign in self.campaigns.keys().copied().filter(stale).collect::<Vec<_>>() {
            self.expire(campaign).await?;
        }
        Ok(())
    }

    /// Comparisons of variants: is the sample out, and are people's days to act over?
    async fn look_at_trials(&mut self) -> Result<(), StoreError> {
        let (house, now) = (self.house.clone(), self.house.now());
        for campaign in house.terms.trials_going_out() {
            let Some(workspace) = house.mailing(campaign).map(|mailing| mailing.workspace) else { continue };
            if house.until_read(|| trial::is_out(&house.store, workspace, campaign)).await? {
                let at = house.until_recorded(|| house.store.note_trial_out(campaign, now)).await?;
                house.terms.with_trial(campaign, |under_way| under_way.out_at = Some(at));
            }
        }
        for campaign in house.terms.trials_due(now) {
            let concluded = house.until_recorded(|| trial::conclude(&house.store, campaign, now)).await?;
            let Some((why, is_chosen)) = concluded else {
                self.look_at_choice(campaign).await?;
                continue;
            };
            house.note(Note::TrialJudged { campaign, why });
            match is_chosen {
                true => self.release(campaign).await?,
                false => house.terms.with_trial(campaign, |under_way| under_way.is_asked = true),
            }
        }
        Ok(())
    }

    /// Has somebody chosen a variant?
    pub(super) async fn look_at_choice(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        let house = self.house.clone();
        let Some(mailing) = house.mailing(campaign).filter(|_| house.terms.has_trial(campaign)) else { return Ok(()) };
        let trial = house.until_read(|| house.store.trial(mailing.workspace, campaign)).await?;
        match trial.is_none_or(|trial| trial.winner.is_some()) {
            true => self.release(campaign).await,
            false => Ok(()),
        }
    }

    /// A variant is chosen: everybody else may go.
    async fn release(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        if self.house.terms.end_trial(campaign) && self.campaigns.contains_key(&campaign) {
            self.deactivate(campaign);
            self.activate(campaign).await?;
        }
        Ok(())
    }

    /// Forgets conversations, and what is told of opens and clicks, when they are old enough; once a day.
    pub(super) async fn forget_conversations(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        if self.forgot_at.is_some_and(|at| at.day() == now.day()) {
            return Ok(());
        }
        self.forgot_at = Some(now);
        let before = now - TRANSCRIPTS_KEPT;
        let house = &self.house;
        let forget = || house.store.forget_old_transcripts(before, FORGOTTEN_AT_ONCE);
        while house.until_recorded(forget).await? >= FORGOTTEN_AT_ONCE {}
        while house.until_recorded(|| house.store.forget_old_hits(now)).await? {}
        while house.until_recorded(|| house.store.forget_old_messages(now)).await? {}
        Ok(())
    }

    /// Writes an event of the engine's own.
    pub(super) async fn tell(
        &self,
        kind: EventKind,
        campaign: Option<CampaignId>,
        detail: String,
    ) -> Result<(), StoreError> {
        let now = self.house.now();
        let house = &self.house;
        let note = || {
            let detail = Some(detail.clone());
            house.store.note(WorkspaceId::FIRST, kind, campaign, detail, &Actor::Engine, now)
        };
        house.until_recorded(note).await
    }

    /// Every lane, as it stands.
    pub(super) fn show(&self) -> Shown {
        let nowhere = self.campaigns.keys().copied().filter(|campaign| self.no_way(*campaign).is_some()).collect();
        let mut lanes = self.lanes_now();
        lanes.extend(self.at_rest(&lanes));
        // People's own clocks are looked at one by one: only where no lane tells more.
        let (terms, now, by_person) = (&self.house.terms, self.house.now(), lanes.is_empty());
        let closed = self.campaigns.keys().copied().filter(|one| terms.may_be_closed(*one, by_person, now)).collect();
        let busy: BTreeSet<WorkspaceId> =
            self.sites.values().flat_map(|entry| entry.lanes.values()).flat_map(|lane| lane.workspaces()).collect();
        let is_idle =
            |campaign: &CampaignId| self.house.mailing(*campaign).is_some_and(|one| !busy.contains(&one.workspace));
        let idle = self.campaigns.keys().copied().filter(is_idle).collect();
        Shown { lanes, samples_out: terms.samples_out(), nowhere, closed, idle }
    }

    /// Sources that rest toward somebody to whom they have no lane now.
    fn at_rest(&self, lanes: &[LaneView]) -> Vec<LaneView> {
        let (fleet, now) = (&self.house.fleet, self.house.now());
        let ways = fleet.ways();
        let rests = fleet.rests(now).into_iter().filter_map(|(source, operator, rest)| {
            let name = &ways.source(source)?.name;
            let has_lane = lanes.iter().any(|lane| lane.source == *name && lane.operator == operator);
            (!has_lane).then(|| lanes::at_rest(name, operator, rest))
        });
        rests.collect()
    }

    fn lanes_now(&self) -> Vec<LaneView> {
        let now = self.house.now();
        let lanes = self.sites.values().flat_map(|entry| entry.lanes.values().map(move |lane| (entry, lane)));
        lanes
            .map(|(entry, lane)| {
                let flow_held =
                    entry.flows.values().filter_map(|flow| flow.held.clone()).min_by_key(|(until, _)| *until);
                let flow_held = flow_held.filter(|(until, _)| *until > now && lane.is_empty());
                let own = lane
                    .held(now)
                    .map(|hold| HeldView { until: hold.until, why: lanes::rule_in_words(hold.category, &hold.rule) });
                let rest = self.house.fleet.rest(lane.id.source, lane.operator(), now);
                let rest = rest.map(|rest| HeldView { until: rest.until, why: rest.why });
                let held = [own, rest].into_iter().flatten().max_by_key(|held| held.until);
                self.view(lane, held.or(flow_held.map(|(until, why)| HeldView { until, why })), now)
            })
            .collect()
    }

    fn view(&self, lane: &Lane, held: Option<HeldView>, now: Timestamp) -> LaneView {
        let theirs = lane.workspaces().into_iter().map(CeilingOf::Workspace);
        let of = std::iter::once(CeilingOf::Source(lane.id.source)).chain(theirs);
        let ceilings: Vec<_> = of.filter_map(|of| self.house.throttles.told(of, now)).collect();
        let budget = self.house.budgets.today(lane.id.source, lane.operator(), now);
        let budget = budget.map(|(today, spent, why)| BudgetView { today, spent, why });
        let held = held.map(|held| lanes::with_reason(held, super::NO_WAY_OUT, &ceilings, budget.as_ref()));
        let rest = self.house.fleet.rest(lane.id.source, lane.operator(), now);
        let listed = lane.pacer.is_listed(now) || rest.is_some_and(|rest| rest.is_listing());
        let own = OwnCeilings {
            provider: lane.provider().map(|provider| provider.name.clone()),
            reached: lane.pacer.at_ceiling(now).filter(|_| !lane.is_empty()),
        };
        let limits = lanes::limits_of((lane.pacer.limits_in_force(now), own), ceilings, now);
        let (last_minute, last_minute_s) = lane.last_minute(now);
        LaneView {
            source: lane.source().name.clone(),
            site: lane.name(),
            provider: lane.provider().map(|provider| provider.key.clone()),
            operator: lane.operator().to_owned(),
            open: lane.open(),
            last_minute,
            last_minute_s,
            waiting: lane.len() as u64,
            limits: lanes::with_one_end(limits, held.as_ref()),
            held,
            listed,
            budget,
            unauthenticated: lane.unauthenticated(),
            refused_since: lane.refused_since(),
            without: lanes::without(self.house.offers.at(&lane.hosts(), now), now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_is_written_down_now_and_then_and_not_while_nothing_can_be_recorded() {
        assert!(is_time(WRITE_EVERY, WRITE_EVERY, false));
        assert!(!is_time(WRITE_EVERY - Duration::from_millis(1), WRITE_EVERY, false));
        assert!(!is_time(WRITE_EVERY * 100, WRITE_EVERY, true));
    }
}
