//! The data plane: restic's REST protocol, versions 1 and 2.

use axum::Router;

use crate::app::App;

/// The routes of this face.
pub fn router() -> Router<App> {
    Router::new()
}
