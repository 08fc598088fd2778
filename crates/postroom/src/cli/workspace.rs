//! `postroom workspace`: how large each tenant's share is, and how much it may send at most.

use crate::allot::{self, Allot};
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, number, text};
use crate::output::Output;
use dispatch::share::WEIGHT_MAX;
use model::{Ceilings, in_quotes};
use std::path::Path;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Every workspace: its weight among the others, and its ceilings
    List,
    /// Bound what a workspace sends, over all sites and sources; ceilings not named are lifted
    Limit {
        /// Its name, or its id (w_…)
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        ceilings: CeilingArgs,
    },
    /// Set the share of a workspace where several have mail for one site [new ones: 100]
    Weight {
        /// Its name, or its id (w_…)
        #[arg(value_name = "NAME")]
        name: String,
        /// From 1 to 1000: twice the weight is twice the share
        #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(WEIGHT_MAX)))]
        weight: u32,
    },
}

/// Ceilings at the command line.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct CeilingArgs {
    /// Connections at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// Messages that one connection carries
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_connection: Option<u32>,
    /// New connections a minute
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connects_per_minute: Option<u32>,
    /// Messages a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_second: Option<u32>,
    /// Messages an hour
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_hour: Option<u32>,
    /// Messages a day (UTC)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_day: Option<u32>,
    /// Lift them all
    #[arg(long, conflicts_with_all = ["connections", "per_connection", "connects_per_minute", "per_second", "per_hour", "per_day"])]
    none: bool,
}

impl CeilingArgs {
    /// What was named; what was not is without bound.
    pub(crate) fn read(&self) -> Ceilings {
        Ceilings {
            connections: self.connections,
            per_connection: self.per_connection,
            connects_per_minute: self.connects_per_minute,
            messages_per_second: self.per_second,
            messages_per_hour: self.per_hour,
            messages_per_day: self.per_day,
        }
    }
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let order = match command {
        Command::List => {
            for workspace in allot::workspaces(&Ledger::read(dir)?).await? {
                output.answer(&workspace, || {
                    vec![format!(
                        "{}  ·  weight {}  ·  {}",
                        text(&workspace, "workspace"),
                        number(&workspace, "weight"),
                        at_most(text(&workspace, "says"))
                    )]
                });
            }
            return Ok(Exit::Done);
        }
        Command::Limit { name, ceilings } => Allot::LimitWorkspace { name, ceilings: ceilings.read() },
        Command::Weight { name, weight } => Allot::Weigh { name, weight },
    };
    let answer = order::place(dir, Order::Allot(order), &mut |_| {}).await?;
    output.answer(&answer, || {
        let (name, weight) = (in_quotes(text(&answer, "workspace")), number(&answer, "weight"));
        vec![format!("Workspace {name} now has the weight {weight} and sends {}.", at_most(text(&answer, "says")))]
    });
    Ok(Exit::Done)
}

/// Ceilings in words, after "sends".
pub(crate) fn at_most(says: &str) -> String {
    if says.is_empty() { "without a ceiling of its own".to_owned() } else { format!("at most {says}") }
}
