//! Alerts: what is wrong, how somebody is told of it, and quiet for a while.

use crate::extract::{self, Asked, At, Input};
use crate::page::{self, Page};
use crate::problem::{Code, Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::alerts::Way;
use engine::options::{RelayUrl, Transport};
use model::access::Scope;
use model::alert::Standing;
use model::{AlertId, AlertKind, ChannelId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::NewChannel as ChannelToBe;
use store::alert::CHANNEL_NAME_CHARS_MAX;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "alerts";
/// The longest snooze.
const SNOOZE_MINUTES_MAX: u32 = 30 * 24 * 60;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(channels, make))
        .routes(routes!(remove))
        .routes(routes!(test))
        .routes(routes!(show))
        .routes(routes!(snooze))
}

/// An alert.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alert {
    /// Its id (`al_…`); absent while it cannot be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What kind of trouble: `campaign_braked`, `campaign_unreadable`, `warned`, `provider_held`, `provider_incident`,
    /// `source_listed`, `source_down`, `domain_dns`, `work_stuck`, `choice_waits`, `ledger_unwritable`, `disk_low`,
    /// `webhook_failing`, `webhook_disabled` or `certificate_ends`.
    kind: &'static str,
    /// `warning` or `critical`.
    severity: &'static str,
    /// What it is about: the id of a campaign or webhook, a provider, the name of a record; empty for the machine.
    subject: String,
    /// Of a listing: the name of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Of a listing: where, as people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    /// A line.
    title: &'static str,
    /// The latest, in a sentence or two.
    text: String,
    /// `open`, `snoozed`, `over` (not closed yet, lest it comes back) or `closed`.
    state: &'static str,
    /// Since when.
    since: Time,
    /// When it last happened, or was last seen to last.
    last_at: Time,
    /// How often it has happened.
    count: u64,
    /// When somebody was last told.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<Time>,
    /// Nothing is said before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    snoozed_until: Option<Time>,
    /// Since when it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    over_at: Option<Time>,
}

fn as_alert(known: store::Alert, now: Timestamp) -> Alert {
    let standing = known.standing;
    let snoozed_until = standing.snoozed_until.filter(|until| now < *until);
    let state = match (known.closed_at, standing.over_at, snoozed_until) {
        (Some(_), _, _) => "closed",
        (None, Some(_), _) => "over",
        (None, None, Some(_)) => "snoozed",
        (None, None, None) => "open",
    };
    let (source, site) = known.listing.map(|listing| (listing.source, listing.site)).unzip();
    Alert {
        id: (known.id != UNWRITTEN).then(|| known.id.to_string()),
        kind: known.kind.word(),
        severity: known.kind.severity().word(),
        subject: known.subject,
        source,
        site,
        title: known.kind.title(),
        text: standing.text,
        state,
        since: standing.first_at.into(),
        last_at: standing.last_at.into(),
        count: standing.count,
        told_at: standing.told.map(|told| Time(told.at)),
        snoozed_until: snoozed_until.map(Time),
        over_at: standing.over_at.map(Time),
    }
}

/// The id of an alert that has none.
pub(crate) const UNWRITTEN: AlertId = AlertId(0);

/// What keeps the ledger from being written cannot stand in it: the alert of that, unless it is among these, which are open.
pub(crate) fn unwritten(app: &App, known: &[store::Alert]) -> Option<store::Alert> {
    let (since, text) = app.engine.ledger_trouble()?;
    let kind = AlertKind::LedgerUnwritable;
    let is_open = |alert: &store::Alert| alert.closed_at.is_none() && alert.standing.over_at.is_none();
    if known.iter().any(|alert| alert.kind == kind && is_open(alert)) {
        return None;
    }
    let standing = Standing {
        text: format!("{text}."),
        first_at: since,
        last_at: app.now(),
        count: 1,
        told: None,
        snoozed_until: None,
        over_at: None,
    };
    let (workspace, subject) = (WorkspaceId::FIRST, String::new());
    Some(store::Alert { id: UNWRITTEN, workspace, kind, subject, listing: None, standing, closed_at: None })
}

/// Which alerts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Those that are closed, too.
    #[serde(default)]
    all: bool,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The alerts, newest first.
///
/// `ledger_unwritable` cannot be recorded while it lasts: it stands before the others on the first page of the first
/// workspace, without an id.
#[utoipa::path(get, path = "/alerts", tag = "alerts", params(Which), responses((status = 200, body = Page<Alert>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Alert>>, Problem> {
    caller.may(Scope::DispatchRead)?;
    let limit = page::limit(which.limit)?;
    let list = page::within(LIST, which.all.then_some("all"));
    let before = page::open_as(&list, which.after.as_deref())?;
    let found = app.store.alerts(caller.workspace, which.all, before, limit + 1).await?;
    let now = app.now();
    let is_first = before.is_none() && caller.workspace == WorkspaceId::FIRST;
    let unwritten = unwritten(&app, &found).filter(|_| is_first).map(|alert| as_alert(alert, now));
    let mut page = Page::cut(found, limit, &list, |alert| alert.id.to_string(), |alert| as_alert(alert, now));
    page.data.splice(..0, unwritten);
    Ok(Json(page))
}

