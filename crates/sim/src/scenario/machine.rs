//! The machine a simulated process runs on, for stories in which it breaks.
//!
//! A plain scenario keeps its ledger in memory or in a directory, and a kill there comes between two things the process
//! does. A machine has a disk of its own that can end the process in the middle of a write, lose what was not synced, or
//! refuse for a while. What such a disk is made of is the business of tests: the simulator knows it by this trait alone.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use store::Disk;

/// A machine that can die.
pub trait Machine: Debug + Send + Sync {
    /// The disk the ledger lies on.
    fn disk(&self) -> Arc<dyn Disk>;
    /// Everything is set up: from now on things may go wrong.
    fn arm(&self);
    /// The story is over: from now on nothing goes wrong any more, so that it can be looked at.
    fn disarm(&self);
    /// Calls back, once, when it next dies by itself.
    fn when_it_dies(&self, tell: Box<dyn FnOnce() + Send>);
    /// The process is killed, or with `power` the machine loses its power.
    fn die(&self, power: bool);
    /// Is nobody alive on it?
    fn is_dead(&self) -> bool;
    /// Was its last death a loss of power?
    fn lost_power(&self) -> bool;
    /// The next process begins.
    fn start(&self);
}

/// Makes the machine of a run, given the directory for what does not lie on its disk.
#[derive(Clone)]
pub(super) struct Workshop(pub(super) Arc<Make>);

/// Given the directory, the machine.
type Make = dyn Fn(&Path) -> Arc<dyn Machine> + Send + Sync;

impl Debug for Workshop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Workshop")
    }
}
