//! Variants of a message: what an author chose to compare, and what comes of it.
//!
//! The message itself is variant A. On a sample of the audience each variant goes to its part; when nearly all of them have a
//! first verdict, people get the stated time to act; then clicks of people (machines do not judge), or a goal that another
//! system tells, are compared ([`dispatch::trial`]), and everybody else gets the better one, or what a person chooses. Invariant:
//! the choice is durable before anybody of the rest is read, so that a process that dies in between loses and doubles nobody.

use crate::launch::{self, MessageFile, Own, Snapshot};
use crate::notice::Notice;
use crate::options::TrackingMode;
use crate::report::iso_or_null;
use crate::{Handle, SendError};
use dispatch::brakes;
use dispatch::trial::{Arm, Finding, Judgement, Undecided, choose, difference, judge, letter};
use mail::compose::{Compiled, LINKS_MAX, LinkOptions};
use model::{Actor, CampaignId, DeliveryState, ReactionKind, Tally, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::trial::{VARIANTS_MAX, WHOLE};
use store::{Campaign, NewTrial, Portion, Settling, Store, StoreError, Trial};

/// The longest time that people are given to act, in minutes: two weeks.
pub const WAIT_MINUTES_MAX: u32 = 14 * 24 * 60;

/// What is said of a comparison that measures nothing.
pub const NOTHING_COUNTED: &str = "Nothing is counted that could be compared.";

/// Why a variant was chosen, where nobody said why.
pub const CHOSEN_BY_HAND: &str = "chosen by hand";

/// What an author chose to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The variants beside the message itself: B, C, …
    pub variants: Vec<Variant>,
    /// On how many they are compared.
    pub sample: Size,
    /// For how long people may act, from when the sample is out; in minutes.
    pub wait_minutes: u32,
    /// What counts.
    pub measure: Measure,
    /// A person chooses, whatever the figures say.
    #[serde(default)]
    pub asks: bool,
    /// What is done when there is no difference.
    #[serde(default)]
    pub undecided: Undecided,
}

/// What a variant says that the message does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The subject, in place of every other.
    #[serde(default)]
    pub subject: Option<String>,
    /// What mail programs show behind the subject, in place of every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preheader: Option<String>,
    /// The name that stands before the sender's address, in place of every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// The whole message, in place of the first.
    #[serde(default)]
    pub file: Option<MessageFile>,
}

/// How large a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// So many percent of the audience.
    Percent(u8),
    /// So many people.
    People(u32),
}

/// What counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// People who followed a link themselves.
    Clicks,
    /// People of whom another system tells this.
    Goal(String),
}

impl Measure {
    fn did(&self) -> &str {
        match self {
            Measure::Clicks => "clicked",
            Measure::Goal(name) => name,
        }
    }
}

impl Comparison {
    /// Refused, in words: nothing to compare, a sample of nobody, no time or too much of it, figures that choose by clicks
    /// that are not counted.
    pub fn check(&self, tracking: TrackingMode) -> Result<(), SendError> {
        let refuse = |why: String| Err(SendError::Input(why));
        if self.variants.is_empty() || self.variants.len() >= usize::from(VARIANTS_MAX) {
            return refuse(format!("a message is compared with 1 to {} others", VARIANTS_MAX - 1));
        }
        if self.variants.iter().any(|variant| *variant == Variant::default()) {
            return refuse(
                "every variant needs a subject, a preheader, a sender's name or a message of its own".to_owned(),
            );
        }
        if matches!(self.sample, Size::Percent(0 | 101..) | Size::People(0)) {
            return refuse("the sample is 1 to 100 percent of the audience, or a number of people".to_owned());
        }
        if !(1..=WAIT_MINUTES_MAX).contains(&self.wait_minutes) {
            return refuse(format!("people get 1 to {WAIT_MINUTES_MAX} minutes to act"));
        }
        match &self.measure {
            Measure::Clicks if !self.counts(tracking) && !self.asks => refuse(
                "clicks can be compared only where each recipient's are counted: count them, or let a person choose"
                    .to_owned(),
            ),
            Measure::Goal(name) if name.is_empty() || name.len() > store::reaction::NAME_BYTES_MAX => {
                refuse(format!("the name of a goal has 1 to {} octets", store::reaction::NAME_BYTES_MAX))
            }
            Measure::Clicks | Measure::Goal(_) => Ok(()),
        }
    }

