//! Why a person got their mail, or did not: everything the ledger knows about one address, as a value.
//!
//! The terminal and the pages show it; nothing is decided here. A person may have several campaigns: the newest is told
//! in full unless another is asked for, the others in a line each. Invariant: nothing is guessed; what the ledger does
//! not know is absent.

mod advice;
mod timeline;
mod waiting;

pub use advice::Advice;
pub use timeline::{Step, Through, Try};
pub use waiting::{HeldTry, WaitsFor, also_rests, held_tries, operator_of, waits_for};
pub(crate) use waiting::{ceiling_reached, is_of_a_part, parts_cancelled};

use crate::holds::name_of;
use crate::lanes::LaneView;
use crate::launch::Snapshot;
use crate::offers::{Refused, as_told};
use crate::report::{CampaignLine, done, iso, iso_or_null};
use crate::scheduler::NEVER_LET_IN;
use crate::trial;
use dispatch::react::Policy;
use dispatch::retry::Schedule;
use dispatch::words;
use model::{
    Attempt, CampaignId, CampaignState, Category, ContactId, ContactStatus, DeliveryState, EmailAddress, ErrorCause,
    EventKind, Outcome, Scope, SkipReason, SuppressionReason, Timestamp, WorkspaceId,
};
use serde::Serialize;
use std::time::Duration;
use store::{
    Campaign, Contact, DeliveryRow, Event, EventFilter, PersonData, Store, StoreError, Suppression, TimelineEntry,
};

const NOT_TRIED: &str = "not tried yet";
const FOUND_OUT: &str = "nobody knew at first; somebody found out what became of it";
const TAKEN_OUT: &str = "they were taken out of the campaign after it had begun";
const IMPORT_TAKEN_OUT: &str = "the list they came with was taken out of the campaign after it had begun";
/// Events of people and programs that are looked through for one.
const LEFT_OUT_EVENTS_MAX: usize = 1_000;
pub(crate) const LIFTED: &str = "was suppressed for it; the suppression was lifted";
pub(crate) const WAITS_FOR_A_CHOICE: &str = "waits for somebody to choose the variant";
pub(crate) const NOT_TRIED_THEN: &str = "not tried any more: it is skipped when its turn comes";
pub(crate) const SENT_ONCE_MORE: &str = "sent once more by itself, unless something shows before that it arrived";
pub(crate) const NOTHING_MORE: &str = "settled by what was found out; the address is not suppressed by it";

/// Whom is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever has, or had, this address.
    Address(EmailAddress),
    /// This contact.
    Contact(ContactId),
}

/// Everything known about one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The address.
    pub address: Option<String>,
    /// The person; `None` when only a suppression is known.
    pub contact: Option<Person>,
    /// What keeps mail from the address now.
    pub suppressions: Vec<Kept>,
    /// The mailing that is told in full; `None` when there was none.
    pub mailing: Option<Told>,
    /// The other mailings, newest first.
    pub others: Vec<Other>,
}

/// The person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Their contact id (`c_…`).
    pub id: String,
    /// May they be mailed?
    pub status: ContactStatus,
    /// Why they are in `error`.
    pub error: Option<ErrorCause>,
    /// Soft-bounced mailings in a row that count.
    pub soft_count: u8,
    /// How many of them put a contact into `error`.
    pub soft_limit: u8,
}

/// A suppression and what proved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Why.
    pub reason: SuppressionReason,
    /// The whole domain?
    pub whole_domain: bool,
    /// Since when.
    #[serde(serialize_with = "iso")]
    pub since: Timestamp,
    /// By whom.
    pub by: String,
    /// In words.
    pub note: Option<String>,
    /// Made while the provider seemed to have an incident: to be confirmed or lifted.
    pub provisional: bool,
    /// The delivery that proved it.
    pub evidence: Option<Evidence>,
    /// May an operator lift it, with a reason?
    pub may_be_lifted: bool,
}

/// The delivery that proved a suppression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Of which campaign.
    pub campaign: u32,
    /// Which try.
    pub try_number: u16,
    /// What the server said.
    pub reply: Option<String>,
}

