//! What became of a campaign, as one object: the equation, why people were skipped, why others were not delivered.
//!
//! `send`, `resume`, `report`, `demo` and the pages show this object and nothing else, so they cannot disagree.
//! Invariants: every term of the equation comes from one reading of one [`Tally`], so it always adds up; nothing here
//! counts rows but [`PutOff`] and [`Lifted`], and those only for campaigns small enough.

pub mod curve;
pub mod people;
pub mod reactions;
pub mod retries;
pub mod revenue;

use crate::doubt::{self, Ahead};
use crate::holds::{placed_by, reaching};
use crate::hours::{self, Closed};
use crate::journey::NO_FINAL_REPLY;
use crate::paths::{self, NoWay};
use crate::remembered::Remembered;
use crate::resume::demanded;
use crate::sample::{SampleOut, sample_out};
use crate::trial::{self, Told};
use crate::why::{self, LIFTED, NOTHING_MORE, SENT_ONCE_MORE};
use curve::Curve;
use dispatch::rules::RulePack;
use dispatch::words;
use jiff::Timestamp as Moment;
use model::{
    CampaignId, CampaignState, Category, CauseMark, DeliveryState, EnhancedCode, Outcome, Scope, SkipReason, Tally,
    Timestamp, Verdict,
};
use reactions::{Reactions, reactions};
use revenue::Revenue;
use serde::{Serialize, Serializer};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{Among, Campaign, CauseCount, DeliveryRow, Hold, Store, StoreError};

/// Causes for which an example is looked up.
const EXAMPLES_MAX: usize = 200;
/// Accepted deliveries that are walked through to tell who was put off at first; larger campaigns do without.
const ACCEPTED_WALKED_MAX: u64 = 20_000;
/// Recipients among whom the accepted ones are looked for; larger campaigns do without, however few were accepted so far. A
/// look at each takes a third of a microsecond.
const AUDIENCE_WALKED_MAX: u64 = 100_000;
/// Hard bounces that are walked through to tell whose suppression was lifted; larger campaigns do without.
pub const HARD_WALKED_MAX: u64 = 20_000;
/// What is left to do about a hard bounce whose suppression was lifted.
const LIFTED_NEXT_STEP: &str = "Nothing to lift: the next campaign mails it again.";
/// Deliveries read at once.
const PAGE: usize = 1_000;
/// What a doubt that evidence settled means, and what is left to do about it.
const SETTLED_MEANING: &str = "was in doubt, settled by evidence";
const SETTLED_NEXT_STEP: &str = "Nothing to do; `postroom why` tells whose evidence it was.";
/// What is done about those in doubt where only some are sent to once more.
const SOME_ONCE_MORE: &str = "some are sent to once more by themselves, the others are not";
/// Sites read at once.
const SITES_PAGE: usize = 10_000;
/// So many in doubt in a row at one site are that site's fault.
const SILENT_IN_A_ROW: u32 = 3;
/// Readings tried until the counters did not move between them.
const READINGS_MAX: usize = 3;

