//! `postroom complaints`: takes in reports of complaints, as feedback loops send them.
//!
//! Every file is one report as it arrived; `-` is standard input, so that a mail server can hand over what comes to the
//! address of the loop. All are read before the first is carried out; the same report twice counts once.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, text};
use crate::output::Output;
use crate::upload::read_file;
use mail::complaint::{REPORT_OCTETS_MAX, Report, read};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Reports (ARF, RFC 5965), each as it arrived; - for standard input
    #[arg(value_name = "FILE|-", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    // A ledger that is not there is a mistyped directory, not one to be made.
    drop(Ledger::read_to_change(dir).await?);
    let reports = args.files.iter().map(|file| read_report(file)).collect::<Result<Vec<Report>, Failure>>()?;
    for (file, report) in args.files.iter().zip(reports) {
        let order = Order::Complaint { report: Box::new(report) };
        let answer = order::place(dir, order, &mut |_| {}).await.map_err(|failure| failure.about(file.display()))?;
        let about = text(&answer, "delivery").to_owned();
        output.answer(&answer, || {
            vec![match text(&answer, "did") {
                "complained" => {
                    format!("{about}: the recipient complained and gets no more marketing mail. It is counted.")
                }
                "repeated" => format!("{about}: this complaint was known already. It counts once."),
                "unsubscribed" => format!("{about}: the recipient wants no more of it and is unsubscribed."),
                _ => format!("{about}: the report is no complaint. Nothing was done."),
            }]
        });
    }
    Ok(Exit::Done)
}

fn read_report(file: &Path) -> Result<Report, Failure> {
    let octets = read_file(file, REPORT_OCTETS_MAX)?;
    read(&octets).map_err(|error| Failure::bad_input(format!("{}: {error}", file.display())))
}
