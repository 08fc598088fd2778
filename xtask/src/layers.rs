//! The layers: who may depend on whom among ours, and what the pure crates must not touch.
//!
//! The rules stand here as tables and in ARCHITECTURE.md as prose; this program is the judge. Purity is judged twice:
//! by the direct dependencies of the manifest, and by the paths the sources mention.

use crate::imports::{code_of, leads_into, paths, test_modules};
use crate::metadata::{Package, packages};
use crate::tree::{Source, sources};
use anyhow::Result;
use std::path::Path;

/// Who may name whom. A crate that is not listed may not exist: adding one is a decision (docs/decisions).
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("mail", &["model"]),
    ("smtp", &["model"]),
    ("dispatch", &["model"]),
    ("store", &["model"]),
    ("net", &["model"]),
    ("engine", &["model", "mail", "smtp", "dispatch", "store", "net"]),
    ("web", &["model", "mail", "dispatch", "store", "net", "engine"]),
    ("sim", &["model", "mail", "smtp", "dispatch", "store", "net", "engine", "faultfs"]),
    ("faultfs", &["model", "store"]),
    ("postroom", &["model", "mail", "smtp", "dispatch", "store", "net", "engine", "web", "sim"]),
    ("fuzz", &["model", "mail", "smtp", "dispatch", "engine"]),
    ("xtask", &[]),
    ("bench", &["model", "store"]),
];

/// Crates that only tests may name: no program depends on them.
const FOR_TESTS: &[&str] = &["faultfs"];

/// Crates that only compute: their results depend on their arguments alone.
const PURE: &[&str] = &["model", "mail", "smtp", "dispatch"];

/// Libraries that bring a clock, a socket, a file, a database, a logger or chance of its own.
const IMPURE_LIBRARIES: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "deadpool-postgres",
    "dirs",
    "fastrand",
    "futures",
    "getrandom",
    "hickory-client",
    "hickory-proto",
    "hickory-resolver",
    "hickory-server",
    "hyper",
    "jiff",
    "log",
    "mail-auth",
    "mail-send",
    "memmap2",
    "mio",
    "native-tls",
    "openssl",
    "rand",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tempfile",
    "time",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "tokio-util",
    "tracing",
    "tracing-subscriber",
    "ureq",
    "uuid",
];

/// Of those, what a pure crate may use all the same: `jiff` for civil time, with the zone database that is compiled in.
/// Its doors to the clock and to the machine's zones are among [`IMPURE_PATHS`].
const PURE_EXCEPT: &[(&str, &str)] = &[("dispatch", "jiff")];

/// What a pure crate's code must not mention. Address *types* (`std::net::IpAddr`) are values and may be used.
const IMPURE_PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "SystemTime::now",
    "Instant::now",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz::db",
    "Moment::now",
    "Zoned::now",
    "TimeZone::get",
    "TimeZone::system",
    "TimeZoneDatabase::from_env",
];

/// What the engine reaches through `store` and `net` alone.
const BEHIND_A_SEAM: &[&str] = &[
    "deadpool-postgres",
    "hickory-client",
    "hickory-proto",
    "hickory-resolver",
    "hickory-server",
    "native-tls",
    "openssl",
    "reqwest",
    "rusqlite",
    "rustls",
    "sqlx",
    "tokio-postgres",
    "tokio-rustls",
];

/// Paths by which a crate above the seams would open its own door to the world.
const ENGINE_PATHS: &[&str] = &[
    "tokio::net",
    "std::env",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::time::SystemTime",
    "SystemTime::now",
    "std::thread::sleep",
];

/// Every breach of the layers, in words.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let packages = packages(root)?;
    let mut findings = Vec::new();
    for package in packages.iter().filter(|p| p.ours) {
        let known: Vec<&str> = packages.iter().filter(|p| p.ours).map(|p| p.name.as_str()).collect();
        findings.extend(check_package(package, &known));
    }
    let sources = sources(root, &[".rs"])?;
    let test_files: Vec<String> = sources.iter().flat_map(test_files_of).collect();
    let is_test = |path: &str| test_files.iter().any(|file| path.starts_with(file.as_str()));
    findings.extend(sources.iter().filter(|source| !is_test(&source.path)).flat_map(check_source));
    Ok(findings)
}

