//! The people behind a number of a campaign that has not begun: who would get it now, and who would be skipped and why.
//!
//! It is counted as the review counts it, over the same decision; nothing is written. Invariant: the terms above and the
//! people below are of one counting.

use super::campaign::Head;
use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::page as pages;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::response::Response;
use engine::report::Report;
use model::SkipReason;
use store::{Campaign, Foreseen, ForeseenPage, ForeseenTerm};

/// People of a page.
const PEOPLE: usize = 50;
const LIST: &str = "foreseen";

#[derive(Template)]
#[template(path = "pages/foreseen.html")]
struct Page {
    layout: Layout,
    head: Head,
    /// Where they stand.
    term: String,
    reason: Option<SkipReason>,
    /// The tag for which they have no value.
    tag: Option<String>,
    heading: String,
    people: Vec<Foreseen>,
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
    let of = match term {
        "" | "all" => ForeseenTerm::Everybody,
        // Before it begins whoever would get it waits, and nobody has a verdict.
        "attempted" | "in_progress" | "queued" => ForeseenTerm::Attempted,
        "skipped" => ForeseenTerm::Skipped(reason),
        "without" => {
            let columns = app.store.attribute_names(campaign.workspace).await?;
            ForeseenTerm::Without(engine::drafts::values_of(&columns, tag.as_deref().unwrap_or_default()))
        }
        _ => return Err(unknown()),
    };
    let is_later = after.is_some();
    let after = after.map(|cursor| pages::open(LIST, cursor)).transpose()?;
    let after = after.map(|place| place_of(&place).ok_or_else(|| Problem::from(Code::InvalidCursor))).transpose()?;
    let wanted = ForeseenPage { of, after, limit: PEOPLE + 1 };
    let counted = app.store.forecast_people(campaign.workspace, campaign.id, wanted, app.now()).await?;
    let (tally, mut people) = counted;
    let next = pages::cut(&mut people, PEOPLE, LIST, |last| format!("{} {}", last.place.0, last.place.1));
    let known = Report::of_tally(&tally);
    let terms =
        vec![("all", "", known.recipients), ("skipped", "skip", known.skipped), ("attempted", "go", known.attempted)];
    let reasons = known.skipped_by_reason.iter().map(|(reason, count)| (reason.word(), *count));
    let title = visitor.shown.fill("people-title", &[("name", campaign.name.as_str().into())]);
    let term = if term.is_empty() { "all" } else { term };
    let heading = match &tag {
        Some(tag) => visitor.shown.fill("foreseen-without", &[("tag", tag.as_str().into())]),
        None => visitor.shown.one_of("term", term),
    };
    Ok(page(&Page {
        layout: Layout::of(app, visitor, Section::Campaigns, title),
        head: Head::of(app, visitor, campaign, "people").await?,
        term: term.to_owned(),
        reason,
        tag,
        heading,
        people,
        next,
        is_later,
        terms,
        reasons: reasons.filter(|(_, count)| *count > 0).collect(),
    }))
}

fn place_of(text: &str) -> Option<(i64, i64)> {
    let (domain, place) = text.split_once(' ')?;
    Some((domain.parse().ok()?, place.parse().ok()?))
}
