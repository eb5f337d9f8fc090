//! Applications. Graph reads them; they come with the file that the directory began with.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde_json::Value;

use super::find::{Asked, Rows};
use super::{APPLICATIONS, Listed, tabs};
use crate::portal::ask::of;
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/applications.html")]
struct ApplicationsPage {
    frame: Frame,
    asked: Asked,
    rows: Rows,
}

#[derive(Template)]
#[template(path = "portal/directory/application.html")]
struct ApplicationPage {
    frame: Frame,
    application: Listed,
    groups: Vec<Listed>,
}

/// `GET /portal/applications`
pub async fn list(viewer: Viewer, Query(asked): Query<Asked>) -> Response {
    viewer.answer(list_page(&viewer, asked).await)
}

async fn list_page(viewer: &Viewer, asked: Asked) -> Result<Response> {
    let found = viewer.find_objects("servicePrincipals", &["displayName"], &asked.q, "").await?;
    let rows = asked.cut(APPLICATIONS, found);
    let frame = viewer
        .frame(Section::Directory, "Applications")
        .subtitle(viewer.directory_name())
        .tabs(tabs(), APPLICATIONS);
    Ok(viewer.page(&ApplicationsPage { frame, asked, rows }))
}

/// `GET /portal/applications/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    viewer.answer(one(&viewer, &id).await)
}

async fn one(viewer: &Viewer, id: &str) -> Result<Response> {
    let path = format!("servicePrincipals/{id}");
    let application: Listed = of(viewer.graph(None, "GET", &path, &[], Value::Null).await?)?;
    let page = ApplicationPage {
        frame: viewer
            .frame(Section::Directory, application.display_name.clone())
            .subtitle(format!("Application of {}", viewer.directory_name()))
            .crumb("Applications", APPLICATIONS),
        groups: viewer.groups_of(&application.id).await?,
        application,
    };
    Ok(viewer.page(&page))
}
