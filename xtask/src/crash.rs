//! `cargo xtask crash`: more deaths than belong to every test run.
//!
//! It runs the same tests with other numbers: those of the simulator, where the ledger lies on a disk that breaks in the
//! middle of a write, or with `--real` the one that kills the binary while it sends to another program.

use crate::programs::{cargo, succeed};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// How many stories of each kind, or kills, where the command does not say.
const SEEDS: u64 = 1_000;
const KILLS: u64 = 200;

/// What the command asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    is_real: bool,
    is_release: bool,
    count: u64,
    first: u64,
}

/// Runs the tests that kill.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let asked = read(arguments)?;
    let which: &[&str] = match asked.is_real {
        true => &["--package", "postroom", "--test", "it", "kills::"],
        false => &["--package", "sim", "--test", "crashes"],
    };
    let mut command = cargo(root, &["test", "--quiet", "--locked"]);
    command.args(which);
    if asked.is_release {
        command.arg("--release");
    }
    let [count, first] = match asked.is_real {
        true => ["POSTROOM_KILLS", "POSTROOM_KILL_SEED"],
        false => ["POSTROOM_CRASH_SEEDS", "POSTROOM_CRASH_FIRST"],
    };
    command.env(count, asked.count.to_string()).env(first, asked.first.to_string());
    succeed(command, "the tests that kill")
}

fn read(arguments: &[String]) -> Result<Asked> {
    let is_real = arguments.iter().any(|argument| argument == "--real");
    let mut asked = Asked { is_real, is_release: false, count: if is_real { KILLS } else { SEEDS }, first: 0 };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || -> Result<u64> {
            let text = rest.next().with_context(|| format!("{argument} needs a number"))?;
            text.parse().with_context(|| format!("{argument} needs a number, not {text:?}"))
        };
        match argument.as_str() {
            "--real" => {}
            "--release" => asked.is_release = true,
            "--kills" if is_real => asked.count = number()?,
            "--seed" if is_real => asked.first = number()?,
            "--seeds" if !is_real => asked.count = number()?,
            "--first" if !is_real => asked.first = number()?,
            other => bail!(
                "crash has no {other} here: crash [--seeds N] [--first S] [--release], or crash --real [--kills N] \
                 [--seed S] [--release]"
            ),
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn each_kind_of_death_has_its_own_numbers() {
        let asked = read(&words("--real --kills 9 --seed 3")).expect("understood");
        assert_eq!(asked, Asked { is_real: true, is_release: false, count: 9, first: 3 });
        let asked = read(&words("--release")).expect("understood");
        assert_eq!(asked, Asked { is_real: false, is_release: true, count: SEEDS, first: 0 });
        assert!(read(&words("--kills 9")).is_err() && read(&words("--seeds")).is_err());
    }
}
