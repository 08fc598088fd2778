//! People: found by the beginning of their address, by where they stand and by list; and one person's timeline.

use super::layout::{Layout, Section};
use super::message::{by_whom, link_in_words};
use super::noted::{self, plain};
use super::shown::Shown;
use super::{Visitor, page, segments};
use crate::App;
use crate::api::contacts::{BY_ADDRESS, Wanted, order_of};
use crate::extract::{Asked, At};
use crate::page as pages;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use dispatch::words::explain_verdict;
use engine::why::{self, Kept, Who, Why};
use model::access::Scope;
use model::segment::moment::is_midnight;
use model::{
    CampaignId, ContactId, ContactStatus, DeliveryId, DeliveryState, EmailAddress, EventKind, SkipReason,
    SuppressionReason,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, btree_map};
use store::{AttemptRow, Contact, Event, Fate, Found, Sought, Stand, StoryPlace};

const TIMELINE: &str = "timeline";
/// People of a page.
const PAGE: usize = 50;
/// Lists to choose from.
const LISTS_MAX: usize = 500;
/// Entries of a timeline at once.
const ENTRIES: usize = 100;

/// Which people.
#[derive(Default, Deserialize)]
pub(super) struct Which {
    /// How the address begins; `@` and a domain: everybody there.
    #[serde(default)]
    q: String,
    /// Where they stand.
    #[serde(default)]
    state: String,
    /// A list they are on.
    #[serde(default)]
    list: String,
    /// An import they were in.
    #[serde(default)]
    import: String,
    /// What they were to it.
    #[serde(default)]
    fate: String,
    /// A sunset that put them to rest.
    #[serde(default)]
    rests: String,
    /// In which order; empty: as they came.
    #[serde(default)]
    sort: String,
    after: Option<String>,
}

impl Which {
    /// The same as the API asks for it.
    fn wanted(&self) -> Wanted {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let (domain, email_begins) = match self.q.trim().strip_prefix('@') {
            Some(domain) => (some(domain), None),
            None => (None, some(&self.q)),
        };
        let [state, list, import, fate, rests, sort] =
            [&self.state, &self.list, &self.import, &self.fate, &self.rests, &self.sort].map(String::as_str).map(some);
        Wanted { email_begins, domain, state, list, import, fate, rests, sort }
    }

    /// The address of the page with these people, from `after` on.
    fn address(&self, after: &str) -> String {
        self.address_sorted(&self.sort, after)
    }

    /// The same in another order.
    fn address_sorted(&self, sort: &str, after: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("q", self.q.trim()),
            ("state", self.state.as_str()),
            ("list", self.list.as_str()),
            ("import", self.import.as_str()),
            ("fate", self.fate.as_str()),
            ("rests", self.rests.as_str()),
            ("sort", sort),
            ("after", after),
        ];
        query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        format!("/contacts?{}", query.finish())
    }
}

/// The same people as a table.
fn export_of(wanted: &Wanted) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let fields = [
        ("email_begins", &wanted.email_begins),
        ("domain", &wanted.domain),
        ("state", &wanted.state),
        ("list", &wanted.list),
        ("import", &wanted.import),
        ("fate", &wanted.fate),
        ("rests", &wanted.rests),
        ("sort", &wanted.sort),
    ];
    query.extend_pairs(fields.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
    let query = query.finish();
    if query.is_empty() { "/api/v1/exports/contacts".to_owned() } else { format!("/api/v1/exports/contacts?{query}") }
}

/// What is to be chosen from: value, words, is it chosen?
type Choices = Vec<(String, String, bool)>;

