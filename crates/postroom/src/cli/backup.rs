//! `postroom backup`: a consistent copy of the data directory, also while a campaign is being sent.
//!
//! The copy holds the ledger, the secrets and the list of erasures: whoever has it can sign in the domains' names, so
//! it belongs where keys belong. Invariant: an existing directory is never written into.

use super::absolute;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, number};
use crate::output::Output;
use indicatif::HumanBytes;
use serde_json::{Value, json};
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
    let answer = match order::place(dir, order, &mut |_| {}).await {
        Err(failure) if failure.exit == Exit::OwnFailure => {
            let read = by_reading(dir, &args, output).await;
            read.ok_or(failure)?
        }
        placed => placed?,
    };
    let is_checked = answer["verified"] == true;
    output.answer(&answer, || {
        let checked = if is_checked { ", opened again and checked" } else { "" };
        vec![
            format!("Backup written to {} ({}{checked}).", args.to.display(), HumanBytes(number(&answer, "bytes"))),
            "It holds the secret keys: keep it where keys belong.".to_owned(),
            format!("To use it: postroom restore {} --data NEW-DIR", args.to.display()),
        ]
    });
    Ok(Exit::Done)
}

/// Where nothing can be written, on a full disk above all, what is there can be read still. The copy is checked whether that was
/// asked for or not: what is wrong with a disk may be wrong with the ledger. `None`: it cannot be had this way either.
async fn by_reading(dir: &Path, args: &Args, output: &Output) -> Option<Value> {
    let ledger = Ledger::read(dir).ok()?;
    let report = ledger.store.backup(&args.to, true, &ledger.actor, ledger.now()).await.ok()?;
    output.note("nothing can be written in the data directory now; what is in it was read, and the copy checked");
    Some(json!({ "backup": args.to, "bytes": report.bytes, "verified": report.verified }))
}