/// The one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Which campaign; `None` for the sum of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignLine>,
    /// Everybody of the audience: `skipped + attempted`.
    pub recipients: u64,
    /// Not mailed, for a reason.
    pub skipped: u64,
    /// Everybody else: `accepted + in_progress + soft + hard + blocked + in_doubt`.
    pub attempted: u64,
    /// Accepted by the server; not the same as "in the inbox".
    pub accepted: u64,
    /// Still to be tried.
    pub in_progress: u64,
    /// Put off until the window closed.
    pub soft: u64,
    /// Mailbox or domain does not exist.
    pub hard: u64,
    /// Refused for a reason that is not the address.
    pub blocked: u64,
    /// The last bytes went out and no final reply was recorded.
    pub in_doubt: u64,
    /// Who of those in doubt is sent to once more by itself; `None`: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub once_more: Option<Ahead>,
    /// Why people were skipped; sums to `skipped`.
    pub skipped_by_reason: BTreeMap<SkipReason, u64>,
    /// For what the people in progress wait; sums to `in_progress`.
    pub waiting: Waiting,
    /// The holds that keep some of them waiting, oldest first. They may overlap: somebody under two is in both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HeldBy>,
    /// The providers and servers that are left alone because of what they said, and how many wait for that; they are among
    /// those held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<AloneAt>,
    /// The sample that is out, while others wait for it; they are among those held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleOut>,
    /// Who waits for the sending hours; `None` in lists and sums, and where nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Closed>,
    /// Why nothing of it goes anywhere, if it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_way: Option<Stopped>,
    /// Why people were not delivered, most frequent first; ended ones only.
    pub causes: Vec<Cause>,
    /// Why people wait for another try, most frequent first.
    pub waiting_causes: Vec<Cause>,
    /// How many of those with a hard bounce are suppressed provisionally, because their provider seemed to have an incident;
    /// `None` in lists and sums, and where nobody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisional: Option<u64>,
    /// Those with a hard bounce whose suppression was lifted; `None` in lists and sums, and where nobody's was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
    /// Who was put off at first and accepted later; `None` when the campaign is too large to tell cheaply.
    pub put_off_then_accepted: Option<PutOff>,
    /// What people did with it; `None` in lists and sums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reactions: Option<Reactions>,
    /// What events of other systems are worth to it; `None` in lists and sums, and where none with a value came after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Revenue>,
    /// When people acted; `None` in lists and sums, and where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// How the comparison of its variants stands, where there is one; `None` in lists and sums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<Told>,
    /// When somebody is tried next; one that is overdue is due now, and not told of where a hold may keep it.
    #[serde(serialize_with = "iso_or_null")]
    pub next_try_at: Option<Timestamp>,
    /// Sites that gave no final reply after the last byte several times in a row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent_sites: Vec<Silent>,
    /// The campaigns of a sum.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<Report>,
}

/// A campaign's name and standing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CampaignLine {
    /// What people type.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: CampaignState,
    /// Why it is paused or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Does it go on only for a reason (`resume --because`)? A brake stopped it for what it did to people.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub needs_reason: bool,
    /// What `resume` has to be given beside the reason, as arguments: the worst group is taken out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub takes_out: String,
}

impl CampaignLine {
    /// How a campaign stands.
    pub(crate) async fn of(store: &Store, campaign: &Campaign) -> Result<CampaignLine, StoreError> {
        let is_paused = campaign.state == CampaignState::Paused;
        let demand = if is_paused { demanded(store, campaign).await? } else { None };
        Ok(CampaignLine {
            number: campaign.number,
            name: campaign.name.clone(),
            state: campaign.state,
            why: campaign.why.clone(),
            needs_reason: demand.is_some(),
            takes_out: demand.map(|demand| demand.arguments().trim().to_owned()).unwrap_or_default(),
        })
    }

    /// The command that takes it up again, without the program's name.
    pub fn resume(&self) -> String {
        let because = if self.needs_reason { " --because \"…\"" } else { "" };
        let gap = if self.takes_out.is_empty() { "" } else { " " };
        format!("resume {}{because}{gap}{}", self.number, self.takes_out)
    }
}

/// For what the people in progress wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// For their first try.
    pub first_try: u64,
    /// To be sent to once more, as somebody asked: they were in doubt, and a copy may have arrived.
    pub after_doubt: u64,
    /// For another try, after they were put off.
    pub retry: u64,
    /// For a hold to end: the campaign is paused, part of it is held, or a site takes nothing from us for now.
    pub held: u64,
}

impl Waiting {
    /// Counts so many of them among those held, who go on first: the queue before those who were put off.
    pub fn hold(&mut self, people: u64) {
        let mut left = people;
        for of in [&mut self.first_try, &mut self.after_doubt, &mut self.retry] {
            let taken = left.min(*of);
            *of -= taken;
            left -= taken;
        }
        self.held += people - left;
    }
}

/// A hold, and how many of a campaign's people it keeps waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldBy {
    /// The hold, as `hold lift` takes it.
    pub hold: String,
    /// Toward which provider alone.
    pub provider: Option<String>,
    /// To which domain alone.
    pub domain: Option<String>,
    /// Only those who have not reacted for long?
    pub cold_only: bool,
    /// How many of the campaign wait under it.
    pub covers: u64,
    /// Until when; `None`: until it is lifted.
    #[serde(serialize_with = "iso_or_null")]
    pub until: Option<Timestamp>,
    /// Why.
    pub why: String,
    /// Who placed it: by name, where that is known.
    #[serde(skip)]
    pub by: String,
}

