//! Where people came from: how those of each origin fared, and which origins are not mailed any more.
//!
//! A stopped origin keeps nobody's address: its people are skipped at the build, and the last look before each message
//! finds it as well, so that it works in campaigns that run. Taken back, whoever was not reached yet is mailed again.

use crate::error::Result;
use crate::sqlite::origins as origins_sql;
use crate::{Ledger, Store};
use model::origin::Origin;
use model::{Actor, ContactId, Timestamp, WorkspaceId};
use std::collections::BTreeMap;

/// The longest reason, in characters.
pub const WHY_CHARS_MAX: usize = 500;
/// Contacts looked at in one reading at most.
pub const LOOKED_AT_MAX: usize = 5_000;

/// How the people of one origin fared. All but the first are about those who were ever mailed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OriginCount {
    /// Everybody of it.
    pub people: u64,
    /// Those who were mailed.
    pub mailed: u64,
    /// Their mailbox does not exist.
    pub bounced: u64,
    /// They called it spam.
    pub complained: u64,
    /// They unsubscribed.
    pub unsubscribed: u64,
    /// They clicked, they themselves.
    pub clicked: u64,
}

impl OriginCount {
    /// Adds those of another page.
    pub fn add(&mut self, more: &OriginCount) {
        self.people += more.people;
        self.mailed += more.mailed;
        self.bounced += more.bounced;
        self.complained += more.complained;
        self.unsubscribed += more.unsubscribed;
        self.clicked += more.clicked;
    }
}

/// The origins of some of a workspace's people. Somebody with several origins is counted in each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginPage {
    /// By origin.
    pub counts: BTreeMap<Origin, OriginCount>,
    /// Go on after this contact; `None`: that was everybody.
    pub next: Option<ContactId>,
}

/// An origin that is not mailed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedOrigin {
    /// Which.
    pub origin: Origin,
    /// Why.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
    /// By whom, as the log writes it.
    pub actor: String,
}

impl Store {
    /// How the people after `after` fared, by origin: at most [`LOOKED_AT_MAX`] of them at a time.
    pub async fn origin_counts(&self, workspace: WorkspaceId, after: Option<ContactId>) -> Result<OriginPage> {
        self.core.lanes.ponder(move |conn| origins_sql::counts(conn, workspace, after)).await
    }
    /// The origins that are not mailed any more, the latest first.
    pub async fn stopped_origins(&self, workspace: WorkspaceId) -> Result<Vec<StoppedOrigin>> {
        self.core.lanes.read(move |conn| origins_sql::stopped(conn, workspace)).await
    }
    /// Stops mailing whoever came from there: they are skipped from now on, in campaigns that run as well. What a program
    /// asks for one person (a receipt) is not meant. `false`: it was stopped already, and the reason stands. Refused: no
    /// reason, and an import or key that is not of this workspace.
    pub async fn stop_origin(
        &self,
        workspace: WorkspaceId,
        origin: &Origin,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let (origin, why, actor) = (origin.clone(), why.to_owned(), actor.clone());
        let write = move |ledger: &mut Ledger| ledger.stop_origin(workspace, &origin, &why, &actor, now);
        self.core.lanes.write(write).await
    }
    /// Lets an origin be mailed again, for a reason. `false`: it was not stopped.
    pub async fn allow_origin(
        &self,
        workspace: WorkspaceId,
        origin: &Origin,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let (origin, why, actor) = (origin.clone(), why.to_owned(), actor.clone());
        let write = move |ledger: &mut Ledger| ledger.allow_origin(workspace, &origin, &why, &actor, now);
        self.core.lanes.write(write).await
    }
}
