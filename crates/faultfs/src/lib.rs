//! For tests alone: a disk in memory that tears, refuses, fills up and loses what was not synced.
//!
//! A [`FaultDisk`] stands behind a ledger in place of the machine's disk ([`store::Disk`]): SQLite reaches it through a
//! virtual file system of its own, the in-flight files through the same handle, so that what goes wrong goes wrong for
//! both at once. Every file has two images, the one a process sees and the one the disk has; a sync makes them equal,
//! a loss of power leaves the second with some of what was never synced, sector by sector as chance has it. What goes
//! wrong, and when, is a [`Plan`], counted in operations, so that a disk can die in the middle of any write.
//!
//! Invariants: one seed, one course of events; nothing of a dead process reaches the disk; no program depends on this
//! crate (`cargo xtask layers`); and no other crate has `unsafe` code (`cargo xtask tidy`).
#![allow(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod disk;
mod image;
mod plan;
mod shm;
mod vfs;

pub use disk::{Counts, FaultDisk, folder};
pub use image::SECTOR_BYTES;
pub use plan::{Death, Plan, Trouble, What};
