//! The event log: what happened, newest first, and who changed what. A filtered page has its own address.

use super::Visitor;
use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::names::Names;
use super::noted;
use super::sheet::{Cell, Press, Sheet, Table};
use super::shown::Shown;
use crate::App;
use crate::api::events as api;
use crate::extract::Asked;
use crate::page as pages;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::{AddressId, CampaignId, ContactId, DeliveryId, EventKind, UserId};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use store::{Event, EventFilter};

const LIST: &str = "event-page";
/// Events of a page.
const PAGE: usize = 100;

/// Which events.
#[derive(Default, Deserialize)]
pub(super) struct Which {
    /// Kinds, separated by commas.
    #[serde(default)]
    kinds: String,
    /// Only by this actor.
    #[serde(default)]
    actor: String,
    /// Only what people and programs changed?
    #[serde(default)]
    hand: String,
    after: Option<String>,
}

impl Which {
    fn typed(&self) -> Typed {
        let pairs = [("kinds", &self.kinds), ("actor", &self.actor), ("hand", &self.hand)];
        Typed::of(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect())
    }

    /// The same as the API calls it: the log, or the audit log.
    fn list(&self) -> String {
        let is_audit = !self.hand.is_empty() || !self.actor.is_empty();
        let fields = [("kinds", self.kinds.trim()), ("actor", self.actor.as_str())];
        let asked = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
        let path = if is_audit { "/audit" } else { "/events" };
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// The log.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::EventsRead)?;
    let (shown, workspace) = (&visitor.shown, visitor.caller.workspace);
    let is_audit = !which.hand.is_empty() || !which.actor.is_empty();
    if is_audit {
        visitor.caller.may(Scope::AuditRead)?;
    }
    let kinds = Some(which.kinds.trim()).filter(|kinds| !kinds.is_empty());
    let (kinds, entered) = match api::kinds_for(&visitor.caller, kinds) {
        Ok(kinds) => (kinds, Entered::so_far("find", which.typed())),
        Err(problem) => (Vec::new(), Entered::refused("find", which.typed(), problem)?),
    };
    let after = pages::open_as(LIST, which.after.as_deref())?;
    let actor = Some(which.actor.clone()).filter(|actor| !actor.is_empty());
    let filter = EventFilter { kinds, by_hand: !which.hand.is_empty(), actor, newest_first: true };
    let found = app.store.events_in(workspace, filter, after, PAGE).await?;
    let next = (!found.at_end).then(|| {
        let cursor = pages::seal(LIST, &found.next.to_string());
        format!("/events?{}", which.typed().with("after", cursor).as_query())
    });
    let names = Names::of(&app, workspace).await?;
    let about = About::of(&app, &visitor, &names, &found.events).await?;
    let head = shown.says(["when", "event", "by-whom", "event-about", "event-more"]);
    let export = form_urlencoded::Serializer::new(String::new()).append_pair("kinds", &which.kinds).finish();
    let export = if which.kinds.is_empty() { String::new() } else { format!("?{export}") };
    let table = Table::new("events", shown.say("menu-events"), head, shown.say("events-none"))
        .rows(found.events.into_iter().map(|event| row(shown, &names, &about, event)))
        .next(next)
        .first(which.after.is_some().then(|| format!("/events?{}", which.typed().as_query())))
        .press(Press::to(format!("/api/v1/events/export{export}"), shown.say("events-export")))
        .with_csv(shown, &which.list());
    let layout = Layout::of(&app, &visitor, Section::Events, shown.say("menu-events"));
    let form = filter_form(&visitor, &names, &entered);
    Ok(Sheet::new(layout).lead(shown.say("events-what")).part(form).part(table).answer(&entered))
}

fn filter_form(visitor: &Visitor, names: &Names, entered: &Entered) -> Form {
    let (shown, may_audit) = (&visitor.shown, visitor.caller.scopes.has(Scope::AuditRead));
    let mut kinds: Vec<(String, String)> = EventKind::ALL
        .iter()
        .filter(|kind| kind.is_logged() && (may_audit || !kind.is_inside()))
        .map(|kind| (kind.word().to_owned(), shown.one_of("event", kind.word())))
        .collect();
    kinds.sort_by_key(|(_, words)| words.to_lowercase());
    kinds.insert(0, (String::new(), shown.say("events-every")));
    // Several kinds come by an address; they stay chosen.
    let chosen = entered.typed().get("kinds").to_owned();
    if !kinds.iter().any(|(kind, _)| *kind == chosen) {
        kinds.push((chosen.clone(), chosen));
    }
    let form = Form::new("find", "", "/events", shown.say("find"), entered).get().class("").field(Field::one(
        "kinds",
        shown.say("event"),
        kinds,
    ));
    if !may_audit {
        return form;
    }
    let mut people = vec![(String::new(), shown.say("events-anybody"))];
    people.extend(names.all().map(|(actor, name)| (actor.clone(), name.clone())));
    form.field(Field::one("actor", shown.say("by-whom"), people))
        .field(Field::tick("hand", shown.say("events-by-hand")))
}

/// What events of a page are about, by the names people know.
#[derive(Default)]
struct About {
    campaigns: BTreeMap<CampaignId, String>,
    people: BTreeMap<ContactId, String>,
    /// Of what names no contact: the address itself, or that of the message.
    addresses: BTreeMap<AddressId, String>,
    messages: BTreeMap<DeliveryId, String>,
    /// Those who work here, or are invited to.
    users: BTreeMap<UserId, String>,
}

/// Whose account an event is about: the id stands before what became of it.
fn user_of(event: &Event) -> Option<UserId> {
    let is_of_user = matches!(event.kind, EventKind::UserAdded | EventKind::UserChanged | EventKind::UserRemoved);
    let detail = event.detail.as_deref().filter(|_| is_of_user)?;
    detail.split(' ').next()?.parse().ok()
}

impl About {
    /// `events`: those of one page, which bounds what is looked up.
    async fn of(app: &App, visitor: &Visitor, names: &Names, events: &[Event]) -> Result<About, Problem> {
        let mut about = About::default();
        let workspace = visitor.caller.workspace;
        for id in events.iter().filter_map(|event| event.campaign).collect::<BTreeSet<_>>() {
            let known = app.store.campaign(id).await?;
            about.campaigns.extend(known.map(|campaign| (id, campaign.name)));
        }
        if visitor.caller.scopes.has(Scope::ContactsRead) {
            for id in events.iter().filter_map(|event| event.contact).collect::<BTreeSet<_>>() {
                let known = app.store.contact_of(workspace, id).await?;
                about.people.extend(known.and_then(|contact| Some((id, contact.email?))));
            }
            for event in events.iter().filter(|event| event.contact.is_none()) {
                if let Some(address) = event.address.filter(|id| !about.addresses.contains_key(id)) {
                    let known = app.store.event_facts(event).await?;
                    about.addresses.extend(known.email.map(|email| (address, email)));
                } else if let Some(id) = event.delivery.filter(|id| !about.messages.contains_key(id)) {
                    let known = app.store.delivery(id).await?;
                    about.messages.extend(known.and_then(|row| Some((id, row.email?))));
                }
            }
        }
        let may_see = visitor.caller.scopes.has(Scope::UsersRead);
        for id in events.iter().filter_map(user_of).collect::<BTreeSet<_>>() {
            let mut known = names.of_user(id).map(str::to_owned);
            if known.is_none() && may_see {
                known = app.store.user(id).await?.map(|user| user.email);
            }
            if known.is_none() && may_see {
                known = app.store.invitation(id).await?.map(|invited| invited.user.email);
            }
            about.users.extend(known.map(|name| (id, name)));
        }
        Ok(about)
    }

