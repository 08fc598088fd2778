//! Ceilings of sources and workspaces, and the weights of workspaces: what people set, and nothing that was counted.
//!
//! What was sent today is in [`Store::volume_of`]. Invariant: a ceiling is at least 1, and so is a weight.

use crate::Store;
use crate::error::Result;
use crate::sqlite::ceilings;
use model::{Actor, Ceilings, SourceId, Timestamp, WorkspaceId};

/// Whose ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CeilingOf {
    /// An egress address.
    Source(SourceId),
    /// A tenant.
    Workspace(WorkspaceId),
}

/// What was set for a source or a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Whose.
    pub of: CeilingOf,
    /// How much at most.
    pub ceilings: Ceilings,
    /// The weight among other workspaces; `None`: the usual one. Sources have none.
    pub weight: Option<u32>,
}

impl Store {
    /// Everything that was set, sources first, in order of id.
    pub async fn ceilings(&self) -> Result<Vec<Ceiling>> {
        self.core.lanes.read(ceilings::list).await
    }
    /// Of the latest 200,000 tries of all: how many somebody began at or after a time, and when they began their last,
    /// whenever that was.
    pub async fn tries_of(&self, of: CeilingOf, since: Timestamp) -> Result<(u32, Option<Timestamp>)> {
        self.core.lanes.read(move |conn| ceilings::tries_of(conn, of, since)).await
    }
    /// Sets the ceilings of a source or a workspace, in place of those before. Refused: a ceiling of 0, nobody with that id.
    pub async fn set_ceilings(
        &self,
        of: CeilingOf,
        ceilings: Ceilings,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Ceiling> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.set_ceilings(of, &ceilings, &actor, now)).await
    }
    /// Sets the weight of a workspace among the others; `None`: the usual one. Refused: 0, no such workspace.
    pub async fn set_weight(
        &self,
        workspace: WorkspaceId,
        weight: Option<u32>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Ceiling> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.set_weight(workspace, weight, &actor, now)).await
    }
}
