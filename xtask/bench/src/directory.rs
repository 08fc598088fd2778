//! A directory for one benchmark, removed afterwards, and how many bytes it holds.
//!
//! Under `target/`, because that is on the same disk as a real ledger would be; `/tmp` is often memory.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Removed with everything in it when dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes an empty one; what an interrupted run left under the same name goes.
    pub(crate) fn create(name: &str) -> Result<Directory> {
        let binary = std::env::current_exe().context("cannot find the benchmark's own path")?;
        let target = binary.parent().context("the benchmark has no directory")?;
        let path = target.join(format!("bench-{name}-{}", std::process::id()));
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Directory { path })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("bench: {} could not be removed: {error}", self.path.display());
        }
    }
}

/// Bytes of all files below `path`.
pub(crate) fn stored_bytes(path: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { stored_bytes(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}

/// The binary under test, built by `cargo xtask bench` into the directory we run from.
pub(crate) fn postroom() -> Result<PathBuf> {
    let here = std::env::current_exe().context("cannot find the benchmark's own path")?;
    let binary = here.with_file_name("postroom");
    if binary.is_file() { Ok(binary) } else { anyhow::bail!("{} is missing: use cargo xtask bench", binary.display()) }
}
