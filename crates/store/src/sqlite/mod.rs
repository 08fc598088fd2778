//! SQLite behind the handle: the connection, its settings, its transactions, and one file per noun beside this one.
//!
//! Invariant: one [`Ledger`] writes, and everything it keeps in memory (ids, sequence, dictionaries) is thrown away
//! when a transaction is rolled back, so that memory never knows more than the file.

pub(crate) mod answered;
pub(crate) mod api_keys;
pub(crate) mod audience;
pub(crate) mod build;
pub(crate) mod campaigns;
mod canary;
pub(crate) mod causes;
pub(crate) mod ceilings;
pub(crate) mod choices;
mod complaints;
pub(crate) mod confirmations;
pub(crate) mod contacts;
pub(crate) mod dictionary;
pub(crate) mod doubt;
pub(crate) mod drafts;
pub(crate) mod engage;
pub(crate) mod events;
pub(crate) mod held;
pub(crate) mod holds;
pub(crate) mod images;
pub(crate) mod imports;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod messages;
pub(crate) mod migrate;
pub(crate) mod names;
pub(crate) mod offers;
pub(crate) mod origins;
pub(crate) mod pacing;
pub(crate) mod passages;
pub(crate) mod passes;
pub(crate) mod persons;
pub(crate) mod places;
pub(crate) mod queue;
pub(crate) mod reactions;
mod replies;
pub(crate) mod reports;
pub(crate) mod restores;
pub(crate) mod revenue;
pub(crate) mod rules;
pub(crate) mod seeking;
pub(crate) mod segment_sql;
pub(crate) mod segments;
pub(crate) mod sequences;
pub(crate) mod sessions;
pub(crate) mod settle;
pub(crate) mod sources;
pub(crate) mod standing;
pub(crate) mod tracking_hosts;

pub(crate) mod alerts;
pub(crate) mod sunsets;
pub(crate) mod suppressions;
pub(crate) mod sweep;
pub(crate) mod templates;
pub(crate) mod tls;
pub(crate) mod trials;
pub(crate) mod users;
pub(crate) mod volume;
pub(crate) mod watches;
pub(crate) mod webhooks;

