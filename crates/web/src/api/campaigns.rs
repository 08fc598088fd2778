//! Campaigns: written, foretold, begun, watched, stopped.

use super::messages::{self, PostedMessage, PostedMessages, house_options};
use super::templates;
use crate::extract::{Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Problem, recorded};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::drafts::{self, Proposal};
use engine::launch::{self, MessageFile, Parts};
use engine::messages::TESTED_MAX;
use engine::options::{SendOptions, Timing, Tracking, TrackingMode};
use engine::{report, resume};
use model::access::Scope;
use model::{CampaignId, CampaignState, DeliveryId, DeliveryState, EmailAddress, ImportId, ListId, SegmentId, Tally};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Audience, Whom};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "campaigns";
const RECIPIENTS: &str = "recipients";
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 200;
/// The longest source of a message, in octets.
const SOURCE_BYTES_MAX: usize = 900 * 1024;
/// How far ahead a campaign may be scheduled.
const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// For so long a campaign that was started can be taken back, in seconds, if nothing else is asked for …
const CANCEL_WINDOW_SECS: u16 = 60;
/// … and at most.
const CANCEL_WINDOW_SECS_MAX: u16 = 3_600;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, change))
        .routes(routes!(check))
        .routes(routes!(forecast))
        .routes(routes!(start))
        .routes(routes!(take_back))
        .routes(routes!(pause))
        .routes(routes!(go_on))
        .routes(routes!(cancel))
        .routes(routes!(duplicate))
        .routes(routes!(test))
        .routes(routes!(tell))
        .routes(routes!(recipients))
}

// ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// MJML.
    Mjml,
    /// Markdown, with front matter.
    Markdown,
    /// HTML.
    Html,
    /// Text alone.
    Text,
}

/// A message as its author wrote it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    /// How it is written.
    format: Format,
    /// Its source, with merge tags as `{{ first_name }}`.
    source: String,
    /// The text part; without, it is made from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What mail programs show behind the subject, if the source does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preheader: Option<String>,
}

/// Whom a campaign is for. A group is `everyone`, or the id of an import (`i_…`), a list (`l_…`) or a segment (`g_…`).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Groups {
    /// Taken in, in this order.
    #[schema(min_items = 1, max_items = 100)]
    include: Vec<String>,
    /// Left out; whoever is in one of these is skipped as `excluded`.
    #[serde(default)]
    #[schema(max_items = 100)]
    exclude: Vec<String>,
}

/// What a campaign is to be. Changed as a whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Its name; unique in the workspace.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Who it is from: an address, or `Name <address>`.
    from: String,
    /// The subject, if the message does not say it itself.
    #[serde(default)]
    subject: Option<String>,
    /// The message.
    #[serde(default)]
    message: Option<Message>,
    /// A template (`t_…`) in place of the message: it is copied, and later versions of it change nothing here.
    #[serde(default)]
    template: Option<String>,
    /// Where answers go, when not to `from`.
    #[serde(default)]
    reply_to: Option<String>,
    /// Whom it is for.
    audience: Groups,
    /// The domain bounces return to; else that of `from`.
    #[serde(default)]
    return_path: Option<String>,
    /// The hours in which it is sent, by the recipient's clock where it is known: `Mon-Fri 09:00-17:00 Europe/Berlin`.
    #[serde(default)]
    windows: Option<String>,
    /// Whoever was not reached by then is skipped as stale.
    #[serde(default)]
    expires_at: Option<Time>,
    /// Its share among the campaigns of the workspace; 100 is usual.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10000)]
    weight: Option<u32>,
    /// Only where every server on the way keeps it encrypted (RFC 8689).
    #[serde(default)]
    require_tls: bool,
    /// Whether opens and clicks are counted; left out: they are not.
    #[serde(default)]
    tracking: Counting,
}

/// Whether opens and clicks are counted, and what is added to links.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Counting {
    /// Whether, and of whom.
    mode: Mode,
    /// Are the links of the text part counted as well?
    text_links: bool,
    /// Added to every link where the author wrote no such parameter: `utm_source` and its like.
    parameters: BTreeMap<String, String>,
}

/// Whose opens and clicks are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Nobody's.
    #[default]
    Off,
    /// The campaign's; nobody can tell whose they are.
    Anonymous,
    /// Each recipient's.
    Full,
}