/// A provider, or the servers of a site nobody described, that a brake leaves alone for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AloneAt {
    /// What people call it.
    pub name: String,
    /// The provider's key, if it is a described one.
    pub provider: Option<String>,
    /// How many of the campaign wait there.
    pub covers: u64,
    /// When a few are tried there again.
    #[serde(serialize_with = "iso")]
    pub until: Timestamp,
    /// What it did, and what comes then.
    pub why: String,
}

impl AloneAt {
    /// In a sentence.
    pub fn told(&self) -> String {
        format!("{} is left alone: {}", self.name, self.why)
    }
}

/// People who stand where they stand for the same cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Where they stand: `soft`, `hard`, `blocked`, `in_doubt`, or `deferred` while they wait.
    pub class: DeliveryState,
    /// The cause.
    pub category: Category,
    /// The provider key, if the site is a known one.
    pub provider: Option<String>,
    /// The reply code, if there was a reply.
    pub code: Option<u16>,
    /// The enhanced code, if there was one.
    #[serde(serialize_with = "shown_or_null")]
    pub enhanced: Option<EnhancedCode>,
    /// The rule that judged most of them.
    pub rule: String,
    /// How many.
    pub count: u64,
    /// The address of one of them.
    pub example: Option<String>,
    /// The server of that one, or the domain of the address where none was found.
    pub host: Option<String>,
    /// What the server said to them last, or what we saw.
    pub reply: Option<String>,
    /// What it means.
    pub meaning: String,
    /// Whose problem it is.
    pub whose: &'static str,
    /// What the machine did.
    pub done: &'static str,
    /// What a person may do.
    pub next_step: String,
}

/// Hard bounces whose suppression was lifted: the next campaign mails them again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lifted {
    /// How many.
    pub count: u64,
    /// When the last of them was lifted.
    #[serde(serialize_with = "iso")]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The reason that was given.
    pub because: Option<String>,
}

/// What stops all of a campaign: there is no source for it, or each is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// Until when, if that is known.
    #[serde(serialize_with = "iso_or_null")]
    pub until: Option<Timestamp>,
    /// What, by whom and why.
    pub why: String,
}

/// People who were put off at first and accepted later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PutOff {
    /// How many.
    pub count: u64,
    /// From the first try to the accepted one, in seconds: half of them took longer. 0: nobody knows, because the clock was set
    /// back meanwhile.
    pub median_s: u64,
}

/// The report of one campaign. Refused with [`StoreError::NotFound`].
pub async fn report(store: &Store, campaign: CampaignId, now: Timestamp) -> Result<Report, StoreError> {
    let known = store.campaign(campaign).await?;
    let known = known.ok_or_else(|| StoreError::NotFound { what: "campaign", name: campaign.to_string() })?;
    let mut report = overview(store, &known, now).await?;
    report.put_off_then_accepted = put_off(store, campaign, &report).await?;
    if report.hard > 0 {
        report.provisional = Some(store.provisional_of(campaign).await?).filter(|count| *count > 0);
        report.look_at_lifted(store, campaign).await?;
    }
    report.reactions = Some(reactions(store, &known).await?);
    report.revenue = revenue::revenue(store, &known, report.accepted).await?;
    report.curve = curve::curve(store, &known, now).await?;
    report.trial = trial::told(store, &known, now).await?;
    report.hours = hours::closed(store, &known, report.in_progress, now).await?;
    Ok(report)
}