    /// Is what is measured counted, so that figures can say anything? Else a person chooses without them.
    pub fn counts(&self, tracking: TrackingMode) -> bool {
        match &self.measure {
            Measure::Clicks => tracking == TrackingMode::Full,
            Measure::Goal(_) => true,
        }
    }

    /// What the figures show, in words.
    fn says(&self, tracking: TrackingMode, arms: &[Arm], judgement: &Judgement) -> String {
        match self.counts(tracking) {
            true => judgement.told(arms, self.measure.did()),
            false => NOTHING_COUNTED.to_owned(),
        }
    }

    /// How many variants there are, the message itself among them.
    pub(crate) fn len(&self) -> u8 {
        u8::try_from(1 + self.variants.len()).unwrap_or(VARIANTS_MAX)
    }

    /// As the ledger splits an audience.
    pub(crate) fn split(&self) -> NewTrial {
        let sample = match self.sample {
            Size::Percent(percent) => Portion::Share(u32::from(percent.clamp(1, 100)) * (WHOLE / 100)),
            Size::People(people) => Portion::People(people.max(1)),
        };
        NewTrial { variants: self.len(), sample }
    }

    /// How many of so many `people` get each variant, A first, and how many wait for the choice, if so many `first` ones go
    /// before the others for the sake of reputation.
    pub fn dealt(&self, people: u64, first: u64) -> (Vec<u64>, u64) {
        let parts = self.split().parts(people, first);
        let rest = people.saturating_sub(parts.iter().sum());
        (parts, rest)
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(u64::from(self.wait_minutes) * 60)
    }
}

/// What a variant is called beside the message itself, which needs no name.
pub(crate) fn letter_beside(variant: u8) -> Option<char> {
    (variant > 0).then(|| letter(variant.into()))
}

impl Snapshot {
    /// How many variants of the message there are.
    pub(crate) fn variants(&self) -> u8 {
        self.trial.as_ref().map_or(1, Comparison::len)
    }

    /// A variant of the message, compiled against the audience's columns: its links have numbers of their own.
    pub(crate) fn compile_variant(&self, name: &str, variant: u8) -> Result<Compiled, SendError> {
        let links = LinkOptions { after: self.links_before(variant), ..self.options.tracking.links() };
        let compiled = self.of_variant(variant).compile_with(name, links, self.own(variant));
        match (compiled, letter_beside(variant)) {
            (Err(SendError::Message { file, why }), Some(letter)) => {
                Err(SendError::Message { file, why: format!("variant {letter}: {why}") })
            }
            (compiled, _) => compiled,
        }
    }

    /// The campaign as if there were no other variant.
    pub(crate) fn of_variant(&self, variant: u8) -> Snapshot {
        let mut snapshot = self.clone();
        let name = self.other(variant).and_then(|variant| variant.from_name.as_deref());
        if let Some((name, from)) = name.zip(launch::parse_mailbox(&self.options.from).ok()) {
            snapshot.options.from = format!("{name} <{}>", from.address);
        }
        if let Some(file) = self.other(variant).and_then(|variant| variant.file.clone()) {
            let reply_to = file.parts.reply_to.clone().or(self.file.parts.reply_to.clone());
            snapshot.file = MessageFile { parts: launch::Parts { reply_to, ..file.parts }, ..file };
        }
        snapshot
    }

    /// What a variant says in place of whatever the message says.
    pub(crate) fn own(&self, variant: u8) -> Own {
        let other = self.other(variant).cloned().unwrap_or_default();
        Own { subject: other.subject, preheader: other.preheader }
    }

    fn other(&self, variant: u8) -> Option<&Variant> {
        self.trial.as_ref()?.variants.get(usize::from(variant.checked_sub(1)?))
    }

