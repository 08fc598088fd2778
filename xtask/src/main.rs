//! The project's own tool: `cargo xtask test` and what it is made of.
//!
//! One tool instead of shell scripts, so that continuous integration and a newcomer run the same thing and so that
//! the rules of the house are checked by a program a reader can open. It installs no cargo tools and has two small
//! dependencies, because everybody waits for it to build before anything else happens.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its standard streams")]
#![allow(clippy::disallowed_methods, reason = "the tool measures real time and reads the real environment")]

mod crash;
mod imports;
mod layers;
mod licences;
mod metadata;
mod needs;
mod programs;
mod suite;
mod tidy;
mod tree;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

    test        everything a change must pass: format, tidy, layers, licences, clippy, all tests
    ci          the same; what .ci/run calls
    layers      who may depend on whom, and what the pure crates must not touch
    licences    licences and banned crates of the whole dependency tree
    tidy        rules of the house that no compiler checks
    screens     draw the pictures of the pages in docs/screens anew; look at each before it is committed
    needs       find or install the outside programs the tests use, and say what is missing
    swarm ...   play random worlds: --seeds N [--from S], or one: --seed S [--verbose] (see docs/contributing/simulator.md)
    crash ...   kill it: --seeds N [--first S] in the simulator, --real --kills N [--seed S] the binary itself
    bench ...   build the release binary and measure it: send | import | sim | pages | sign | … (see docs/reference/bench.md)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let root = tree::root()?;
    match arguments.first().map(String::as_str) {
        Some("test" | "ci") => suite::run(&root),
        Some("layers") => verdict("layers", layers::check(&root)?),
        Some("licences") => verdict("licences", licences::check(&root)?),
        Some("tidy") => verdict("tidy", tidy::check(&root)?),
        Some("needs") => {
            needs::provide(&root)?.print();
            Ok(())
        }
        Some("screens") => suite::screens(&root),
        Some("swarm") => programs::swarm(&root, arguments.get(1..).unwrap_or_default()),
        Some("crash") => crash::run(&root, arguments.get(1..).unwrap_or_default()),
        Some("bench") => programs::bench(&root, arguments.get(1..).unwrap_or_default()),
        Some("help" | "--help" | "-h") | None => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => bail!("there is no command `{other}`\n\n{HELP}"),
    }
}

/// Prints every finding of a check and fails when there is one.
fn verdict(check: &str, findings: Vec<String>) -> Result<()> {
    for finding in &findings {
        eprintln!("{check}: {finding}");
    }
    if findings.is_empty() { Ok(()) } else { bail!("{check}: {} finding(s)", findings.len()) }
}
