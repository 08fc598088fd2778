//! The operator's pages: what the API answers, drawn by the server.
//!
//! Every page works without scripts; `assets/live.js` only makes what is on it move. What a page changes it changes by the
//! function that answers the same request of the API, so that rules, refusals and the audit log are the same; what it shows
//! it reads from the engine's own objects. How a page is added: its template in `templates/pages/`, its texts in
//! `words/*.ftl`, a file here with one function per request, and a line in [`routes`].
//!
//! Invariants: a page is shown to people who signed in, in their workspace alone; nothing is changed by GET, which the audit log
//! hears of where a table is taken along; everything is of this origin ([`POLICY`]); what is refused is said in words on a page,
//! beside its field where there is one.

mod account;
mod again;
mod alerts;
mod assets;
mod campaign;
mod campaigns;
mod carried;
mod composer;
mod conditions;
mod contacts;
mod counting;
mod curve;
mod desk;
mod domains;
mod doors;
mod doubt;
mod drawn;
mod equation;
mod events;
mod first;
mod foreseen;
mod forms;
mod gathered;
mod home;
mod imports;
mod investigation;
mod keys;
mod lanes;
mod layout;
mod lists;
mod live;
mod machine;
mod message;
mod names;
mod noted;
mod once;
mod orders;
mod parts;
mod passages;
mod people;
mod person;
mod preflight;
mod preview;
mod provider;
mod refusal;
mod report;
mod review;
mod room;
mod segments;
mod sequences;
mod settings;
mod sheet;
mod shown;
mod sources;
mod spread;
pub(crate) mod steps;
mod sunsets;
mod suppressions;
mod tabs;
mod trial;
mod tried;
mod users;
mod versions;
mod visit;
mod webhooks;

#[cfg(test)]
pub(crate) use assets::PLACE as ASSETS_PLACE;
pub(crate) use assets::routes as asset_routes;
#[cfg(test)]
pub(crate) use conditions::{OPS as CONDITION_OPS, kinds as condition_kinds};
pub(crate) use counting::Countings;
pub(crate) use gathered::Gatherings;
#[cfg(test)]
pub(crate) use layout::DONE;
use layout::Layout;
pub(crate) use live::Latest;
#[cfg(test)]
pub(crate) use noted::EDITED;
pub(crate) use once::Once;
#[cfg(test)]
pub(crate) use preview::WAYS;
pub(crate) use refusal::{not_in_sandbox, nowhere};
#[cfg(test)]
pub(crate) use shown::LEFT_BY;
#[cfg(test)]
pub(crate) use sources::CEILINGS;
pub(crate) use visit::LOOK_COOKIE;
use visit::Visitor;

use crate::auth::oidc::BACK;
use crate::{App, frame};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

/// What a browser may do with a page: nothing but what comes from here.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
    frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A form with a message: what may be written, as browsers write forms, and what is around it.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A form with a message and a picture.
const PICTURE_BYTES_MAX: usize = store::image::IMAGE_BYTES_MAX + MESSAGE_BYTES_MAX;

/// Every page.
pub(crate) fn routes(app: &App) -> Router<App> {
    let closed = Router::new()
        .route("/", get(home::show))
        .route("/first", get(first::show))
        .route("/first/look", post(first::look))
        .route("/first/sandbox", post(first::open))
        .route("/first/sandbox/remove", get(first::ask_to_remove).post(first::remove))
        .merge(of_campaigns())
        .route("/contacts", get(contacts::list))
        .route("/contacts/{id}", get(contacts::show))
        .route("/contacts/{id}/change", get(person::show))
        .route("/contacts/{id}/address", post(person::address))
        .route("/contacts/{id}/values", post(person::values))
        .route("/contacts/{id}/back", post(person::back))
        .route("/contacts/{id}/suppress", post(person::suppress))
        .route("/contacts/{id}/forget", post(person::forget))
        .merge(desk::routes())
        .route("/sign-out", post(doors::sign_out))
        .route_layer(from_fn_with_state(app.clone(), spread::taken_out))
        .route_layer(from_fn_with_state(app.clone(), visit::require));
    let open = Router::new()
        .route("/sign-in", get(doors::ask).post(doors::sign_in).layer(DefaultBodyLimit::max(carried::DOOR_BYTES_MAX)))
        .route("/sign-in/provider", get(provider::away))
        .route(BACK, get(provider::back))
        .route("/welcome/{token}", get(doors::ask_for_password).post(doors::welcome))
        .route("/look", post(visit::look));
    let pages = closed.merge(open).method_not_allowed_fallback(refusal::not_so);
    pages.layer(from_fn_with_state(app.clone(), refusal::in_words)).route_layer(from_fn(frame::note_route))
}

