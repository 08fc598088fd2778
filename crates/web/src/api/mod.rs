//! The nouns of API version 1, one file each.

pub(crate) mod alerts;
pub(crate) mod campaigns;
mod complaints;
pub(crate) mod contacts;
mod deliveries;
pub(crate) mod dispatch;
pub(crate) mod domains;
pub(crate) mod doubt;
pub(crate) mod events;
pub(crate) mod exports;
mod held;
pub(crate) mod holds;
pub(crate) mod images;
pub(crate) mod imports;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod me;
mod meant;
mod messages;
mod origins;
pub(crate) mod passages;
mod reacted;
mod replies;
mod restores;
pub(crate) mod segments;
pub(crate) mod sequences;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod sunsets;
pub(crate) mod suppressions;
mod tables;
mod templates;
mod told;
mod tracking_hosts;
pub(crate) mod users;
pub(crate) mod webhooks;
pub(crate) mod workspaces;

pub use events::{event_cursor, event_line};
pub use templates::kept_parts;

use crate::queries::{self, Queries};
use crate::{App, auth, frame, idempotency, openapi};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use events::FOLLOWERS_MAX;
pub(crate) use images::read_hash;
pub(crate) use messages::house_options;
pub(crate) use templates::template_file;

/// Where version 1 begins.
const V1: &str = "/api/v1";

/// Every route of the API with its layers, and the document that describes them.
pub(crate) fn routes(app: &App) -> (Router<App>, Value) {
    let closed = OpenApiRouter::<App>::new()
        .merge(deliveries::routes())
        .merge(dispatch::routes())
        .merge(domains::routes())
        .merge(doubt::routes())
        .merge(events::routes())
        .merge(exports::routes())
        .merge(holds::routes())
        .merge(images::routes())
        .merge(imports::routes())
        .merge(jobs::routes())
        .merge(me::routes())
        .merge(campaigns::routes())
        .merge(complaints::routes())
        .merge(replies::routes())
        .merge(keys::routes())
        .merge(sessions::routes())
        .merge(users::routes())
        .merge(workspaces::routes())
        .merge(restores::routes())
        .merge(sunsets::routes())
        .merge(suppressions::routes())
        .merge(settings::routes())
        .merge(contacts::routes())
        .merge(held::routes())
        .merge(origins::routes())
        .merge(passages::routes())
        .merge(lists::routes())
        .merge(segments::routes())
        .merge(sequences::routes())
        .merge(templates::routes())
        .merge(told::routes())
        .merge(tracking_hosts::routes())
        .merge(webhooks::routes())
        .merge(alerts::routes());
    let (open, described_open) = OpenApiRouter::new().nest(V1, sessions::open_routes()).split_for_parts();
    let (closed, mut described) = OpenApiRouter::new().nest(V1, closed).split_for_parts();
    let (roomy, described_roomy) = OpenApiRouter::new().nest(V1, messages::routes()).split_for_parts();
    described.merge(described_open);
    described.merge(described_roomy);
    let tables = tables::Tables::of(app, &described);
    let mut document = openapi::document(&described);
    let queries = Queries::of(&document);
    tables.describe(&mut document);
    let guarded = |router: Router<App>| {
        router
            .route_layer(from_fn_with_state(queries.clone(), queries::only_known))
            .route_layer(from_fn_with_state(tables.clone(), tables::as_table))
            .route_layer(from_fn_with_state(app.clone(), idempotency::keep))
            .route_layer(from_fn_with_state(app.clone(), auth::require))
    };
    // Files come with messages.
    let closed = guarded(closed).merge(guarded(roomy).layer(DefaultBodyLimit::max(messages::BODY_BYTES_MAX)));
    let open = open.route_layer(from_fn_with_state(queries, queries::only_known));
    (closed.merge(open).route_layer(from_fn(frame::note_route)), document)
}
