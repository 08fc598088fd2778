//! Templates: the parts of a message under a name, in versions; used by campaigns and by messages.

use crate::extract::{Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::SendError;
use engine::launch::{self, MessageFile, Parts};
use engine::messages::{self, Surveyed};
use mail::compose::Rendered;
use model::access::Scope;
use model::{ContactId, TemplateId, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "templates";
const VERSIONS: &str = "template versions";
/// The longest source of a part, in octets.
const SOURCE_BYTES_MAX: usize = 400 * 1024;
/// The longest subject, preheader or sender, in characters.
const LINE_CHARS_MAX: usize = 1_000;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, change, remove))
        .routes(routes!(versions))
        .routes(routes!(preview))
}

/// How a template is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TemplateFormat {
    /// MJML.
    Mjml,
    /// Markdown, with front matter.
    Markdown,
    /// HTML.
    Html,
    /// Text alone.
    Text,
}

/// The parts of a message.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateParts {
    /// How the source is written.
    format: TemplateFormat,
    /// The message, with merge tags as `{{ first_name }}`.
    source: String,
    /// The subject; may have merge tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// What mail programs show behind the subject; may have merge tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preheader: Option<String>,
    /// The text part; without, it is made from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Who it is from, where whoever uses it does not say: an address, or `Name <address>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
}

/// A template to be, or as it is to be from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WrittenTemplate {
    /// Unique in the workspace.
    name: String,
    /// The parts.
    parts: TemplateParts,
}

/// A template without its parts.
#[derive(Serialize, ToSchema)]
struct TemplateEntry {
    /// Its id (`t_…`).
    id: String,
    /// Its name.
    name: String,
    /// The version, from 1.
    version: u32,
    /// When the template was made.
    created_at: Time,
    /// When this version was made.
    changed_at: Time,
    /// By whom.
    changed_by: String,
}

/// A template.
#[derive(Serialize, ToSchema)]
struct WholeTemplate {
    /// What it is.
    #[serde(flatten)]
    entry: TemplateEntry,
    /// Its parts.
    parts: TemplateParts,
    /// The merge tags it uses.
    tags: Vec<String>,
    /// What its author should look at.
    warnings: Vec<String>,
}

impl From<&store::Template> for TemplateEntry {
    fn from(known: &store::Template) -> TemplateEntry {
        TemplateEntry {
            id: known.id.to_string(),
            name: known.name.clone(),
            version: known.version,
            created_at: known.created_at.into(),
            changed_at: known.changed_at.into(),
            changed_by: known.actor.clone(),
        }
    }
}

impl TemplateParts {
    /// As messages keep it.
    pub(crate) fn into_file(self) -> Result<MessageFile, Problem> {
        let extension = match self.format {
            TemplateFormat::Mjml => "mjml",
            TemplateFormat::Markdown => "md",
            TemplateFormat::Html => "html",
            TemplateFormat::Text => "txt",
        };
        let parts = Parts { text: self.text, preheader: self.preheader, reply_to: self.reply_to };
        Ok(MessageFile { parts, ..MessageFile::new(format!("message.{extension}"), self.source) })
    }

    /// Everything that can be wrong with the parts as such.
    fn survey(&self) -> Result<Surveyed, Problem> {
        for (field, text) in [("source", Some(&self.source)), ("text", self.text.as_ref())] {
            if text.is_some_and(|text| text.len() > SOURCE_BYTES_MAX) {
                let says = format!("at most {} kB", SOURCE_BYTES_MAX / 1024);
                return Err(Problem::field(&format!("parts.{field}"), says));
            }
        }
        let lines = [
            ("subject", &self.subject),
            ("preheader", &self.preheader),
            ("from", &self.from),
            ("reply_to", &self.reply_to),
        ];
        for (field, line) in lines {
            let is_long = line.as_ref().is_some_and(|line| line.chars().count() > LINE_CHARS_MAX);
            if is_long || line.as_ref().is_some_and(|line| line.chars().any(char::is_control)) {
                let says = format!("one line of at most {LINE_CHARS_MAX} characters");
                return Err(Problem::field(&format!("parts.{field}"), says));
            }
        }
        for (field, mailbox) in [("from", &self.from), ("reply_to", &self.reply_to)] {
            if let Some(mailbox) = mailbox {
                let read = launch::parse_mailbox(mailbox);
                read.map_err(|error| Problem::field(&format!("parts.{field}"), error.to_string()))?;
            }
        }
        messages::survey(&self.clone().into_file()?, self.subject.as_deref()).map_err(|error| in_parts(error, "source"))
    }
}

