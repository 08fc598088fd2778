//! The checked-out tree: where it starts and which files are ours.
//!
//! Walked rather than asked of git, so that the checks also work on an unpacked archive. Everything that a build or
//! a demo leaves behind is not ours.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Directories that hold results, not sources.
const NOT_OURS: &[&str] =
    &[".git", "target", "corpus", "artifacts", "postroom-demo", "postroom-data", "__pycache__", "node_modules"];

/// A deeper tree than this is a loop of links.
const DEPTH_MAX: usize = 12;

/// One text file of ours.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The root of the workspace: the parent of this package.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_path_buf).context("xtask has no parent directory")
}

/// Every file of ours whose name ends in one of `endings`, in the order of paths.
pub(crate) fn sources(root: &Path, endings: &[&str]) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(root, root, 0, endings, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, directory: &Path, depth: usize, endings: &[&str], found: &mut Vec<Source>) -> Result<()> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        if kind.is_dir() && depth < DEPTH_MAX && !NOT_OURS.contains(&name.as_ref()) {
            walk(root, &entry.path(), depth + 1, endings, found)?;
        } else if kind.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            let path = entry.path();
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push(Source { path: relative, text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    Ok(())
}
