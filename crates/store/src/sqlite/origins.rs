//! Origins: how their people fared, and which are stopped.

use super::events::NewEvent;
use super::{Ledger, sql_limit, word};
use crate::changes::Change;
use crate::error::{Result, StoreError};
use crate::origin::{LOOKED_AT_MAX, OriginCount, OriginPage, StoppedOrigin, WHY_CHARS_MAX};
use model::origin::{Origin, OriginKind};
use model::reaction::UNSURE_SCORE;
use model::{
    Actor, ContactId, ContactStatus, ErrorCause, EventKind, ImportId, KeyId, ReactionKind, SkipReason,
    SuppressionReason, Timestamp, WorkspaceId,
};
use rusqlite::{Connection, Row, params};

/// Whether somebody's (`c`) origin is stopped: a skip reason or NULL, as SQL. Most ledgers have none: then it is one look
/// into an empty table.
pub(crate) fn stopped_sql() -> String {
    format!(
        "(SELECT {reason} FROM stopped_origin o WHERE o.workspace = c.workspace AND o.name = CASE o.kind
            WHEN {import} THEN CAST(c.import AS TEXT) WHEN {lead_source} THEN c.lead_source
            WHEN {consent} THEN c.consent_source ELSE CAST(c.api_key AS TEXT) END LIMIT 1)",
        reason = SkipReason::OriginStopped.code(),
        import = OriginKind::Import.code(),
        lead_source = OriginKind::LeadSource.code(),
        consent = OriginKind::Consent.code(),
    )
}

/// How some people fared, by origin.
pub(crate) fn counts(conn: &Connection, workspace: WorkspaceId, after: Option<ContactId>) -> Result<OriginPage> {
    let suppressed = |reason: SuppressionReason| {
        format!(
            "EXISTS (SELECT 1 FROM suppression s WHERE s.workspace = c.workspace AND s.hash = a.hash AND s.reason = {})",
            reason.code()
        )
    };
    let sql = format!(
        "SELECT c.id, c.import, c.lead_source, c.consent_source, c.api_key,
            EXISTS (SELECT 1 FROM delivery d WHERE d.contact = c.id AND d.attempts > 0),
            {bounced} OR (c.status = {error} AND c.error IS {hard}), {complained}, {unsubscribed} OR c.status = {left},
            EXISTS (SELECT 1 FROM reaction r WHERE r.contact = c.id AND r.kind = {click} AND r.score < {unsure})
         FROM contact c LEFT JOIN address a ON a.id = c.address
         WHERE c.id > ?2 AND c.workspace = ?1
            AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0)
         ORDER BY c.id LIMIT ?3",
        bounced = suppressed(SuppressionReason::HardBounced),
        complained = suppressed(SuppressionReason::Complained),
        unsubscribed = suppressed(SuppressionReason::Unsubscribed),
        error = ContactStatus::Error.code(),
        hard = ErrorCause::HardBounced.code(),
        left = ContactStatus::OptedOut.code(),
        click = ReactionKind::Clicked.code(),
        unsure = UNSURE_SCORE,
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let limit = sql_limit(LOOKED_AT_MAX);
    let mut rows = statement.query(params![workspace.0, after.map_or(0, |id| id.0), limit])?;
    let (mut page, mut looked_at) = (OriginPage::default(), 0);
    while let Some(row) = rows.next()? {
        let fared = fared(row)?;
        for origin in origins(row)? {
            page.counts.entry(origin).or_default().add(&fared);
        }
        looked_at += 1;
        page.next = Some(ContactId(row.get(0)?));
    }
    page.next = page.next.filter(|_| looked_at == LOOKED_AT_MAX);
    Ok(page)
}

fn origins(row: &Row<'_>) -> Result<Vec<Origin>> {
    let import = row.get::<_, Option<i64>>(1)?.map(|id| Origin::import(ImportId(id)));
    let named = |kind, name: Option<String>| name.map(|name| Origin { kind, name });
    let lead_source = named(OriginKind::LeadSource, row.get(2)?);
    let consent = named(OriginKind::Consent, row.get(3)?);
    let key = row.get::<_, Option<i64>>(4)?.map(|id| Origin::key(KeyId(id)));
    Ok([import, lead_source, consent, key].into_iter().flatten().collect())
}

