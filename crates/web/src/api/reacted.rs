//! What was done with one message, as deliveries and single messages show it.

use crate::App;
use crate::problem::Problem;
use crate::shape::Time;
use model::reaction::Doer;
use model::{DeliveryId, WorkspaceId};
use serde::Serialize;
use utoipa::ToSchema;

/// The latest that are shown; more of one message are machines that come again and again.
const SHOWN_MAX: usize = 100;

/// Something that was done with a message.
#[derive(Serialize, ToSchema)]
pub(super) struct Reacted {
    /// When.
    at: Time,
    /// `opened`, `clicked`, `replied`, `complained`, `unsubscribed`, or `custom`: told by another system.
    what: &'static str,
    /// By whom: `person`, `unsure` or `machine`. An open by a person is a direction and no more; a click is intent.
    by: &'static str,
    /// How sure it is that a machine did it, 0 to 100; later evidence may change it.
    machine_score: u8,
    /// Which link, from 1; 0 is the one that only machines see.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<u32>,
}

impl From<store::Reacted> for Reacted {
    fn from(known: store::Reacted) -> Reacted {
        Reacted {
            at: known.at.into(),
            what: known.kind.word(),
            by: match Doer::of(known.score) {
                Doer::Person => "person",
                Doer::Unsure => "unsure",
                Doer::Machine => "machine",
            },
            machine_score: known.score,
            link: known.link,
        }
    }
}

/// What was done with a message, newest first.
pub(super) async fn reacted(app: &App, of: WorkspaceId, delivery: DeliveryId) -> Result<Vec<Reacted>, Problem> {
    let found = app.store.reactions_of(of, delivery, SHOWN_MAX).await?;
    Ok(found.into_iter().map(Reacted::from).collect())
}