/// A mailing told in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The campaign.
    pub campaign: CampaignLine,
    /// The delivery's id (`d_…`).
    pub delivery: String,
    /// The address it went to.
    pub address: Option<String>,
    /// The answer in a line: `HARD BOUNCE: mailbox does not exist`.
    pub headline: String,
    /// Where it stands.
    pub stands: Stands,
    /// What the last try (or the skip) means, in words.
    pub meaning: String,
    /// Whose problem it is.
    pub whose: Option<&'static str>,
    /// What the machine did.
    pub done: &'static str,
    /// What happened, oldest first.
    pub timeline: Vec<Step>,
    /// By whom it was settled when nobody knew, and because of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<SettledBy>,
    /// Why it will be skipped when its turn comes; filled in by [`Told::tell_of_what_comes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_then: Option<SkipReason>,
    /// When somebody in doubt is sent to once more by itself, if nothing shows before that it arrived;
    /// filled in by [`Told::tell_of_what_comes`].
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "iso_or_null")]
    pub once_more_at: Option<Timestamp>,
    /// What keeps it from being tried now; filled in by [`waits_for`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<WaitsFor>,
    /// What of their servers' offers was refused, so that it is done without; filled in by [`Told::tell_of_offers`].
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_told")]
    pub without: Vec<Refused>,
    /// How the others at the domain fared.
    pub neighbours: Option<Neighbours>,
    /// Does this mailing count towards the soft-bounce limit?
    pub counts_as_soft: bool,
    /// Does it wait for somebody to choose the variant that they get?
    #[serde(skip)]
    pub asks_for_a_choice: bool,
    /// The how manieth it was of those in a row that count, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_nth: Option<u8>,
    /// What a person can do.
    pub advice: Vec<Advice>,
}

/// Somebody found out what became of a delivery in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettledBy {
    /// Who.
    pub by: String,
    /// When.
    #[serde(serialize_with = "iso")]
    pub at: Timestamp,
    /// How it is known, in their words.
    pub because: String,
}

/// Where a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Stands {
    /// Not mailed.
    Skipped {
        /// For this reason.
        reason: SkipReason,
    },
    /// Waits for the first try, or to be sent to once more.
    Queued {
        /// It was in doubt before, and is sent once more, by itself or because somebody asked for it: a copy may have arrived.
        after_doubt: bool,
    },
    /// Waits for another try.
    Waiting {
        /// When.
        #[serde(serialize_with = "iso_or_null")]
        next_try_at: Option<Timestamp>,
        /// Which it will be, as they are numbered.
        next_try: u16,
        /// Of how many at most: those of the schedule, and those so far that were not charged to the recipient.
        tries_max: u16,
        /// When the window closes.
        #[serde(serialize_with = "iso_or_null")]
        gives_up_at: Option<Timestamp>,
    },
    /// Accepted, refused or given up.
    Ended {
        /// How: `accepted`, `soft`, `hard`, `blocked`, `in_doubt`.
        ended: DeliveryState,
        /// Tries that were made.
        tries: u16,
        /// From the first try to the last.
        lasted_s: u64,
        /// When.
        #[serde(serialize_with = "iso_or_null")]
        at: Option<Timestamp>,
    },
}

/// How the people at a domain fared in the campaign, this one included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Neighbours {
    /// The domain.
    pub domain: String,
    /// Everybody who was attempted.
    pub attempted: u64,
    /// Accepted.
    pub accepted: u64,
    /// Refused for good (hard and blocked).
    pub refused: u64,
    /// Given up or in doubt.
    pub other: u64,
    /// Still waiting.
    pub waiting: u64,
    /// There were more than could be looked at.
    pub truncated: bool,
}

/// Another mailing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Other {
    /// The campaign's number.
    pub campaign: u32,
    /// Its name.
    pub name: String,
    /// Where the delivery stands.
    pub state: DeliveryState,
    /// Why it was skipped.
    pub reason: Option<SkipReason>,
    /// The address it went to.
    pub address: Option<String>,
    /// When it was last tried, or the audience was frozen.
    #[serde(serialize_with = "iso_or_null")]
    pub at: Option<Timestamp>,
}

