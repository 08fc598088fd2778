//! The people behind a number of a campaign that has not begun: who would get it now, and who would be skipped and why.
//!
//! They are those of the counting that the review shows; nothing is written. Invariant: the terms above and the people below
//! are of one counting.

use super::campaign::{self, Head};
use super::counting::{self, Kept, Reckoned};
use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::extract::{Asked, At};
use crate::page as pages;
use crate::problem::{Code, Problem};
use crate::stream::Table;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use engine::report::Report;
use model::access::Scope;
use model::{CampaignId, CampaignState, ContactId, SkipReason, WorkspaceId};
use serde::Deserialize;
use store::{Campaign, Foreseen, StoreError};

/// People of a page.
const PEOPLE: usize = 50;
const LIST: &str = "foreseen";
/// The columns of the table of them.
const HEADER: [&str; 4] = ["address", "contact", "state", "reason"];
/// Rows of the table that are written at a time.
const ROWS: usize = 500;

/// Whom a draft would concern, as a term of its equation.
enum Term {
    /// Everybody of its audience.
    Everybody,
    /// Those who would get it.
    Attempted,
    /// Those of them who have no value for the tag of this bit.
    Without(u64),
    /// Those who would be skipped; for one reason only, where one is named.
    Skipped(Option<SkipReason>),
}

impl Term {
    fn holds(&self, one: &Foreseen) -> bool {
        match self {
            Term::Everybody => true,
            Term::Attempted => one.skip.is_none(),
            Term::Without(bit) => one.skip.is_none() && one.lacks & bit != 0,
            Term::Skipped(reason) => one.skip.is_some() && (reason.is_none() || one.skip == *reason),
        }
    }
}

/// Somebody of the page.
struct Somebody {
    contact: ContactId,
    /// Their address, or what stands where one should be.
    address: Option<String>,
    /// Why they would be skipped; `None`: they would get it.
    skip: Option<SkipReason>,
}

#[derive(Template)]
#[template(path = "pages/foreseen.html")]
struct Page {
    layout: Layout,
    head: Head,
    reckoned: Reckoned,
    /// Where they stand.
    term: String,
    reason: Option<SkipReason>,
    /// The tag for which they have no value.
    tag: Option<String>,
    heading: String,
    people: Vec<Somebody>,
    next: Option<String>,
    /// Is there a page before this one?
    is_later: bool,
    /// The choices: term, class, and how many.
    terms: Vec<(&'static str, &'static str, u64)>,
    reasons: Vec<(&'static str, u64)>,
    may_export: bool,
}

impl Page {
    fn is_here(&self, term: &str) -> bool {
        self.term == term && self.reason.is_none()
    }

    fn is_reason(&self, word: &str) -> bool {
        self.reason.is_some_and(|reason| reason.word() == word)
    }

