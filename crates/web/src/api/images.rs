//! Pictures for messages: sent in once, shown under an address made of their content for as long as mail exists.

use crate::extract::{Asked, body};
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use store::image::{IMAGE_BYTES_MAX, ImageHash, NewImage};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

const LIST: &str = "images";
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 200;

/// What browsers and mail programs show, by how it begins (WHATWG MIME Sniffing 6.1). No SVG: it can act.
const KINDS: [(&[u8], &str, &str); 5] = [
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF87a", "image/gif", "gif"),
    (b"GIF89a", "image/gif", "gif"),
    (b"RIFF", "image/webp", "webp"),
];

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, send_in).layer(DefaultBodyLimit::max(IMAGE_BYTES_MAX)))
}

/// A picture.
#[derive(Serialize, ToSchema)]
struct Image {
    /// The SHA-256 of its content.
    hash: String,
    /// Where it is shown: for the message.
    url: String,
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
    #[serde(rename = "type")]
    kind: String,
    /// What it is called.
    name: String,
    /// Its size.
    size_bytes: u64,
    /// When it was sent in.
    at: Time,
}

/// Where a picture is shown.
pub(crate) fn address(app: &App, known: &store::image::Image) -> String {
    let suffix = KINDS.iter().find(|(_, kind, _)| *kind == known.kind).map_or("bin", |(_, _, suffix)| *suffix);
    format!("{}/m/{}.{suffix}", app.config.public_url, hex(&known.hash))
}

fn shown(app: &App, known: store::image::Image) -> Image {
    Image {
        url: address(app, &known),
        hash: hex(&known.hash),
        kind: known.kind,
        name: known.name,
        size_bytes: known.size_bytes,
        at: known.at.into(),
    }
}

fn hex(hash: &ImageHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash as it stands in an address.
pub(crate) fn read_hash(text: &str) -> Option<ImageHash> {
    let mut hash = ImageHash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// The pictures of the workspace, in the order of their hashes.
#[utoipa::path(get, path = "/images", tag = "images", params(Plain), responses((status = 200, body = Page<Image>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Image>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let limit = page::limit(which.limit)?;
    let after = which.after.as_deref().map(|cursor| page::open(LIST, cursor)).transpose()?;
    let after = after.map(|text| read_hash(&text).ok_or_else(|| Problem::from(Code::InvalidCursor))).transpose()?;
    let found = app.store.images(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| hex(&known.hash), |known| shown(&app, known))))
}

/// What a picture is called.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// Its name, for the list; `picture` if absent.
    name: Option<String>,
}

/// Send in a picture: PNG, JPEG, GIF or WebP, at most 5 MB. The same picture again has the same address.
#[utoipa::path(post, path = "/images", tag = "images", params(Named),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, body = Image)))]
async fn send_in(
    State(app): State<App>,
    caller: Caller,
    Asked(named): Asked<Named>,
    request: Request,
) -> Result<(StatusCode, Json<Image>), Problem> {
    caller.may(Scope::CampaignsWrite)?;
    let bytes = body(request).await?;
    let kept = keep(&app, &caller, named.name.unwrap_or_else(|| "picture".to_owned()), &bytes).await?;
    Ok((StatusCode::CREATED, Json(shown(&app, kept))))
}

/// Keeps a picture that somebody sent in. Refused: what is none.
pub(crate) async fn keep(
    app: &App,
    caller: &Caller,
    name: String,
    bytes: &[u8],
) -> Result<store::image::Image, Problem> {
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Err(Problem::field("name", format!("a name has 1 to {NAME_CHARS_MAX} characters")));
    }
    let kind = sniff(bytes).ok_or_else(|| {
        Problem::new(Code::UnsupportedMediaType, "this is no PNG, JPEG, GIF or WebP picture; mail programs show these")
    })?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let hash = digest.as_ref().try_into().map_err(|_| Problem::from(Code::OwnFailure))?;
    let new = NewImage { hash, kind, name, bytes: bytes.to_vec() };
    Ok(app.store.keep_image(caller.workspace, new, &caller.actor, app.now()).await?)
}

/// The media type of a picture.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let (_, kind, _) = KINDS.iter().find(|(start, _, _)| bytes.starts_with(start))?;
    (*kind != "image/webp" || bytes.get(8..12) == Some(b"WEBP")).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_how_they_begin() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVEfmt "), None);
        assert_eq!(sniff(b"<svg onload=alert(1)>"), None);
        assert_eq!(sniff(b""), None);
    }

    #[test]
    fn hashes_go_out_and_come_back() {
        let hash: ImageHash = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        assert_eq!(read_hash(&hex(&hash)), Some(hash));
        assert_eq!(read_hash("zz"), None);
        assert_eq!(read_hash(&"é".repeat(32)), None);
    }
}