/// A mistake in the parts, beside its field.
fn in_parts(error: SendError, field: &str) -> Problem {
    match error {
        SendError::Message { why, .. } => Problem::field(&format!("parts.{field}"), why),
        other => other.into(),
    }
}

fn read_parts(known: &store::Template) -> Result<TemplateParts, Problem> {
    serde_json::from_str(&known.parts).map_err(|error| {
        tracing::error!(%error, template = %known.id, "a template cannot be read");
        Code::OwnFailure.into()
    })
}

/// The parts of a template of the caller's workspace, to be used by something else.
pub(crate) async fn parts(
    app: &App,
    caller: &Caller,
    id: TemplateId,
    version: Option<u32>,
) -> Result<TemplateParts, Problem> {
    let known = app.store.template(caller.workspace, id, version).await?;
    read_parts(&known.ok_or_else(|| Problem::field("template", format!("there is no template {id}")))?)
}

/// A version of a template of the caller's workspace, with its number; the newest without one. `None`: it is not there (any
/// more).
pub(crate) async fn known_version(
    app: &App,
    caller: &Caller,
    id: TemplateId,
    version: Option<u32>,
) -> Result<Option<(u32, TemplateParts)>, Problem> {
    let known = app.store.template(caller.workspace, id, version).await?;
    known.map(|known| Ok((known.version, read_parts(&known)?))).transpose()
}

/// Parts of a template as the ledger keeps them, from what another platform calls so. Refused, in words: what is wrong with them
/// as a message.
pub fn kept_parts(parts: serde_json::Value) -> Result<String, String> {
    let parts: TemplateParts = serde_json::from_value(parts).map_err(|why| why.to_string())?;
    parts.survey().map_err(|problem| problem.detail)?;
    serde_json::to_string(&parts).map_err(|why| why.to_string())
}

/// What a template is to those who use it without a caller.
#[derive(Default)]
pub(crate) struct Known {
    /// The merge tags it uses.
    pub(crate) tags: Vec<String>,
    pub(crate) subject: Option<String>,
    pub(crate) from: Option<String>,
}

/// A template of a workspace as a message, and what is known of it.
pub(crate) async fn template_file(
    app: &App,
    workspace: WorkspaceId,
    id: TemplateId,
) -> Result<(MessageFile, Known), SendError> {
    let known = app.store.template(workspace, id, None).await?;
    let known = known.ok_or_else(|| SendError::Input(format!("there is no template {id}")))?;
    let refused = |problem: Problem| SendError::Input(problem.detail);
    let parts = read_parts(&known).map_err(refused)?;
    let tags = parts.survey().map_err(refused)?.tags;
    let known = Known { tags, subject: parts.subject.clone(), from: parts.from.clone() };
    Ok((parts.into_file().map_err(refused)?, known))
}

fn whole(known: &store::Template) -> Result<Json<WholeTemplate>, Problem> {
    let parts = read_parts(known)?;
    let Surveyed { tags, warnings } = parts.survey()?;
    Ok(Json(WholeTemplate { entry: known.into(), parts, tags, warnings }))
}

/// The templates of the workspace, as they are now.
#[utoipa::path(get, path = "/templates", tag = "templates", params(Plain),
    responses((status = 200, body = Page<TemplateEntry>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<TemplateEntry>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let limit = page::limit(which.limit)?;
    let after = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.templates(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| known.id.to_string(), |known| TemplateEntry::from(&known))))
}

/// Write a template.
///
/// A mistake in it is refused with its line and column. Which merge tags there are is asked when it is used.
#[utoipa::path(post, path = "/templates", tag = "templates", request_body = WrittenTemplate,
    responses((status = 201, body = WholeTemplate)))]
async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<WrittenTemplate>,
) -> Result<(StatusCode, Json<WholeTemplate>), Problem> {
    caller.may(Scope::CampaignsWrite)?;
    new.parts.survey()?;
    let parts = serde_json::to_string(&new.parts).map_err(|_| Code::OwnFailure)?;
    let made = app.store.make_template(caller.workspace, &new.name, parts, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, whole(&made)?))
}

/// Which version.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Version {
    /// The version; without, the newest.
    version: Option<u32>,
}

/// A template, as it is now or in a version.
#[utoipa::path(get, path = "/templates/{id}", tag = "templates",
    params(Version, ("id" = String, Path, description = "The template")), responses((status = 200, body = WholeTemplate)))]
