//! `postroom origins`: where people came from, whose addresses do the harm, and the end of mailing them.

use crate::failure::{Exit, Failure};
use crate::order::{self, Order};
use crate::output::Output;
use crate::show::{Style, origins};
use model::origin::Origin;
use serde_json::Value;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Stop mailing whoever came from there, in campaigns that run as well
    Stop(Change),
    /// Mail them again
    Allow(Change),
}

#[derive(Debug, clap::Args)]
struct Change {
    /// import:ID, lead_source:NAME, consent:NAME or key:ID, as the list shows it
    #[arg(value_name = "ORIGIN")]
    origin: Origin,
    /// Why; it is kept in the log
    #[arg(long, value_name = "TEXT")]
    because: String,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (order, says) = match args.command {
        None => return list(dir, output).await,
        Some(Command::Stop(Change { origin, because })) => {
            let says = format!("Nobody who came from {origin} is mailed from now on.");
            (Order::StopOrigin { origin, because }, says)
        }
        Some(Command::Allow(Change { origin, because })) => {
            let says = format!("Whoever came from {origin} is mailed again. Who was skipped meanwhile stays skipped.");
            (Order::AllowOrigin { origin, because }, says)
        }
    };
    let answer = order::place(dir, order, &mut |_| {}).await?;
    let changed = answer.get("changed").and_then(Value::as_bool).unwrap_or_default();
    output.answer(&answer, || vec![if changed { says } else { "It was so already.".to_owned() }]);
    Ok(Exit::Done)
}

async fn list(dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (ledger, _) = super::reading::settled(dir, output).await?;
    let style = Style::of_this_process(output, dir, ledger.now());
    let told = engine::origins::origins(&ledger.store, ledger.workspace).await?;
    output.answer(&told, || origins::list(&told, &style));
    Ok(Exit::Done)
}