    /// Variants without a message of their own share the links of the first.
    fn links_before(&self, variant: u8) -> u16 {
        let has_own = |at: u8| self.other(at).is_some_and(|variant| variant.file.is_some());
        let messages = if has_own(variant) { (1..=variant).filter(|at| has_own(*at)).count() } else { 0 };
        u16::try_from(messages * LINKS_MAX).unwrap_or(u16::MAX)
    }
}

/// A comparison under way, as the run remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnderWay {
    wait: Duration,
    /// Since when nearly all of the sample have a first verdict.
    pub(crate) out_at: Option<Timestamp>,
    /// It was judged, and a person is asked.
    pub(crate) is_asked: bool,
}

impl UnderWay {
    /// Of a campaign that is taken up; `None`: it compares nothing, or not any more.
    pub(crate) async fn of(
        store: &Store,
        campaign: &Campaign,
        snapshot: &Snapshot,
    ) -> Result<Option<UnderWay>, StoreError> {
        let Some(chosen) = &snapshot.trial else { return Ok(None) };
        let Some(trial) = store.trial(campaign.workspace, campaign.id).await? else { return Ok(None) };
        let under_way = UnderWay { wait: chosen.wait(), out_at: trial.out_at, is_asked: trial.judged_at.is_some() };
        Ok(trial.winner.is_none().then_some(under_way))
    }

    /// When it is judged, if that is known.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.out_at.filter(|_| !self.is_asked).map(|at| at + self.wait)
    }
}

/// How many would get each variant of a draft, A first, and how many would wait for the choice, if it began now; `None`: it
/// compares nothing. Of the audience's `all` people so many would get it. Reads the whole audience where a
/// [sample that goes first](dispatch::brakes) may be larger than the one on which variants are compared.
pub async fn foretold(
    store: &Store,
    campaign: &Campaign,
    (all, people): (u64, u64),
    now: Timestamp,
) -> Result<Option<(Vec<u64>, u64)>, SendError> {
    let snapshot = launch::snapshot(campaign)?;
    let Some(compared) = snapshot.trial.clone() else { return Ok(None) };
    let (parts, rest) = compared.dealt(people, 0);
    let nobody_known = brakes::Audience { people: all, accepted_lately: 0, has_never_mailed_import: false };
    let sample = people.saturating_sub(rest);
    if brakes::sample_size(&nobody_known).is_none_or(|most| most <= sample) {
        return Ok(Some((parts, rest)));
    }
    let audience = store.audience_of(campaign.id).await?;
    let terms = (snapshot.options.transport.stakes(), campaign.kind);
    let (_, first) = launch::with_sample(store, campaign.workspace, snapshot, terms, &audience, now).await?;
    Ok(Some(compared.dealt(people, first.into())))
}

/// Have nearly all of the sample a first verdict?
pub(crate) async fn is_out(store: &Store, workspace: WorkspaceId, campaign: CampaignId) -> Result<bool, StoreError> {
    let (mut all, mut queued) = (0, 0);
    for arm in store.trial_arms(workspace, campaign).await? {
        all += arm.tally.recipients();
        queued += arm.tally.count(DeliveryState::Queued);
    }
    Ok((all - queued) * 100 >= all * dispatch::trial::OUT_PERCENT)
}

/// The goal that a campaign's variants are compared by, and until when it counts; `None`: they are not.
pub(crate) async fn goal(
    store: &Store,
    campaign: &Campaign,
    now: Timestamp,
) -> Result<Option<(String, Timestamp)>, StoreError> {
    let chosen = launch::snapshot(campaign).ok().and_then(|snapshot| snapshot.trial);
    let Some(Measure::Goal(name)) = chosen.map(|chosen| chosen.measure) else { return Ok(None) };
    let trial = store.trial(campaign.workspace, campaign.id).await?;
    Ok(trial.map(|trial| (name, trial.judged_at.unwrap_or(now))))
}

