//! Backups, restores, copies, and the list of erasures that outlives both.
//!
//! A backup is a directory like any other: a consistent copy of the ledger, with the secrets file, the in-flight slots
//! and the list of erasures. Invariant: whatever is opened elsewhere than it was written is held, and nobody who was
//! forgotten comes back with it: the list is replayed when it is adopted.

use crate::disk::SystemDisk;
use crate::error::{Result, StoreError};
use crate::open::Access;
use crate::opening::{
    Core, ERASURES_FILE, IDENTITY, INFLIGHT_FILE, INFLIGHT_LOST, LEDGER_FILE, REPLIES_FILE, SECRETS_FILE,
};
use crate::secrets::{Secrets, hex, unhex, write_private};
use crate::sqlite::events::NewEvent;
use crate::sqlite::{self, AddressHash};
use model::{Actor, EventKind, Timestamp, WorkspaceId};
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::PoisonError;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Size of the ledger file in bytes.
    pub bytes: u64,
    /// Was it opened and checked?
    pub verified: bool,
}

/// Writes a backup into the new directory `to`. The snapshot it reads is held as long as the copy takes: the log
/// grows meanwhile, and nothing else waits.
pub(crate) async fn backup(
    core: &Core,
    to: &Path,
    verify: bool,
    actor: &Actor,
    now: Timestamp,
) -> Result<BackupReport> {
    make_empty(to)?;
    let file = to.join(LEDGER_FILE);
    let target = file.clone();
    core.lanes.read(move |conn| sqlite::migrate::write_copy(conn, &target)).await?;
    match &core.dir {
        Some(dir) => {
            for name in [SECRETS_FILE, ERASURES_FILE, INFLIGHT_FILE, REPLIES_FILE] {
                copy_private(&dir.join(name), &to.join(name))?;
            }
        }
        None => {
            let secrets = Secrets::open(Some(&to.join(SECRETS_FILE)), false)?;
            for name in core.secrets.names() {
                secrets.put(&name, &core.secrets.get(&name).unwrap_or_default())?;
            }
        }
    }
    if verify {
        check(&file)?;
    }
    let bytes = std::fs::metadata(&file)?.len();
    let actor = actor.clone();
    let detail = Some(format!("{bytes} bytes{}", if verify { ", verified" } else { "" }));
    if core.access == Access::Owner {
        let about = NewEvent { detail, ..NewEvent::default() };
        let noted = core
            .lanes
            .write(move |ledger| ledger.event(WorkspaceId::FIRST, EventKind::BackedUp, &actor, now, about))
            .await;
        match noted {
            // The copy is whole, and is wanted now more than ever: that it was made stands in no log.
            Ok(_) | Err(StoreError::Full) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(BackupReport { bytes, verified: verify })
}

/// Copies a backup into a directory without a ledger. A list of erasures that is there already is kept and joined.
pub(crate) fn restore(from: &Path, to: &Path) -> Result<()> {
    let source = from.join(LEDGER_FILE);
    if !source.exists() {
        return Err(StoreError::Missing { dir: from.to_owned() });
    }
    check(&source)?;
    let joined: BTreeSet<String> = [from, to]
        .iter()
        .map(|dir| erasure_lines(&dir.join(ERASURES_FILE)))
        .collect::<Result<Vec<_>>>()?
        .concat()
        .into_iter()
        .collect();
    if to.join(LEDGER_FILE).exists() {
        let text = format!("{} already holds a ledger; restore into another directory", to.display());
        return Err(StoreError::Refused(text));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for name in [SECRETS_FILE, INFLIGHT_FILE, REPLIES_FILE] {
        copy_private(&from.join(name), &to.join(name))?;
    }
    if !joined.is_empty() {
        let text: String = joined.iter().map(|line| format!("{line}\n")).collect();
        write_private(&to.join(ERASURES_FILE), text.as_bytes())?;
    }
    // The ledger last: without it the directory holds nothing to open.
    copy_private(&source, &to.join(LEDGER_FILE))
}

/// Adopts a held directory: the list of erasures is replayed, and from now on this is the place.
pub(crate) async fn adopt(core: &Core, actor: &Actor, now: Timestamp) -> Result<()> {
    let Some(dir) = core.dir.as_deref().filter(|_| is_held(core)) else { return Ok(()) };
    for line in erasure_lines(&dir.join(ERASURES_FILE))? {
        let Some((workspace, hash)) = read_erasure(&line) else { continue };
        let actor = actor.clone();
        core.lanes.erase(move |ledger| ledger.forget(workspace, &hash, &actor, now)).await?;
    }
    let own = core.disk.identity(&dir.join(LEDGER_FILE))?;
    let actor = actor.clone();
    core.lanes
        .write(move |ledger| {
            ledger.set_meta(IDENTITY, &own)?;
            ledger.set_meta(INFLIGHT_LOST, "")?;
            ledger.event(WorkspaceId::FIRST, EventKind::Adopted, &actor, now, NewEvent::default())
        })
        .await?;
    *core.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    Ok(())
}

/// Is sending held?
pub(crate) fn is_held(core: &Core) -> bool {
    core.held.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Adds the addresses of a forgotten person to the list, durably and before the ledger forgets them.
pub(crate) fn add_erasures(core: &Core, workspace: WorkspaceId, hashes: &[AddressHash]) -> Result<()> {
    let Some(dir) = &core.dir else { return Ok(()) };
    let path = dir.join(ERASURES_FILE);
    let mut lines = erasure_lines(&path)?;
    let known = lines.len();
    for hash in hashes {
        let line = format!("{} {}", workspace.0, hex(hash));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.len() > known {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        write_private(&path, text.as_bytes())?;
    }
    Ok(())
}

fn erasure_lines(path: &Path) -> Result<Vec<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn read_erasure(line: &str) -> Option<(WorkspaceId, AddressHash)> {
    let (workspace, hash) = line.split_once(' ')?;
    Some((WorkspaceId(workspace.parse().ok()?), unhex(hash)?.try_into().ok()?))
}

/// Opens a ledger file for reading and checks every page and index of it.
fn check(path: &Path) -> Result<()> {
    let conn = sqlite::open_reader(&SystemDisk, path)?;
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(found)) }
}

fn make_empty(dir: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if dir.join(LEDGER_FILE).exists() {
        return Err(StoreError::Refused(format!("{} already holds a backup; name a new directory", dir.display())));
    }
    Ok(())
}

/// Copies a file that only its owner may read; a file that is not there is not copied.
fn copy_private(from: &Path, to: &Path) -> Result<()> {
    match std::fs::copy(from, to) {
        Ok(_) => {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600))?;
            File::open(to)?.sync_all()?;
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}