    /// The address of the next page without its cursor.
    fn query(&self) -> String {
        let word = self.reason.map(SkipReason::word).or(self.tag.as_deref());
        let reason = word.map(|word| format!("&reason={word}")).unwrap_or_default();
        format!("?state={}{reason}", self.term)
    }
}

/// Which of them are asked for.
struct Which {
    of: Term,
    reason: Option<SkipReason>,
    /// The tag for which they have no value.
    tag: Option<String>,
}

impl Which {
    /// `kept`: what was counted; before it was, no tag is known.
    fn read((term, reason): (&str, &str), kept: Option<&Kept>) -> Result<Which, Problem> {
        let unknown = || Problem::from(Code::NotFound);
        let tag = (term == "without").then(|| reason.to_owned());
        let reason = match reason {
            _ if tag.is_some() => None,
            "" => None,
            word => Some(SkipReason::from_word(word).ok_or_else(unknown)?),
        };
        let of = match term {
            "" | "all" => Term::Everybody,
            // Before it begins whoever would get it waits, and nobody has a verdict.
            "attempted" | "in_progress" | "queued" => Term::Attempted,
            "skipped" => Term::Skipped(reason),
            "without" => {
                let tag = tag.as_deref().unwrap_or_default();
                let bit = kept.map(|kept| kept.counted.bit_of(tag).ok_or_else(unknown)).transpose()?;
                Term::Without(bit.unwrap_or_default())
            }
            _ => return Err(unknown()),
        };
        Ok(Which { of, reason, tag })
    }
}

/// The people behind a term. `reason`: of those who would be skipped only these; of those without a value, the tag that
/// comes out empty.
pub(super) async fn show(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
    (term, reason): (&str, &str),
    after: Option<&str>,
) -> Result<Response, Problem> {
    let from: Option<usize> = pages::open_as(LIST, after)?;
    let kept = counting::known(app, campaign).await?;
    let Which { of, reason, tag } = Which::read((term, reason), kept.as_deref())?;
    let everybody = kept.as_ref().map(|kept| kept.counted.people.as_slice()).unwrap_or_default();
    let theirs = everybody.iter().enumerate().skip(from.unwrap_or_default()).filter(|(_, one)| of.holds(one));
    let mut found: Vec<(usize, Foreseen)> = theirs.take(PEOPLE + 1).map(|(at, one)| (at, *one)).collect();
    // The first of the next page.
    let next = found.split_off(PEOPLE.min(found.len()));
    let next = next.first().map(|(at, _)| pages::seal(LIST, &at.to_string()));
    let ids = found.iter().map(|(_, one)| one.contact).collect();
    let contacts = app.store.contacts_of(campaign.workspace, ids).await?;
    let somebody = |((_, one), contact): ((usize, Foreseen), Option<store::Contact>)| Somebody {
        contact: one.contact,
        address: contact.and_then(|contact| contact.email),
        skip: one.skip,
    };
    let people = found.into_iter().zip(contacts).map(somebody).collect();
    let known = kept.as_ref().map(|kept| Report::of_tally(&kept.counted.tally));
    let terms = known.iter().flat_map(|known| {
        [("all", "", known.recipients), ("skipped", "skip", known.skipped), ("attempted", "go", known.attempted)]
    });
    let terms = terms.collect();
    let reasons = known.iter().flat_map(|known| &known.skipped_by_reason);
    let reasons: Vec<(&'static str, u64)> = reasons.map(|(reason, count)| (reason.word(), *count)).collect();
    let title = visitor.shown.fill("people-title", &[("name", campaign.name.as_str().into())]);
    let term = if term.is_empty() { "all" } else { term };
    let heading = match &tag {
        Some(tag) => visitor.shown.fill("foreseen-without", &[("tag", tag.as_str().into())]),
        None => visitor.shown.one_of("term", term),
    };
    Ok(page(&Page {
        layout: Layout::of(app, visitor, Section::Campaigns, title),
        head: Head::of(app, visitor, campaign, "people").await?,
        reckoned: Reckoned::of(visitor, kept.as_deref()),
        term: term.to_owned(),
        reason,
        tag,
        heading,
        people,
        next,
        is_later: from.is_some(),
        terms,
        reasons: reasons.into_iter().filter(|(_, count)| *count > 0).collect(),
        may_export: visitor.caller.scopes.has(Scope::ContactsExport),
    }))
}

/// Which of them are to be in the table, as the page with them says it.
#[derive(Deserialize)]
pub(super) struct Meant {
    #[serde(default)]
    state: String,
    #[serde(default)]
    reason: String,
}

/// The same people as a table, all of them, as they were counted for whoever looks.
pub(super) async fn table(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Asked(meant): Asked<Meant>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    visitor.caller.may(Scope::ContactsExport)?;
    let campaign = campaign::found(&app, &visitor, id).await?;
    if !matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled) {
        return Err(Code::NotFound.into());
    }
    let kept = counting::known(&app, &campaign).await?;
    let kept = kept.ok_or_else(|| Problem::new(Code::Refused, visitor.shown.say("count-going")))?;
    let Which { of, .. } = Which::read((meant.state.as_str(), meant.reason.as_str()), Some(&*kept))?;
    let theirs: Vec<Foreseen> = kept.counted.people.iter().filter(|one| of.holds(one)).copied().collect();
    let (mut table, response) = Table::begin("people");
    tokio::spawn(async move {
        if let Err(error) = write(&app, campaign.workspace, &theirs, &mut table).await {
            table.fail(&error);
        }
    });
    Ok(response)
}

/// Writes a row for each of them, for as long as somebody reads.
async fn write(app: &App, workspace: WorkspaceId, people: &[Foreseen], table: &mut Table) -> Result<(), StoreError> {
    if table.rows([HEADER.map(str::to_owned)]).await.is_err() {
        return Ok(());
    }
    for some in people.chunks(ROWS) {
        let contacts = app.store.contacts_of(workspace, some.iter().map(|one| one.contact).collect()).await?;
        let rows: Vec<[String; 4]> = some.iter().zip(contacts).map(|(one, contact)| row(one, contact)).collect();
        if table.rows(rows).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn row(one: &Foreseen, contact: Option<store::Contact>) -> [String; 4] {
    let (state, reason) = match one.skip {
        Some(reason) => ("skipped", reason.word()),
        None => ("attempted", ""),
    };
    let address = contact.and_then(|contact| contact.email).unwrap_or_default();
    [address, one.contact.to_string(), state.to_owned(), reason.to_owned()]
}
