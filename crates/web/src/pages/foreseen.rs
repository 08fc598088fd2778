//! The people behind a number of a campaign that has not begun: who would get it now, and who would be skipped and why.
//!
//! They are those of the counting that the review shows; nothing is written. Invariant: the terms above and the people below
//! are of one counting.

use super::campaign::Head;
use super::counting::{self, Reckoned};
use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::page as pages;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::response::Response;
use engine::report::Report;
use model::{ContactId, SkipReason};
use store::{Campaign, Foreseen};

/// People of a page.
const PEOPLE: usize = 50;
const LIST: &str = "foreseen";

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

/// The people behind a term. `reason`: of those who would be skipped only these; of those without a value, the tag that
/// comes out empty.
pub(super) async fn show(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
    (term, reason): (&str, &str),
    after: Option<&str>,
) -> Result<Response, Problem> {
    let unknown = || Problem::from(Code::NotFound);
    let tag = (term == "without").then(|| reason.to_owned());
    let reason = match reason {
        _ if tag.is_some() => None,
        "" => None,
        word => Some(SkipReason::from_word(word).ok_or_else(unknown)?),
    };
    let from: Option<usize> = pages::open_as(LIST, after)?;
    let kept = counting::known(app, campaign).await?;
    let of = match term {
        "" | "all" => Term::Everybody,
        // Before it begins whoever would get it waits, and nobody has a verdict.
        "attempted" | "in_progress" | "queued" => Term::Attempted,
        "skipped" => Term::Skipped(reason),
        "without" => {
            let tag = tag.as_deref().unwrap_or_default();
            let bit = kept.as_ref().map(|kept| kept.counted.bit_of(tag).ok_or_else(unknown)).transpose()?;
            Term::Without(bit.unwrap_or_default())
        }
        _ => return Err(unknown()),
    };
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
    }))
}
