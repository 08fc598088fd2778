//! What a message says to somebody, shown where it can do nothing.
//!
//! What an author wrote is foreign to the page: it comes as a document of its own into a frame without scripts, forms,
//! links and origin. Twice: the frame says so, and so does the document's own policy, whoever opens it and however.

use super::Visitor;
use super::campaign::found;
use super::shown::Shown;
use crate::App;
use crate::api::campaigns as api;
use crate::extract::{Asked, At};
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use dispatch::trial::letter;
use engine::drafts::{self, Proposal};
use mail::compose::Rendered;
use model::access::Scope;
use model::{CampaignId, CampaignState, ContactId, EmailAddress};
use serde::Deserialize;
use store::trial::VARIANTS_MAX;

/// People to look at a message with.
const FACES_MAX: usize = 30;
/// Beyond this Gmail cuts a message off, in octets.
const CLIPPED_BYTES: usize = 102 * 1024;
/// Nothing may act: no scripts, no forms, no way out, no origin.
const POLICY: &str = "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; \
    frame-ancestors 'self'; base-uri 'none'; form-action 'none'";
/// The same without pictures, as many mail programs begin.
const POLICY_WITHOUT_PICTURES: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; \
    base-uri 'none'; form-action 'none'";
/// How programs that turn colours around show a message.
const DARK: &str = "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}\
    img{filter:invert(1) hue-rotate(180deg)}</style>";

/// How a message is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Seen {
    /// With whose values; empty: nobody's.
    pub(super) contact: String,
    /// The address of somebody with whose values, as it was typed; left by [`meant`] only where nobody has it.
    pub(super) who: String,
    /// `desktop`, `mobile`, `dark`, `plain` (no pictures) or `text`.
    #[serde(rename = "as")]
    pub(super) way: String,
    /// In which variant: `A` (the message itself), `B`, …
    pub(super) variant: String,
    /// Of which version of the draft, if not of the newest.
    pub(super) version: Option<u32>,
}

impl Seen {
    /// As a query.
    pub(super) fn query(&self) -> String {
        let contact = self.contact_id().map(|id| id.to_string()).unwrap_or_default();
        let variant = if self.number() == 0 { String::new() } else { format!("&variant={}", self.letter()) };
        let who = match self.who.as_str() {
            "" => String::new(),
            who => format!("&{}", form_urlencoded::Serializer::new(String::new()).append_pair("who", who).finish()),
        };
        format!("contact={contact}&as={}{variant}{who}", self.way())
    }

    /// The variant's number; what is none is the message itself.
    fn number(&self) -> u8 {
        (1..VARIANTS_MAX).find(|number| self.variant == String::from(letter((*number).into()))).unwrap_or(0)
    }

    /// The variant's letter.
    pub(super) fn letter(&self) -> char {
        letter(self.number().into())
    }

    /// One of the known ways.
    pub(super) fn way(&self) -> &'static str {
        WAYS.iter().find(|way| **way == self.way).unwrap_or(&WAYS[0])
    }

    fn contact_id(&self) -> Option<ContactId> {
        self.contact.parse().ok()
    }
}

/// The ways to look at a message.
pub(crate) const WAYS: [&str; 5] = ["desktop", "mobile", "dark", "plain", "text"];

/// Somebody a message is looked at with.
pub(super) struct Face {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_chosen: bool,
}

/// Whoever has the address that was typed is the contact that was chosen.
pub(super) async fn meant(app: &App, visitor: &Visitor, seen: Seen) -> Result<Seen, Problem> {
    let who = seen.who.trim().to_owned();
    if who.is_empty() || !visitor.caller.scopes.has(Scope::ContactsRead) {
        return Ok(Seen { who: String::new(), ..seen });
    }
    let found = match EmailAddress::parse(&who) {
        Ok(address) => app.store.contacts_by_address(visitor.caller.workspace, &address).await?.pop(),
        Err(_) => None,
    };
    Ok(match found {
        Some(contact) => Seen { contact: contact.id.to_string(), who: String::new(), ..seen },
        None => Seen { contact: String::new(), who, ..seen },
    })
}