impl From<Counting> for Tracking {
    fn from(counting: Counting) -> Tracking {
        let mode = match counting.mode {
            Mode::Off => TrackingMode::Off,
            Mode::Anonymous => TrackingMode::Anonymous,
            Mode::Full => TrackingMode::Full,
        };
        let parameters = counting.parameters.into_iter().collect();
        Tracking { mode, url: None, text_links: counting.text_links, parameters }
    }
}

impl From<Tracking> for Counting {
    fn from(tracking: Tracking) -> Counting {
        let mode = match tracking.mode {
            TrackingMode::Off => Mode::Off,
            TrackingMode::Anonymous => Mode::Anonymous,
            TrackingMode::Full => Mode::Full,
        };
        let parameters = tracking.parameters.into_iter().collect();
        Counting { mode, text_links: tracking.text_links, parameters }
    }
}

/// A campaign.
#[derive(Serialize, ToSchema)]
struct Campaign {
    /// Its id (`m_…`).
    id: String,
    /// 1, 2, 3 … in its workspace.
    number: u32,
    /// Its name.
    name: String,
    /// `broadcast`, `automated` or `transactional`.
    kind: &'static str,
    /// `draft`, `scheduled`, `building`, `sending`, `retrying`, `paused`, `cancelled` or `complete`.
    state: &'static str,
    /// Why it is paused, cancelled, or a draft again.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// When it was made.
    created_at: Time,
    /// When it is to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_at: Option<Time>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Time>,
    /// When the last verdict was in, or it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
}

/// A campaign with everything that was chosen for it.
#[derive(Serialize, ToSchema)]
struct WholeCampaign {
    /// What it is and where it stands.
    #[serde(flatten)]
    campaign: Campaign,
    /// Who it is from.
    from: String,
    /// The subject, if the message does not say it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Where answers go, when not to `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    /// The message.
    message: Message,
    /// Whom it is for.
    audience: Groups,
    /// Whether opens and clicks are counted.
    tracking: Counting,
    /// Where everybody stands; empty before it began.
    equation: Equation,
}

/// `people = skipped + attempted`, `attempted = accepted + in_progress + soft + hard + blocked + in_doubt`.
#[derive(Serialize, ToSchema)]
struct Equation {
    /// Everybody of the audience.
    people: u64,
    /// Not mailed, for a reason.
    skipped: u64,
    /// Everybody else.
    attempted: u64,
    /// Accepted by the server; not the same as "in the inbox".
    accepted: u64,
    /// Still to be tried.
    in_progress: u64,
    /// Put off until the window closed.
    soft: u64,
    /// Mailbox or domain does not exist.
    hard: u64,
    /// Refused for a reason that is not the address.
    blocked: u64,
    /// The last bytes went out and no final reply was recorded.
    in_doubt: u64,
    /// Why people were skipped.
    skipped_by_reason: BTreeMap<String, u64>,
}

impl From<store::Campaign> for Campaign {
    fn from(known: store::Campaign) -> Campaign {
        Campaign {
            id: known.id.to_string(),
            number: known.number,
            name: known.name,
            kind: known.kind.word(),
            state: known.state.word(),
            why: known.why,
            created_at: known.created_at.into(),
            start_at: known.start_at.map(Time),
            started_at: known.started_at.map(Time),
            ended_at: known.ended_at.map(Time),
        }
    }
}

impl From<&Tally> for Equation {
    fn from(tally: &Tally) -> Equation {
        let skips = tally.by_skip_reason.iter().filter(|(_, count)| **count > 0);
        Equation {
            people: tally.recipients(),
            skipped: tally.count(DeliveryState::Skipped),
            attempted: tally.attempted(),
            accepted: tally.count(DeliveryState::Accepted),
            in_progress: tally.in_progress(),
            soft: tally.count(DeliveryState::Soft),
            hard: tally.count(DeliveryState::Hard),
            blocked: tally.count(DeliveryState::Blocked),
            in_doubt: tally.count(DeliveryState::InDoubt),
            skipped_by_reason: skips.map(|(reason, count)| (reason.word().to_owned(), *count)).collect(),
        }
    }
}