/// What the figures show now.
async fn figures(
    store: &Store,
    campaign: &Campaign,
    chosen: &Comparison,
    until: Timestamp,
) -> Result<Vec<Arm>, StoreError> {
    let arms = store.trial_arms(campaign.workspace, campaign.id).await?;
    let acted: Vec<u64> = match &chosen.measure {
        Measure::Clicks => {
            arms.iter().map(|arm| arm.people.get(&ReactionKind::Clicked).copied().unwrap_or(0)).collect()
        }
        Measure::Goal(name) => store.trial_goals(campaign.workspace, campaign.id, name.clone(), until).await?,
    };
    let people = arms.iter().map(|arm| arm.tally.count(DeliveryState::Accepted));
    Ok(people.zip(acted).map(|(people, acted)| Arm { people, acted }).collect())
}

/// Does a person choose the variant of everybody who is not in the sample?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByPerson {
    /// No; or not as far as is known before the comparison is judged.
    No,
    /// It is not judged yet, and then they will, whatever it shows.
    Later,
    /// Everybody else waits for it.
    Now,
}

/// Who chooses in a campaign, as it stands.
pub async fn by_person(store: &Store, campaign: &Campaign) -> Result<ByPerson, StoreError> {
    if !campaign.state.may_send() {
        return Ok(ByPerson::No);
    }
    let trial = store.trial(campaign.workspace, campaign.id).await?;
    let Some(trial) = trial.filter(|trial| trial.winner.is_none() && !is_everybody(trial)) else {
        return Ok(ByPerson::No);
    };
    if trial.judged_at.is_some() {
        return Ok(ByPerson::Now);
    }
    let asks = launch::snapshot(campaign).is_ok_and(|known| known.trial.is_some_and(|chosen| chosen.asks));
    Ok(if asks { ByPerson::Later } else { ByPerson::No })
}

/// Is nobody left beside the sample?
fn is_everybody(trial: &Trial) -> bool {
    trial.sample == Portion::Share(WHOLE)
}

/// Who chose a variant, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Who, as the log names them.
    pub by: String,
    /// Why, in their words; [`CHOSEN_BY_HAND`] where they said nothing.
    pub because: String,
}

/// What is kept of a choice by hand, beside what was found.
#[derive(Deserialize)]
struct Chosen {
    by_hand: ByHand,
}

/// What a comparison showed when it was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Found {
    arms: Vec<Arm>,
    judgement: Judgement,
}

/// The time is over: compares, and writes what that shows and what follows from it. In words, and whether there is a choice.
pub(crate) async fn conclude(
    store: &Store,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<Option<(String, bool)>, StoreError> {
    let Some(known) = store.campaign(campaign).await? else { return Ok(None) };
    // One that cannot be read was never taken up.
    let Ok(Snapshot { trial: Some(chosen), options, .. }) = launch::snapshot(&known) else { return Ok(None) };
    let arms = figures(store, &known, &chosen, now).await?;
    let judgement = judge(&arms);
    let winner = choose(&judgement, chosen.asks, chosen.undecided);
    let said = chosen.says(options.tracking.mode, &arms, &judgement);
    let settling = Settling {
        found: serde_json::to_string(&Found { arms, judgement }).ok(),
        winner: winner.and_then(|at| u8::try_from(at).ok()),
        said: said.clone(),
    };
    match store.settle_trial(known.workspace, campaign, settling, &Actor::Engine, now).await {
        Ok(_) => {}
        // Somebody was faster.
        Err(StoreError::Refused(_)) => return Ok(None),
        Err(why) => return Err(why),
    }
    let ending = match winner {
        Some(at) => format!("Everybody else gets {}.", letter(at)),
        None => "A person chooses what everybody else gets.".to_owned(),
    };
    Ok(Some((format!("{said} {ending}"), winner.is_some())))
}

impl Handle {
    /// A person chooses the variant that everybody gets who is not in the sample, whatever the figures say or before they
    /// say anything. Refused: no comparison, no such variant, chosen already.
    pub async fn choose_variant(
        &self,
        workspace: WorkspaceId,
        campaign: CampaignId,
        variant: u8,
        because: Option<String>,
        actor: &Actor,
    ) -> Result<Trial, StoreError> {
        let said = because.unwrap_or_else(|| CHOSEN_BY_HAND.to_owned());
        let settling = Settling { found: None, winner: Some(variant), said };
        let settled = self.store.settle_trial(workspace, campaign, settling, actor, self.clock.now()).await?;
        self.tell(Notice::Changed(campaign));
        Ok(settled)
    }
}

/// How a comparison stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The sample is being sent.
    Sending,
    /// People have time to act.
    Waiting,
    /// A person is asked which variant the rest gets.
    Asking,
    /// The rest gets the winner.
    Chosen,
}