/// Pages about campaigns: writing, beginning, watching, looking into.
fn of_campaigns() -> Router<App> {
    Router::new()
        .route("/campaigns", get(campaigns::list))
        .route("/campaigns.csv", get(campaigns::table))
        .route("/campaigns/new", get(composer::ask_for_new).post(composer::begin))
        .route("/campaigns/{id}", get(campaign::show))
        .route(
            "/campaigns/{id}/edit",
            get(composer::edit).post(composer::save).layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX)),
        )
        .route("/campaigns/{id}/audience", get(composer::audience))
        .route("/campaigns/{id}/images", post(composer::send_picture).layer(DefaultBodyLimit::max(PICTURE_BYTES_MAX)))
        .route("/campaigns/{id}/duplicate", post(composer::duplicate))
        .route("/campaigns/{id}/preview", get(preview::show))
        .route("/campaigns/{id}/versions", get(versions::list).post(versions::restore))
        .route("/campaigns/{id}/test", get(tried::ask).post(tried::send))
        .route("/campaigns/{id}/report", get(report::show))
        .route("/campaigns/{id}/causes.csv", get(report::causes))
        .route("/campaigns/{id}/did.csv", get(report::did))
        .route("/campaigns/{id}/waits.csv", get(room::waits))
        .route("/campaigns/{id}/links.csv", get(report::links))
        .route("/campaigns/{id}/brought.csv", get(report::brought))
        .route("/campaigns/{id}/variants.csv", get(report::variants))
        .route("/campaigns/{id}/curve.csv", get(report::curve))
        .route("/campaigns/{id}/people", get(people::show))
        .route("/campaigns/{id}/people.csv", get(foreseen::table))
        .route("/campaigns/{id}/investigate", get(investigation::show))
        .route("/campaigns/{id}/variant", post(trial::choose))
        .route("/campaigns/{id}/live", get(live::campaign))
        .route("/campaigns/{id}/pause", post(orders::pause))
        .route("/campaigns/{id}/resume", get(orders::ask_to_resume).post(orders::resume))
        .route("/campaigns/{id}/cancel", get(orders::ask_to_cancel).post(orders::cancel))
        .route("/campaigns/{id}/count", post(counting::again))
        .route("/campaigns/{id}/start", post(review::start))
        .route("/campaigns/{id}/again", post(again::write))
        .route("/campaigns/{id}/resend", get(again::ask).post(again::send))
        .route("/campaigns/{id}/take-back", post(orders::take_back))
        .route("/deliveries/{id}", get(message::show))
        .route("/deliveries/{id}/doubt", get(doubt::ask).post(doubt::settle))
        .route("/deliveries/{id}/resend", post(doubt::send_again))
}

/// A page that is finished.
pub(crate) fn page(template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
                // Without a referrer browsers hide the origin of forms as well (Fetch, "append a request Origin header"),
                // and nobody could tell ours from a foreign one.
                (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            ];
            (headers, Html(html)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            crate::Problem::from(crate::Code::OwnFailure).into_response()
        }
    }
}
