//! Contacts brought back from `error` in bulk: whom the evidence fits, a preview, bounded steps.
//!
//! The evidence is the event that put them there, which names the delivery.

use super::Ledger;
use super::events::NewEvent;
use super::suppressions::CODE;
use crate::changes::Change;
use crate::error::{Result, StoreError};
use crate::restore::{GROUPS_MAX, RestoreFilter, RestoreGroup, RestorePreview, SHOWN_MAX};
use model::{Actor, ContactId, ContactStatus, ErrorCause, EventKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// Contacts looked at in one step.
const STEP_ROWS: i64 = 20_000;

/// Somebody whom a filter fits.
struct Found {
    contact: i64,
    email: Option<String>,
    provider: Option<String>,
    code: Option<String>,
}

/// Whom a filter fits among the next contacts after `from`, and the last one looked at.
fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    filter: &RestoreFilter,
    from: ContactId,
) -> Result<(Vec<Found>, Option<ContactId>)> {
    if !matches!(filter.cause, ErrorCause::SoftBounceLimit | ErrorCause::Refused) {
        let text = "only contacts whose mail was put off or refused too often are brought back in bulk";
        return Err(StoreError::Refused(text.to_owned()));
    }
    let sql = "SELECT max(id), count(*) FROM (SELECT id FROM contact WHERE id > ?1 ORDER BY id LIMIT ?2)";
    let (last, looked_at): (Option<i64>, i64) =
        conn.prepare_cached(sql)?.query_row([from.0, STEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let sql = format!(
        "SELECT p.id, a.email, c.provider, {CODE} FROM contact p
            JOIN event e ON e.seq = (SELECT max(x.seq) FROM event x WHERE x.contact = p.id AND x.kind = ?5)
            LEFT JOIN address a ON a.id = p.address LEFT JOIN delivery d ON d.id = e.delivery
            LEFT JOIN cause c ON c.id = d.cause
         WHERE p.id > ?1 AND p.id <= ?2 AND p.workspace = ?3 AND p.status = ?4 AND p.error = ?6
            AND (?7 IS NULL OR c.provider = ?7) AND (?8 IS NULL OR CAST(c.code AS TEXT) = ?8 OR {CODE} = ?8)
            AND (?9 IS NULL OR e.at >= ?9) AND (?10 IS NULL OR e.at < ?10) AND NOT ?11 ORDER BY p.id"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let key = params![
        from.0,
        last,
        workspace.0,
        ContactStatus::Error.code(),
        EventKind::StatusChanged.code(),
        filter.cause.code(),
        filter.evidence.provider,
        filter.evidence.code,
        filter.evidence.since.map(Timestamp::as_millis),
        filter.evidence.until.map(Timestamp::as_millis),
        filter.evidence.provisional_only
    ];
    let rows = statement.query_map(key, |row| {
        Ok(Found { contact: row.get(0)?, email: row.get(1)?, provider: row.get(2)?, code: row.get(3)? })
    })?;
    let found = rows.collect::<rusqlite::Result<_>>()?;
    Ok((found, (looked_at == STEP_ROWS).then_some(ContactId(last))))
}

pub(crate) fn preview(conn: &Connection, workspace: WorkspaceId, filter: &RestoreFilter) -> Result<RestorePreview> {
    let mut told = RestorePreview::default();
    let (mut groups, mut after) = (BTreeMap::<_, u64>::new(), Some(ContactId(0)));
    while let Some(from) = after {
        let (found, next) = page(conn, workspace, filter, from)?;
        for one in found {
            told.count += 1;
            *groups.entry((one.provider, one.code)).or_default() += 1;
            if told.sample.len() < SHOWN_MAX {
                told.sample.extend(one.email);
            }
        }
        after = next;
    }
    told.groups = groups.into_iter().map(|((provider, code), count)| RestoreGroup { provider, code, count }).collect();
    told.groups.sort_by_key(|group| (std::cmp::Reverse(group.count), group.clone()));
    told.groups.truncate(GROUPS_MAX);
    Ok(told)
}

impl Ledger {
    /// One bounded step; the last contact looked at (`None`: that was the end), and how many were brought back.
    pub(crate) fn restore_step(
        &mut self,
        workspace: WorkspaceId,
        filter: &RestoreFilter,
        from: ContactId,
        (why, actor): (&str, &Actor),
        now: Timestamp,
    ) -> Result<(Option<ContactId>, u64)> {
        if why.trim().is_empty() {
            return Err(StoreError::Refused("bringing contacts back needs a reason".to_owned()));
        }
        let (found, next) = page(&self.conn, workspace, filter, from)?;
        for one in &found {
            let sql = "UPDATE contact SET status = ?2, error = NULL, soft_count = 0, soft_since = NULL,
                refused_count = 0 WHERE id = ?1";
            self.conn.prepare_cached(sql)?.execute(params![one.contact, ContactStatus::Active.code()])?;
            let contact = ContactId(one.contact);
            let detail = Some(format!("reactivated: {}", why.trim()));
            let about = NewEvent { contact: Some(contact), detail, ..NewEvent::default() };
            self.event(workspace, EventKind::ContactEdited, actor, now, about)?;
            self.stir(contact, None, now)?;
        }
        if !found.is_empty() {
            // What was read before is forbidden as it was read: it asks again.
            self.changed(Change::Everything);
        }
        Ok((next, found.len() as u64))
    }

    /// The event of a bulk restore, and of a bulk lift.
    pub(crate) fn note_restored(
        &mut self,
        workspace: WorkspaceId,
        detail: String,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent::saying(detail);
        self.event(workspace, EventKind::Restored, actor, now, about)
    }
}
