//! `postroom complaints`: takes in reports of complaints, as feedback loops send them.
//!
//! Every file is one report as it arrived; `-` is standard input, so that a mail server can hand over what comes to the
//! address of the loop. All are read before the first is carried out; the same report twice counts once.

use crate::failure::{Exit, Failure};
use crate::order::Order;
use crate::output::Output;
use crate::upload::take_in;
use mail::complaint::{REPORT_OCTETS_MAX, read};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Reports (ARF, RFC 5965), each as it arrived; - for standard input
    #[arg(value_name = "FILE|-", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let ordered = |report| Order::Complaint { report: Box::new(report) };
    take_in(&args.files, (REPORT_OCTETS_MAX, read), ordered, told, dir, output).await
}

fn told(did: &str, about: &str) -> String {
    match did {
        "complained" => format!("{about}: the recipient complained and gets no more marketing mail. It is counted."),
        "repeated" => format!("{about}: this complaint was known already. It counts once."),
        "unsubscribed" => format!("{about}: the recipient wants no more of it and is unsubscribed."),
        _ => format!("{about}: the report is no complaint. Nothing was done."),
    }
}
