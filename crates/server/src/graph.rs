//! The part of Microsoft Graph that serves people and groups (azure-clients 4).

use axum::Router;

use crate::app::App;

/// The routes of this face.
pub fn router() -> Router<App> {
    Router::new()
}
