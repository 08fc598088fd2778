//! The files under the ledger: the one seam at which a test puts a disk that breaks.
//!
//! Two kinds of file must survive what befalls a machine: the ledger, which SQLite opens by the name of a virtual file
//! system, and the in-flight files, which are written here. Both come from one [`Disk`], so that a test which fails a
//! sync or loses the power does it to both at the same moment. Invariant: a file that was made is there after a loss of
//! power as soon as [`Disk::open`] has returned.

#[cfg(target_os = "linux")]
use rustix::io::{Errno, ReadWriteFlags};
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
#[cfg(target_os = "linux")]
use std::io::IoSlice;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Where files lie.
pub trait Disk: Debug + Send + Sync {
    /// The name of the SQLite virtual file system that opens files on it; `None`: SQLite's own.
    fn vfs(&self) -> Option<&str>;
    /// How many octets a file has; `None` if there is no such file.
    fn size(&self, path: &Path) -> Result<Option<u64>>;
    /// What makes this file this file: a copy differs, one whose directory was moved does not.
    fn identity(&self, path: &Path) -> Result<String>;
    /// Opens a file for reading and writing; made if need be, readable by its owner only.
    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>>;
    /// Octets free for us, and in all, where this path lies; `None`: nobody knows.
    fn room(&self, _path: &Path) -> Option<(u64, u64)> {
        None
    }
    /// Can nobody write where this path lies, because the file system is mounted for reading only (as one is after the
    /// disk failed)?
    fn is_read_only(&self, _path: &Path) -> bool {
        false
    }
}

/// A file that is read and written in place.
pub trait DiskFile: Send + Sync {
    /// How many octets it has.
    fn size(&self) -> Result<u64>;
    /// Cuts or extends it (with zeros).
    fn set_size(&self, octets: u64) -> Result<()>;
    /// Reads at a place; fewer octets than asked only at the end of the file.
    fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize>;
    /// Writes at a place. After an error, any part of it may have been written.
    fn write_at(&self, bytes: &[u8], at: u64) -> Result<()>;
    /// Returns when everything written before will survive a loss of power. After an error nothing is known of what was
    /// written since the last success: a later success says nothing about it (the system may have dropped it).
    fn sync(&self) -> Result<()>;
    /// Writes at a place and returns when that will survive a loss of power. It says nothing of what was written elsewhere.
    /// After an error, the same holds as after one of [`DiskFile::sync`].
    fn write_synced_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.write_at(bytes, at)?;
        self.sync()
    }
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn vfs(&self) -> Option<&str> {
        None
    }

    fn size(&self, path: &Path) -> Result<Option<u64>> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its inode and, where the file system knows it, when it was made.
    fn identity(&self, path: &Path) -> Result<String> {
        let metadata = std::fs::metadata(path)?;
        let made = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(format!("{}-{}", metadata.ino(), made.map_or(0, |since| since.as_nanos())))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let file = options.open(path)?;
        if let Some(directory) = path.parent().filter(|_| is_new) {
            // The name of a new file is the directory's, and has to be synced with it.
            File::open(directory)?.sync_all()?;
        }
        Ok(Box::new(file))
    }

    fn room(&self, path: &Path) -> Option<(u64, u64)> {
        let about = rustix::fs::statvfs(path).ok()?;
        Some((about.f_bavail.saturating_mul(about.f_frsize), about.f_blocks.saturating_mul(about.f_frsize)))
    }

    fn is_read_only(&self, path: &Path) -> bool {
        rustix::fs::statvfs(path).is_ok_and(|about| about.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    }
}

impl DiskFile for File {
    fn size(&self) -> Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_size(&self, octets: u64) -> Result<()> {
        self.set_len(octets)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match FileExt::read_at(self, rest, at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&self) -> Result<()> {
        self.sync_data()
    }

    /// In one call, where the system has one: it costs a fifth less than a write and a sync of the file.
    #[cfg(target_os = "linux")]
    fn write_synced_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        match rustix::io::pwritev2(self, &[IoSlice::new(bytes)], at, ReadWriteFlags::DSYNC) {
            Ok(written) if written == bytes.len() => Ok(()),
            // Some of it; interrupted; or the file system does not know the flag.
            Ok(_) | Err(Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.write_all_at(bytes, at)?;
                self.sync_data()
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synced_write_lands_in_its_place_and_leaves_its_neighbours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = SystemDisk.open(&folder.path().join("slots")).unwrap();
        file.set_size(8_192).unwrap();
        file.write_at(&[1; 192], 4_000).unwrap();
        file.write_synced_at(&[2; 64], 4_064).unwrap();
        let mut read = [0; 8_192];
        assert_eq!(file.read_at(&mut read, 0).unwrap(), 8_192);
        let expected = [vec![0; 4_000], vec![1; 64], vec![2; 64], vec![1; 64], vec![0; 4_000]].concat();
        assert_eq!(read.to_vec(), expected);
    }

    #[test]
    fn a_synced_write_that_the_system_refuses_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slots");
        std::fs::write(&path, b"kept").unwrap();
        let only_read = File::open(&path).unwrap();
        assert!(only_read.write_synced_at(b"lost", 0).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    }
}
