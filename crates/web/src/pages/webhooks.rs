//! Webhooks: who is told what happens; their secrets shown once, their requests looked at, told again.

use super::forms::{Entered, Field, Form, Kind, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Badge, Cell, Facts, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, once, tabs};
use crate::App;
use crate::api::webhooks as api;
use crate::extract::{Asked, At, given};
use crate::page as pages;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::WebhookId;
use model::access::Scope;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store::webhook::WEBHOOKS_MAX;
use store::{Webhook, WebhookTry};

const LIST: &str = "webhooks";
const LOG: &str = "webhook-log";
/// Webhooks of a page.
const PAGE: usize = 50;
/// Requests of a page.
const TRIES: usize = 50;
/// Among so many of the latest requests a test stands that was just sent.
const TESTED_AMONG: usize = 20;
/// How a webhook may stand: the classes of its badge.
const WORST_FIRST: [&str; 4] = ["hard", "soft", "skip", "ok"];

/// How it stands. It works where it took the last that was sent there, and not because nothing ever was.
async fn standing(app: &App, shown: &Shown, webhook: &Webhook) -> Result<Badge, Problem> {
    let latest = app.store.webhook_tries(webhook.workspace, webhook.id, None, 1).await?;
    // Requests of long ago are not kept.
    let took_last = latest.first().map(is_taken).or(webhook.delivered_at.map(|_| true));
    let (class, icon, text) = match (webhook.disabled_at, webhook.failing_since, took_last) {
        (Some(_), _, _) => ("hard", "stop", shown.say("webhook-off")),
        (None, Some(_), _) => ("soft", "soft", shown.say("webhook-failing")),
        (None, None, Some(false)) => ("soft", "soft", shown.say("webhook-last-refused")),
        (None, None, Some(true)) => ("ok", "ok", shown.say("webhook-works")),
        (None, None, None) => ("skip", "skip", shown.say("webhook-untried")),
    };
    Ok(Badge { class, icon, text })
}

/// Did the receiver take it?
fn is_taken(tried: &WebhookTry) -> bool {
    tried.status.is_some_and(|status| (200..300).contains(&status))
}

/// How the webhooks of a workspace stand, in a line: for the page of the machine. `None`: there are none.
pub(super) async fn in_short(app: &App, visitor: &Visitor) -> Result<Option<(&'static str, String)>, Problem> {
    let shown = &visitor.shown;
    let found = app.store.webhooks(visitor.caller.workspace, None, WEBHOOKS_MAX).await?;
    // By what is said of them, worst first; of each how many.
    let mut stand: Vec<(&'static str, String, u64)> = Vec::new();
    for webhook in &found {
        let badge = standing(app, shown, webhook).await?;
        match stand.iter_mut().find(|(_, said, _)| *said == badge.text) {
            Some((_, _, many)) => *many += 1,
            None => stand.push((badge.class, badge.text, 1)),
        }
    }
    stand.sort_by_key(|(class, ..)| WORST_FIRST.iter().position(|known| known == class));
    let worst = stand.first().map(|(class, ..)| *class);
    let told = stand.iter().map(|(_, said, many)| format!("{}: {said}", shown.number(many)));
    let told = told.collect::<Vec<_>>().join(" · ");
    Ok(worst.map(|worst| (worst, told)))
}

/// The webhooks.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, which, &Entered::default()).await
}