/// The same without [`Report::provisional`], [`Report::lifted`], [`Report::put_off_then_accepted`], [`Report::reactions`], [`Report::revenue`], [`Report::curve`],
/// [`Report::trial`] and [`Report::hours`]: for lists of campaigns.
pub async fn overview(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Report, StoreError> {
    let (tally, counts) = reading(store, campaign.id).await?;
    let mut report = Report::of_tally(&tally);
    report.waiting = waiting(&tally, &counts, campaign.state == CampaignState::Paused);
    report.holds_under(store, campaign, now).await?;
    if !campaign.state.is_over() && report.in_progress > 0 {
        report.left_alone = left_alone(store, campaign.id, now).await?;
        // A hold may cover some of them as well.
        let there: u64 = report.left_alone.iter().map(|one| one.covers).sum();
        report.waiting.hold(there.saturating_sub(report.waiting.held));
        report.stopped_by(NoWay::read(store, campaign, now).await?);
    }
    report.behind(sample_out(store, campaign, now).await?);
    report.campaign = Some(CampaignLine::of(store, campaign).await?);
    let (waiting, ended): (Vec<_>, Vec<_>) = counts
        .into_iter()
        .filter(|count| count.state != DeliveryState::Queued)
        .partition(|count| count.state == DeliveryState::Deferred);
    report.causes = causes(store, ended).await?;
    report.waiting_causes = causes(store, waiting).await?;
    if tally.count(DeliveryState::InDoubt) > 0 {
        report.goes_once_more(doubt::ahead(store, campaign, now).await?);
    }
    if tally.count(DeliveryState::InDoubt) >= u64::from(SILENT_IN_A_ROW) {
        report.silent_sites = silent_sites(store, campaign.id).await?;
    }
    if tally.count(DeliveryState::Deferred) > 0 && !campaign.state.is_over() {
        let next = next_try(store, campaign.id).await?;
        // Under a hold it may be that nobody's turn comes.
        let is_told = |at: &Timestamp| *at > now || report.holds.is_empty();
        report.next_try_at = next.filter(is_told).map(|at| at.max(now));
    }
    Ok(report)
}

/// Whom the brakes leave alone of those where people of a campaign wait, most people first.
async fn left_alone(store: &Store, campaign: CampaignId, now: Timestamp) -> Result<Vec<AloneAt>, StoreError> {
    let alone = Remembered::read(store).await?.left_alone(now);
    if alone.is_empty() {
        return Ok(Vec::new());
    }
    let mut there: BTreeMap<String, AloneAt> = BTreeMap::new();
    for row in store.waiting_by_site(Some(campaign)).await? {
        let Some((site, known)) = row.site.as_ref().and_then(|site| Some((site, alone.get(paths::operator(site))?)))
        else {
            continue;
        };
        let one = there.entry(paths::operator(site).to_owned()).or_insert_with(|| AloneAt {
            name: known.name.clone(),
            provider: site.provider.clone(),
            covers: 0,
            until: known.until,
            why: known.why.clone(),
        });
        one.covers += row.waiting;
    }
    let mut there: Vec<AloneAt> = there.into_values().filter(|one| one.covers > 0).collect();
    there.sort_by_key(|one| Reverse(one.covers));
    Ok(there)
}

/// A site that gave no final reply after the last byte several times in a row: its fault, or of something on the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silent {
    /// Its server.
    pub host: String,
    /// The provider key, if it is a known one.
    pub provider: Option<String>,
    /// How many are in doubt there, one after the other.
    pub count: u32,
    /// In how many rows they are: an answer came between two of them.
    pub rows: u32,
    /// When the first of these tries began.
    #[serde(serialize_with = "iso")]
    pub since: Timestamp,
    /// When the last of them began.
    #[serde(serialize_with = "iso")]
    pub until: Timestamp,
    /// What was seen instead, if it was the same each time: silence, a broken line, something nobody understands.
    pub said: Option<String>,
}

impl Silent {
    /// In a sentence: what it did, and what to do.
    pub fn told(&self) -> String {
        let in_a_row = match self.rows {
            0 | 1 => "in a row".to_owned(),
            rows => format!("in {rows} unbroken rows"),
        };
        format!(
            "{} gave no final reply after the last byte {} times {in_a_row}{}: a fault there or on the way to it. Ask there \
             whether the messages arrived before anything is sent again.",
            self.host,
            self.count,
            self.said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default()
        )
    }
}

/// Sites at fault for several in doubt. What was lost with a killed process of ours is nobody's silence.
pub async fn silent_sites(store: &Store, campaign: CampaignId) -> Result<Vec<Silent>, StoreError> {
    let found = store.silent_sites(campaign, SILENT_IN_A_ROW, crate::LOST_REPLY).await?;
    Ok(by_server(found))
}

