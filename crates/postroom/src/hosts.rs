//! Tracking hosts, as the command line manages them.

use crate::control::Answer;
use crate::ledger::Ledger;
use model::{Actor, HostFound};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::TrackingHost;

/// Something about the names under which links are answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hosts {
    /// Add one.
    Add { host: String },
    /// What DNS said about one.
    Found { host: String, found: HostFound, problem: Option<String> },
    /// Keep one out of new messages, or let it in again.
    Retire { host: String, retired: bool },
}

/// Carries it out on a ledger this process owns.
pub(crate) async fn carry_out(ledger: &Ledger, actor: &Actor, order: &Hosts) -> Answer {
    let (store, workspace, now) = (&ledger.store, ledger.workspace, ledger.now());
    let host = match order {
        Hosts::Add { host } => store.add_tracking_host(workspace, host, actor, now).await?,
        Hosts::Found { host, found, problem } => {
            store.note_tracking_host(workspace, host, *found, problem.clone(), now).await?
        }
        Hosts::Retire { host, retired } => store.retire_tracking_host(workspace, host, *retired, actor, now).await?,
    };
    Ok(host_json(&host))
}

/// A host as answers show it.
pub(crate) fn host_json(host: &TrackingHost) -> Value {
    json!({
        "host": host.host,
        "found": host.found.word(),
        "problem": host.problem,
        "usable": host.is_usable(),
        "retired": host.retired_at.is_some(),
    })
}
