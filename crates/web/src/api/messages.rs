//! Single messages that programs ask for, one or many in a request.

use super::campaigns::read_state;
use super::deliveries::Try;
use super::reacted::{Reacted, reacted};
use super::templates::{self, TemplateParts};
use crate::extract::{Asked, At, Input, one_line};
use crate::idempotency::Keyed;
use crate::page::{self, Page};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::SendError;
use engine::drafts::POSTAL_ADDRESS;
use engine::launch::{self, MessageFile, Parts};
use engine::messages::{Content, Look, Outgoing, Refusal, STREAM_CHARS_MAX};
use engine::options::{SendOptions, Unsubscribe};
use mail::attach::{Attachment, FILES_MAX, FILES_OCTETS_MAX};
use model::access::Scope;
use model::{CampaignKind, DeliveryId, EmailAddress, MessageId, TemplateId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use store::message::MESSAGES_MAX;
use store::{MessageFilter, MessageRow, Once, Posted};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "messages";
/// Octets of a request's body here: files come with it.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Words of the sender's own on a message at most.
const TAGS_MAX: usize = 10;
/// The longest of them, in characters.
const TAG_CHARS_MAX: usize = 50;
/// Header fields of the sender's own at most.
const HEADERS_MAX: usize = 20;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, send)).routes(routes!(send_many)).routes(routes!(show))
}

/// What a message is to whoever gets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Category {
    /// They asked for it: a receipt, a reset, an alarm. An unsubscribe does not stop it.
    #[default]
    Transactional,
    /// A mailing to one: everything that keeps mailings away keeps it away, and it must hold `{{ unsubscribe_url }}`.
    Marketing,
}

/// A file that goes with a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AttachedFile {
    /// Its name.
    name: String,
    /// Its media type.
    #[schema(example = "application/pdf")]
    content_type: String,
    /// Its content in base64.
    content: String,
    /// Shown within the HTML where that says `cid:` and this.
    #[serde(default)]
    content_id: Option<String>,
}

/// A message to one person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// To whom: an address, or `Name <address>`.
    to: String,
    /// Who it is from: an address, or `Name <address>`, of a domain that signs here. A template may say it.
    #[serde(default)]
    from: Option<String>,
    /// Where answers go, when not to `from`.
    #[serde(default)]
    reply_to: Option<String>,
    /// The subject; may have merge tags.
    #[serde(default)]
    subject: Option<String>,
    /// The message as HTML; may have merge tags.
    #[serde(default)]
    html: Option<String>,
    /// The message as text; without, it is made from the HTML.
    #[serde(default)]
    text: Option<String>,
    /// A template (`t_…`) in place of `html` and `text`.
    #[serde(default)]
    template: Option<String>,
    /// One of its versions; without, the newest.
    #[serde(default)]
    template_version: Option<u32>,
    /// What the merge tags stand for.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    /// Header fields of your own: `X-…`, `In-Reply-To`, `References`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Files; 10 MB together.
    #[serde(default)]
    #[schema(max_items = 20)]
    attachments: Vec<AttachedFile>,
    /// Words to find it by.
    #[serde(default)]
    #[schema(max_items = 10)]
    tags: Vec<String>,
    /// The stream it belongs to: small letters, digits, `-` and `_`. Each has its own report, brakes and complaints.
    #[serde(default)]
    stream: Option<String>,
    /// What it is.
    #[serde(default)]
    category: Category,
    /// A second copy would do harm: do not send it once more when the server's last reply is lost and nobody knows whether
    /// it has the message. A transactional message is sent once more then, under the same Message-ID; a marketing message
    /// never is.
    #[serde(default)]
    no_resend: bool,
}

/// Messages that are taken together: all of them or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MessageBatch {
    /// The messages.
    #[schema(min_items = 1, max_items = 500)]
    messages: Vec<NewMessage>,
}

