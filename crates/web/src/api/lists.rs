//! Lists, who is on them, what people chose, and how much mail they get at most.

use super::contacts::{Consent, found};
use super::templates::template_file;
use crate::extract::{self, Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::problem::{Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::brand::{SENDER, read_setting};
use model::access::Scope;
use model::{ContactId, ListId, TemplateId};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use store::list::NAME_BYTES_MAX;
use store::{Asking, Choice, NewList};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "lists";
const MEMBERS: &str = "members";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, change, remove))
        .routes(routes!(members, join))
        .routes(routes!(leave))
        .routes(routes!(topics))
        .routes(routes!(preferences, choose))
        .routes(routes!(frequency, set_frequency))
}

/// What a list is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListBody {
    /// Unique in the workspace.
    name: String,
    /// What it is about; people may decline a topic and keep the others.
    #[serde(default)]
    topic: Option<String>,
    /// Shown on the page where people choose.
    #[serde(default)]
    public: bool,
    /// Members have to confirm before they are mailed (double opt-in). Whoever is put on it is asked by mail, but for
    /// those an import brings.
    #[serde(default)]
    confirms: bool,
    /// Who the message that asks is from: an address, or `Name <address>`. Without, the template's `from` or the workspace's
    /// setting `sender`.
    #[serde(default)]
    sender: Option<String>,
    /// The template of that message; it must use `{{ confirm_url }}`, and has `{{ list }}` and `{{ sender }}`. Without, it is
    /// a few plain words in the workspace's language.
    #[serde(default)]
    template: Option<String>,
    /// Is whoever does not answer reminded once, after three days?
    #[serde(default)]
    reminds: bool,
}

impl ListBody {
    async fn read(self, app: &App, caller: &Caller) -> Result<NewList, Problem> {
        let mut faults = Faults::default();
        faults.take(extract::name("name", &self.name, NAME_BYTES_MAX));
        faults.take(self.topic.as_deref().map_or(Ok(()), |topic| extract::name("topic", topic, NAME_BYTES_MAX)));
        let sender = self.sender.map(|sender| read_setting(SENDER, &sender)).transpose();
        let sender = faults.take(sender.map_err(|expected| Problem::field("sender", expected))).flatten();
        let template = match &self.template {
            Some(text) => faults.take(asking_template(app, caller, text).await),
            None => None,
        };
        faults.hold()?;
        let asking = Asking { sender, template, reminds: self.reminds };
        Ok(NewList { name: self.name, topic: self.topic, public: self.public, confirms: self.confirms, asking })
    }
}

/// A template that can ask somebody to confirm.
async fn asking_template(app: &App, caller: &Caller, text: &str) -> Result<TemplateId, Problem> {
    let id = crate::extract::id("template", text)?;
    let (_, known) = template_file(app, caller.workspace, id).await.map_err(|error| {
        let problem = Problem::from(error);
        Problem { field: Some("template".to_owned()), ..problem }
    })?;
    match known.tags.iter().any(|tag| tag == "confirm_url") {
        true => Ok(id),
        false => Err(Problem::field("template", "its message has no link to {{ confirm_url }}")),
    }
}

/// A list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List {
    /// Its id.
    #[schema(example = "l_01h2xcejqt")]
    id: String,
    /// Unique in the workspace.
    name: String,
    /// What it is about; people may decline a topic and keep the others.
    topic: Option<String>,
    /// Shown on the page where people choose.
    public: bool,
    /// Members have to confirm before they are mailed (double opt-in).
    confirms: bool,
    /// Who the message that asks is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    /// The template of that message.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    /// Is whoever does not answer reminded once?
    reminds: bool,
    /// When it was made.
    created_at: Time,
}

impl From<store::List> for List {
    fn from(known: store::List) -> List {
        let NewList { name, topic, public, confirms, asking } = known.list;
        let Asking { sender, template, reminds } = asking;
        let template = template.map(|id| id.to_string());
        let (id, created_at) = (known.id.to_string(), known.created_at.into());
        List { id, name, topic, public, confirms, sender, template, reminds, created_at }
    }
}

