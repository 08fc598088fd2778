//! The data directory as a command sees it: the ledger opened, who is asking, and what time it is.
//!
//! Reading commands open it beside an owner; writing ones become the owner or hand their order to the one there is
//! (see `control`). The one place where the binary asks the machine for time, chance and the person's name.

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::sandbox;
use model::{Actor, Timestamp, WorkspaceId};
use net::clock::{Clock, SystemClock};
use net::entropy::{Entropy, SystemEntropy};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Access, Durability, OpenOptions, Store, StoreError};

/// An owner that may be gone, or listen, in a moment is waited for so long …
pub(crate) const MOMENT: Duration = Duration::from_millis(100);
/// … and so often.
pub(crate) const MOMENTS: usize = 15;

/// An open ledger and who works with it.
pub(crate) struct Ledger {
    /// Where it is.
    pub(crate) dir: PathBuf,
    /// The handle.
    pub(crate) store: Store,
    /// Whose people and campaigns.
    pub(crate) workspace: WorkspaceId,
    /// Who is asking.
    pub(crate) actor: Actor,
    clock: SystemClock,
    entropy: SystemEntropy,
}

impl Ledger {
    /// Opens the ledger to write in it; makes it if there is none. Refused when another process owns it.
    pub(crate) fn own(dir: &Path, durability: Durability) -> Result<Ledger, Failure> {
        let entropy = SystemEntropy::new();
        let mut fresh_key = [0; 32];
        entropy.fill("address key", &mut fresh_key);
        Ledger::open(dir, OpenOptions { durability, ..OpenOptions::directory(dir, fresh_key) }, entropy)
    }

    /// The same, patiently: reading commands own a ledger for a moment when they settle what a kill left, and an
    /// owner that has just started does not listen yet.
    pub(crate) async fn own_soon(dir: &Path, durability: Durability) -> Result<Ledger, Failure> {
        for _ in 0..MOMENTS {
            match Ledger::own(dir, durability) {
                Err(failure) if failure.exit == Exit::Refused => tokio::time::sleep(MOMENT).await,
                opened => return opened,
            }
        }
        Ledger::own(dir, durability)
    }

    /// Opens the ledger to read in it, beside whoever owns it.
    pub(crate) fn read(dir: &Path) -> Result<Ledger, Failure> {
        Ledger::open(dir, OpenOptions::reader(dir), SystemEntropy::new())
    }

    /// The same, before something is changed: a ledger of an older form is brought up to date first, with a copy kept beside it.
    /// Refused while another process owns such a one.
    pub(crate) async fn read_to_change(dir: &Path) -> Result<Ledger, Failure> {
        let opened = Store::open(OpenOptions::reader(dir), SystemClock::new().now());
        if let Err(StoreError::OlderVersion { .. }) = opened {
            drop(Ledger::own_soon(dir, Durability::Power).await?);
        }
        Ledger::read(dir)
    }

    fn open(dir: &Path, options: OpenOptions, entropy: SystemEntropy) -> Result<Ledger, Failure> {
        if options.access == Access::Owner && sandbox::is_sandbox(dir) {
            return Err(Failure::refused(format!(
                "{} is the sandbox of a service: only it writes there",
                dir.display()
            ))
            .advise("open it on the page /first; commands that read work here"));
        }
        let clock = SystemClock::new();
        let store = Store::open(options, clock.now())?;
        let (dir, workspace) = (dir.to_owned(), WorkspaceId::FIRST);
        Ok(Ledger { dir, store, workspace, actor: person_here(), clock, entropy })
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Random bytes, good for keys.
    pub(crate) fn random<const N: usize>(&self, purpose: &str) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(purpose, &mut bytes);
        bytes
    }

    /// Says so if the directory is held after a restore or a copy.
    pub(crate) fn tell_if_held(&self, output: &Output) {
        if let Some(why) = self.store.held() {
            output.note(format!("note: sending is held here: {why}"));
        }
    }
}

/// The person at this command line, by login name.
pub(crate) fn person_here() -> Actor {
    let name = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    Actor::CommandLine(name.unwrap_or_else(|| "unknown".to_owned()))
}