async fn draw(app: &App, visitor: &Visitor, which: pages::Plain, entered: &Entered) -> Result<Response, Problem> {
    visitor.caller.may(Scope::WebhooksRead)?;
    let shown = &visitor.shown;
    let after = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.webhooks(visitor.caller.workspace, after, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.id);
    let head = shown.says(["webhook", "webhook-events", "state", "webhook-last"]);
    let mut rows = Vec::with_capacity(found.len());
    for webhook in found {
        let badge = standing(app, shown, &webhook).await?;
        rows.push(vec![
            Cell::link(format!("/webhooks/{}", webhook.id), &webhook.chosen.url).sub(&webhook.chosen.description),
            Cell::text(webhook.chosen.events.join(", ")),
            Cell { badge: Some(badge), ..Cell::default() },
            Cell::time(shown, webhook.delivered_at),
        ]);
    }
    let table = Table::new("webhooks", shown.say("webhooks"), head, shown.say("webhooks-empty"))
        .rows(rows)
        .next(next.map(|next| format!("/webhooks?after={next}")))
        .with_csv(shown, "/webhooks");
    let layout = Layout::of(app, visitor, Section::Settings, shown.say("webhooks"));
    let mut sheet = Sheet::new(layout).lead(shown.say("webhooks-what")).tabs(tabs::settings(visitor, "/webhooks"));
    sheet = sheet.part(table);
    if visitor.caller.scopes.has(Scope::WebhooksWrite) {
        let form = Form::new("make", shown.say("webhook-add"), "/webhooks", shown.say("webhook-add-do"), entered);
        sheet = sheet.part(filled(app, shown, form.field(once::field(app)), None));
    }
    Ok(sheet.answer(entered))
}

/// The fields of a webhook.
fn filled(app: &App, shown: &Shown, form: Form, known: Option<&Webhook>) -> Form {
    let (url, description, events) = known.map_or_else(Default::default, |known| {
        (known.chosen.url.clone(), known.chosen.description.clone(), known.chosen.events.join("\n"))
    });
    let nouns: BTreeSet<&str> =
        dispatch::webhook::names().into_iter().filter_map(|name| name.split('.').next()).collect();
    let nouns: Vec<String> = nouns.into_iter().map(|noun| format!("{noun}.*")).collect();
    let help = shown.fill("webhook-events-help", &[("nouns", nouns.join(", ").into())]);
    let events = if known.is_some() { events } else { "*".to_owned() };
    let about_url = match app.config.sending.transport.is_rehearsal() {
        _ if app.is_sandbox() => shown.say("webhook-url-help-sandbox"),
        true => shown.say("webhook-url-help-rehearsal"),
        false => shown.say("webhook-url-help"),
    };
    form.field(Field::new("url", shown.say("webhook-url"), Kind::Line("url")).value(url).help(about_url).required())
        .field(Field::line("description", shown.say("webhook-description")).value(description))
        .field(Field::area("events", shown.say("webhook-events"), 3).value(events).help(help).required())
}

fn body(typed: &Typed) -> Value {
    let events: Vec<&str> =
        typed.get("events").split([',', '\n']).map(str::trim).filter(|one| !one.is_empty()).collect();
    json!({ "url": typed.get("url"), "description": typed.get("description"), "events": events })
}

/// Makes a webhook, and shows its secret this once.
pub(super) async fn make(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    once::take(&app, &typed)?;
    match api::make(State(app.clone()), visitor.caller.clone(), given(&body(&typed))?).await {
        Ok((_, _, Json(made))) => {
            let note = Part::Note("ok", visitor.shown.say("webhook-secret"), Some(made.secret));
            let id = made.webhook.id.parse().map_err(|_| Problem::not_found("webhook", &made.webhook.id))?;
            one(&app, &visitor, id, None, &Entered::default(), Some(note)).await
        }
        Err(problem) => {
            once::give_back(&app, &typed);
            draw(&app, &visitor, pages::Plain::default(), &Entered::refused("make", typed, problem)?).await
        }
    }
}

/// Which requests of a webhook.
#[derive(Deserialize)]
pub(super) struct Which {
    after: Option<String>,
    /// The number of a test that was just sent: what came of it is told.
    tested: Option<i64>,
}

/// A webhook: how it stands, and its latest requests.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<WebhookId>,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::WebhooksRead)?;
    let sent = match which.tested {
        Some(number) => {
            let before = number.checked_add(1);
            let found = app.store.webhook_tries(visitor.caller.workspace, id, before, 1).await?;
            found.into_iter().find(|tried| tried.number == number && tried.event.is_none())
        }
        None => None,
    };
    let note = sent.map(|tried| match is_taken(&tried) {
        true => Part::Note("ok", visitor.shown.say("webhook-tested"), tried.said),
        false => Part::Note("hard", visitor.shown.say("webhook-not-tested"), tried.said),
    });
    one(&app, &visitor, id, which.after.as_deref(), &Entered::default(), note).await
}

