//! Is the process there, and can it work?

use crate::App;
use crate::problem::{Code, Problem};
use axum::extract::State;

/// The process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The ledger answers and takes what is recorded.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.store.workspace(model::WorkspaceId::FIRST).await.map_err(|_| Problem::from(Code::Unavailable))?;
    Ok("ready\n")
}
