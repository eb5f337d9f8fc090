//! The first page: what waits for the viewer.

use askama::Template;
use axum::response::Response;

use super::shell::{Frame, Section};
use super::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/home.html")]
struct HomePage {
    frame: Frame,
}

/// `GET /portal/`
pub async fn show(viewer: Viewer) -> Response {
    viewer.page(&HomePage { frame: viewer.frame(Section::Home, "Home").live() })
}
