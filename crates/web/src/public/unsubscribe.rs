//! Unsubscribing: a page that asks, and a POST that acts (RFC 8058).
//!
//! A scanner that follows the link changes nothing, because GET only shows. The POST needs no cookie, no sign-in and no
//! redirect; the token is what makes it the recipient's, so that no other page can forge it.

use super::pages::{self, Look, Notice};
use crate::App;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mail::token::Purpose;
use model::SuppressionReason;
use store::{Recipient, StoreError};

/// What a POST asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// A mail program's button: it shows nobody a page.
    OneClick,
    /// The button of our page.
    Unsubscribe,
    /// The button of the page after.
    Undo,
}

pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    answered(ask(&app, &token).await)
}

pub(super) async fn act(State(app): State<App>, Path(token): Path<String>, body: Bytes) -> Response {
    match wish(&body) {
        None => pages::not_understood(),
        Some(Wish::OneClick) => match app.engine.unsubscribe(Purpose::Unsubscribe, &token, "one_click").await {
            Ok(Some(_)) => "You are unsubscribed.\n".into_response(),
            Ok(None) => pages::not_found(),
            Err(why) => pages::failed(&why),
        },
        Some(Wish::Unsubscribe) => answered(leave(&app, Purpose::Unsubscribe, &token).await),
        Some(Wish::Undo) => answered(take_back(&app, Purpose::Unsubscribe, &token).await),
    }
}

/// A page; none, if there is nobody it could be about.
pub(super) fn answered(page: Result<Option<Response>, StoreError>) -> Response {
    match page {
        Ok(page) => page.unwrap_or_else(pages::not_found),
        Err(why) => pages::failed(&why),
    }
}

/// The page before: it asks. Whoever has unsubscribed already is told so.
async fn ask(app: &App, token: &str) -> Result<Option<Response>, StoreError> {
    let Some(recipient) = app.engine.recipient(Purpose::Unsubscribe, token).await? else { return Ok(None) };
    let look = Look::of(app, recipient.workspace).await?;
    let words = look.words;
    let address = look.shortened(&address_of(app, &recipient).await?);
    let known = app.store.contact(recipient.contact).await?.filter(|known| known.workspace == recipient.workspace);
    // Whoever looks whether it worked sees that it did.
    if known.is_some_and(|known| known.suppressions.iter().any(|one| one.reason == SuppressionReason::Unsubscribed)) {
        return Ok(Some(pages::show(StatusCode::OK, &gone(&look, &address))));
    }
    let what = words.fill("unsubscribe-what", &[("address", address.into())]);
    let link = app.engine.token(Purpose::Preferences, recipient.delivery);
    let link = link.map(|token| (format!("/p/{token}"), words.say("unsubscribe-less")));
    let notice = Notice { link, ..Notice::new(&look, words.say("unsubscribe-ask"), [what]) };
    let notice = notice.with_button("unsubscribe", words.say("unsubscribe-do"), false);
    Ok(Some(pages::show(StatusCode::OK, &notice)))
}

/// Unsubscribes, and shows the page after.
pub(super) async fn leave(app: &App, purpose: Purpose, token: &str) -> Result<Option<Response>, StoreError> {
    let Some(recipient) = app.engine.unsubscribe(purpose, token, "page").await? else { return Ok(None) };
    let look = Look::of(app, recipient.workspace).await?;
    let address = look.shortened(&address_of(app, &recipient).await?);
    Ok(Some(pages::show(StatusCode::OK, &gone(&look, &address))))
}

/// That they are unsubscribed, and how to come back.
pub(super) fn gone<'l>(look: &'l Look, address: &str) -> Notice<'l> {
    let words = look.words;
    let what = words.fill("unsubscribed-what", &[("address", address.to_owned().into())]);
    let notice = Notice::new(look, words.say("unsubscribed"), [what, words.say("unsubscribed-undo")]);
    notice.with_button("undo", words.say("subscribe-again"), true)
}

/// Takes an unsubscribe back, if that can be, and says so.
pub(super) async fn take_back(app: &App, purpose: Purpose, token: &str) -> Result<Option<Response>, StoreError> {
    let Some(recipient) = app.engine.recipient(purpose, token).await? else { return Ok(None) };
    let look = Look::of(app, recipient.workspace).await?;
    let words = look.words;
    if !app.engine.take_back_unsubscribe(&recipient).await? {
        let notice = Notice::new(&look, words.say("no-way-back"), [words.say("no-way-back-why")]);
        return Ok(Some(pages::show(StatusCode::CONFLICT, &notice)));
    }
    let notice = Notice::new(&look, words.say("subscribed-again"), [words.say("subscribed-again-what")]);
    let notice = notice.with_button("unsubscribe", words.say("unsubscribe-do"), true);
    Ok(Some(pages::show(StatusCode::OK, &notice)))
}

/// The address a delivery went to; empty: they were forgotten.
pub(super) async fn address_of(app: &App, recipient: &Recipient) -> Result<String, StoreError> {
    Ok(app.store.delivery(recipient.delivery).await?.and_then(|row| row.email).unwrap_or_default())
}

/// Both ways in which a form is sent (RFC 8058 section 3.1 allows either). Nothing at all is what some mail programs
/// send, and can only mean one thing.
fn wish(body: &[u8]) -> Option<Wish> {
    let text = String::from_utf8_lossy(body);
    let is_one_click = |text: &str| text.contains("List-Unsubscribe") && text.contains("One-Click");
    let has = |pair: &str| text.split('&').any(|one| one.trim() == pair);
    match () {
        () if text.trim().is_empty() || is_one_click(&text) => Some(Wish::OneClick),
        () if has("do=unsubscribe") => Some(Wish::Unsubscribe),
        () if has("do=undo") => Some(Wish::Undo),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_forms_are_read() {
        assert_eq!(wish(b"List-Unsubscribe=One-Click"), Some(Wish::OneClick));
        let multipart =
            b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
        assert_eq!(wish(multipart), Some(Wish::OneClick));
        assert_eq!(wish(b"do=unsubscribe"), Some(Wish::Unsubscribe));
        assert_eq!(wish(b"a=b&do=undo"), Some(Wish::Undo));
        assert_eq!(wish(b"do=everything"), None);
        assert_eq!(wish(b"\xff\xfe"), None);
    }
}
