//! Signing up: a page with a form for one list, and the same form to be put on one's own pages.
//!
//! Only public lists that ask for a confirmation have one: whoever types an address is asked by mail whether it was them,
//! and nothing else is sent before. Invariants: the answer is the same whoever is typed in, so that nobody learns who is
//! known here; a stranger who types a known address changes nothing of that person but that they are asked, and of
//! somebody who was forgotten at their own wish nothing is kept and nobody is asked.

use super::pages::{self, Look};
use super::unsubscribe::answered;
use crate::{App, Peer};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::{Actor, ContactId, EmailAddress, ListId, WorkspaceId};
use std::net::IpAddr;
use store::list::List;
use store::{Consent, NewContact, StoreError};

/// Forms a minute from one network address.
const A_MINUTE: u32 = 10;
/// How a consent by the form is called, until it is confirmed.
const SOURCE: &str = "sign-up form";
/// The field that people do not see; programs fill it in.
const TRAP: &str = "website";

/// The page.
#[derive(Template)]
#[template(path = "public/join.html")]
struct JoinPage<'l> {
    look: &'l Look,
    title: String,
    what: String,
    email: String,
    wrong: Option<String>,
}

/// The form by itself, for other pages.
#[derive(Template)]
#[template(path = "public/join_form.html")]
struct JoinForm<'l> {
    look: &'l Look,
    url: String,
}

/// Where the form of a list is, and its markup for other pages.
pub(crate) async fn form(app: &App, workspace: WorkspaceId, list: ListId) -> Result<(String, String), StoreError> {
    let look = Look::of(app, workspace).await?;
    let url = format!("{}/join/{workspace}/{list}", app.config.public_url);
    let html = JoinForm { look: &look, url: url.clone() }.render().unwrap_or_default();
    Ok((url, html))
}

/// Has a list a form?
pub(crate) const fn is_open(list: &List) -> bool {
    list.list.public && list.list.confirms
}

/// The list an address is about.
pub(super) async fn found(app: &App, workspace: &str, list: &str) -> Result<Option<List>, StoreError> {
    let (Ok(workspace), Ok(list)) = (workspace.parse(), list.parse()) else { return Ok(None) };
    Ok(app.store.list(workspace, list).await?.filter(is_open))
}

pub(super) async fn show(State(app): State<App>, Path((workspace, list)): Path<(String, String)>) -> Response {
    answered(ask(&app, &workspace, &list).await)
}

async fn ask(app: &App, workspace: &str, list: &str) -> Result<Option<Response>, StoreError> {
    let Some(list) = found(app, workspace, list).await? else { return Ok(None) };
    let look = Look::of(app, list.workspace).await?;
    Ok(Some(pages::show(StatusCode::OK, &page(&look, &list, String::new(), None))))
}

fn page<'l>(look: &'l Look, list: &List, email: String, wrong: Option<String>) -> JoinPage<'l> {
    let words = look.words;
    let name = || list.list.name.clone();
    JoinPage {
        title: words.fill("join-ask", &[("list", name().into())]),
        what: words.fill("join-what", &[("list", name().into()), ("sender", look.sender().into())]),
        look,
        email,
        wrong,
    }
}

pub(super) async fn act(
    State(app): State<App>,
    Path((workspace, list)): Path<(String, String)>,
    peer: Option<Extension<Peer>>,
    body: Bytes,
) -> Response {
    let ip = peer.map(|Extension(Peer(ip))| ip);
    if let Some(ip) = ip
        && app.desk.buckets.take(&format!("join {ip}"), A_MINUTE, app.now()).is_err()
    {
        return pages::try_again();
    }
    let field = |wanted: &str| {
        let found = form_urlencoded::parse(&body).find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    answered(join(&app, (&workspace, &list), field("email"), !field(TRAP).is_empty(), ip).await)
}

async fn join(
    app: &App,
    (workspace, list): (&str, &str),
    email: String,
    is_trapped: bool,
    ip: Option<IpAddr>,
) -> Result<Option<Response>, StoreError> {
    let Some(list) = found(app, workspace, list).await? else { return Ok(None) };
    let look = Look::of(app, list.workspace).await?;
    let Ok(address) = EmailAddress::parse(&email) else {
        let wrong = look.words.say("join-wrong");
        return Ok(Some(pages::show(StatusCode::UNPROCESSABLE_ENTITY, &page(&look, &list, email, Some(wrong)))));
    };
    if !is_trapped && let Some(contact) = contact(app, &list, &address, ip).await? {
        let (store, now) = (&app.store, app.now());
        store.join_list(list.workspace, list.id, vec![contact], None, &Actor::Recipient, now).await?;
        store.ask_members(list.workspace, list.id, vec![contact], now).await?;
        app.desk.joined.notify_one();
    }
    let words = look.words;
    let said = words.fill("join-done-what", &[("address", address.to_string().into())]);
    Ok(Some(pages::show(StatusCode::OK, &pages::Notice::new(&look, words.say("join-done"), [said]))))
}

/// Who it is; somebody new waits for their own answer before they are mailed. `None`: whoever has the address was forgotten.
async fn contact(
    app: &App,
    list: &List,
    address: &EmailAddress,
    ip: Option<IpAddr>,
) -> Result<Option<ContactId>, StoreError> {
    let known = app.store.contacts_by_address(list.workspace, address).await?;
    if let Some(known) = known.into_iter().next() {
        return Ok(Some(known.id));
    }
    let consent = Consent { source: Some(SOURCE.to_owned()), at: Some(app.now()), ip: ip.map(|ip| ip.to_string()) };
    let new = NewContact {
        address: address.clone(),
        external_id: None,
        attributes: "{}".to_owned(),
        unconfirmed: true,
        consent: Some(consent),
        lead_source: Some(format!("{SOURCE}: {}", list.list.name)),
    };
    match app.store.create_contact(list.workspace, new, &Actor::Recipient, app.now()).await {
        Ok(made) => Ok(Some(made.id)),
        Err(StoreError::Forgotten) => Ok(None),
        // The same form, sent twice at once.
        Err(StoreError::Exists { what, name }) => {
            let known = app.store.contacts_by_address(list.workspace, address).await?;
            known.first().map(|known| Some(known.id)).ok_or(StoreError::Exists { what, name })
        }
        Err(why) => Err(why),
    }
}