/// Everything known about `who`; `None` when nothing is. `campaign` picks the mailing that is told in full.
pub async fn why(
    store: &Store,
    workspace: WorkspaceId,
    who: &Who,
    campaign: Option<CampaignId>,
) -> Result<Option<Why>, StoreError> {
    let (contacts, suppressions) = match who {
        Who::Address(address) => {
            let contacts = store.contacts_by_address(workspace, address).await?;
            (contacts, store.suppressions_of(workspace, address).await?)
        }
        Who::Contact(id) => {
            let contacts: Vec<Contact> = store.contact(*id).await?.into_iter().collect();
            let suppressions = contacts.iter().flat_map(|contact| contact.suppressions.clone()).collect();
            (contacts, suppressions)
        }
    };
    if contacts.is_empty() && suppressions.is_empty() {
        return Ok(None);
    }
    let mut people = Vec::new();
    for contact in &contacts {
        people.extend(store.person(contact.id).await?);
    }
    let mailings = mailings(&people, who);
    let picked = mailings.iter().find(|(_, entry)| campaign.is_none_or(|wanted| entry.delivery.campaign == wanted));
    let told = match picked {
        Some((person, entry)) => tell(store, person, entry, &mailings).await?,
        None => None,
    };
    let contact = picked.map(|(person, _)| &person.contact).or(contacts.first());
    let address = match who {
        Who::Address(address) => Some(address.to_string()),
        Who::Contact(_) => contact.and_then(|contact| contact.email.clone()),
    };
    let others = mailings.iter().filter(|other| Some(*other) != picked).map(|(_, entry)| other(entry)).collect();
    let mut kept = Vec::new();
    for entry in &suppressions {
        kept.push(kept_because(store, workspace, entry).await?);
    }
    Ok(Some(Why { address, contact: contact.map(person), suppressions: kept, mailing: told, others }))
}

type Mailing<'a> = (&'a PersonData, &'a TimelineEntry);

/// The mailings of everybody with the address, newest first. Where several people share it, the one who was mailed
/// stands before those who were skipped as duplicates. Mailings to another address of theirs are left out unless there
/// are no others.
fn mailings<'a>(people: &'a [PersonData], who: &Who) -> Vec<Mailing<'a>> {
    let all = people.iter().flat_map(|person| person.mailings.iter().map(move |entry| (person, entry)));
    let mut mailings: Vec<Mailing<'a>> = all.collect();
    if let Who::Address(address) = who {
        let key = address.key();
        let is_theirs = |(_, entry): &Mailing<'_>| {
            let sent_to = entry.delivery.email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
            sent_to.is_some_and(|sent_to| sent_to.key() == key)
        };
        if mailings.iter().any(is_theirs) {
            mailings.retain(is_theirs);
        }
    }
    let is_skipped = |entry: &TimelineEntry| entry.delivery.state == DeliveryState::Skipped;
    mailings.sort_by_key(|(_, entry)| {
        (std::cmp::Reverse(entry.campaign_number), is_skipped(entry), std::cmp::Reverse(entry.delivery.delivery))
    });
    mailings
}

fn person(contact: &Contact) -> Person {
    Person {
        id: contact.id.to_string(),
        status: contact.status,
        error: contact.error,
        soft_count: contact.soft_count,
        soft_limit: Policy::default().soft_limit,
    }
}

fn other(entry: &TimelineEntry) -> Other {
    let last = entry.delivery.last.as_ref().map(|last| last.started_at);
    Other {
        campaign: entry.campaign_number,
        name: entry.campaign_name.clone(),
        state: entry.delivery.state,
        reason: entry.delivery.skip,
        address: entry.delivery.email.clone(),
        at: last.or(entry.built_at),
    }
}

async fn kept_because(store: &Store, workspace: WorkspaceId, entry: &Suppression) -> Result<Kept, StoreError> {
    let mut evidence = None;
    if let Some(id) = entry.evidence
        && let Some(row) = store.delivery(id).await?
    {
        let campaign = store.campaign(row.campaign).await?.map_or(0, |campaign| campaign.number);
        let reply = row.last.as_ref().and_then(said);
        evidence = Some(Evidence { campaign, try_number: row.attempts, reply });
    }
    Ok(Kept {
        reason: entry.reason,
        whole_domain: entry.is_domain,
        since: entry.at,
        by: name_of(store, workspace, &entry.actor).await?,
        note: entry.note.clone(),
        provisional: entry.provisional,
        evidence,
        may_be_lifted: entry.reason.may_be_lifted(),
    })
}