/// Where the modules lie that `source` declares for tests only: beginnings of paths.
fn test_files_of(source: &Source) -> Vec<String> {
    let (directory, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let home = match file {
        "mod.rs" | "lib.rs" | "main.rs" => directory.to_owned(),
        _ => source.path.trim_end_matches(".rs").to_owned(),
    };
    test_modules(&source.text).iter().flat_map(|name| ["/", ".rs"].map(|end| format!("{home}/{name}{end}"))).collect()
}

fn check_package(package: &Package, ours: &[&str]) -> Vec<String> {
    let name = package.name.as_str();
    let Some((_, allowed)) = MAY_KNOW.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![format!("{name}: not in the table of layers; a new crate needs a page in docs/decisions")];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let other = dependency.name.as_str();
        if ours.contains(&other) && !allowed.contains(&other) {
            findings.push(format!("{name} must not know {other}: it may know {allowed:?}"));
        }
        if dependency.dev {
            continue;
        }
        if FOR_TESTS.contains(&other) {
            findings.push(format!("{name} must name {other} in its tests alone (dev-dependencies)"));
        }
        let is_excepted = PURE_EXCEPT.contains(&(name, other));
        if PURE.contains(&name) && IMPURE_LIBRARIES.contains(&other) && !is_excepted {
            findings.push(format!("{name} is pure and must not depend on {other}: hand its results in as arguments"));
        }
        if name == "engine" && BEHIND_A_SEAM.contains(&other) {
            findings.push(format!("engine must not name {other}: go through store or net"));
        }
    }
    findings
}

fn check_source(source: &Source) -> Vec<String> {
    let Some((name, _)) = source.path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/")) else {
        return Vec::new();
    };
    let forbidden = match name {
        pure if PURE.contains(&pure) => IMPURE_PATHS,
        "engine" => ENGINE_PATHS,
        _ => return Vec::new(),
    };
    let found = paths(&code_of(&source.text));
    let touched = |target: &&&str| found.iter().any(|path| leads_into(path, target));
    let finding = |target: &&str| format!("{}: {name} must not touch {target}", source.path);
    forbidden.iter().filter(touched).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn findings(name: &str, dependencies: &[(&str, bool)]) -> usize {
        let dependencies =
            dependencies.iter().map(|(name, dev)| Dependency { name: (*name).to_owned(), dev: *dev }).collect();
        let package =
            Package { name: name.to_owned(), version: String::new(), licence: None, ours: true, dependencies };
        check_package(&package, &["model", "mail", "smtp", "store", "sim", "engine", "faultfs"]).len()
    }

    #[test]
    fn siblings_do_not_see_each_other_and_nobody_sees_the_simulator() {
        assert_eq!(findings("mail", &[("model", false)]), 0);
        assert_eq!(findings("mail", &[("smtp", false)]), 1);
        assert_eq!(findings("engine", &[("sim", true)]), 1, "not even in tests");
        assert_eq!(findings("utilities", &[]), 1);
    }

    #[test]
    fn what_is_for_tests_stays_in_tests() {
        assert_eq!(findings("sim", &[("faultfs", true)]), 0);
        assert_eq!(findings("sim", &[("faultfs", false)]), 1);
        assert_eq!(findings("postroom", &[("faultfs", true)]), 1, "only whom the table allows");
    }

    #[test]
    fn pure_crates_and_the_engine_keep_their_distance() {
        assert_eq!(findings("smtp", &[("tokio", false)]), 1);
        assert_eq!(findings("smtp", &[("tempfile", true)]), 0);
        assert_eq!(findings("smtp", &[("jiff", false)]), 1);
        assert_eq!(findings("dispatch", &[("jiff", false)]), 0);
        assert_eq!(findings("engine", &[("rusqlite", false), ("tokio", false)]), 1);
    }

    #[test]
    fn sources_are_read_through_groups_but_not_in_tests() {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let text = "use std::{net::{IpAddr, TcpStream}, time::Duration};";
        assert_eq!(check_source(&source("crates/model/src/a.rs", text)).len(), 1);
        assert_eq!(check_source(&source("crates/net/src/a.rs", text)).len(), 0);
        let clock = "use jiff::Zoned; fn f() { Zoned::now(); }";
        assert_ne!(check_source(&source("crates/dispatch/src/a.rs", clock)).len(), 0);
        assert_eq!(check_source(&source("crates/model/src/a.rs", "#[cfg(test)]\nuse std::fs;")).len(), 0);
        let parent = source("crates/mail/src/sign/mod.rs", "#[cfg(test)]\nmod oracle;");
        assert_eq!(test_files_of(&parent), ["crates/mail/src/sign/oracle/", "crates/mail/src/sign/oracle.rs"]);
    }
}
