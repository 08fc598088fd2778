//! The pages where lists are kept and settings made, each with its address.

use super::{domains, imports, lanes, segments, sources, suppressions};
use crate::App;
use axum::Router;
use axum::routing::{get, post};

/// All of them.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/imports", get(imports::list))
        .route("/imports/new", get(imports::ask))
        .route("/imports/files", post(imports::send_in).layer(imports::room()))
        .route("/imports/files/{file}", get(imports::mapping).post(imports::begin))
        .route("/imports/jobs/{id}", get(imports::job))
        .route("/imports/{id}/take-back", get(imports::ask_to_take_back).post(imports::take_back))
        .route("/segments", get(segments::list))
        .route("/segments/new", get(segments::new).post(segments::build))
        .route("/segments/{id}", get(segments::show).post(segments::change))
        .route("/segments/{id}/remove", get(segments::ask_to_remove).post(segments::remove))
        .route("/suppressions", get(suppressions::list).post(suppressions::add))
        .route("/suppressions/lift", get(suppressions::ask_to_lift).post(suppressions::lift))
        .route("/suppressions/lift-many", post(suppressions::lift_many))
        .route("/lanes", get(lanes::list))
        .route("/holds", post(lanes::place))
        .route("/holds/{id}/lift", post(lanes::lift))
        .route("/sources", get(sources::list).post(sources::put))
        .route("/sources/{name}", get(sources::show))
        .route("/sources/{name}/ceilings", post(sources::limit))
        .route("/sources/{name}/retire", post(sources::retire))
        .route("/pools", post(sources::put_pool))
        .route("/pools/{name}/remove", post(sources::remove_pool))
        .route("/domains", get(domains::list).post(domains::add))
        .route("/domains/{domain}", get(domains::show))
        .route("/domains/{domain}/check", post(domains::check))
        .route("/domains/{domain}/keys", post(domains::make_key))
}