async fn tell(
    store: &Store,
    person: &PersonData,
    entry: &TimelineEntry,
    mailings: &[Mailing<'_>],
) -> Result<Option<Told>, StoreError> {
    let Some(campaign) = store.campaign(entry.delivery.campaign).await? else { return Ok(None) };
    let schedule = schedule_of(&campaign);
    let row = &entry.delivery;
    let neighbours = neighbours(store, row).await?;
    let recipients = store.tally(campaign.id).await?.recipients();
    let last = row.last.as_ref().map(|last| &last.verdict);
    let explained = last.map(words::explain_verdict);
    let mut settled = settled_by(person, row);
    if let Some(settled) = &mut settled {
        settled.by = name_of(store, campaign.workspace, &settled.by).await?;
    }
    let (meaning, whose) = match (row.skip, explained) {
        (Some(reason), _) => (taken_out(row, reason).unwrap_or(skip_meaning(reason)).to_owned(), None),
        (None, Some(_)) if settled.is_some() => (FOUND_OUT.to_owned(), None),
        (None, Some(explained)) => (explained.meaning.to_owned(), Some(explained.whose)),
        (None, None) => (NOT_TRIED.to_owned(), None),
    };
    let mut stands = stands(row, &schedule);
    if let Stands::Queued { after_doubt } = &mut stands {
        *after_doubt = entry.attempts.iter().any(|row| row.became == DeliveryState::InDoubt);
    }
    let mut told = Told {
        campaign: CampaignLine::of(store, &campaign).await?,
        delivery: row.delivery.to_string(),
        address: row.email.clone(),
        headline: format!("{}: {meaning}", stands.word()),
        stands,
        meaning,
        whose: whose.filter(|_| row.state != DeliveryState::Accepted),
        done: match settled {
            Some(_) => NOTHING_MORE,
            None if was_lifted(person, row) => LIFTED,
            None => done(row.state, last.map_or(Category::Unknown, |last| last.category)),
        },
        settled,
        skipped_then: None,
        once_more_at: None,
        timeline: timeline::timeline(person, entry, recipients, mailings, &left_out(store, &campaign, row).await?),
        waits_for: Vec::new(),
        without: Vec::new(),
        neighbours,
        counts_as_soft: counts_as_soft(entry),
        soft_nth: soft_nth((person, entry), mailings),
        asks_for_a_choice: false,
        advice: Vec::new(),
    };
    told.asks_for_a_choice = matches!(told.stands, Stands::Queued { .. })
        && row.variant.is_none()
        && trial::by_person(store, &campaign).await? == trial::ByPerson::Now;
    if told.asks_for_a_choice {
        told.done = WAITS_FOR_A_CHOICE;
    }
    told.advice = advice::advice(&told, row, &person.contact);
    Ok(Some(told))
}

/// Who settled a delivery that had been in doubt. It is not tried again after that.
fn settled_by(person: &PersonData, row: &DeliveryRow) -> Option<SettledBy> {
    let was_in_doubt = row.last.as_ref().is_some_and(|last| last.verdict.outcome == Outcome::InDoubt);
    let is_about_it = |event: &&Event| event.kind == EventKind::DoubtSettled && event.delivery == Some(row.delivery);
    let last = person.events.iter().filter(is_about_it).max_by_key(|event| event.at);
    let event = last.filter(|_| was_in_doubt && row.state != DeliveryState::InDoubt)?;
    let detail = event.detail.as_deref().unwrap_or_default();
    let because = detail.split_once(": ").map_or(detail, |(_, because)| because);
    Some(SettledBy { by: event.actor.clone(), at: event.at, because: because.to_owned() })
}

/// Was somebody suppressed for this mailing, and is not any more? What the domain's missing does takes a second look-up.
fn was_lifted(person: &PersonData, row: &DeliveryRow) -> bool {
    let category = row.last.as_ref().map(|last| last.verdict.category);
    let is_at_once =
        category.is_some_and(|category| !matches!(category, Category::UnknownDomain | Category::LostReply));
    row.state == DeliveryState::Hard && is_at_once && person.contact.suppressions.is_empty()
}

/// The campaign's own schedule of tries.
fn schedule_of(campaign: &Campaign) -> Schedule {
    let snapshot: Option<Snapshot> = serde_json::from_str(&campaign.message).ok();
    snapshot.and_then(|snapshot| snapshot.options.schedule().ok()).unwrap_or_else(Schedule::shipped)
}

/// Tries that were made for a delivery, as they are numbered: what settled it without one is none.
pub(crate) fn tries_made(row: &DeliveryRow) -> u16 {
    row.attempts.saturating_sub(u16::from(row.last.as_ref().is_some_and(is_settlement)))
}

/// Was it settled without a try, because the site had let nobody in for too long?
fn is_settlement(attempt: &Attempt) -> bool {
    attempt.note.as_deref() == Some(NEVER_LET_IN)
}

fn stands(row: &DeliveryRow, schedule: &Schedule) -> Stands {
    // Those that were not charged to the recipient are beside the schedule's.
    let made = tries_made(row);
    let uncharged = made.saturating_sub(row.tries);
    match row.state {
        DeliveryState::Skipped => Stands::Skipped { reason: row.skip.unwrap_or(SkipReason::Cancelled) },
        DeliveryState::Queued => Stands::Queued { after_doubt: false },
        DeliveryState::Deferred => Stands::Waiting {
            next_try_at: row.due.map(|(_, at)| at),
            next_try: made.saturating_add(1),
            tries_max: u16::try_from(schedule.tries()).unwrap_or(u16::MAX).saturating_add(uncharged),
            gives_up_at: row.window_from.map(|from| from + schedule.window()),
        },
        ended => {
            let at = row.last.as_ref().map(ended_at);
            let lasted = row.first_try_at.zip(row.last.as_ref()).map(|(first, last)| last.started_at.since(first));
            Stands::Ended { ended, tries: made, lasted_s: lasted.unwrap_or_default().as_secs(), at }
        }
    }
}

fn ended_at(attempt: &Attempt) -> Timestamp {
    attempt.started_at + Duration::from_millis(attempt.duration_ms.into())
}

fn said(attempt: &Attempt) -> Option<String> {
    attempt.reply.as_ref().map(ToString::to_string).or_else(|| attempt.note.clone())
}

/// By the rule of `dispatch::react`: enough tries reached the receiver and the last cause is the recipient's.
fn counts_as_soft(entry: &TimelineEntry) -> bool {
    let is_the_recipients = entry
        .delivery
        .last
        .as_ref()
        .is_some_and(|last| last.verdict.category.concerns_recipient() && last.verdict.scope == Scope::Recipient);
    let reached = entry.attempts.iter().filter(|row| row.charged && row.attempt.reached_receiver).count();
    let is_soft = entry.delivery.state == DeliveryState::Soft;
    is_soft && is_the_recipients && reached >= usize::from(Policy::default().soft_reached_min)
}

/// The how manieth of those in a row that count towards the soft-bounce limit a mailing was. A row ends with what was
/// accepted; of the one that goes on the ledger has the count.
fn soft_nth((person, entry): Mailing<'_>, mailings: &[Mailing<'_>]) -> Option<u8> {
    let ended = |entry: &TimelineEntry| entry.delivery.last.as_ref().map(ended_at);
    let mine = ended(entry).filter(|_| counts_as_soft(entry))?;
    let theirs = || mailings.iter().filter(|(of, _)| of.contact.id == person.contact.id).map(|(_, entry)| *entry);
    let is_accepted = |entry: &&TimelineEntry| entry.delivery.state == DeliveryState::Accepted;
    let accepted = || theirs().filter(is_accepted).filter_map(ended);
    let soft = || theirs().filter(|entry| counts_as_soft(entry)).filter_map(ended);
    let nth = if accepted().any(|at| at > mine) {
        let since = accepted().filter(|at| *at < mine).max();
        soft().filter(|at| *at <= mine && since.is_none_or(|since| *at > since)).count()
    } else {
        usize::from(person.contact.soft_count).checked_sub(soft().filter(|at| *at > mine).count())?
    };
    u8::try_from(nth).ok().filter(|nth| *nth > 0)
}

