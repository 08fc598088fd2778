//! A sandbox: the same pages over a ledger of its own, with sample people, in a world that is made up.
//!
//! It stands under [`PLACE`], so the address alone says where one is, both can be open side by side, and no form of one can
//! reach the other. Whoever is signed in at home is signed in there, as what they are at home. What a sandbox is made of
//! (its ledger, its engine, its world) is not known here: whoever serves hands in something that opens and removes it.
//!
//! Invariants: everything in a sandbox is asked for and answered below its place; nobody signs in there, and no cookie is
//! set that says who somebody is; what belongs to people and keys of the installation is not offered there.

use crate::auth::Caller;
use crate::problem::{Code, Problem};
use crate::{App, pages};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use http_body_util::BodyExt;
use model::{Actor, WorkspaceId};
use net::BoxFuture;
use tower::ServiceExt;

/// Where the sandbox is.
pub const PLACE: &str = "/sandbox";
/// Octets of one page.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is not there: people and keys are those of the installation, and so are its figures.
const NOT_THERE: [&str; 10] =
    ["/api", "/metrics", "/healthz", "/readyz", "/sign-in", "/sign-out", "/welcome", "/users", "/keys", "/account"];
/// What pages have of the API: tables to take out.
const TABLES: [&str; 3] = ["/api/v1/exports", "/api/v1/events/export", "/api/v1/jobs"];
/// Where a page of the sandbox leads out of it.
const OUTSIDE: [&str; 4] = ["/first", "/sign-in", "/sign-out", "/assets"];
/// What leads from a page to another, as pages write it: every attribute of a template that has an address in it, which a test
/// holds to this list.
const LEADS: [&str; 6] =
    [" href=\"/", " action=\"/", " formaction=\"/", " src=\"/", " data-stream=\"/", " data-reach=\"/"];

