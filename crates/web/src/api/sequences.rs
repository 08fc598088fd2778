//! Sequences: written, activated, paused, archived; who is in them, and what came of each step.

use super::campaigns::{Counting, Message};
use super::messages::house_options;
use super::templates;
use crate::extract::{self, Asked, At, Input, one_line, read_part};
use crate::page::{self, Page, Plain};
use crate::problem::{Faults, Problem, recorded};
use crate::shape::Time;
use crate::strict::tree;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dispatch::sequence::{Op, Plan};
use dispatch::windows::Windows;
use engine::launch::{self, MessageFile};
use engine::options::{SendOptions, Timing};
use engine::sequences::{self, CopiedFrom, Messages, Proposal, SequenceMessage};
use model::access::Scope;
use model::reaction::Doer;
use model::segment::{self, Rule};
use model::sequence::{Again, By, Definition, ENTRIES_MAX, Entry, STEPS_MAX, Step};
use model::{
    CampaignId, ContactId, DeliveryState, Departure, ListId, ReactionKind, SequenceId, SkipReason, Tally, TemplateId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use store::sequence::NAME_BYTES_MAX;
use store::{Entered, SequenceVersion, StepCount};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "sequences";
const PEOPLE: &str = "sequence_people";
/// The most messages of a sequence.
const MESSAGES_MAX: usize = 50;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, change, remove))
        .routes(routes!(activate))
        .routes(routes!(pause))
        .routes(routes!(archive))
        .routes(routes!(people, enter))
        .routes(routes!(take_out))
        .routes(routes!(report))
}

// ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// A message of a sequence.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequenceLetter {
    /// Who it is from: an address, or `Name <address>`.
    from: String,
    /// The subject, if the message does not say it itself; in place of the template's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    /// A template (`t_…`) in place of the message. It is copied when the sequence is activated: later versions of it change
    /// nothing for whoever comes in by this version of the sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    /// The version of the template; without, the newest at the activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template_version: Option<u32>,
    /// The version that is copied now; told, and passed over when it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template_copied: Option<u32>,
    /// What it is about; whoever declined that is not sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    /// The domain bounces return to; else that of `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    return_path: Option<String>,
    /// The hours in which it is sent, by the recipient's clock where it is known: `Mon-Fri 09:00-17:00 Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    windows: Option<String>,
    /// Whether opens and clicks are counted; left out: they are not.
    #[serde(default)]
    tracking: Counting,
}

/// What a sequence is to be. Changed as a whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenSequence {
    /// Its name; unique in the workspace.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// By what people come in, the goal, and the steps, as docs/reference/sequences.md has them. A rule may be written as
    /// text or as a tree.
    #[serde(deserialize_with = "tree")]
    #[schema(value_type = Object)]
    definition: Value,
    /// The messages its steps send, by name.
    #[serde(default)]
    messages: BTreeMap<String, SequenceLetter>,
}

/// A sequence.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sequence {
    /// Its id.
    #[schema(example = "q_01h2xcejqt")]
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// `draft`, `active`, `paused` or `archived`.
    state: &'static str,
    /// The version by which people come in; absent: it was never activated.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The newest version. If it is not the one in force, it is in force from the next activation on.
    newest: u32,
    /// When it was made.
    created_at: Time,
    /// When it was last changed.
    changed_at: Time,
    /// When the version in force was activated.
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<Time>,
}

/// A sequence with its newest version.
#[derive(Serialize, ToSchema)]
pub(crate) struct WholeSequence {
    /// What it is and where it stands.
    #[serde(flatten)]
    pub(crate) sequence: Sequence,
    /// By what people come in, the goal, and the steps.
    #[schema(value_type = Object)]
    pub(crate) definition: Value,
    /// The messages its steps send, by name.
    pub(crate) messages: BTreeMap<String, SequenceLetter>,
    /// What keeps people from going on: rules of its segments, branches or goal that name what is not there, and what people
    /// are to come in by that is not. While there is any, it cannot be activated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) objections: Vec<String>,
}

