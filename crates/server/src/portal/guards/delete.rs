//! Deleting a guard, which nobody can while vaults are linked to it.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::linked::{self, Linked};
use super::{Guard, LIST, frame_of, read_guard};
use crate::arm::route::Method;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/guards/delete.html")]
struct DeletePage {
    frame: Frame,
    guard: Guard,
    linked: Vec<Linked>,
    typed: String,
    problem: Option<String>,
}

/// `GET /portal/guards/delete/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        page(&viewer, guard, String::new(), None).await
    };
    viewer.answer(page.await)
}

/// `POST /portal/guards/delete/{id}`
pub async fn delete(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let typed = form.get("name").unwrap_or_default().trim().to_string();
        if !typed.eq_ignore_ascii_case(&guard.name) {
            let why = format!("Type the guard’s name, {}, to delete it.", guard.name);
            let error = Error::invalid("NameNotTyped", why);
            return page(&viewer, guard, typed, Some(error)).await;
        }
        match viewer.arm(Method::Delete, &guard.id, &[], Value::Null).await {
            Ok(_) => Ok(viewer.done(LIST, &format!("The Resource Guard {} was deleted.", guard.name))),
            Err(error) => page(&viewer, guard, typed, Some(error)).await,
        }
    };
    viewer.answer(page.await)
}

async fn page(viewer: &Viewer, guard: Guard, typed: String, error: Option<Error>) -> Result<Response> {
    let linked = linked::read(viewer, &guard.id).await?;
    let status = error.as_ref().map_or(StatusCode::OK, |error| status_of(error.kind));
    let mut frame = frame_of(viewer, &guard, "guards/delete");
    frame.title = format!("Delete {}", guard.name);
    let page = DeletePage { frame, guard, linked, typed, problem: error.map(|error| error.message) };
    Ok(viewer.page_with(status, &page))
}
