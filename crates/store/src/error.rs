//! What can go wrong in the ledger: one closed list, each text saying what to do.
//!
//! Apart because every caller has to tell "try again later" (a full disk) from "you may not" (a second owner) from "this
//! cannot be" (a broken file). Invariant: an error means that nothing of the refused request was written.

use model::{CampaignState, DeliveryId, in_quotes};
use std::path::PathBuf;

/// Why the ledger did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the data directory.
    #[error(
        "another postroom process is using {}; stop it first, or let it do the work (status, pause, resume, cancel and suppress reach it by themselves)",
        dir.display()
    )]
    AlreadyOwned {
        /// The directory.
        dir: PathBuf,
    },
    /// The ledger was written by a newer program.
    #[error(
        "{} was written by a newer postroom (schema {found}, this one knows {known}); use that version, or restore the backup it made before migrating",
        path.display()
    )]
    NewerVersion {
        /// The ledger file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// The ledger was written by an older program, and a reader does not bring it up to date.
    #[error(
        "{} has an older form (schema {found}, this postroom reads {known}); start postroom serve, or run any command that changes something: it is brought up to date then, with a copy kept beside it",
        path.display()
    )]
    OlderVersion {
        /// The ledger file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// The file is not a ledger of ours.
    #[error(
        "{} is not a Postroom ledger, and stays as it is; choose another data directory (--data), or put the ledger back from a backup: postroom restore",
        path.display()
    )]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The file is there and holds nothing.
    #[error(
        "{} is empty: there is nothing in it to read. If this directory was in use, put the ledger back from a backup (postroom restore); if it never was, remove the file, or choose another data directory (--data)",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There is no ledger where one was to be read.
    #[error("there is no Postroom ledger in {}; check --data", dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// No room: the disk or the configured size is full.
    #[error(
        "the disk holding the ledger is full; nothing was lost. Free some space: a send under way goes on by itself, anything else is done by running the same command again"
    )]
    Full,
    /// The operating system failed to read or write.
    #[error("the ledger could not be read or written: {0}; check the disk and who may write there, then start again")]
    Io(#[source] std::io::Error),
    /// The file is damaged.
    #[error("the ledger is damaged ({0}); stop, and restore the last backup: postroom restore")]
    Corrupt(String),
    /// The handle was opened for reading.
    #[error("this directory was opened for reading only; another process owns it")]
    ReadOnly,
    /// The owner has stopped.
    #[error("the ledger is closed")]
    Closed,
    /// The directory is a copy, was restored or lost its in-flight file, and nobody has adopted it yet.
    #[error(
        "sending is held in this data directory: it is a copy, was restored, or its in-flight file is gone or damaged (postroom \
         status says which). Look at what was live, then: postroom adopt"
    )]
    Held,
    /// Nothing has that name or number.
    #[error("there is no {what} {}", in_quotes(.name))]
    NotFound {
        /// "campaign", "contact", "import", …
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The name is taken.
    #[error("there is a {what} {} already", in_quotes(.name))]
    Exists {
        /// "campaign", …
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A campaign cannot go from one state to the other.
    #[error("a campaign that is {from} cannot become {to}")]
    CampaignMove {
        /// Where it stands.
        from: CampaignState,
        /// Where it was to go.
        to: CampaignState,
    },
    /// A delivery cannot be moved so.
    #[error("{delivery} cannot be moved: {why}")]
    DeliveryMove {
        /// Which.
        delivery: DeliveryId,
        /// In words.
        why: String,
    },
    /// Whoever has the address was forgotten at their own wish.
    #[error(
        "whoever has this address was forgotten at their own wish, and is not taken in again; should they come back of their own accord, they sign up themselves, with another address"
    )]
    Forgotten,
    /// It does not stand any more as whoever asks for a change has seen it.
    #[error("it was changed since you looked; look again")]
    Overtaken,
    /// A rule of the house forbids it.
    #[error("{0}")]
    Refused(String),
    /// Anything else SQLite says.
    #[error("the ledger failed: {0}")]
    Sql(rusqlite::Error),
}

/// The result of a verb of the ledger.
pub type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    /// Will the same request succeed once the outside world has changed (room on the disk)?
    pub const fn is_transient(&self) -> bool {
        matches!(self, StoreError::Full | StoreError::Io(_))
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> StoreError {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
            _ => StoreError::Io(error),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
            Some(ErrorCode::SystemIoFailure) => StoreError::Io(std::io::Error::other(error)),
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
            _ => StoreError::Sql(error),
        }
    }
}