async fn neighbours(store: &Store, row: &DeliveryRow) -> Result<Option<Neighbours>, StoreError> {
    let domain = row.email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
    let Some(address) = domain.filter(|_| row.position > 0) else { return Ok(None) };
    let found = store.neighbours(row.delivery).await?;
    let count = |state: DeliveryState| found.by_state.get(&state).copied().unwrap_or(0);
    let attempted = found.by_state.iter().filter(|(state, _)| state.is_attempted()).map(|(_, n)| n).sum();
    Ok(Some(Neighbours {
        domain: address.domain().as_str().to_owned(),
        attempted,
        accepted: count(DeliveryState::Accepted),
        refused: count(DeliveryState::Hard) + count(DeliveryState::Blocked),
        other: count(DeliveryState::Soft) + count(DeliveryState::InDoubt),
        waiting: count(DeliveryState::Queued) + count(DeliveryState::Deferred),
        truncated: found.truncated,
    }))
}

/// What is said of somebody who was in the queue and was left out of it: the build gives a place to nobody it skips.
fn taken_out(row: &DeliveryRow, reason: SkipReason) -> Option<&'static str> {
    let was_queued = row.position > 0;
    match reason {
        SkipReason::Excluded if was_queued => Some(TAKEN_OUT),
        SkipReason::QuarantinedImport if was_queued => Some(IMPORT_TAKEN_OUT),
        _ => None,
    }
}