use crate::anchor::Anchor;
use crate::changes::{Change, Changes};
use crate::disk::Disk;
use crate::error::{Result, StoreError};
use crate::open::{Durability, OpenOptions};
use dictionary::Dictionary;
use model::{IdMaker, Timestamp, WorkspaceId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Prepared statements kept per connection.
const STATEMENTS_CACHED_MAX: usize = 256;
/// The writer's page cache, in kibibytes. A campaign is built and settled in the order of its keys.
pub(crate) const WRITER_CACHE_KIB: i64 = 16_384;
/// The same while people are imported, who come in no order of their addresses.
pub(crate) const IMPORT_CACHE_KIB: i64 = 65_536;
/// A reader's page cache, in kibibytes.
const READER_CACHE_KIB: i64 = 16_384;
/// The same of one that reads pages of a queue or a list: it goes along keys, and every commit voids what it keeps.
const PAGES_CACHE_KIB: i64 = 4_096;
/// Pages of log after which the writer copies them into the ledger (16 MiB).
const CHECKPOINT_PAGES: i64 = 4_096;
/// The log file is cut back to this after it was copied, in bytes.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Octets of the log that are read and written back at once, when a ledger is opened.
const LOG_PIECE_OCTETS: usize = 256 * 1024;
/// The smallest page SQLite knows, in bytes: no ledger is shorter.
pub(crate) const PAGE_BYTES_MIN: u64 = 512;
/// How long a statement waits for another process's lock, in milliseconds.
const BUSY_TIMEOUT_MS: i64 = 5_000;
/// How long the log waits for readers to let go of it after somebody was forgotten, in milliseconds; then every commit
/// tries once more.
const LET_GO_MS: i64 = 200;

/// The writing side of the ledger.
pub(crate) struct Ledger {
    pub(crate) conn: Connection,
    pub(crate) node: u16,
    pub(crate) ids: IdMaker,
    pub(crate) dictionary: Dictionary,
    pub(crate) hash_key: aws_lc_rs::hmac::Key,
    /// The latest day whose different TLS results were counted, and how many it has.
    pub(crate) tls_rows: Option<(i64, usize)>,
    /// The day when old volume was last removed.
    pub(crate) volume_day: i64,
    next_seq: i64,
    pending: Vec<Change>,
    /// Somebody on their way through a sequence may be due earlier.
    stirred: bool,
    /// The log still has what was erased from the file.
    has_traces: bool,
    changes: Arc<Changes>,
    /// Where its file lies; `None`: it is in memory.
    anchor: Option<Anchor>,
}

impl Ledger {
    /// Opens (or makes) the file, brings it to the newest schema, and reads where ids and sequence stand.
    pub(crate) fn open(
        path: Option<&Path>,
        options: &OpenOptions,
        key: &[u8],
        changes: Arc<Changes>,
    ) -> Result<Ledger> {
        let mut conn = match path {
            Some(path) => {
                // Made here, so that only its owner may read it, also in a directory that others may enter. SQLite gives
                // its log and index beside it the same mode.
                options.disk.open(path)?;
                check_size(options.disk.as_ref(), path)?;
                if options.durability == Durability::Power {
                    fill_holes(options.disk.as_ref(), path)?;
                }
                connect(options.disk.as_ref(), path, OpenFlags::default())?
            }
            None => Connection::open_in_memory()?,
        };
        segments::watch(&mut conn)?;
        migrate::check_identity(&conn, path)?;
        configure_writer(&conn, path.is_some(), options)?;
        migrate::migrate(&mut conn, path)?;
        take_over(&conn)?;
        let mut ledger = Ledger {
            conn,
            node: options.node,
            ids: IdMaker::new(options.node),
            dictionary: Dictionary::default(),
            hash_key: hash_key(key),
            tls_rows: None,
            volume_day: 0,
            next_seq: 0,
            pending: Vec::new(),
            stirred: false,
            has_traces: false,
            changes,
            anchor: path.map(|path| Anchor::of(&options.disk, path)).transpose()?,
        };
        ledger.reload()?;
        Ok(ledger)
    }

    /// Reads the highest ids and the end of the sequence from the file.
    fn reload(&mut self) -> Result<()> {
        const HIGHEST: &str = "SELECT max(
            coalesce((SELECT max(id) FROM address), 0), coalesce((SELECT max(id) FROM contact), 0),
            coalesce((SELECT max(id) FROM campaign), 0), coalesce((SELECT max(id) FROM import), 0),
            coalesce((SELECT max(id) FROM domain), 0), coalesce((SELECT max(id) FROM site), 0),
            coalesce((SELECT max(id) FROM source), 0), coalesce((SELECT max(id) FROM pool), 0),
            coalesce((SELECT max(id) FROM hold), 0), coalesce((SELECT max(id) FROM list), 0),
            coalesce((SELECT max(id) FROM segment), 0), coalesce((SELECT max(id) FROM sequence), 0),
            coalesce((SELECT max(id) FROM message_content), 0), coalesce((SELECT max(id) FROM message_template), 0),
            coalesce((SELECT max(id) FROM app_user), 0),
            coalesce((SELECT max(id) FROM api_key), 0), coalesce((SELECT max(id) FROM job), 0),
            coalesce((SELECT max(id) FROM webhook), 0), coalesce((SELECT max(id) FROM alert), 0),
            coalesce((SELECT max(id) FROM alert_channel), 0),
            coalesce((SELECT max(id) FROM workspace), 0),
            coalesce((SELECT max(id) FROM delivery), 0), coalesce((SELECT max(end_delivery) FROM campaign), 0))";
        const LAST_SEQ: &str = "SELECT max(coalesce((SELECT max(seq) FROM event), 0),
            coalesce((SELECT max(seq) FROM attempt), 0), coalesce((SELECT max(seq) FROM reaction), 0))";
        let highest: i64 = self.conn.query_row(HIGHEST, [], |row| row.get(0))?;
        self.ids.raise(highest);
        let last: i64 = self.conn.query_row(LAST_SEQ, [], |row| row.get(0))?;
        self.next_seq = last + 1;
        self.dictionary = Dictionary::default();
        Ok(())
    }

    /// Runs `work` in one transaction: all of it is durable when this returns `Ok`, none of it otherwise. What it
    /// changed about who may be mailed is published before the answer is given. Refused where the file is not in its place
    /// any more.
    pub(crate) fn transact<T>(&mut self, work: impl FnOnce(&mut Ledger) -> Result<T>) -> Result<T> {
        self.anchor.as_ref().map_or(Ok(()), Anchor::holds)?;
        let first_seq = self.begin()?;
        let outcome = work(self).and_then(|value| self.commit(first_seq).map(|()| value));
        if outcome.is_err() {
            self.roll_back()?;
        }
        if self.has_traces && outcome.is_ok() {
            self.sweep_log(0);
        }
        outcome
    }

    /// As [`Ledger::transact`], for what removes a person: the pages that become free are overwritten as well, and the log,
    /// which has what was there before, is emptied as soon as no reader needs it.
    pub(crate) fn erase<T>(&mut self, work: impl FnOnce(&mut Ledger) -> Result<T>) -> Result<T> {
        overwrite(&self.conn, "ON")?;
        let outcome = self.transact(work);
        // Whoever was forgotten stays forgotten whether or not this is obeyed.
        overwrite(&self.conn, "FAST").ok();
        if outcome.is_ok() {
            self.has_traces = true;
            self.sweep_log(LET_GO_MS);
        }
        outcome
    }

    /// Empties the log, waiting so many milliseconds for readers. Whoever was forgotten is forgotten whether or not it comes
    /// to that now: what fails is tried again.
    fn sweep_log(&mut self, wait_ms: i64) {
        let sweep = || {
            self.conn.pragma_update(None, "busy_timeout", wait_ms)?;
            let is_busy = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            self.conn.pragma_update(None, "busy_timeout", BUSY_TIMEOUT_MS)?;
            is_busy
        };
        let is_busy: rusqlite::Result<bool> = sweep();
        self.has_traces = is_busy.unwrap_or(true);
    }

    /// Returns where the log stands.
    fn begin(&mut self) -> Result<i64> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(self.next_seq)
    }

    fn commit(&mut self, first_seq: i64) -> Result<()> {
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        self.changes.publish(&mut self.pending);
        if self.next_seq != first_seq {
            self.changes.log_moved(self.next_seq - 1);
        }
        if std::mem::take(&mut self.stirred) {
            self.changes.stir();
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<()> {
        self.pending.clear();
        self.stirred = false;
        if !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK")?;
        }
        self.dictionary = Dictionary::default();
        (self.tls_rows, self.volume_day) = (None, 0);
        Ok(())
    }

    /// Copies the whole log into the file and empties it.
    pub(crate) fn checkpoint(&mut self) -> Result<()> {
        Ok(self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Writes again what stands there: can anything be recorded?
    pub(crate) fn touch(&mut self) -> Result<()> {
        let version: i64 = self.conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok(self.conn.pragma_update(None, "user_version", version)?)
    }

    /// Notes a change of who may be mailed, to be published with the commit.
    pub(crate) fn changed(&mut self, change: Change) {
        self.pending.push(change);
    }

    /// Somebody on their way through a sequence may be due earlier; told with the commit.
    pub(crate) fn stirs(&mut self) {
        self.stirred = true;
    }

    /// The next number of the event sequence.
    pub(crate) fn take_seq(&mut self) -> i64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// A new id.
    pub(crate) fn new_id(&mut self, now: Timestamp) -> i64 {
        self.ids.next(now)
    }

    /// The keyed hash by which an address is compared.
    pub(crate) fn hash_of(&self, workspace: WorkspaceId, key: &str) -> AddressHash {
        address_hash(&self.hash_key, workspace, key)
    }
}

/// The keyed hash of an address key: 16 bytes of HMAC-SHA-256.
pub(crate) type AddressHash = [u8; 16];

/// The key of address hashes.
pub(crate) fn hash_key(key: &[u8]) -> aws_lc_rs::hmac::Key {
    aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key)
}

/// Hashes an address key within its workspace.
pub(crate) fn address_hash(key: &aws_lc_rs::hmac::Key, workspace: WorkspaceId, text: &str) -> AddressHash {
    let mut context = aws_lc_rs::hmac::Context::with_key(key);
    context.update(&workspace.0.to_be_bytes());
    context.update(text.as_bytes());
    let tag = context.sign();
    let mut hash = [0; 16];
    hash.copy_from_slice(tag.as_ref().first_chunk::<16>().unwrap_or(&[0; 16]));
    hash
}

fn configure_writer(conn: &Connection, on_disk: bool, options: &OpenOptions) -> Result<()> {
    prepare_once(conn)?;
    conn.pragma_update(None, "page_size", 4096)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "busy_timeout", BUSY_TIMEOUT_MS)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    // What is deleted from a page is overwritten in it, which costs no other page.
    overwrite(conn, "FAST")?;
    if on_disk {
        // Before the first transaction: it is kept by a journal, whose removal "extra" makes durable as well, so that a
        // loss of power cannot bring it back and undo all that followed. In a log "extra" is "full".
        let synchronous = if options.durability == Durability::Power { "EXTRA" } else { "NORMAL" };
        conn.pragma_update(None, "synchronous", synchronous)?;
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        conn.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
        conn.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_KEPT, |_| Ok(()))?;
    } else {
        conn.pragma_update_and_check(None, "journal_mode", "MEMORY", |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "OFF")?;
    }
    if let Some(pages) = options.pages_max {
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// How far what is deleted is overwritten: `FAST`, in pages that are written anyway, or `ON`, pages that become free as well.
fn overwrite(conn: &Connection, how: &str) -> Result<()> {
    Ok(conn.pragma_update_and_check(None, "secure_delete", how, |_| Ok(()))?)
}

/// Writes the log a former process left onto itself, and syncs it. A sync of it may have failed: then it is whole for
/// whoever reads it and has holes on the disk, which no later sync fills. Were it copied into the ledger like this, a loss
/// of power in the middle of that would leave half a ledger and no log to mend it by.
fn fill_holes(disk: &dyn Disk, path: &Path) -> Result<()> {
    let log = path.with_extension("db-wal");
    if disk.size(&log)?.unwrap_or(0) == 0 {
        return Ok(());
    }
    let log = disk.open(&log)?;
    let mut piece = vec![0; LOG_PIECE_OCTETS];
    let mut at = 0;
    loop {
        let octets = log.read_at(&mut piece, at)?;
        if octets == 0 {
            return Ok(log.sync()?);
        }
        log.write_at(piece.get(..octets).unwrap_or_default(), at)?;
        at += octets as u64;
    }
}

/// Copies what a former process left in the log into the ledger. It may have died after a sync that failed: then the log
/// is whole for whoever reads it and has holes on the disk, and what is appended to it would be lost with the power. A
/// full disk is no reason not to open.
fn take_over(conn: &Connection) -> Result<()> {
    match conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(StoreError::from) {
        Err(StoreError::Full) => Ok(()),
        done => done,
    }
}

/// Refuses a file too short to be a ledger, which SQLite would take for an empty one. An empty file is a ledger to be;
/// with a rollback journal beside it, SQLite makes a short one whole.
fn check_size(disk: &dyn Disk, path: &Path) -> Result<()> {
    let octets = disk.size(path)?.unwrap_or(0);
    let journal = path.with_extension("db-journal");
    if octets == 0 || octets >= PAGE_BYTES_MIN || disk.size(&journal)?.is_some_and(|octets| octets > 0) {
        return Ok(());
    }
    Err(StoreError::NotALedger { path: path.to_owned() })
}

fn connect(disk: &dyn Disk, path: &Path, flags: OpenFlags) -> Result<Connection> {
    Ok(match disk.vfs() {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    })
}

/// A connection that only reads, beside the writer (of this or another process).
pub(crate) fn open_reader(disk: &dyn Disk, path: &Path) -> Result<Connection> {
    check_size(disk, path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open_to_read(disk, path, flags).map_err(|error| told_of_files(disk, path, error))
}

/// SQLite keeps readers and the writer apart by files beside the ledger, which it has to make or to write in. Where nobody
/// can, there is no writer: the ledger is read as it lies, if no log stands beside it whose pages it lacks.
fn open_to_read(disk: &dyn Disk, path: &Path, flags: OpenFlags) -> Result<Connection> {
    let is_still = disk.vfs().is_none() && disk.is_read_only(path) && !has_unfinished(disk, path)?;
    let mut conn = match is_still {
        true => Connection::open_with_flags(as_unchanging(path)?, flags | OpenFlags::SQLITE_OPEN_URI)?,
        false => connect(disk, path, flags)?,
    };
    segments::watch(&mut conn)?;
    prepare_once(&conn)?;
    conn.pragma_update(None, "busy_timeout", BUSY_TIMEOUT_MS)?;
    // First of all that reads the file: what is no ledger is called that, with its path.
    migrate::check_identity(&conn, Some(path))?;
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    migrate::check_newest(&conn, path)?;
    Ok(conn)
}

/// Is there a log or a journal beside the ledger whose pages are not in it?
fn has_unfinished(disk: &dyn Disk, path: &Path) -> Result<bool> {
    for beside in ["db-wal", "db-journal"] {
        if disk.size(&path.with_extension(beside))?.is_some_and(|octets| octets > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The URI of a file that nobody changes while it is read: it is opened without locks, and without files beside it.
fn as_unchanging(path: &Path) -> Result<PathBuf> {
    let mut uri = b"file://".to_vec();
    for octet in std::path::absolute(path)?.as_os_str().as_bytes() {
        match octet {
            b'%' => uri.extend_from_slice(b"%25"),
            b'?' => uri.extend_from_slice(b"%3f"),
            b'#' => uri.extend_from_slice(b"%23"),
            octet => uri.push(*octet),
        }
    }
    uri.extend_from_slice(b"?immutable=1");
    Ok(PathBuf::from(OsString::from_vec(uri)))
}

/// What SQLite only calls "unable to open": which file, why, and what to do.
fn told_of_files(disk: &dyn Disk, path: &Path, error: StoreError) -> StoreError {
    let is_of_files = match &error {
        StoreError::ReadOnly => true,
        StoreError::Sql(said) => said.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen),
        _ => false,
    };
    if !is_of_files {
        return error;
    }
    let shown = path.display();
    let why = match std::fs::File::open(path) {
        Err(why) if disk.vfs().is_none() => format!("{shown}: {why}"),
        _ if disk.is_read_only(path) => format!(
            "{shown} lies on a read-only file system, and what was written last is still in the log beside it (ledger.db-wal), \
             which cannot be read there: copy the directory to a disk that can be written, and look at the copy with --data"
        ),
        _ => format!(
            "{shown}: reading it needs the files ledger.db-wal and ledger.db-shm beside it, and this user may not make or \
             write them: run this as the user that Postroom runs as"
        ),
    };
    StoreError::Io(std::io::Error::other(why))
}

/// For a reader of which nothing is asked but pages: it keeps less.
pub(crate) fn read_pages_only(conn: &Connection) -> Result<()> {
    Ok(conn.pragma_update(None, "cache_size", -PAGES_CACHE_KIB)?)
}

/// Statements are planned when they are prepared and never again. Left alone, SQLite plans some of them anew whenever a
/// value is bound, in the hope of a better plan for that very value: for a page of the queue that costs as much as
/// reading it.
fn prepare_once(conn: &Connection) -> Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// So many rows at most, as SQL counts them.
pub(crate) fn sql_limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A number of the ledger that `model` has no word for.
pub(crate) fn unknown_code(what: &str, code: i64) -> StoreError {
    StoreError::Corrupt(format!("{what} {code} is not known"))
}

/// Reads a stored number as a word of `model`.
macro_rules! word {
    ($type:ty, $code:expr) => {{
        let code: i64 = $code;
        u8::try_from(code)
            .ok()
            .and_then(<$type>::from_code)
            .ok_or_else(|| $crate::sqlite::unknown_code(stringify!($type), code))
    }};
}
pub(crate) use word;

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus::RePrepare;

    #[test]
    fn binding_a_value_plans_nothing_anew() {
        let conn = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a) WHERE a IS NOT NULL;";
        conn.execute_batch(table).unwrap();
        let plans = |conn: &Connection| {
            let mut statement = conn.prepare("SELECT id FROM t WHERE id > ?1 AND a = ?2 ORDER BY id LIMIT ?3").unwrap();
            for value in [1, 2, 3] {
                assert!(!statement.exists([value, value, value]).unwrap());
            }
            statement.get_status(RePrepare)
        };
        assert!(plans(&conn) > 0, "if SQLite has given this up, `prepare_once` has nothing left to do");
        prepare_once(&conn).unwrap();
        assert_eq!(plans(&conn), 0);
    }
}