impl Message {
    /// As the ledger keeps it: a file whose name tells how it is written.
    pub(super) fn into_file(self) -> Result<MessageFile, Problem> {
        if self.source.len() > SOURCE_BYTES_MAX {
            let text = format!("a message has at most {} kB", SOURCE_BYTES_MAX / 1024);
            return Err(Problem::field("message.source", text));
        }
        let extension = match self.format {
            Format::Mjml => "mjml",
            Format::Markdown => "md",
            Format::Html => "html",
            Format::Text => "txt",
        };
        let parts = Parts { text: self.text, preheader: self.preheader, reply_to: None };
        Ok(MessageFile { parts, ..MessageFile::new(format!("message.{extension}"), self.source) })
    }

    pub(super) fn from_file(file: MessageFile) -> Message {
        let format = match file.name.rsplit('.').next() {
            Some("mjml") => Format::Mjml,
            Some("html" | "htm") => Format::Html,
            Some("txt") => Format::Text,
            _ => Format::Markdown,
        };
        Message { format, source: file.source, text: file.parts.text, preheader: file.parts.preheader }
    }
}

impl Groups {
    fn read(&self) -> Result<Audience, Problem> {
        let read = |field: &str, groups: &[String]| -> Result<Vec<Whom>, Problem> {
            groups.iter().map(|text| read_group(text).ok_or_else(|| no_group(field, text))).collect()
        };
        let audience = Audience {
            include: read("audience.include", &self.include)?,
            exclude: read("audience.exclude", &self.exclude)?,
        };
        if audience.include.is_empty() {
            return Err(Problem::field("audience.include", "name at least one group"));
        }
        Ok(audience)
    }

    fn of(audience: &Audience) -> Groups {
        let words = |groups: &[Whom]| groups.iter().map(group_word).collect();
        Groups { include: words(&audience.include), exclude: words(&audience.exclude) }
    }
}

fn read_group(text: &str) -> Option<Whom> {
    if text == "everyone" {
        return Some(Whom::Everyone);
    }
    let import = text.parse::<ImportId>().ok().map(Whom::Import);
    let list = || text.parse::<ListId>().ok().map(Whom::List);
    import.or_else(list).or_else(|| text.parse::<SegmentId>().ok().map(Whom::Segment))
}

fn group_word(whom: &Whom) -> String {
    match whom {
        Whom::Everyone => "everyone".to_owned(),
        Whom::Import(id) => id.to_string(),
        Whom::List(id) => id.to_string(),
        Whom::Segment(id) => id.to_string(),
    }
}

fn no_group(field: &str, text: &str) -> Problem {
    let says = format!("{text:?} is no group: everyone, or the id of an import (i_…), a list (l_…) or a segment (g_…)");
    Problem::field(field, says)
}

impl Written {
    async fn into_proposal(self, app: &App, caller: &Caller) -> Result<Proposal, Problem> {
        let name = check_name(&self.name)?;
        let (mut file, of_template) = match (self.message, &self.template) {
            (Some(message), None) => (message.into_file()?, None),
            (None, Some(text)) => {
                let parts = templates::parts(app, caller, crate::extract::id("template", text)?, None).await?;
                let subject = parts.subject.clone();
                (parts.into_file()?, subject)
            }
            (Some(_), Some(_)) => return Err(Problem::field("template", "give a message or a template, not both")),
            (None, None) => return Err(Problem::field("message", "give a message or a template")),
        };
        if let Some(reply_to) = self.reply_to {
            launch::parse_mailbox(&reply_to).map_err(|error| Problem::field("reply_to", error.to_string()))?;
            file.parts.reply_to = Some(reply_to);
        }
        let from = launch::parse_mailbox(&self.from).map_err(|error| Problem::field("from", error.to_string()))?;
        let domain = from.address.domain().as_str().to_owned();
        let audience = self.audience.read()?;
        let options = SendOptions {
            from: self.from,
            subject: self.subject.or(of_template),
            return_path: self.return_path.unwrap_or(domain),
            require_tls: self.require_tls,
            timing: Timing {
                windows: self.windows,
                expires_at: self.expires_at.map(|time| time.0),
                weight: self.weight,
            },
            tracking: self.tracking.into(),
            ..house_options(app)
        };
        Ok(Proposal { name, file, options, audience })
    }
}

fn check_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::field("name", format!("a name has 1 to {NAME_CHARS_MAX} characters")));
    }
    Ok(name.to_owned())
}

/// The campaign, if it is of the caller's workspace.
pub(super) async fn campaign(app: &App, caller: &Caller, id: CampaignId) -> Result<store::Campaign, Problem> {
    let known = app.store.campaign(id).await?.filter(|known| known.workspace == caller.workspace);
    known.ok_or_else(|| Problem::not_found("campaign", id))
}