/// An alert.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts",
    params(("id" = String, Path, description = "The alert")), responses((status = 200, body = Alert)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<AlertId>) -> Result<Json<Alert>, Problem> {
    caller.may(Scope::DispatchRead)?;
    let known = app.store.alert(caller.workspace, id).await?;
    let known = known.ok_or_else(|| Problem::not_found("alert", id))?;
    Ok(Json(as_alert(known, app.now())))
}

/// For how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snooze {
    /// Minutes of quiet, at most 43200 (30 days); 0 ends a snooze.
    #[schema(maximum = 43200)]
    minutes: u32,
}

/// Say nothing of an alert for a while.
///
/// What happens meanwhile is counted and told afterwards; if it is over by then, nothing more is said.
#[utoipa::path(post, path = "/alerts/{id}/snooze", tag = "alerts", request_body = Snooze,
    params(("id" = String, Path, description = "The alert")), responses((status = 200, body = Alert)))]
pub(crate) async fn snooze(
    State(app): State<App>,
    caller: Caller,
    At(id): At<AlertId>,
    Input(asked): Input<Snooze>,
) -> Result<Json<Alert>, Problem> {
    caller.may(Scope::DispatchWrite)?;
    if asked.minutes > SNOOZE_MINUTES_MAX {
        return Err(Problem::field("minutes", format!("at most {SNOOZE_MINUTES_MAX}")));
    }
    let now = app.now();
    let until = (asked.minutes > 0).then(|| now + Duration::from_secs(60 * u64::from(asked.minutes)));
    let snoozed = app.store.snooze_alert(caller.workspace, id, until, &caller.actor, now).await?;
    app.engine.alerts_changed();
    Ok(Json(as_alert(snoozed, now)))
}

/// A way to tell somebody.
#[derive(Serialize, ToSchema)]
pub(crate) struct Channel {
    /// Its id (`ac_…`).
    id: String,
    /// What people call it.
    name: String,
    /// `webhook`, `slack`, `ntfy`, `mail`, `ping` or `command`.
    kind: String,
    /// Where it leads, without what is secret.
    shown: String,
    /// When it was made.
    created_at: Time,
    /// When it last told somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<Time>,
    /// When it last failed, if it has told nobody since.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_at: Option<Time>,
    /// How it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl From<store::Channel> for Channel {
    fn from(known: store::Channel) -> Channel {
        Channel {
            id: known.id.to_string(),
            name: known.name,
            kind: known.kind,
            shown: known.shown,
            created_at: known.created_at.into(),
            told_at: known.told_at.map(Time),
            failed_at: known.failed_at.map(Time),
            failure: known.failure,
        }
    }
}

/// The channels alerts are told by, oldest first; there are few.
#[utoipa::path(get, path = "/alerts/channels", tag = "alerts", responses((status = 200, body = Page<Channel>)))]
async fn channels(State(app): State<App>, caller: Caller) -> Result<Json<Page<Channel>>, Problem> {
    caller.may(Scope::SettingsRead)?;
    let known = app.store.alert_channels(Some(caller.workspace)).await?;
    Ok(Json(Page { data: known.into_iter().map(Channel::from).collect(), has_more: false, next: None }))
}

/// What kind of channel. Programs are named at the command line of the machine that runs them.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// JSON is posted to `url`.
    Webhook,
    /// Slack, and what imitates it, at `url`.
    Slack,
    /// The ntfy topic at `url`.
    Ntfy,
    /// Mail from `from` to `to` by the relay `relay`.
    Mail,
    /// `url` is asked every `every_minutes` while all is well.
    Ping,
}

/// A channel to be. Which fields it needs follows from its kind.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChannel {
    /// What people call it.
    name: String,
    /// What kind it is.
    kind: Kind,
    /// Where: an `https` address that is not on a private network.
    #[serde(default)]
    url: Option<String>,
    /// The token that opens an ntfy topic.
    #[serde(default)]
    token: Option<String>,
    /// To whom mail goes.
    #[serde(default)]
    to: Option<String>,
    /// From whom it comes.
    #[serde(default)]
    from: Option<String>,
    /// `smtp(s)://[user@]host[:port]`: another way than the one campaigns go.
    #[serde(default)]
    relay: Option<String>,
    /// The password of the relay's user.
    #[serde(default)]
    password: Option<String>,
    /// Minutes between two signs of life, 1 to 1440.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1440)]
    every_minutes: Option<u32>,
}

