//! The command line: one file per command, each reading its arguments, doing one thing and showing the answer.
//!
//! Options that every command knows stand here. Reading commands open the ledger beside whoever owns it; writing ones
//! place an order (see `order`). Invariant: a command returns its exit code or a failure; it never ends the process.

pub(crate) mod adopt;
pub(crate) mod backup;
pub(crate) mod contact;
pub(crate) mod domain;
pub(crate) mod import;
pub(crate) mod judge;
pub(crate) mod restore;
pub(crate) mod suppress;

use crate::failure::{Exit, Failure};
use crate::output::Output;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Where the ledger is when nothing else is said.
const DATA_DIR: &str = "./postroom-data";

/// Takes a message and an audience, and gives a verdict for every recipient.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The data directory; it holds everything Postroom remembers [default: ./postroom-data]
    #[arg(long, global = true, value_name = "DIR", env = "POSTROOM_DATA")]
    data: Option<PathBuf>,
    /// Answer in JSON lines on standard output; everything else goes to standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import people from a CSV file
    Import(import::Args),
    /// Show, change, export or forget a person
    #[command(subcommand)]
    Contact(contact::Command),
    /// Addresses and domains that must not be mailed
    #[command(subcommand)]
    Suppress(suppress::Command),
    /// Judge replies of mail servers without sending anything
    #[command(subcommand)]
    Judge(judge::Command),
    /// Sending domains: keys and DNS records
    #[command(subcommand)]
    Domain(domain::Command),
    /// Write a consistent copy of the data directory, also while sending
    Backup(backup::Args),
    /// Make a data directory from a backup; it opens with sending held
    Restore(restore::Args),
    /// Let a restored or copied data directory send again
    Adopt(adopt::Args),
}

/// Does what the command line says.
pub(crate) async fn run(cli: Cli, output: &Output) -> Result<Exit, Failure> {
    let dir = cli.data.as_deref().unwrap_or(Path::new(DATA_DIR));
    match cli.command {
        Command::Import(args) => import::run(args, dir, output).await,
        Command::Contact(command) => contact::run(command, dir, output).await,
        Command::Suppress(command) => suppress::run(command, dir, output).await,
        Command::Judge(command) => judge::run(command, output),
        Command::Domain(command) => domain::run(command, dir, output).await,
        Command::Backup(args) => backup::run(args, dir, output).await,
        Command::Restore(args) => restore::run(args, dir, output),
        Command::Adopt(args) => adopt::run(args, dir, output).await,
    }
}

/// A path that means the same in the process that owns the directory.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::bad_input(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
