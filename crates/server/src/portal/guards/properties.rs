//! What a guard says of itself: whom to ask, and its tags.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::{Guard, frame_of, read_guard, tags};
use crate::arm::route::Method;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/guards/properties.html")]
struct PropertiesPage {
    frame: Frame,
    guard: Guard,
    description: String,
    tags: String,
    problem: Option<String>,
}

/// `GET /portal/guards/properties/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let description = guard.description().unwrap_or_default().to_string();
        let tags = tags::write(&guard.tags);
        Ok(page(&viewer, guard, description, tags, None))
    };
    viewer.answer(page.await)
}

/// `POST /portal/guards/properties/{id}`
pub async fn change(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let description = form.owned("description").unwrap_or_default();
        let typed = form.owned("tags").unwrap_or_default();
        match save(&viewer, &guard, &description, &typed).await {
            Ok(()) => Ok(viewer.done(&guard.page("overview"), "The guard was changed.")),
            Err(error) => Ok(page(&viewer, guard, description, typed, Some(error))),
        }
    };
    viewer.answer(page.await)
}

async fn save(viewer: &Viewer, guard: &Guard, description: &str, typed: &str) -> Result<()> {
    let body = json!({"tags": tags::read(typed)?, "properties": {"description": description}});
    viewer.arm(Method::Patch, &guard.id, &[], body).await.map(drop)
}

fn page(viewer: &Viewer, guard: Guard, description: String, tags: String, error: Option<Error>) -> Response {
    let status = error.as_ref().map_or(StatusCode::OK, |error| status_of(error.kind));
    let mut frame = frame_of(viewer, &guard, "guards/properties");
    frame.title = format!("Description and tags of {}", guard.name);
    let page = PropertiesPage { frame, guard, description, tags, problem: error.map(|error| error.message) };
    viewer.page_with(status, &page)
}