async fn whole(app: &App, known: store::Campaign) -> Result<Json<WholeCampaign>, Problem> {
    let chosen = drafts::proposal(&app.store, &known).await?;
    let tally = app.store.tally(known.id).await?;
    Ok(Json(WholeCampaign {
        from: chosen.options.from,
        subject: chosen.options.subject,
        reply_to: chosen.file.parts.reply_to.clone(),
        message: Message::from_file(chosen.file),
        audience: Groups::of(&chosen.audience),
        tracking: chosen.options.tracking.into(),
        equation: Equation::from(&tally),
        campaign: known.into(),
    }))
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Campaigns, newest first.
#[utoipa::path(get, path = "/campaigns", tag = "campaigns", params(Plain),
    responses((status = 200, body = Page<Campaign>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Campaign>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let limit = page::limit(which.limit)?;
    let before = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.campaigns_page(caller.workspace, before, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| known.number.to_string(), Campaign::from)))
}

/// Write a campaign.
///
/// It is a draft: nothing is frozen and nobody is mailed until it is started. Unsubscribing, the postal address and the
/// signature are not chosen here, because they are not optional.
#[utoipa::path(post, path = "/campaigns", tag = "campaigns", request_body = Written,
    responses((status = 201, body = WholeCampaign)))]
async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(written): Input<Written>,
) -> Result<(StatusCode, Json<WholeCampaign>), Problem> {
    caller.may(Scope::CampaignsWrite)?;
    let proposal = written.into_proposal(&app, &caller).await?;
    let made = drafts::make(&app.store, caller.workspace, &proposal, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, whole(&app, made).await?))
}

/// A campaign.
#[utoipa::path(get, path = "/campaigns/{id}", tag = "campaigns", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = WholeCampaign)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<WholeCampaign>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = campaign(&app, &caller, id).await?;
    whole(&app, known).await
}

/// Change a draft as a whole.
#[utoipa::path(put, path = "/campaigns/{id}", tag = "campaigns", request_body = Written,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = WholeCampaign)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(written): Input<Written>,
) -> Result<Json<WholeCampaign>, Problem> {
    caller.may(Scope::CampaignsWrite)?;
    campaign(&app, &caller, id).await?;
    let proposal = written.into_proposal(&app, &caller).await?;
    let changed = drafts::edit(&app.store, caller.workspace, id, &proposal, &caller.actor, app.now()).await?;
    whole(&app, changed).await
}

/// What the copy is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Copy {
    /// Its name; unique in the workspace.
    name: String,
}

/// Write another campaign like this one, whatever became of it.
#[utoipa::path(post, path = "/campaigns/{id}/duplicate", tag = "campaigns", request_body = Copy,
    params(("id" = String, Path, description = "Its id")), responses((status = 201, body = WholeCampaign)))]
async fn duplicate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(copy): Input<Copy>,
) -> Result<(StatusCode, Json<WholeCampaign>), Problem> {
    caller.may(Scope::CampaignsWrite)?;
    let known = campaign(&app, &caller, id).await?;
    let proposal = Proposal { name: check_name(&copy.name)?, ..drafts::proposal(&app.store, &known).await? };
    let made = drafts::make(&app.store, caller.workspace, &proposal, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, whole(&app, made).await?))
}

// ── before it begins ─────────────────────────────────────────────────────────────────────────────────────────────

/// What stands against sending it to the world.
#[derive(Serialize, ToSchema)]
struct Objection {
    /// `no_signing_key`, `key_not_published`, `key_not_seen`, `no_unsubscribe` or `no_postal_address`.
    code: &'static str,
    /// In words.
    says: String,
    /// The DNS record that mends it, as a line of a zone file.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct Checked {
    /// May it begin?
    ready: bool,
    /// What forbids it. None of these can be switched off.
    objections: Vec<Objection>,
    /// What its author should look at.
    warnings: Vec<String>,
    /// The merge tags it uses.
    tags: Vec<String>,
}

impl From<&engine::Objection> for Objection {
    fn from(objection: &engine::Objection) -> Objection {
        let record = match objection {
            engine::Objection::KeyNotPublished { zone_line, .. } => Some(zone_line.clone()),
            _ => None,
        };
        Objection { code: objection.code(), says: objection.to_string(), record }
    }
}

