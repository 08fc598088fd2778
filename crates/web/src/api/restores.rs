//! Contacts brought back from `error` in bulk: looked at first, then done with a reason.

use super::suppressions::{Refusals, check_reason};
use crate::extract::Input;
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use model::ErrorCause;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use store::{LiftFilter, RestoreFilter, RestorePreview};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(restore))
}

/// Why contacts are in `error`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RestoredCause {
    /// Their mail was put off in too many mailings in a row.
    SoftBounceLimit,
    /// Their mail was refused in too many mailings in a row.
    Refused,
}

/// Which contacts in `error` to bring back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// Why they are there.
    cause: RestoredCause,
    /// The provider whose answers put them there (`google`).
    #[serde(default)]
    provider: Option<String>,
    /// The reply or enhanced code (`451`, `4.2.2`).
    #[serde(default)]
    code: Option<String>,
    /// Put there not earlier than.
    #[serde(default)]
    since: Option<Time>,
    /// Put there earlier than.
    #[serde(default)]
    until: Option<Time>,
    /// Why; it is kept in the audit log, and on each timeline.
    reason: String,
    /// Only look.
    #[serde(default)]
    dry_run: bool,
}

/// Who was brought back, or would be.
#[derive(Serialize, ToSchema)]
struct RestoredContacts {
    /// How many.
    restored: u64,
    /// Was it only looked at?
    dry_run: bool,
    /// By the provider and the reply that did it, most first, at most 100; of what was only looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<Refusals>,
    /// Addresses of some, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sample: Vec<String>,
}

/// Bring contacts back from `error` in bulk.
///
/// For those whose mail was put off or refused too often, by an answer that was wrong. Bounces are lifted by
/// `/suppressions/lift-many`; who opted out, complained or was put there by hand is never touched.
#[utoipa::path(post, path = "/contacts/restore", tag = "contacts", request_body = Restore,
    responses((status = 200, body = RestoredContacts)))]
async fn restore(
    State(app): State<App>,
    caller: Caller,
    Input(asked): Input<Restore>,
) -> Result<Json<RestoredContacts>, Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    check_reason(&asked.reason)?;
    let (provider, code) = (asked.provider, asked.code);
    let (since, until) = (asked.since.map(|time| time.0), asked.until.map(|time| time.0));
    let filter = RestoreFilter {
        cause: match asked.cause {
            RestoredCause::SoftBounceLimit => ErrorCause::SoftBounceLimit,
            RestoredCause::Refused => ErrorCause::Refused,
        },
        evidence: LiftFilter { provider, code, since, until, provisional_only: false },
    };
    let told = match asked.dry_run {
        true => app.store.restore_preview(caller.workspace, filter).await?,
        false => {
            let (actor, now) = (&caller.actor, app.now());
            let count = app.store.restore_contacts(caller.workspace, filter, &asked.reason, actor, now).await?;
            RestorePreview { count, ..RestorePreview::default() }
        }
    };
    let groups = told.groups.into_iter().map(Refusals::from).collect();
    Ok(Json(RestoredContacts { restored: told.count, dry_run: asked.dry_run, groups, sample: told.sample }))
}
