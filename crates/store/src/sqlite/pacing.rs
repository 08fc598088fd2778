//! What lanes have learned: one text per lane, the oldest go first.

use super::{Ledger, sql_limit};
use crate::error::Result;
use crate::pacing::{LANE_MEMORIES_MAX, LaneMemory};
use model::{SiteId, SourceId, Timestamp};
use rusqlite::{Connection, Row, params};

fn read_memory(row: &Row<'_>) -> rusqlite::Result<LaneMemory> {
    Ok(LaneMemory {
        source: SourceId(row.get(0)?),
        site: SiteId(row.get(1)?),
        memory: row.get(2)?,
        at: Timestamp::from_millis(row.get(3)?),
    })
}

/// Every lane's, latest first.
pub(crate) fn all(conn: &Connection) -> Result<Vec<LaneMemory>> {
    let sql = "SELECT source, site, memory, at FROM lane_memory ORDER BY at DESC, site, source";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map([], read_memory)?.collect::<rusqlite::Result<_>>()?)
}

impl Ledger {
    /// Keeps, replaces and forgets.
    pub(crate) fn keep_lane_memories(
        &mut self,
        learned: &[(SourceId, SiteId, Option<String>)],
        now: Timestamp,
    ) -> Result<()> {
        for (source, site, memory) in learned {
            match memory {
                Some(memory) => {
                    let sql = "INSERT INTO lane_memory (site, source, memory, at) VALUES (?1, ?2, ?3, ?4)
                        ON CONFLICT (site, source) DO UPDATE SET memory = excluded.memory, at = excluded.at";
                    let row = params![site.0, source.0, memory, now.as_millis()];
                    self.conn.prepare_cached(sql)?.execute(row)?;
                }
                None => {
                    let sql = "DELETE FROM lane_memory WHERE site = ?1 AND source = ?2";
                    self.conn.prepare_cached(sql)?.execute([site.0, source.0])?;
                }
            }
        }
        // The newest so many stay.
        let sql = "DELETE FROM lane_memory WHERE (site, source) IN
            (SELECT site, source FROM lane_memory ORDER BY at DESC, site, source LIMIT 100000 OFFSET ?1)";
        let kept = sql_limit(LANE_MEMORIES_MAX);
        self.conn.prepare_cached(sql)?.execute([kept])?;
        Ok(())
    }
}
