//! Vaults of both kinds: the list, creating one, overview, policies, properties, jobs, alerts, activity.

mod activity;
mod alerts;
pub mod change;
mod create;
mod jobs;
mod list;
mod overview;
mod policies;
pub mod policy;
mod properties;
mod separation;
pub mod vault;

use arm::{ResourceId, Result};
pub use properties::shown_once;

use axum::Router;
use axum::routing::get;

use super::link;
use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/portal/vaults", get(list::show))
        .route("/portal/vaults/new", get(create::show).post(create::post))
        .route("/portal/vaults/overview/{*vault}", get(overview::show))
        .route("/portal/vaults/policies/{*vault}", get(policies::show))
        .route("/portal/vaults/policy/{*policy}", get(policy::show).post(policy::post))
        .route("/portal/vaults/new-policy/{*vault}", get(policy::show_new).post(policy::post_new))
        .route("/portal/vaults/properties/{*vault}", get(properties::show).post(properties::post))
        .route("/portal/vaults/delete/{*vault}", get(properties::show_delete).post(properties::post_delete))
        .route("/portal/vaults/separation/{*vault}", get(separation::show))
        .route("/portal/vaults/jobs/{*vault}", get(jobs::show))
        .route("/portal/vaults/job/{*job}", get(jobs::show_one))
        .route("/portal/vaults/alerts/{*vault}", get(alerts::show))
        .route("/portal/vaults/alert/{*alert}", get(alerts::show_one).post(alerts::post))
        .route("/portal/vaults/activity/{*vault}", get(activity::show))
}

/// The pages about a vault of either kind, with what they are called: see [`super::shell::Frame::tabs`].
pub fn tabs(vault: &str) -> [(String, &'static str); 8] {
    let tab = |page: &str, text| (link::page(page, vault), text);
    [
        tab("vaults/overview", "Overview"),
        tab("items/list", "Backup items"),
        tab("vaults/policies", "Policies"),
        tab("vaults/properties", "Properties"),
        tab("vaults/jobs", "Jobs"),
        tab("vaults/alerts", "Alerts"),
        tab("vaults/activity", "Activity"),
        tab("access/scope", "Access control"),
    ]
}

/// The id of the vault that something in it belongs to.
fn vault_of(id: &str) -> Result<String> {
    Ok(::vault::vault_of(&ResourceId::parse(id)?).to_string())
}