#[derive(Template)]
#[template(path = "pages/contacts.html")]
struct Contacts {
    layout: Layout,
    q: String,
    people: Vec<Contact>,
    /// The next page.
    next: Option<String>,
    /// The first, from a later one.
    first: Option<String>,
    /// Are they in the order of their addresses, and the same people in the other order?
    is_sorted: bool,
    sorted: String,
    /// The import they were in and what they were to it, as the form sends it on, and in words.
    of_import: Option<(String, String, String)>,
    /// The sunset that put them to rest, as the form sends it on.
    rests: Option<String>,
    /// Is everybody shown, whoever they are?
    is_everybody: bool,
    /// What is wrong with what was asked.
    error: Option<Problem>,
    /// The pages beside it.
    tabs: Vec<(String, String, bool)>,
    /// The same people as a table.
    export: Option<String>,
    /// Where they become a segment.
    segment: Option<String>,
    /// Where people of that name are found, where no address was typed.
    by_name: Option<(String, String)>,
    statuses: Choices,
    suppressed: Choices,
    lists: Choices,
}

/// Where somebody stands: the class of the stylesheet, which is the icon's name, and in words. Nobody who is suppressed or has
/// no address, or that of another contact, is told to be mailable, whatever else is known of them.
pub(super) fn stands(shown: &Shown, contact: &Contact) -> (&'static str, String) {
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
        None if contact.status == ContactStatus::Active && contact.address.is_none() => {
            let why = if contact.email.is_none() { SkipReason::NoEmail } else { SkipReason::InvalidAddress };
            ("skip", shown.one_of("skip", why.word()))
        }
        None if contact.status == ContactStatus::Active && contact.shares_address_with.is_some() => {
            ("skip", shown.say("contact-shares"))
        }
        None => (class, shown.one_of("status", contact.status.word())),
    }
}

/// What their server said, where that is why nothing goes to them. Of whoever left, it is what it said to the mail they left by.
fn refusal_of(kept: &Kept) -> Option<&str> {
    use SuppressionReason::{DomainRefusesMail, HardBounced};
    let is_by_their_server = matches!(kept.reason, HardBounced | DomainRefusesMail);
    kept.evidence.as_ref().and_then(|evidence| evidence.reply.as_deref()).filter(|_| is_by_their_server)
}

/// The list.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsRead)?;
    let (scopes, workspace) = (visitor.caller.scopes, visitor.caller.workspace);
    let (sought, error) = match which.wanted().read(&app, workspace).await {
        Ok(sought) => (sought, None),
        Err(problem) => (Sought::default(), Some(problem)),
    };
    let order = order_of(&sought);
    let after = pages::open_as(order, which.after.as_deref())?;
    let mut found = match &error {
        None => app.store.seek(workspace, sought.clone(), after.clone(), PAGE).await?,
        Some(_) => Found { people: Vec::new(), next: None },
    };
    // Whoever had the address before is found by it as well.
    if let (None, Ok(address)) = (after, EmailAddress::parse(which.q.trim()))
        && sought.stand.is_none()
        && sought.list.is_none()
        && sought.import.is_none()
        && sought.rests.is_none()
    {
        let holders = app.store.contacts_by_address(workspace, &address).await?;
        let is_new = |one: &Contact| found.people.iter().all(|known| known.id != one.id);
        let former: Vec<Contact> = holders.into_iter().filter(is_new).collect();
        found.people.splice(0..0, former);
    }
    let next = found.next.map(|next| which.address(&pages::seal(order, &next.to_string())));
    let export = (scopes.has(Scope::ContactsExport) && error.is_none()).then(|| export_of(&which.wanted()));
    let segment = segments::of_sought(&sought).filter(|_| scopes.has(Scope::SegmentsWrite));
    let (statuses, suppressed) = states(&visitor.shown, &which.state);
    let lists = match scopes.has(Scope::SegmentsRead) {
        true => app.store.lists(workspace, None, LISTS_MAX).await?,
        false => Vec::new(),
    };
    let lists = lists.into_iter().map(|list| {
        let id = list.id.to_string();
        let is_chosen = id == which.list;
        (id, list.list.name, is_chosen)
    });
    let by_name = segments::of_name(which.q.trim()).filter(|_| scopes.has(Scope::SegmentsWrite));
    let by_name =
        by_name.map(|place| (place, visitor.shown.fill("contacts-by-name", &[("name", which.q.trim().into())])));
    let of_import = match sought.import {
        Some((import, fate)) => {
            let name = app.store.import(import).await?.file_name;
            let fate = fate.map_or("", Fate::word);
            let values = [("fate", fate.into()), ("name", name.into())];
            Some((import.to_string(), fate.to_owned(), visitor.shown.fill("contacts-of-import", &values)))
        }
        None => None,
    };
    let is_sorted = sought.by_address;
    Ok(page(&Contacts {
        is_sorted,
        sorted: which.address_sorted(if is_sorted { "" } else { BY_ADDRESS }, ""),
        layout: Layout::of(&app, &visitor, Section::Contacts, visitor.shown.say("menu-contacts")),
        is_everybody: sought.is_everybody(),
        of_import,
        rests: sought.rests.map(|sunset| sunset.to_string()),
        people: found.people,
        tabs: super::tabs::people(&visitor, "/contacts"),
        lists: lists.collect(),
        q: which.q.trim().to_owned(),
        next,
        first: which.after.is_some().then(|| which.address("")),
        error,
        export,
        segment,
        by_name,
        statuses,
        suppressed,
    }))
}

