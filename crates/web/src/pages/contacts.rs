//! People: found by address, and one person's timeline.

use super::layout::{Layout, Section};
use super::shown::Shown;
use super::{Visitor, page};
use crate::App;
use crate::extract::At;
use crate::page as pages;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::why::{self, Who, Why};
use model::access::Scope;
use model::reaction::MACHINE_SCORE;
use model::{ContactId, ContactStatus, EmailAddress, EventKind};
use serde::Deserialize;
use std::collections::BTreeSet;
use store::{Contact, Event, StoryPlace};

const LIST: &str = "contacts";
const TIMELINE: &str = "timeline";
/// People of a page.
const PAGE: usize = 50;
/// Entries of a timeline at once.
const ENTRIES: usize = 100;

/// Which people.
#[derive(Deserialize)]
pub(super) struct Which {
    /// An address, or part of none: only whole addresses are looked up.
    #[serde(default)]
    q: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/contacts.html")]
struct Contacts {
    layout: Layout,
    q: String,
    people: Vec<Contact>,
    next: Option<String>,
    error: Option<String>,
    /// The pages beside it.
    tabs: Vec<(String, String, bool)>,
    may_export: bool,
}

/// Where somebody stands: the class of the stylesheet, which is the icon's name, and in words. Nobody who is suppressed may
/// be mailed, whatever else is known of them.
fn stands(shown: &Shown, contact: &Contact) -> (&'static str, String) {
    let class = match contact.status {
        ContactStatus::Active => "ok",
        ContactStatus::Error => "hard",
        ContactStatus::OptedOut => "skip",
        ContactStatus::Unconfirmed => "go",
    };
    // Why nobody writes to them says more than that they want no mail.
    let is_told_by_reason = matches!(contact.status, ContactStatus::Active | ContactStatus::OptedOut);
    match contact.suppressions.first().filter(|_| is_told_by_reason) {
        Some(suppressed) => ("skip", shown.one_of("suppressed", suppressed.reason.word())),
        None => (class, shown.one_of("status", contact.status.word())),
    }
}

/// What is kept beside an event, for people: programs note what they know as an object of JSON.
fn in_words(detail: String) -> String {
    let Ok(known) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&detail) else { return detail };
    let one = |(name, value): (&String, &serde_json::Value)| format!("{name}: {}", plain(value));
    known.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A value without the quotes of JSON.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The list.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsRead)?;
    let workspace = visitor.caller.workspace;
    let wanted = which.q.trim().to_owned();
    let (mut people, mut next, mut error) = (Vec::new(), None, None);
    if wanted.is_empty() {
        let after: Option<ContactId> = pages::open_as(LIST, which.after.as_deref())?;
        people = app.store.contacts_page(workspace, after, PAGE + 1).await?;
        let has_more = people.len() > PAGE;
        people.truncate(PAGE);
        next = people.last().filter(|_| has_more).map(|last| pages::seal(LIST, &last.id.to_string()));
    } else {
        match EmailAddress::parse(&wanted) {
            Ok(address) => people = app.store.contacts_by_address(workspace, &address).await?,
            Err(wrong) => error = Some(wrong.to_string()),
        }
    }
    let layout = Layout::of(&app, &visitor, Section::Contacts, visitor.shown.say("menu-contacts"));
    let tabs = super::tabs::people(&visitor, "/contacts");
    let may_export = visitor.caller.scopes.has(Scope::ContactsExport);
    Ok(page(&Contacts { layout, q: wanted, people, next, error, tabs, may_export }))
}

/// Where in a timeline.
#[derive(Deserialize)]
pub(super) struct Place {
    after: Option<String>,
}

/// Something that happened, as it is drawn.
struct Entry {
    at: String,
    machine: String,
    what: String,
    class: &'static str,
    icon: &'static str,
    /// The campaign's address and name.
    campaign: Option<(String, String)>,
    delivery: Option<String>,
    detail: Option<String>,
    is_machine: bool,
}

#[derive(Template)]
#[template(path = "pages/contact.html")]
struct ContactPage {
    layout: Layout,
    contact: Contact,
    known: Option<Why>,
    attributes: Vec<(String, String)>,
    /// That the campaign's clock is taken for theirs, and why.
    zone: Option<String>,
    entries: Vec<Entry>,
    next: Option<String>,
    may_change: bool,
}