impl From<store::Sequence> for Sequence {
    fn from(known: store::Sequence) -> Sequence {
        Sequence {
            id: known.id.to_string(),
            name: known.name,
            state: known.state.word(),
            version: known.version,
            newest: known.newest,
            created_at: known.created_at.into(),
            changed_at: known.changed_at.into(),
            activated_at: known.activated_at.map(Time),
        }
    }
}

impl SequenceLetter {
    async fn into_message(self, app: &App, caller: &Caller) -> Result<SequenceMessage, Problem> {
        let mut faults = Faults::default();
        let from = launch::parse_mailbox(&self.from).map_err(|error| Problem::field("from", error.to_string()));
        let from = faults.take(from);
        let content = faults.take(self.content(app, caller).await);
        faults.take(one_line("subject", self.subject.clone()));
        let hours = self.windows.as_deref().map(Windows::parse).transpose();
        faults.take(hours.map_err(|error| Problem::field("windows", error.to_string())));
        let (from, (file, subject, template)) = faults.pass(from.zip(content))?;
        let domain = from.address.domain().as_str().to_owned();
        let links_at = app.links_at(caller.workspace, from.address.domain()).await?;
        let options = SendOptions {
            from: self.from,
            subject,
            return_path: self.return_path.unwrap_or(domain),
            timing: Timing { windows: self.windows, ..Timing::default() },
            tracking: self.tracking.into(),
            ..house_options(app, links_at)
        };
        Ok(SequenceMessage { file, options, topic: self.topic, template })
    }

    /// The message, its subject, and the template they are copied from.
    async fn content(
        &self,
        app: &App,
        caller: &Caller,
    ) -> Result<(MessageFile, Option<String>, Option<CopiedFrom>), Problem> {
        let (id, fixed) = match (&self.message, &self.template) {
            (Some(message), None) => return Ok((message.clone().into_file()?, self.subject.clone(), None)),
            (None, Some(text)) => (crate::extract::id::<TemplateId>("template", text)?, self.template_version),
            (Some(_), Some(_)) => return Err(Problem::field("template", "give a message or a template, not both")),
            (None, None) => return Err(Problem::field("message", "give a message or a template")),
        };
        let missing = || match fixed {
            Some(version) => Problem::field("template_version", format!("{id} has no version {version} (any more)")),
            None => Problem::field("template", format!("there is no template {id}")),
        };
        let (version, parts) = templates::known_version(app, caller, id, fixed).await?.ok_or_else(missing)?;
        let subject = self.subject.clone().or_else(|| parts.subject.clone());
        let copied = CopiedFrom { template: id.to_string(), fixed, version, subject: self.subject.clone() };
        Ok((parts.into_file()?, subject, Some(copied)))
    }

    fn of(message: SequenceMessage) -> SequenceLetter {
        let SendOptions { from, subject, return_path, timing, tracking, .. } = message.options;
        let (subject, shown) = match &message.template {
            Some(copied) => (copied.subject.clone(), None),
            None => (subject, Some(Message::from_file(message.file))),
        };
        SequenceLetter {
            from,
            subject,
            message: shown,
            template: message.template.as_ref().map(|copied| copied.template.clone()),
            template_version: message.template.as_ref().and_then(|copied| copied.fixed),
            template_copied: message.template.map(|copied| copied.version),
            topic: message.topic,
            return_path: Some(return_path),
            windows: timing.windows,
            tracking: tracking.into(),
        }
    }
}

