//! Mail that is handed over: a file, or standard input where the name is `-`.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, text};
use crate::output::Output;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What reads one message.
type Reads<T, E> = fn(&[u8]) -> Result<T, E>;

/// Takes in mail as it arrived: each file is read, by `read` and of at most `octets_max`, before the first is carried out as the
/// order that `ordered` makes of it. `told` says what the order did about which delivery.
pub(crate) async fn take_in<T, E: Display>(
    files: &[PathBuf],
    (octets_max, read): (usize, Reads<T, E>),
    ordered: fn(T) -> Order,
    told: fn(&str, &str) -> String,
    dir: &Path,
    output: &Output,
) -> Result<Exit, Failure> {
    // A ledger that is not there is a mistyped directory, not one to be made.
    drop(Ledger::read_to_change(dir).await?);
    let read = |file: &PathBuf| {
        let octets = read_file(file, octets_max)?;
        let known = read(&octets).map_err(|error| Failure::bad_input(format!("{}: {error}", file.display())))?;
        Ok(ordered(known))
    };
    let orders = files.iter().map(read).collect::<Result<Vec<Order>, Failure>>()?;
    for (file, order) in files.iter().zip(orders) {
        let answer = order::place(dir, order, &mut |_| {}).await.map_err(|failure| failure.about(file.display()))?;
        output.answer(&answer, || vec![told(text(&answer, "did"), text(&answer, "delivery"))]);
    }
    Ok(Exit::Done)
}

/// What a file holds, up to an octet more than `octets_max`: whoever reads it refuses what is too long.
fn read_file(file: &Path, octets_max: usize) -> Result<Vec<u8>, Failure> {
    let most = u64::try_from(octets_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut octets = Vec::new();
    let got = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut octets)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(most).read_to_end(&mut octets))
    };
    got.map_err(|error| Failure::bad_input(format!("{}: {error}", file.display())))?;
    Ok(octets)
}
