//! Webhooks: who is told what happens. Their secrets are shown once.

use crate::extract::{Asked, At, Input};
use crate::idempotency::ShownOnce;
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use dispatch::webhook::Filter;
use engine::webhooks::{fresh_secret, secret_text, test as send_test};
use model::WebhookId;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::webhook::{DESCRIPTION_CHARS_MAX, URL_BYTES_MAX};
use store::{Cursor, WebhookEdit, WebhookTry};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "webhooks";
const LOG: &str = "webhook-log";
/// How long the secret before the new one goes on signing.
const OLD_SECRET_WORKS: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(names))
        .routes(routes!(show, change, remove))
        .routes(routes!(rotate))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(test))
        .routes(routes!(log))
        .routes(routes!(replay))
}

/// A webhook, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// Its id (`wh_…`).
    pub(crate) id: String,
    /// Where events are posted.
    url: String,
    /// What it is for.
    description: String,
    /// Which events.
    events: Vec<String>,
    /// `working`, `failing` or `disabled`.
    state: &'static str,
    /// Everything up to this place of the event log was told, or was not asked for.
    cursor: String,
    /// Up to here it is told again, before it goes on where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaying_through: Option<String>,
    /// Failures in a row.
    failures: u32,
    /// Since when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Time>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Time>,
    /// When it last took an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Time>,
    /// Since when it is told nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<Time>,
    /// Why it is told nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_why: Option<String>,
    /// Until when the secret before this one signs as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secret_until: Option<Time>,
    /// When it was made.
    created_at: Time,
}

impl From<store::Webhook> for Webhook {
    fn from(known: store::Webhook) -> Webhook {
        let state = match (known.disabled_at, known.failing_since) {
            (Some(_), _) => "disabled",
            (None, Some(_)) => "failing",
            (None, None) => "working",
        };
        Webhook {
            id: known.id.to_string(),
            url: known.chosen.url,
            description: known.chosen.description,
            events: known.chosen.events,
            state,
            cursor: known.cursor.to_string(),
            replaying_through: known.replay.map(|replay| replay.until.to_string()),
            failures: known.failures,
            failing_since: known.failing_since.map(Time),
            next_attempt_at: known.due_at.map(Time),
            delivered_at: known.delivered_at.map(Time),
            disabled_at: known.disabled_at.map(Time),
            disabled_why: known.disabled_why,
            old_secret_until: known.old_secret_until.map(Time),
            created_at: known.created_at.into(),
        }
    }
}

/// A webhook with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithSecret {
    /// What its requests are signed with (`whsec_…`). It is shown this once.
    pub(crate) secret: String,
    /// The webhook.
    pub(crate) webhook: Webhook,
}

/// The webhooks, oldest first.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", params(Plain),
    responses((status = 200, body = Page<Webhook>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Webhook>>, Problem> {
    caller.may(Scope::WebhooksRead)?;
    let limit = page::limit(which.limit)?;
    let after = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.webhooks(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |webhook| webhook.id.to_string(), Webhook::from)))
}

/// A webhook to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where events are posted: an `https` address that is not on a private network.
    url: String,
    /// Which events: names such as `message.bounced`, `message.*` for a whole noun, or `*`.
    events: Vec<String>,
    /// What it is for.
    #[serde(default)]
    description: String,
}

/// Make a webhook.
///
/// It is told of everything that happens from now on, one event a request, in order.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, body = WithSecret)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewWebhook>,
) -> Result<(StatusCode, Extension<ShownOnce>, Json<WithSecret>), Problem> {
    caller.may(Scope::WebhooksWrite)?;
    let mut faults = Faults::default();
    let events = faults.take(read_events(&new.events));
    faults.take(check_url(&app, &new.url).await);
    faults.take(check_description(&new.description));
    let chosen = WebhookEdit { url: new.url, description: new.description, events: faults.pass(events)? };
    let secret = fresh_secret(app.world.entropy.as_ref());
    let text = secret_text(&secret.bytes);
    let made = app.store.make_webhook(caller.workspace, chosen, secret, &caller.actor, app.now()).await?;
    app.engine.webhooks_changed();
    Ok((StatusCode::CREATED, Extension(ShownOnce), Json(WithSecret { secret: text, webhook: made.into() })))
}

/// The names of events.
#[derive(Serialize, ToSchema)]
struct Names {
    /// Every name a webhook may ask for.
    names: Vec<&'static str>,
}

/// The names of all events a webhook may ask for.
#[utoipa::path(get, path = "/webhooks/event-names", tag = "webhooks", responses((status = 200, body = Names)))]
async fn names(caller: Caller) -> Result<Json<Names>, Problem> {
    caller.may(Scope::WebhooksRead)?;
    Ok(Json(Names { names: dispatch::webhook::names() }))
}