impl WrittenSequence {
    pub(crate) async fn into_proposal(self, app: &App, caller: &Caller) -> Result<Proposal, Problem> {
        let mut faults = Faults::default();
        faults.take(extract::name("name", &self.name, NAME_BYTES_MAX));
        let (definition, is_whole) = read_definition(self.definition, &mut faults);
        if self.messages.len() > MESSAGES_MAX {
            faults.add(Problem::field("messages", format!("a sequence has at most {MESSAGES_MAX} messages")));
            return faults.pass(None);
        }
        let names: BTreeSet<&str> = self.messages.keys().map(String::as_str).collect();
        for fault in sequences::faults(&definition, &names) {
            // A step that could not be read may be the one that sends what nobody else sends.
            let is_known = faults.knows(&fault.place) || !is_whole && fault.place.starts_with("messages.");
            if !is_known {
                faults.add(Problem::field(&fault.place, fault.why));
            }
        }
        entries_there(app, caller, &definition, &mut faults).await?;
        let mut messages = Messages::new();
        for (name, letter) in self.messages {
            let message = letter.into_message(app, caller).await;
            let message = message.map_err(|problem| problem.within(&format!("messages.{name}")));
            messages.extend(faults.take(message).map(|message| (name, message)));
        }
        faults.hold()?;
        Ok(Proposal { name: self.name, definition, messages })
    }
}

/// What could be read of a definition, and whether that is all of it.
fn read_definition(mut tree: Value, faults: &mut Faults) -> (Definition, bool) {
    read_rules(&mut tree, "definition", faults);
    match read_part::<Definition>("definition", tree.clone()) {
        Ok(read) => (read, true),
        Err(whole) => (read_parts(&tree, whole, faults), false),
    }
}

/// A definition that cannot be read as a `whole`, part by part, so that each part that cannot be is told. Where one cannot,
/// something stands in its place in which nothing is wrong: the places of the others stay what they are.
fn read_parts(tree: &Value, whole: Problem, faults: &mut Faults) -> Definition {
    let mut of_parts = Faults::default();
    let list = |name: &str| tree.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let some = |name: &str| tree.get(name).filter(|part| !part.is_null()).cloned();
    let mut entries = Vec::new();
    for (n, part) in list("entries").iter().enumerate().take(ENTRIES_MAX) {
        let read = of_parts.take(read_part(&format!("definition.entries[{n}]"), part.clone()));
        entries.push(read.unwrap_or_else(|| Entry { by: By::Event(format!("unread-{n}")), again: Again::Never }));
    }
    let mut steps = Vec::new();
    for (n, part) in list("steps").iter().enumerate().take(STEPS_MAX) {
        let read = of_parts.take(read_part(&format!("definition.steps[{n}]"), part.clone()));
        steps.push(read.unwrap_or(Step::End));
    }
    let goal = some("goal").and_then(|part| of_parts.take(read_part("definition.goal", part)));
    let zone = some("zone").and_then(|part| of_parts.take(read_part("definition.zone", part)));
    faults.add(of_parts.hold().err().unwrap_or(whole));
    Definition { entries, goal, zone, steps }
}

/// Puts the tree in place of a rule that is written as text: `when` of a branch, `rule` of the goal. In place of one that
/// cannot be read stands one in which nothing is wrong.
fn read_rules(tree: &mut Value, place: &str, faults: &mut Faults) {
    match tree {
        Value::Array(parts) => {
            for (n, part) in parts.iter_mut().enumerate() {
                read_rules(part, &format!("{place}[{n}]"), faults);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let place = format!("{place}.{name}");
                match value {
                    Value::String(text) if name == "when" || name == "rule" => {
                        let rule = segment::parse(text).map_err(|why| Problem::field(&place, why.to_string()));
                        let rule = faults.take(rule).unwrap_or(Rule::List(ListId(0)));
                        *value = serde_json::to_value(rule).unwrap_or_default();
                    }
                    other => read_rules(other, &place, faults),
                }
            }
        }
        _ => {}
    }
}

/// Is what people come in by there?
async fn entries_there(
    app: &App,
    caller: &Caller,
    definition: &Definition,
    faults: &mut Faults,
) -> Result<(), Problem> {
    for (n, entry) in definition.entries.iter().enumerate() {
        let missing = match entry.by {
            By::Joins(list) | By::List(list) => {
                let known = app.store.list(caller.workspace, list).await?;
                known.is_none().then(|| Problem::not_found("list", list))
            }
            By::Segment(segment) => {
                let known = app.store.segment(caller.workspace, segment).await?;
                known.is_none().then(|| Problem::not_found("segment", segment))
            }
            By::Event(_) | By::Api => None,
        };
        missing.into_iter().for_each(|problem| faults.add(problem.about(&format!("definition.entries[{n}].by"))));
    }
    Ok(())
}

