//! How a ledger is opened: where, by whom, and how hard it holds on to what it is told.

use crate::disk::{Disk, SystemDisk};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the ledger lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory: gone when the last handle is dropped. For tests and the simulator.
    Memory,
    /// In a data directory: `ledger.db`, `secrets`, `inflight`, `lock`, `erasures`.
    Directory(PathBuf),
}

/// On whose thread SQL runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// A writer thread, reader threads and a syncing thread (production).
    Threads,
    /// Everything on the calling thread, at once: no thread, no timer, no waiting (the simulator's paused clock).
    Inline,
}

/// What an answer survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Loss of power: commits and in-flight slots are synced to the disk (default).
    Power,
    /// The death of the process only.
    Process,
}

/// What the opener means to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read and write; refused when another process owns the directory.
    Owner,
    /// Read beside the owner; every writing verb is refused with [`crate::StoreError::ReadOnly`].
    Reader,
}

/// How many conversations may be between their last byte and their settlement, by default.
pub const INFLIGHT_SLOTS_DEFAULT: u32 = 4_096;

/// How to open a ledger.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Where.
    pub place: Place,
    /// On whose thread.
    pub executor: Executor,
    /// What an answer survives.
    pub durability: Durability,
    /// What for.
    pub access: Access,
    /// This node's number, 0 … 1023; part of every id.
    pub node: u16,
    /// Random bytes from the caller; used once, as the key of address hashes, when the directory has none yet.
    pub fresh_key: [u8; 32],
    /// How many conversations may be between their last byte and their settlement.
    pub inflight_slots: u32,
    /// The most pages (of 4,096 bytes) the ledger may have; beyond it every write fails with
    /// [`crate::StoreError::Full`]. `None`: what the disk holds.
    pub pages_max: Option<u32>,
    /// What the directory's ledger and in-flight files lie on.
    pub disk: Arc<dyn Disk>,
}

impl OpenOptions {
    /// A ledger in memory on the calling thread.
    pub fn memory(fresh_key: [u8; 32]) -> OpenOptions {
        OpenOptions {
            place: Place::Memory,
            executor: Executor::Inline,
            durability: Durability::Process,
            access: Access::Owner,
            node: 0,
            fresh_key,
            inflight_slots: INFLIGHT_SLOTS_DEFAULT,
            pages_max: None,
            disk: Arc::new(SystemDisk),
        }
    }

    /// A ledger in a directory (made if absent), owned, on threads, surviving loss of power.
    pub fn directory(dir: impl Into<PathBuf>, fresh_key: [u8; 32]) -> OpenOptions {
        OpenOptions {
            place: Place::Directory(dir.into()),
            executor: Executor::Threads,
            durability: Durability::Power,
            ..OpenOptions::memory(fresh_key)
        }
    }

    /// A ledger in a directory that exists, to be read beside its owner.
    pub fn reader(dir: impl Into<PathBuf>) -> OpenOptions {
        OpenOptions { access: Access::Reader, ..OpenOptions::directory(dir, [0; 32]) }
    }
}
