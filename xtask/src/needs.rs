//! The outside programs some tests talk to: found, else installed, else named as missing.
//!
//! Debian packages are installed only by root, and only when `POSTROOM_TEST_NO_INSTALL` is unset; the Python
//! verifier lives in a virtual environment under `target/`. A test that misses its program says so and passes; the
//! suite counts those lines. No service is started: the tests run their own copies on loopback ports.

use anyhow::Result;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Tells the tests which Python has the verifiers.
pub(crate) const PYTHON_VARIABLE: &str = "POSTROOM_TEST_PYTHON";

/// Set to anything: install nothing.
const NO_INSTALL_VARIABLE: &str = "POSTROOM_TEST_NO_INSTALL";

/// A program, where it may be, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] =
    &[("postfix", "postfix"), ("swaks", "swaks"), ("opendkim-testmsg", "opendkim-tools"), ("python3", "python3")];

/// Places where Debian puts programs for root, often missing in a person's PATH.
const MORE_PLACES: &[&str] = &["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// The independent verifiers: of DKIM, with what it needs for Ed25519, of the API by its document, and of webhooks.
const VERIFIERS: &[&str] = &["dkimpy==1.1.8", "pynacl", "schemathesis==4.32.5", "standardwebhooks==1.1.0"];

/// What is there and what is not.
#[derive(Debug)]
pub(crate) struct Needs {
    missing: Vec<&'static str>,
    /// The interpreter with the verifiers.
    pub(crate) python: Option<PathBuf>,
}

impl Needs {
    pub(crate) fn print(&self) {
        for program in &self.missing {
            println!("needs: {program} is missing and could not be installed; its tests will be skipped");
        }
        match &self.python {
            Some(python) => println!("needs: {PYTHON_VARIABLE}={}", python.display()),
            None => {
                println!("needs: no Python with dkimpy, schemathesis and standardwebhooks; its tests will be skipped")
            }
        }
    }
}

/// Finds or installs everything. Not finding something is no error: the tests say what they skipped.
pub(crate) fn provide(root: &Path) -> Result<Needs> {
    let missing = || PROGRAMS.iter().filter(|(program, _)| !is_there(program)).collect::<Vec<_>>();
    let packages: Vec<&str> = missing().iter().map(|(_, package)| *package).collect();
    if !packages.is_empty() && may_install() {
        install(&packages);
    }
    Ok(Needs { missing: missing().iter().map(|(program, _)| *program).collect(), python: verifier(root)? })
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(MORE_PLACES.iter().map(PathBuf::from));
    places.map(|place| place.join(program)).any(|file| file.is_file())
}

fn may_install() -> bool {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0);
    is_root && is_there("apt-get") && std::env::var_os(NO_INSTALL_VARIABLE).is_none()
}

/// Installs Debian packages without questions and without starting their services.
fn install(packages: &[&str]) {
    println!("needs: installing {}", packages.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        // Run level 1 tells the maintainer scripts to start nothing.
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        quietly(&mut command)
    };
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    // The lists of a fresh machine are empty or old; one that is up to date needs no second try.
    if !apt(&install) && apt(&["update"]) {
        apt(&install);
    }
}

/// A Python that has the verifiers: the one named by the variable, the one made before, or one made now.
fn verifier(root: &Path) -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os(PYTHON_VARIABLE).map(PathBuf::from) {
        return Ok(has_verifier(&named).then_some(named));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    let home = target.join("test-python");
    let python = home.join("bin/python");
    if has_verifier(&python) {
        return Ok(Some(python));
    }
    if !is_there("python3") || std::env::var_os(NO_INSTALL_VARIABLE).is_some() {
        return Ok(None);
    }
    println!("needs: making a Python environment with {}", VERIFIERS.join(", "));
    std::fs::create_dir_all(&target)?;
    let make = || quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
    if !make() && may_install() {
        install(&["python3-venv"]);
        make();
    }
    quietly(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(VERIFIERS));
    Ok(has_verifier(&python).then_some(python))
}

fn has_verifier(python: &Path) -> bool {
    python.is_file() && quietly(Command::new(python).args(["-c", "import dkim, nacl, schemathesis, standardwebhooks"]))
}

fn quietly(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}
