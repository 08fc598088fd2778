//! Schemas: numbered SQL files, forward only, each applied once, with a backup written first.

use crate::error::{Result, StoreError};
use rusqlite::Connection;
use std::path::Path;

/// "POST" in ASCII: marks a file as a ledger of ours.
pub(crate) const APPLICATION_ID: i64 = 0x504F_5354;

/// Every schema, oldest first.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001.sql"),
    include_str!("../../migrations/0002.sql"),
    include_str!("../../migrations/0003.sql"),
    include_str!("../../migrations/0004.sql"),
    include_str!("../../migrations/0005.sql"),
    include_str!("../../migrations/0006.sql"),
    include_str!("../../migrations/0007.sql"),
    include_str!("../../migrations/0008.sql"),
    include_str!("../../migrations/0009.sql"),
];

/// The newest schema this program knows.
pub(crate) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

fn number(conn: &Connection, pragma: &str) -> Result<i64> {
    Ok(conn.pragma_query_value(None, pragma, |row| row.get(0))?)
}

/// Refuses files that are not ours and ledgers of a newer program. An empty file is a ledger to be.
pub(crate) fn check_identity(conn: &Connection, path: Option<&Path>) -> Result<()> {
    let path = path.unwrap_or_else(|| Path::new("memory")).to_owned();
    let application = match number(conn, "application_id") {
        Err(StoreError::Corrupt(_)) => return Err(StoreError::NotALedger { path }),
        known => known?,
    };
    let version = number(conn, "user_version")?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (tables > 0 || application != 0) {
        return Err(StoreError::NotALedger { path });
    }
    match u32::try_from(version) {
        Ok(found) if found <= newest() => Ok(()),
        _ => {
            let found = u32::try_from(version).unwrap_or(u32::MAX);
            Err(StoreError::NewerVersion { path, found, known: newest() })
        }
    }
}

/// Refuses a ledger whose tables a reader would not find. None has the schema 0 but one that is still to be made.
pub(crate) fn check_newest(conn: &Connection, path: &Path) -> Result<()> {
    let found = u32::try_from(number(conn, "user_version")?).unwrap_or(0);
    match found {
        0 => Err(StoreError::Empty { path: path.to_owned() }),
        found if found == newest() => Ok(()),
        found => Err(StoreError::OlderVersion { path: path.to_owned(), found, known: newest() }),
    }
}

/// Brings the file to the newest schema. A ledger that holds something is copied beside itself first
/// (`ledger.db.before-N`).
pub(crate) fn migrate(conn: &mut Connection, path: Option<&Path>) -> Result<()> {
    let found = usize::try_from(number(conn, "user_version")?).unwrap_or(0);
    if found == MIGRATIONS.len() {
        return Ok(());
    }
    if let Some(path) = path.filter(|_| found > 0) {
        let copy = path.with_extension(format!("db.before-{}", MIGRATIONS.len()));
        if !copy.exists() {
            conn.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
        }
    }
    for (at, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        let tx = conn.transaction()?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", i64::try_from(at + 1).unwrap_or(i64::MAX))?;
        tx.commit()?;
    }
    Ok(())
}