async fn one(
    app: &App,
    visitor: &Visitor,
    id: WebhookId,
    after: Option<&str>,
    entered: &Entered,
    note: Option<Part>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::WebhooksRead)?;
    let shown = &visitor.shown;
    let known = api::known(app, &visitor.caller, id).await?;
    let badge = standing(app, shown, &known).await?;
    let base = format!("/webhooks/{id}");
    let may_write = visitor.caller.scopes.has(Scope::WebhooksWrite);
    let title =
        if known.chosen.description.is_empty() { shown.say("webhook") } else { known.chosen.description.clone() };
    let layout = Layout::of(app, visitor, Section::Settings, title);
    let mut sheet = Sheet::new(layout)
        .up("/webhooks", shown.say("webhooks"))
        .badge(badge.class, badge.icon, badge.text)
        .lead(&known.chosen.url);
    if may_write {
        let (door, words) = match known.disabled_at {
            Some(_) => ("enable", shown.say("webhook-enable")),
            None => ("disable", shown.say("webhook-disable")),
        };
        sheet = sheet
            .press(Press::send(format!("{base}/test"), shown.say("webhook-test")))
            .press(Press::send(format!("{base}/{door}"), words));
    }
    if let Some(note) = note {
        sheet = sheet.part(note);
    }
    sheet = sheet.part(facts(shown, &known)).part(tries(app, visitor, id, after).await?);
    if may_write {
        let change = Form::new("change", shown.say("webhook-change"), base.clone(), shown.say("keep"), entered);
        let since = Field::new("since", shown.say("webhook-since"), Kind::Line("datetime-local"));
        let replay = Form::new(
            "replay",
            shown.say("webhook-replay"),
            format!("{base}/replay"),
            shown.say("webhook-replay"),
            entered,
        )
        .help(shown.say("webhook-replay-what"))
        .class("")
        .field(since.required())
        .folded();
        let rotate = Form::new(
            "rotate",
            shown.say("webhook-rotate"),
            format!("{base}/rotate"),
            shown.say("webhook-rotate"),
            entered,
        )
        .help(shown.say("webhook-rotate-what"))
        .class("")
        .field(once::field(app))
        .folded();
        let remove =
            Form::new("remove", shown.say("webhook-remove"), format!("{base}/remove"), shown.say("remove"), entered)
                .help(shown.say("webhook-remove-what"))
                .class("risk")
                .folded();
        sheet = sheet.part(filled(app, shown, change, Some(&known)).folded()).part(replay).part(rotate).part(remove);
    }
    Ok(sheet.answer(entered))
}

fn facts(shown: &Shown, known: &Webhook) -> Facts {
    let mut lines = vec![
        (shown.say("webhook-events"), Cell::text(known.chosen.events.join(", "))),
        (shown.say("webhook-last"), Cell::time(shown, known.delivered_at)),
    ];
    if let Some(since) = known.failing_since {
        let failures = Cell::time(shown, Some(since)).sub(shown.count("webhook-failures", &u64::from(known.failures)));
        lines.push((shown.say("webhook-failing-since"), failures));
        lines.push((shown.say("webhook-next"), Cell::time(shown, known.due_at)));
    }
    if let Some(why) = &known.disabled_why {
        lines.push((shown.say("webhook-off-why"), Cell::text(why)));
    }
    if let Some(until) = known.old_secret_until {
        lines.push((shown.say("webhook-old-secret"), Cell::time(shown, Some(until))));
    }
    Facts { id: "stands".to_owned(), title: shown.say("webhook-stands"), lines }
}

