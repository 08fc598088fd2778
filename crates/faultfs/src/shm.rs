//! The memory that connections to one ledger share: the index of its log, and the locks on it.
//!
//! SQLite maps it as a file beside the ledger; here it is memory that lives as long as somebody has it mapped.
//! Invariant: a region never moves and is never freed while a connection may hold its address.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks on the index (SQLITE_SHM_NLOCK).
const LOCKS: usize = 8;

/// One region, shared with C.
struct Region(*mut [u64]);

// SAFETY: the region is plain memory that Rust never reads or writes through this pointer; SQLite orders its own
// accesses by the locks below and by barriers, as it does for a mapping shared between processes.
unsafe impl Send for Region {}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `Box::into_raw` in `Shm::region` and is given back once, here; every connection
        // that was given the address has unmapped (it holds the `Arc` that owns this region until then).
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// Who holds one of the locks.
#[derive(Default)]
struct Lock {
    shared: BTreeSet<u64>,
    exclusive: Option<u64>,
}

/// The shared memory of one ledger.
#[derive(Default)]
pub(crate) struct Shm {
    regions: Mutex<Vec<Region>>,
    locks: Mutex<[Lock; LOCKS]>,
}

impl Shm {
    /// The address of a region of so many octets; made if need be, or null if it may not be.
    pub(crate) fn region(&self, number: usize, octets: usize, make: bool) -> *mut u8 {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        while make && regions.len() <= number {
            let words = vec![0_u64; octets.div_ceil(8)].into_boxed_slice();
            regions.push(Region(Box::into_raw(words)));
        }
        regions.get(number).map_or(std::ptr::null_mut(), |region| region.0.cast())
    }

    /// Takes locks `first .. first + count` for `who`; all or none.
    pub(crate) fn lock(&self, who: u64, first: usize, count: usize, exclusive: bool) -> bool {
        let mut locks = self.locks();
        let Some(wanted) = locks.get_mut(first..first + count) else { return false };
        let others = |lock: &Lock| lock.shared.iter().any(|holder| *holder != who);
        let taken = |lock: &Lock| lock.exclusive.is_some_and(|holder| holder != who) || (exclusive && others(lock));
        if wanted.iter().any(taken) {
            return false;
        }
        for lock in wanted {
            if exclusive {
                lock.exclusive = Some(who);
            } else {
                lock.shared.insert(who);
            }
        }
        true
    }

    /// Gives locks back.
    pub(crate) fn unlock(&self, who: u64, first: usize, count: usize) {
        for lock in self.locks().get_mut(first..first + count).unwrap_or_default() {
            lock.shared.remove(&who);
            lock.exclusive = lock.exclusive.filter(|holder| *holder != who);
        }
    }

    fn locks(&self) -> MutexGuard<'_, [Lock; LOCKS]> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_and_a_writer_is_alone() {
        let shm = Shm::default();
        assert!(shm.lock(1, 3, 2, false) && shm.lock(2, 3, 1, false));
        assert!(!shm.lock(3, 3, 1, true) && !shm.lock(2, 2, 3, true), "all or none");
        shm.unlock(1, 3, 2);
        assert!(shm.lock(2, 3, 1, true) && !shm.lock(1, 3, 1, false));
        let first = shm.region(0, 32_768, true);
        assert!(!first.is_null() && shm.region(1, 32_768, false).is_null());
        assert_eq!(shm.region(0, 32_768, true), first);
    }
}
