//! `postroom backup`: a consistent copy of the data directory, also while a campaign is being sent.
//!
//! The copy holds the ledger, the secrets and the list of erasures: whoever has it can sign in the domains' names, so
//! it belongs where keys belong. Invariant: an existing directory is never written into.

use super::absolute;
use crate::failure::{Exit, Failure};
use crate::order::{self, Order, number};
use crate::output::Output;
use indicatif::HumanBytes;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The new directory for the copy
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Open the copy again and check it
    #[arg(long)]
    verify: bool,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    if !dir.is_dir() {
        return Err(Failure::bad_input(format!("there is no data directory {}", dir.display())).advise("check --data"));
    }
    let order = Order::Backup { to: absolute(&args.to)?, verify: args.verify };
    let answer = order::place(dir, order, &mut |_| {}).await?;
    output.answer(&answer, || {
        let checked = if args.verify { ", opened again and checked" } else { "" };
        vec![
            format!("Backup written to {} ({}{checked}).", args.to.display(), HumanBytes(number(&answer, "bytes"))),
            "It holds the secret keys: keep it where keys belong.".to_owned(),
            format!("To use it: postroom restore {} --data NEW-DIR", args.to.display()),
        ]
    });
    Ok(Exit::Done)
}