pub(crate) async fn require(app: &App, caller: &Caller, id: SequenceId) -> Result<store::Sequence, Problem> {
    let known = app.store.sequence(caller.workspace, id).await?;
    known.ok_or_else(|| Problem::not_found("sequence", id))
}

async fn version(app: &App, known: &store::Sequence, number: u32) -> Result<SequenceVersion, Problem> {
    let found = app.store.sequence_version(known.workspace, known.id, number).await?;
    found.ok_or_else(|| Problem::field("version", format!("there is no version {number}")))
}

async fn whole(app: &App, known: store::Sequence) -> Result<Json<WholeSequence>, Problem> {
    let newest = version(app, &known, known.newest).await?;
    let messages = sequences::messages(&newest)?;
    Ok(Json(WholeSequence {
        objections: sequences::gone(&app.store, known.workspace, known.id).await?,
        sequence: known.into(),
        definition: serde_json::to_value(&newest.definition).unwrap_or_default(),
        messages: messages.into_iter().map(|(name, message)| (name, SequenceLetter::of(message))).collect(),
    }))
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// The sequences of the workspace.
#[utoipa::path(get, path = "/sequences", tag = "sequences", params(Plain),
    responses((status = 200, body = Page<Sequence>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Sequence>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let limit = page::limit(which.limit)?;
    let after: Option<SequenceId> = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.sequences(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| known.id.to_string(), Sequence::from)))
}

/// Write a sequence. It is a draft: nobody comes in until it is activated.
#[utoipa::path(post, path = "/sequences", tag = "sequences", request_body = WrittenSequence,
    responses((status = 201, body = WholeSequence)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(written): Input<WrittenSequence>,
) -> Result<(StatusCode, Json<WholeSequence>), Problem> {
    caller.may(Scope::CampaignsWrite)?;
    let new = written.into_proposal(&app, &caller).await?.into_new()?;
    let made = app.store.create_sequence(caller.workspace, new, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, whole(&app, made).await?))
}

/// A sequence.
#[utoipa::path(get, path = "/sequences/{id}", tag = "sequences", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = WholeSequence)))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
) -> Result<Json<WholeSequence>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = require(&app, &caller, id).await?;
    whole(&app, known).await
}

/// Change a sequence as a whole.
///
/// A version that was activated never changes: this begins a new one, which is in force once it is activated. Whoever is
/// on their way keeps the version they came in by.
#[utoipa::path(put, path = "/sequences/{id}", tag = "sequences", request_body = WrittenSequence,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = WholeSequence)))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
    Input(written): Input<WrittenSequence>,
) -> Result<Json<WholeSequence>, Problem> {
    caller.may(Scope::CampaignsWrite)?;
    require(&app, &caller, id).await?;
    let to = written.into_proposal(&app, &caller).await?.into_new()?;
    let changed = app.store.change_sequence(caller.workspace, id, to, &caller.actor, app.now()).await?;
    whole(&app, changed).await
}

/// Throw away a sequence that was never activated.
#[utoipa::path(delete, path = "/sequences/{id}", tag = "sequences",
    params(("id" = String, Path, description = "Its id")), responses((status = 204)))]
