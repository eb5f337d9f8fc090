//! The list of people.

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;

use super::find::{Asked, Rows};
use super::{PEOPLE, tabs};
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/people.html")]
struct PeoplePage {
    frame: Frame,
    asked: Asked,
    rows: Rows,
    writes: bool,
}

/// Graph's filter for a choice of the list.
const ONLY: [(&str, &str, &str); 4] = [
    ("", "Everybody", ""),
    ("members", "Members", "userType eq 'Member'"),
    ("guests", "Guests", "userType eq 'Guest'"),
    ("disabled", "Disabled accounts", "accountEnabled eq false"),
];

/// `GET /portal/people`
pub async fn list(viewer: Viewer, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, asked).await)
}

async fn page(viewer: &Viewer, asked: Asked) -> Result<Response> {
    let only = ONLY.iter().find(|(name, ..)| *name == asked.only).map_or("", |(.., filter)| filter);
    let found = viewer.find_objects("users", &["displayName", "userPrincipalName"], &asked.q, only).await?;
    let rows = asked.cut(PEOPLE, found);
    let frame =
        viewer.frame(Section::Directory, "People").subtitle(viewer.directory_name()).tabs(tabs(), PEOPLE);
    let writes = viewer.writes_directory(None).await?;
    Ok(viewer.page(&PeoplePage { frame, asked, rows, writes }))
}
