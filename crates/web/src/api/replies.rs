//! Replies that come in: what a recipient wrote back, as it arrived, or what another system tells.

use super::meant::meant;
use crate::extract::{body, read_json};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_TYPE;
use engine::replies::{self, Claim, Meant};
use mail::letter::{LETTER_OCTETS_MAX, read};
use model::access::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// The longest name of a reply that another system may give it, in octets.
const ID_OCTETS_MAX: usize = 320;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(take_in).layer(DefaultBodyLimit::max(LETTER_OCTETS_MAX)))
}

/// A reply that another system tells of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplyTold {
    /// The delivery they replied to (`d_…`); this or `recipient`.
    #[serde(default)]
    delivery: Option<String>,
    /// Who replied, if nobody knows to what: the last message they had been sent at that time.
    #[serde(default)]
    recipient: Option<String>,
    /// What tells this reply from another, such as its Message-ID: the same one again counts once. At most 320 octets.
    #[serde(default)]
    #[schema(example = "abc@b.example")]
    id: Option<String>,
    /// When; absent: now.
    #[serde(default)]
    at: Option<Time>,
}

/// What became of a reply.
#[derive(Serialize, ToSchema)]
struct Reply {
    /// `replied`: it counts; `repeated`: known already, it counts once; `automatic`: a machine wrote it, it does not count;
    /// `unsubscribed`: it was sent to the address by which one unsubscribes.
    did: &'static str,
    /// The delivery.
    delivery: String,
    /// Its campaign.
    campaign: String,
    /// The person.
    contact: String,
}

/// Take in a reply.
///
/// What a recipient wrote back, as it arrived, as `message/rfc822`; or what another system tells, as `application/json`. A
/// letter is a reply to the message that its `In-Reply-To` or `References` names, if it is from that message's recipient, or
/// to the one whose links it quotes. Answers of machines (RFC 3834) do not count. What was sent to the unsubscribe address
/// of a message unsubscribes.
#[utoipa::path(post, path = "/replies", tag = "contacts",
    request_body(content((ReplyTold = "application/json"), (String = "message/rfc822"))),
    responses((status = 200, body = Reply)))]
async fn take_in(State(app): State<App>, caller: Caller, request: Request) -> Result<Json<Reply>, Problem> {
    caller.may(Scope::ContactsWrite)?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut claim = match media.as_str() {
        "application/json" => told(&app, &caller, &body(request).await?).await?,
        "message/rfc822" => written(&app, &body(request).await?).await?,
        _ => {
            let says = "send a reply as message/rfc822, or tell of it as application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, says));
        }
    };
    claim.workspace = Some(caller.workspace);
    let settled = app.engine.replied(&claim).await?;
    let settled = settled.ok_or_else(|| Problem::not_found("delivery", claim.delivery))?;
    Ok(Json(Reply {
        did: settled.done.word(),
        delivery: settled.recipient.delivery.to_string(),
        campaign: settled.recipient.campaign.to_string(),
        contact: settled.recipient.contact.to_string(),
    }))
}

async fn told(app: &App, caller: &Caller, octets: &[u8]) -> Result<Claim, Problem> {
    let ReplyTold { delivery, recipient, id, at } = read_json(octets)?;
    if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > ID_OCTETS_MAX) {
        return Err(Problem::field("id", format!("it has 1 to {ID_OCTETS_MAX} octets")));
    }
    let at = at.map(|time| time.0);
    let delivery = meant(app, caller, (delivery, recipient), at).await?;
    Ok(Claim { delivery, workspace: None, meant: Meant::Reply, at, id })
}

async fn written(app: &App, octets: &[u8]) -> Result<Claim, Problem> {
    let letter = read(octets).map_err(|error| Problem::new(Code::InvalidField, error.to_string()))?;
    let claim = replies::claim(&app.store, &letter).await?;
    claim.ok_or_else(|| {
        let says = "it is a reply to no message that was sent from here, or not from its recipient: it is known by its \
                    In-Reply-To and its From, or by a link of ours in what it quotes";
        Problem::new(Code::NotFound, says)
    })
}