/// Where somebody may stand, to choose from: by status, and by what keeps mail from them.
fn states(shown: &Shown, chosen: &str) -> (Choices, Choices) {
    let (mut statuses, mut suppressed) = (Vec::new(), Vec::new());
    for stand in Stand::all() {
        let word = stand.word();
        let one = |words: String| (word.to_owned(), words, word == chosen);
        match stand {
            // Some of them are suppressed or have no address: only of one person is it known whether they may be mailed.
            Stand::Status(ContactStatus::Active) => statuses.push(one(shown.say("contacts-active"))),
            Stand::Status(_) => statuses.push(one(shown.one_of("status", word))),
            Stand::SharesAddress => statuses.push(one(shown.say("contact-shares"))),
            Stand::Suppressed(None) => suppressed.push(one(shown.say("contacts-suppressed-any"))),
            Stand::Suppressed(Some(_)) => suppressed.push(one(shown.one_of("suppressed", word))),
        }
    }
    (statuses, suppressed)
}

/// Where in a timeline.
#[derive(Deserialize)]
pub(super) struct Place {
    after: Option<String>,
    /// How many messages wait to somebody who was suppressed just now.
    waits: Option<u64>,
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
    /// Of a try that was not taken: what that means.
    meaning: Option<String>,
    /// Of a try: what the server said, with its code; or what we saw where it said nothing.
    reply: Option<String>,
    /// By whom, if it was not surely they themselves.
    by: Option<String>,
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
    /// How many messages wait to them, where they were suppressed just now.
    waits: Option<u64>,
    may_change: bool,
}

/// One person.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ContactId>,
    Asked(place): Asked<Place>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsRead)?;
    let workspace = visitor.caller.workspace;
    let contact = app.store.contact_of(workspace, id).await?.ok_or_else(|| Problem::from(Code::NotFound))?;
    let before: Option<StoryPlace> = pages::open_as(TIMELINE, place.after.as_deref())?;
    let mut found = app.store.story(workspace, id, before, ENTRIES + 1).await?;
    let next = pages::cut(&mut found, ENTRIES, TIMELINE, Event::story_place);
    let mut entries = Vec::with_capacity(found.len());
    let mut met = Met::default();
    for event in told_once(found) {
        entries.push(entry(&app, &visitor, event, &mut met).await?);
    }
    let known = why::why(&app.store, workspace, &Who::Contact(id), None).await?;
    let title = contact.email.clone().unwrap_or_else(|| id.to_string());
    let zone = engine::unknown_zone(&contact.attributes);
    let zone = zone.map(|zone| visitor.shown.fill("contact-zone", &[("zone", zone.into())]));
    let attributes = attributes(&contact);
    let layout = Layout::of(&app, &visitor, Section::Contacts, title);
    let may_change = visitor.caller.scopes.has(Scope::ContactsWrite);
    let waits = place.waits.filter(|waits| *waits > 0);
    Ok(page(&ContactPage { layout, contact, known, attributes, zone, entries, next, waits, may_change }))
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

