//! Alerts as the command line manages them. Programs are named here alone: whoever has the directory may run programs
//! anyway, whoever has a key to the API may not.

use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use engine::Handle;
use engine::alerts::Way;
use engine::options::RelayUrl;
use model::{Actor, AlertId, ChannelId, Timestamp};
use net::Guard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Alert, Channel, NewChannel, StoreError};

/// Something about alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Alarms {
    /// Make a channel.
    Add { name: String, way: Way },
    /// Remove a channel.
    Remove { channel: ChannelId },
    /// Send a test.
    Test { channel: ChannelId },
    /// Say nothing of an alert for a while; `None`: no longer.
    Snooze { alert: AlertId, until: Option<Timestamp> },
}

/// Carries it out on a ledger this process owns; `handle`: the engine at work on it.
pub(crate) async fn carry_out(ledger: &Ledger, handle: Option<&Handle>, actor: &Actor, order: &Alarms) -> Answer {
    let (store, workspace, now) = (&ledger.store, ledger.workspace, ledger.now());
    let answer = match order {
        Alarms::Add { name, way } => {
            let inside = leads_inside(way).map(|why| ("relay", why));
            let objections: Vec<String> =
                way.objections().into_iter().chain(inside).map(|(what, why)| format!("{what}: {why}")).collect();
            if !objections.is_empty() {
                return Err(Failure::bad_input(objections.join("; ")));
            }
            let channel = NewChannel {
                workspace,
                name: name.clone(),
                kind: way.word().to_owned(),
                shown: way.shown(),
                needs: way.kept(),
                nonce: ledger.random("alert channel nonce"),
            };
            channel_json(&store.make_alert_channel(channel, actor, now).await?)
        }
        Alarms::Remove { channel } => {
            store.remove_alert_channel(workspace, *channel, actor, now).await?;
            json!({ "removed": channel.to_string() })
        }
        Alarms::Snooze { alert, until } => {
            alert_json(&store.snooze_alert(workspace, *alert, *until, actor, now).await?)
        }
        Alarms::Test { channel } => {
            let nobody = || {
                Failure::refused("nobody tells alerts here at the moment").advise("start the service: postroom serve")
            };
            let tested = match handle.ok_or_else(nobody)?.test_alert_channel(workspace, *channel).await {
                Err(StoreError::Closed) => return Err(nobody()),
                tested => tested?,
            };
            json!({ "channel": channel.to_string(), "told": tested.is_ok(), "failure": tested.err() })
        }
    };
    if let Some(handle) = handle {
        handle.alerts_changed();
    }
    Ok(answer)
}

/// Why mail by this relay would never go, as far as its name alone tells: it is within a network of ours. This machine's own
/// mail server may be named here.
fn leads_inside(way: &Way) -> Option<String> {
    let Way::Mail { relay, .. } = way else { return None };
    let url = RelayUrl::parse(relay).ok().filter(|url| !url.is_loopback())?;
    url.host.parse().ok().and_then(|address| Guard::production().forbids(address))
}

/// A channel as answers show it.
pub(crate) fn channel_json(channel: &Channel) -> Value {
    json!({
        "id": channel.id.to_string(),
        "name": channel.name,
        "kind": channel.kind,
        "shown": channel.shown,
        "told_at": channel.told_at,
        "failed_at": channel.failed_at,
        "failure": channel.failure,
    })
}

/// An alert as answers show it.
pub(crate) fn alert_json(alert: &Alert) -> Value {
    let standing = &alert.standing;
    json!({
        "id": alert.id.to_string(),
        "kind": alert.kind,
        "severity": alert.kind.severity(),
        "subject": alert.subject,
        "source": alert.listing.as_ref().map(|listing| &listing.source),
        "site": alert.listing.as_ref().map(|listing| &listing.site),
        "title": alert.kind.title(),
        "text": standing.text,
        "since": standing.first_at,
        "last_at": standing.last_at,
        "count": standing.count,
        "told_at": standing.told.map(|told| told.at),
        "snoozed_until": standing.snoozed_until,
        "over_at": standing.over_at,
        "closed_at": alert.closed_at,
    })
}
