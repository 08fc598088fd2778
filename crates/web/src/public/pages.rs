//! The pages that recipients see: plain, without scripts, in the sender's language and colour, readable with any program.
//!
//! Their shape is in `templates/public`, their words in `words/`. Invariant: whatever comes from outside is escaped (the
//! templates do); a page allows nothing to be loaded and posts only to us.

use crate::App;
use crate::words::Words;
use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use engine::brand::{Brand, SENDER};
use engine::drafts::POSTAL_ADDRESS;
use engine::launch::parse_mailbox;
use model::{Colour, Language, WorkspaceId};
use store::StoreError;

/// The style alone may be used, and forms may be sent to ourselves.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";
/// The colour of a sender who has none, on a light ground …
const LIGHT: Colour = Colour { red: 0x2a, green: 0x48, blue: 0xc4 };
/// … and on a dark one.
const DARK: Colour = Colour { red: 0xa5, green: 0xb6, blue: 0xff };
/// The dark ground that text stands on.
const DARK_GROUND: Colour = Colour { red: 0x1a, green: 0x1c, blue: 0x20 };

/// In whose name a page speaks, and how.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) words: Words,
    pub(super) name: Option<String>,
    /// Who it is where it has no name: its legal name, else the domain it sends from.
    known_as: Option<String>,
    pub(super) light: Colour,
    pub(super) dark: Colour,
}

impl Look {
    /// A workspace's.
    pub(super) async fn of(app: &App, workspace: WorkspaceId) -> Result<Look, StoreError> {
        let brand = Brand::of(&app.store, workspace).await?;
        let dark = brand.colour.map_or(DARK, |colour| colour.light_on(DARK_GROUND));
        let light = brand.colour.unwrap_or(LIGHT);
        let postal = app.store.setting(workspace, POSTAL_ADDRESS).await?;
        let legal = postal.as_deref().and_then(|text| text.lines().next()).map(|line| line.trim().to_owned());
        let known_as = match legal.filter(|name| !name.is_empty()) {
            Some(legal) => Some(legal),
            None => {
                let sender = app.store.setting(workspace, SENDER).await?;
                let sender = sender.and_then(|text| parse_mailbox(&text).ok());
                sender.map(|mailbox| mailbox.address.domain().as_str().to_owned())
            }
        };
        Ok(Look { words: Words::of(brand.language), name: brand.name, known_as, light, dark })
    }

    /// Nobody's, in the reader's language.
    fn nobodys(headers: &HeaderMap) -> Look {
        let field = headers.get(header::ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok()).unwrap_or_default();
        Look { words: Words::of(Language::accepted(field)), name: None, known_as: None, light: LIGHT, dark: DARK }
    }

    /// Who it is, in the middle of a sentence.
    pub(super) fn sender(&self) -> String {
        let named = self.name.as_ref().or(self.known_as.as_ref());
        named.cloned().unwrap_or_else(|| self.words.say("this-sender"))
    }

    /// Enough of an address to recognise one's own, and too little for whoever a message was forwarded to.
    pub(super) fn shortened(&self, address: &str) -> String {
        let Some((local, domain)) = address.rsplit_once('@') else { return self.words.say("your-address") };
        let first: String = local.chars().take(1).collect();
        format!("{first}…@{domain}")
    }
}

/// A page as an answer.
pub(super) fn show(status: StatusCode, page: &impl Template) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
    match page.render() {
        Ok(html) => (status, policy, Html(html)).into_response(),
        Err(why) => {
            tracing::error!(%why, "a page could not be written");
            Bare::Later.into_response()
        }
    }
}

/// A page that says something, with at most one thing to do and one place to go.
#[derive(Template)]
#[template(path = "public/notice.html")]
pub(super) struct Notice<'l> {
    pub(super) look: &'l Look,
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    pub(super) button: Option<Button>,
    /// Where to, and the words.
    pub(super) link: Option<(String, String)>,
}

impl<'l> Notice<'l> {
    pub(super) fn new(look: &'l Look, title: String, lines: impl IntoIterator<Item = String>) -> Notice<'l> {
        Notice { look, title, lines: lines.into_iter().collect(), button: None, link: None }
    }

    pub(super) fn with_button(self, wish: &'static str, words: String, is_quiet: bool) -> Notice<'l> {
        Notice { button: Some(Button { wish, words, is_quiet }), ..self }
    }
}

/// A form that sends nothing but what is to be done.
pub(super) struct Button {
    wish: &'static str,
    words: String,
    is_quiet: bool,
}

/// A page about nobody: what it says is put in on its way out, in the language of whoever asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bare {
    Nothing,
    Later,
    NotUnderstood,
}

impl IntoResponse for Bare {
    fn into_response(self) -> Response {
        let status = match self {
            Bare::Nothing => StatusCode::NOT_FOUND,
            Bare::Later => StatusCode::SERVICE_UNAVAILABLE,
            Bare::NotUnderstood => StatusCode::BAD_REQUEST,
        };
        let mut response = status.into_response();
        if matches!(self, Bare::Later) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl Bare {
    /// The answer with its words, if it is one of these.
    pub(super) fn put_into_words(mut response: Response, asked: &HeaderMap) -> Response {
        let Some(bare) = response.extensions_mut().remove::<Bare>() else { return response };
        let look = Look::nobodys(asked);
        let words = look.words;
        let (title, why) = match bare {
            Bare::Nothing => (words.say("nothing"), words.say("nothing-why")),
            Bare::Later => (words.say("later"), words.say("later-why")),
            Bare::NotUnderstood => (words.say("not-understood"), words.say("not-understood-why")),
        };
        let mut shown = show(response.status(), &Notice::new(&look, title, [why]));
        shown
            .headers_mut()
            .extend(response.headers().get(header::RETRY_AFTER).map(|after| (header::RETRY_AFTER, after.clone())));
        shown
    }
}

pub(super) fn not_found() -> Response {
    Bare::Nothing.into_response()
}

pub(super) fn try_again() -> Response {
    Bare::Later.into_response()
}

pub(super) fn not_understood() -> Response {
    Bare::NotUnderstood.into_response()
}

/// The ledger could not be asked or could not write.
pub(super) fn failed(why: &StoreError) -> Response {
    tracing::warn!(%why, "a page had to be put off");
    try_again()
}
