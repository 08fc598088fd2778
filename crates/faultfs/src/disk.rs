//! The disk: its files, its lives, and what befalls it.
//!
//! A life begins with [`FaultDisk::start`] and ends in a death: of the process (what it wrote stands) or of the machine
//! (what was not synced is left to chance). Whoever opened a file in an earlier life can do nothing more with it, so a
//! connection that is dropped after the death of its process leaves no mark.

use crate::image::Image;
use crate::plan::{Plan, What};
use crate::shm::Shm;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use store::{Disk, DiskFile};

/// The name under which SQLite knows all these disks; which one is meant, the directory of a path says.
pub(crate) const VFS_NAME: &str = "faultfs";

/// Where a folder costs no disk, on Linux.
const MEMORY: &str = "/dev/shm";

/// A folder for what a ledger keeps beside its disk (its lock and its secrets), in memory where there is such a place:
/// thousands of them are made, and syncing real files would take most of the time.
pub fn folder() -> io::Result<tempfile::TempDir> {
    tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir())
}

/// Every disk there is, by its directory.
static DISKS: Mutex<BTreeMap<String, Weak<Inner>>> = Mutex::new(BTreeMap::new());

/// Who is told of a death.
type Bell = Box<dyn FnOnce() + Send>;

/// What befell a disk so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations since it was armed.
    pub operations: u64,
    /// Ends of the process in the middle of an operation.
    pub deaths: u64,
    /// Losses of power, those among them too.
    pub power_losses: u64,
    /// Writes that failed, or found no room.
    pub failed_writes: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Reads that failed.
    pub failed_reads: u64,
}

/// A disk in memory. Cloning gives another handle on it.
#[derive(Clone)]
pub struct FaultDisk {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for FaultDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultDisk").field("directory", &self.inner.directory).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    directory: String,
    state: Mutex<State>,
}

struct State {
    files: BTreeMap<String, Image>,
    /// Removed, and not yet for certain: a loss of power may bring them back.
    removed: BTreeMap<String, Image>,
    locks: BTreeMap<String, BTreeMap<u64, i32>>,
    memories: BTreeMap<String, Arc<Shm>>,
    chance: Rng,
    plan: Plan,
    is_armed: bool,
    /// Operations in this life.
    operation: u64,
    life: u64,
    is_dead: bool,
    handles: u64,
    counts: Counts,
    bell: Option<Bell>,
}

/// Why an operation was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The process that asks is dead.
    Dead,
    /// There is no such file.
    Missing,
    /// It failed.
    Failed,
    /// No room.
    Full,
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> io::Error {
        match refusal {
            Refusal::Missing => io::Error::from(io::ErrorKind::NotFound),
            Refusal::Full => io::Error::from(io::ErrorKind::StorageFull),
            Refusal::Failed => io::Error::other("the disk failed"),
            Refusal::Dead => io::Error::other("the disk is gone"),
        }
    }
}

/// How an operation goes.
enum Fate {
    Done,
    Refused(What),
    Dies { power: bool },
}

impl FaultDisk {
    /// An empty disk at `directory`, which no other disk has. Nothing goes wrong before [`FaultDisk::arm`].
    pub fn new(directory: &Path, plan: Plan, seed: u64) -> FaultDisk {
        crate::vfs::register();
        let directory = directory.to_string_lossy().into_owned();
        let mut plan = plan;
        plan.deaths.reverse();
        let state = State {
            files: BTreeMap::new(),
            removed: BTreeMap::new(),
            locks: BTreeMap::new(),
            memories: BTreeMap::new(),
            chance: Rng::with_seed(seed),
            plan,
            is_armed: false,
            operation: 0,
            life: 0,
            is_dead: false,
            handles: 0,
            counts: Counts::default(),
            bell: None,
        };
        let inner = Arc::new(Inner { directory: directory.clone(), state: Mutex::new(state) });
        DISKS.lock().unwrap_or_else(PoisonError::into_inner).insert(directory, Arc::downgrade(&inner));
        FaultDisk { inner }
    }

