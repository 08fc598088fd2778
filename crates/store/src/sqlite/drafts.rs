//! Drafts: campaigns that are being written.

use super::events::NewEvent;
use super::{Ledger, audience, campaigns};
use crate::campaign::{CANARY_MAX, Campaign};
use crate::draft::{DraftEdit, Frozen};
use crate::error::{Result, StoreError};
use model::{Actor, CampaignId, CampaignState, EventKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// A campaign of the workspace that is a draft or waits for its time.
pub(crate) fn require_draft(conn: &Connection, workspace: WorkspaceId, id: CampaignId) -> Result<Campaign> {
    let campaign = campaigns::require(conn, id)?;
    if campaign.workspace != workspace {
        return Err(StoreError::NotFound { what: "campaign", name: id.to_string() });
    }
    match campaign.state {
        CampaignState::Draft | CampaignState::Scheduled => Ok(campaign),
        state => Err(StoreError::Refused(format!(
            "{:?} is {state} and can no longer be changed; duplicate it to write another",
            campaign.name
        ))),
    }
}

/// The names of people's values: the columns of every import, and what came in otherwise.
pub(crate) fn attribute_names(conn: &Connection, workspace: WorkspaceId) -> Result<Vec<String>> {
    let sql = "SELECT columns FROM import WHERE workspace = ?1 AND state = 1
        UNION SELECT json_array(name) FROM attribute WHERE workspace = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([workspace.0])?;
    let mut names = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let columns: Vec<String> =
            serde_json::from_str(&text).map_err(|why| StoreError::Corrupt(format!("columns of an import: {why}")))?;
        names.extend(columns);
    }
    Ok(names.into_iter().collect())
}

impl Ledger {
    pub(crate) fn edit_draft(
        &mut self,
        workspace: WorkspaceId,
        id: CampaignId,
        edit: &DraftEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let draft = require_draft(&self.conn, workspace, id)?;
        if draft.state == CampaignState::Scheduled {
            let text = format!("{:?} waits for its time; take it back to change it", draft.name);
            return Err(StoreError::Refused(text));
        }
        if campaigns::by_name(&self.conn, workspace, &edit.name)?.is_some_and(|other| other.id != id) {
            return Err(StoreError::Exists { what: "campaign", name: edit.name.clone() });
        }
        let sql = "UPDATE campaign SET name = ?2, message = ?3 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, edit.name, edit.message])?;
        self.conn.execute("DELETE FROM campaign_audience WHERE campaign = ?1", [id.0])?;
        audience::write(&self.conn, workspace, id, &edit.audience)?;
        self.about_draft(workspace, id, EventKind::CampaignEdited, None, actor, now)
    }

    /// A draft begins at this time; without one it is a draft again.
    pub(crate) fn schedule_draft(
        &mut self,
        workspace: WorkspaceId,
        id: CampaignId,
        at: Option<Timestamp>,
        why: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let draft = require_draft(&self.conn, workspace, id)?;
        let (to, kind) = match at {
            Some(_) => (CampaignState::Scheduled, EventKind::Scheduled),
            None if draft.state == CampaignState::Draft => return Ok(draft),
            None => (CampaignState::Draft, EventKind::TakenBack),
        };
        let sql = "UPDATE campaign SET state = ?2, start_at = ?3, why = ?4 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, to.code(), at.map(Timestamp::as_millis), why])?;
        let detail = at.map(|at| format!("at {} ms", at.as_millis())).or(why);
        self.about_draft(workspace, id, kind, detail, actor, now)
    }

    pub(crate) fn freeze_draft(
        &mut self,
        workspace: WorkspaceId,
        id: CampaignId,
        frozen: &Frozen,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        if frozen.canary > CANARY_MAX {
            return Err(StoreError::Refused(format!("a canary sample has at most {CANARY_MAX} people")));
        }
        require_draft(&self.conn, workspace, id)?;
        self.conn.execute(
            "UPDATE campaign SET state = ?2, message = ?3, files_hash = ?4, content_hash = ?5, canary = ?6, why = NULL
             WHERE id = ?1",
            params![
                id.0,
                CampaignState::Building.code(),
                frozen.message,
                frozen.files_hash,
                frozen.content_hash,
                frozen.canary
            ],
        )?;
        if let Some(trial) = &frozen.trial {
            self.keep_trial(workspace, id, trial)?;
        }
        self.about_draft(workspace, id, EventKind::CampaignMade, None, actor, now)
    }

    fn about_draft(
        &mut self,
        workspace: WorkspaceId,
        id: CampaignId,
        kind: EventKind,
        detail: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let about = NewEvent { campaign: Some(id), detail, ..NewEvent::default() };
        self.event(workspace, kind, actor, now, about)?;
        campaigns::require(&self.conn, id)
    }
}