/// A comparison in a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// How it stands.
    pub stage: Stage,
    /// What counts: `clicks`, or the name of the goal.
    pub measure: String,
    /// Whether each recipient's opens and clicks are counted: where they are not, every figure of them is 0.
    pub counted: TrackingMode,
    /// The variants, A first, with the figures of their part of the sample.
    pub variants: Vec<VariantTold>,
    /// Everybody who is not in the sample.
    pub rest: RestTold,
    /// When nearly all of the sample had a first verdict.
    #[serde(serialize_with = "iso_or_null")]
    pub out_at: Option<Timestamp>,
    /// When it is (or was) judged.
    #[serde(serialize_with = "iso_or_null")]
    pub due_at: Option<Timestamp>,
    /// What the comparison showed when it was judged; before, what the figures show so far.
    pub finding: Finding,
    /// Is that the judgement, and not the figures so far?
    pub is_judged: bool,
    /// The variant that is ahead: `A`, `B`, …
    pub leader: Option<char>,
    /// How often chance alone would make such a difference, 0 … 1; `None`: too little to say.
    pub p: Option<f64>,
    /// How far the leader is ahead of the next; `None`: too little to say.
    pub difference: Option<Ahead>,
    /// The same in words.
    pub says: String,
    /// The variant that everybody gets who is not in the sample.
    pub winner: Option<char>,
    /// Did a person choose it?
    pub is_by_hand: bool,
    /// Who that was, and why they did, where that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
    /// Is the sample everybody, so that nobody is left to choose for?
    pub is_everybody: bool,
    /// When it was chosen.
    #[serde(serialize_with = "iso_or_null")]
    pub chosen_at: Option<Timestamp>,
}

/// How far the leader is ahead, as shares of those whose server accepted the message, 0 … 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ahead {
    /// Of which variant.
    pub of: char,
    /// By how much.
    pub by: f64,
    /// It may be as little as this, or less than nothing …
    pub low: f64,
    /// … or as much as this.
    pub high: f64,
}

/// A variant's part of the sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VariantTold {
    /// `A`, `B`, …
    pub variant: char,
    /// Its subject, with its tags; `None`: it cannot be told.
    pub subject: Option<String>,
    /// Its preheader, where that is another than the message's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preheader: Option<String>,
    /// The sender's name, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// Is it a message of its own?
    pub is_own_message: bool,
    /// Who of the sample gets it.
    pub people: u64,
    /// Whose server accepted it.
    pub accepted: u64,
    /// Who opened it themselves: a direction, no more.
    pub opened: u64,
    /// Who followed a link themselves.
    pub clicked: u64,
    /// Others, for whom only machines did, or nobody knows who.
    pub clicked_unknown: u64,
    /// Who reached the goal, where that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<u64>,
    /// Who unsubscribed with its links.
    pub unsubscribed: u64,
    /// Who called it spam.
    pub complained: u64,
}

/// Everybody who is not in the sample, and was not skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RestTold {
    /// How many they are.
    pub people: u64,
    /// Whose server accepted what was chosen.
    pub accepted: u64,
}