/// A webhook.
#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")), responses((status = 200, body = Webhook)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<WebhookId>) -> Result<Json<Webhook>, Problem> {
    caller.may(Scope::WebhooksRead)?;
    Ok(Json(known(&app, &caller, id).await?.into()))
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookChange {
    /// Where events are posted.
    #[serde(default)]
    url: Option<String>,
    /// Which events.
    #[serde(default)]
    events: Option<Vec<String>>,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
}

/// Change a webhook.
///
/// It goes on where it was in the log. If it waited for another try, it is tried at once.
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "webhooks", request_body = WebhookChange,
    params(("id" = String, Path, description = "The webhook")), responses((status = 200, body = Webhook)))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
    Input(change): Input<WebhookChange>,
) -> Result<Json<Webhook>, Problem> {
    caller.may(Scope::WebhooksWrite)?;
    let (mut chosen, mut faults) = (known(&app, &caller, id).await?.chosen, Faults::default());
    if let Some(url) = change.url {
        faults.take(check_url(&app, &url).await);
        chosen.url = url;
    }
    if let Some(events) = change.events.as_deref().and_then(|events| faults.take(read_events(events))) {
        chosen.events = events;
    }
    if let Some(description) = change.description {
        faults.take(check_description(&description));
        chosen.description = description;
    }
    faults.hold()?;
    let changed = app.store.change_webhook(caller.workspace, id, chosen, &caller.actor, app.now()).await?;
    app.engine.webhooks_changed();
    Ok(Json(changed.into()))
}

/// Remove a webhook with its log.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")), responses((status = 204)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::WebhooksWrite)?;
    app.store.remove_webhook(caller.workspace, id, &caller.actor, app.now()).await?;
    app.engine.webhooks_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret.
///
/// For 24 hours requests are signed with the former one as well, so that the receiver can change over in its own time; so they
/// are if it is changed again meanwhile, with at most four secrets.
#[utoipa::path(post, path = "/webhooks/{id}/rotate-secret", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")), responses((status = 200, body = WithSecret)))]
pub(crate) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
) -> Result<(Extension<ShownOnce>, Json<WithSecret>), Problem> {
    caller.may(Scope::WebhooksWrite)?;
    let secret = fresh_secret(app.world.entropy.as_ref());
    let text = secret_text(&secret.bytes);
    let (now, actor) = (app.now(), &caller.actor);
    let rotated = app.store.rotate_webhook(caller.workspace, id, secret, now + OLD_SECRET_WORKS, actor, now).await?;
    app.engine.webhooks_changed();
    Ok((Extension(ShownOnce), Json(WithSecret { secret: text, webhook: rotated.into() })))
}

/// Stop telling a webhook. Its place in the log is kept.
#[utoipa::path(post, path = "/webhooks/{id}/disable", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")), responses((status = 200, body = Webhook)))]
pub(crate) async fn disable(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
) -> Result<Json<Webhook>, Problem> {
    caller.may(Scope::WebhooksWrite)?;
    let (why, actor) = ("somebody disabled it", &caller.actor);
    let disabled = app.store.disable_webhook(caller.workspace, id, why, actor, app.now()).await?;
    app.engine.webhooks_changed();
    Ok(Json(disabled.into()))
}

/// Go on telling a webhook from where it was, at once.
#[utoipa::path(post, path = "/webhooks/{id}/enable", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")), responses((status = 200, body = Webhook)))]
pub(crate) async fn enable(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
) -> Result<Json<Webhook>, Problem> {
    caller.may(Scope::WebhooksWrite)?;
    let enabled = app.store.enable_webhook(caller.workspace, id, &caller.actor, app.now()).await?;
    app.engine.webhooks_changed();
    Ok(Json(enabled.into()))
}

/// One request to a webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct Request {
    /// When.
    at: Time,
    /// How long it took.
    duration_ms: u32,
    /// Of which event, as a place in the log; absent: a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// The event's name.
    #[serde(rename = "type")]
    kind: String,
    /// The status of the answer; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// What was said, or why nothing came; its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<String>,
}

impl From<WebhookTry> for Request {
    fn from(tried: WebhookTry) -> Request {
        Request {
            at: tried.at.into(),
            duration_ms: tried.duration_ms,
            event: tried.event.map(|event| event.to_string()),
            kind: tried.kind,
            status: tried.status,
            said: tried.said,
        }
    }
}

/// How a test went.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookTested {
    /// Did the receiver take it?
    pub(crate) taken: bool,
    /// What came back.
    pub(crate) request: Request,
}

/// Send a signed test event, and see what comes back.
///
/// If the receiver takes it and the webhook was failing, it goes on at once.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook")), responses((status = 200, body = WebhookTested)))]
pub(crate) async fn test(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
) -> Result<Json<WebhookTested>, Problem> {
    caller.may(Scope::WebhooksWrite)?;
    let webhook = known(&app, &caller, id).await?;
    let (tried, taken) = send_test(&app.store, &app.world, &webhook).await?;
    if taken && webhook.failing_since.is_some() && webhook.disabled_at.is_none() {
        app.store.enable_webhook(caller.workspace, id, &caller.actor, app.now()).await?;
        app.engine.webhooks_changed();
    }
    Ok(Json(WebhookTested { taken, request: tried.into() }))
}