    fn campaign(&self, id: CampaignId) -> String {
        self.campaigns.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    fn person(&self, id: ContactId) -> String {
        self.people.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// Whom an event is about that names no contact: the address, and the page of the message if it is about one.
    fn address(&self, event: &Event) -> Option<(&str, Option<String>)> {
        let message = event.delivery.map(|id| format!("/deliveries/{id}"));
        let by_address = event.address.and_then(|id| self.addresses.get(&id));
        let email = by_address.or_else(|| event.delivery.and_then(|id| self.messages.get(&id)))?;
        Some((email.as_str(), message))
    }
}

fn row(shown: &Shown, names: &Names, known: &About, event: Event) -> Vec<Cell> {
    let mut about = Cell::default();
    if let Some(campaign) = event.campaign {
        let href = match event.delivery {
            Some(delivery) => format!("/campaigns/{campaign}/investigate?person={delivery}"),
            None => format!("/campaigns/{campaign}"),
        };
        about = Cell::link(href, known.campaign(campaign));
    }
    if let Some(contact) = event.contact {
        let contact_href = format!("/contacts/{contact}");
        about = match about.href {
            None => Cell::link(contact_href, known.person(contact)),
            Some(_) => {
                Cell { presses: vec![Press::to(contact_href, known.person(contact)).class("tiny long")], ..about }
            }
        };
    }
    if event.contact.is_none()
        && let Some((email, message)) = known.address(&event)
    {
        about = match (about.href.is_some(), message) {
            (true, Some(message)) => Cell { presses: vec![Press::to(message, email).class("tiny long")], ..about },
            (false, Some(message)) => Cell::link(message, email),
            (true, None) => about.sub(email),
            (false, None) => Cell::text(email),
        };
    }
    if let Some(user) = user_of(&event) {
        about = Cell::text(known.users.get(&user).cloned().unwrap_or_else(|| user.to_string()));
    }
    let reaction = event.reaction.as_ref();
    let skip = event.skip.map(|reason| shown.one_of("skip", reason.word()));
    let more = [skip, reaction.and_then(|reaction| reaction.name.clone()), noted::in_words(shown, &event)];
    vec![
        Cell::second(shown, &event.at),
        Cell::text(shown.one_of("event", event.kind.word())),
        Cell { is_whole: true, ..Cell::text(names.of_actor(shown, &event.actor)) },
        about,
        Cell::text(more.into_iter().flatten().collect::<Vec<_>>().join(" · ")),
    ]
}
