//! `postroom restore`: a data directory from a backup.
//!
//! What was sent after the backup is not in it, so the directory opens with sending held until somebody has looked
//! and adopted it. Invariant: a directory that holds a ledger is never written into.

use crate::failure::{Exit, Failure};
use crate::output::Output;
use serde_json::json;
use std::path::{Path, PathBuf};
use store::Store;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup
    #[arg(value_name = "BACKUP-DIR")]
    from: PathBuf,
}

pub(crate) fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    Store::restore(&args.from, dir)?;
    output.answer(&json!({ "restored": dir, "from": args.from, "held": true }), || {
        let data = dir.display();
        vec![
            format!("Restored into {data}. Sending is held: what was sent after the backup is not in it."),
            format!("Look at what was live:   postroom campaigns --data {data}"),
            format!("Then let it send again:  postroom adopt --data {data}"),
        ]
    });
    Ok(Exit::Done)
}
