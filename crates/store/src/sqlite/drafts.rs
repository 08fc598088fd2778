//! Drafts: campaigns that are being written.

use super::events::NewEvent;
use super::{Ledger, audience, campaigns, sql_limit};
use crate::Audience;
use crate::campaign::{CANARY_MAX, Campaign};
use crate::draft::{DRAFT_VERSIONS_KEPT, DraftEdit, DraftVersion, Frozen, ONE_SITTING};
use crate::error::{Result, StoreError};
use crate::import::read_name;
use model::{Actor, CampaignId, CampaignState, EventKind, Timestamp, WorkspaceId, in_quotes};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, BTreeSet};

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
    let names: BTreeSet<String> = named(conn, workspace)?.into_iter().map(|(name, _)| name).collect();
    Ok(names.into_iter().collect())
}

/// The names that stand for other values, each with the name of that. Where one meant different things in several files,
/// the last of them says what it means.
pub(crate) fn aliases(conn: &Connection, workspace: WorkspaceId) -> Result<BTreeMap<String, String>> {
    let last: BTreeMap<String, Option<String>> = named(conn, workspace)?.into_iter().collect();
    Ok(last.into_iter().filter_map(|(name, of)| Some((name, of?))).collect())
}

/// The names of values, with what each is another name of: first those that came in otherwise, then the columns of every
/// import in their order.
fn named(conn: &Connection, workspace: WorkspaceId) -> Result<Vec<(String, Option<String>)>> {
    let sql = "SELECT json_array(name) AS columns, 0 AS since FROM attribute WHERE workspace = ?1
        UNION ALL SELECT columns, id FROM import WHERE workspace = ?1 AND state = 1 ORDER BY since";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([workspace.0])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let columns: Vec<String> =
            serde_json::from_str(&text).map_err(|why| StoreError::Corrupt(format!("columns of an import: {why}")))?;
        let is_of_a_file = row.get::<_, i64>(1)? > 0;
        let read = |kept: &String| {
            let (name, of) = if is_of_a_file { read_name(kept) } else { (kept.as_str(), None) };
            (name.to_owned(), of.map(str::to_owned))
        };
        names.extend(columns.iter().map(read));
    }
    Ok(names)
}

/// The newest version of a draft: which, since when, and by whom.
struct Newest {
    version: u32,
    begun: Timestamp,
    by: i64,
}

fn newest_version(conn: &Connection, id: CampaignId) -> Result<Option<Newest>> {
    let sql = "SELECT version, begun, actor FROM draft_version WHERE campaign = ?1 ORDER BY version DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        Ok(Newest { version: row.get(0)?, begun: Timestamp::from_millis(row.get(1)?), by: row.get(2)? })
    };
    Ok(conn.prepare_cached(sql)?.query_row([id.0], read).optional()?)
}

/// The versions of a campaign's draft, newest first.
pub(crate) fn versions(
    conn: &Connection,
    workspace: WorkspaceId,
    id: CampaignId,
    before: Option<u32>,
    limit: usize,
) -> Result<Vec<DraftVersion>> {
    let sql = "SELECT v.version, v.at, coalesce(w.text, ''), v.name, v.message, v.audience
        FROM draft_version v LEFT JOIN word w ON w.id = v.actor
        WHERE v.campaign = ?1 AND v.workspace = ?2 AND v.version < ?3 ORDER BY v.version DESC LIMIT ?4";
    let limit = sql_limit(limit);
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.0, workspace.0, before.unwrap_or(u32::MAX), limit])?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        let audience = audience::read_written(&row.get::<_, String>(5)?)?;
        versions.push(DraftVersion {
            version: row.get(0)?,
            at: Timestamp::from_millis(row.get(1)?),
            actor: row.get(2)?,
            draft: DraftEdit { name: row.get(3)?, message: row.get(4)?, audience },
        });
    }
    Ok(versions)
}

impl Ledger {
    pub(crate) fn edit_draft(
        &mut self,
        workspace: WorkspaceId,
        id: CampaignId,
        edit: &DraftEdit,
        is_meant: impl FnOnce(&Campaign, &Audience) -> bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let draft = require_draft(&self.conn, workspace, id)?;
        let before = audience::of_campaign(&self.conn, id)?;
        if draft.state == CampaignState::Scheduled {
            let text = format!("{} waits for its time; take it back to change it", in_quotes(&draft.name));
            return Err(StoreError::Refused(text));
        }
        if !is_meant(&draft, &before) {
            return Err(StoreError::Overtaken);
        }
        if campaigns::by_name(&self.conn, workspace, &edit.name)?.is_some_and(|other| other.id != id) {
            return Err(StoreError::Exists { what: "campaign", name: edit.name.clone() });
        }
        let sql = "UPDATE campaign SET name = ?2, message = ?3 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, edit.name, edit.message])?;
        self.conn.execute("DELETE FROM campaign_audience WHERE campaign = ?1", [id.0])?;
        audience::write(&self.conn, workspace, id, &edit.audience)?;
        self.keep_version(&draft, &before, edit, actor, now)?;
        self.about_draft(workspace, id, EventKind::CampaignEdited, None, actor, now)
    }

