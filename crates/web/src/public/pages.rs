//! The few pages that recipients see: plain, without scripts, readable with any program.
//!
//! Invariant: whatever comes from outside is escaped; a page allows nothing to be loaded and posts only to us.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;background:light-dark(#f6f5f1,#131417);color:light-dark(#1b1d22,#e9e9e6);\
font:1rem/1.5 -apple-system,'Segoe UI',Roboto,'Noto Sans',Arial,system-ui,sans-serif}\
main{max-width:34rem;margin:12vh auto 0;padding:2rem 1.5rem;background:light-dark(#fff,#1a1c20);border-radius:6px;\
border:1px solid light-dark(#e2dfd8,#30343b)}\
h1{font-size:1.375rem;line-height:1.25;margin:0 0 1rem}p{margin:0 0 1rem}\
button{font:inherit;font-weight:650;padding:.625rem 1.25rem;border-radius:6px;cursor:pointer;\
border:1px solid light-dark(#2a48c4,#a5b6ff);background:light-dark(#2a48c4,#a5b6ff);color:light-dark(#fff,#12141c)}\
button.quiet{background:none;color:light-dark(#2a48c4,#a5b6ff)}\
:focus-visible{outline:3px solid light-dark(#2a48c4,#a5b6ff);outline-offset:2px}";

/// The style alone may be used, and forms may be sent to ourselves.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";

/// A page: title and what stands below it, as HTML.
fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let policy = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
    (status, policy, Html(html)).into_response()
}

/// A form that sends nothing but what is to be done.
fn button(what: &str, words: &str, class: &str) -> String {
    format!(
        "<form method=\"post\"><input type=\"hidden\" name=\"do\" value=\"{what}\">\
         <button type=\"submit\" class=\"{class}\">{words}</button></form>"
    )
}

pub(super) fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, "There is nothing here", "<p>The address may be cut off or mistyped.</p>")
}

pub(super) fn try_again() -> Response {
    let mut answer = page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Please try again in a moment",
        "<p>We could not look this up just now. Nothing was changed.</p>",
    );
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    answer
}

/// The page before: it asks.
pub(super) fn ask_to_unsubscribe(address: &str) -> Response {
    let body = format!(
        "<p>Mail to <strong>{}</strong> from this sender will stop at once.</p>{}",
        escape(&shortened(address)),
        button("unsubscribe", "Unsubscribe", "")
    );
    page(StatusCode::OK, "Unsubscribe?", &body)
}

/// The page after.
pub(super) fn unsubscribed(address: &str) -> Response {
    let body = format!(
        "<p>Nothing more will be sent to <strong>{}</strong>.</p><p>Was that a mistake?</p>{}",
        escape(&shortened(address)),
        button("undo", "Subscribe again", "quiet")
    );
    page(StatusCode::OK, "You are unsubscribed", &body)
}

pub(super) fn subscribed_again() -> Response {
    let body = format!("<p>You will get mail as before.</p>{}", button("unsubscribe", "Unsubscribe", "quiet"));
    page(StatusCode::OK, "You are subscribed again", &body)
}

pub(super) fn cannot_take_back() -> Response {
    page(
        StatusCode::CONFLICT,
        "This cannot be taken back here",
        "<p>To get mail again, please sign up where you did before.</p>",
    )
}

pub(super) fn not_understood() -> Response {
    page(StatusCode::BAD_REQUEST, "That was not understood", "<p>Please open the link of the message once more.</p>")
}

/// Enough to recognise one's own address, and too little for whoever a message was forwarded to.
fn shortened(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return "your address".to_owned() };
    let first: String = local.chars().take(1).collect();
    format!("{first}…@{domain}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