fn fared(row: &Row<'_>) -> Result<OriginCount> {
    let mailed: bool = row.get(5)?;
    let of_mailed = |column: usize| -> Result<u64> { Ok(u64::from(mailed && row.get::<_, bool>(column)?)) };
    Ok(OriginCount {
        people: 1,
        mailed: u64::from(mailed),
        bounced: of_mailed(6)?,
        complained: of_mailed(7)?,
        unsubscribed: of_mailed(8)?,
        clicked: of_mailed(9)?,
    })
}

/// As the ledger keeps it: ids as numbers.
fn kept_name(origin: &Origin) -> Result<String> {
    let wrong = || StoreError::Refused(format!("{origin} names no import or key"));
    match origin.kind {
        OriginKind::Import => Ok(origin.name.parse::<ImportId>().map_err(|_| wrong())?.0.to_string()),
        OriginKind::Key => Ok(origin.name.parse::<KeyId>().map_err(|_| wrong())?.0.to_string()),
        OriginKind::LeadSource | OriginKind::Consent => Ok(origin.name.clone()),
    }
}

pub(crate) fn stopped(conn: &Connection, workspace: WorkspaceId) -> Result<Vec<StoppedOrigin>> {
    let sql = "SELECT o.kind, o.name, o.why, o.at, coalesce(w.text, '') FROM stopped_origin o LEFT JOIN word w ON w.id = o.actor
        WHERE o.workspace = ?1 ORDER BY o.at DESC, o.kind, o.name";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([workspace.0], |row| {
        let kind = word!(OriginKind, row.get(0)?)?;
        let name: String = row.get(1)?;
        let number = || name.parse().map_err(|_| StoreError::Corrupt(format!("the stopped {kind} {name:?}")));
        let origin = match kind {
            OriginKind::Import => Origin::import(ImportId(number()?)),
            OriginKind::Key => Origin::key(KeyId(number()?)),
            OriginKind::LeadSource | OriginKind::Consent => Origin { kind, name },
        };
        Ok(StoppedOrigin { origin, why: row.get(2)?, at: Timestamp::from_millis(row.get(3)?), actor: row.get(4)? })
    })?;
    rows.collect()
}

fn check_why(why: &str) -> Result<()> {
    if why.trim().is_empty() || why.chars().count() > WHY_CHARS_MAX {
        return Err(StoreError::Refused(format!("a reason of 1 to {WHY_CHARS_MAX} characters is needed")));
    }
    Ok(())
}

impl Ledger {
    pub(crate) fn stop_origin(
        &mut self,
        workspace: WorkspaceId,
        origin: &Origin,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        check_why(why)?;
        let name = kept_name(origin)?;
        let known = match origin.kind {
            OriginKind::Import => Some("SELECT 1 FROM import WHERE workspace = ?1 AND id = CAST(?2 AS INTEGER)"),
            OriginKind::Key => Some("SELECT 1 FROM api_key WHERE workspace = ?1 AND id = CAST(?2 AS INTEGER)"),
            OriginKind::LeadSource | OriginKind::Consent => None,
        };
        if let Some(known) = known
            && !self.conn.prepare_cached(known)?.exists(params![workspace.0, name])?
        {
            return Err(StoreError::NotFound { what: "origin", name: origin.to_string() });
        }
        let by = self.actor_id(actor)?;
        let sql = "INSERT OR IGNORE INTO stopped_origin (workspace, kind, name, why, at, actor)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let row = params![workspace.0, origin.kind.code(), name, why, now.as_millis(), by];
        if self.conn.execute(sql, row)? == 0 {
            return Ok(false);
        }
        self.tell_origin(workspace, EventKind::OriginStopped, origin, why, actor, now)?;
        Ok(true)
    }

    pub(crate) fn allow_origin(
        &mut self,
        workspace: WorkspaceId,
        origin: &Origin,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        check_why(why)?;
        let sql = "DELETE FROM stopped_origin WHERE workspace = ?1 AND kind = ?2 AND name = ?3";
        if self.conn.execute(sql, params![workspace.0, origin.kind.code(), kept_name(origin)?])? == 0 {
            return Ok(false);
        }
        self.tell_origin(workspace, EventKind::OriginAllowed, origin, why, actor, now)?;
        Ok(true)
    }

    fn tell_origin(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        origin: &Origin,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent::saying(format!("{origin}: {why}"));
        self.event(workspace, kind, actor, now, about)?;
        self.changed(Change::Everything);
        Ok(())
    }
}
