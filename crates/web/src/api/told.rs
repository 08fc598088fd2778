//! Events that other systems tell: `booked`, `purchased`, with properties and a value.

use crate::extract::Input;
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::{ContactId, EmailAddress, ReactionKind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use store::{NewReaction, Recorded};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Events of one request.
const EVENTS_MAX: usize = 1_000;
/// Clocks of other systems may be ahead of ours by so much.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);
/// 2000-01-01: what is older was told by a clock that was never set.
const EARLIEST: Timestamp = Timestamp::from_millis(946_684_800_000);
/// The greatest value, either way: exact in millionths.
const VALUE_MAX: f64 = 9e9;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(tell))
}

/// Events to tell.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// At most 1,000.
    events: Vec<Told>,
}

/// Something somebody did.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Told {
    /// What: letters, digits, `_`, `-`, `.` and `:`, at most 64.
    #[schema(example = "booked")]
    name: String,
    /// Who, by their id.
    #[serde(default)]
    contact: Option<String>,
    /// Who, by your own key of them.
    #[serde(default)]
    external_id: Option<String>,
    /// Who, by their address.
    #[serde(default)]
    email: Option<String>,
    /// When; now if absent. Not before 2000, and at most five minutes ahead of our clock, which then counts as now.
    #[serde(default)]
    at: Option<Time>,
    /// An amount, for example of money.
    #[serde(default)]
    value: Option<f64>,
    /// Anything else, at most 4 kB.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    properties: Option<serde_json::Map<String, Value>>,
    /// Your own id of the event: told again within two days it is a repeat.
    #[serde(default)]
    id: Option<String>,
}

/// What became of the events, in their order.
#[derive(Serialize, ToSchema)]
struct Outcome {
    /// `new`, `repeated` or `unknown_contact`.
    results: Vec<&'static str>,
}

/// Tell of events of other systems.
///
/// All are written or none; a person nobody knows is no error of the others. Durable when answered.
#[utoipa::path(post, path = "/events", tag = "events", request_body = Batch, responses((status = 200, body = Outcome)))]
async fn tell(State(app): State<App>, caller: Caller, Input(batch): Input<Batch>) -> Result<Json<Outcome>, Problem> {
    caller.may(Scope::EventsWrite)?;
    if batch.events.len() > EVENTS_MAX {
        return Err(Problem::field("events", format!("at most {EVENTS_MAX} events at once")));
    }
    let now = app.now();
    let mut reactions = Vec::new();
    let mut results = Vec::new();
    for (at, told) in batch.events.into_iter().enumerate() {
        let Some(contact) = who(&app, &caller, &told, at).await? else {
            results.push(Recorded::UnknownContact);
            continue;
        };
        let happened_at = told.at.map_or(Ok(now), |time| happened_at(time.0, now, at))?;
        results.push(Recorded::New);
        reactions.push(NewReaction {
            name: Some(told.name),
            value_micros: told.value.map(|value| micros(value, at)).transpose()?,
            properties: told.properties.map(|properties| Value::Object(properties).to_string()),
            key: told.id,
            ..NewReaction::new(ReactionKind::Custom, contact, happened_at)
        });
    }
    let mut recorded = app.store.record_reactions(caller.workspace, reactions, now).await?.into_iter();
    for result in results.iter_mut().filter(|result| **result == Recorded::New) {
        *result = recorded.next().unwrap_or(Recorded::New);
    }
    let word = |result: Recorded| match result {
        Recorded::New => "new",
        Recorded::Repeated => "repeated",
        Recorded::UnknownContact => "unknown_contact",
    };
    Ok(Json(Outcome { results: results.into_iter().map(word).collect() }))
}

/// When an event happened, as we tell the time. Refuses what no clock that is merely wrong by minutes would say: an event in
/// the future would keep its person lively until then.
fn happened_at(told: Timestamp, now: Timestamp, at: usize) -> Result<Timestamp, Problem> {
    if told < EARLIEST || told > now + SKEW_MAX {
        let said = "not before 2000, nor more than five minutes ahead of this server's clock";
        return Err(Problem::field(&format!("events[{at}].at"), said));
    }
    Ok(told.min(now))
}

/// Whom an event is about.
async fn who(app: &App, caller: &Caller, told: &Told, at: usize) -> Result<Option<ContactId>, Problem> {
    let field = |name: &str| format!("events[{at}].{name}");
    match (&told.contact, &told.external_id, &told.email) {
        (Some(id), None, None) => {
            let read = id.parse();
            read.map(Some).map_err(|error: model::id::IdError| Problem::field(&field("contact"), error.to_string()))
        }
        (None, Some(key), None) => {
            Ok(app.store.contact_by_external_id(caller.workspace, key).await?.map(|contact| contact.id))
        }
        (None, None, Some(email)) => {
            let address =
                EmailAddress::parse(email).map_err(|error| Problem::field(&field("email"), error.to_string()))?;
            let found = app.store.contacts_by_address(caller.workspace, &address).await?;
            Ok(found.first().map(|contact| contact.id))
        }
        _ => Err(Problem::field(&field("contact"), "say who, once: contact, external_id or email")),
    }
}

#[allow(clippy::cast_possible_truncation)] // bounded first
fn micros(value: f64, at: usize) -> Result<i64, Problem> {
    if value.is_finite() && value.abs() <= VALUE_MAX {
        return Ok((value * 1e6).round() as i64);
    }
    Err(Problem::field(&format!("events[{at}].value"), format!("a value lies between -{VALUE_MAX} and {VALUE_MAX}")))
}