/// Something that keeps one sandbox.
pub trait Sandbox: Send + Sync {
    /// What answers in it; `None` while there is none.
    fn router(&self) -> Option<Router>;
    /// Opens it for the people of `home`; makes it if there is none. Refused with the reason, in words.
    fn open<'a>(&'a self, home: &'a App) -> BoxFuture<'a, Result<(), String>>;
    /// Removes it with everything in it. Refused with the reason, in words.
    fn remove(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// Around everything at home: what is below the sandbox's place is answered there.
pub(crate) async fn choose(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (Some(sandbox), Some(inside)) = (&app.sandbox, inside(request.uri())) else {
        return next.run(request).await;
    };
    // Pages that stayed open lead here after it was removed.
    let Some(router) = sandbox.router() else { return Redirect::to("/first").into_response() };
    *request.uri_mut() = inside;
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// What an address below the sandbox's place is inside of it.
fn inside(uri: &Uri) -> Option<Uri> {
    let rest = uri.path().strip_prefix(PLACE)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let path = if rest.is_empty() { "/" } else { rest };
    let asked = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    asked.parse::<PathAndQuery>().ok().map(Uri::from)
}

/// Around everything inside: what is not there, and where pages lead.
pub(crate) fn around(app: &App, router: Router) -> Router {
    let closed = from_fn_with_state(app.clone(), not_there);
    router.layer(closed).layer(from_fn_with_state(app.clone(), lead_inside))
}

async fn not_there(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_in = |places: &[&str]| places.iter().any(|place| is_below(path, place));
    if is_in(&NOT_THERE) && !is_in(&TABLES) && !is_list_as_table(&request) {
        return pages::not_in_sandbox(&app, request.headers());
    }
    next.run(request).await
}

/// Pages offer every list of the API as a table.
fn is_list_as_table(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::GET
        && is_below(request.uri().path(), "/api/v1")
        && query.split('&').any(|one| one == "format=csv")
}

fn is_below(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#', '.']))
}

/// What leads to another page leads to the one in the sandbox, nothing leads a browser out into the world, and only how pages
/// look is remembered by it.
async fn lead_inside(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut response = next.run(request).await;
    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).map(led);
    match to {
        Some(to) if !to.starts_with('/') => response = pages::not_in_sandbox(&app, &asked),
        Some(to) => {
            if let Ok(to) = HeaderValue::from_str(&to) {
                response.headers_mut().insert(header::LOCATION, to);
            }
        }
        None => {}
    }
    let (mut parts, body) = response.into_parts();
    load_nothing_from_outside(&mut parts.headers);
    only_looks(&mut parts.headers);
    // Addresses become longer.
    parts.headers.remove(header::CONTENT_LENGTH);
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body = match kind.split(';').next().unwrap_or_default() {
        "text/html" => match to_bytes(body, PAGE_BYTES_MAX).await {
            Ok(page) => Body::from(led_page(&page)),
            Err(error) => {
                tracing::error!(%error, "a page of the sandbox could not be drawn");
                return Problem::from(Code::OwnFailure).into_response();
            }
        },
        // Every event is one piece.
        "text/event-stream" => Body::new(body.map_frame(|frame| frame.map_data(|piece| Bytes::from(led_page(&piece))))),
        _ => body,
    };
    Response::from_parts(parts, body)
}

/// What authors wrote may show pictures from anywhere elsewhere; here only those of this server.
fn load_nothing_from_outside(headers: &mut HeaderMap) {
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    let own = policy.map(|policy| policy.replace(" https:", " 'self'").replace(" http:", " 'self'"));
    if let Some(Ok(own)) = own.map(|own| HeaderValue::from_str(&own)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, own);
    }
}

fn only_looks(headers: &mut HeaderMap) {
    let is_look = |value: &HeaderValue| value.as_bytes().starts_with(pages::LOOK_COOKIE.as_bytes());
    let kept: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter(|one| is_look(one)).cloned().collect();
    headers.remove(header::SET_COOKIE);
    kept.into_iter().for_each(|one| {
        headers.append(header::SET_COOKIE, one);
    });
}

/// An address as the sandbox has it.
fn led(to: &str) -> String {
    let is_page = to.starts_with('/') && !to.starts_with("//") && !is_below(to, PLACE);
    if is_page && !OUTSIDE.iter().any(|place| is_below(to, place)) { format!("{PLACE}{to}") } else { to.to_owned() }
}

/// A page, or a piece of one, with its addresses as the sandbox has them. In what people wrote, quotation marks are escaped: it
/// is never taken for an address.
fn led_page(page: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(page) else { return page.to_vec() };
    let mut done = String::with_capacity(page.len() + 1024);
    let mut rest = text;
    loop {
        let found = LEADS.iter().filter_map(|lead| rest.find(lead).map(|at| at + lead.len() - 1)).min();
        let Some((before, after)) = found.and_then(|at| rest.split_at_checked(at)) else { break };
        let end = after.find('"').unwrap_or(after.len());
        let (to, left) = after.split_at_checked(end).unwrap_or((after, ""));
        done.push_str(before);
        done.push_str(&led(to));
        rest = left;
    }
    done.push_str(rest);
    done.into_bytes()
}

/// Who somebody from home is inside: an account of the same address, with the role they have at home.
pub(crate) async fn guest(app: &App, home: &App, known: &Caller) -> Result<Caller, Problem> {
    known.of_the_house()?;
    let (person, role) = (known.person()?, known.role.ok_or(Code::NotSignedIn)?);
    let gone = || Problem::from(Code::NotSignedIn);
    let user = home.store.user(person).await?.ok_or_else(gone)?;
    let inside = match app.store.user_by_email(&user.email).await? {
        Some(inside) => inside.id,
        None => {
            let workspace = WorkspaceId::FIRST;
            let made = app.store.add_member(workspace, &user.email, &user.name, role, &Actor::Engine, app.now()).await;
            match made {
                Ok(member) => member.user.id,
                // Two pages were asked for at once.
                Err(store::StoreError::Exists { .. }) => {
                    app.store.user_by_email(&user.email).await?.ok_or_else(gone)?.id
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let workspace = WorkspaceId::FIRST;
    Ok(Caller { workspace, actor: Actor::User(inside), scopes: role.scopes(), role: Some(role), session: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// Attributes with addresses in them (HTML Living Standard, list of attributes; SVG 2, 16.1).
    const OF_ADDRESSES: [&str; 16] = [
        "action",
        "background",
        "cite",
        "data",
        "formaction",
        "href",
        "imagesrcset",
        "itemid",
        "longdesc",
        "manifest",
        "ping",
        "poster",
        "src",
        "srcdoc",
        "srcset",
        "xlink:href",
    ];

    /// The attributes in a text, each with what its value begins with, up to the next quotation mark.
    fn attributes(text: &str) -> Vec<(&str, &str)> {
        let pieces: Vec<&str> = text.split("=\"").collect();
        let pairs = pieces.windows(2).filter_map(|pair| {
            let is_in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':');
            let name = pair[0].rsplit(|c: char| !is_in_name(c)).next().filter(|name| !name.is_empty())?;
            Some((name, pair[1].split('"').next().unwrap_or_default()))
        });
        pairs.collect()
    }

    fn files(dir: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }

    #[test]
    fn whatever_has_an_address_in_a_template_is_among_what_leads() {
        let mut templates = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut templates);
        let mut met = std::collections::BTreeSet::new();
        for (path, text) in &templates {
            for (name, value) in attributes(text) {
                // What a page's own script or form is told as a value is read where it goes: `Location` is led there.
                let is_path =
                    value.starts_with('/') || value.starts_with("{{ head.base }}") || value.starts_with("{{ base }}");
                let leads = OF_ADDRESSES.contains(&name) || (is_path && name != "value");
                let is_known = LEADS.contains(&format!(" {name}=\"/").as_str());
                assert!(!leads || is_known, "{path}: {name}=\"{value}\" leads out of the sandbox");
                met.extend(leads.then_some(name));
            }
        }
        assert!(met.contains("formaction") && met.contains("data-stream"), "{met:?}");
    }

    #[test]
    fn a_script_begins_its_own_addresses_where_the_page_says() {
        let mut scripts = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets"), &mut scripts);
        let is_script = |path: &str| Path::new(path).extension().is_some_and(|kind| kind == "js");
        for (path, text) in scripts.iter().filter(|(path, _)| is_script(path)) {
            for quoted in ["\"/", "'/", "`/"] {
                assert!(!text.contains(quoted), "{path} has an address of its own, which the sandbox cannot lead");
            }
        }
    }

    #[test]
    fn only_what_is_below_its_place_is_in_it() {
        let inside = |path: &str| inside(&path.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(inside("/sandbox").as_deref(), Some("/"));
        assert_eq!(inside("/sandbox/campaigns?after=x%20y").as_deref(), Some("/campaigns?after=x%20y"));
        assert_eq!(inside("/sandbox?x=1").as_deref(), Some("/?x=1"));
        assert_eq!((inside("/campaigns"), inside("/sandboxes")), (None, None));
    }

    #[test]
    fn pages_lead_into_the_sandbox_and_out_of_it_only_where_they_should() {
        let page = r#"<a href="/">x</a><form action="/campaigns/1"><a href="/first"><use href="/assets/a/i.svg#b"/>
            <a href="https://a.example/"><a href="//a.example"><iframe src="/p?a=1"> href=/x <i data-stream="/live"><button formaction="/p">"#;
        let led = r#"<a href="/sandbox/">x</a><form action="/sandbox/campaigns/1"><a href="/first"><use href="/assets/a/i.svg#b"/>
            <a href="https://a.example/"><a href="//a.example"><iframe src="/sandbox/p?a=1"> href=/x <i data-stream="/sandbox/live"><button formaction="/sandbox/p">"#;
        assert_eq!(String::from_utf8(led_page(page.as_bytes())).unwrap(), led);
        assert_eq!(
            (super::led("/"), super::led("/sign-in?next=/sandbox/x")),
            ("/sandbox/".into(), "/sign-in?next=/sandbox/x".into())
        );
        assert_eq!((super::led("/sandbox/x"), super::led("/firsts")), ("/sandbox/x".into(), "/sandbox/firsts".into()));
    }
}
