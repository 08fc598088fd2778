//! The command line: one file per command, each reading its arguments, doing one thing and showing the answer.
//!
//! Options that every command knows stand here. Reading commands open the ledger beside whoever owns it; writing ones
//! place an order (see `order`). Invariant: a command returns its exit code or a failure; it never ends the process.

pub(crate) mod adopt;
pub(crate) mod alert;
pub(crate) mod backup;
pub(crate) mod campaign;
pub(crate) mod compare;
mod complaints;
pub(crate) mod contact;
pub(crate) mod demo;
pub(crate) mod domain;
pub(crate) mod doubt;
pub(crate) mod events;
pub(crate) mod guard;
pub(crate) mod hold;
pub(crate) mod host;
pub(crate) mod import;
pub(crate) mod judge;
pub(crate) mod key;
pub(crate) mod lanes;
pub(crate) mod migrate;
pub(crate) mod origins;
mod part;
pub(crate) mod pool;
pub(crate) mod reading;
pub(crate) mod reload;
mod replies;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod resume;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod simulate;
pub(crate) mod source;
pub(crate) mod sunset;
pub(crate) mod suppress;
pub(crate) mod tls_reports;
pub(crate) mod user;
pub(crate) mod why;
pub(crate) mod workspace;

use crate::failure::{Exit, Failure};
use crate::output::Output;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Where the ledger is when nothing else is said.
pub(crate) const DATA_DIR: &str = "./postroom-data";

/// Takes a message and an audience, and gives a verdict for every recipient.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The data directory; it holds everything Postroom remembers [default: ./postroom-data; demo: ./postroom-demo]
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
    /// Send a sample campaign through a simulated internet and show what became of everybody
    Demo(demo::Args),
    /// Send a message to the people of a CSV file
    Send(Box<send::Args>),
    /// Go on with what was interrupted, or with a paused campaign
    Resume(resume::Args),
    /// Stop starting anything of a campaign
    Pause(campaign::PauseArgs),
    /// End a campaign for good
    Cancel(campaign::CancelArgs),
    /// Choose the variant of a message that everybody gets who is not in the sample
    Choose(campaign::ChooseArgs),
    /// Send once more to those nobody knows about
    Resend(campaign::ResendArgs),
    /// The people of whom nobody knows whether they got their copy: who, what somebody found out, once more
    #[command(subcommand)]
    Doubt(doubt::Command),
    /// What is under way
    Status(campaign::StatusArgs),
    /// Hold part of the work: a provider, a domain, a source, the people who have not reacted for long
    Hold(Box<hold::Args>),
    /// The addresses mail leaves from
    #[command(subcommand)]
    Source(source::Command),
    /// Which sources carry which kind of mail
    #[command(subcommand)]
    Pool(pool::Command),
    /// Why mail goes as fast as it does: limits found, holds, budgets, each with its reason
    Lanes(lanes::Args),
    /// Import people from a CSV file
    Import(import::Args),
    /// Move in from another platform with its export files
    Migrate(migrate::Args),
    /// Show, change, export or forget a person
    #[command(subcommand)]
    Contact(contact::Command),
    /// Addresses and domains that must not be mailed
    #[command(subcommand)]
    Suppress(suppress::Command),
    /// Where people came from, whose addresses do the harm, and the end of mailing them
    Origins(origins::Args),
    /// Who did nothing for long: a proposal, putting them to rest, and waking them
    Sunset(sunset::Args),
    /// Take in reports of complaints, as feedback loops send them
    Complaints(complaints::Args),
    /// Take in what recipients write back
    Replies(replies::Args),
    /// What became of a campaign, and of its people
    Report(report::Args),
    /// Every campaign in a line, oldest first
    Campaigns,
    /// The event log as JSON lines, to its end or as it happens
    Events(events::Args),
    /// What happened to a person's mail, whose problem it is, and what can be done
    Why(why::Args),
    /// What came of encryption at domains with a policy, day by day, as it is reported to them
    TlsReports(tls_reports::Args),
    /// Judge replies of mail servers without sending anything
    #[command(subcommand)]
    Judge(judge::Command),
    /// What holds for every campaign, such as the postal address
    Settings(settings::Args),
    /// The tenants: how large each one's share is, and how much it may send
    #[command(subcommand)]
    Workspace(workspace::Command),
    /// The simulated receivers on loopback sockets, for any mail program
    Simulate(simulate::Args),
    /// Sending domains: keys and DNS records
    #[command(subcommand)]
    Domain(domain::Command),
    /// The names under which links of messages are answered
    #[command(subcommand)]
    Host(host::Command),
    /// The pages, the HTTP API and the engine, as a service over the data directory, with a sandbox to try them in
    Serve(Box<serve::Args>),
    /// Read again what may change while mail goes out: certificate, providers.toml, rules.toml, sources and pools
    Reload,
    /// Who may sign in
    #[command(subcommand)]
    User(user::Command),
    /// Keys by which programs use the API
    #[command(subcommand)]
    Key(key::Command),
    /// What is wrong, and who is told of it
    #[command(subcommand)]
    Alert(alert::Command),
    /// Write a consistent copy of the data directory, also while sending
    Backup(backup::Args),
    /// Make a data directory from a backup; it opens with sending held
    Restore(restore::Args),
    /// Let a held data directory send again: one that was restored, copied, or lost its in-flight file
    Adopt(adopt::Args),
}

