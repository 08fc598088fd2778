//! What goes wrong on a disk, and when: counted in operations that change it (writes, syncs, cuts, removals).

use fastrand::Rng;

/// The most operations a trouble lasts.
const TROUBLE_OPERATIONS_MAX: u64 = 40;

/// The end of a process, in the middle of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// In which operation since the disk was started, from 1.
    pub operation: u64,
    /// Does the machine lose its power (and what was not synced)? Otherwise only the process dies.
    pub power: bool,
}

/// What a disk refuses for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Writes fail, a part of them done.
    WritesFail,
    /// Syncs fail, a part of them done; what they left out no later sync writes.
    SyncsFail,
    /// Whatever needs room fails.
    Full,
    /// Reads fail. Only while they do, they count as operations, so that this ends too.
    ReadsFail,
}

/// A time of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// From which operation since the disk was armed, from 1.
    pub from: u64,
    /// Until which, exclusive.
    pub until: u64,
    /// What is refused.
    pub what: What,
}

/// Everything that goes wrong on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One for each life, in order; when they are used up, it lives on.
    pub deaths: Vec<Death>,
    /// The first that fits counts.
    pub troubles: Vec<Trouble>,
}

impl Plan {
    /// `deaths` of them, each within the first `operations` of a life; half of them lose the power.
    pub fn deaths(seed: u64, deaths: usize, operations: u64) -> Plan {
        let mut chance = Rng::with_seed(seed);
        let draw = |_| Death { operation: chance.u64(1..=operations.max(1)), power: chance.bool() };
        Plan { deaths: (0..deaths).map(draw).collect(), troubles: Vec::new() }
    }

    /// And `troubles` of them with writing within the first `operations` from the arming on.
    pub fn with_troubles(self, seed: u64, troubles: usize, operations: u64) -> Plan {
        self.with(&[What::WritesFail, What::SyncsFail, What::Full], seed, troubles, operations)
    }

    /// And so many times within which nothing can be read.
    pub fn with_unreadable(self, seed: u64, troubles: usize, operations: u64) -> Plan {
        self.with(&[What::ReadsFail], seed, troubles, operations)
    }

    fn with(mut self, of: &[What], seed: u64, troubles: usize, operations: u64) -> Plan {
        let mut chance = Rng::with_seed(seed);
        for _ in 0..troubles {
            let from = chance.u64(1..=operations.max(1));
            let until = from + chance.u64(1..=TROUBLE_OPERATIONS_MAX);
            let what = of[chance.usize(..of.len())];
            self.troubles.push(Trouble { from, until, what });
        }
        self
    }

    /// What is refused at an operation.
    pub(crate) fn trouble_at(&self, operation: u64) -> Option<What> {
        let fits = |trouble: &&Trouble| trouble.from <= operation && operation < trouble.until;
        self.troubles.iter().find(fits).map(|trouble| trouble.what)
    }
}
