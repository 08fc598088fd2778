//! Measures what the release binary costs: `cargo xtask bench send | import | sim | engage | segments | pages | sign`.
//!
//! A package of its own because it links the cryptography kit (for the bare signature), which `cargo xtask test` must
//! not wait for. It never gates a test: it prints figures, for a person and as one JSON line. It drives the binary as
//! an operator would; nothing is measured from inside.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its standard streams")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod audience;
mod backlog;
mod beside;
mod directory;
mod engage;
mod figures;
mod http;
mod import;
mod ledger;
mod options;
mod pages;
mod process;
mod segments;
mod send;
mod server;
mod sign;
mod simulation;
mod sink;

use anyhow::{Result, bail};
use options::Options;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask bench WHAT [options]

    send     a signed campaign from ledger to sink, over few and over many domains, with both durabilities
               --recipients N (50000)  --many N (200000, recipients and domains of the second run; 0: leave it out)
               --connections N (40)    --durability power,process    --runs N (1; of more, the medians as well)
    backlog  the same over few domains with millions queued in the ledger and without, in turn, and a restart
               --behind N (5000000)    --recipients N (50000)  --runs N (5)  --connections N (40)  --durability power
    import   a CSV file into an empty ledger            --rows N (1000000)
    sim      the simulated internet                     --people N (100000)
    engage   opens and clicks at a server, beside a handler that does nothing
               --recipients N (2000)  --connections N (16)  --seconds N (10)  --runs N (1)
    segments a rule over people and what they did, and one person's timeline
               --people N (1000000)  --events N (20000000)  --runs N (5)
    beside   a campaign alone, and the same while a million rows are imported over the API
               --recipients N (400000)  --rows N (1000000)  --runs N (3)
    pages    the pages over a large store, quiet and while a campaign is sent, and what watching it reads
               --people N (1000000)
    sign     the bare RSA-2048 signature, on every core --seconds N (3)
    sink     only the fast sink and its DNS answers, until standard input ends
               --sites N (10)  --smtp-port N  --dns-port N (0: any free port)
    all      send, import, sim
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let (what, rest) = match arguments.split_first() {
        Some((what, rest)) => (what.as_str(), rest),
        None => ("help", arguments),
    };
    let options = Options::read(rest)?;
    match what {
        "send" => send::run(&options),
        "backlog" => backlog::run(&options),
        "import" => import::run(&options),
        "engage" => engage::run(&options),
        "segments" => segments::run(&options),
        "beside" => beside::run(&options),
        "pages" => pages::run(&options),
        "sim" => simulation::run(&options),
        "sign" => sign::run(&options),
        "sink" => sink::run(&options),
        "all" => [send::run, import::run, simulation::run].iter().try_for_each(|part| part(&options)),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("there is no benchmark `{other}`\n\n{HELP}"),
    }
}
