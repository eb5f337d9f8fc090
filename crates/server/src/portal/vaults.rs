//! Vaults of both kinds: the list, creating one, overview, policies, properties, jobs, alerts, activity.

use axum::Router;

use super::link;
use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
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
