//! What a draft says to somebody, and what it was before.

use super::super::templates::{self, MessagePreview};
use super::compared::read_letter;
use super::written::{Message, Written};
use super::{Groups, campaign};
use crate::extract::{Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use engine::drafts::{self, POSTAL_ADDRESS, Proposal};
use engine::launch::Snapshot;
use mail::compose::{OUR_TAGS, Rendered};
use model::access::Scope;
use model::{CampaignId, ContactId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::DraftVersion;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const VERSIONS: &str = "draft versions";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(preview)).routes(routes!(versions))
}

/// Keeps among the versions what a draft does not become; the number of the version.
pub(crate) async fn set_aside(app: &App, caller: &Caller, id: CampaignId, written: Written) -> Result<u32, Problem> {
    caller.may(Scope::CampaignsWrite)?;
    campaign(app, caller, id).await?;
    let proposal = written.into_proposal(app, caller).await?;
    Ok(drafts::set_aside(&app.store, caller.workspace, id, &proposal, &caller.actor, app.now()).await?)
}

/// Whose values are shown.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Whose {
    /// The contact (`c_…`); without, every tag is empty.
    #[serde(default)]
    contact: Option<String>,
    /// Which variant, where some are compared: `A` (the message itself), `B`, …
    #[serde(default)]
    variant: Option<String>,
}

/// A message as somebody would see it, in one of its variants; without a contact every tag is empty. The links that only a real recipient has lead
/// nowhere.
pub(crate) async fn preview_of(
    app: &App,
    caller: &crate::Caller,
    proposal: &Proposal,
    variant: u8,
    contact: Option<ContactId>,
) -> Result<Rendered, Problem> {
    let mut data = match contact {
        Some(id) => templates::attributes(app, caller, id).await?,
        None => Map::new(),
    };
    let postal_address = match &proposal.options.postal_address {
        Some(own) => Some(own.clone()),
        None => app.store.setting(caller.workspace, POSTAL_ADDRESS).await?,
    };
    for tag in OUR_TAGS {
        let value = if tag == "postal_address" { postal_address.clone().unwrap_or_default() } else { "#".to_owned() };
        data.insert(tag.to_owned(), Value::String(value));
    }
    let data = Value::Object(data).to_string();
    let mut shown = proposal.preview(variant, &data)?;
    shown.empty_tags.retain(|tag| !OUR_TAGS.contains(&tag.as_str()));
    Ok(shown)
}

/// What a campaign says to somebody. Nothing is sent.
#[utoipa::path(post, path = "/campaigns/{id}/preview", tag = "campaigns", request_body = Whose,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = MessagePreview)))]
async fn preview(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(whose): Input<Whose>,
) -> Result<Json<MessagePreview>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = campaign(&app, &caller, id).await?;
    let proposal = drafts::proposal(&app.store, &known).await?;
    let variant = whose.variant.as_deref().map(read_letter).transpose()?.unwrap_or(0);
    let contact = whose.contact.as_deref().map(|text| crate::extract::id("contact", text)).transpose()?;
    Ok(Json(preview_of(&app, &caller, &proposal, variant, contact).await?.into()))
}

/// A draft as it was once.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Its number, from 1.
    version: u32,
    /// When it was last changed.
    at: Time,
    /// By whom.
    by: String,
    /// Its name.
    name: String,
    /// Who it is from.
    from: String,
    /// The subject, if the message does not say it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The message.
    message: Message,
    /// Whom it is for.
    audience: Groups,
}

/// A version as it can be written again.
pub(crate) fn read_version(known: DraftVersion) -> Result<Proposal, Problem> {
    let snapshot: Snapshot = serde_json::from_str(&known.draft.message).map_err(|error| {
        tracing::error!(%error, version = known.version, "a version of a draft cannot be read");
        crate::Code::OwnFailure
    })?;
    let Snapshot { file, options, trial, .. } = snapshot;
    Ok(Proposal { name: known.draft.name, file, options, audience: known.draft.audience, trial })
}

fn shown(known: DraftVersion) -> Result<Version, Problem> {
    let (version, at, by) = (known.version, known.at.into(), known.actor.clone());
    let written = Written::of(read_version(known)?);
    let message = written.message.ok_or(crate::Code::OwnFailure)?;
    let Written { name, from, subject, audience, .. } = written;
    Ok(Version { version, at, by, name, from, subject, message, audience })
}

/// What a draft was, newest first; the last 100 versions are kept. One person's changes within five minutes are one. To
/// have one back, write it again.
#[utoipa::path(get, path = "/campaigns/{id}/versions", tag = "campaigns",
    params(Plain, ("id" = String, Path, description = "Its id")), responses((status = 200, body = Page<Version>)))]
async fn versions(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Version>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    campaign(&app, &caller, id).await?;
    let limit = page::limit(which.limit)?;
    let list = page::within(VERSIONS, [id.to_string().as_str()]);
    let before = page::open_as(&list, which.after.as_deref())?;
    let mut found = app.store.draft_versions(caller.workspace, id, before, limit + 1).await?;
    let next = page::cut(&mut found, limit, &list, |last| last.version);
    let data = found.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}
