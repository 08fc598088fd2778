//! Unsubscribing: a page that asks, and a POST that acts (RFC 8058).
//!
//! A scanner that follows the link changes nothing, because GET only shows. The POST needs no cookie, no sign-in and no
//! redirect; the token is what makes it the recipient's, so that no other page can forge it.

use super::pages;
use crate::App;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use mail::token::Purpose;
use store::Recipient;

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
    match app.engine.recipient(Purpose::Unsubscribe, &token).await {
        Ok(Some(recipient)) => pages::ask_to_unsubscribe(&address_of(&app, &recipient).await),
        Ok(None) => pages::not_found(),
        Err(_) => pages::try_again(),
    }
}

pub(super) async fn act(State(app): State<App>, Path(token): Path<String>, body: Bytes) -> Response {
    let Some(wish) = wish(&body) else { return pages::not_understood() };
    let how = match wish {
        Wish::OneClick => "one_click",
        Wish::Unsubscribe => "page",
        Wish::Undo => return take_back(&app, &token).await,
    };
    match app.engine.unsubscribe(&token, how).await {
        Ok(Some(_)) if wish == Wish::OneClick => "You are unsubscribed.\n".into_response(),
        Ok(Some(recipient)) => pages::unsubscribed(&address_of(&app, &recipient).await),
        Ok(None) => pages::not_found(),
        Err(why) => {
            tracing::error!(%why, "an unsubscribe could not be recorded");
            pages::try_again()
        }
    }
}

async fn take_back(app: &App, token: &str) -> Response {
    match app.engine.recipient(Purpose::Unsubscribe, token).await {
        Ok(Some(_)) => {}
        Ok(None) => return pages::not_found(),
        Err(_) => return pages::try_again(),
    }
    match app.engine.take_back_unsubscribe(token).await {
        Ok(true) => pages::subscribed_again(),
        Ok(false) => pages::cannot_take_back(),
        Err(_) => pages::try_again(),
    }
}

async fn address_of(app: &App, recipient: &Recipient) -> String {
    let row = app.store.delivery(recipient.delivery).await;
    row.ok().flatten().and_then(|row| row.email).unwrap_or_default()
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
