//! A campaign before it begins: checked, foretold, tried on its author, begun and taken back.

use super::super::messages::{self, PostedMessage, PostedMessages, house_options};
use super::super::templates;
use super::{Campaign, Equation, campaign};
use crate::extract::{At, Input};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::messages::TESTED_MAX;
use engine::{SendError, drafts};
use model::access::Scope;
use model::{CampaignId, CampaignState, EmailAddress};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A time given may have passed by so much: clocks differ, and requests wait.
const LATE_MAX: Duration = Duration::from_secs(300);
/// How far ahead a campaign may be scheduled.
const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// For so long a campaign that was started can be taken back at most, in seconds.
const CANCEL_WINDOW_SECS_MAX: u16 = 3_600;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(check))
        .routes(routes!(forecast))
        .routes(routes!(start))
        .routes(routes!(take_back))
        .routes(routes!(test))
}

/// What stands against sending it to the world.
#[derive(Serialize, ToSchema)]
struct Objection {
    /// `no_signing_key`, `key_not_published`, `key_not_seen`, `no_unsubscribe`, `no_postal_address`, `unwritten`,
    /// `nobody_to_send_to`, `expired`, `rule_names_gone` or `sent_already`.
    code: &'static str,
    /// In words.
    says: String,
    /// The DNS record that mends it, as a line of a zone file.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct Checked {
    /// May it begin?
    ready: bool,
    /// What forbids it. None of these can be switched off.
    objections: Vec<Objection>,
    /// What its author should look at.
    warnings: Vec<String>,
    /// The merge tags it uses.
    tags: Vec<String>,
    /// Tags without a fallback for which some of those who would get it have no value; most first.
    gaps: Vec<Gap>,
}

/// A tag that comes out empty for some.
#[derive(Serialize, ToSchema)]
struct Gap {
    /// The tag.
    tag: String,
    /// Those who would get it and have no value for it.
    people: u64,
}

impl From<&engine::Objection> for Objection {
    fn from(objection: &engine::Objection) -> Objection {
        let record = match objection {
            engine::Objection::KeyNotPublished { zone_line, .. } => Some(zone_line.clone()),
            _ => None,
        };
        Objection { code: objection.code(), says: objection.to_string(), record }
    }
}

/// Check a draft: does its message compile, is its domain's key published, can people unsubscribe, who has no value for a tag?
#[utoipa::path(post, path = "/campaigns/{id}/check", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Checked)))]
async fn check(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<Checked>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = campaign(&app, &caller, id).await?;
    let checked = drafts::check(&app.store, &app.world, &known, app.now()).await?;
    Ok(Json(Checked {
        ready: checked.objections.is_empty(),
        objections: checked.objections.iter().map(Objection::from).collect(),
        warnings: checked.warnings,
        tags: checked.tags,
        gaps: checked.gaps.into_iter().map(|(tag, people)| Gap { tag, people }).collect(),
    }))
}

/// Who would get it if it began now, and who would be skipped and why. Writes nothing.
///
/// Refused while a rule of its audience names what is not there: others would be counted than are meant.
#[utoipa::path(post, path = "/campaigns/{id}/forecast", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Equation)))]
async fn forecast(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<Equation>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = campaign(&app, &caller, id).await?;
    let tally = drafts::forecast(&app.store, &known, app.now()).await?;
    Ok(Json(Equation::from(&tally)))
}

/// To whom a test goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSend {
    /// Addresses, 1 to 20.
    #[schema(min_items = 1, max_items = 20)]
    pub(crate) to: Vec<String>,
    /// The contact whose values it is made with (`c_…`); without, every tag is empty.
    #[serde(default)]
    pub(crate) contact: Option<String>,
    /// Which variant, where several are compared: `A`, `B`, … Without, everybody gets each of them.
    #[serde(default)]
    pub(crate) variant: Option<String>,
}

/// Send a campaign to its author first: the real way, with `[Test]` before the subject, and counted nowhere in it.
///
/// Where variants are compared, `[Test B]` says which it is; for each address the messages come in the order of variants.
///
/// An address that is suppressed for any reason is refused with that reason; nobody gets it then.
#[utoipa::path(post, path = "/campaigns/{id}/test", tag = "campaigns", request_body = TestSend,
    params(("id" = String, Path, description = "Its id")), responses((status = 202, body = PostedMessages)))]
