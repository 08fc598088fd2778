//! People: made, found, changed, forgotten, and what happened to them.

use crate::extract::{Asked, At, Input, id};
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::strict::not_null;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use model::reaction::MACHINE_SCORE;
use model::{ContactId, EmailAddress, ImportId, ListId, MailDomain, SunsetId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use store::{ContactEdit, Event, Fate, ImportState, NewContact, Sought, Stand, StoreError, StoryPlace};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "contacts";
/// The list of those who are looked for: its places mean something else.
const SOUGHT: &str = "sought";
/// The same in the order of addresses.
const SORTED: &str = "sought-by-address";
const TIMELINE: &str = "timeline";
/// The order of addresses, as it is asked for.
pub(crate) const BY_ADDRESS: &str = "address";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, change))
        .routes(routes!(timeline))
        .routes(routes!(forget))
}

/// How, when and from where somebody consented.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    /// How: a form, an event, a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// When; not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Time>,
    /// From which network address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ip: Option<String>,
}

impl From<store::Consent> for Consent {
    fn from(given: store::Consent) -> Consent {
        Consent { source: given.source, at: given.at.map(Time::from), ip: given.ip }
    }
}

/// Clocks differ: a time that is ahead by so much is taken as now.
const AHEAD_MAX: Duration = Duration::from_secs(300);

impl Consent {
    /// As the ledger keeps it. Refused: a consent that is still to be given.
    pub(crate) fn given(self, now: Timestamp) -> Result<store::Consent, Problem> {
        if self.at.is_some_and(|at| at.0 > now + AHEAD_MAX) {
            return Err(Problem::field("consent.at", "that time has not come: nobody has consented then"));
        }
        Ok(store::Consent { source: self.source, at: self.at.map(|at| at.0.min(now)), ip: self.ip })
    }
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Contact {
    /// Their id.
    #[schema(example = "c_01h2xcejqt")]
    id: String,
    /// The address as mail is sent to it, or a text that is none.
    email: Option<String>,
    /// Your own key of them.
    external_id: Option<String>,
    /// Their values.
    #[schema(value_type = Object)]
    attributes: Value,
    /// `active`, `error`, `opted_out` or `unconfirmed`.
    status: String,
    /// Why they are in `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Everything that keeps mail from the address.
    suppressed_because: Vec<String>,
    /// The contact who came before with the same address (`c_…`): a campaign that means both mails one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    shares_address_with: Option<String>,
    /// The latest consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<Consent>,
    /// Where they were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_source: Option<String>,
    /// The import that brought them.
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<String>,
    /// When they came.
    created_at: Time,
    /// When their server last accepted mail from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_accepted_at: Option<Time>,
    /// When they last took notice: a click, a reply, an event of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    engaged_at: Option<Time>,
}

impl From<store::Contact> for Contact {
    fn from(known: store::Contact) -> Contact {
        Contact {
            id: known.id.to_string(),
            email: known.email,
            external_id: known.external_id,
            attributes: Value::Object(mail::values::beside_address(&known.attributes)),
            status: known.status.word().to_owned(),
            error: known.error.map(|cause| cause.word().to_owned()),
            suppressed_because: known.suppressions.iter().map(|one| one.reason.word().to_owned()).collect(),
            shares_address_with: known.shares_address_with.map(|id| id.to_string()),
            consent: known.consent.map(Consent::from),
            lead_source: known.lead_source,
            import: known.import.map(|id| id.to_string()),
            created_at: known.created_at.into(),
            last_accepted_at: known.last_accepted_at.map(Time::from),
            engaged_at: known.engaged_at.map(Time::from),
        }
    }
}

/// Which contacts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Contacts of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only those with this address.
    email: Option<String>,
    /// Only the one with this key of yours.
    external_id: Option<String>,
    /// Only those whose address begins so; Latin letters may be large or small.
    email_begins: Option<String>,
    /// Only those with an address of this domain.
    domain: Option<String>,
    /// Only those who stand there: a status (`active`, `error`, `opted_out`, `unconfirmed`), the reason of a suppression
    /// (`unsubscribed`, `complained`, `hard_bounced`, `manual`, `domain_refuses_mail`, `forgotten`), `suppressed` for any,
    /// or `shares_address`: another contact came before with the same address.
    state: Option<String>,
    /// Only those on this list, confirmed where it asks for that.
    list: Option<String>,
    /// Only those who were in this import (`i_…`).
    import: Option<String>,
    /// With it: only those who came with it (`added`), came with it on a row with the address of an earlier one (`duplicates`), or
    /// were here before (`known`).
    fate: Option<String>,
    /// Only those whom this sunset (`su_…`) put to rest, and who are at rest still.
    rests: Option<String>,
    /// `address`: in the order of their addresses, those who have none last, in place of the order in which they came.
    sort: Option<String>,
}

