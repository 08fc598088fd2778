//! Opening a ledger: the lock, the secrets, the file, the threads, and whether this directory is the one it was.
//!
//! Invariant: one process owns a directory (a lock on the file `lock`, released by the system when the process ends,
//! however it ends); a ledger whose file is not the one it was last opened as, or whose in-flight file is not as it was
//! left, is held until somebody adopts it.

use crate::changes::Changes;
use crate::disk::Disk;
use crate::error::{Result, StoreError};
use crate::executor::{Lanes, READERS};
use crate::inflight::{Files, InFlight, Keeping};
use crate::open::{Access, Durability, Executor, OpenOptions, Place};
use crate::secrets::Secrets;
use crate::sqlite::{self, Ledger, keys};
use model::{DeliveryId, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use std::fs::{DirBuilder, File, OpenOptions as FileOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The ledger's file in its directory.
pub(crate) const LEDGER_FILE: &str = "ledger.db";
/// Where secrets are.
pub(crate) const SECRETS_FILE: &str = "secrets";
/// Conversations between their last byte and their settlement.
pub(crate) const INFLIGHT_FILE: &str = "inflight";
/// Their replies.
pub(crate) const REPLIES_FILE: &str = "inflight-replies";
/// Who owns the directory.
const LOCK_FILE: &str = "lock";
/// Who was forgotten, by keyed hash: replayed after a restore.
pub(crate) const ERASURES_FILE: &str = "erasures";
/// The secret that keys address hashes and seals signing keys.
pub(crate) const MASTER_SECRET: &str = "ledger";
/// Which file the ledger was, last time.
pub(crate) const IDENTITY: &str = "identity";

/// How many octets the in-flight file has for certain: written when it has them durably.
const INFLIGHT_OCTETS: &str = "inflight_octets";
/// Why nobody can say who was being mailed when a process ended; empty: somebody has decided.
pub(crate) const INFLIGHT_LOST: &str = "inflight_lost";

/// What all handles on one ledger share. Fields are dropped in this order: threads end before the lock is released.
pub(crate) struct Core {
    pub(crate) lanes: Lanes,
    pub(crate) changes: Arc<Changes>,
    pub(crate) inflight: InFlight,
    pub(crate) secrets: Secrets,
    pub(crate) master: Vec<u8>,
    pub(crate) hash_key: aws_lc_rs::hmac::Key,
    pub(crate) held: Mutex<Option<String>>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) access: Access,
    /// One audience is resolved at a time: the scratch tables are the writer's.
    pub(crate) building: tokio::sync::Mutex<()>,
    _lock: Option<File>,
}

impl Core {
    /// Octets free and in all of the disk the ledger lies on.
    pub(crate) fn room(&self) -> Option<(u64, u64)> {
        self.dir.as_deref().and_then(|dir| self.disk.room(dir))
    }
}

pub(crate) fn open(options: &OpenOptions, _now: Timestamp) -> Result<Core> {
    match (&options.place, options.access) {
        (Place::Memory, _) => open_owner(options, None),
        (Place::Directory(dir), Access::Owner) => open_owner(options, Some(dir)),
        (Place::Directory(dir), Access::Reader) => open_reader(options, dir),
    }
}

fn open_owner(options: &OpenOptions, dir: Option<&Path>) -> Result<Core> {
    let lock = dir.map(own).transpose()?;
    let secrets = Secrets::open(dir.map(|dir| dir.join(SECRETS_FILE)).as_deref(), false)?;
    let path = dir.map(|dir| dir.join(LEDGER_FILE));
    let is_new = match &path {
        Some(path) => options.disk.size(path)?.is_none(),
        None => true,
    };
    if let Some(dir) = dir {
        check_whole(options.disk.as_ref(), dir)?;
    }
    let master = match secrets.get(MASTER_SECRET) {
        Some(master) => master,
        None if is_new => {
            secrets.put(MASTER_SECRET, &options.fresh_key)?;
            options.fresh_key.to_vec()
        }
        None => {
            if let Some(path) = &path {
                check_kind(options.disk.as_ref(), path)?;
            }
            let text = "the secrets file of this ledger is missing; put it back from the backup (it is 'secrets' beside the ledger)";
            return Err(StoreError::Refused(text.to_owned()));
        }
    };
    let changes = Arc::new(Changes::default());
    let mut ledger = Ledger::open(path.as_deref(), options, &master, changes.clone())?;
    let place = match &path {
        Some(path) => check_place(&mut ledger, options.disk.as_ref(), path, is_new)?,
        None => None,
    };
    let (inflight, lost) = open_inflight(options, dir, &mut ledger)?;
    let held = both(place, lost);
    let threads = options.executor == Executor::Threads;
    let lanes = match &path {
        _ if !threads => Lanes::inline(Some(ledger), None),
        None => Lanes::threads(Some(ledger), Vec::new())?,
        Some(path) => Lanes::threads(Some(ledger), readers(options.disk.as_ref(), path)?)?,
    };
    let hash_key = sqlite::hash_key(&master);
    let (held, dir) = (Mutex::new(held), dir.map(Path::to_owned));
    let building = tokio::sync::Mutex::new(());
    let (access, disk) = (Access::Owner, options.disk.clone());
    Ok(Core { lanes, changes, inflight, secrets, master, hash_key, held, dir, disk, access, building, _lock: lock })
}

fn open_reader(options: &OpenOptions, dir: &Path) -> Result<Core> {
    let path = dir.join(LEDGER_FILE);
    let disk = options.disk.as_ref();
    if disk.size(&path)?.is_none() {
        return Err(StoreError::Missing { dir: dir.to_owned() });
    }
    let secrets = Secrets::open(Some(&dir.join(SECRETS_FILE)), true)?;
    let master = secrets.get(MASTER_SECRET).unwrap_or_default();
    let conn = sqlite::open_reader(disk, &path)?;
    let held = both(hold_reason(&conn, disk, &path)?, lost_slots(&conn, disk, dir)?);
    let lanes = match options.executor {
        Executor::Inline => Lanes::inline(None, Some(conn)),
        Executor::Threads => Lanes::threads(None, readers(disk, &path)?)?,
    };
    let keeping = Keeping { slots: 1, power: false, threads: false };
    let inflight = InFlight::open(None, &keeping, |_, _| Ok(true))?;
    let hash_key = sqlite::hash_key(&master);
    Ok(Core {
        lanes,
        changes: Arc::new(Changes::default()),
        inflight,
        secrets,
        master,
        hash_key,
        held: Mutex::new(held),
        dir: Some(dir.to_owned()),
        disk: options.disk.clone(),
        access: Access::Reader,
        building: tokio::sync::Mutex::new(()),
        _lock: None,
    })
}

/// The first of them is for what may take long.
fn readers(disk: &dyn Disk, path: &Path) -> Result<Vec<Connection>> {
    let open = |at: usize| {
        let conn = sqlite::open_reader(disk, path)?;
        if at > 0 {
            sqlite::read_pages_only(&conn)?;
        }
        Ok(conn)
    };
    (0..READERS).map(open).collect()
}

/// Makes the directory if need be and takes its lock.
fn own(dir: &Path) -> Result<File> {
    let named = |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| named(dir, error))?;
    let path = dir.join(LOCK_FILE);
    let opened = FileOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let lock = opened.map_err(|error| named(&path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::AlreadyOwned { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::Io(error)),
    }
}

/// Refuses what is left of a ledger that was cut to less than a page: the in-flight file is made only after it.
fn check_whole(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let octets = disk.size(&dir.join(LEDGER_FILE))?.unwrap_or(sqlite::PAGE_BYTES_MIN);
    if octets < sqlite::PAGE_BYTES_MIN && disk.size(&dir.join(INFLIGHT_FILE))?.is_some_and(|octets| octets > 0) {
        return Err(StoreError::Corrupt(format!("{LEDGER_FILE} was cut to {octets} bytes")));
    }
    Ok(())
}

/// Refuses a file that is no ledger, or an empty one, where there are no secrets: then it is not the secrets that are missing.
fn check_kind(disk: &dyn Disk, path: &Path) -> Result<()> {
    use StoreError::{Corrupt, Empty, NewerVersion, NotALedger};
    match sqlite::open_reader(disk, path) {
        Err(error @ (Empty { .. } | NotALedger { .. } | Corrupt(_) | NewerVersion { .. })) => Err(error),
        _ => Ok(()),
    }
}

/// Opens the in-flight file. What it lost is written down before the file is made or sized anew, and tells until
/// somebody adopts the directory; its size is noted when it is durable, so that no crash in between looks like a loss.
fn open_inflight(options: &OpenOptions, dir: Option<&Path>, ledger: &mut Ledger) -> Result<(InFlight, Option<String>)> {
    let keeping = Keeping {
        slots: options.inflight_slots,
        power: options.durability == Durability::Power,
        threads: options.executor == Executor::Threads,
    };
    let Some(dir) = dir else {
        return Ok((InFlight::open(None, &keeping, |_, _| Ok(true))?, None));
    };
    let disk = options.disk.as_ref();
    let known = octets_known(&ledger.conn)?;
    let mut lost = lost_slots(&ledger.conn, disk, dir)?;
    let files = Files { slots: disk.open(&dir.join(INFLIGHT_FILE))?, replies: disk.open(&dir.join(REPLIES_FILE))? };
    let foreign = files.foreign()?;
    if lost.is_none() && known.is_some() && !foreign.is_empty() {
        lost = Some(lost_in_words("is damaged"));
    }
    if let Some(lost) = &lost
        && keys::meta(&ledger.conn, INFLIGHT_LOST)?.as_ref() != Some(lost)
    {
        ledger.transact(|ledger| ledger.set_meta(INFLIGHT_LOST, lost))?;
    }
    files.clear(&foreign)?;
    let conn = &ledger.conn;
    let inflight = InFlight::open(Some(files), &keeping, |delivery, number| is_settled(conn, delivery, number))?;
    let octets = inflight.octets()?;
    if let Some(octets) = octets.filter(|_| octets != known || !foreign.is_empty())
        && inflight.secure().is_ok()
    {
        // What a full disk does not take now is noted at the next opening.
        ledger.transact(|ledger| ledger.set_meta(INFLIGHT_OCTETS, &octets.to_string())).ok();
    }
    Ok((inflight, lost))
}

/// How large the in-flight file was, if the ledger knows.
fn octets_known(conn: &Connection) -> Result<Option<u64>> {
    Ok(keys::meta(conn, INFLIGHT_OCTETS)?.and_then(|octets| octets.parse().ok()))
}

/// Why nobody can say who was being mailed when a process ended; `None`: the in-flight file is there, and as large as it was.
fn lost_slots(conn: &Connection, disk: &dyn Disk, dir: &Path) -> Result<Option<String>> {
    if let Some(told) = keys::meta(conn, INFLIGHT_LOST)?.filter(|told| !told.is_empty()) {
        return Ok(Some(told));
    }
    let Some(known) = octets_known(conn)? else { return Ok(None) };
    Ok(match disk.size(&dir.join(INFLIGHT_FILE))? {
        None => Some(lost_in_words("is missing")),
        Some(octets) if octets < known => Some(lost_in_words(&format!("was cut to {octets} of {known} bytes"))),
        Some(_) => None,
    })
}

fn lost_in_words(found: &str) -> String {
    format!(
        "the file '{INFLIGHT_FILE}' of this directory {found}: who was being mailed when the last process ended is not known, \
         and they would be mailed again"
    )
}

fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    }
}