    /// From now on operations count, and the plan is in force.
    pub fn arm(&self) {
        self.inner.lock().is_armed = true;
    }

    /// From now on nothing goes wrong by plan any more.
    pub fn disarm(&self) {
        self.inner.lock().is_armed = false;
    }

    /// Calls back, once, when the next death comes in the middle of an operation. What is called must not use the disk.
    pub fn when_it_dies(&self, tell: impl FnOnce() + Send + 'static) {
        self.inner.lock().bell = Some(Box::new(tell));
    }

    /// The process dies; with `power` the machine does, and what was not synced is left to chance.
    pub fn die(&self, power: bool) {
        let mut state = self.inner.lock();
        if !state.is_dead {
            state.die(power);
        } else if power && !state.files.is_empty() {
            state.lose_power();
        }
    }

    /// Is nobody alive on it?
    pub fn is_dead(&self) -> bool {
        self.inner.lock().is_dead
    }

    /// The next life begins.
    pub fn start(&self) {
        let mut state = self.inner.lock();
        state.plan.deaths.pop();
        state.life += 1;
        state.operation = 0;
        state.is_dead = false;
    }

    /// What befell it so far.
    pub fn counts(&self) -> Counts {
        self.inner.lock().counts
    }

    /// The disk that has this file.
    pub(crate) fn of(path: &str) -> Option<Arc<Inner>> {
        let (directory, _) = path.rsplit_once('/')?;
        DISKS.lock().unwrap_or_else(PoisonError::into_inner).get(directory)?.upgrade()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
        if disks.get(&self.directory).is_some_and(|disk| disk.strong_count() == 0) {
            disks.remove(&self.directory);
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a file. `durably`: its name is on the disk at once.
    pub(crate) fn open(self: &Arc<Inner>, path: &str, make: bool, durably: bool) -> Result<Handle, Refusal> {
        let mut state = self.lock();
        if state.is_dead {
            return Err(Refusal::Dead);
        }
        if !state.files.contains_key(path) {
            if !make {
                return Err(Refusal::Missing);
            }
            state.removed.remove(path);
            state.files.insert(path.to_owned(), Image::default());
        }
        if let Some(image) = state.files.get_mut(path).filter(|_| durably) {
            image.is_named = true;
        }
        state.handles += 1;
        Ok(Handle { disk: self.clone(), path: path.to_owned(), life: state.life, id: state.handles, shm: None })
    }

    /// How large a file is, if it is there.
    pub(crate) fn size(&self, path: &str) -> Result<Option<u64>, Refusal> {
        let state = self.lock();
        if state.is_dead { Err(Refusal::Dead) } else { Ok(state.files.get(path).map(Image::size)) }
    }

    /// Removes a file; with `durably` a loss of power does not bring it back.
    pub(crate) fn remove(&self, path: &str, durably: bool) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.is_dead {
            return Err(Refusal::Dead);
        }
        match state.fate() {
            Fate::Done => {}
            Fate::Refused(_) => return Err(Refusal::Failed),
            Fate::Dies { power } => return Err(state.ends(power)),
        }
        let image = state.files.remove(path).ok_or(Refusal::Missing)?;
        if !durably {
            state.removed.insert(path.to_owned(), image);
        }
        Ok(())
    }
}

impl State {
    fn image(&mut self, path: &str) -> Result<&mut Image, Refusal> {
        self.files.get_mut(path).ok_or(Refusal::Missing)
    }

    /// Counts an operation and says how it goes.
    fn fate(&mut self) -> Fate {
        if !self.is_armed {
            return Fate::Done;
        }
        self.operation += 1;
        self.counts.operations += 1;
        if let Some(death) = self.plan.deaths.last().filter(|death| death.operation == self.operation) {
            return Fate::Dies { power: death.power };
        }
        let refused = self.plan.trouble_at(self.counts.operations).filter(|what| *what != What::ReadsFail);
        refused.map_or(Fate::Done, Fate::Refused)
    }

