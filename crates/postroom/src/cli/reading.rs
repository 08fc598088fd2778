//! How reading commands open the ledger: settled first.
//!
//! A process that was killed leaves conversations between their last byte and their settlement. Whoever looks next and
//! finds no owner at work becomes the owner for a moment and settles them, so that no report says "in progress" of what
//! will never go on. Where that is not possible (an owner is at work, the disk is read-only) the ledger is read as it is.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::output::Output;
use crate::transport::idle_settings;
use std::path::Path;
use store::Durability;

/// Opens the ledger to read in it. `true`: another process is at work on it.
pub(crate) async fn settled(dir: &Path, output: &Output) -> Result<(Ledger, bool), Failure> {
    // Owning would make a ledger where there is none; reading says that there is none.
    drop(Ledger::read(dir)?);
    let is_owned = match Ledger::own(dir, Durability::Power) {
        Ok(ledger) => {
            if let Err(why) = engine::recover(&ledger.store, &idle_settings(), ledger.now()).await {
                output.note(format!("note: what a killed process left is not settled yet: {why}"));
            }
            false
        }
        Err(failure) => failure.exit == Exit::Refused,
    };
    Ok((Ledger::read(dir)?, is_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_stands_beside_an_owner_and_takes_its_place_when_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::of_this_process(true);
        let missing = settled(dir.path(), &output).await.map(|_| ()).unwrap_err();
        assert_eq!(missing.exit, Exit::BadInput);
        assert!(!dir.path().join("ledger.db").exists(), "asking makes no ledger");
        let owner = Ledger::own(dir.path(), Durability::Process).unwrap();
        assert!(settled(dir.path(), &output).await.unwrap().1);
        drop(owner);
        assert!(!settled(dir.path(), &output).await.unwrap().1);
        assert!(Ledger::own(dir.path(), Durability::Process).is_ok(), "nothing is held on to");
    }
}
