//! What cargo says about the workspace, cut down to what the checks read.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// One package of the resolved tree, ours or theirs.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// A member of this workspace.
    pub(crate) ours: bool,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as written in a manifest.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only for tests and examples.
    pub(crate) dev: bool,
}

/// Every package of the lock file's tree, sorted by name.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let document: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    let members: Vec<&str> = list(&document, "workspace_members").iter().filter_map(Value::as_str).collect();
    let mut packages: Vec<Package> = list(&document, "packages").iter().map(|p| package(p, &members)).collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(packages)
}

/// Names of the packages that are really built for some platform, features considered. `cargo metadata` also lists
/// those that only an unused optional feature would bring in.
pub(crate) fn built_packages(root: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}"])
        .current_dir(root)
        .output()
        .context("cannot run cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

fn package(value: &Value, members: &[&str]) -> Package {
    Package {
        name: text(value, "name"),
        version: text(value, "version"),
        licence: value.get("license").and_then(Value::as_str).map(str::to_owned),
        ours: members.contains(&text(value, "id").as_str()),
        dependencies: list(value, "dependencies")
            .iter()
            .map(|d| Dependency { name: text(d, "name"), dev: text(d, "kind") == "dev" })
            .collect(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