async fn remove(State(app): State<App>, caller: Caller, At(id): At<SequenceId>) -> Result<StatusCode, Problem> {
    caller.may(Scope::CampaignsWrite)?;
    app.store.remove_sequence(caller.workspace, id, &caller.actor, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

// ── at work ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Let people come in by the newest version, or let a paused sequence go on.
///
/// Templates without a fixed version are copied as they are now. Refused, with nobody let in, if a message cannot be sent to the
/// world (unsigned, with nowhere to unsubscribe, without a postal address) or still has the text that the pages begin one with, or
/// a rule names what is not there.
#[utoipa::path(post, path = "/sequences/{id}/activate", tag = "sequences",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Sequence)))]
pub(crate) async fn activate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
) -> Result<Json<Sequence>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = require(&app, &caller, id).await?;
    copy_newest(&app, &caller, &known).await?;
    Ok(Json(app.engine.activate_sequence(&app.world, caller.workspace, id, &caller.actor).await?.into()))
}

/// Copies the newest versions of the templates of a version that is to be activated, where none is fixed. A template that was
/// removed leaves its copy.
async fn copy_newest(app: &App, caller: &Caller, known: &store::Sequence) -> Result<(), Problem> {
    if known.version == Some(known.newest) {
        return Ok(());
    }
    let newest = version(app, known, known.newest).await?;
    let (mut messages, mut changed) = (sequences::messages(&newest)?, false);
    for (name, message) in &mut messages {
        let Some(copied) = message.template.as_mut().filter(|copied| copied.fixed.is_none()) else { continue };
        let id: TemplateId = crate::extract::id(&format!("messages.{name}.template"), &copied.template)?;
        let Some((version, parts)) = templates::known_version(app, caller, id, None).await? else { continue };
        if version == copied.version {
            continue;
        }
        copied.version = version;
        message.options.subject = copied.subject.clone().or_else(|| parts.subject.clone());
        message.file = parts.into_file()?;
        changed = true;
    }
    if changed {
        let to = Proposal { name: known.name.clone(), definition: newest.definition, messages }.into_new()?;
        app.store.change_sequence(known.workspace, known.id, to, &caller.actor, app.now()).await?;
    }
    Ok(())
}

/// Pause a sequence: people come in and nobody goes on; nothing starts of what was on its way out.
#[utoipa::path(post, path = "/sequences/{id}/pause", tag = "sequences",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Sequence)))]
pub(crate) async fn pause(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
) -> Result<Json<Sequence>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    Ok(Json(recorded(app.engine.pause_sequence(caller.workspace, id, &caller.actor).await?)?.into()))
}

/// End a sequence for good: everybody in it leaves, and what was on its way out is skipped.
#[utoipa::path(post, path = "/sequences/{id}/archive", tag = "sequences",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Sequence)))]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
) -> Result<Json<Sequence>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    Ok(Json(recorded(app.engine.archive_sequence(caller.workspace, id, &caller.actor).await?)?.into()))
}

// ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// Somebody on their way.
#[derive(Serialize, ToSchema)]
struct OnTheWay {
    /// Who.
    contact: String,
    /// By which version.
    version: u32,
    /// For the how manieth time, from 1.
    round: i64,
    /// At which step, from 1.
    step: u16,
    /// Since when they are at this step.
    since: Time,
    /// They wait there until then at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    /// When they came in.
    entered_at: Time,
}

impl From<store::SequencePlace> for OnTheWay {
    fn from(known: store::SequencePlace) -> OnTheWay {
        OnTheWay {
            contact: known.contact.to_string(),
            version: known.version,
            round: known.round,
            step: known.step,
            since: known.since.into(),
            until: known.until.map(Time),
            entered_at: known.entered_at.into(),
        }
    }
}

/// Who is on their way through a sequence, and where.
#[utoipa::path(get, path = "/sequences/{id}/people", tag = "sequences",
    params(("id" = String, Path, description = "Its id"), Plain), responses((status = 200, body = Page<OnTheWay>)))]
async fn people(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<OnTheWay>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    caller.may(Scope::ContactsRead)?;
    require(&app, &caller, id).await?;
    let limit = page::limit(which.limit)?;
    let list = page::within(PEOPLE, [id.to_string().as_str()]);
    let after: Option<ContactId> = page::open_as(&list, which.after.as_deref())?;
    let found = app.store.sequence_places(caller.workspace, id, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, &list, |place| place.contact.to_string(), OnTheWay::from)))
}

