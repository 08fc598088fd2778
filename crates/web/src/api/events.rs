//! The event log: by cursor, as a file, and as it happens. And the audit log, which is what people and programs did.

use crate::extract::Asked;
use crate::page::{self, Page};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller, auth};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use model::EventKind;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;
use store::{Cursor, EventFilter};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "events";
const AUDIT: &str = "audit";
/// Events read at a time for whoever follows.
const FOLLOWED: usize = 500;
/// How often the log is looked at for those who follow.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a follower hears that nothing happened, so that proxies keep the line open.
const QUIET: Duration = Duration::from_secs(15);
/// Followers at once.
pub(crate) const FOLLOWERS_MAX: usize = 64;
/// Pieces of a stream waiting to be sent.
const WAITING: usize = 4;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(export)).routes(routes!(follow)).routes(routes!(audit))
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct Event {
    /// Its place in the log: ask with `after` = this for what came later.
    cursor: String,
    /// When.
    at: Time,
    /// What: `accepted`, `hard_bounced`, `clicked`, `suppressed`, `api_key_made`, …
    kind: String,
    /// By whom.
    actor: String,
    /// About which campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    /// About which delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    /// About which contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    /// About which import.
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<String>,
    /// For an attempt: where the delivery went.
    #[serde(skip_serializing_if = "Option::is_none")]
    became: Option<String>,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_because: Option<String>,
    /// The number of the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u16>,
    /// For opens and clicks: how sure it is that a machine did it, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_score: Option<u8>,
    /// For clicks: the number of the link in its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<u32>,
    /// For custom events: their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// For custom events: their value, in millionths of its unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_micros: Option<i64>,
    /// In words or JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

fn shown(event: store::Event, list: &str) -> Event {
    let reaction = event.reaction.as_ref();
    Event {
        cursor: page::seal(list, &event.cursor.to_string()),
        at: event.at.into(),
        kind: event.kind.word().to_owned(),
        actor: event.actor,
        campaign: event.campaign.map(|id| id.to_string()),
        delivery: event.delivery.map(|id| id.to_string()),
        contact: event.contact.map(|id| id.to_string()),
        import: event.import.map(|id| id.to_string()),
        became: event.became.map(|state| state.word().to_owned()),
        skipped_because: event.skip.map(|reason| reason.word().to_owned()),
        attempt: event.attempt,
        machine_score: reaction.map(|reaction| reaction.score),
        link: reaction.and_then(|reaction| reaction.link),
        name: reaction.and_then(|reaction| reaction.name.clone()),
        value_micros: reaction.and_then(|reaction| reaction.value_micros),
        detail: event.detail,
    }
}

/// An event as the log shows it to whoever reads it without the API.
pub fn event_line(event: store::Event) -> impl Serialize {
    shown(event, LIST)
}

/// The place that the `cursor` of such a line names; `None`: it is none of ours.
pub fn event_cursor(text: &str) -> Option<Cursor> {
    page::open_as(LIST, Some(text)).ok().flatten()
}

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only of these kinds, separated by commas.
    kinds: Option<String>,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// A `cursor` or the `next` of the page before.
    after: Option<String>,
}

/// The kinds that somebody may read of those they ask for; empty: all. What is about the house alone is for those who may
/// read the audit log: they are refused who ask for it by name, and whoever asks for everything gets the rest.
pub(crate) fn kinds_for(caller: &Caller, text: Option<&str>) -> Result<Vec<EventKind>, Problem> {
    let kinds = read_kinds(text)?;
    if kinds.iter().any(|kind| kind.is_inside()) {
        caller.may(Scope::AuditRead)?;
    }
    let is_open = |kind: &EventKind| kind.is_logged() && !kind.is_inside();
    match kinds.is_empty() && !caller.scopes.has(Scope::AuditRead) {
        true => Ok(EventKind::ALL.iter().copied().filter(is_open).collect()),
        false => Ok(kinds),
    }
}

fn read_kinds(text: Option<&str>) -> Result<Vec<EventKind>, Problem> {
    let one = |word: &str| {
        let known = EventKind::from_word(word).filter(|kind| kind.is_logged());
        known.ok_or_else(|| Problem::field("kinds", format!("there is no kind {word:?}")))
    };
    text.into_iter().flat_map(|text| text.split(',')).map(one).collect()
}

/// Events, oldest first.
///
/// Who signed in, keys, settings, webhooks and what was taken out are told to those alone who have `audit.read` as well. A page tells of a bounded stretch of the log: it may be short, even empty, while `has_more` is true.
#[utoipa::path(get, path = "/events", tag = "events", params(Which), responses((status = 200, body = Page<Event>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Event>>, Problem> {
    caller.may(Scope::EventsRead)?;
    let filter = EventFilter { kinds: kinds_for(&caller, which.kinds.as_deref())?, ..EventFilter::default() };
    read(&app, &caller, filter, (LIST, which.after.as_deref()), page::limit(which.limit)?).await
}

async fn read(
    app: &App,
    caller: &Caller,
    filter: EventFilter,
    from: (&str, Option<&str>),
    limit: usize,
) -> Result<Json<Page<Event>>, Problem> {
    let (list, after) = from;
    let after = page::open_as(list, after)?;
    let page = app.store.events_in(caller.workspace, filter, after, limit).await?;
    let next = (!page.at_end).then(|| page::seal(list, &page.next.to_string()));
    let data = page.events.into_iter().map(|event| shown(event, list)).collect();
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}