/// The lists of the workspace.
#[utoipa::path(get, path = "/lists", tag = "lists", params(Plain), responses((status = 200, body = Page<List>)))]
async fn list(State(app): State<App>, caller: Caller, Asked(part): Asked<Plain>) -> Result<Json<Page<List>>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    let limit = page::limit(part.limit)?;
    let after: Option<ListId> = page::open_as(LIST, part.after.as_deref())?;
    let found = app.store.lists(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| known.id.to_string(), List::from)))
}

/// Make a list.
#[utoipa::path(post, path = "/lists", tag = "lists", request_body = ListBody, responses((status = 201, body = List)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<ListBody>,
) -> Result<(StatusCode, Json<List>), Problem> {
    caller.may(Scope::SegmentsWrite)?;
    let new = new.read(&app, &caller).await?;
    let made = app.store.create_list(caller.workspace, new, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// A list.
#[utoipa::path(get, path = "/lists/{id}", tag = "lists", params(("id" = String, Path, description = "The list")),
    responses((status = 200, body = List)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<ListId>) -> Result<Json<List>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    let known = app.store.list(caller.workspace, id).await?;
    known.map(|list| Json(list.into())).ok_or_else(|| Problem::not_found("list", id))
}

/// Change a list.
#[utoipa::path(put, path = "/lists/{id}", tag = "lists", request_body = ListBody,
    params(("id" = String, Path, description = "The list")), responses((status = 200, body = List)))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ListId>,
    Input(to): Input<ListBody>,
) -> Result<Json<List>, Problem> {
    caller.may(Scope::SegmentsWrite)?;
    let to = to.read(&app, &caller).await?;
    Ok(Json(app.store.change_list(caller.workspace, id, to, &caller.actor, app.now()).await?.into()))
}

/// Remove a list. The people stay, and so does the evidence of their consent.
#[utoipa::path(delete, path = "/lists/{id}", tag = "lists", params(("id" = String, Path, description = "The list")),
    responses((status = 204)))]
pub(crate) async fn remove(State(app): State<App>, caller: Caller, At(id): At<ListId>) -> Result<StatusCode, Problem> {
    caller.may(Scope::SegmentsWrite)?;
    app.store.remove_list(caller.workspace, id, &caller.actor, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody on a list.
#[derive(Serialize, ToSchema)]
struct ListMember {
    /// Which list.
    list: String,
    /// Who.
    contact: String,
    /// Their address; absent where they have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Since when.
    since: Time,
    /// When they confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<Time>,
    /// When they left.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
    /// When they were asked last to confirm.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<Time>,
    /// Why they could not be asked yet; it is tried again every hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_asked_because: Option<String>,
}

impl From<store::Membership> for ListMember {
    fn from(known: store::Membership) -> ListMember {
        ListMember {
            list: known.list.to_string(),
            contact: known.contact.to_string(),
            email: None,
            since: known.since.into(),
            confirmed_at: known.confirmed_at.map(Time::from),
            ended_at: known.ended_at.map(Time::from),
            asked_at: known.asked_at.map(Time::from),
            not_asked_because: known.not_asked_because,
        }
    }
}

/// Who is on a list.
#[utoipa::path(get, path = "/lists/{id}/members", tag = "lists",
    params(("id" = String, Path, description = "The list"), Plain), responses((status = 200, body = Page<ListMember>)))]
async fn members(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ListId>,
    Asked(part): Asked<Plain>,
) -> Result<Json<Page<ListMember>>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let limit = page::limit(part.limit)?;
    let list = page::within(MEMBERS, [id.to_string().as_str()]);
    let after: Option<ContactId> = page::open_as(&list, part.after.as_deref())?;
    if app.store.list(caller.workspace, id).await?.is_none() {
        return Err(Problem::not_found("list", id));
    }
    let found = app.store.list_members(caller.workspace, id, after, limit + 1).await?;
    let people = found.iter().map(|known| known.contact).collect();
    let people = app.store.contacts_of(caller.workspace, people).await?;
    let emails: BTreeMap<ContactId, String> =
        people.into_iter().flatten().filter_map(|contact| Some((contact.id, contact.email?))).collect();
    let member = |known: store::Membership| {
        let email = emails.get(&known.contact).cloned();
        ListMember { email, ..ListMember::from(known) }
    };
    Ok(Json(Page::cut(found, limit, &list, |known| known.contact.to_string(), member)))
}