/// Which people.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ThesePeople {
    /// Ids of contacts, at most 1,000.
    #[schema(max_items = 1000)]
    contacts: Vec<String>,
}

impl ThesePeople {
    fn read(&self) -> Result<Vec<ContactId>, Problem> {
        let read = |(at, text): (usize, &String)| crate::extract::id(&format!("contacts[{at}]"), text);
        self.contacts.iter().enumerate().map(read).collect()
    }
}

/// What became of somebody who was to come in.
#[derive(Serialize, ToSchema)]
struct LetIn {
    /// Who.
    contact: String,
    /// `entered`, `under_way` (they are in it already), `not_again` (they were in it, and its rule lets nobody in twice or
    /// not yet) or `unknown` (there is no such contact).
    result: &'static str,
}

/// What became of all of them.
#[derive(Serialize, ToSchema)]
struct LetInAll {
    /// One for each contact, in their order.
    results: Vec<LetIn>,
}

/// Let people come into a sequence that has `api` among the rules by which people come in.
#[utoipa::path(post, path = "/sequences/{id}/people", tag = "sequences", request_body = ThesePeople,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = LetInAll)))]
async fn enter(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
    Input(these): Input<ThesePeople>,
) -> Result<Json<LetInAll>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let contacts = these.read()?;
    let fates = app.store.enter_sequence(caller.workspace, id, contacts, &caller.actor, app.now()).await?;
    let word = |fate| match fate {
        Entered::In => "entered",
        Entered::UnderWay => "under_way",
        Entered::NotAgain => "not_again",
        Entered::Unknown => "unknown",
    };
    let results = these.contacts.into_iter().zip(fates);
    Ok(Json(LetInAll { results: results.map(|(contact, fate)| LetIn { contact, result: word(fate) }).collect() }))
}

/// How many it was.
#[derive(Serialize, ToSchema)]
struct TakenOut {
    /// People who were in it.
    removed: u64,
}

/// Take people out of a sequence. What is on its way to them goes on.
#[utoipa::path(post, path = "/sequences/{id}/people/remove", tag = "sequences", request_body = ThesePeople,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = TakenOut)))]
async fn take_out(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
    Input(these): Input<ThesePeople>,
) -> Result<Json<TakenOut>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let removed = app.store.leave_sequence(caller.workspace, id, these.read()?, &caller.actor, app.now()).await?;
    Ok(Json(TakenOut { removed }))
}

// ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────────

/// Of which version.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfVersion {
    /// The version; else the one in force.
    pub(crate) version: Option<u32>,
}

/// What happened at a step.
#[derive(Serialize, ToSchema)]
pub(crate) struct SequenceStep {
    /// Its number, from 1.
    pub(crate) step: u16,
    /// What it does, in words.
    pub(crate) does: String,
    /// Who came to it.
    pub(crate) entered: u64,
    /// Who is there now.
    pub(crate) waiting: u64,
    /// Whose way ended there, and how.
    pub(crate) left: BTreeMap<&'static str, u64>,
    /// Of a step that sends: what became of its messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mail: Option<StepMail>,
}

/// What became of the messages of a step.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepMail {
    /// Its campaign, whose report tells more.
    pub(crate) campaign: String,
    /// Queued by this step, and not skipped since.
    pub(crate) sent: u64,
    /// Skipped, at once or while it waited.
    pub(crate) skipped: u64,
    /// Why.
    pub(crate) skipped_by_reason: BTreeMap<&'static str, u64>,
    /// Accepted by the server.
    pub(crate) accepted: u64,
    /// People who followed a link; machines aside.
    pub(crate) clicked: u64,
    /// Of those skipped, who has no delivery: they came when the campaign was cancelled.
    #[serde(skip)]
    pub(crate) passed: u64,
}