async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<TemplateId>,
    Asked(Version { version }): Asked<Version>,
) -> Result<Json<WholeTemplate>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = app.store.template(caller.workspace, id, version).await?;
    whole(&known.ok_or_else(|| Problem::not_found("template", id))?)
}

/// Change a template as a whole: a new version. The same again makes none.
#[utoipa::path(put, path = "/templates/{id}", tag = "templates", request_body = WrittenTemplate,
    params(("id" = String, Path, description = "The template")), responses((status = 200, body = WholeTemplate)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<TemplateId>,
    Input(new): Input<WrittenTemplate>,
) -> Result<Json<WholeTemplate>, Problem> {
    caller.may(Scope::CampaignsWrite)?;
    new.parts.survey()?;
    let parts = serde_json::to_string(&new.parts).map_err(|_| Code::OwnFailure)?;
    let (actor, now) = (&caller.actor, app.now());
    whole(&app.store.change_template(caller.workspace, id, &new.name, parts, actor, now).await?)
}

/// Remove a template with its versions. Messages and campaigns made from it keep what they say.
#[utoipa::path(delete, path = "/templates/{id}", tag = "templates",
    params(("id" = String, Path, description = "The template")), responses((status = 204)))]
async fn remove(State(app): State<App>, caller: Caller, At(id): At<TemplateId>) -> Result<StatusCode, Problem> {
    caller.may(Scope::CampaignsWrite)?;
    app.store.remove_template(caller.workspace, id, &caller.actor, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The versions of a template, newest first; the last 200 are kept.
#[utoipa::path(get, path = "/templates/{id}/versions", tag = "templates",
    params(Plain, ("id" = String, Path, description = "The template")),
    responses((status = 200, body = Page<TemplateEntry>)))]
async fn versions(
    State(app): State<App>,
    caller: Caller,
    At(id): At<TemplateId>,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<TemplateEntry>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let limit = page::limit(which.limit)?;
    let list = page::within(VERSIONS, [id.to_string().as_str()]);
    let before = page::open_as(&list, which.after.as_deref())?;
    let found = app.store.template_versions(caller.workspace, id, before, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, &list, |known| known.version.to_string(), |known| TemplateEntry::from(&known))))
}

/// Whose values are shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TemplateValues {
    /// What the merge tags stand for.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    /// A contact, whose values stand behind those of `data`.
    #[serde(default)]
    contact: Option<String>,
    /// The version; without, the newest.
    #[serde(default)]
    version: Option<u32>,
}

/// A message as one person would see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessagePreview {
    /// The subject.
    subject: String,
    /// What mail programs show behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    preheader: Option<String>,
    /// The HTML part. It is of foreign making: show it in a frame that may do nothing.
    html: String,
    /// The text part.
    text: String,
    /// Tags without a fallback that came out empty.
    empty_tags: Vec<String>,
}

impl From<Rendered> for MessagePreview {
    fn from(rendered: Rendered) -> MessagePreview {
        let Rendered { subject, preheader, html, text, empty_tags } = rendered;
        MessagePreview { subject, preheader, html, text, empty_tags }
    }
}

/// What a template says with these values. Nothing is sent.
#[utoipa::path(post, path = "/templates/{id}/preview", tag = "templates", request_body = TemplateValues,
    params(("id" = String, Path, description = "The template")), responses((status = 200, body = MessagePreview)))]
async fn preview(
    State(app): State<App>,
    caller: Caller,
    At(id): At<TemplateId>,
    Input(values): Input<TemplateValues>,
) -> Result<Json<MessagePreview>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = app.store.template(caller.workspace, id, values.version).await?;
    let parts = read_parts(&known.ok_or_else(|| Problem::not_found("template", id))?)?;
    let mut data = match &values.contact {
        Some(text) => attributes(&app, &caller, crate::extract::id("contact", text)?).await?,
        None => Map::new(),
    };
    data.extend(values.data.unwrap_or_default());
    let subject = parts.subject.clone();
    let shown = messages::preview(&parts.into_file()?, subject.as_deref(), &Value::Object(data).to_string());
    let shown = shown.map_err(|error| in_parts(error, "source"))?;
    Ok(Json(shown.into()))
}

/// A contact's values.
pub(crate) async fn attributes(app: &App, caller: &Caller, id: ContactId) -> Result<Map<String, Value>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let known = app.store.contact_of(caller.workspace, id).await?;
    let known = known.ok_or_else(|| Problem::field("contact", format!("there is no contact {id}")))?;
    let aliases = app.store.aliases(caller.workspace).await?;
    Ok(mail::values::of_person(&known.attributes, known.email.as_deref(), &aliases))
}