/// Some people of the workspace, whoever is chosen among them.
pub(super) async fn faces(app: &App, visitor: &Visitor, seen: &Seen) -> Result<Vec<Face>, Problem> {
    if !visitor.caller.scopes.has(Scope::ContactsRead) {
        return Ok(Vec::new());
    }
    let workspace = visitor.caller.workspace;
    let mut people = app.store.contacts_page(workspace, None, FACES_MAX).await?;
    if let Some(id) = seen.contact_id().filter(|id| people.iter().all(|one| one.id != *id)) {
        people.extend(app.store.contact_of(workspace, id).await?);
    }
    let face = |one: store::Contact| Face {
        is_chosen: one.id.to_string() == seen.contact,
        id: one.id.to_string(),
        name: one.email.unwrap_or_else(|| one.id.to_string()),
    };
    Ok(people.into_iter().map(face).collect())
}

#[derive(Template)]
#[template(path = "pages/preview.html")]
struct Pane {
    shown: Shown,
    way: &'static str,
    src: String,
    subject: String,
    preheader: Option<String>,
    empty_tags: Vec<String>,
    /// In kB.
    size: u64,
    is_clipped: bool,
    saved_at: String,
    /// Beside the form it is written in: with when it was saved and how large it is, which elsewhere the page tells.
    is_beside_form: bool,
}

#[derive(Template)]
#[template(path = "pages/preview_refused.html")]
struct Refused<'a> {
    shown: &'a Shown,
    why: String,
}

/// A message that was looked at.
pub(super) struct Looked {
    /// Subject and preheader as a list of messages shows them, and the frame.
    pub(super) html: String,
    /// The address of the frame's document; `None`: it cannot be shown.
    pub(super) src: Option<String>,
    /// How large it is, in kB, and whether that is cut off; `None`: it cannot be shown.
    pub(super) size: Option<(u64, bool)>,
}

/// What is beside the form: [`Looked::html`].
pub(super) async fn pane(
    app: &App,
    visitor: &Visitor,
    campaign: &store::Campaign,
    seen: &Seen,
) -> Result<String, Problem> {
    let pane = drawn(app, visitor, campaign, seen, true).await?.html;
    if seen.who.is_empty() {
        return Ok(pane);
    }
    let says = visitor.shown.fill("preview-who-none", &[("who", seen.who.as_str().into())]);
    let unknown = Unknown { says }.render().map_err(|error| own_failure(&error))?;
    Ok(format!("{unknown}{pane}"))
}

/// That nobody has the address that was typed.
#[derive(Template)]
#[template(path = "pages/preview_unknown.html")]
struct Unknown {
    says: String,
}

/// The message of a draft, as it is looked at where it is not written.
pub(super) async fn look_at(
    app: &App,
    visitor: &Visitor,
    campaign: &store::Campaign,
    seen: &Seen,
) -> Result<Looked, Problem> {
    drawn(app, visitor, campaign, seen, false).await
}

async fn drawn(
    app: &App,
    visitor: &Visitor,
    campaign: &store::Campaign,
    seen: &Seen,
    is_beside_form: bool,
) -> Result<Looked, Problem> {
    let proposal = drafts::proposal(&app.store, campaign).await?;
    let rendered = match rendered(app, visitor, &proposal, seen).await {
        Ok(rendered) => rendered,
        Err(problem) if problem.field.is_some() || problem.code == Code::InvalidField => {
            return Ok(Looked { html: refused(visitor, &problem)?, src: None, size: None });
        }
        Err(problem) => return Err(problem),
    };
    let Rendered { subject, preheader, html, empty_tags, .. } = rendered;
    let (size, is_clipped) = (html.len().div_ceil(1024) as u64, html.len() > CLIPPED_BYTES);
    // Of this moment: a frame with the address it had is not drawn anew.
    let src = format!("/campaigns/{}/preview?{}&at={}", campaign.id, seen.query(), app.now().as_millis());
    let pane = Pane {
        way: seen.way(),
        src: src.clone(),
        subject,
        preheader,
        empty_tags,
        size,
        is_clipped,
        saved_at: visitor.shown.second(&app.now()),
        is_beside_form,
        shown: visitor.shown.clone(),
    };
    let html = pane.render().map_err(|error| own_failure(&error))?;
    Ok(Looked { html, src: Some(src), size: Some((size, is_clipped)) })
}