pub(crate) async fn test(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(tested): Input<TestSend>,
) -> Result<(StatusCode, Json<PostedMessages>), Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    if tested.to.is_empty() || tested.to.len() > TESTED_MAX {
        return Err(Problem::field("to", format!("a test goes to 1 to {TESTED_MAX} addresses")));
    }
    let read = |(at, text): (usize, &String)| {
        EmailAddress::parse(text).map_err(|error| Problem::field(&format!("to[{at}]"), error.to_string()))
    };
    let to: Vec<EmailAddress> = tested.to.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let variant = tested.variant.as_deref().map(super::read_letter).transpose()?;
    let compared = drafts::proposal(&app.store, &known).await?.trial;
    let variants = 1 + compared.map_or(0, |compared| compared.variants.len());
    if variant.is_some_and(|variant| usize::from(variant) >= variants) {
        return Err(Problem::field("variant", "this campaign has no such variant"));
    }
    let data = match &tested.contact {
        Some(text) => templates::attributes(&app, &caller, crate::extract::id("contact", text)?).await?,
        None => serde_json::Map::new(),
    };
    let data = Value::Object(data).to_string();
    let house = house_options(&app, app.config.public_url.clone());
    let posted = app.engine.test(&app.world, &house, (&known, variant), to, data, &caller.actor).await;
    let posted = posted.map_err(|refusal| {
        messages::problem_of(
            refusal,
            |at, field| if field == "to" { format!("to[{at}]") } else { "message".to_owned() },
        )
    })?;
    Ok((StatusCode::ACCEPTED, Json(PostedMessages { data: posted.into_iter().map(PostedMessage::from).collect() })))
}

/// When it begins.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    /// The time, at most five minutes ago and a year ahead; absent: when the time to take it back is over.
    #[serde(default)]
    pub(crate) at: Option<Time>,
    /// For how long it can be taken back at least, in seconds; absent: what the server was started with, usually 60.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 3600)]
    pub(crate) cancel_window_seconds: Option<u16>,
}

/// Let a draft begin, now or at a time.
///
/// Durable when answered. It begins at `start_at`, when the time to take it back is over (a minute, usually) or later, and can be taken back until then. If it cannot begin then, it is a draft again and
/// `why` says what stood against it; what is known to stand against it now refuses the request.
#[utoipa::path(post, path = "/campaigns/{id}/start", tag = "campaigns", request_body = Begin,
    params(("id" = String, Path, description = "Its id")), responses((status = 202, body = Campaign)))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(begin): Input<Begin>,
) -> Result<(StatusCode, Json<Campaign>), Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    if !matches!(known.state, CampaignState::Draft | CampaignState::Scheduled) {
        let text = format!("it is {} and can begin only once; duplicate it to send another", known.state);
        return Err(Problem::new(Code::WrongState, text));
    }
    let now = app.now();
    let window = begin.cancel_window_seconds.unwrap_or(app.config.cancel_window_secs);
    if window > CANCEL_WINDOW_SECS_MAX {
        let says = format!("a campaign can be taken back for {CANCEL_WINDOW_SECS_MAX} seconds at most");
        return Err(Problem::field("cancel_window_seconds", says));
    }
    let soonest = now + Duration::from_secs(u64::from(window));
    let at = begin.at.map_or(soonest, |time| time.0);
    if at < now - LATE_MAX {
        return Err(Problem::field("at", "that time has passed; leave it out to begin now"));
    }
    if at > now + AHEAD_MAX {
        return Err(Problem::field("at", "a campaign is scheduled at most a year ahead"));
    }
    if app.store.held().is_some() {
        return Err(store::StoreError::Held.into());
    }
    let at = at.max(soonest);
    let checked = drafts::check(&app.store, &app.world, &known, at).await?;
    let is_later = at > soonest;
    let of_now = |objection: &engine::Objection| !(is_later && objection.is_of_the_moment());
    let against: Vec<_> = checked.objections.into_iter().filter(of_now).collect();
    if !against.is_empty() {
        return Err(SendError::Objections(against).into());
    }
    let scheduled = app.engine.schedule(caller.workspace, id, at, &caller.actor).await?;
    Ok((StatusCode::ACCEPTED, Json(scheduled.into())))
}

/// Take back a campaign whose time has not come.
#[utoipa::path(post, path = "/campaigns/{id}/take-back", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
pub(crate) async fn take_back(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    Ok(Json(app.engine.take_back(caller.workspace, id, &caller.actor).await?.into()))
}
