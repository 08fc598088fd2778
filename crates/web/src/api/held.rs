//! What is held about a person, for them to take along.

use super::contacts::{Contact, Entry, found};
use super::deliveries::Try;
use super::lists::Preferences;
use super::suppressions::Suppression;
use crate::extract::At;
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::{ContactId, EventKind};
use serde::Serialize;
use serde_json::Value;
use store::Event;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Entries that are read at once.
const PAGE: usize = 1_000;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export))
}

/// Everything held about a person.
#[derive(Serialize, ToSchema)]
struct Exported {
    /// Who they are.
    contact: Contact,
    /// The addresses they had before.
    former_addresses: Vec<String>,
    /// What keeps mail from any of their addresses.
    suppressions: Vec<Suppression>,
    /// What they chose.
    preferences: Preferences,
    /// Mail to them with every try and, of messages by program, what they said as long as it is kept; newest first.
    mailings: Vec<HeldMailing>,
    /// What they did and what other systems told, as it is kept; newest first.
    reactions: Vec<HeldReaction>,
    /// What happened, latest first.
    timeline: Vec<Entry>,
}

/// Mail to somebody.
#[derive(Serialize, ToSchema)]
struct HeldMailing {
    /// Of which campaign.
    campaign: String,
    /// What that is called.
    campaign_name: String,
    /// The delivery.
    delivery: String,
    /// The address it went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Where it stands.
    state: String,
    /// Why they were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    /// Every try with what the server said, oldest first.
    tries: Vec<Try>,
    /// What is kept of a message by program.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<HeldMessage>,
}

/// What is kept of a message by program.
#[derive(Serialize, ToSchema)]
struct HeldMessage {
    /// What it said; absent: it is not kept any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    content: Option<Value>,
    /// The values of its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    /// The name it was addressed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_name: Option<String>,
    /// The words of its sender's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    tags: Option<Value>,
}

/// Something they did, or that another system told of them.
#[derive(Serialize, ToSchema)]
struct HeldReaction {
    /// When.
    at: Time,
    /// What: `opened`, `clicked`, `replied`, `complained`, `unsubscribed`, `custom`.
    kind: &'static str,
    /// With mail of which campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    /// Which delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    /// Which link of the message, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<u32>,
    /// The name of a custom event.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// How likely a machine did it, 0 to 100.
    score: u8,
    /// From which network address, as long as it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// With which program, as long as it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// The properties of a custom event, and what else is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    detail: Option<Value>,
}

/// What is kept as JSON; a text that is none as a text.
fn read(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

impl From<store::HeldMailing> for HeldMailing {
    fn from(held: store::HeldMailing) -> HeldMailing {
        let store::HeldMailing { mailing, message, content } = held;
        let delivery = mailing.delivery;
        HeldMailing {
            campaign: delivery.campaign.to_string(),
            campaign_name: mailing.campaign_name,
            delivery: delivery.delivery.to_string(),
            address: delivery.email,
            state: delivery.state.word().to_owned(),
            skipped: delivery.skip.map(|reason| reason.word().to_owned()),
            tries: mailing.attempts.into_iter().map(Try::from).collect(),
            message: message.map(|message| HeldMessage {
                content: content.map(read),
                data: message.data.map(read),
                to_name: message.to_name,
                tags: message.tags.map(read),
            }),
        }
    }
}

impl From<store::HeldReaction> for HeldReaction {
    fn from(held: store::HeldReaction) -> HeldReaction {
        HeldReaction {
            at: held.at.into(),
            kind: held.kind.word(),
            campaign: held.campaign.map(|id| id.to_string()),
            delivery: held.delivery.map(|id| id.to_string()),
            link: held.link,
            name: held.name,
            #[allow(clippy::cast_precision_loss)] // amounts are exact to nine thousand million
            value: held.value_micros.map(|micros| micros as f64 / 1e6),
            score: held.score,
            ip: held.ip,
            agent: held.agent,
            detail: held.detail.map(read),
        }
    }
}

/// Everything held about a person, for them to take along.
///
/// What is kept for a time only is there as long as it is kept: what a message by program said, conversations with servers,
/// and from where and with which program something was opened or clicked.
#[utoipa::path(get, path = "/contacts/{id}/export", tag = "contacts",
    params(("id" = String, Path, description = "The contact")), responses((status = 200, body = Exported)))]
async fn export(State(app): State<App>, caller: Caller, At(id): At<ContactId>) -> Result<Json<Exported>, Problem> {
    caller.may(Scope::ContactsExport)?;
    let contact = found(&app, &caller, id).await?;
    let (store, workspace) = (&app.store, caller.workspace);
    let what = Some(format!("contact {id}"));
    store.note(workspace, EventKind::Exported, None, what, &caller.actor, app.now()).await?;
    let addresses = store.held_addresses(id).await?;
    let preferences = store.preferences(workspace, id).await?.unwrap_or_default();
    let mailings = whole(|last: Option<&store::HeldMailing>| {
        store.held_mailings(id, last.map(|held| held.mailing.delivery.delivery), PAGE)
    });
    let mailings = mailings.await?;
    let reactions =
        whole(|last: Option<&store::HeldReaction>| store.held_reactions(id, last.map(|held| held.seq), PAGE));
    let reactions = reactions.await?;
    let told = whole(|last: Option<&Event>| store.story(workspace, id, last.map(Event::story_place), PAGE)).await?;
    Ok(Json(Exported {
        contact: contact.into(),
        former_addresses: addresses.former,
        suppressions: addresses.suppressions.into_iter().map(Suppression::from).collect(),
        preferences: preferences.into(),
        mailings: mailings.into_iter().map(HeldMailing::from).collect(),
        reactions: reactions.into_iter().map(HeldReaction::from).collect(),
        timeline: told.into_iter().map(Entry::from).collect(),
    }))
}

/// All pages: each is asked for with the last entry of the one before.
async fn whole<T, F>(page: impl Fn(Option<&T>) -> F) -> Result<Vec<T>, Problem>
where
    F: Future<Output = store::Result<Vec<T>>>,
{
    let mut all = page(None).await?;
    let mut is_whole = all.len() < PAGE;
    while !is_whole {
        let next = page(all.last()).await?;
        is_whole = next.len() < PAGE;
        all.extend(next);
    }
    Ok(all)
}
