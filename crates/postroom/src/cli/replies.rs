//! `postroom replies`: takes in what recipients write back.
//!
//! Every file is one reply as it arrived; `-` is standard input, so that a mail server can hand over what comes to the
//! address that answers go to. All are read before the first is carried out; the same reply twice counts once.

use crate::failure::{Exit, Failure};
use crate::order::Order;
use crate::output::Output;
use crate::upload::take_in;
use mail::letter::{LETTER_OCTETS_MAX, read};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Replies, each as it arrived; - for standard input
    #[arg(value_name = "FILE|-", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let ordered = |letter| Order::Reply { letter: Box::new(letter) };
    take_in(&args.files, (LETTER_OCTETS_MAX, read), ordered, told, dir, output).await
}

fn told(did: &str, about: &str) -> String {
    match did {
        "replied" => format!("{about}: the recipient replied. It is on their timeline, and counted."),
        "repeated" => format!("{about}: this reply was known already. It counts once."),
        "unsubscribed" => format!("{about}: the recipient wants no more of it and is unsubscribed."),
        _ => format!("{about}: a machine answered. It is not counted."),
    }
}
