//! Templates: the parts of a message under a name. Every change is a version, and every version stays.

use crate::sqlite::{Ledger, templates};
use crate::{Result, Store};
use model::{Actor, TemplateId, Timestamp, WorkspaceId};

/// The longest name, in octets.
pub const TEMPLATE_NAME_BYTES_MAX: usize = 200;
/// Templates of a workspace at most.
pub const TEMPLATES_MAX: i64 = 5_000;
/// Versions of a template that are kept; the oldest go first.
pub const VERSIONS_KEPT: u32 = 200;

/// A template as it is now, or as a version has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Unique in the workspace.
    pub name: String,
    /// The version this is, from 1.
    pub version: u32,
    /// The parts, JSON, opaque here.
    pub parts: String,
    /// When the template was made.
    pub created_at: Timestamp,
    /// When this version was made.
    pub changed_at: Timestamp,
    /// By whom.
    pub actor: String,
}

impl Store {
    /// Makes a template, version 1. Refused: a name that is taken or none, and too many.
    pub async fn make_template(
        &self,
        workspace: WorkspaceId,
        name: &str,
        parts: String,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Template> {
        let (name, actor) = (name.to_owned(), actor.clone());
        let write = move |ledger: &mut Ledger| ledger.make_template(workspace, &name, &parts, &actor, now);
        self.core.lanes.write(write).await
    }
    /// Gives a template a new version. The same name and parts make none.
    pub async fn change_template(
        &self,
        workspace: WorkspaceId,
        id: TemplateId,
        name: &str,
        parts: String,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Template> {
        let (name, actor) = (name.to_owned(), actor.clone());
        let write = move |ledger: &mut Ledger| ledger.change_template(workspace, id, &name, &parts, &actor, now);
        self.core.lanes.write(write).await
    }
    /// Removes a template with its versions. Messages and campaigns made from it keep what they are made of.
    pub async fn remove_template(
        &self,
        workspace: WorkspaceId,
        id: TemplateId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.remove_template(workspace, id, &actor, now)).await
    }
    /// A template of the workspace, as it is now or in a version.
    pub async fn template(
        &self,
        workspace: WorkspaceId,
        id: TemplateId,
        version: Option<u32>,
    ) -> Result<Option<Template>> {
        self.core.lanes.read(move |conn| templates::template(conn, workspace, id, version)).await
    }
    /// Templates as they are now, in the order they were made, after `after`.
    pub async fn templates(
        &self,
        workspace: WorkspaceId,
        after: Option<TemplateId>,
        limit: usize,
    ) -> Result<Vec<Template>> {
        self.core.lanes.read(move |conn| templates::page(conn, workspace, after, limit)).await
    }
    /// The versions of a template, newest first, before `before`.
    pub async fn template_versions(
        &self,
        workspace: WorkspaceId,
        id: TemplateId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<Template>> {
        self.core.lanes.read(move |conn| templates::versions(conn, workspace, id, before, limit)).await
    }
}