    /// Keeps what a draft is from now on. Before its first change what it was made as is kept as well.
    fn keep_version(
        &mut self,
        draft: &Campaign,
        before: &Audience,
        edit: &DraftEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let by = self.actor_id(actor)?;
        let newest = self.newest_or_first(draft, before, by)?;
        let (version, begun) = match newest {
            Some(last) if last.version > 1 && last.by == by && now.since(last.begun) < ONE_SITTING => {
                (last.version, last.begun)
            }
            Some(last) => (last.version + 1, now),
            None => (2, now),
        };
        self.write_draft_version(draft, version, (begun, now, by), edit)?;
        self.forget_versions(draft.id, version)
    }

    /// The newest version; of what was never changed, what it was made as is kept as the first.
    fn newest_or_first(&mut self, draft: &Campaign, before: &Audience, by: i64) -> Result<Option<Newest>> {
        let newest = newest_version(&self.conn, draft.id)?;
        if newest.is_none() {
            let made = DraftEdit { name: draft.name.clone(), message: draft.message.clone(), audience: before.clone() };
            // It belongs to nobody's sitting: whoever changes it first does not change this.
            self.write_draft_version(draft, 1, (draft.created_at, draft.created_at, by), &made)?;
        }
        Ok(newest)
    }

    fn forget_versions(&self, id: CampaignId, newest: u32) -> Result<()> {
        let sql = "DELETE FROM draft_version WHERE campaign = ?1 AND version <= ?2 - ?3";
        self.conn.execute(sql, params![id.0, newest, DRAFT_VERSIONS_KEPT])?;
        Ok(())
    }

    /// Keeps beside a draft what it does not become.
    pub(crate) fn set_draft_aside(
        &mut self,
        workspace: WorkspaceId,
        id: CampaignId,
        edit: &DraftEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u32> {
        let draft = require_draft(&self.conn, workspace, id)?;
        let before = audience::of_campaign(&self.conn, id)?;
        let by = self.actor_id(actor)?;
        self.newest_or_first(&draft, &before, by)?;
        let newest = versions(&self.conn, workspace, id, None, 1)?.pop();
        if let Some(same) = newest.as_ref().filter(|newest| newest.draft == *edit) {
            return Ok(same.version);
        }
        let version = newest.map_or(1, |newest| newest.version) + 1;
        // It was begun in no sitting: no later change takes its place.
        self.write_draft_version(&draft, version, (Timestamp::from_millis(0), now, by), edit)?;
        self.forget_versions(id, version)?;
        Ok(version)
    }

    fn write_draft_version(
        &self,
        of: &Campaign,
        version: u32,
        (begun, at, by): (Timestamp, Timestamp, i64),
        draft: &DraftEdit,
    ) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO draft_version
            (workspace, campaign, version, begun, at, actor, name, message, audience)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        self.conn.prepare_cached(sql)?.execute(params![
            of.workspace.0,
            of.id.0,
            version,
            begun.as_millis(),
            at.as_millis(),
            by,
            draft.name,
            draft.message,
            audience::written(&draft.audience)
        ])?;
        Ok(())
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

    /// See [`crate::Store::freeze_draft`]. The log tells of the build, and of the start: nothing was written by anybody here.
    pub(crate) fn freeze_draft(&mut self, judged: &Campaign, frozen: &Frozen) -> Result<Campaign> {
        if frozen.canary > CANARY_MAX {
            return Err(StoreError::Refused(format!("a canary sample has at most {CANARY_MAX} people")));
        }
        let (workspace, id) = (judged.workspace, judged.id);
        let draft = require_draft(&self.conn, workspace, id)?;
        let as_judged = (judged.state, judged.start_at, &judged.message);
        if (draft.state, draft.start_at, &draft.message) != as_judged {
            let text = format!("{} was changed or taken back while it was about to begin", in_quotes(&draft.name));
            return Err(StoreError::Refused(text));
        }
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
        campaigns::require(&self.conn, id)
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