/// Whom to put on a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Joining {
    /// Ids of contacts, at most 5,000.
    contacts: Vec<String>,
    /// On what grounds; kept with each of them for good.
    #[serde(default)]
    consent: Option<Consent>,
}

/// Whom to take off a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Leaving {
    /// Ids of contacts, at most 5,000.
    contacts: Vec<String>,
}

/// How many it was.
#[derive(Serialize, ToSchema)]
struct Changed {
    /// People whose membership changed.
    changed: u64,
}

/// How many it was.
#[derive(Serialize, ToSchema)]
struct Joined {
    /// People whose membership changed.
    changed: u64,
    /// People who are asked by mail whether they want to be on it: once a day for one list, three times a day at one address.
    asked: u64,
}

fn read_contacts(texts: &[String]) -> Result<Vec<ContactId>, Problem> {
    let read = |(at, text): (usize, &String)| {
        text.parse().map_err(|error: model::id::IdError| Problem::field(&format!("contacts[{at}]"), error.to_string()))
    };
    texts.iter().enumerate().map(read).collect()
}

/// Put people on a list.
///
/// A list that asks for confirmation asks them by mail, and they are mailed once they gave it. To put somebody on it again
/// who did not answer asks them again. Whoever unsubscribed from everything is not brought back but by their own answer.
#[utoipa::path(post, path = "/lists/{id}/members", tag = "lists", request_body = Joining,
    params(("id" = String, Path, description = "The list")), responses((status = 200, body = Joined)))]
async fn join(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ListId>,
    Input(joining): Input<Joining>,
) -> Result<Json<Joined>, Problem> {
    caller.may(Scope::ContactsWrite)?;
    let contacts = read_contacts(&joining.contacts)?;
    let consent = joining.consent.map(|consent| consent.given(app.now())).transpose()?;
    let (store, workspace, now) = (&app.store, caller.workspace, app.now());
    let changed = store.join_list(workspace, id, contacts.clone(), consent, &caller.actor, now).await?;
    let asked = store.ask_members(workspace, id, contacts, now).await?;
    app.desk.joined.notify_one();
    Ok(Json(Joined { changed, asked }))
}

/// Take people off a list. It holds for mail that waits for them because of it.
#[utoipa::path(post, path = "/lists/{id}/members/remove", tag = "lists", request_body = Leaving,
    params(("id" = String, Path, description = "The list")), responses((status = 200, body = Changed)))]
async fn leave(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ListId>,
    Input(leaving): Input<Leaving>,
) -> Result<Json<Changed>, Problem> {
    caller.may(Scope::ContactsWrite)?;
    let contacts = read_contacts(&leaving.contacts)?;
    let changed = app.store.leave_list(caller.workspace, id, contacts, &caller.actor, app.now()).await?;
    Ok(Json(Changed { changed }))
}

/// The topics of the workspace.
#[derive(Serialize, ToSchema)]
struct Topics {
    /// What its lists are about.
    topics: Vec<String>,
}

/// The topics of the workspace: what its lists are about.
#[utoipa::path(get, path = "/topics", tag = "lists", responses((status = 200, body = Topics)))]
async fn topics(State(app): State<App>, caller: Caller) -> Result<Json<Topics>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    Ok(Json(Topics { topics: app.store.topics(caller.workspace).await? }))
}

/// What somebody chose about their mail.
#[derive(Serialize, ToSchema)]
pub(crate) struct Preferences {
    /// No marketing mail before this.
    paused_until: Option<Time>,
    /// Topics they said yes or no to.
    topics: BTreeMap<String, bool>,
    /// The lists they are or were on.
    lists: Vec<ListMember>,
    /// Every consent they gave, oldest first.
    consents: Vec<Given>,
}

/// A consent as it was given.
#[derive(Serialize, ToSchema)]
struct Given {
    /// How: a form, an event, a contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Time>,
    /// From which network address.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// To which list.
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    /// To what, in the words they were shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    /// When it was written down.
    noted_at: Time,
}