/// One person.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ContactId>,
    Query(place): Query<Place>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsRead)?;
    let workspace = visitor.caller.workspace;
    let contact = app.store.contact_of(workspace, id).await?.ok_or_else(|| Problem::from(Code::NotFound))?;
    let before: Option<StoryPlace> = pages::open_as(TIMELINE, place.after.as_deref())?;
    let mut found = app.store.story(workspace, id, before, ENTRIES + 1).await?;
    let has_more = found.len() > ENTRIES;
    found.truncate(ENTRIES);
    let next = found.last().filter(|_| has_more).map(|last| pages::seal(TIMELINE, &last.story_place().to_string()));
    let mut entries = Vec::with_capacity(found.len());
    for event in told_once(found) {
        entries.push(entry(&app, &visitor, event).await?);
    }
    let known = why::why(&app.store, workspace, &Who::Contact(id), None).await?;
    let title = contact.email.clone().unwrap_or_else(|| id.to_string());
    let zone = engine::unknown_zone(&contact.attributes);
    let zone = zone.map(|zone| visitor.shown.fill("contact-zone", &[("zone", zone.into())]));
    let attributes = attributes(&contact);
    let layout = Layout::of(&app, &visitor, Section::Contacts, title);
    let may_change = visitor.caller.scopes.has(Scope::ContactsWrite);
    Ok(page(&ContactPage { layout, contact, known, attributes, zone, entries, next, may_change }))
}

/// Without the handing over of messages whose first try was also the last and stands above: that tells it as well.
fn told_once(found: Vec<Event>) -> Vec<Event> {
    let ended = |event: &Event| event.became.is_some_and(|state| !state.is_in_progress());
    let at_once: BTreeSet<_> = found
        .iter()
        .filter(|event| ended(event) && event.attempt == Some(1))
        .filter_map(|event| event.delivery)
        .collect();
    let is_told = |event: &Event| event.delivery.is_some_and(|delivery| at_once.contains(&delivery));
    found.into_iter().filter(|event| event.kind != EventKind::Sent || !is_told(event)).collect()
}

/// A person's values, in the order of their names.
pub(super) fn attributes(contact: &Contact) -> Vec<(String, String)> {
    let values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&contact.attributes).unwrap_or_default();
    values.into_iter().map(|(name, value)| (name, plain(&value))).collect()
}

async fn entry(app: &App, visitor: &Visitor, event: Event) -> Result<Entry, Problem> {
    let shown = &visitor.shown;
    let campaign = match event.campaign {
        Some(id) => app.store.campaign(id).await?.map(|known| (format!("/campaigns/{id}"), known.name)),
        None => None,
    };
    let (class, icon) = looks(&event);
    let reaction = event.reaction.as_ref();
    let skipped = event.skip.map(|reason| shown.one_of("skip", reason.word()));
    let name = reaction.and_then(|reaction| reaction.name.clone());
    Ok(Entry {
        at: shown.second(&event.at),
        machine: shown.machine(&event.at),
        what: shown.one_of("event", event.kind.word()),
        class,
        icon,
        delivery: event.delivery.map(|id| id.to_string()),
        is_machine: reaction.is_some_and(|reaction| reaction.score >= MACHINE_SCORE),
        detail: skipped.or(name).or(event.detail.map(in_words)),
        campaign,
    })
}

/// The class and the icon of an event.
fn looks(event: &Event) -> (&'static str, &'static str) {
    use model::ReactionKind::{Clicked, Opened};
    if let Some(state) = event.became {
        let class = super::shown::verdict_class(&state);
        return (class, class);
    }
    match event.reaction.as_ref().map(|reaction| reaction.kind) {
        Some(Opened) => ("us", "open"),
        Some(Clicked) => ("us", "click"),
        Some(_) => ("us", "people"),
        None if event.skip.is_some() => ("skip", "skip"),
        None => ("skip", "plus"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_noted_is_told_without_its_marks() {
        assert_eq!(in_words("{\"how\":\"page\",\"times\":2}".to_owned()), "how: page, times: 2");
        assert_eq!(in_words("error: hard_bounced".to_owned()), "error: hard_bounced");
    }
}
