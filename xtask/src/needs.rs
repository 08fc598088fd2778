//! The outside programs some tests talk to: found, else installed, else named as missing.
//!
//! Debian packages are installed only by root, and only when `POSTROOM_TEST_NO_INSTALL` is unset; the Python
//! verifier lives in a virtual environment under `target/`, and what drives a browser beside it. A test that misses its
//! program says so and passes; the suite counts those lines. No service is started: the tests run their own copies on
//! loopback ports. Invariant: a network that does not answer holds nothing up for longer than [`INSTALL_MAX`] a program.

use anyhow::Result;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tells the tests which Python has the verifiers.
pub(crate) const PYTHON_VARIABLE: &str = "POSTROOM_TEST_PYTHON";

/// Tells the tests where the Node modules are that drive a browser.
pub(crate) const BROWSER_VARIABLE: &str = "POSTROOM_TEST_BROWSER";

/// Set to anything: install nothing.
const NO_INSTALL_VARIABLE: &str = "POSTROOM_TEST_NO_INSTALL";

/// A program, where it may be, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("postfix", "postfix"),
    ("swaks", "swaks"),
    ("opendkim-testmsg", "opendkim-tools"),
    ("python3", "python3"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
];

/// No installer takes longer: what is not there by then is missing.
const INSTALL_MAX: Duration = Duration::from_secs(300);
/// Pause between two looks at an installer.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where the package.json of the browser stories is, with exact versions: playwright-core (Apache-2.0) drives Chromium,
/// axe-core (MPL-2.0) knows the rules of accessibility. Both are used by tests alone.
const STORIES: &str = "crates/postroom/tests/browser";

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
    /// The folder with the modules that drive a browser.
    pub(crate) browser: Option<PathBuf>,
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
        match &self.browser {
            Some(browser) => println!("needs: {BROWSER_VARIABLE}={}", browser.display()),
            None => println!("needs: no playwright-core and axe-core; the tests in a browser will be skipped"),
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
    let missing = missing().iter().map(|(program, _)| *program).collect();
    Ok(Needs { missing, python: verifier(root)?, browser: browser(root)? })
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
        // A mirror that does not answer is asked once.
        command.args(["-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=0"]).args(arguments);
        // Run level 1 tells the maintainer scripts to start nothing.
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        quietly(&mut command)
    };
    let install = |packages: &[&str]| apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat());
    // The lists of a fresh machine are empty or old; one that is up to date needs no second try.
    if install(packages) || (apt(&["update"]) && install(packages)) {
        return;
    }
    // One package that cannot be had keeps none of the others away.
    for package in packages {
        install(&[*package]);
    }
}

/// A Python that has the verifiers: the one named by the variable, the one made before, or one made now.
fn verifier(root: &Path) -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os(PYTHON_VARIABLE).map(PathBuf::from) {
        return Ok(has_verifier(&named).then_some(named));
    }
    let target = target(root);
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

/// Where what is built and installed for the tests is kept.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// The folder with the modules that drive a browser, installed now if they are not there as the lock file has them.
fn browser(root: &Path) -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os(BROWSER_VARIABLE).map(PathBuf::from) {
        return Ok(has_modules(&named).then_some(named));
    }
    let (stories, home) = (root.join(STORIES), target(root).join("test-browser"));
    let is_same = |file: &str| {
        let read = |folder: &Path| std::fs::read(folder.join(file)).ok();
        read(&home).is_some_and(|there| Some(there) == read(&stories))
    };
    let files = ["package.json", "package-lock.json"];
    if files.iter().all(|file| is_same(file)) && has_modules(&home) {
        return Ok(Some(home));
    }
    if !is_there("npm") || std::env::var_os(NO_INSTALL_VARIABLE).is_some() {
        return Ok(None);
    }
    println!("needs: installing playwright-core and axe-core");
    std::fs::create_dir_all(&home)?;
    for file in files {
        std::fs::copy(stories.join(file), home.join(file))?;
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-timeout=20000", "--fetch-retries=1"];
    let is_done = quietly(Command::new("npm").args(arguments).current_dir(&home));
    Ok((is_done && has_modules(&home)).then_some(home))
}

fn has_modules(home: &Path) -> bool {
    ["playwright-core/package.json", "axe-core/axe.min.js"]
        .iter()
        .all(|file| home.join("node_modules").join(file).is_file())
}

/// Runs without a word; false if it fails, cannot be run, or takes longer than [`INSTALL_MAX`].
fn quietly(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = silent.spawn() else { return false };
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if begun.elapsed() < INSTALL_MAX => std::thread::sleep(LOOK_EVERY),
            Ok(None) | Err(_) => {
                // It may have ended by itself meanwhile.
                child.kill().ok();
                child.wait().ok();
                return false;
            }
        }
    }
}