/// Does the ledger know this attempt, or has the delivery ended otherwise?
fn is_settled(conn: &Connection, delivery: DeliveryId, number: u16) -> Result<bool> {
    let sql = "SELECT state IN (0, 1) AND attempts < ?2 FROM delivery WHERE id = ?1";
    let open: Option<bool> = conn.query_row(sql, [delivery.0, i64::from(number)], |row| row.get(0)).optional()?;
    Ok(!open.unwrap_or(false))
}

fn hold_reason(conn: &Connection, disk: &dyn Disk, path: &Path) -> Result<Option<String>> {
    let known = keys::meta(conn, IDENTITY)?;
    let is_same = known.is_none_or(|known| disk.identity(path).is_ok_and(|now| now == known));
    Ok((!is_same).then(|| {
        "this data directory is a copy or was restored: whoever was mailed since is not known here".to_owned()
    }))
}

fn check_place(ledger: &mut Ledger, disk: &dyn Disk, path: &Path, is_new: bool) -> Result<Option<String>> {
    if is_new || keys::meta(&ledger.conn, IDENTITY)?.is_none() {
        let own = disk.identity(path)?;
        ledger.transact(|ledger| ledger.set_meta(IDENTITY, &own))?;
        return Ok(None);
    }
    hold_reason(&ledger.conn, disk, path)
}