/// Check a draft: does its message compile, is its domain's key published, can people unsubscribe?
#[utoipa::path(post, path = "/campaigns/{id}/check", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Checked)))]
async fn check(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<Checked>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = campaign(&app, &caller, id).await?;
    let checked = drafts::check(&app.store, &app.world, &known).await?;
    Ok(Json(Checked {
        ready: checked.objections.is_empty(),
        objections: checked.objections.iter().map(Objection::from).collect(),
        warnings: checked.warnings,
        tags: checked.tags,
    }))
}

/// Who would get it if it began now, and who would be skipped and why. Writes nothing.
#[utoipa::path(post, path = "/campaigns/{id}/forecast", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Equation)))]
async fn forecast(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<Equation>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let tally = app.store.forecast_draft(caller.workspace, id, app.now()).await?;
    Ok(Json(Equation::from(&tally)))
}

/// To whom a test goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tested {
    /// Addresses, 1 to 20.
    #[schema(min_items = 1, max_items = 20)]
    to: Vec<String>,
    /// The contact whose values it is made with (`c_…`); without, every tag is empty.
    #[serde(default)]
    contact: Option<String>,
}

/// Send a campaign to its author first: the real way, with `[Test]` before the subject, and counted nowhere in it.
///
/// An address that is suppressed for any reason is refused with that reason; nobody gets it then.
#[utoipa::path(post, path = "/campaigns/{id}/test", tag = "campaigns", request_body = Tested,
    params(("id" = String, Path, description = "Its id")), responses((status = 202, body = PostedMessages)))]
async fn test(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(tested): Input<Tested>,
) -> Result<(StatusCode, Json<PostedMessages>), Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    if tested.to.is_empty() || tested.to.len() > TESTED_MAX {
        return Err(Problem::field("to", format!("a test goes to 1 to {TESTED_MAX} addresses")));
    }
    let read = |(at, text): (usize, &String)| {
        EmailAddress::parse(text).map_err(|error| Problem::field(&format!("to[{at}]"), error.to_string()))
    };
    let to: Vec<EmailAddress> = tested.to.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let data = match &tested.contact {
        Some(text) => templates::attributes(&app, &caller, crate::extract::id("contact", text)?).await?,
        None => serde_json::Map::new(),
    };
    let data = Value::Object(data).to_string();
    let posted = app.engine.test(&app.world, &house_options(&app), &known, to, data, &caller.actor).await;
    let posted = posted.map_err(|refusal| {
        messages::problem_of(
            refusal,
            |at, field| if field == "to" { format!("to[{at}]") } else { "message".to_owned() },
        )
    })?;
    Ok((StatusCode::ACCEPTED, Json(PostedMessages { data: posted.into_iter().map(PostedMessage::from).collect() })))
}

/// When it begins.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// The time; absent: when the time to take it back is over.
    #[serde(default)]
    at: Option<Time>,
    /// For how long it can be taken back at least, in seconds; absent: 60.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 3600)]
    cancel_window_seconds: Option<u16>,
}

/// Let a draft begin, now or at a time.
///
/// Durable when answered. It begins at `start_at`, a minute from now or later, and can be taken back until then. If it cannot begin then, it is a draft again and
/// `why` says what stood against it; what is known to stand against it now refuses the request.
#[utoipa::path(post, path = "/campaigns/{id}/start", tag = "campaigns", request_body = Begin,
    params(("id" = String, Path, description = "Its id")), responses((status = 202, body = Campaign)))]
async fn start(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(begin): Input<Begin>,
) -> Result<(StatusCode, Json<Campaign>), Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    if !matches!(known.state, CampaignState::Draft | CampaignState::Scheduled) {
        let text = format!("it is {} and can begin only once; duplicate it to send another", known.state);
        return Err(Problem::new(Code::WrongState, text));
    }
    let now = app.now();
    let window = begin.cancel_window_seconds.unwrap_or(CANCEL_WINDOW_SECS);
    if window > CANCEL_WINDOW_SECS_MAX {
        let says = format!("a campaign can be taken back for {CANCEL_WINDOW_SECS_MAX} seconds at most");
        return Err(Problem::field("cancel_window_seconds", says));
    }
    let soonest = now + Duration::from_secs(u64::from(window));
    let at = begin.at.map_or(soonest, |time| time.0);
    if at > now + AHEAD_MAX {
        return Err(Problem::field("at", "a campaign is scheduled at most a year ahead"));
    }
    if app.store.held().is_some() {
        return Err(store::StoreError::Held.into());
    }
    let checked = drafts::check(&app.store, &app.world, &known).await?;
    if let Some(first) = checked.objections.first() {
        let all: Vec<String> = checked.objections.iter().map(ToString::to_string).collect();
        return Err(Problem { field: Some(first.code().to_owned()), ..Problem::new(Code::Refused, all.join("; ")) });
    }
    let scheduled = app.engine.schedule(caller.workspace, id, at.max(soonest), &caller.actor).await?;
    Ok((StatusCode::ACCEPTED, Json(scheduled.into())))
}