impl From<store::Preferences> for Preferences {
    fn from(known: store::Preferences) -> Preferences {
        let given = |one: store::list::ConsentGiven| Given {
            source: one.consent.source,
            at: one.consent.at.map(Time::from),
            ip: one.consent.ip,
            list: one.list.map(|id| id.to_string()),
            said: one.said,
            noted_at: one.noted_at.into(),
        };
        Preferences {
            paused_until: known.paused_until.map(Time::from),
            topics: known.topics,
            lists: known.lists.into_iter().map(ListMember::from).collect(),
            consents: known.consents.into_iter().map(given).collect(),
        }
    }
}

/// What somebody chose about their mail, their lists and their consents.
#[utoipa::path(get, path = "/contacts/{id}/preferences", tag = "contacts",
    params(("id" = String, Path, description = "The contact")), responses((status = 200, body = Preferences)))]
async fn preferences(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ContactId>,
) -> Result<Json<Preferences>, Problem> {
    caller.may(Scope::ContactsRead)?;
    found(&app, &caller, id).await?;
    Ok(Json(app.store.preferences(caller.workspace, id).await?.unwrap_or_default().into()))
}

/// A choice; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// No marketing mail before this; `null` ends a pause.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    paused_until: Option<Option<Time>>,
    /// Topics, wanted (`true`) or not.
    #[serde(default)]
    topics: BTreeMap<String, bool>,
}

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Time>>, D::Error> {
    Option::<Time>::deserialize(from).map(Some)
}

/// Write down what somebody chose. It holds for mail that is queued already.
#[utoipa::path(patch, path = "/contacts/{id}/preferences", tag = "contacts", request_body = Chosen,
    params(("id" = String, Path, description = "The contact")), responses((status = 200, body = Preferences)))]
async fn choose(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ContactId>,
    Input(chosen): Input<Chosen>,
) -> Result<Json<Preferences>, Problem> {
    caller.may(Scope::ContactsWrite)?;
    let paused_until = chosen.paused_until.map(|until| until.map(|time| time.0));
    let choice = Choice { paused_until, topics: chosen.topics };
    app.store.choose(caller.workspace, id, choice, &caller.actor, app.now()).await?;
    Ok(Json(app.store.preferences(caller.workspace, id).await?.unwrap_or_default().into()))
}

/// How much mail people get at most; 0: no limit.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frequency {
    /// Messages in 24 hours.
    #[serde(default)]
    per_day: u32,
    /// Messages in seven days.
    #[serde(default)]
    per_week: u32,
    /// Messages of one topic in seven days.
    #[serde(default)]
    topic_per_week: u32,
}

impl From<store::Frequency> for Frequency {
    fn from(known: store::Frequency) -> Frequency {
        let store::Frequency { per_day, per_week, topic_per_week } = known;
        Frequency { per_day, per_week, topic_per_week }
    }
}

/// How much mail people of the workspace get at most.
#[utoipa::path(get, path = "/settings/frequency", tag = "settings", responses((status = 200, body = Frequency)))]
async fn frequency(State(app): State<App>, caller: Caller) -> Result<Json<Frequency>, Problem> {
    caller.may(Scope::SettingsRead)?;
    Ok(Json(app.store.frequency(caller.workspace).await?.into()))
}

/// Limit how much mail people of the workspace get.
///
/// It holds for mail that is queued already. Mail that a program asked for is no mailing: it is neither limited nor
/// counted.
#[utoipa::path(put, path = "/settings/frequency", tag = "settings", request_body = Frequency,
    responses((status = 200, body = Frequency)))]
pub(crate) async fn set_frequency(
    State(app): State<App>,
    caller: Caller,
    Input(to): Input<Frequency>,
) -> Result<Json<Frequency>, Problem> {
    caller.may(Scope::SettingsWrite)?;
    let Frequency { per_day, per_week, topic_per_week } = to;
    let frequency = store::Frequency { per_day, per_week, topic_per_week };
    app.store.set_frequency(caller.workspace, frequency.clone(), &caller.actor, app.now()).await?;
    Ok(Json(frequency.into()))
}
