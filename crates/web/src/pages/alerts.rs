//! Alerts: what is wrong, quiet for a while, and the ways somebody is told.

use super::forms::{Entered, Field, Form, Kind, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Badge, Cell, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::sources::OF_ALERT;
use super::{Visitor, tabs};
use crate::App;
use crate::api::alerts::{self as api, UNWRITTEN, unwritten};
use crate::extract::{Asked, At, Input, given};
use crate::page as pages;
use crate::problem::{Faults, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::access::Scope;
use model::alert::Severity;
use model::{AlertId, ChannelId, WorkspaceId};
use serde::Deserialize;
use serde_json::json;
use store::{Alert, Channel, Listing};

const LIST: &str = "alerts";
/// Alerts of a page.
const PAGE: usize = 50;
/// For how long somebody may want quiet, in minutes.
const QUIET_MINUTES: [(u32, &str); 4] = [(60, "hour"), (480, "shift"), (1_440, "day"), (10_080, "week")];
/// The kinds of channels, and what they need.
const KINDS: [&str; 5] = ["webhook", "slack", "ntfy", "mail", "ping"];

/// Which alerts.
#[derive(Default, Deserialize)]
pub(super) struct Which {
    /// Those that are over, too?
    #[serde(default)]
    all: String,
    after: Option<String>,
    /// The channel by which a test was just sent: what came of it is told.
    tested: Option<String>,
}

/// The alerts.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, &which, &Entered::default()).await
}

async fn draw(app: &App, visitor: &Visitor, which: &Which, entered: &Entered) -> Result<Response, Problem> {
    visitor.caller.may(Scope::DispatchRead)?;
    let shown = &visitor.shown;
    let workspace = visitor.caller.workspace;
    let is_all = !which.all.is_empty();
    let before = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.alerts(workspace, is_all, before, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.id);
    if before.is_none() && workspace == WorkspaceId::FIRST {
        let unwritten = unwritten(app, &found);
        found.splice(..0, unwritten);
    }
    let may_snooze = visitor.caller.scopes.has(Scope::DispatchWrite);
    let table = Table::new(
        "alerts",
        shown.say("alerts"),
        shown.says(["alert", "alert-about", "state", "since"]),
        shown.say("alerts-empty"),
    )
    .rows(found.into_iter().map(|alert| row(shown, may_snooze, app.is_sandbox(), alert)))
    .next(next.map(|next| format!("/alerts?all={}&after={next}", which.all)))
    .with_csv(shown, if is_all { "/alerts?all=true" } else { "/alerts" });
    let choices = vec![
        ("/alerts".to_owned(), shown.say("alerts-now"), !is_all),
        ("/alerts?all=yes".to_owned(), shown.say("alerts-all"), is_all),
    ];
    let layout = Layout::of(app, visitor, Section::Delivery, shown.say("alerts"));
    let mut sheet = Sheet::new(layout).tabs(tabs::delivery(visitor, "/alerts"));
    sheet = sheet.part(Part::Choice(shown.say("alerts-which"), choices)).part(table);
    if visitor.caller.scopes.has(Scope::SettingsRead) {
        let may_write = visitor.caller.scopes.has(Scope::SettingsWrite);
        let channels = app.store.alert_channels(Some(workspace)).await?;
        let tested = channels.iter().find(|one| which.tested.as_ref().is_some_and(|id| *id == one.id.to_string()));
        sheet = match tested.map(|channel| (channel.failed_at, channel.failure.clone())) {
            Some((None, _)) => sheet.part(Part::Note("ok", shown.say("channel-tested"), None)),
            Some((Some(_), why)) => sheet.part(Part::Note("hard", shown.say("channel-not-tested"), why)),
            None => sheet,
        };
        sheet = sheet.part(channel_table(shown, may_write, channels));
        if may_write {
            sheet = sheet.part(channel_form(shown, entered));
        }
    }
    Ok(sheet.answer(entered))
}

fn row(shown: &Shown, may_snooze: bool, is_sandbox: bool, alert: Alert) -> Vec<Cell> {
    let standing = &alert.standing;
    let is_critical = alert.kind.severity() == Severity::Critical;
    let quiet = standing.snoozed_until.filter(|until| shown.now < *until);
    let is_over = alert.closed_at.is_some() || standing.over_at.is_some();
    let class = match (is_over, is_critical) {
        (true, _) => "ok",
        (false, true) => "hard",
        (false, false) => "soft",
    };
    let mut state = match (is_over, quiet) {
        (true, _) => Cell::text(shown.say("alert-over")),
        (false, Some(until)) => Cell::text(shown.fill("alert-quiet", &[("at", shown.time(&until).into())])),
        (false, None) => Cell::text(shown.say("alert-open")),
    };
    if may_snooze && !is_over && alert.id != UNWRITTEN {
        let about = shown.one_of("alert", alert.kind.word());
        let press = |minutes: u32, words: String| {
            let to = format!("/alerts/{}/snooze", alert.id);
            Press::send(to, words).class("tiny").about(&about).with("minutes", minutes.to_string())
        };
        state.presses = match quiet {
            Some(_) => vec![press(0, shown.say("alert-speak"))],
            None => QUIET_MINUTES.iter().map(|(minutes, word)| press(*minutes, shown.one_of("quiet", word))).collect(),
        };
    }
    let mut command = None;
    if may_snooze
        && !is_over
        && let Some(Listing { source, site }) = &alert.listing
    {
        let again = Press::send(format!("/sources/{source}/delisted"), shown.say("lane-delisted")).class("tiny");
        let again = again.about(format!("{source} · {site}")).with("provider", site);
        state.presses.insert(0, again.with(OF_ALERT, alert.id.to_string()));
        // What is typed in a terminal is refused by a sandbox.
        command = Some(engine::delisting_command(source, site)).filter(|_| !is_sandbox);
    }
    let badge = Badge { class, icon: class, text: shown.one_of("alert", alert.kind.word()) };
    let since = Cell::time(shown, Some(standing.first_at)).sub(shown.count("alert-times", &standing.count));
    let mut head =
        Cell { badge: Some(badge), ..Cell::default() }.sub(shown.machine_said(&standing.text, &standing.last_at));
    if let Some(command) = command {
        head = head.sub(shown.fill("alert-command", &[("command", format!("postroom {command}").into())]));
    }
    let about = match alert.subject.as_str() {
        id if id.starts_with("m_") => Cell::link(format!("/campaigns/{id}"), id),
        id if id.starts_with("q_") => Cell::link(format!("/sequences/{id}"), id),
        id if id.starts_with("wh_") => Cell::link(format!("/webhooks/{id}"), id),
        "" => Cell::text(shown.say("alert-machine")),
        other => Cell::text(shown.machine_said(other, &standing.last_at)),
    };
    vec![head, about, state, since]
}

fn channel_table(shown: &Shown, may_write: bool, channels: Vec<Channel>) -> Table {
    let head = shown.says(["channel", "channel-kind", "channel-told", "state"]);
    let table = Table::new("channels", shown.say("channels"), head, shown.say("channels-empty"));
    table.with_csv(shown, "/alerts/channels").rows(channels.into_iter().map(|channel| {
        let mut state = match &channel.failure {
            Some(why) => Cell::badge("hard", "hard", shown.say("channel-failed")).sub(why),
            None => Cell::badge("ok", "ok", shown.say("channel-works")),
        };
        if may_write {
            let to = |what: &str| format!("/alerts/channels/{}/{what}", channel.id);
            state.presses = vec![
                Press::send(to("test"), shown.say("channel-test")).class("tiny").about(&channel.name),
                Press::send(to("remove"), shown.say("remove")).class("tiny").about(&channel.name),
            ];
        }
        vec![
            Cell::text(&channel.name).sub(&channel.shown),
            Cell::text(channel.kind),
            Cell::time(shown, channel.told_at),
            state,
        ]
    }))
}

fn channel_form(shown: &Shown, entered: &Entered) -> Form {
    let kinds = KINDS.map(|kind| (kind.to_owned(), shown.one_of("channel-way", kind))).to_vec();
    Form::new("channel", shown.say("channel-add"), "/alerts/channels", shown.say("channel-add-do"), entered)
        .help(shown.say("channel-what"))
        .field(Field::line("name", shown.say("channel-name")).required())
        .field(Field::one("kind", shown.say("channel-kind"), kinds))
        .field(Field::new("url", shown.say("channel-url"), Kind::Line("url")).help(shown.say("channel-url-help")))
        .field(Field::new("token", shown.say("channel-token"), Kind::Line("password")))
        .field(Field::line("to", shown.say("channel-to")).help(shown.say("channel-mail-help")))
        .field(Field::line("from", shown.say("channel-from")))
        .field(Field::line("relay", shown.say("channel-relay")).help(shown.say("channel-relay-help")))
        .field(Field::new("password", shown.say("channel-password"), Kind::Line("password")))
        .field(Field::number("every_minutes", shown.say("channel-every")))
        .folded()
}

/// Makes a channel.
pub(super) async fn make(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let every = faults.take(typed.number::<u32>("every_minutes")).flatten();
    let new = json!({
        "name": typed.get("name"),
        "kind": typed.get("kind"),
        "url": typed.some("url"),
        "token": typed.some("token"),
        "to": typed.some("to"),
        "from": typed.some("from"),
        "relay": typed.some("relay"),
        "password": typed.some("password"),
        "every_minutes": every,
    });
    let new: Input<api::NewChannel> = given(&new)?;
    let made = match faults.is_empty() {
        true => api::make(State(app.clone()), visitor.caller.clone(), new).await,
        false => {
            visitor.caller.may(Scope::SettingsWrite)?;
            new.0.read(&app, &mut faults).await;
            faults.pass(None)
        }
    };
    match made {
        Ok(_) => Ok(Redirect::to("/alerts").into_response()),
        Err(problem) => {
            let entered = Entered::refused("channel", typed, problem)?;
            draw(&app, &visitor, &Which::default(), &entered).await
        }
    }
}

/// Sends a test by a channel, and leads to what came of it: whoever looks there again sends none.
pub(super) async fn test(State(app): State<App>, visitor: Visitor, At(id): At<ChannelId>) -> Result<Response, Problem> {
    let Json(_) = api::test(State(app), visitor.caller, At(id)).await?;
    Ok(Redirect::to(&format!("/alerts?tested={id}")).into_response())
}

/// Removes a channel.
pub(super) async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ChannelId>,
) -> Result<Response, Problem> {
    api::remove(State(app), visitor.caller, At(id)).await?;
    Ok(Redirect::to("/alerts").into_response())
}

/// Says nothing of an alert for a while.
pub(super) async fn snooze(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<AlertId>,
    typed: Typed,
) -> Result<Response, Problem> {
    let minutes: u32 = typed.number("minutes")?.unwrap_or(0);
    let Json(_) = api::snooze(State(app), visitor.caller, At(id), given(&json!({ "minutes": minutes }))?).await?;
    Ok(Redirect::to("/alerts").into_response())
}