/// Whom is looked for, as an address names it.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only those whose address begins so; Latin letters may be large or small.
    pub(crate) email_begins: Option<String>,
    /// Only those with an address of this domain.
    pub(crate) domain: Option<String>,
    /// Only those who stand there: a status (`active`, `error`, `opted_out`, `unconfirmed`), the reason of a suppression
    /// (`unsubscribed`, `complained`, `hard_bounced`, `manual`, `domain_refuses_mail`, `forgotten`), `suppressed` for any,
    /// or `shares_address`: another contact came before with the same address.
    pub(crate) state: Option<String>,
    /// Only those on this list, confirmed where it asks for that.
    pub(crate) list: Option<String>,
    /// Only those who were in this import (`i_…`).
    pub(crate) import: Option<String>,
    /// With it: only those who came with it (`added`), came with it on a row with the address of an earlier one (`duplicates`), or
    /// were here before (`known`).
    pub(crate) fate: Option<String>,
    /// Only those whom this sunset (`su_…`) put to rest, and who are at rest still.
    pub(crate) rests: Option<String>,
    /// `address`: in the order of their addresses, those who have none last, in place of the order in which they came.
    pub(crate) sort: Option<String>,
}

impl Wanted {
    /// What is asked of the ledger. Empty fields ask for nothing.
    pub(crate) async fn read(self, app: &App, workspace: WorkspaceId) -> Result<Sought, Problem> {
        let some = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let begins = some(self.email_begins);
        if begins.as_ref().is_some_and(|begins| begins.len() > store::seeking::BEGINNING_BYTES_MAX) {
            let most = store::seeking::BEGINNING_BYTES_MAX;
            return Err(Problem::field("email_begins", format!("an address has at most {most} octets")));
        }
        let domain = match some(self.domain) {
            Some(text) => Some(MailDomain::parse(&text).map_err(|why| Problem::field("domain", why.to_string()))?),
            None => None,
        };
        let read_state = |word: String| {
            Stand::from_word(&word).ok_or_else(|| Problem::field("state", format!("nobody can be {word:?}")))
        };
        let stand = some(self.state).map(read_state).transpose()?;
        let list: Option<ListId> = some(self.list).map(|text| id("list", &text)).transpose()?;
        if let Some(list) = list
            && app.store.list(workspace, list).await?.is_none()
        {
            return Err(Problem::field("list", format!("there is no list {list}")));
        }
        let import: Option<ImportId> = some(self.import).map(|text| id("import", &text)).transpose()?;
        if let Some(import) = import {
            let is_there = match app.store.import(import).await {
                Ok(known) => known.workspace == workspace && known.state != ImportState::Removed,
                Err(StoreError::NotFound { .. }) => false,
                Err(error) => return Err(error.into()),
            };
            if !is_there {
                return Err(Problem::field("import", format!("there is no import {import}")));
            }
        }
        let read_fate = |word: String| {
            let known = || Fate::ALL.map(Fate::word).join(", ");
            Fate::from_word(&word).ok_or_else(|| Problem::field("fate", format!("{word:?} is none of {}", known())))
        };
        let fate = some(self.fate).map(read_fate).transpose()?;
        if fate.is_some() && import.is_none() {
            return Err(Problem::field("fate", "name the import with it"));
        }
        let import = import.map(|import| (import, fate));
        let rests: Option<SunsetId> = some(self.rests).map(|text| id("rests", &text)).transpose()?;
        let by_address = match some(self.sort).as_deref() {
            None => false,
            Some(BY_ADDRESS) => true,
            Some(word) => return Err(Problem::field("sort", format!("{word:?} is no order: {BY_ADDRESS}"))),
        };
        let domain = domain.map(|domain| domain.as_str().to_owned());
        Ok(Sought { begins, domain, stand, list, import, rests, by_address })
    }
}

/// The list of those who are looked for, in the order that is asked for: a cursor of one is none of the other.
pub(crate) const fn order_of(sought: &Sought) -> &'static str {
    if sought.by_address { SORTED } else { SOUGHT }
}