/// Those of everybody who are in no variant's part of the sample.
fn rest(everybody: &Tally, parts: &[store::Arm]) -> RestTold {
    let beside =
        |count: fn(&Tally) -> u64| count(everybody).saturating_sub(parts.iter().map(|part| count(&part.tally)).sum());
    let accepted = |tally: &Tally| tally.count(DeliveryState::Accepted);
    RestTold { people: beside(Tally::attempted), accepted: beside(accepted) }
}

/// How a campaign's comparison stands; `None`: it compares nothing.
pub async fn told(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<Told>, StoreError> {
    let Ok(snapshot) = launch::snapshot(campaign) else { return Ok(None) };
    let Some(chosen) = &snapshot.trial else { return Ok(None) };
    let Some(trial) = store.trial(campaign.workspace, campaign.id).await? else { return Ok(None) };
    let until = trial.judged_at.unwrap_or(now);
    let live = figures(store, campaign, chosen, until).await?;
    let found: Option<Found> = trial.found.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let chosen_by: Option<Chosen> = trial.found.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let is_judged = found.is_some();
    let Found { arms, judgement } = found.unwrap_or_else(|| Found { judgement: judge(&live), arms: live.clone() });
    let all = store.trial_arms(campaign.workspace, campaign.id).await?;
    let rest = rest(&store.tally(campaign.id).await?, &all);
    let variants = all.iter().zip(&live).enumerate().map(|(at, (arm, live))| {
        let people = |kind| arm.people.get(&kind).copied().unwrap_or(0);
        let number = u8::try_from(at).unwrap_or(VARIANTS_MAX);
        let compiled = snapshot.compile_variant(&campaign.name, number);
        let other = snapshot.other(number);
        VariantTold {
            variant: letter(at),
            subject: compiled.ok().map(|compiled| compiled.subject_template().to_owned()),
            preheader: other.and_then(|other| other.preheader.clone()),
            from_name: other.and_then(|other| other.from_name.clone()),
            is_own_message: other.is_some_and(|other| other.file.is_some()),
            people: arm.tally.recipients(),
            accepted: arm.tally.count(DeliveryState::Accepted),
            opened: people(ReactionKind::Opened),
            clicked: people(ReactionKind::Clicked),
            clicked_unknown: arm.unknown.get(&ReactionKind::Clicked).copied().unwrap_or(0),
            reached: matches!(chosen.measure, Measure::Goal(_)).then_some(live.acted),
            unsubscribed: people(ReactionKind::Unsubscribed),
            complained: people(ReactionKind::Complained),
        }
    });
    let stage = match (&trial.winner, &trial.judged_at, &trial.out_at) {
        (Some(_), ..) => Stage::Chosen,
        (None, Some(_), _) => Stage::Asking,
        (None, None, Some(_)) => Stage::Waiting,
        (None, None, None) => Stage::Sending,
    };
    Ok(Some(Told {
        stage,
        measure: match &chosen.measure {
            Measure::Clicks => "clicks".to_owned(),
            Measure::Goal(name) => name.clone(),
        },
        counted: snapshot.options.tracking.mode,
        variants: variants.collect(),
        rest,
        out_at: trial.out_at,
        due_at: trial.judged_at.or(trial.out_at.map(|at| at + chosen.wait())),
        finding: judgement.finding,
        is_judged,
        leader: judgement.leader.map(letter),
        p: judgement.p,
        difference: difference(&arms, &judgement).map(|found| Ahead {
            of: letter(found.next),
            by: found.by,
            low: found.low,
            high: found.high,
        }),
        says: chosen.says(snapshot.options.tracking.mode, &arms, &judgement),
        winner: trial.winner.map(|at| letter(usize::from(at))),
        is_by_hand: trial.winner.is_some() && trial.judged_at != trial.settled_at,
        by_hand: chosen_by.map(|chosen| chosen.by_hand),
        is_everybody: is_everybody(&trial),
        chosen_at: trial.settled_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{SendOptions, Transport, Unsubscribe};

    fn snapshot(variants: Vec<Variant>) -> Snapshot {
        let options = SendOptions {
            from: "News <us@first.example>".to_owned(),
            subject: None,
            return_path: "first.example".to_owned(),
            unsubscribe: Unsubscribe::None,
            postal_address: None,
            dkim: None,
            transport: Transport::Relay { url: "smtp://127.0.0.1:9".to_owned() },
            connections: None,
            retry: None,
            require_tls: false,
            timing: Default::default(),
            tracking: Default::default(),
            topic: None,
        };
        let source = "---\nsubject: Hi\npreheader: Of the file\nfrom_name: The file\n---\nHello";
        let file = MessageFile::new("news.md".to_owned(), source.to_owned());
        let trial = Comparison {
            variants,
            sample: Size::Percent(10),
            wait_minutes: 60,
            measure: Measure::Clicks,
            asks: false,
            undecided: Undecided::Leader,
        };
        Snapshot { file, options, columns: Vec::new(), never_mailed: false, trial: Some(trial) }
    }

    #[test]
    fn where_clicks_are_not_counted_a_person_chooses_without_figures() {
        let by_figures =
            snapshot(vec![Variant { subject: Some("Ho".to_owned()), ..Variant::default() }]).trial.unwrap();
        let arms = [Arm { people: 10, acted: 0 }; 2];
        let by_goal = Comparison { measure: Measure::Goal("booked".to_owned()), ..by_figures.clone() };
        let by_person = Comparison { asks: true, ..by_figures.clone() };
        for mode in [TrackingMode::Off, TrackingMode::Anonymous] {
            let why = by_figures.check(mode).unwrap_err().to_string();
            assert!(why.contains("let a person choose"), "{why}");
            by_goal.check(mode).unwrap();
            by_person.check(mode).unwrap();
            assert_eq!(by_person.says(mode, &arms, &judge(&arms)), NOTHING_COUNTED);
            assert!(by_goal.says(mode, &arms, &judge(&arms)).starts_with("A: 0 of 10 booked"));
        }
        by_figures.check(TrackingMode::Full).unwrap();
        assert!(by_person.says(TrackingMode::Full, &arms, &judge(&arms)).starts_with("A: 0 of 10 clicked"));
    }

    #[test]
    fn what_is_wrong_with_a_variant_names_it() {
        let broken = MessageFile::new("news.md".to_owned(), "---\nsubject: Hi\n---\n{{ }".to_owned());
        let other = Variant { file: Some(broken.clone()), ..Variant::default() };
        let whole = snapshot(vec![other]);
        let said = whole.compile_variant("x", 1).unwrap_err().to_string();
        let alone = Snapshot { file: broken, ..whole }.compile("x").unwrap_err().to_string();
        assert_eq!(said, alone.replacen("news.md: ", "news.md: variant B: ", 1));
    }

    #[test]
    fn a_variant_says_what_it_says_in_place_of_the_file_too() {
        let own = Variant {
            subject: Some("Ho".to_owned()),
            preheader: Some("Of the variant".to_owned()),
            from_name: Some("Anna".to_owned()),
            file: None,
        };
        let of_name = Variant { from_name: Some("Bo".to_owned()), ..Variant::default() };
        let snapshot = snapshot(vec![own, of_name]);
        let shown = |at: u8| {
            let compiled = snapshot.compile_variant("x", at).unwrap();
            let rendered = compiled.render(&mail::compose::Values::from_json("{}").unwrap()).unwrap();
            let sender = launch::parse_mailbox(&snapshot.of_variant(at).options.from).unwrap();
            (rendered.subject, rendered.preheader.unwrap(), sender.name.unwrap())
        };
        let told =
            |subject: &str, preheader: &str, name: &str| (subject.to_owned(), preheader.to_owned(), name.to_owned());
        assert_eq!(shown(0), told("Hi", "Of the file", "News"));
        assert_eq!(shown(1), told("Ho", "Of the variant", "Anna"));
        assert_eq!(shown(2), told("Hi", "Of the file", "Bo"));
        assert_eq!(
            (snapshot.trial.as_ref().unwrap().dealt(1_000, 0), snapshot.variants()),
            ((vec![34, 33, 33], 900), 3)
        );
    }
}
