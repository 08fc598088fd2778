//! `postroom adopt`: a restored or copied data directory may send again.
//!
//! Two directories that both believe they are the one would mail everybody twice; so a copy waits for a person to say
//! that it is now the one. People forgotten since the backup are forgotten again.

use crate::failure::{Exit, Failure};
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