/// Contacts: all of them in the order they came or of their addresses, or those who are looked for.
///
/// Of those looked for a page may be short or empty while `has_more` is true: then so many were looked at, and `next` goes
/// on. Their order is that of their addresses or of their coming, or none that means anything.
#[utoipa::path(get, path = "/contacts", tag = "contacts", params(Which), responses((status = 200, body = Page<Contact>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Contact>>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let limit = page::limit(which.limit)?;
    let whole = |found: Vec<store::Contact>| {
        let data = found.into_iter().map(Contact::from).collect();
        Ok(Json(Page { data, has_more: false, next: None }))
    };
    if which.email.is_some() || which.external_id.is_some() {
        page::no_cursor(which.after.as_deref())?;
    }
    if let Some(text) = which.email {
        return whole(app.store.contacts_by_address(caller.workspace, &read_address("email", &text)?).await?);
    }
    if let Some(key) = which.external_id {
        return whole(app.store.contact_by_external_id(caller.workspace, &key).await?.into_iter().collect());
    }
    let Which { email_begins, domain, state, list, import, fate, rests, sort, .. } = which;
    let sought =
        Wanted { email_begins, domain, state, list, import, fate, rests, sort }.read(&app, caller.workspace).await?;
    if !sought.is_everybody() || sought.by_address {
        let order = order_of(&sought);
        let after = page::open_as(order, which.after.as_deref())?;
        let found = app.store.seek(caller.workspace, sought, after, limit).await?;
        let next = found.next.map(|next| page::seal(order, &next.to_string()));
        let data = found.people.into_iter().map(Contact::from).collect();
        return Ok(Json(Page { data, has_more: next.is_some(), next }));
    }
    let after: Option<ContactId> = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.contacts_page(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| known.id.to_string(), Contact::from)))
}

/// Somebody to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    /// Their address.
    email: String,
    /// Your own key of them, unique in the workspace.
    #[serde(default)]
    external_id: Option<String>,
    /// Their values.
    #[serde(default)]
    #[schema(value_type = Object)]
    attributes: serde_json::Map<String, Value>,
    /// Mailed only once they confirmed.
    #[serde(default)]
    unconfirmed: bool,
    /// On what grounds they may be mailed.
    #[serde(default)]
    consent: Option<Consent>,
    /// Where they were found.
    #[serde(default)]
    lead_source: Option<String>,
}

/// Add a contact.
///
/// What keeps mail from the address keeps it from them: nobody who unsubscribed comes back this way. The address of somebody who
/// was forgotten at their own wish is refused, and not kept.
#[utoipa::path(post, path = "/contacts", tag = "contacts", request_body = NewPerson,
    responses((status = 201, body = Contact)))]
async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewPerson>,
) -> Result<(StatusCode, Json<Contact>), Problem> {
    caller.may(Scope::ContactsWrite)?;
    let new = NewContact {
        address: read_address("email", &new.email)?,
        external_id: new.external_id,
        attributes: Value::Object(new.attributes).to_string(),
        unconfirmed: new.unconfirmed,
        consent: new.consent.map(|consent| consent.given(app.now())).transpose()?,
        lead_source: new.lead_source,
    };
    let made = app.store.create_contact(caller.workspace, new, &caller.actor, app.now()).await;
    let made = made.map_err(|error| match error {
        StoreError::Forgotten => Problem::from(error).about("email"),
        _ => Problem::from(error),
    })?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// A contact of the caller's workspace.
pub(crate) async fn found(app: &App, caller: &Caller, id: ContactId) -> Result<store::Contact, Problem> {
    app.store.contact_of(caller.workspace, id).await?.ok_or_else(|| Problem::not_found("contact", id))
}

/// A contact.
#[utoipa::path(get, path = "/contacts/{id}", tag = "contacts",
    params(("id" = String, Path, description = "The contact")), responses((status = 200, body = Contact)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<ContactId>) -> Result<Json<Contact>, Problem> {
    caller.may(Scope::ContactsRead)?;
    Ok(Json(found(&app, &caller, id).await?.into()))
}

/// A change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactChange {
    /// A new address, which no other contact has. The old one stays suppressed if it was; an unsubscribe or a complaint goes
    /// along to the new one. Not `null`: an address is not taken away; whoever is to have none is forgotten.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = String, required = false)]
    email: Option<String>,
    /// Values to set; the others stay.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Object, required = false)]
    attributes: Option<serde_json::Map<String, Value>>,
    /// Put back from `error` to `active`; needs a reason. An opt-out is not undone by it.
    #[serde(default)]
    reactivate: bool,
    /// Why; it is kept in the audit log.
    #[serde(default)]
    reason: Option<String>,
}

