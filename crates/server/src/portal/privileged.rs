//! Privileged access: one's own roles, requests, approvals, assignments, role settings.

use axum::Router;

use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
}