/// A person's values beside their address, in the order of their names.
pub(super) fn attributes(contact: &Contact) -> Vec<(String, String)> {
    let values = mail::values::beside_address(&contact.attributes);
    values.into_iter().map(|(name, value)| (name, plain(&value))).collect()
}

/// What was read for the entries of a page, once each: as many as they name at most.
#[derive(Default)]
struct Met {
    /// The links of campaigns, by number.
    links: BTreeMap<CampaignId, Vec<(u16, String)>>,
    /// The tries of messages.
    tries: BTreeMap<DeliveryId, Vec<AttemptRow>>,
}

/// What became of a try, as the server said it: what it means, unless it was taken, and the reply.
async fn said_of(
    app: &App,
    shown: &Shown,
    event: &Event,
    met: &mut Met,
) -> Result<(Option<String>, Option<String>), Problem> {
    let (Some(delivery), Some(became)) = (event.delivery, event.became) else { return Ok((None, None)) };
    let tries = match met.tries.entry(delivery) {
        btree_map::Entry::Occupied(known) => known.into_mut(),
        btree_map::Entry::Vacant(room) => room.insert(app.store.attempts(delivery).await?),
    };
    let ended = |one: &AttemptRow| one.attempt.started_at.as_millis() + i64::from(one.attempt.duration_ms);
    let meant = tries.iter().find(|one| one.became == became && ended(one) == event.at.as_millis());
    let Some(meant) = meant else { return Ok((None, None)) };
    let meaning = explain_verdict(&meant.attempt.verdict).meaning;
    let meaning = (became != DeliveryState::Accepted).then(|| shown.told(meaning));
    let seen = meant.attempt.note.as_deref().map(|note| shown.machine_said(note, &event.at));
    Ok((meaning, meant.attempt.reply.as_ref().map(ToString::to_string).or(seen)))
}

/// Which link was followed; `None`: nothing was.
async fn link_of(app: &App, shown: &Shown, event: &Event, met: &mut Met) -> Result<Option<String>, Problem> {
    let Some(link) = event.reaction.as_ref().and_then(|reaction| reaction.link) else { return Ok(None) };
    let Some(campaign) = event.campaign else { return Ok(Some(link_in_words(shown, &[], link))) };
    let known = match met.links.entry(campaign) {
        btree_map::Entry::Occupied(known) => known.into_mut(),
        btree_map::Entry::Vacant(room) => room.insert(app.store.links(campaign).await?),
    };
    Ok(Some(link_in_words(shown, known, link)))
}

async fn entry(app: &App, visitor: &Visitor, event: Event, met: &mut Met) -> Result<Entry, Problem> {
    let shown = &visitor.shown;
    let campaign = match event.campaign {
        Some(id) => app.store.campaign(id).await?.map(|known| (format!("/campaigns/{id}"), known.name)),
        None => None,
    };
    let (class, icon) = looks(&event);
    let reaction = event.reaction.as_ref();
    let skipped = event.skip.map(|reason| shown.one_of("skip", reason.word()));
    let name = reaction.and_then(|reaction| reaction.name.clone());
    let link = link_of(app, shown, &event, met).await?;
    let (meaning, reply) = said_of(app, shown, &event, met).await?;
    Ok(Entry {
        at: match event.kind {
            // A day without an hour.
            EventKind::Consented if is_midnight(event.at) => shown.agreed(&event.at),
            _ => shown.second(&event.at),
        },
        machine: shown.machine(&event.at),
        what: shown.one_of("event", event.kind.word()),
        class,
        icon,
        delivery: event.delivery.map(|id| id.to_string()),
        by: reaction.and_then(|reaction| by_whom(shown, reaction.kind, reaction.score)),
        detail: skipped.or(name).or(link).or(noted::in_words(shown, &event)),
        meaning,
        reply,
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