/// One for each server, in the order in which they were first silent, with the sum of its rows.
fn by_server(rows: Vec<store::SilentSite>) -> Vec<Silent> {
    let mut servers: Vec<Silent> = Vec::new();
    for row in rows {
        let store::SilentSite { host, provider, count, since, until, note } = row;
        let said = note.map(|note| note.strip_prefix(NO_FINAL_REPLY).map(str::to_owned).unwrap_or(note));
        match servers.iter_mut().find(|known| known.host == host && known.provider == provider) {
            Some(known) => {
                known.count += count;
                known.rows += 1;
                (known.since, known.until) = (known.since.min(since), known.until.max(until));
                known.said = known.said.take().filter(|before| Some(before) == said.as_ref());
            }
            None => servers.push(Silent { host, provider, count, rows: 1, since, until, said }),
        }
    }
    servers
}

impl Report {
    /// The equation of a tally, and nothing else yet.
    pub fn of_tally(tally: &Tally) -> Report {
        Report {
            recipients: tally.recipients(),
            skipped: tally.count(DeliveryState::Skipped),
            attempted: tally.attempted(),
            accepted: tally.count(DeliveryState::Accepted),
            in_progress: tally.in_progress(),
            soft: tally.count(DeliveryState::Soft),
            hard: tally.count(DeliveryState::Hard),
            blocked: tally.count(DeliveryState::Blocked),
            in_doubt: tally.count(DeliveryState::InDoubt),
            skipped_by_reason: tally.by_skip_reason.clone(),
            ..Report::default()
        }
    }

    /// Counts people whom holds cover among those held.
    async fn holds_under(&mut self, store: &Store, campaign: &Campaign, now: Timestamp) -> Result<(), StoreError> {
        let mut covered = 0;
        for hold in reaching(store, campaign, true, now).await? {
            let by = placed_by(store, &hold).await?;
            let reach = hold.reach(campaign.id);
            let Hold { id, provider, domain_name: domain, cold_only, until, why, .. } = hold;
            let covers = store.covered_by(reach).await?.waiting;
            // Holds may overlap: the largest is the least that is surely held.
            covered = covers.max(covered);
            if covers > 0 {
                self.holds.push(HeldBy { hold: id.to_string(), provider, domain, cold_only, covers, until, why, by });
            }
        }
        self.waiting.hold(covered);
        Ok(())
    }

    /// Adds whose suppression was lifted: of a cause all of whose people were let go again nothing is left to lift. Where
    /// there are too many hard bounces to walk through, nothing is added.
    pub async fn look_at_lifted(&mut self, store: &Store, campaign: CampaignId) -> Result<(), StoreError> {
        if self.hard == 0 || self.hard > HARD_WALKED_MAX {
            return Ok(());
        }
        let Some(store::Lifted { causes, at, by, because }) = store.lifted_of(campaign).await? else { return Ok(()) };
        let mut free: BTreeMap<CauseMark, u64> = BTreeMap::new();
        for one in &causes {
            *free.entry(one.mark()).or_default() += one.count;
        }
        for cause in &mut self.causes {
            if free.get(&cause.mark()).is_some_and(|count| *count >= cause.count) {
                (cause.done, cause.next_step) = (LIFTED, LIFTED_NEXT_STEP.to_owned());
            }
        }
        self.lifted = Some(Lifted { count: free.values().sum(), at, by, because });
        Ok(())
    }

    /// Says of those in doubt who of them is sent to once more by itself.
    fn goes_once_more(&mut self, ahead: Option<Ahead>) {
        self.once_more = ahead;
        let Some(ahead) = ahead else { return };
        let done = if ahead.people < self.in_doubt { SOME_ONCE_MORE } else { SENT_ONCE_MORE };
        for cause in self.causes.iter_mut().filter(|cause| cause.class == DeliveryState::InDoubt) {
            cause.done = done;
        }
    }

    /// Nothing of it goes anywhere: everybody in progress is held by that.
    fn stopped_by(&mut self, no_way: Option<NoWay>) {
        let Some(NoWay { until, why, .. }) = no_way else { return };
        self.waiting = Waiting { held: self.in_progress, ..Waiting::default() };
        self.no_way = Some(Stopped { until, why });
    }

