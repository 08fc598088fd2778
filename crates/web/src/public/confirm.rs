//! Confirming: a page that asks whether somebody wants to be on a list, and a POST that says yes.
//!
//! GET never confirms: gateways follow links before people do. What they agree to stands on the page and is kept as it
//! stood there, with the time and the network address.

use super::pages::{self, Look, Notice};
use super::unsubscribe::answered;
use crate::{App, Peer};
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use mail::token::Purpose;
use store::confirmation::{Answer, Asked, ConfirmationId};
use store::{Consent, StoreError};

pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    answered(ask(&app, &token).await)
}

pub(super) async fn act(
    State(app): State<App>,
    Path(token): Path<String>,
    peer: Option<Extension<Peer>>,
    body: Bytes,
) -> Response {
    if !form_urlencoded::parse(&body).any(|(name, value)| name == "do" && value == "confirm") {
        return pages::not_understood();
    }
    let ip = peer.map(|Extension(Peer(ip))| ip.to_string());
    answered(confirm(&app, &token, ip).await)
}

/// Whom a token is about.
pub(super) async fn found(app: &App, token: &str) -> Result<Option<(ConfirmationId, Asked)>, StoreError> {
    let Some(id) = app.engine.opened_token(Purpose::Confirm, token) else { return Ok(None) };
    let id = ConfirmationId(id.0);
    Ok(app.store.asked(id, app.now()).await?.map(|asked| (id, asked)))
}

async fn ask(app: &App, token: &str) -> Result<Option<Response>, StoreError> {
    let Some((_, asked)) = found(app, token).await? else { return Ok(None) };
    let look = Look::of(app, asked.workspace).await?;
    if asked.standing != Answer::Open {
        return Ok(Some(settled(&look, &asked, asked.standing)));
    }
    let said = agreed(&look, &asked);
    let notice = Notice::new(&look, look.words.say("confirm-ask"), [said]);
    let notice = notice.with_button("confirm", look.words.say("confirm-do"), false);
    Ok(Some(pages::show(StatusCode::OK, &notice)))
}

async fn confirm(app: &App, token: &str, ip: Option<String>) -> Result<Option<Response>, StoreError> {
    let Some((id, asked)) = found(app, token).await? else { return Ok(None) };
    let look = Look::of(app, asked.workspace).await?;
    let consent = Consent { source: Some("confirmed by mail".to_owned()), at: Some(app.now()), ip };
    let answer = app.store.confirm(id, consent, &agreed(&look, &asked), app.now()).await?;
    Ok(answer.map(|answer| settled(&look, &asked, answer)))
}

/// What they agree to.
fn agreed(look: &Look, asked: &Asked) -> String {
    let address = look.shortened(asked.email.as_deref().unwrap_or_default());
    let list = asked.list.list.name.clone();
    let words = look.words;
    words.fill("confirm-what", &[("list", list.into()), ("sender", look.sender().into()), ("address", address.into())])
}

fn settled(look: &Look, asked: &Asked, answer: Answer) -> Response {
    let words = look.words;
    let list = || asked.list.list.name.clone();
    match answer {
        Answer::Confirmed => {
            let what = words.fill("confirmed-what", &[("list", list().into())]);
            pages::show(StatusCode::OK, &Notice::new(look, words.say("confirmed"), [what]))
        }
        Answer::Open | Answer::Over => {
            let notice = Notice::new(look, words.say("confirm-over"), [words.say("confirm-over-why")]);
            pages::show(StatusCode::GONE, &notice)
        }
    }
}
