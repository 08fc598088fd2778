//! Ceilings and weights. A small table, read whole.

use super::Ledger;
use super::events::NewEvent;
use crate::ceiling::{Ceiling, CeilingOf};
use crate::error::{Result, StoreError};
use crate::sqlite::{sources, users};
use model::{Actor, Ceilings, EventKind, SourceId, Timestamp, WorkspaceId};
use rusqlite::{Connection, params};

impl CeilingOf {
    const fn key(self) -> (i64, i64) {
        match self {
            CeilingOf::Source(id) => (0, id.0),
            CeilingOf::Workspace(id) => (1, id.0),
        }
    }

    fn from_key(kind: i64, who: i64) -> Result<CeilingOf> {
        match kind {
            0 => Ok(CeilingOf::Source(SourceId(who))),
            1 => Ok(CeilingOf::Workspace(WorkspaceId(who))),
            _ => Err(super::unknown_code("ceiling kind", kind)),
        }
    }
}

/// Everything that was set.
pub(crate) fn list(conn: &Connection) -> Result<Vec<Ceiling>> {
    let mut statement = conn.prepare_cached("SELECT kind, who, weight, ceilings FROM ceiling ORDER BY kind, who")?;
    let rows = statement.query_and_then([], |row| {
        let text: String = row.get(3)?;
        let ceilings = serde_json::from_str(&text);
        let ceilings = ceilings.map_err(|_| StoreError::Corrupt(format!("{text:?} are no ceilings")))?;
        Ok(Ceiling { of: CeilingOf::from_key(row.get(0)?, row.get(1)?)?, weight: row.get(2)?, ceilings })
    })?;
    rows.collect()
}

/// So many attempts are looked at, the latest first. Beyond that somebody's last is long ago by any ceiling worth setting.
const ATTEMPTS_LOOKED_AT: i64 = 200_000;

/// What somebody has begun lately.
pub(crate) fn tries_of(conn: &Connection, of: CeilingOf, since: Timestamp) -> Result<(u32, Option<Timestamp>)> {
    let whose = match of {
        CeilingOf::Source(_) => "coalesce(source, 0)",
        CeilingOf::Workspace(_) => "workspace",
    };
    let sql = format!(
        "SELECT count(*) FILTER (WHERE started_at >= ?1), max(started_at) FROM
            (SELECT started_at, {whose} AS whose FROM attempt ORDER BY seq DESC LIMIT ?3) WHERE whose = ?2"
    );
    let (_, who) = of.key();
    let row = conn.query_row(&sql, params![since.as_millis(), who, ATTEMPTS_LOOKED_AT], |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, Option<i64>>(1)?))
    });
    let (count, last) = row?;
    Ok((count, last.map(Timestamp::from_millis)))
}

fn find(conn: &Connection, of: CeilingOf) -> Result<Ceiling> {
    let known = list(conn)?.into_iter().find(|ceiling| ceiling.of == of);
    Ok(known.unwrap_or(Ceiling { of, ceilings: Ceilings::default(), weight: None }))
}

impl Ledger {
    /// Sets the ceilings of somebody.
    pub(crate) fn set_ceilings(
        &mut self,
        of: CeilingOf,
        ceilings: &Ceilings,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Ceiling> {
        if let Some(zero) = ceilings.zeroes().next() {
            return Err(StoreError::Refused(format!("{zero} must be at least 1")));
        }
        let told = if ceilings.is_none() { "no ceilings".to_owned() } else { format!("at most {ceilings}") };
        self.keep_ceiling(Ceiling { ceilings: *ceilings, ..find(&self.conn, of)? }, told, actor, now)
    }

    /// Sets the weight of a workspace.
    pub(crate) fn set_weight(
        &mut self,
        workspace: WorkspaceId,
        weight: Option<u32>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Ceiling> {
        if weight == Some(0) {
            return Err(StoreError::Refused("a weight of 0 sends nothing; hold or pause instead".to_owned()));
        }
        let told = weight.map_or_else(|| "the usual weight".to_owned(), |weight| format!("weight {weight}"));
        let of = CeilingOf::Workspace(workspace);
        self.keep_ceiling(Ceiling { weight, ..find(&self.conn, of)? }, told, actor, now)
    }

    /// Writes what is set now, and tells it.
    fn keep_ceiling(&mut self, new: Ceiling, told: String, actor: &Actor, now: Timestamp) -> Result<Ceiling> {
        let (workspace, kind, name) = match new.of {
            CeilingOf::Source(id) => {
                (WorkspaceId::FIRST, EventKind::SourceChanged, sources::require(&self.conn, id)?.name)
            }
            CeilingOf::Workspace(id) => {
                (id, EventKind::WorkspaceChanged, users::workspace_exists(&self.conn, id)?.name)
            }
        };
        let text = serde_json::to_string(&new.ceilings).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let (of, who) = new.of.key();
        self.conn.execute(
            "INSERT INTO ceiling (kind, who, weight, ceilings) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (kind, who) DO UPDATE SET weight = excluded.weight, ceilings = excluded.ceilings",
            params![of, who, new.weight, text],
        )?;
        let about = NewEvent::saying(format!("{name}: {told}"));
        self.event(workspace, kind, actor, now, about)?;
        Ok(new)
    }
}