/// A message that was taken: it is durable, and sent as soon as it may be.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostedMessage {
    /// Its id (`msg_…`).
    id: String,
    /// Its delivery (`d_…`), under which events tell of it.
    pub(crate) delivery: String,
    /// `queued` or `skipped`.
    state: &'static str,
    /// Why it is not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_because: Option<&'static str>,
}

/// Messages that were taken, in the order they came in.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostedMessages {
    /// The messages.
    pub(crate) data: Vec<PostedMessage>,
}

/// A message and what became of it.
#[derive(Serialize, ToSchema)]
struct MessageStory {
    /// Its id.
    id: String,
    /// Its delivery.
    delivery: String,
    /// The campaign that stands for its stream and sending domain.
    campaign: String,
    /// What it is.
    category: Category,
    /// To whom.
    contact: String,
    /// At which address; absent when the person was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: &'static str,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_because: Option<&'static str>,
    /// When it is sent once more, if it is in doubt and nothing shows before that it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    once_more_at: Option<Time>,
    /// The words it was given.
    tags: Vec<String>,
    /// Is what it said still kept?
    content_kept: bool,
    /// Every attempt, oldest first.
    attempts: Vec<Try>,
    /// Opens, clicks and the like, newest first, at most 100.
    reactions: Vec<Reacted>,
}

/// A message of a list.
#[derive(Serialize, ToSchema)]
struct ListedMessage {
    /// Its id.
    id: String,
    /// Its delivery.
    delivery: String,
    /// The campaign that stands for its stream and sending domain.
    campaign: String,
    /// To whom.
    contact: String,
    /// At which address; absent when the person was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: &'static str,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_because: Option<&'static str>,
    /// When it was first tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_try_at: Option<Time>,
    /// The words it was given.
    tags: Vec<String>,
}

/// Words as they are kept.
fn words(kept: Option<&str>) -> Vec<String> {
    kept.and_then(|tags| serde_json::from_str(tags).ok()).unwrap_or_default()
}

impl From<MessageRow> for ListedMessage {
    fn from(row: MessageRow) -> ListedMessage {
        let MessageRow { delivery, tags } = row;
        ListedMessage {
            id: MessageId::from(delivery.delivery).to_string(),
            delivery: delivery.delivery.to_string(),
            campaign: delivery.campaign.to_string(),
            contact: delivery.contact.to_string(),
            to: delivery.email,
            state: delivery.state.word(),
            skipped_because: delivery.skip.map(model::SkipReason::word),
            first_try_at: delivery.first_try_at.map(Time),
            tags: words(tags.as_deref()),
        }
    }
}

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// In this state: `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: Option<String>,
    /// To this address.
    to: Option<String>,
    /// Asked for at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// Asked for before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    before: Option<Time>,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

impl From<Posted> for PostedMessage {
    fn from(posted: Posted) -> PostedMessage {
        PostedMessage {
            id: MessageId::from(posted.delivery).to_string(),
            delivery: posted.delivery.to_string(),
            state: if posted.skip.is_some() { "skipped" } else { "queued" },
            skipped_because: posted.skip.map(model::SkipReason::word),
        }
    }
}

/// How everything that starts here leaves this machine; `links_at`: where its links lead ([`App::links_at`]).
pub(crate) fn house_options(app: &App, links_at: String) -> SendOptions {
    let sending = app.config.sending.clone();
    SendOptions {
        from: String::new(),
        subject: None,
        return_path: String::new(),
        unsubscribe: Unsubscribe::PublicUrl(links_at),
        postal_address: None,
        dkim: None,
        transport: sending.transport,
        connections: sending.connections,
        retry: sending.retry,
        require_tls: false,
        timing: Default::default(),
        tracking: Default::default(),
        topic: None,
    }
}

/// Send a message.
///
/// Answered when it is durable. It is a delivery like any other, with all its guards, and overtakes mailings that wait.
/// A recipient who must not be written to is `skipped`, with the reason, and has that in their timeline. With an
/// `Idempotency-Key` the request may be repeated for a day, over a crash as well.
#[utoipa::path(post, path = "/messages", tag = "messages", request_body = NewMessage,
    responses((status = 202, body = PostedMessage)))]