/// Who left a group of people out of a campaign, and why it was let go on: the log's events of it, among its latest.
async fn left_out(store: &Store, campaign: &Campaign, row: &DeliveryRow) -> Result<Vec<Event>, StoreError> {
    let Some(reason) = row.skip.filter(|reason| taken_out(row, *reason).is_some()) else { return Ok(Vec::new()) };
    let kinds = vec![EventKind::Skipped, EventKind::Resumed];
    let filter = EventFilter { kinds, by_hand: true, newest_first: true, ..EventFilter::default() };
    let page = store.events_in(campaign.workspace, filter, None, LEFT_OUT_EVENTS_MAX).await?;
    let mut events: Vec<Event> = page.events.into_iter().filter(|event| event.campaign == Some(campaign.id)).collect();
    // Nobody is left out behind the last skip for this reason, so it went on without them only after the first.
    let first = events.iter().filter(|event| event.skip == Some(reason)).map(|event| event.at).min();
    let last = events.iter().filter(|event| event.skip == Some(reason)).map(|event| event.at).max();
    let went_on = events.iter().filter(|event| event.kind == EventKind::Resumed && Some(event.at) >= last);
    let went_on = went_on.map(|event| event.at).min();
    events.retain(|event| match event.kind {
        EventKind::Skipped => event.skip == Some(reason),
        _ => Some(event.at) >= first && Some(event.at) <= went_on,
    });
    Ok(events)
}

/// Every text of the house about one delivery, but those of rules and categories.
pub(crate) fn texts() -> impl Iterator<Item = &'static str> {
    SkipReason::ALL.iter().map(|reason| skip_meaning(*reason)).chain(advice::texts()).chain([
        NOT_TRIED,
        FOUND_OUT,
        LIFTED,
        NOTHING_MORE,
        SENT_ONCE_MORE,
        WAITS_FOR_A_CHOICE,
        NOT_TRIED_THEN,
        TAKEN_OUT,
        IMPORT_TAKEN_OUT,
    ])
}

