//! What was typed into a form when nobody was signed in any more: it waits at the door, and goes on once they are in.
//!
//! It stands in the sign-in form itself, so that nothing is kept here for strangers. Files are not carried: whoever chose one
//! is told to choose it again. Invariants: whatever is not carried is said so; a form of a foreign page is not carried; what is
//! carried has a bound, and nothing is sent before it was seen once more, under the words of the button that was pressed
//! where its form names them (`deed`, `deed_of`).

use super::doors::own_path;
use super::refusal::referer;
use super::visit::Stranger;
use super::{Layout, page};
use crate::problem::Code;
use crate::{App, auth, extract};
use askama::Template;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{Method, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Octets of a form that are carried: as many as the longest form takes.
pub(super) const CARRIED_BYTES_MAX: usize = super::MESSAGE_BYTES_MAX;
/// Octets of the sign-in form with what is carried in base 64, and what is around it.
pub(super) const DOOR_BYTES_MAX: usize = CARRIED_BYTES_MAX / 3 * 4 + 64 * 1024;
/// Octets of a file that are read and thrown away, so that the browser hears the answer.
const THROWN_AWAY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is shown once more of what was typed into a form that says what it does: when it begins, and why it is done.
const SHOWN: [&str; 5] = ["at", "because", "reason", "why", "note"];

/// How browsers write forms …
const FORM: &str = "application/x-www-form-urlencoded";
/// … and those that have files in them.
const PARTS: &str = "multipart/form-data";

/// A form that was sent when nobody was signed in any more.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Carried {
    /// Where it goes; empty: there is none.
    #[serde(default, rename = "carried_to")]
    pub(super) to: String,
    /// What was typed: as browsers write a form without files, in base 64.
    #[serde(default, rename = "carried")]
    pub(super) body: String,
    /// Does it go as a form with files?
    #[serde(default, rename = "carried_as")]
    pub(super) kind: String,
    /// Was a file chosen, which is to be chosen again?
    #[serde(default, rename = "carried_file")]
    pub(super) file: String,
}

/// What came with a request of somebody who is not signed in.
pub(super) enum Brought {
    /// Nothing that was typed.
    Nothing,
    /// A form, to be carried.
    Typed(Carried),
    /// A form of which nothing can be carried.
    Lost {
        /// What says so.
        words: &'static str,
        /// The page it was on.
        from: Option<String>,
    },
}

/// What came with it; `to`: where it goes.
pub(super) async fn brought(app: &App, mut request: Request, to: String) -> Brought {
    if request.method() != Method::POST || auth::not_foreign(app.front(), request.headers()).is_err() {
        return Brought::Nothing;
    }
    let from = referer(app.front(), &request);
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        FORM => {
            DefaultBodyLimit::max(CARRIED_BYTES_MAX).apply(&mut request);
            match extract::body(request).await {
                Ok(body) => Brought::Typed(Carried { to, body: packed(&body), ..Carried::default() }),
                Err(problem) if problem.code == Code::TooLarge => Brought::Lost { words: "carry-too-long", from },
                Err(_) => Brought::Nothing,
            }
        }
        PARTS => {
            DefaultBodyLimit::max(CARRIED_BYTES_MAX + THROWN_AWAY_BYTES_MAX).apply(&mut request);
            match Multipart::from_request(request, &()).await {
                Ok(parts) => of_parts(parts, to, from).await,
                Err(_) => Brought::Nothing,
            }
        }
        _ => Brought::Nothing,
    }
}

/// The fields of a form with files in it; the files are thrown away.
async fn of_parts(mut parts: Multipart, to: String, from: Option<String>) -> Brought {
    let (mut typed, mut has_file, mut octets) = (Vec::new(), false, 0);
    while let Ok(Some(mut part)) = parts.next_field().await {
        let (name, is_file) = (part.name().unwrap_or_default().to_owned(), part.file_name().is_some());
        let mut value = Vec::new();
        loop {
            match part.chunk().await {
                Ok(None) => break,
                Ok(Some(piece)) if is_file => has_file |= !piece.is_empty(),
                Ok(Some(piece)) => {
                    octets += piece.len();
                    if octets > CARRIED_BYTES_MAX {
                        return Brought::Lost { words: "carry-too-long", from };
                    }
                    value.extend_from_slice(&piece);
                }
                Err(_) => return Brought::Lost { words: if is_file { "carry-file" } else { "carry-too-long" }, from },
            }
        }
        if !is_file {
            typed.push((name, String::from_utf8_lossy(&value).into_owned()));
        }
    }
    // What the form itself says of its button is nothing that was typed.
    let is_typed =
        |(name, value): &(String, String)| !value.is_empty() && !["deed", "deed_of"].contains(&name.as_str());
    match (typed.iter().any(is_typed), has_file) {
        (true, _) => {
            let typed = form_urlencoded::Serializer::new(String::new()).extend_pairs(typed).finish();
            let file = if has_file { "yes" } else { "" }.to_owned();
            Brought::Typed(Carried { to, body: packed(typed.as_bytes()), kind: PARTS.to_owned(), file })
        }
        (false, true) => Brought::Lost { words: "carry-file", from },
        (false, false) => Brought::Nothing,
    }
}

/// As it stands in the form of the door: escaping it once more would make it three times as long.
fn packed(body: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(body)
}

#[derive(Template)]
#[template(path = "pages/carry.html")]
struct CarryPage {
    layout: Layout,
    action: String,
    pairs: Vec<(String, String)>,
    /// What the button said that was pressed, and of what, where the form says so.
    deed: Option<String>,
    about: Option<String>,
    /// What was typed that decides or explains it.
    typed: Vec<String>,
    /// Does it go as a form with files?
    is_parts: bool,
    /// Is a file to be chosen again?
    lacks_file: bool,
}

impl CarryPage {
    /// Is all that the form does to save what was typed?
    fn is_saved(&self) -> bool {
        self.action.ends_with("/edit")
    }
}

impl Carried {
    /// Is there something?
    pub(super) const fn is_some(&self) -> bool {
        !self.to.is_empty()
    }

    /// Asks whoever is in now whether it is still to be sent.
    pub(super) fn ask(&self, app: &App, stranger: &Stranger) -> Response {
        let body = URL_SAFE_NO_PAD.decode(&self.body).unwrap_or_default();
        let pairs: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
        let given = |name: &str| {
            let value = pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            value.filter(|value| !value.trim().is_empty())
        };
        let is_later = given("when").is_none_or(|when| when == "later");
        page(&CarryPage {
            deed: given("deed"),
            about: given("deed_of"),
            typed: SHOWN.into_iter().filter(|name| is_later || *name != "at").filter_map(given).collect(),
            layout: Layout::outside(app, stranger, stranger.words.say("carry-title")),
            action: own_path(&self.to).to_owned(),
            pairs,
            is_parts: self.kind == PARTS,
            lacks_file: !self.file.is_empty(),
        })
    }
}