    /// Counts those who wait for the sample among those held.
    fn behind(&mut self, sample: Option<SampleOut>) {
        let Some(out) = sample.filter(|out| out.rest > 0) else { return };
        // A hold may cover some of them as well.
        let held = out.rest.saturating_sub(self.waiting.held).min(self.waiting.first_try);
        self.waiting.first_try -= held;
        self.waiting.held += held;
        self.sample = Some(out);
    }

    /// The sum of several campaigns, which it lists.
    pub fn sum(campaigns: Vec<Report>) -> Report {
        let mut sum = Report::default();
        for one in &campaigns {
            sum.recipients += one.recipients;
            sum.skipped += one.skipped;
            sum.attempted += one.attempted;
            sum.accepted += one.accepted;
            sum.in_progress += one.in_progress;
            sum.soft += one.soft;
            sum.hard += one.hard;
            sum.blocked += one.blocked;
            sum.in_doubt += one.in_doubt;
            sum.waiting.first_try += one.waiting.first_try;
            sum.waiting.after_doubt += one.waiting.after_doubt;
            sum.waiting.retry += one.waiting.retry;
            sum.waiting.held += one.waiting.held;
            for (reason, count) in &one.skipped_by_reason {
                *sum.skipped_by_reason.entry(*reason).or_default() += count;
            }
            merge(&mut sum.causes, &one.causes);
            merge(&mut sum.waiting_causes, &one.waiting_causes);
            sum.next_try_at = [sum.next_try_at, one.next_try_at].into_iter().flatten().min();
            sum.once_more = match (sum.once_more, one.once_more) {
                (Some(sum), Some(one)) => {
                    Some(Ahead { people: sum.people + one.people, next_at: sum.next_at.min(one.next_at) })
                }
                (sum, one) => sum.or(one),
            };
        }
        Report { campaigns, ..sum }
    }

    /// Has everybody a verdict, and is nobody in doubt sent to once more by itself?
    pub fn is_settled(&self) -> bool {
        self.in_progress == 0 && self.once_more.is_none()
    }

    /// Everybody who was attempted, is not in progress and was not accepted.
    pub fn not_delivered(&self) -> u64 {
        self.soft + self.hard + self.blocked + self.in_doubt
    }
}

