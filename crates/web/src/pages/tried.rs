//! A message is tried on its author: sent the real way, with `[Test]` before its subject, and counted nowhere.

use super::campaign::{Head, found};
use super::composer::Pairs;
use super::layout::{Layout, Section};
use super::preview::{self, Seen};
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::{At, Input};
use crate::idempotency;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use model::access::Scope;
use model::{CampaignId, DeliveryId};
use serde::Deserialize;

/// What was sent lately, as it stands in the address.
const BETWEEN: char = ' ';

#[derive(Template)]
#[template(path = "pages/test.html")]
struct TestPage {
    layout: Layout,
    head: Head,
    once: String,
    to: String,
    people: Vec<preview::Face>,
    /// The messages of the last test.
    sent: Vec<DeliveryId>,
    error: Option<String>,
}

/// What was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    sent: String,
    contact: String,
}

/// Asks to whom.
pub(super) async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Query(sent): Query<Sent>,
) -> Result<Response, Problem> {
    let member = app.store.member(visitor.caller.workspace, visitor.caller.person()?).await?;
    let to = member.map(|member| member.user.email).unwrap_or_default();
    let once = idempotency::form_token(&app);
    Ok(page(&test_page(&app, &visitor, id, (to, once), sent, None).await?))
}

async fn test_page(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
    (to, once): (String, String),
    sent: Sent,
    error: Option<String>,
) -> Result<TestPage, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let campaign = found(app, visitor, id).await?;
    let seen = Seen { contact: sent.contact, ..Seen::default() };
    Ok(TestPage {
        layout: Layout::of(app, visitor, Section::Campaigns, visitor.shown.say("test-title")),
        head: Head::of(app, visitor, &campaign, "test").await?,
        once,
        to,
        people: preview::faces(app, visitor, &seen).await?,
        sent: sent.sent.split(BETWEEN).filter_map(|id| id.parse().ok()).collect(),
        error,
    })
}

/// Sends it.
pub(super) async fn send(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let value = |name: &str| {
        let found = pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let (to, once, contact) = (value("to"), value("once"), value("contact"));
    let addresses = to.split([',', ';', ' ', '\n']).map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned);
    let wish =
        api::TestSend { to: addresses.collect(), contact: Some(contact.clone()).filter(|contact| !contact.is_empty()) };
    let made = idempotency::form(&app, &visitor.caller, &once, async {
        let (_, Json(posted)) = api::test(State(app.clone()), visitor.caller.clone(), At(id), Input(wish)).await?;
        let ids: Vec<&str> = posted.data.iter().map(|one| one.delivery.as_str()).collect();
        Ok(format!("/campaigns/{id}/test?contact={contact}&sent={}", ids.join("+")))
    });
    match made.await {
        Ok(place) => Ok(Redirect::to(&place).into_response()),
        Err(problem) if matches!(problem.code, Code::InvalidField | Code::Refused) => {
            let sent = Sent { contact, ..Sent::default() };
            let form = test_page(&app, &visitor, id, (to, once), sent, Some(problem.detail)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}
