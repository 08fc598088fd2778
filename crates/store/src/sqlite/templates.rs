//! Templates and their versions.

use super::events::NewEvent;
use super::{Ledger, sql_limit};
use crate::error::{Result, StoreError};
use crate::template::{TEMPLATE_NAME_BYTES_MAX, TEMPLATES_MAX, Template, VERSIONS_KEPT};
use model::{Actor, EventKind, TemplateId, Timestamp, WorkspaceId};
use rusqlite::{Connection, Params, Row, params};

const COLUMNS: &str = "SELECT t.id, t.workspace, t.name, v.version, v.parts, t.created_at, v.at, coalesce(w.text, '')
    FROM message_template t JOIN message_template_version v ON v.template = t.id LEFT JOIN word w ON w.id = v.actor";

fn read_template(row: &Row<'_>) -> rusqlite::Result<Template> {
    Ok(Template {
        id: TemplateId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        name: row.get(2)?,
        version: row.get(3)?,
        parts: row.get(4)?,
        created_at: Timestamp::from_millis(row.get(5)?),
        changed_at: Timestamp::from_millis(row.get(6)?),
        actor: row.get(7)?,
    })
}

fn select(conn: &Connection, rest: &str, key: impl Params) -> Result<Vec<Template>> {
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} WHERE {rest}"))?;
    Ok(statement.query_map(key, read_template)?.collect::<rusqlite::Result<_>>()?)
}

/// A template of the workspace, as it is now or in a version.
pub(crate) fn template(
    conn: &Connection,
    workspace: WorkspaceId,
    id: TemplateId,
    version: Option<u32>,
) -> Result<Option<Template>> {
    let rest = "t.id = ?1 AND t.workspace = ?2 AND v.version = coalesce(?3, t.version)";
    Ok(select(conn, rest, params![id.0, workspace.0, version])?.pop())
}

fn require(conn: &Connection, workspace: WorkspaceId, id: TemplateId) -> Result<Template> {
    template(conn, workspace, id, None)?.ok_or_else(|| StoreError::NotFound { what: "template", name: id.to_string() })
}

/// Templates as they are now, after `after`.
pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<TemplateId>,
    limit: usize,
) -> Result<Vec<Template>> {
    let rest = "t.workspace = ?1 AND t.id > ?2 AND v.version = t.version ORDER BY t.id LIMIT ?3";
    let key = params![workspace.0, after.map_or(0, |id| id.0), sql_limit(limit)];
    select(conn, rest, key)
}

/// The versions of a template, newest first.
pub(crate) fn versions(
    conn: &Connection,
    workspace: WorkspaceId,
    id: TemplateId,
    before: Option<u32>,
    limit: usize,
) -> Result<Vec<Template>> {
    require(conn, workspace, id)?;
    let rest = "t.id = ?1 AND t.workspace = ?2 AND v.version < ?3 ORDER BY v.version DESC LIMIT ?4";
    let limit = sql_limit(limit);
    select(conn, rest, params![id.0, workspace.0, before.unwrap_or(u32::MAX), limit])
}

impl Ledger {
    pub(crate) fn make_template(
        &mut self,
        workspace: WorkspaceId,
        name: &str,
        parts: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Template> {
        self.check_template_name(workspace, None, name)?;
        let sql = "SELECT count(*) FROM message_template WHERE workspace = ?1";
        if self.conn.query_row(sql, [workspace.0], |row| row.get::<_, i64>(0))? >= TEMPLATES_MAX {
            return Err(StoreError::Refused(format!("a workspace has at most {TEMPLATES_MAX} templates")));
        }
        let id = TemplateId(self.new_id(now));
        let sql = "INSERT INTO message_template (id, workspace, name, version, created_at) VALUES (?1, ?2, ?3, 0, ?4)";
        self.conn.execute(sql, params![id.0, workspace.0, name, now.as_millis()])?;
        self.write_version(workspace, id, name, parts, actor, now)
    }

    pub(crate) fn change_template(
        &mut self,
        workspace: WorkspaceId,
        id: TemplateId,
        name: &str,
        parts: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Template> {
        let known = require(&self.conn, workspace, id)?;
        if known.name == name && known.parts == parts {
            return Ok(known);
        }
        self.check_template_name(workspace, Some(id), name)?;
        self.write_version(workspace, id, name, parts, actor, now)
    }

    pub(crate) fn remove_template(
        &mut self,
        workspace: WorkspaceId,
        id: TemplateId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let known = require(&self.conn, workspace, id)?;
        self.conn.execute("DELETE FROM message_template_version WHERE template = ?1", [id.0])?;
        self.conn.execute("DELETE FROM message_template WHERE id = ?1", [id.0])?;
        let about = NewEvent::saying(format!("{id} {}", known.name));
        self.event(workspace, EventKind::TemplateRemoved, actor, now, about)
    }

    fn write_version(
        &mut self,
        workspace: WorkspaceId,
        id: TemplateId,
        name: &str,
        parts: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Template> {
        let by = self.actor_id(actor)?;
        let sql = "UPDATE message_template SET version = version + 1, name = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, name])?;
        let sql = "INSERT INTO message_template_version (template, workspace, version, parts, at, actor)
            SELECT id, workspace, version, ?2, ?3, ?4 FROM message_template WHERE id = ?1";
        self.conn.execute(sql, params![id.0, parts, now.as_millis(), by])?;
        let sql = "DELETE FROM message_template_version WHERE template = ?1
            AND version <= (SELECT version FROM message_template WHERE id = ?1) - ?2";
        self.conn.execute(sql, params![id.0, VERSIONS_KEPT])?;
        let made = require(&self.conn, workspace, id)?;
        let detail = Some(format!("{id} {name}, version {}", made.version));
        self.event(workspace, EventKind::TemplateSaved, actor, now, NewEvent { detail, ..NewEvent::default() })?;
        Ok(made)
    }

    fn check_template_name(&self, workspace: WorkspaceId, id: Option<TemplateId>, name: &str) -> Result<()> {
        if name.trim().is_empty() || name.len() > TEMPLATE_NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let says = format!("a template's name has 1 to {TEMPLATE_NAME_BYTES_MAX} octets and no control characters");
            return Err(StoreError::Refused(says));
        }
        let sql = "SELECT 1 FROM message_template WHERE workspace = ?1 AND name = ?2 AND id IS NOT ?3";
        let key = params![workspace.0, name, id.map(|id| id.0)];
        match self.conn.prepare_cached(sql)?.exists(key)? {
            true => Err(StoreError::Exists { what: "template", name: name.to_owned() }),
            false => Ok(()),
        }
    }
}