/// The latest requests, newest first.
#[utoipa::path(get, path = "/webhooks/{id}/log", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook"), Plain), responses((status = 200, body = Page<Request>)))]
async fn log(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Request>>, Problem> {
    caller.may(Scope::WebhooksRead)?;
    known(&app, &caller, id).await?;
    let limit = page::limit(which.limit)?;
    let list = page::within(LOG, [id.to_string().as_str()]);
    let before = page::open_as(&list, which.after.as_deref())?;
    let found = app.store.webhook_tries(caller.workspace, id, before, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, &list, |tried| tried.number.to_string(), Request::from)))
}

/// From where to go on, and up to where if not for good: times or places in the log.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// Everything since then is told again.
    #[serde(default)]
    since: Option<Time>,
    /// Everything after this place in the log (the `event` of a body) is told again. A later place leaves out what is
    /// between.
    #[serde(default)]
    after: Option<String>,
    /// Only what was before then is told again; afterwards it goes on where it was.
    #[serde(default)]
    until: Option<Time>,
    /// Only what lies up to this place, with the event there, is told again; afterwards it goes on where it was.
    #[serde(default)]
    through: Option<String>,
}

/// Go on from another place of the event log, or tell a part of it again.
///
/// With `until` or `through` only that part is told again; then it goes on where it was, and nothing is left out. What is told
/// again has the `webhook-id` it had before.
#[utoipa::path(post, path = "/webhooks/{id}/replay", tag = "webhooks", request_body = Replay,
    params(("id" = String, Path, description = "The webhook")), responses((status = 200, body = Webhook)))]
pub(crate) async fn replay(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WebhookId>,
    Input(replay): Input<Replay>,
) -> Result<Json<Webhook>, Problem> {
    caller.may(Scope::WebhooksWrite)?;
    let from: Cursor = match (replay.since, replay.after) {
        (Some(since), None) if since.0 > app.now() => {
            return Err(Problem::field("since", "that time is still to come"));
        }
        (Some(since), None) => app.store.cursor_at(since.0).await?,
        (None, Some(after)) => {
            let after = place("after", &after)?;
            if after > app.store.events_end().await? {
                return Err(Problem::field("after", "the event log does not reach so far yet"));
            }
            after
        }
        _ => return Err(Problem::new(Code::InvalidField, "say either since or after")),
    };
    let until = match (replay.until, replay.through) {
        (None, None) => None,
        (Some(until), None) => Some(app.store.cursor_at(until.0).await?),
        (None, Some(through)) => Some(place("through", &through)?),
        (Some(_), Some(_)) => return Err(Problem::new(Code::InvalidField, "say either until or through")),
    };
    if until.is_some_and(|until| until <= from) {
        return Err(Problem::new(Code::InvalidField, "nothing happened between the beginning and the end"));
    }
    let moved = app.store.replay_webhook(caller.workspace, id, (from, until), &caller.actor, app.now()).await?;
    app.engine.webhooks_changed();
    Ok(Json(moved.into()))
}

/// A place in the event log, as bodies tell it.
fn place(field: &'static str, text: &str) -> Result<Cursor, Problem> {
    let read = text.parse().ok().filter(|place| *place >= Cursor::START);
    read.ok_or_else(|| Problem::field(field, "that is no place in the event log: it is a whole number, not negative"))
}

pub(crate) async fn known(app: &App, caller: &Caller, id: WebhookId) -> Result<store::Webhook, Problem> {
    app.store.webhook(caller.workspace, id).await?.ok_or_else(|| Problem::not_found("webhook", id))
}

fn read_events(events: &[String]) -> Result<Vec<String>, Problem> {
    let filter = Filter::parse(events).map_err(|why| Problem::field("events", why.to_string()))?;
    Ok(filter.patterns().to_vec())
}

fn check_description(text: &str) -> Result<(), Problem> {
    match text.chars().count() {
        ..=DESCRIPTION_CHARS_MAX => Ok(()),
        _ => Err(Problem::field("description", format!("at most {DESCRIPTION_CHARS_MAX} characters"))),
    }
}

/// Told at once where it is plain; what the name leads to later is checked with every request.
async fn check_url(app: &App, url: &str) -> Result<(), Problem> {
    if url.len() > URL_BYTES_MAX {
        return Err(Problem::field("url", format!("an address has at most {URL_BYTES_MAX} octets")));
    }
    app.world.fetch.may_reach(url).await.map_err(|why| Problem::field("url", why.to_string()))
}