impl StepMail {
    /// From the counters of its campaign. Whoever came to the step when that was cancelled has no delivery there.
    fn of(campaign: CampaignId, count: &StepCount, tally: &Tally, clicked: u64) -> StepMail {
        let mut reasons = tally.by_skip_reason.clone();
        let passed = (count.sent + count.skipped).saturating_sub(tally.recipients());
        *reasons.entry(SkipReason::Cancelled).or_default() += passed;
        StepMail {
            campaign: campaign.to_string(),
            sent: tally.attempted(),
            skipped: tally.count(DeliveryState::Skipped) + passed,
            skipped_by_reason: reasons.iter().filter(|(_, n)| **n > 0).map(|(why, n)| (why.word(), *n)).collect(),
            accepted: tally.count(DeliveryState::Accepted),
            clicked,
            passed,
        }
    }
}

/// What came of a version of a sequence.
#[derive(Serialize, ToSchema)]
pub(crate) struct SequenceReport {
    /// Which version.
    pub(crate) version: u32,
    /// Who came in.
    pub(crate) entered: u64,
    /// Who is on their way.
    pub(crate) under_way: u64,
    /// Who reached the goal.
    pub(crate) reached: u64,
    /// Who came to the end.
    pub(crate) ended: u64,
    /// Who left before, and how.
    pub(crate) left: BTreeMap<&'static str, u64>,
    /// Step by step.
    pub(crate) steps: Vec<SequenceStep>,
}

/// What came of a sequence: who came in, who is where, who reached the goal, who left, and the mail of each step.
/// `entered` = `under_way` + `reached` + `ended` + everybody in `left`.
#[utoipa::path(get, path = "/sequences/{id}/report", tag = "sequences",
    params(OfVersion, ("id" = String, Path, description = "Its id")),
    responses((status = 200, body = SequenceReport)))]
pub(crate) async fn report(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
    Asked(of): Asked<OfVersion>,
) -> Result<Json<SequenceReport>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = require(&app, &caller, id).await?;
    let number = of.version.or(known.version).unwrap_or(known.newest);
    let written = version(&app, &known, number).await?;
    let counts = app.store.sequence_counts(caller.workspace, id, number).await?;
    let departed =
        |how: Departure| -> u64 { counts.values().map(|count| count.departed.get(&how).copied().unwrap_or(0)).sum() };
    let left = Departure::ALL.iter().filter(|how| how.is_early()).map(|how| (how.word(), departed(*how)));
    let plan = Plan::of(&written.definition);
    let mut steps = Vec::new();
    for number in 1..=plan.len() {
        if let Some(op) = plan.op(number) {
            let count = counts.get(&number).cloned().unwrap_or_default();
            steps.push(step(&app, &written, (number, op), count, caller.workspace).await?);
        }
    }
    Ok(Json(SequenceReport {
        version: number,
        entered: counts.get(&1).map_or(0, |count| count.arrived),
        under_way: counts.values().map(StepCount::waiting).sum(),
        reached: departed(Departure::Reached),
        ended: departed(Departure::Ended),
        left: left.filter(|(_, count)| *count > 0).collect(),
        steps,
    }))
}

async fn step(
    app: &App,
    written: &SequenceVersion,
    (number, op): (u16, &Op),
    count: StepCount,
    workspace: model::WorkspaceId,
) -> Result<SequenceStep, Problem> {
    let campaign = match op {
        Op::Send(message) => written.campaigns.get(message).copied(),
        _ => None,
    };
    let mail = match campaign {
        Some(campaign) => {
            let tally = app.store.tally(campaign).await?;
            let reactions = app.store.reaction_counts(workspace, campaign).await?;
            let by_people = reactions
                .iter()
                .filter(|one| one.kind == ReactionKind::Clicked && one.doer == Doer::Person && one.link.is_none());
            Some(StepMail::of(campaign, &count, &tally, by_people.map(|one| one.people).sum()))
        }
        None => None,
    };
    Ok(SequenceStep {
        step: number,
        does: op.to_string(),
        entered: count.arrived,
        waiting: count.waiting(),
        left: count.departed.iter().map(|(how, people)| (how.word(), *people)).collect(),
        mail,
    })
}