async fn send(
    State(app): State<App>,
    caller: Caller,
    keyed: Keyed,
    Input(new): Input<NewMessage>,
) -> Result<(StatusCode, Json<PostedMessage>), Problem> {
    caller.may(Scope::MessagesSend)?;
    let mut posted = take(&app, &caller, keyed, vec![new], |_, field| field.to_owned()).await?;
    let posted = posted.pop().ok_or(Code::OwnFailure)?;
    Ok((StatusCode::ACCEPTED, Json(posted.into())))
}

/// Send up to 500 messages: all are taken or none. One commit for all of them.
#[utoipa::path(post, path = "/messages/batch", tag = "messages", request_body = MessageBatch,
    responses((status = 202, body = PostedMessages)))]
async fn send_many(
    State(app): State<App>,
    caller: Caller,
    keyed: Keyed,
    Input(batch): Input<MessageBatch>,
) -> Result<(StatusCode, Json<PostedMessages>), Problem> {
    caller.may(Scope::MessagesSend)?;
    if batch.messages.is_empty() || batch.messages.len() > MESSAGES_MAX {
        return Err(Problem::field("messages", format!("a request has 1 to {MESSAGES_MAX} messages")));
    }
    let posted = take(&app, &caller, keyed, batch.messages, |at, field| format!("messages[{at}].{field}")).await?;
    Ok((StatusCode::ACCEPTED, Json(PostedMessages { data: posted.into_iter().map(PostedMessage::from).collect() })))
}

