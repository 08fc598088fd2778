//! `cargo xtask test`: every check in the order of its price, the cheap ones first.
//!
//! The tests themselves run as plain `cargo test --workspace --locked`, so that nothing passes here that would fail
//! for somebody who knows only cargo. Their output goes through unchanged; we read along to count what was skipped.

use crate::needs::{self, BROWSER_VARIABLE, PYTHON_VARIABLE};
use crate::programs::{cargo, succeed};
use crate::{layers, licences, tidy, verdict};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// How a test says that it could not run; printed past the test harness, straight to standard error.
const SKIP_MARK: &str = "skipped: needs";

pub(crate) fn run(root: &Path) -> Result<()> {
    let started = Instant::now();
    step("format", || succeed(cargo(root, &["fmt", "--all", "--check"]), "cargo fmt --all --check"))?;
    step("tidy", || verdict("tidy", tidy::check(root)?))?;
    step("layers", || verdict("layers", layers::check(root)?))?;
    step("licences", || verdict("licences", licences::check(root)?))?;
    let needs = step("needs", || needs::provide(root))?;
    needs.print();
    step("clippy", || {
        let lint = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "--deny", "warnings"];
        succeed(cargo(root, &lint), "cargo clippy")
    })?;
    let counts = step("tests", || tests(root, &needs))?;
    println!(
        "\nxtask test: all checks passed in {} s; {} tests passed, {} skipped",
        started.elapsed().as_secs(),
        counts.passed,
        counts.skipped
    );
    Ok(())
}

/// Plays the stories in a browser and keeps what was to be seen.
pub(crate) fn screens(root: &Path) -> Result<()> {
    let needs = needs::provide(root)?;
    let Some(browser) = &needs.browser else {
        needs.print();
        bail!("there is nothing to draw with");
    };
    // The whole workspace, so that nothing is built with other features than the tests were.
    let mut command = cargo(root, &["test", "--locked", "--workspace", "--test", "it", "browser"]);
    command.env(BROWSER_VARIABLE, browser).env("POSTROOM_SCREENS", "1");
    succeed(command, "the stories in a browser")
}

fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("xtask test: {name} …");
    let started = Instant::now();
    let result = work().with_context(|| format!("step `{name}`"))?;
    println!("xtask test: {name} ok ({} s)", started.elapsed().as_secs());
    Ok(result)
}

/// What the test output adds up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    skipped: u64,
}

fn tests(root: &Path, needs: &needs::Needs) -> Result<Counts> {
    let mut command = cargo(root, &["test", "--workspace", "--locked"]);
    if let Some(python) = &needs.python {
        command.env(PYTHON_VARIABLE, python);
    }
    if let Some(browser) = &needs.browser {
        command.env(BROWSER_VARIABLE, browser);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cannot run cargo test")?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (Some(out), Some(err)) = (out, err) else { bail!("cargo test has no output") };
    let complaints = std::thread::spawn(move || pass_on(err, &mut std::io::stderr()));
    let mut counts = pass_on(out, &mut std::io::stdout())?;
    let Ok(from_stderr) = complaints.join() else { bail!("reading the errors of cargo test failed") };
    counts.skipped += from_stderr?.skipped;
    if child.wait()?.success() { Ok(counts) } else { bail!("cargo test --workspace --locked failed") }
}

/// Copies line by line and counts on the way.
fn pass_on(from: impl Read, to: &mut impl Write) -> Result<Counts> {
    let mut counts = Counts::default();
    for line in BufReader::new(from).split(b'\n') {
        let line = line?;
        counts.read(&String::from_utf8_lossy(&line));
        to.write_all(&line)?;
        to.write_all(b"\n")?;
    }
    Ok(counts)
}

impl Counts {
    fn read(&mut self, line: &str) {
        self.skipped += line.matches(SKIP_MARK).count() as u64;
        if let Some(result) = line.strip_prefix("test result: ok. ") {
            self.passed += result.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_and_skipped_are_counted_and_every_line_goes_through() {
        let output = "running 3 tests\ntest a ... skipped: needs postfix\ntest result: ok. 3 passed; 0 failed\n\
                      test result: ok. 14 passed; 0 failed; 0 ignored\n";
        let mut copy = Vec::new();
        let counts = pass_on(output.as_bytes(), &mut copy).expect("a vector takes everything");
        assert_eq!(counts, Counts { passed: 17, skipped: 1 });
        assert_eq!(copy, output.as_bytes());
    }
}
