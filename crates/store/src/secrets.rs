//! Named secrets of a data directory: key rings, the key of address hashes, the key that seals signing keys.
//!
//! Apart from the ledger so that a ledger alone names nobody and signs nothing. A JSON file of hexadecimal strings,
//! readable by its owner only, replaced as a whole and synced before the answer. Other crates keep their own rings here
//! under their own names.

use crate::error::{Result, StoreError};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of one secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;
/// The most bytes of the file.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Named byte strings in a file that only its owner may read.
#[derive(Clone)]
pub struct Secrets {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    path: Option<PathBuf>,
    read_only: bool,
    values: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("names", &self.names()).finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secrets of a directory (`None`: in memory). Refused if others may read the file.
    pub(crate) fn open(path: Option<&Path>, read_only: bool) -> Result<Secrets> {
        let values = match path {
            Some(path) if path.exists() => read(path)?,
            _ => BTreeMap::new(),
        };
        let inner = Inner { path: path.map(Path::to_owned), read_only, values };
        Ok(Secrets { inner: Arc::new(Mutex::new(inner)) })
    }

    /// The secret of that name.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).values.get(name).cloned()
    }

    /// Writes a secret durably; a second writing replaces the first. Refused for a reader, and beyond 64 KiB.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.read_only {
            return Err(StoreError::ReadOnly);
        }
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(StoreError::Refused(format!("a secret has at most {SECRET_BYTES_MAX} bytes")));
        }
        let before = inner.values.insert(name.to_owned(), bytes.to_vec());
        let written = inner.path.as_deref().map_or(Ok(()), |path| write(path, &inner.values));
        if written.is_err() {
            match before {
                Some(before) => inner.values.insert(name.to_owned(), before),
                None => inner.values.remove(name),
            };
        }
        written
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<String> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).values.keys().cloned().collect()
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        let text = format!("{} may be read by others; chmod 600 it (and see who has read it)", path.display());
        return Err(StoreError::Refused(text));
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    let damaged = |why: &str| StoreError::Corrupt(format!("{}: {why}", path.display()));
    let stored: BTreeMap<String, String> =
        serde_json::from_slice(&text).map_err(|error| damaged(&error.to_string()))?;
    let decoded = stored.into_iter().map(|(name, hex)| Some((name, unhex(&hex)?)));
    decoded.collect::<Option<_>>().ok_or_else(|| damaged("not hexadecimal"))
}

fn write(path: &Path, values: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let stored: BTreeMap<&str, String> = values.iter().map(|(name, bytes)| (name.as_str(), hex(bytes))).collect();
    let text = serde_json::to_string_pretty(&stored).map_err(|error| StoreError::Refused(error.to_string()))?;
    write_private(path, text.as_bytes())
}

/// Replaces a file only its owner may read, synced with its directory.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing into a String cannot fail.
        write!(out, "{byte:02x}").ok();
        out
    })
}

/// The way back; `None` if the text is not hexadecimal.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