/// Messages that programs asked for, newest first.
///
/// A page may be short, even empty, and yet have a `next`: what is looked at for one page is bounded.
#[utoipa::path(get, path = "/messages", tag = "messages", params(Which),
    responses((status = 200, body = Page<ListedMessage>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<ListedMessage>>, Problem> {
    caller.may(Scope::DeliveriesRead)?;
    let limit = page::limit(which.limit)?;
    let [since, before] = [&which.since, &which.before]
        .map(|time| time.as_ref().map(|time| time.0.as_millis().to_string()).unwrap_or_default());
    let (state, to) = (which.state.as_deref().unwrap_or_default(), which.to.as_deref().unwrap_or_default());
    let list = page::within(LIST, [state, to, &since, &before]);
    let after: Option<DeliveryId> = page::open_as(&list, which.after.as_deref())?;
    let to = which.to.as_deref().map(EmailAddress::parse).transpose();
    let filter = MessageFilter {
        state: which.state.as_deref().map(read_state).transpose()?,
        to: to.map_err(|error| Problem::field("to", error.to_string()))?,
        since: which.since.map(|time| time.0),
        before: which.before.map(|time| time.0),
    };
    let found = app.store.messages(caller.workspace, filter, after, limit).await?;
    let next = found.next.map(|last| page::seal(&list, &last.to_string()));
    let data = found.messages.into_iter().map(ListedMessage::from).collect();
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}

/// Where a message stands: every attempt, what servers said, and what was done with it.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages",
    params(("id" = String, Path, description = "The message")), responses((status = 200, body = MessageStory)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<MessageId>) -> Result<Json<MessageStory>, Problem> {
    caller.may(Scope::DeliveriesRead)?;
    let missing = || Problem::not_found("message", id);
    let row = app.store.delivery_in(caller.workspace, id.into()).await?.ok_or_else(missing)?;
    let kept = app.store.message(row.delivery).await?.ok_or_else(missing)?;
    let stream = app.store.campaign(row.campaign).await?.ok_or_else(missing)?;
    let attempts = app.store.attempts(row.delivery).await?;
    let once_more_at = engine::doubt::once_more_at(&app.store, &stream, &row, app.now()).await?.map(Time);
    Ok(Json(MessageStory {
        id: id.to_string(),
        delivery: row.delivery.to_string(),
        campaign: row.campaign.to_string(),
        category: if stream.kind == CampaignKind::Transactional {
            Category::Transactional
        } else {
            Category::Marketing
        },
        contact: row.contact.to_string(),
        to: row.email,
        state: row.state.word(),
        skipped_because: row.skip.map(model::SkipReason::word),
        once_more_at,
        tags: words(kept.tags.as_deref()),
        content_kept: kept.content.is_some(),
        attempts: attempts.into_iter().map(Try::from).collect(),
        reactions: reacted(&app, caller.workspace, row.delivery).await?,
    }))
}

/// Reads, checks and takes messages; `named` tells the field of the one at a place.
async fn take(
    app: &App,
    caller: &Caller,
    keyed: Keyed,
    messages: Vec<NewMessage>,
    named: impl Fn(usize, &str) -> String,
) -> Result<Vec<Posted>, Problem> {
    let postal_address = app.store.setting(caller.workspace, POSTAL_ADDRESS).await?;
    let mut templates = BTreeMap::new();
    let mut outgoing = Vec::with_capacity(messages.len());
    for (at, new) in messages.into_iter().enumerate() {
        let read = new.read(app, caller, postal_address.as_deref(), &mut templates).await;
        let told = |problem: Problem| Problem { field: problem.field.map(|field| named(at, &field)), ..problem };
        outgoing.push(read.map_err(told)?);
    }
    let once = keyed.0.map(|(key, request)| Once { key, request });
    // One request, one name: that for the first message's sender.
    let links_at = match outgoing.first().and_then(|first| launch::parse_mailbox(&first.content.from).ok()) {
        Some(from) => app.links_at(caller.workspace, from.address.domain()).await?,
        None => app.config.public_url.clone(),
    };
    let house = house_options(app, links_at);
    let posted = app.engine.post(&app.world, &house, caller.workspace, outgoing, once, &caller.actor).await;
    posted.map_err(|refusal| problem_of(refusal, named))
}

/// What was refused, beside its field.
pub(crate) fn problem_of(refusal: Refusal, named: impl Fn(usize, &str) -> String) -> Problem {
    let Refusal { at, why } = refusal;
    let field = |field: &str| at.map(|at| named(at, field));
    match why {
        SendError::Message { why, file } => {
            let part = if file.ends_with(".txt") { "text" } else { "html" };
            Problem { field: field(part), ..Problem::new(Code::InvalidField, why) }
        }
        SendError::Objections(objections) => {
            let says = objections.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Problem { field: field("from"), ..Problem::new(Code::Refused, says) }
        }
        SendError::Guard(says) => Problem { field: field("to"), ..Problem::new(Code::Refused, says) },
        SendError::Store(store::StoreError::Exists { what, .. }) if what.contains("Idempotency-Key") => {
            Code::KeyReused.into()
        }
        other => Problem::from(other),
    }
}

impl NewMessage {
    async fn read(
        self,
        app: &App,
        caller: &Caller,
        postal_address: Option<&str>,
        templates: &mut BTreeMap<(TemplateId, Option<u32>), TemplateParts>,
    ) -> Result<Outgoing, Problem> {
        let to = launch::parse_mailbox(&self.to).map_err(|_| Problem::field("to", "an address is expected"))?;
        let parts = match &self.template {
            Some(_) if self.html.is_some() || self.text.is_some() => {
                return Err(Problem::field("template", "give a template, or html and text, not both"));
            }
            Some(text) => Some(known_template(app, caller, (text, self.template_version), templates).await?),
            None => None,
        };
        let files = read_files(&self.attachments)?;
        let tags = read_tags(&self.tags)?;
        if self.headers.len() > HEADERS_MAX {
            return Err(Problem::field("headers", format!("a message has at most {HEADERS_MAX} fields of your own")));
        }
        let (look, usual) = match self.category {
            Category::Transactional => (Look::Transactional, "transactional"),
            Category::Marketing => (Look::Marketing, "marketing"),
        };
        let stream = read_stream(self.stream.as_deref().unwrap_or(usual))?;
        let from = self.from.or_else(|| parts.as_ref().and_then(|parts| parts.from.clone()));
        let from = from.ok_or_else(|| Problem::field("from", "who it is from is needed"))?;
        launch::parse_mailbox(&from).map_err(|error| Problem::field("from", error.to_string()))?;
        let subject =
            one_line("subject", self.subject)?.or_else(|| parts.as_ref().and_then(|parts| parts.subject.clone()));
        let mut file = match (parts, self.html, self.text) {
            (Some(parts), _, _) => parts.into_file()?,
            (None, Some(html), text) => {
                let parts = Parts { text, ..Parts::default() };
                MessageFile { parts, ..MessageFile::new("message.html".to_owned(), html) }
            }
            (None, None, Some(text)) => MessageFile::new("message.txt".to_owned(), text),
            (None, None, None) => return Err(Problem::field("html", "give html, text or a template")),
        };
        if let Some(reply_to) = self.reply_to {
            launch::parse_mailbox(&reply_to).map_err(|error| Problem::field("reply_to", error.to_string()))?;
            file.parts.reply_to = Some(reply_to);
        }
        let data = self.data.unwrap_or_default();
        let mut columns: Vec<String> = data.keys().cloned().collect();
        columns.sort_unstable();
        let content = Content {
            file,
            from,
            subject,
            headers: self.headers.into_iter().collect(),
            files,
            columns,
            look,
            postal_address: postal_address.map(str::to_owned),
            no_resend: self.no_resend,
            tried: None,
        };
        Ok(Outgoing { to: to.address, to_name: to.name, content, data: Value::Object(data).to_string(), tags, stream })
    }
}

/// A template's parts, read once for a request.
async fn known_template(
    app: &App,
    caller: &Caller,
    (text, version): (&str, Option<u32>),
    known: &mut BTreeMap<(TemplateId, Option<u32>), TemplateParts>,
) -> Result<TemplateParts, Problem> {
    let id: TemplateId = crate::extract::id("template", text)?;
    if let Some(parts) = known.get(&(id, version)) {
        return Ok(parts.clone());
    }
    let parts = templates::parts(app, caller, id, version).await?;
    known.insert((id, version), parts.clone());
    Ok(parts)
}

fn read_files(files: &[AttachedFile]) -> Result<Vec<Attachment>, Problem> {
    if files.len() > FILES_MAX {
        return Err(Problem::field("attachments", format!("a message has at most {FILES_MAX} files")));
    }
    let read = |(at, file): (usize, &AttachedFile)| {
        let made = Attachment::new(&file.name, &file.content_type, file.content_id.as_deref(), &file.content);
        made.map_err(|error| Problem::field(&format!("attachments[{at}]"), error.to_string()))
    };
    let files: Vec<Attachment> = files.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    if files.iter().map(Attachment::octets).sum::<usize>() > FILES_OCTETS_MAX {
        let says = format!("the files of a message have at most {} MB together", FILES_OCTETS_MAX / 1024 / 1024);
        return Err(Problem::field("attachments", says));
    }
    Ok(files)
}

fn read_tags(tags: &[String]) -> Result<Option<String>, Problem> {
    let is_word =
        |tag: &String| (1..=TAG_CHARS_MAX).contains(&tag.chars().count()) && !tag.chars().any(char::is_control);
    if tags.len() > TAGS_MAX || !tags.iter().all(is_word) {
        let says = format!("at most {TAGS_MAX} words of 1 to {TAG_CHARS_MAX} characters");
        return Err(Problem::field("tags", says));
    }
    Ok((!tags.is_empty()).then(|| serde_json::to_string(tags).unwrap_or_default()))
}

fn read_stream(stream: &str) -> Result<String, Problem> {
    let is_name = (1..=STREAM_CHARS_MAX).contains(&stream.len())
        && stream.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
    match is_name && stream != "test" {
        true => Ok(stream.to_owned()),
        false => {
            let says =
                format!("a stream has 1 to {STREAM_CHARS_MAX} small letters, digits, - and _, and is not \"test\"");
            Err(Problem::field("stream", says))
        }
    }
}
