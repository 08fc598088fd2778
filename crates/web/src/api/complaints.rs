//! Complaints that come in: a report of a feedback loop as it arrived, or what another system tells.

use super::meant::meant;
use crate::extract::{body, read_json};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_TYPE;
use engine::complaints::Claim;
use engine::returned;
use mail::complaint::{Kind, REPORT_OCTETS_MAX, read};
use model::access::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// The media types of a report: the message as it arrived, or its part that says what happened.
const REPORTS: [&str; 3] = ["message/rfc822", "message/feedback-report", "multipart/report"];

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(take_in).layer(DefaultBodyLimit::max(REPORT_OCTETS_MAX)))
}

/// A complaint that another system tells of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ComplaintTold {
    /// The delivery they complained about (`d_…`); this or `recipient`.
    #[serde(default)]
    delivery: Option<String>,
    /// Who complained, if nobody knows about what: the last message they had been sent at that time.
    #[serde(default)]
    recipient: Option<String>,
    /// What they did: `abuse` (they called it spam; so if absent), `fraud` or `opt_out`.
    #[serde(default)]
    #[schema(example = "abuse")]
    kind: Option<String>,
    /// When; absent: now.
    #[serde(default)]
    at: Option<Time>,
}

/// What became of a complaint.
#[derive(Serialize, ToSchema)]
struct Complaint {
    /// `complained`: suppressed and counted; `repeated`: known already, it counts once; `unsubscribed`: they wanted no more
    /// of it; `nothing`: nobody complained.
    did: &'static str,
    /// The delivery.
    delivery: String,
    /// Its campaign.
    campaign: String,
    /// The person.
    contact: String,
}

/// Take in a complaint.
///
/// A report of a feedback loop (ARF, RFC 5965) as it arrived, as `message/rfc822`, or `message/feedback-report`; or what
/// another system tells, as `application/json`. A report is about the message whose tokens it holds: who complained may be
/// blacked out. In force when answered: nothing starts toward that person any more. The same complaint again counts once.
#[utoipa::path(post, path = "/complaints", tag = "suppressions",
    request_body(content((ComplaintTold = "application/json"), (String = "message/rfc822"), (String = "message/feedback-report"))),
    responses((status = 200, body = Complaint)))]
async fn take_in(State(app): State<App>, caller: Caller, request: Request) -> Result<Json<Complaint>, Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (is_json, is_report) = (media == "application/json", REPORTS.contains(&media.as_str()));
    if !is_json && !is_report {
        let says = "send a report as message/rfc822 or message/feedback-report, or tell of it as application/json";
        return Err(Problem::new(Code::UnsupportedMediaType, says));
    }
    // A report of several parts is known by the header field that says how they are parted.
    let head = if media == "multipart/report" { format!("Content-Type: {kind}\r\n\r\n") } else { String::new() };
    let octets = body(request).await?;
    let mut claim = if is_json {
        told(&app, &caller, &octets).await?
    } else {
        reported(&app, &[head.as_bytes(), &octets].concat()).await?
    };
    claim.workspace = Some(caller.workspace);
    let settled = app.engine.complained(&claim, &caller.actor).await?;
    let settled = settled.ok_or_else(|| Problem::not_found("delivery", claim.delivery))?;
    Ok(Json(Complaint {
        did: settled.done.word(),
        delivery: settled.recipient.delivery.to_string(),
        campaign: settled.recipient.campaign.to_string(),
        contact: settled.recipient.contact.to_string(),
    }))
}

async fn told(app: &App, caller: &Caller, octets: &[u8]) -> Result<Claim, Problem> {
    let ComplaintTold { delivery, recipient, kind, at } = read_json(octets)?;
    let kind = match kind.as_deref() {
        None | Some("abuse") => Kind::Abuse,
        Some("fraud") => Kind::Fraud,
        Some("opt_out") => Kind::OptOut,
        Some(other) => return Err(Problem::field("kind", format!("{other:?} is none of abuse, fraud and opt_out"))),
    };
    let at = at.map(|time| time.0);
    let delivery = meant(app, caller, (delivery, recipient), at).await?;
    Ok(Claim { delivery, kind, workspace: None, at, how: "told" })
}

async fn reported(app: &App, octets: &[u8]) -> Result<Claim, Problem> {
    let report = read(octets).map_err(|error| Problem::new(Code::InvalidField, error.to_string()))?;
    let found = returned::find(&app.store, &report.traces, &report.recipients).await?;
    let delivery = found.ok_or_else(|| {
        let says = "the report is about no message that was sent from here: it must hold the message's header fields";
        Problem::new(Code::NotFound, says)
    })?;
    Ok(Claim { delivery, kind: report.kind, workspace: None, at: None, how: "feedback_report" })
}
