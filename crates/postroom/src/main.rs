//! The `postroom` binary: reads the command line, does what it says, and answers with an exit code.
//!
//! What a command does stands in `cli/`, one file per command. Exit codes are those of [`failure::Exit`]; a failure is
//! told in three parts (what, why, what to do), never as a stack trace.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarms;
mod allot;
mod campaigner;
mod cli;
mod control;
mod ending;
mod evidence;
mod failure;
mod holding;
mod hosts;
mod ledger;
mod listen;
mod log_history;
mod moment;
mod moving;
mod notify;
mod order;
mod output;
mod owner;
mod people;
mod progress;
mod reloading;
mod sample;
mod sandbox;
mod service;
mod shift;
mod show;
mod stage;
mod transport;
mod upload;
mod ways_out;
mod which;

use clap::Parser;
use failure::{Exit, Failure};
use output::Output;
use std::process::ExitCode;

/// A recipient's message is some fifty short-lived allocations on one thread, freed on another: the system's allocator
/// spends a twentieth of a campaign's CPU on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = Output::of_this_process(cli.json);
    let done = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        // Behind a pointer: the runtime has several loops to block in, and each would hold a copy of the whole program.
        Ok(runtime) => runtime.block_on(Box::pin(cli::run(cli, &output)) as net::BoxFuture<'_, _>),
        Err(error) => Err(Failure::own("the program could not start its threads", error)),
    };
    let exit = done.and_then(|exit| output.finish().map(|()| exit)).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit
    });
    exit.into()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