async fn tries(app: &App, visitor: &Visitor, id: WebhookId, after: Option<&str>) -> Result<Table, Problem> {
    let shown = &visitor.shown;
    let before = pages::open_as(LOG, after)?;
    let mut found = app.store.webhook_tries(visitor.caller.workspace, id, before, TRIES + 1).await?;
    let next = pages::cut(&mut found, TRIES, LOG, |last| last.number);
    let head = shown.says(["when", "webhook-event", "webhook-answer", "webhook-took"]);
    let rows = found.into_iter().map(|tried| {
        let is_taken = is_taken(&tried);
        let answer = tried.status.map_or_else(|| shown.say("webhook-no-answer"), |status| status.to_string());
        let mut said = if is_taken { Cell::badge("ok", "ok", answer) } else { Cell::badge("hard", "hard", answer) };
        if let Some(text) = tried.said.filter(|text| !text.is_empty()) {
            said = said.sub(text);
        }
        let took = Duration::from_millis(u64::from(tried.duration_ms));
        vec![Cell::second(shown, &tried.at), Cell::text(tried.kind), said, Cell::text(shown.lasted(&took))]
    });
    let table = Table::new("tries", shown.say("webhook-tries"), head, shown.say("webhook-tries-empty"));
    let table = table.rows(rows).next(next.map(|next| format!("/webhooks/{id}?after={next}")));
    Ok(table.with_csv(shown, &format!("/webhooks/{id}/log")))
}

/// Changes a webhook.
pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<WebhookId>,
    typed: Typed,
) -> Result<Response, Problem> {
    match api::change(State(app.clone()), visitor.caller.clone(), At(id), given(&body(&typed))?).await {
        Ok(_) => Ok(back(id)),
        Err(problem) => one(&app, &visitor, id, None, &Entered::refused("change", typed, problem)?, None).await,
    }
}

fn back(id: WebhookId) -> Response {
    Redirect::to(&format!("/webhooks/{id}")).into_response()
}

/// Sends a test, and leads to what came back: whoever looks there again sends none.
pub(super) async fn test(State(app): State<App>, visitor: Visitor, At(id): At<WebhookId>) -> Result<Response, Problem> {
    let Json(_) = api::test(State(app.clone()), visitor.caller.clone(), At(id)).await?;
    let latest = app.store.webhook_tries(visitor.caller.workspace, id, None, TESTED_AMONG).await?;
    Ok(match latest.iter().find(|tried| tried.event.is_none()) {
        Some(tried) => Redirect::to(&format!("/webhooks/{id}?tested={}", tried.number)).into_response(),
        None => back(id),
    })
}

/// Tells it nothing for now.
pub(super) async fn disable(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<WebhookId>,
) -> Result<Response, Problem> {
    let Json(_) = api::disable(State(app), visitor.caller, At(id)).await?;
    Ok(back(id))
}

/// Goes on where it was.
pub(super) async fn enable(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<WebhookId>,
) -> Result<Response, Problem> {
    let Json(_) = api::enable(State(app), visitor.caller, At(id)).await?;
    Ok(back(id))
}

/// Tells again what happened since.
pub(super) async fn replay(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<WebhookId>,
    typed: Typed,
) -> Result<Response, Problem> {
    let replayed = match visitor.shown.typed_time(&typed, "since") {
        Ok(Some(since)) => {
            let wanted = json!({ "since": since });
            api::replay(State(app.clone()), visitor.caller.clone(), At(id), given(&wanted)?).await
        }
        Ok(None) => Err(Problem::field("since", visitor.shown.say("time-wrong"))),
        Err(problem) => Err(problem),
    };
    match replayed {
        Ok(_) => Ok(back(id)),
        Err(problem) => one(&app, &visitor, id, None, &Entered::refused("replay", typed, problem)?, None).await,
    }
}

/// Gives it a new secret, and shows it this once.
pub(super) async fn rotate(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<WebhookId>,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::WebhooksWrite)?;
    once::take(&app, &typed)?;
    let (_, Json(made)) = api::rotate(State(app.clone()), visitor.caller.clone(), At(id)).await?;
    let note = Part::Note("ok", visitor.shown.say("webhook-rotated"), Some(made.secret));
    one(&app, &visitor, id, None, &Entered::default(), Some(note)).await
}

/// Removes it.
pub(super) async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<WebhookId>,
) -> Result<Response, Problem> {
    api::remove(State(app), visitor.caller, At(id)).await?;
    Ok(Redirect::to("/webhooks").into_response())
}
