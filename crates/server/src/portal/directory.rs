//! People, groups, guests, applications and their ways to sign in; and the ledger.

use axum::Router;

use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
}