impl Cause {
    /// The codes of the reply as a person quotes them: `550 5.1.1`; empty when there was no reply.
    pub fn codes(&self) -> String {
        let code = self.code.map(|code| code.to_string());
        let enhanced = self.enhanced.map(|enhanced| enhanced.to_string());
        [code, enhanced].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What tells it from the other causes of its campaign: the same while people come and go.
    pub fn mark(&self) -> CauseMark {
        let codes = (self.code, self.enhanced);
        CauseMark::new(self.class, self.category, self.provider.as_deref(), codes, &self.rule)
    }

    /// Is everybody in doubt sent to once more by itself (`true`), or some of them (`false`)? `None`: nobody.
    pub fn goes_once_more(&self) -> Option<bool> {
        match self.done {
            SENT_ONCE_MORE => Some(true),
            SOME_ONCE_MORE => Some(false),
            _ => None,
        }
    }

    /// Was whoever it had suppressed let go again?
    pub fn is_lifted(&self) -> bool {
        self.done == LIFTED
    }
}

/// Tally and causes, read until the tally is the same before and after: then they belong together.
async fn reading(store: &Store, campaign: CampaignId) -> Result<(Tally, Vec<CauseCount>), StoreError> {
    let mut tally = store.tally(campaign).await?;
    let mut counts = store.causes(campaign).await?;
    for _ in 1..READINGS_MAX {
        let after = store.tally(campaign).await?;
        if after == tally {
            break;
        }
        tally = after;
        counts = store.causes(campaign).await?;
    }
    Ok((tally, counts))
}

fn waiting(tally: &Tally, counts: &[CauseCount], paused: bool) -> Waiting {
    if paused {
        return Waiting { held: tally.in_progress(), ..Waiting::default() };
    }
    let deferred = tally.count(DeliveryState::Deferred);
    let held: u64 = counts.iter().filter(|count| is_held(count)).map(|count| count.count).sum();
    let held = held.min(deferred);
    let queued = tally.count(DeliveryState::Queued);
    // Who waits in the queue for a cause was in doubt.
    let doubted = counts.iter().filter(|count| count.state == DeliveryState::Queued);
    let after_doubt = doubted.map(|count| count.count).sum::<u64>().min(queued);
    Waiting { first_try: queued - after_doubt, after_doubt, retry: deferred - held, held }
}

/// Put off by a refusal that was not about the recipient: nothing moves at that site until the hold ends.
fn is_held(count: &CauseCount) -> bool {
    let verdict = Verdict {
        outcome: Outcome::Deferred,
        category: count.category,
        scope: count.scope,
        stage: count.stage,
        rule: count.rule.clone().into(),
        retry_after: None,
    };
    count.state == DeliveryState::Deferred
        && matches!(count.scope, Scope::Source | Scope::Site | Scope::Identity)
        && RulePack::shipped().hold_of(&verdict).is_some()
}

/// Groups what the ledger counts apart (rules and stages behind the same reply, scopes), most frequent first.
async fn causes(store: &Store, counts: Vec<CauseCount>) -> Result<Vec<Cause>, StoreError> {
    let mut groups: BTreeMap<CauseMark, (u64, CauseCount)> = BTreeMap::new();
    for count in counts {
        let key = count.mark();
        let more = count.count;
        // The ledger's order is most frequent first, so the first of a group speaks for it.
        groups.entry(key).or_insert((0, count)).0 += more;
    }
    let mut groups: Vec<(u64, CauseCount)> = groups.into_values().collect();
    groups.sort_by_key(|(count, _)| Reverse(*count));
    let mut causes = Vec::with_capacity(groups.len());
    for (at, (count, sample)) in groups.into_iter().enumerate() {
        let example = if at < EXAMPLES_MAX { store.delivery(sample.example).await? } else { None };
        let example = example.filter(|row| row.state == sample.state);
        causes.push(cause(count, sample, example.as_ref()));
    }
    Ok(causes)
}

fn cause(count: u64, sample: CauseCount, example: Option<&DeliveryRow>) -> Cause {
    let mut words = words::explain(sample.category, Outcome::Deferred, &sample.rule);
    let enhanced = sample.mark().enhanced;
    let is_settled = is_settled(sample.state, sample.category);
    if is_settled {
        (words.meaning, words.next_step) = (SETTLED_MEANING, SETTLED_NEXT_STEP);
    }
    let last = example.and_then(|row| row.last.as_ref());
    let said = last.and_then(|last| last.reply.as_ref().map(ToString::to_string).or_else(|| last.note.clone()));
    Cause {
        class: sample.state,
        category: sample.category,
        provider: sample.provider,
        code: sample.code,
        enhanced,
        rule: sample.rule,
        count,
        example: example.and_then(|row| row.email.clone()),
        host: example.and_then(host_of),
        reply: said,
        meaning: words.meaning.to_owned(),
        whose: words.whose,
        done: if is_settled { NOTHING_MORE } else { done(sample.state, sample.category) },
        next_step: words.next_step.to_owned(),
    }
}

/// Where the last try of somebody went: the server, else the domain of the address, where no server was found.
fn host_of(row: &DeliveryRow) -> Option<String> {
    let server = row.last.as_ref().and_then(|last| last.host.clone());
    server.or_else(|| row.email.as_ref()?.rsplit_once('@').map(|(_, domain)| domain.to_owned()))
}

/// Was it in doubt, until somebody or something told what had become of it? The ledger keeps the cause of the doubt.
const fn is_settled(state: DeliveryState, category: Category) -> bool {
    let is_final = !matches!(state, DeliveryState::InDoubt | DeliveryState::Queued | DeliveryState::Deferred);
    is_final && matches!(category, Category::LostReply)
}

/// What the machine did. The words of a category tell of its usual end; a delivery may end otherwise (a switched-off
/// mailbox that only ever said "not now"), and then nothing was suppressed.
pub(crate) fn done(state: DeliveryState, category: Category) -> &'static str {
    use model::Class;
    let usual = words::of(category).done.as_str();
    match (state, category.class()) {
        (DeliveryState::Queued | DeliveryState::Deferred, _) => words::TRIED_AGAIN,
        (DeliveryState::Hard, Class::Hard)
        | (DeliveryState::Soft, Class::Soft)
        | (DeliveryState::Blocked, Class::Blocked | Class::Unknown)
        | (DeliveryState::InDoubt, _)
        | (DeliveryState::Accepted, _) => usual,
        (ended, _) => ended_unusually(ended),
    }
}