/// Does what the command line says.
pub(crate) async fn run(cli: Cli, output: &Output) -> Result<Exit, Failure> {
    let dir = cli.data.as_deref().unwrap_or(Path::new(DATA_DIR));
    match cli.command {
        Command::Demo(args) => demo::run(args, cli.data.as_deref(), output).await,
        Command::Send(args) => Box::pin(send::run(*args, dir, output)).await,
        Command::Resume(args) => Box::pin(resume::run(args, dir, output)).await,
        Command::Pause(args) => campaign::pause(args, dir, output).await,
        Command::Cancel(args) => campaign::cancel(args, dir, output).await,
        Command::Choose(args) => campaign::choose(args, dir, output).await,
        Command::Resend(args) => campaign::resend(args, dir, output).await,
        Command::Doubt(command) => doubt::run(command, dir, output).await,
        Command::Status(args) => campaign::status(args, dir, output).await,
        Command::Settings(args) => settings::run(args, dir, output).await,
        Command::Workspace(command) => workspace::run(command, dir, output).await,
        Command::Simulate(args) => simulate::run(args, output).await,
        Command::Import(args) => import::run(args, dir, output).await,
        Command::Migrate(args) => migrate::run(args, dir, output).await,
        Command::Contact(command) => contact::run(command, dir, output).await,
        Command::Suppress(command) => suppress::run(command, dir, output).await,
        Command::Sunset(args) => sunset::run(args, dir, output).await,
        Command::Complaints(args) => complaints::run(args, dir, output).await,
        Command::Replies(args) => replies::run(args, dir, output).await,
        Command::Hold(args) => hold::run(*args, dir, output).await,
        Command::Source(command) => source::run(command, dir, output).await,
        Command::Pool(command) => pool::run(command, dir, output).await,
        Command::Lanes(args) => lanes::run(args, dir, output).await,
        Command::Origins(args) => origins::run(args, dir, output).await,
        Command::Events(args) => events::run(args, dir, output).await,
        Command::Reload => reload::run(dir, output).await,
        Command::Report(args) => report::run(args, dir, output).await,
        Command::Campaigns => report::campaigns(dir, output).await,
        Command::Why(args) => why::run(args, dir, output).await,
        Command::TlsReports(args) => tls_reports::run(args, dir, output).await,
        Command::Judge(command) => judge::run(command, dir, output),
        Command::Domain(command) => domain::run(command, dir, output).await,
        Command::Serve(args) => Box::pin(serve::run(*args, dir, output)).await,
        Command::User(command) => user::run(command, dir, output).await,
        Command::Alert(command) => alert::run(command, dir, output).await,
        Command::Host(command) => host::run(command, dir, output).await,
        Command::Key(command) => key::run(command, dir, output).await,
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