/// What people and programs did.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Audited {
    /// Only by this actor (`user:u_…`, `key:k_…`, `cli:anna`).
    actor: Option<String>,
    /// Only of these kinds, separated by commas.
    kinds: Option<String>,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The audit log, newest first: every change by a person or a program.
#[utoipa::path(get, path = "/audit", tag = "audit", params(Audited), responses((status = 200, body = Page<Event>)))]
async fn audit(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Audited>,
) -> Result<Json<Page<Event>>, Problem> {
    caller.may(Scope::AuditRead)?;
    let kinds = read_kinds(which.kinds.as_deref())?;
    let list =
        page::within(AUDIT, [which.kinds.as_deref().unwrap_or_default(), which.actor.as_deref().unwrap_or_default()]);
    let filter = EventFilter { kinds, by_hand: true, actor: which.actor, newest_first: true };
    read(&app, &caller, filter, (&list, which.after.as_deref()), page::limit(which.limit)?).await
}

/// From where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct From {
    /// Only of these kinds, separated by commas.
    kinds: Option<String>,
    /// A `cursor`; without it from the beginning (a file) or from now on (as it happens).
    after: Option<String>,
}

/// Every event up to now as a file: one JSON object a line (application/x-ndjson). The audit log tells of it.
#[utoipa::path(get, path = "/events/export", tag = "events", params(From),
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
async fn export(State(app): State<App>, caller: Caller, Asked(from): Asked<From>) -> Result<Response, Problem> {
    caller.may(Scope::EventsRead)?;
    let stream = begin(&app, &caller, &from)?;
    let after = page::open_as(LIST, from.after.as_deref())?.unwrap_or(Cursor::START);
    let (workspace, what) = (caller.workspace, Some("events".to_owned()));
    app.store.note(workspace, EventKind::Exported, None, what, &caller.actor, app.now()).await?;
    let mut answer = stream.answer(after, false);
    let name = HeaderValue::from_static("attachment; filename=\"events.ndjson\"");
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(answer)
}

/// Events as they happen (text/event-stream): each a `data:` line of JSON, its `id:` the cursor to go on from, which
/// comes back as `Last-Event-ID` when a reader connects again and then counts for more than `after`. It ends within seconds
/// when the key is revoked, the session is over, or whoever reads may not any more.
#[utoipa::path(get, path = "/events/follow", tag = "events",
    params(From, ("Last-Event-ID" = Option<String>, Header, description = "The `id:` of the last event that was read")),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn follow(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Asked(from): Asked<From>,
) -> Result<Response, Problem> {
    caller.may(Scope::EventsRead)?;
    let stream = begin(&app, &caller, &from)?;
    // Bytes that are no text are no cursor either.
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?")).filter(|id| !id.is_empty());
    let after = match page::open_as(LIST, last.or(from.after.as_deref()))? {
        Some(after) => after,
        None => app.store.events_end().await?,
    };
    Ok(stream.answer(after, true))
}

fn begin(app: &App, caller: &Caller, from: &From) -> Result<Stream, Problem> {
    let busy = || Problem::new(Code::Unavailable, "too many read the log at once; try again later");
    let place = app.desk.followers.clone().try_acquire_owned().map_err(|_| busy())?;
    let filter = EventFilter { kinds: kinds_for(caller, from.kinds.as_deref())?, ..EventFilter::default() };
    Ok(Stream { app: app.clone(), caller: caller.clone(), filter, _place: place })
}

/// Somebody who reads the log as a stream.
struct Stream {
    app: App,
    caller: Caller,
    filter: EventFilter,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    fn answer(self, after: Cursor, follow: bool) -> Response {
        let (sender, body) = Channel::<Bytes, Infallible>::new(WAITING);
        tokio::spawn(self.send(sender, after, follow));
        let kind = if follow { "text/event-stream" } else { "application/x-ndjson" };
        ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], Body::new(body)).into_response()
    }

    /// Sends page after page until the reader goes or may not read any more, or (of a file) to the end of the log.
    async fn send(self, mut sender: Sender<Bytes>, mut after: Cursor, follow: bool) {
        let mut quiet = Duration::ZERO;
        loop {
            let (store, workspace) = (&self.app.store, self.caller.workspace);
            let page = store.events_in(workspace, self.filter.clone(), Some(after), FOLLOWED).await;
            let Ok(page) = page else { return };
            // What was read before the right ended is not told after it. A file is never cut short: it would seem whole.
            if follow && !matches!(auth::still_may(&self.app, &self.caller, Scope::EventsRead).await, Ok(true)) {
                return;
            }
            after = page.next;
            let mut text = String::new();
            for event in page.events {
                let event = shown(event, LIST);
                let json = serde_json::to_string(&event).unwrap_or_default();
                match follow {
                    true => text.push_str(&format!("id: {}\ndata: {json}\n\n", event.cursor)),
                    false => text.push_str(&format!("{json}\n")),
                }
            }
            if follow && quiet >= QUIET && text.is_empty() {
                text.push_str(": nothing yet\n\n");
            }
            if !text.is_empty() {
                quiet = Duration::ZERO;
                if sender.send_data(Bytes::from(text)).await.is_err() {
                    return;
                }
            }
            match (page.at_end, follow) {
                (false, _) => {}
                (true, false) => return,
                (true, true) => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    quiet += LOOK_EVERY;
                }
            }
        }
    }
}
