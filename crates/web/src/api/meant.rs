//! Which message another system tells of: by its name, or the last one that somebody had been sent.

use crate::extract;
use crate::problem::Problem;
use crate::{App, Caller};
use engine::returned;
use model::{DeliveryId, EmailAddress, Timestamp};

/// The delivery that is named, or the last one to the recipient that is named, before `at` (`None`: now).
pub(super) async fn meant(
    app: &App,
    caller: &Caller,
    (delivery, recipient): (Option<String>, Option<String>),
    at: Option<Timestamp>,
) -> Result<DeliveryId, Problem> {
    match (delivery, recipient) {
        (Some(text), None) => extract::id("delivery", &text),
        (None, Some(text)) => {
            let address = EmailAddress::parse(&text).map_err(|error| Problem::field("recipient", error.to_string()))?;
            let before = at.unwrap_or(app.now());
            let found = returned::latest_to(&app.store, caller.workspace, &address, before).await?;
            found.ok_or_else(|| Problem::not_found("message to", address))
        }
        _ => Err(Problem::field("delivery", "name the delivery or the recipient")),
    }
}
