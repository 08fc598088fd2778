//! Runs cargo with the arguments we mean, and says what it runs.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// cargo in the root of the workspace: the cargo that runs us, so that the pinned toolchain is used throughout.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(root);
    command
}

/// Runs to the end; anything but success is an error naming the command.
pub(crate) fn succeed(mut command: Command, spoken: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {spoken}"))?;
    if status.success() { Ok(()) } else { bail!("{spoken} failed") }
}

/// Builds the binary as it is shipped and hands over to the measuring program.
///
/// `pace` measures no binary but decisions, in virtual time: it is played by the simulator itself.
pub(crate) fn bench(root: &Path, arguments: &[String]) -> Result<()> {
    if let Some(("pace", rest)) = arguments.split_first().map(|(what, rest)| (what.as_str(), rest)) {
        let mut run =
            cargo(root, &["run", "--quiet", "--release", "--locked", "--package", "sim", "--example", "pace", "--"]);
        run.args(rest);
        return succeed(run, "the trials of pacing");
    }
    let build = ["build", "--release", "--locked", "--package", "postroom", "--package", "bench"];
    succeed(cargo(root, &build), "cargo build --release")?;
    let mut run = cargo(root, &["run", "--quiet", "--release", "--locked", "--package", "bench", "--"]);
    run.args(arguments);
    succeed(run, "the benchmark")
}

/// Plays random worlds with the simulator. In the development profile, because there every check of arithmetic is on.
pub(crate) fn swarm(root: &Path, arguments: &[String]) -> Result<()> {
    let mut run = cargo(root, &["run", "--quiet", "--locked", "--package", "sim", "--example", "swarm", "--"]);
    run.args(arguments);
    succeed(run, "the swarm")
}