/// Why there is nothing to be looked at.
pub(super) fn refused(visitor: &Visitor, problem: &Problem) -> Result<String, Problem> {
    let drawn = Refused { shown: &visitor.shown, why: visitor.shown.refused(&problem.detail) }.render();
    drawn.map_err(|error| own_failure(&error))
}

#[derive(Template)]
#[template(path = "pages/preview_overtaken.html")]
struct Overtaken<'a> {
    shown: &'a Shown,
    base: String,
    version: u64,
}

/// That somebody else changed the draft, and where what was typed here is kept.
pub(super) fn overtaken(visitor: &Visitor, id: CampaignId, version: u32) -> Result<String, Problem> {
    let (base, version) = (format!("/campaigns/{id}"), u64::from(version));
    Overtaken { shown: &visitor.shown, base, version }.render().map_err(|error| own_failure(&error))
}

#[derive(Template)]
#[template(path = "pages/preview_too_late.html")]
struct TooLate<'a> {
    shown: &'a Shown,
    base: String,
    /// What happened to the draft meanwhile.
    what: String,
    may_take_back: bool,
    /// Copies by one page are one.
    once: String,
}

/// That the draft is none any more, and what can be done with what was typed: buttons of the form it was typed into.
pub(super) fn too_late(visitor: &Visitor, campaign: &store::Campaign, once: String) -> Result<String, Problem> {
    let shown = &visitor.shown;
    let is_to_begin = campaign.state == CampaignState::Scheduled;
    let what = match campaign.start_at.filter(|_| is_to_begin) {
        Some(at) => shown.fill("too-late-begins", &[("at", shown.second(&at).into())]),
        None => shown.say("too-late-begun"),
    };
    let may_take_back = is_to_begin && visitor.caller.scopes.has(Scope::CampaignsSend);
    let base = format!("/campaigns/{}", campaign.id);
    TooLate { shown, base, what, may_take_back, once }.render().map_err(|error| own_failure(&error))
}

pub(super) fn own_failure(error: &askama::Error) -> Problem {
    tracing::error!(%error, "a part of a page could not be drawn");
    Code::OwnFailure.into()
}

/// The message, for the frame.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Asked(seen): Asked<Seen>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let proposal = match seen.version {
        Some(version) => super::versions::version(&app, &visitor, id, version).await?,
        None => drafts::proposal(&app.store, &campaign).await?,
    };
    Ok(framed(&rendered(&app, &visitor, &proposal, &seen).await?, seen.way()))
}

async fn rendered(app: &App, visitor: &Visitor, proposal: &Proposal, seen: &Seen) -> Result<Rendered, Problem> {
    api::preview_of(app, &visitor.caller, proposal, seen.number(), seen.contact_id()).await
}

/// A rendered message as a document that can do nothing.
fn framed(rendered: &Rendered, way: &str) -> Response {
    let html = match way {
        "text" => format!("<!doctype html><meta charset=\"utf-8\"><pre>{}</pre>", escaped(&rendered.text)),
        "dark" => format!("{}{DARK}", rendered.html),
        _ => rendered.html.clone(),
    };
    let policy = if way == "plain" { POLICY_WITHOUT_PICTURES } else { POLICY };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        // The policy says who may frame it; this older word would say nobody.
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(html)).into_response()
}

/// Text as it stands in a document.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
