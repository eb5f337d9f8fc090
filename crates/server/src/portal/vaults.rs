//! Vaults of both kinds: the list, creating one, overview, policies, properties, jobs, alerts, activity.

use axum::Router;

use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
}