    /// Does a read fail? Then it counts as an operation.
    fn is_unreadable(&mut self) -> bool {
        let fails = self.is_armed && self.plan.trouble_at(self.counts.operations + 1) == Some(What::ReadsFail);
        self.counts.operations += u64::from(fails);
        self.counts.failed_reads += u64::from(fails);
        fails
    }

    /// The end in the middle of an operation.
    fn ends(&mut self, power: bool) -> Refusal {
        self.counts.deaths += 1;
        self.die(power);
        if let Some(bell) = self.bell.take() {
            bell();
        }
        Refusal::Dead
    }

    fn die(&mut self, power: bool) {
        self.is_dead = true;
        self.locks.clear();
        self.memories.clear();
        if power {
            self.lose_power();
        }
    }

    fn lose_power(&mut self) {
        self.counts.power_losses += 1;
        for (path, image) in std::mem::take(&mut self.removed) {
            if self.chance.bool() {
                self.files.entry(path).or_insert(image);
            }
        }
        let files = std::mem::take(&mut self.files);
        for (path, mut image) in files {
            if image.is_named || self.chance.bool() {
                image.lose_power(&mut self.chance);
                self.files.insert(path, image);
            }
        }
    }
}

/// An open file of one life.
pub(crate) struct Handle {
    disk: Arc<Inner>,
    path: String,
    life: u64,
    id: u64,
    shm: Option<Arc<Shm>>,
}

impl Handle {
    fn state(&self) -> Result<MutexGuard<'_, State>, Refusal> {
        let state = self.disk.lock();
        if state.is_dead || state.life != self.life { Err(Refusal::Dead) } else { Ok(state) }
    }

    pub(crate) fn octets(&self) -> Result<u64, Refusal> {
        Ok(self.state()?.image(&self.path)?.size())
    }

    pub(crate) fn read(&self, into: &mut [u8], at: u64) -> Result<usize, Refusal> {
        let mut state = self.state()?;
        if state.is_unreadable() {
            return Err(Refusal::Failed);
        }
        Ok(state.image(&self.path)?.read(into, at))
    }

    pub(crate) fn write(&self, bytes: &[u8], at: u64) -> Result<(), Refusal> {
        let mut guard = self.state()?;
        let state = &mut *guard;
        let fate = state.fate();
        let image = state.files.get_mut(&self.path).ok_or(Refusal::Missing)?;
        match fate {
            Fate::Dies { power } => {
                image.write_torn(bytes, at, &mut state.chance);
                Err(state.ends(power))
            }
            Fate::Refused(What::WritesFail) => {
                image.write_torn(bytes, at, &mut state.chance);
                state.counts.failed_writes += 1;
                Err(Refusal::Failed)
            }
            Fate::Refused(What::Full) if image.needs_room(bytes.len(), at) => {
                state.counts.failed_writes += 1;
                Err(Refusal::Full)
            }
            _ => {
                image.write(bytes, at);
                Ok(())
            }
        }
    }

    pub(crate) fn cut(&self, octets: u64) -> Result<(), Refusal> {
        let mut state = self.state()?;
        match state.fate() {
            Fate::Dies { power } => Err(state.ends(power)),
            Fate::Refused(What::WritesFail) => Err(Refusal::Failed),
            _ => {
                state.image(&self.path)?.set_size(octets);
                Ok(())
            }
        }
    }

    pub(crate) fn flush(&self) -> Result<(), Refusal> {
        let mut guard = self.state()?;
        let state = &mut *guard;
        let fate = state.fate();
        let image = state.files.get_mut(&self.path).ok_or(Refusal::Missing)?;
        match fate {
            Fate::Dies { power } => {
                image.sync_cut(&mut state.chance);
                Err(state.ends(power))
            }
            Fate::Refused(What::SyncsFail) => {
                image.sync_failed(&mut state.chance);
                state.counts.failed_syncs += 1;
                Err(Refusal::Failed)
            }
            _ => {
                image.sync();
                Ok(())
            }
        }
    }

