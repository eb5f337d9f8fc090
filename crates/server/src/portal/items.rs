//! What is in a vault: backup items and instances, their repositories and credentials, recovery points, restores.

use axum::Router;

use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
}
