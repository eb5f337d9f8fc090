//! Resource Guards, and access control on every scope.

use axum::Router;

use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
}