/// Take back a campaign whose time has not come.
#[utoipa::path(post, path = "/campaigns/{id}/take-back", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
async fn take_back(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    Ok(Json(app.engine.take_back(caller.workspace, id, &caller.actor).await?.into()))
}

// ── while it runs ────────────────────────────────────────────────────────────────────────────────────────────────

/// Why, in words.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// The reason; it is kept in the audit log.
    #[serde(default)]
    because: Option<String>,
}

impl Why {
    fn text(self) -> Option<String> {
        self.because.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

/// Pause a campaign: when this is answered, nothing of it starts.
#[utoipa::path(post, path = "/campaigns/{id}/pause", tag = "campaigns", request_body = Why,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
async fn pause(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(why): Input<Why>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(recorded(app.engine.pause(id, why.text(), &caller.actor).await?)?.into()))
}

/// Let a paused campaign go on. One that a brake stopped needs a reason.
#[utoipa::path(post, path = "/campaigns/{id}/resume", tag = "campaigns", request_body = Why,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
async fn go_on(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(why): Input<Why>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    let because = why.text().map(|text| format!("resumed because: {text}"));
    if because.is_none()
        && let Some(brake) = resume::braked_by(&app.store, &known).await?
    {
        let says = format!("a brake stopped it: {brake} To go on, say why it may.");
        return Err(Problem { field: Some("because".to_owned()), ..Problem::new(Code::Refused, says) });
    }
    let resumed = app.engine.resume(id, because, &caller.actor).await?;
    let mailing = launch::mailing(&app.store, &resumed, app.world.entropy.as_ref()).await?;
    app.engine.take_up(mailing).await?;
    Ok(Json(resumed.into()))
}

/// Stop a campaign for good: when this is answered nothing of it starts, and whoever was not reached is skipped.
#[utoipa::path(post, path = "/campaigns/{id}/cancel", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
async fn cancel(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(recorded(app.engine.cancel(id, &caller.actor).await?)?.into()))
}

/// The report: the equation, why people were not reached, for what the others wait, and what may be done.
#[utoipa::path(get, path = "/campaigns/{id}/report", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Value)))]
async fn tell(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<report::Report>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(report::report(&app.store, id, app.now()).await?))
}

/// Which recipients.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Outcome {
    /// Where they stand: `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: String,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The people behind a term of the equation.
#[utoipa::path(get, path = "/campaigns/{id}/recipients", tag = "campaigns",
    params(Outcome, ("id" = String, Path, description = "Its id")), responses((status = 200, body = Page<Value>)))]
async fn recipients(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Asked(outcome): Asked<Outcome>,
) -> Result<Json<Page<Value>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    caller.may(Scope::ContactsRead)?;
    campaign(&app, &caller, id).await?;
    let state = read_state(&outcome.state)?;
    let limit = page::limit(outcome.limit)?;
    let after: Option<DeliveryId> = page::open_as(RECIPIENTS, outcome.after.as_deref())?;
    let found = report::people::people(&app.store, id, state, after, limit).await?;
    let data = found.people.iter().map(|person| serde_json::to_value(person).unwrap_or_default()).collect();
    let next = found.next.map(|last| page::seal(RECIPIENTS, &last.to_string()));
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}

/// Where recipients stand.
pub(super) fn read_state(word: &str) -> Result<DeliveryState, Problem> {
    DeliveryState::from_word(word).ok_or_else(|| {
        let words = DeliveryState::ALL.iter().map(|state| state.word()).collect::<Vec<_>>().join(", ");
        Problem::field("state", format!("{word:?} is none of {words}"))
    })
}
