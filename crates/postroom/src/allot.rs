//! Orders about how much a source or a workspace may send, and how large a workspace's share is.
//!
//! Beside a running engine they are in force when the order is answered.

use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::ways_out::source_named;
use engine::Handle;
use model::{Actor, Ceilings, WorkspaceId, in_quotes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Ceiling, CeilingOf, Workspace};

/// Workspaces read at once.
const PAGE: usize = 100;

/// Something to be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Allot {
    /// The ceilings of a source, all of them.
    LimitSource { name: String, ceilings: Ceilings },
    /// The ceilings of a workspace, all of them.
    LimitWorkspace { name: String, ceilings: Ceilings },
    /// The weight of a workspace among the others.
    Weigh { name: String, weight: u32 },
}

/// Sets it, through the engine that is at work or in the ledger alone.
pub(crate) async fn carry_out(ledger: &Ledger, engine: Option<&Handle>, actor: &Actor, order: &Allot) -> Answer {
    let (store, now) = (&ledger.store, ledger.now());
    let (name, set) = match order {
        Allot::LimitSource { name, ceilings } => {
            let of = CeilingOf::Source(source_named(ledger, name).await?.id);
            (name, store.set_ceilings(of, *ceilings, actor, now).await?)
        }
        Allot::LimitWorkspace { name, ceilings } => {
            let of = CeilingOf::Workspace(workspace_named(ledger, name).await?.id);
            (name, store.set_ceilings(of, *ceilings, actor, now).await?)
        }
        Allot::Weigh { name, weight } => {
            let id = workspace_named(ledger, name).await?.id;
            (name, store.set_weight(id, Some(*weight), actor, now).await?)
        }
    };
    if let Some(engine) = engine {
        engine.ceilings_changed().await?;
    }
    Ok(described(name, &set))
}

/// What is set for somebody, as orders answer and lists show it.
fn described(name: &str, set: &Ceiling) -> Value {
    let (kind, weight) = match set.of {
        CeilingOf::Source(_) => ("source", None),
        CeilingOf::Workspace(_) => ("workspace", Some(set.weight.unwrap_or(dispatch::share::WEIGHT_USUAL))),
    };
    json!({ kind: name, "weight": weight, "ceilings": set.ceilings, "says": set.ceilings.to_string() })
}

/// Every workspace with its weight and its ceilings.
pub(crate) async fn workspaces(ledger: &Ledger) -> Result<Vec<Value>, Failure> {
    let set = ledger.store.ceilings().await?;
    let found = all_workspaces(ledger).await?;
    Ok(found
        .iter()
        .map(|workspace| {
            let of = CeilingOf::Workspace(workspace.id);
            let known = set.iter().find(|ceiling| ceiling.of == of).copied();
            let none = Ceiling { of, ceilings: Ceilings::default(), weight: None };
            described(&workspace.name, &known.unwrap_or(none))
        })
        .collect())
}

async fn all_workspaces(ledger: &Ledger) -> Result<Vec<Workspace>, Failure> {
    let mut all: Vec<Workspace> = Vec::new();
    loop {
        let page = ledger.store.workspaces(all.last().map(|workspace| workspace.id), PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// The workspace that was named, else the first.
pub(crate) async fn workspace_or_first(ledger: &Ledger, typed: Option<&str>) -> Result<WorkspaceId, Failure> {
    match typed {
        Some(typed) => Ok(workspace_named(ledger, typed).await?.id),
        None => Ok(ledger.workspace),
    }
}

/// The workspace of a name or an id.
async fn workspace_named(ledger: &Ledger, typed: &str) -> Result<Workspace, Failure> {
    let all = all_workspaces(ledger).await?;
    let is_it = |workspace: &&Workspace| workspace.name == typed || workspace.id.to_string() == typed;
    if let Some(found) = all.iter().find(is_it) {
        return Ok(found.clone());
    }
    let near = model::nearest(typed, all.iter().map(|workspace| workspace.name.as_str()));
    let failure = Failure::bad_input(format!("there is no workspace {}", in_quotes(typed))).suggest(&near);
    Err(if near.is_empty() { failure.advise("postroom workspace list shows those there are") } else { failure })
}
