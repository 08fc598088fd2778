//! `postroom replies`: takes in what recipients write back.
//!
//! Every file is one reply as it arrived; `-` is standard input, so that a mail server can hand over what comes to the
//! address that answers go to. All are read before the first is carried out; the same reply twice counts once.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, text};
use crate::output::Output;
use crate::upload::read_file;
use mail::letter::{LETTER_OCTETS_MAX, Letter, read};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Replies, each as it arrived; - for standard input
    #[arg(value_name = "FILE|-", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    // A ledger that is not there is a mistyped directory, not one to be made.
    drop(Ledger::read_to_change(dir).await?);
    let letters = args.files.iter().map(|file| read_letter(file)).collect::<Result<Vec<Letter>, Failure>>()?;
    for (file, letter) in args.files.iter().zip(letters) {
        let order = Order::Reply { letter: Box::new(letter) };
        let answer = order::place(dir, order, &mut |_| {}).await.map_err(|failure| failure.about(file.display()))?;
        let about = text(&answer, "delivery").to_owned();
        output.answer(&answer, || {
            vec![match text(&answer, "did") {
                "replied" => format!("{about}: the recipient replied. It is on their timeline, and counted."),
                "repeated" => format!("{about}: this reply was known already. It counts once."),
                "unsubscribed" => format!("{about}: the recipient wants no more of it and is unsubscribed."),
                _ => format!("{about}: a machine answered. It is not counted."),
            }]
        });
    }
    Ok(Exit::Done)
}

fn read_letter(file: &Path) -> Result<Letter, Failure> {
    let octets = read_file(file, LETTER_OCTETS_MAX)?;
    read(&octets).map_err(|error| Failure::bad_input(format!("{}: {error}", file.display())))
}
