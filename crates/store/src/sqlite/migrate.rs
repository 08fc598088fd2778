//! Schemas: numbered SQL files, forward only, each applied once, with a copy written first. Invariant: a ledger has the old
//! schema or the newest, whenever it is cut off, and a copy by its name is whole.

use crate::error::{Result, StoreError};
use rusqlite::Connection;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// "POST" in ASCII: marks a file as a ledger of ours.
pub(crate) const APPLICATION_ID: i64 = 0x504F_5354;

/// The same as it stands in the file.
const APPLICATION_ID_OCTETS: [u8; 4] = *b"POST";

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
    include_str!("../../migrations/0010.sql"),
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
        Err(StoreError::Corrupt(why)) if is_marked(&path) => {
            return Err(StoreError::Corrupt(format!("{}: {why}", path.display())));
        }
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

/// Does the file's head say that it is a ledger of ours, whatever became of the rest? (SQLite's file format, section 1.3.)
fn is_marked(path: &Path) -> bool {
    let mut head = [0; 72];
    let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    is_read && head.starts_with(b"SQLite format 3\0") && head.last_chunk() == Some(&APPLICATION_ID_OCTETS)
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

/// Brings the file to the newest schema, wholly or not at all. A ledger that holds something is copied beside itself first
/// (`ledger.db.before-N`); a copy of an earlier attempt is replaced, because it may be older than what is in the file now.
pub(crate) fn migrate(conn: &mut Connection, path: Option<&Path>) -> Result<()> {
    let found = usize::try_from(number(conn, "user_version")?).unwrap_or(0);
    if found == MIGRATIONS.len() {
        return Ok(());
    }
    if let Some(path) = path.filter(|_| found > 0) {
        copy_beside(conn, path)?;
    }
    let tx = conn.transaction()?;
    for sql in MIGRATIONS.iter().skip(found) {
        tx.execute_batch(sql)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", newest())?;
    Ok(tx.commit()?)
}

/// Copies a ledger beside itself. The copy has its name when it is whole and on the disk, and not before: what a kill leaves
/// of one has another name, and is thrown away by the next attempt.
fn copy_beside(conn: &Connection, path: &Path) -> Result<()> {
    let copy = path.with_extension(format!("db.before-{}", newest()));
    let fresh = path.with_extension(format!("db.before-{}.new", newest()));
    // What a kill left of one, and its journal.
    let journal = path.with_extension(format!("db.before-{}.new-journal", newest()));
    let clear = || [&fresh, &journal].into_iter().try_for_each(|file| remove(file));
    clear()?;
    let copied = write_copy(conn, &fresh).and_then(|()| Ok(fs::rename(&fresh, &copy)?));
    if copied.is_err() {
        // A disk that is full needs the room.
        drop(clear());
    }
    copied?;
    path.parent().map_or(Ok(()), |directory| Ok(File::open(directory)?.sync_all()?))
}

/// Removes a file that may not be there.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes what a ledger holds into a file that only its owner may read, in place of what was there, durably.
pub(crate) fn write_copy(conn: &Connection, to: &Path) -> Result<()> {
    // SQLite makes it readable by whoever may read what the process makes, writes into an empty file as well, and syncs nothing.
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(to)?;
    conn.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(File::open(to)?.sync_all()?)
}
