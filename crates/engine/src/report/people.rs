//! The people behind a number of a campaign, in pages: a term of the equation, or something people did; all of them, or
//! those who got one variant.

use super::{Cause, SETTLED_MEANING, is_settled, iso_or_null, words};
use model::reaction::By;
use model::{
    CampaignId, Category, CauseMark, ContactId, DeliveryId, DeliveryState, EnhancedCode, ReactionKind, SkipReason,
    Stage, Tally, Timestamp,
};
use serde::Serialize;
use std::net::IpAddr;
use std::time::Duration;
use store::{Among, Campaign, DeliveryRow, Doers, Store, StoreError};

/// A person of a list, with what happened last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The address as sent; `None` when they were forgotten or have none.
    pub address: Option<String>,
    /// The delivery's id.
    pub delivery: String,
    /// Their contact id.
    pub contact: String,
    /// Where the delivery stands.
    pub state: DeliveryState,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<SkipReason>,
    /// The server of the last try: its name, or its network address where a kill left no more.
    pub host: Option<String>,
    /// Its network address.
    pub ip: Option<IpAddr>,
    /// When the last try ended.
    #[serde(serialize_with = "iso_or_null")]
    pub time: Option<Timestamp>,
    /// Tries charged to the recipient.
    pub tries: u16,
    /// Tries that were made, charged to them or not, as their story numbers them.
    #[serde(skip)]
    pub made: u16,
    /// How far the last try came.
    pub stage: Option<Stage>,
    /// Why it ended so.
    pub category: Option<Category>,
    /// What the server said last, or what we saw.
    pub reply: Option<String>,
    /// What it means.
    pub meaning: Option<&'static str>,
    /// When they are tried next.
    #[serde(serialize_with = "iso_or_null")]
    pub next_try_at: Option<Timestamp>,
    /// The reply code, if there was a reply; `reply` has it for programs.
    #[serde(skip)]
    pub code: Option<u16>,
    /// The enhanced code, of the reply or of what DNS said.
    #[serde(skip)]
    pub enhanced: Option<EnhancedCode>,
    /// The provider key of the site of the last try, if it is a known one.
    #[serde(skip)]
    pub provider: Option<String>,
    /// The rule that judged it.
    #[serde(skip)]
    pub rule: Option<String>,
}

impl Person {
    /// Are they counted under this cause?
    pub fn is_of(&self, cause: &Cause) -> bool {
        let (Some(category), Some(rule)) = (self.category, &self.rule) else { return false };
        let codes = (self.code, self.enhanced);
        CauseMark::new(self.state, category, self.provider.as_deref(), codes, rule) == cause.mark()
    }
}

/// A page of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The people, in the order of the queue.
    pub people: Vec<Person>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<DeliveryId>,
}

/// What people did themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// They opened it: a direction, no more.
    Opened,
    /// They followed a link.
    Clicked,
    /// They answered.
    Replied,
    /// They unsubscribed with its links.
    Unsubscribed,
    /// They called it spam.
    Complained,
    /// They reached the goal that its variants are compared by.
    Reached,
}

impl Did {
    /// All of them.
    pub const ALL: [Did; 6] =
        [Did::Opened, Did::Clicked, Did::Replied, Did::Unsubscribed, Did::Complained, Did::Reached];

    /// Its word in addresses.
    pub const fn word(self) -> &'static str {
        match self {
            Did::Opened => "opened",
            Did::Clicked => "clicked",
            Did::Replied => "replied",
            Did::Unsubscribed => "unsubscribed",
            Did::Complained => "complained",
            Did::Reached => "reached",
        }
    }

    /// What this word means.
    pub fn from_word(word: &str) -> Option<Did> {
        Did::ALL.into_iter().find(|did| did.word() == word)
    }

    /// The reaction that shows it; `None`: something of another system's.
    const fn kind(self) -> Option<ReactionKind> {
        Some(match self {
            Did::Opened => ReactionKind::Opened,
            Did::Clicked => ReactionKind::Clicked,
            Did::Replied => ReactionKind::Replied,
            Did::Unsubscribed => ReactionKind::Unsubscribed,
            Did::Complained => ReactionKind::Complained,
            Did::Reached => return None,
        })
    }
}

/// What is asked of the people behind a number of deeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What was done.
    pub did: Did,
    /// Only those of the sample who got this variant.
    pub variant: Option<u8>,
    /// Only with this link of the message, from 1; 0: the one that only machines see.
    pub link: Option<u32>,
    /// By whom.
    pub by: By,
    /// Only within so many hours after the campaign began.
    pub within_hours: Option<u32>,
}

impl Deed {
    /// Whoever did it themselves.
    pub const fn of(did: Did) -> Deed {
        Deed { did, variant: None, link: None, by: By::Person, within_hours: None }
    }

    /// The moment before which it was done; `None`: at any time, or nothing began that it could be reckoned from.
    pub fn before(&self, campaign: &Campaign) -> Option<Timestamp> {
        let hours = Duration::from_hours(self.within_hours?.into());
        Some(campaign.started_at? + hours)
    }

