//! Why a command did not do what was asked, for the person who asked.
//!
//! Apart because exit codes are a contract: scripts tell bad input from our own failure by them. Invariant: every
//! failure says what was not done and why, and, where there is something, what to do next.

use engine::import::ImportError;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use store::StoreError;

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Exit {
    /// What was asked is done; of a campaign: every recipient has a verdict.
    Done,
    /// Our own failure: disk, network of this machine, a defect.
    OwnFailure,
    /// What was given cannot be used: a file, an address, a name, an option.
    BadInput,
    /// Interrupted, or refused by a guard.
    Refused,
    /// Some recipients are still to be tried again.
    RetriesRemain,
}

impl Exit {
    /// The number the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::OwnFailure => 1,
            Exit::BadInput => 2,
            Exit::Refused => 3,
            Exit::RetriesRemain => 5,
        }
    }
}

/// A failure in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What the process ends with.
    pub(crate) exit: Exit,
    /// What was not done, and why.
    pub(crate) message: String,
    /// What to do; one line each.
    pub(crate) advice: Vec<String>,
}

impl Failure {
    /// Something given cannot be used.
    pub(crate) fn bad_input(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::BadInput, message: message.into(), advice: Vec::new() }
    }

    /// A guard says no.
    pub(crate) fn refused(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Refused, message: message.into(), advice: Vec::new() }
    }

    /// Our own failure: what was being done, and what came back.
    pub(crate) fn own(what: impl fmt::Display, why: impl fmt::Display) -> Failure {
        Failure { exit: Exit::OwnFailure, message: format!("{what}: {why}"), advice: Vec::new() }
    }

    /// Adds a line that says what to do.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Failure {
        self.advice.push(advice.into());
        self
    }

    /// Puts in front what the failure is about.
    pub(crate) fn about(mut self, what: impl fmt::Display) -> Failure {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Advice with the nearest names, if there are any.
    pub(crate) fn suggest(self, nearest: &[impl Borrow<str>]) -> Failure {
        match nearest {
            [] => self,
            names => self.advise(format!("did you mean {}?", names.join(" or "))),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.advice.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let exit = match &error {
            StoreError::NewerVersion { .. }
            | StoreError::OlderVersion { .. }
            | StoreError::NotALedger { .. }
            | StoreError::Empty { .. }
            | StoreError::Missing { .. }
            | StoreError::NotFound { .. } => Exit::BadInput,
            StoreError::AlreadyOwned { .. }
            | StoreError::Held
            | StoreError::Exists { .. }
            | StoreError::CampaignMove { .. }
            | StoreError::DeliveryMove { .. }
            | StoreError::Overtaken
            | StoreError::Forgotten
            | StoreError::Refused(_) => Exit::Refused,
            _ => Exit::OwnFailure,
        };
        Failure { exit, message: error.to_string(), advice: Vec::new() }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Failure {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Read(_) | ImportError::Rejects { .. } => {
                Failure { exit: Exit::OwnFailure, message: error.to_string(), advice: Vec::new() }
            }
            other => Failure::bad_input(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_what_why_and_what_to_do() {
        let failure = Failure::bad_input("it is a folder").about("cannot import lists").advise("name a file in it");
        assert_eq!(failure.to_string(), "cannot import lists: it is a folder\n  name a file in it");
        assert_eq!(failure.exit.code(), 2);
    }
}
