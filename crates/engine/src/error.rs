//! What can keep a campaign from being sent, in words a person can act on.

use crate::guard::Objection;
use store::StoreError;

/// Why a campaign cannot be sent as asked.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The relay's URL cannot be used.
    #[error("the relay {url:?} cannot be used: {why}")]
    Relay {
        /// As given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The message cannot be sent as written.
    #[error("{file}: {why}")]
    Message {
        /// The message file.
        file: String,
        /// Line, column and what to do.
        why: String,
    },
    /// Something given is wrong.
    #[error("{0}")]
    Input(String),
    /// A guard refuses; the text says what may be done.
    #[error("{0}")]
    Guard(String),
    /// Strangers are not protected from it.
    #[error("{}", told(.0))]
    Objections(Vec<Objection>),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<mail::compose::RenderError> for SendError {
    fn from(why: mail::compose::RenderError) -> SendError {
        SendError::Input(why.to_string())
    }
}

fn told(objections: &[Objection]) -> String {
    objections.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
