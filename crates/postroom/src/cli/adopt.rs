//! `postroom adopt`: a data directory that is held may send again: one that was restored or copied, or that lost its
//! in-flight file.
//!
//! Two directories that both believe they are the one would mail everybody twice; so a copy waits for a person to say
//! that it is now the one. People forgotten since the backup are forgotten again.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order};
use crate::output::Output;
use crate::show::command;
use serde_json::Value;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    if !dir.is_dir() {
        return Err(Failure::bad_input(format!("there is no data directory {}", dir.display())).advise("check --data"));
    }
    if let Ok(ledger) = Ledger::read(dir) {
        ledger.tell_if_held(output);
    }
    if !args.yes {
        output.confirm("No other copy of this directory may go on sending. Type adopt to go on: ", "adopt")?;
    }
    let answer = order::place(dir, Order::Adopt, &mut |_| {}).await?;
    output.answer(&answer, || {
        let adopted = answer.get("adopted").and_then(Value::as_bool) == Some(true);
        vec![if adopted {
            format!("Adopted: campaigns may be resumed ({}).", command(dir, "resume"))
        } else {
            "This directory was not held: nothing to do.".to_owned()
        }]
    });
    Ok(Exit::Done)
}
