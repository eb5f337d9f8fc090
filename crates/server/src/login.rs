//! Sign-in: the embedded OpenID Connect issuer and its pages (azure-clients 3).

use axum::Router;

use crate::app::App;

/// The routes of this face.
pub fn router() -> Router<App> {
    Router::new()
}

/// The one call that clients make to port 443 of the login host (azure-clients 3.4).
pub fn userrealm_router() -> Router<App> {
    Router::new()
}