impl NewChannel {
    /// The way it stands for, unless a field is missing; what is wrong with any of it.
    pub(crate) async fn read(&self, app: &App, faults: &mut Faults) -> Option<Way> {
        faults.take(extract::name("name", &self.name, CHANNEL_NAME_CHARS_MAX));
        let way = self.way(faults)?;
        way.objections().into_iter().for_each(|(field, why)| faults.add(Problem::field(field, why)));
        if let Some((field, why)) = way.leads_inside(&app.world).await {
            faults.add(Problem::field(field, why));
        }
        if is_our_own_way_out(&way, &app.config.sending.transport) {
            faults.add(Problem::field("relay", "campaigns go by it: if it breaks, nobody would hear of it"));
        }
        Some(way)
    }

    fn way(&self, faults: &mut Faults) -> Option<Way> {
        let used: &[&str] = match self.kind {
            Kind::Webhook | Kind::Slack => &["url"],
            Kind::Ntfy => &["url", "token"],
            Kind::Mail => &["to", "from", "relay", "password"],
            Kind::Ping => &["url", "every_minutes"],
        };
        for (field, is_given) in [
            ("url", self.url.is_some()),
            ("token", self.token.is_some()),
            ("to", self.to.is_some()),
            ("from", self.from.is_some()),
            ("relay", self.relay.is_some()),
            ("password", self.password.is_some()),
            ("every_minutes", self.every_minutes.is_some()),
        ] {
            let is_of_use = used.contains(&field);
            let is_needed = is_of_use && !["token", "password"].contains(&field);
            match (is_given, is_needed) {
                (false, true) => faults.add(Problem::field(field, "a channel of this kind needs it")),
                (true, _) if !is_of_use => {
                    faults.add(Problem::field(field, "a channel of this kind has no use for it"));
                }
                _ => {}
            }
        }
        let url = || self.url.clone();
        Some(match self.kind {
            Kind::Webhook => Way::Webhook { url: url()? },
            Kind::Slack => Way::Slack { url: url()? },
            Kind::Ntfy => Way::Ntfy { url: url()?, token: self.token.clone() },
            Kind::Mail => {
                let (to, from, relay) = (self.to.clone()?, self.from.clone()?, self.relay.clone()?);
                Way::Mail { to, from, relay, password: self.password.clone() }
            }
            Kind::Ping => Way::Ping { url: url()?, every_minutes: self.every_minutes? },
        })
    }
}

/// Make a channel.
///
/// It is told of the alerts of its workspace from now on; a channel of the first workspace of those of the machine and of
/// every other workspace, too.
#[utoipa::path(post, path = "/alerts/channels", tag = "alerts", request_body = NewChannel,
    responses((status = 201, body = Channel)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewChannel>,
) -> Result<(StatusCode, Json<Channel>), Problem> {
    caller.may(Scope::SettingsWrite)?;
    let mut faults = Faults::default();
    let way = new.read(&app, &mut faults).await;
    let way = faults.pass(way)?;
    let mut nonce = [0; 12];
    app.world.entropy.fill("alert channel nonce", &mut nonce);
    let channel = ChannelToBe {
        workspace: caller.workspace,
        name: new.name,
        kind: way.word().to_owned(),
        shown: way.shown(),
        needs: way.kept(),
        nonce,
    };
    let made = app.store.make_alert_channel(channel, &caller.actor, app.now()).await?;
    app.engine.alerts_changed();
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Would mail about a broken way out have to go by it?
fn is_our_own_way_out(way: &Way, transport: &Transport) -> bool {
    let host = |url: &str| RelayUrl::parse(url).ok().map(|url| url.host.to_ascii_lowercase());
    match (way, transport) {
        (Way::Mail { relay, .. }, Transport::Relay { url }) => host(relay) == host(url),
        _ => false,
    }
}

/// Remove a channel.
#[utoipa::path(delete, path = "/alerts/channels/{id}", tag = "alerts",
    params(("id" = String, Path, description = "The channel")), responses((status = 204)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ChannelId>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::SettingsWrite)?;
    app.store.remove_alert_channel(caller.workspace, id, &caller.actor, app.now()).await?;
    app.engine.alerts_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// How a test went.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChannelTried {
    /// Was it told?
    told: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

/// Send a test by a channel.
#[utoipa::path(post, path = "/alerts/channels/{id}/test", tag = "alerts",
    params(("id" = String, Path, description = "The channel")), responses((status = 200, body = ChannelTried)))]
pub(crate) async fn test(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ChannelId>,
) -> Result<Json<ChannelTried>, Problem> {
    caller.may(Scope::SettingsWrite)?;
    let known = app.store.alert_channel(caller.workspace, id).await?;
    known.ok_or_else(|| Problem::not_found("channel", id))?;
    if app.store.held().is_some() {
        return Err(Problem::new(Code::Held, "a held directory tells no alerts: its original may be at work"));
    }
    let tested = app.engine.test_alert_channel(caller.workspace, id).await?;
    Ok(Json(ChannelTried { told: tested.is_ok(), failure: tested.err() }))
}