    /// Raises the lock on the file (SQLITE_LOCK_*); `false`: somebody else's is in the way.
    pub(crate) fn raise(&self, level: i32) -> Result<bool, Refusal> {
        use rusqlite::ffi::{SQLITE_LOCK_EXCLUSIVE, SQLITE_LOCK_PENDING, SQLITE_LOCK_RESERVED, SQLITE_LOCK_SHARED};
        let mut state = self.state()?;
        let holders = state.locks.entry(self.path.clone()).or_default();
        let highest = holders.iter().filter(|(id, _)| **id != self.id).map(|(_, level)| *level).max().unwrap_or(0);
        let bearable = match level {
            SQLITE_LOCK_SHARED => SQLITE_LOCK_RESERVED,
            SQLITE_LOCK_RESERVED => SQLITE_LOCK_SHARED,
            _ => 0,
        };
        if highest <= bearable {
            holders.insert(self.id, level);
            return Ok(true);
        }
        if level == SQLITE_LOCK_EXCLUSIVE && highest == SQLITE_LOCK_SHARED {
            // Readers end, and no new ones begin meanwhile.
            holders.insert(self.id, SQLITE_LOCK_PENDING);
        }
        Ok(false)
    }

    /// Lowers the lock on the file.
    pub(crate) fn lower(&self, level: i32) {
        let Ok(mut state) = self.state() else { return };
        let holders = state.locks.entry(self.path.clone()).or_default();
        if level == 0 {
            holders.remove(&self.id);
        } else {
            holders.insert(self.id, level);
        }
    }

    /// Does somebody mean to write?
    pub(crate) fn is_reserved(&self) -> bool {
        let Ok(state) = self.state() else { return false };
        let holders = state.locks.get(&self.path);
        holders.is_some_and(|holders| holders.values().any(|level| *level >= rusqlite::ffi::SQLITE_LOCK_RESERVED))
    }

    /// A region of the memory shared by the connections to this file.
    pub(crate) fn region(&mut self, number: usize, octets: usize, make: bool) -> Result<*mut u8, Refusal> {
        if self.shm.is_none() {
            let shared = self.state()?.memories.entry(self.path.clone()).or_default().clone();
            self.shm = Some(shared);
        }
        Ok(self.shm.as_ref().map_or(std::ptr::null_mut(), |shm| shm.region(number, octets, make)))
    }

    pub(crate) fn lock_region(&self, first: usize, count: usize, exclusive: bool) -> Result<bool, Refusal> {
        drop(self.state()?);
        Ok(self.shm.as_ref().is_some_and(|shm| shm.lock(self.id, first, count, exclusive)))
    }

    pub(crate) fn unlock_region(&self, first: usize, count: usize) {
        if let Some(shm) = &self.shm {
            shm.unlock(self.id, first, count);
        }
    }

    /// Lets the shared memory go; the last one to do so ends it.
    pub(crate) fn unmap(&mut self) {
        let Some(shm) = self.shm.take() else { return };
        shm.unlock(self.id, 0, rusqlite::ffi::SQLITE_SHM_NLOCK as usize);
        drop(shm);
        let Ok(mut state) = self.state() else { return };
        if state.memories.get(&self.path).is_some_and(|shm| Arc::strong_count(shm) == 1) {
            state.memories.remove(&self.path);
        }
    }
}

impl Disk for FaultDisk {
    fn vfs(&self) -> Option<&str> {
        Some(VFS_NAME)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        Ok(self.inner.size(&path.to_string_lossy())?)
    }

    /// One and the same for all: it is kept in the ledger, whose octets must not depend on where a test keeps its folder.
    fn identity(&self, _path: &Path) -> io::Result<String> {
        Ok(VFS_NAME.to_owned())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.inner.open(&path.to_string_lossy(), true, true)?))
    }
}

impl DiskFile for Handle {
    fn size(&self) -> io::Result<u64> {
        Ok(self.octets()?)
    }

    fn set_size(&self, octets: u64) -> io::Result<()> {
        Ok(self.cut(octets)?)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        Ok(self.read(into, at)?)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        Ok(self.write(bytes, at)?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(self.flush()?)
    }
}