/// The same for an end that is not the usual one of its category.
const fn ended_unusually(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Hard => "suppressed: this address is not mailed again",
        DeliveryState::Soft => "tried until the window closed; not suppressed",
        DeliveryState::Skipped => "not sent",
        _ => "not suppressed",
    }
}

/// Every text about verdicts, skips and what may be done about them that [`Report`] and [`crate::why`] may have, those
/// of operators' own rules excepted: for those who translate them.
pub fn texts() -> BTreeSet<&'static str> {
    let ends = DeliveryState::ALL.iter().map(|state| ended_unusually(*state));
    let settled = [SETTLED_MEANING, SETTLED_NEXT_STEP, SOME_ONCE_MORE, LIFTED_NEXT_STEP];
    words::texts().into_iter().chain(ends).chain(settled).chain(why::texts()).collect()
}

fn merge(into: &mut Vec<Cause>, more: &[Cause]) {
    for cause in more {
        match into.iter_mut().find(|known| known.mark() == cause.mark()) {
            Some(known) => known.count += cause.count,
            None => into.push(cause.clone()),
        }
    }
    into.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.mark().cmp(&b.mark())));
}

/// Is a campaign small enough to tell who was put off at first? Those who were accepted are found by walking through all.
pub const fn tells_put_off(accepted: u64, recipients: u64) -> bool {
    accepted <= ACCEPTED_WALKED_MAX && recipients <= AUDIENCE_WALKED_MAX
}

/// Do so few wait that those whom a hold keeps can be told? They are looked for among all of them.
pub const fn tells_held(in_progress: u64) -> bool {
    in_progress <= AUDIENCE_WALKED_MAX
}

async fn put_off(store: &Store, campaign: CampaignId, report: &Report) -> Result<Option<PutOff>, StoreError> {
    if !tells_put_off(report.accepted, report.recipients) {
        return Ok(None);
    }
    let (mut count, mut waits): (u64, Vec<Duration>) = (0, Vec::new());
    let among = Among { put_off: true, ..Among::default() };
    let mut after = None;
    loop {
        let page = store.deliveries_among(campaign, DeliveryState::Accepted, among, after, PAGE).await?;
        for row in &page {
            count += 1;
            // Of those in whose time the clock was set back nobody knows how long it took.
            let times = row.first_try_at.zip(row.last.as_ref().map(|last| last.started_at));
            waits.extend(times.filter(|(first, last)| last > first).map(|(first, last)| last.since(first)));
        }
        after = page.last().map(|row| row.delivery);
        if page.len() < PAGE {
            break;
        }
    }
    waits.sort_unstable();
    let median_s = waits.get(waits.len() / 2).map_or(0, Duration::as_secs);
    Ok(Some(PutOff { count, median_s }))
}

async fn next_try(store: &Store, campaign: CampaignId) -> Result<Option<Timestamp>, StoreError> {
    let (mut earliest, mut after) = (None::<Timestamp>, None);
    loop {
        let page = store.next_wakes(campaign, after, SITES_PAGE).await?;
        earliest = page.iter().map(|(_, at)| *at).chain(earliest).min();
        after = page.last().map(|(site, _)| *site);
        if page.len() < SITES_PAGE {
            return Ok(earliest);
        }
    }
}

/// A point in time for programs: ISO 8601, UTC.
pub(crate) fn iso<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    match Moment::from_millisecond(at.as_millis()) {
        Ok(moment) => serializer.collect_str(&moment),
        Err(_) => serializer.serialize_none(),
    }
}

pub(crate) fn iso_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => iso(at, serializer),
        None => serializer.serialize_none(),
    }
}

fn shown_or_null<S: Serializer>(code: &Option<EnhancedCode>, serializer: S) -> Result<S::Ok, S::Error> {
    match code {
        Some(code) => serializer.collect_str(code),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