/// Why a person was skipped, as a clause.
pub fn skip_meaning(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Unsubscribed => "they unsubscribed",
        SkipReason::HardBounced => "an earlier mailing found the address dead",
        SkipReason::Complained => "they called an earlier mailing spam",
        SkipReason::NoEmail => "the contact has no address",
        SkipReason::InvalidAddress => "the address cannot be read as one",
        SkipReason::DuplicateAddress => "another contact of the audience has the same address",
        SkipReason::Excluded => "the audience excludes them",
        SkipReason::Unconfirmed => "they have not confirmed their subscription",
        SkipReason::SoftBounceLimit => "too many mailings in a row soft-bounced",
        SkipReason::FrequencyCap => "they had enough mail for now",
        SkipReason::QuarantinedImport => "they came with an import that is quarantined",
        SkipReason::SuppressedByHand => "somebody here suppressed the address",
        SkipReason::Cancelled => "the campaign, or their part of it, was cancelled before their turn",
        SkipReason::DomainRefusesMail => "the domain says it takes no mail",
        SkipReason::Refused => "several mailings in a row were refused for this very address",
        SkipReason::CannotCompose => "the message could not be made for them",
        SkipReason::Forgotten => "they asked to be forgotten",
        SkipReason::Stale => "the offer had expired",
        SkipReason::TopicDeclined => "they do not want this topic",
        SkipReason::PausedByPerson => "they asked for a pause",
        SkipReason::OriginStopped => "nobody who came from there is mailed any more",
        SkipReason::AtRest => "they did nothing for long and were put to rest",
    }
}

impl Told {
    /// Tells what is done without, as `lanes` say: at the server of the last try, else wherever the mail of `operator` goes.
    pub fn tell_of_offers(&mut self, lanes: &[LaneView], operator: Option<&str>) {
        let last = self.timeline.iter().rev().find_map(|step| match step {
            Step::Try(one) => one.host.as_deref(),
            Step::Added { .. } | Step::Suppressed { .. } | Step::Event { .. } => None,
        });
        let is_theirs = |lane: &LaneView, refused: &Refused| match last {
            Some(host) => refused.host == host,
            None => operator == Some(lane.operator.as_str()),
        };
        let all = lanes.iter().flat_map(|lane| lane.without.iter().map(move |one| (lane, &one.refused)));
        let mut theirs: Vec<Refused> =
            all.filter(|(lane, refused)| is_theirs(lane, refused)).map(|(_, refused)| refused.clone()).collect();
        theirs.sort_by(|a, b| (&a.host, &a.extension).cmp(&(&b.host, &b.extension)));
        theirs.dedup();
        self.without = theirs;
    }

    /// Names the sources the tries went through. They belong to the house, so only for whoever may know of them.
    pub async fn name_sources(&mut self, store: &Store) -> Result<(), StoreError> {
        let known = store.sources().await?;
        let tries = self.timeline.iter_mut().filter_map(|step| match step {
            Step::Try(one) => Some(one),
            Step::Added { .. } | Step::Suppressed { .. } | Step::Event { .. } => None,
        });
        for one in tries {
            let source = known.iter().find(|source| source.id == one.source);
            one.through = source.map(|source| Through {
                name: source.name.clone(),
                address: source.address,
                ehlo_name: source.ehlo_name.clone(),
            });
        }
        Ok(())
    }
}

impl Stands {
    /// The first word of the answer.
    pub fn word(&self) -> &'static str {
        match self {
            Stands::Skipped { .. } => "SKIPPED",
            Stands::Queued { .. } | Stands::Waiting { .. } => "WAITING",
            Stands::Ended { ended, .. } => match ended {
                DeliveryState::Accepted => "ACCEPTED",
                DeliveryState::Hard => "HARD BOUNCE",
                DeliveryState::Soft => "SOFT",
                DeliveryState::InDoubt => "IN DOUBT",
                _ => "BLOCKED",
            },
        }
    }
}

impl Neighbours {
    /// What the neighbours' fate says about the failure of one of them.
    pub fn hint(&self) -> &'static str {
        let failed = self.refused + self.other;
        match (failed, self.accepted) {
            (1, accepted) if accepted > 0 => "looks like this person only",
            (0, 0) => "nobody there has got it yet",
            (failed, 0) if failed > 1 => "nobody there got it: looks like the domain as a whole",
            (1, 0) => "too few to tell",
            (failed, accepted) if failed > accepted => "most did not get it: looks like the domain or its filter",
            _ => "most there get our mail: not the domain as a whole",
        }
    }
}

impl CampaignLine {
    /// Will anything happen by itself?
    pub fn is_live(&self) -> bool {
        matches!(self.state, CampaignState::Sending | CampaignState::Retrying)
    }
}

#[cfg(test)]
mod tests;