    /// Why this cannot be asked, where it cannot.
    pub fn refused(&self) -> Option<(&'static str, &'static str)> {
        let is_told_apart = matches!(self.did, Did::Opened | Did::Clicked);
        match () {
            () if self.link.is_some() && self.did != Did::Clicked => Some(("link", "only clicks have a link")),
            () if self.by != By::Person && !is_told_apart => Some(("by", "only opens and clicks may be a machine's")),
            () if self.within_hours.is_some() && !is_told_apart => {
                Some(("within_hours", "only opens and clicks are counted by time"))
            }
            () => None,
        }
    }
}

/// A page of people who did something, and where the next begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoersPage {
    /// The people; fewer than asked for, or nobody, where many had to be looked through.
    pub people: Vec<Person>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<ContactId>,
}

/// Looks of the ledger for one page of people, each through a bounded number of reactions.
const LOOKS_MAX: usize = 8;

/// The people of a campaign behind a deed, at most `limit` at a time, after `after`. Nobody has reached a goal where variants
/// are not compared by one.
pub async fn doers(
    store: &Store,
    campaign: &Campaign,
    deed: Deed,
    after: Option<ContactId>,
    limit: usize,
    now: Timestamp,
) -> Result<DoersPage, StoreError> {
    let did = match deed.did.kind() {
        Some(kind) => store::Did::Reaction(kind),
        None => match crate::trial::goal(store, campaign, now).await? {
            Some((name, until)) => store::Did::Told { name, until },
            None => return Ok(DoersPage::default()),
        },
    };
    let before = deed.before(campaign);
    if deed.within_hours.is_some() && before.is_none() {
        return Ok(DoersPage::default());
    }
    let who = Doers {
        variant: deed.variant,
        link: deed.link,
        by: deed.by,
        before,
        ..Doers::of(campaign.workspace, campaign.id, did)
    };
    let (mut page, mut after) = (DoersPage::default(), after);
    for _ in 0..LOOKS_MAX {
        let found = store.doers(who.clone(), after, limit - page.people.len()).await?;
        page.people.extend(found.rows.into_iter().map(person));
        (page.next, after) = (found.next, found.next);
        if page.next.is_none() || page.people.len() >= limit {
            break;
        }
    }
    Ok(page)
}

/// Where a campaign's people stand, all or those of the sample with this variant. `None`: there is no such variant.
pub async fn tally(store: &Store, campaign: &Campaign, variant: Option<u8>) -> Result<Option<Tally>, StoreError> {
    let Some(variant) = variant else { return store.tally(campaign.id).await.map(Some) };
    let arms = store.trial_arms(campaign.workspace, campaign.id).await?;
    Ok(arms.into_iter().nth(variant.into()).map(|arm| arm.tally))
}

/// The people of a campaign who stand at `state`, or some among them, `limit` at a time, after `after`. `tally`: theirs, as it
/// was read for all states together ([`tally`]).
pub async fn people(
    store: &Store,
    tally: &Tally,
    campaign: CampaignId,
    (state, among): (DeliveryState, Among),
    after: Option<DeliveryId>,
    limit: usize,
) -> Result<Page, StoreError> {
    // Not to look through a whole campaign for nobody.
    if tally.count(state) == 0 {
        return Ok(Page { people: Vec::new(), next: None });
    }
    let rows = store.deliveries_among(campaign, state, among, after, limit).await?;
    let next = rows.last().map(|row| row.delivery).filter(|_| rows.len() == limit);
    Ok(Page { people: rows.into_iter().map(person).collect(), next })
}

/// How a delivery stands.
pub fn person(row: DeliveryRow) -> Person {
    let (state, made, last) = (row.state, crate::why::tries_made(&row), row.last);
    let meaning = |last: &model::Attempt| match is_settled(state, last.verdict.category) {
        true => SETTLED_MEANING,
        false => words::explain_verdict(&last.verdict).meaning,
    };
    // What settled it without a try was said to others.
    let reply = |last: &model::Attempt| last.reply.as_ref().filter(|_| made > 0).map(ToString::to_string);
    let said = |last: &model::Attempt| reply(last).or_else(|| last.note.clone());
    Person {
        address: row.email,
        delivery: row.delivery.to_string(),
        contact: row.contact.to_string(),
        state: row.state,
        reason: row.skip,
        time: last.as_ref().map(|last| last.started_at + Duration::from_millis(last.duration_ms.into())),
        tries: row.tries,
        made,
        stage: last.as_ref().map(|last| last.verdict.stage),
        category: last.as_ref().map(|last| last.verdict.category),
        reply: last.as_ref().and_then(said),
        meaning: last.as_ref().map(meaning),
        next_try_at: row.due.map(|(_, at)| at),
        code: last.as_ref().and_then(|last| last.reply.as_ref()).map(|reply| reply.code),
        enhanced: last.as_ref().and_then(enhanced),
        provider: row.provider,
        rule: last.as_ref().map(|last| last.verdict.rule.to_string()),
        ip: last.as_ref().and_then(|last| last.address),
        host: last.and_then(|last| last.host.or_else(|| last.address.map(|address| address.to_string()))),
    }
}

fn enhanced(last: &model::Attempt) -> Option<EnhancedCode> {
    let said = last.reply.as_ref().and_then(|reply| reply.enhanced);
    said.or_else(|| EnhancedCode::of_dns(last.verdict.stage, last.verdict.category))
}
