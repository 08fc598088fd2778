//! The sandbox of a service: the same pages over a ledger of its own, in a simulated world, for trying everything.
//!
//! It is a directory in the data directory, and a thread while it is open. Nothing in it has a socket or a name server: its
//! world is the simulator's, in memory. Removing it is stopping the thread and deleting the directory. It opens again with
//! the service.
//!
//! Invariants: there is one at most; only what bears its mark is ever deleted; one that was not made to its end is made anew.

mod clock;
mod furnish;
mod life;
mod play;
mod readers;
#[cfg(test)]
mod tests;

use crate::failure::Failure;
use axum::Router;
use net::BoxFuture;
use play::Play;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use tokio::sync::Mutex;
use web::{App, Sandbox};

/// The directory in the data directory.
const DIR: &str = "sandbox";
/// Where it goes before it is deleted, so that half of one is never opened.
const GONE: &str = "sandbox.gone";
/// The file that says that a directory is a sandbox's and may be deleted.
const MARK: &str = ".postroom-sandbox";
/// What stands in that file.
const MARK_TEXT: &str =
    "A sandbox of postroom serve: made-up people in a simulated world. Remove it on the page /first.\n";
/// The file that says that everything is in it.
const READY: &str = ".ready";

/// The sandbox of one data directory.
pub(crate) struct Sandboxes {
    dir: PathBuf,
    gone: PathBuf,
    open: RwLock<Option<Play>>,
    /// One at a time opens or removes it.
    changing: Mutex<()>,
}

impl Sandboxes {
    /// That of a data directory.
    pub(crate) fn of(data: &Path) -> Sandboxes {
        Sandboxes { dir: data.join(DIR), gone: data.join(GONE), open: RwLock::default(), changing: Mutex::default() }
    }

    /// Was one left open?
    pub(crate) fn is_there(&self) -> bool {
        is_sandbox(&self.dir)
    }

    /// Stops it and keeps it.
    pub(crate) async fn close(&self) {
        let _alone = self.changing.lock().await;
        self.stop().await;
    }

    async fn stop(&self) {
        let play = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(play) = play {
            play.stop().await;
        }
    }

    async fn open_it(&self, home: &App) -> Result<(), Failure> {
        let _alone = self.changing.lock().await;
        if self.router().is_some() {
            return Ok(());
        }
        // What is left of one that ended by a fault.
        self.stop().await;
        delete(&self.gone)?;
        if self.dir.exists() && !is_sandbox(&self.dir) {
            let place = self.dir.display();
            return Err(Failure::refused(format!("{place} is there and is no sandbox: it stays as it is")));
        }
        if !self.dir.join(READY).exists() {
            delete(&self.dir)?;
            let cannot = |error| Failure::own(format!("the sandbox's directory {}", self.dir.display()), error);
            fs::create_dir_all(&self.dir).map_err(cannot)?;
            fs::write(self.dir.join(MARK), MARK_TEXT).map_err(cannot)?;
        }
        let play = Play::begin(&self.dir, home).await?;
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(play);
        Ok(())
    }

    async fn remove_it(&self) -> Result<(), Failure> {
        let _alone = self.changing.lock().await;
        self.stop().await;
        if !is_sandbox(&self.dir) {
            return Ok(());
        }
        delete(&self.gone)?;
        let cannot = |error| Failure::own(format!("{} could not be removed", self.dir.display()), error);
        fs::rename(&self.dir, &self.gone).map_err(cannot)?;
        delete(&self.gone)
    }
}

impl Sandbox for Sandboxes {
    fn router(&self) -> Option<Router> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().and_then(Play::router)
    }

    fn open<'a>(&'a self, home: &'a App) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async {
            self.open_it(home).await.map_err(|failure| {
                tracing::error!(%failure, "the sandbox could not be opened");
                failure.to_string()
            })
        })
    }

    fn remove(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            self.remove_it().await.map_err(|failure| {
                tracing::error!(%failure, "the sandbox could not be removed");
                failure.to_string()
            })
        })
    }
}

/// Is it a sandbox's directory?
pub(crate) fn is_sandbox(dir: &Path) -> bool {
    dir.join(MARK).is_file()
}

/// Deletes a directory if it bears the mark; one that is not there is deleted.
fn delete(dir: &Path) -> Result<(), Failure> {
    if !is_sandbox(dir) {
        return Ok(());
    }
    let cannot = |error| Failure::own(format!("{} could not be deleted", dir.display()), error);
    for entry in fs::read_dir(dir).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        if entry.file_name() == MARK {
            continue;
        }
        let is_dir = entry.file_type().map_err(cannot)?.is_dir();
        let deleted = if is_dir { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        deleted.or_else(gone_is_fine).map_err(cannot)?;
    }
    // The mark goes last: what a kill leaves of it can be deleted later.
    fs::remove_file(dir.join(MARK)).and_then(|()| fs::remove_dir(dir)).or_else(gone_is_fine).map_err(cannot)
}

fn gone_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