/// Change a contact.
#[utoipa::path(patch, path = "/contacts/{id}", tag = "contacts", request_body = ContactChange,
    params(("id" = String, Path, description = "The contact")), responses((status = 200, body = Contact)))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ContactId>,
    Input(change): Input<ContactChange>,
) -> Result<Json<Contact>, Problem> {
    caller.may(Scope::ContactsWrite)?;
    found(&app, &caller, id).await?;
    if let Some(email) = &change.email {
        read_address("email", email)?;
    }
    let edit = ContactEdit {
        email: change.email,
        attributes: change.attributes.map(|values| Value::Object(values).to_string()),
        reactivate: change.reactivate,
        reason: change.reason,
    };
    let edited = app.store.edit_contact(id, edit, &caller.actor, app.now()).await;
    let told = |error| match error {
        StoreError::Exists { .. } | StoreError::Forgotten => Problem::from(error).about("email"),
        _ => Problem::from(error),
    };
    Ok(Json(edited.map_err(told)?.into()))
}

/// Something that happened to somebody, or that they did.
#[derive(Serialize, ToSchema)]
pub(crate) struct Entry {
    /// When.
    at: Time,
    /// What: `accepted`, `deferred`, `hard_bounced`, `clicked`, `custom_event`, `list_joined`, …
    kind: &'static str,
    /// By whom.
    actor: String,
    /// With mail of which campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    /// Which delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    /// Which try of it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u16>,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
    /// Which link of the message, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<u32>,
    /// Opens and clicks: was it probably a machine that reads mail for them?
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<bool>,
    /// The name of a custom event.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The value of a custom event.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// In words; of a custom event its properties, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<Event> for Entry {
    fn from(event: Event) -> Entry {
        use model::ReactionKind::{Clicked, Opened};
        let reaction = event.reaction;
        let by_machine = |kind| matches!(kind, Opened | Clicked);
        Entry {
            at: event.at.into(),
            kind: event.kind.word(),
            actor: event.actor,
            campaign: event.campaign.map(|id| id.to_string()),
            delivery: event.delivery.map(|id| id.to_string()),
            attempt: event.attempt,
            skipped: event.skip.map(|reason| reason.word()),
            link: reaction.as_ref().and_then(|part| part.link),
            machine: reaction.as_ref().filter(|part| by_machine(part.kind)).map(|part| part.score >= MACHINE_SCORE),
            #[allow(clippy::cast_precision_loss)] // amounts are exact to nine thousand million
            value: reaction.as_ref().and_then(|part| part.value_micros).map(|micros| micros as f64 / 1e6),
            name: reaction.and_then(|part| part.name),
            detail: event.detail,
        }
    }
}

/// What happened to somebody and what they did, latest first.
///
/// By the time it happened, also what was told late: each message when a server was first handed it (`sent`), every try
/// with its outcome, opens and clicks with whether a machine did it, replies, lists, watched segments, consents, and what
/// other systems told.
#[utoipa::path(get, path = "/contacts/{id}/timeline", tag = "contacts",
    params(("id" = String, Path, description = "The contact"), Plain), responses((status = 200, body = Page<Entry>)))]
async fn timeline(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ContactId>,
    Asked(part): Asked<Plain>,
) -> Result<Json<Page<Entry>>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let limit = page::limit(part.limit)?;
    let list = page::within(TIMELINE, [id.to_string().as_str()]);
    let before: Option<StoryPlace> = page::open_as(&list, part.after.as_deref())?;
    let found = app.store.story(caller.workspace, id, before, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, &list, |event| event.story_place().to_string(), Entry::from)))
}

/// What a forgotten person leaves behind.
#[derive(Serialize, ToSchema)]
pub(crate) struct Forgotten {
    /// Contacts that were removed: everybody with the address.
    contacts: u32,
    /// Verdicts that stay, without a name.
    deliveries_kept: u64,
}

/// Forget a person at their own wish.
///
/// Values, events, lists, consents and reply texts go at once; verdicts stay without a name, and a keyed hash keeps the
/// address from coming back. It cannot be undone.
#[utoipa::path(post, path = "/contacts/{id}/forget", tag = "contacts",
    params(("id" = String, Path, description = "The contact")), responses((status = 200, body = Forgotten)))]
pub(crate) async fn forget(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ContactId>,
) -> Result<Json<Forgotten>, Problem> {
    caller.may(Scope::ContactsWrite)?;
    let contact = found(&app, &caller, id).await?;
    let address = contact.email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
    let Some(address) = address else {
        return Err(Problem::new(Code::Refused, "this contact has no address; remove the import that brought them"));
    };
    let forgotten = app.store.forget(caller.workspace, &address, &caller.actor, app.now()).await?;
    Ok(Json(Forgotten { contacts: forgotten.contacts, deliveries_kept: forgotten.deliveries_kept }))
}

fn read_address(field: &str, text: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(text).map_err(|error| Problem::field(field, error.to_string()))
}
