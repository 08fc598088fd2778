//! Whether the file at a ledger's path is still the one that is open.
//!
//! A file that was removed or replaced can be written to as if nothing had happened, and nobody finds again what was written.
//! So this is asked before every transaction (one look at the directory, beside a commit that waits for the disk): whoever
//! sends hears that nothing can be recorded, and stops before the next message. Where the file comes back, so does the work.

use crate::disk::Disk;
use crate::error::{Result, StoreError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the file of an open ledger lies, and which it is.
pub(crate) struct Anchor {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    own: String,
}

impl Anchor {
    /// Of a file that was just opened.
    pub(crate) fn of(disk: &Arc<dyn Disk>, path: &Path) -> Result<Anchor> {
        Ok(Anchor { disk: disk.clone(), path: path.to_owned(), own: disk.identity(path)? })
    }

    /// Refused with [`StoreError::Io`] while the file at its path is another one, or there is none.
    pub(crate) fn holds(&self) -> Result<()> {
        let what = match self.disk.identity(&self.path) {
            Ok(found) if found == self.own => return Ok(()),
            Ok(_) => "replaced",
            Err(error) if error.kind() == ErrorKind::NotFound => "removed",
            Err(error) => return Err(error.into()),
        };
        let why = format!("{} was {what} while it was in use, so nothing would be kept", self.path.display());
        Err(StoreError::Io(Error::new(ErrorKind::NotFound, why)))
    }
}
