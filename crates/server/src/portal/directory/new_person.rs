//! Creating a person.

use arm::Result;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::{Listed, PEOPLE, Typed, is_for_the_form};
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/new_person.html")]
struct NewPersonPage {
    frame: Frame,
    typed: Typed,
    /// What user names here end with, as far as the viewer's own tells.
    ending: Option<String>,
    writes: bool,
    problem: Option<String>,
}

/// `GET /portal/people/new`
pub async fn show(viewer: Viewer) -> Response {
    viewer.answer(page(&viewer, Typed::default(), None).await)
}

/// `POST /portal/people/new`
pub async fn act(Posted { viewer, form }: Posted) -> Response {
    let typed = Typed(form);
    let outcome = match create(&viewer, &typed).await {
        Ok(person) => {
            let href = format!("{PEOPLE}/{}?new=yes", person.id);
            Ok(viewer.done(&href, &format!("{} was created.", person.display_name)))
        }
        Err(error) if is_for_the_form(&error) => page(&viewer, typed, Some(error)).await,
        Err(error) => Err(error),
    };
    viewer.answer(outcome)
}

async fn create(viewer: &Viewer, typed: &Typed) -> Result<Listed> {
    let body = json!({
        "accountEnabled": true,
        "displayName": typed.get("name"),
        "userPrincipalName": typed.get("username"),
        "mail": Some(typed.get("mail")).filter(|mail| !mail.is_empty()),
        "passwordProfile": {"password": typed.get("password"), "forceChangePasswordNextSignIn": false},
    });
    crate::portal::ask::of(viewer.graph(None, "POST", "users", &[], body).await?)
}

async fn page(viewer: &Viewer, typed: Typed, error: Option<arm::Error>) -> Result<Response> {
    let account = viewer.account().map(|account| account.signed_in.name.as_str());
    let ending = account.filter(|name| !name.contains("#EXT#")).and_then(|name| name.split_once('@'));
    let page = NewPersonPage {
        frame: viewer
            .frame(Section::Directory, "Create a person")
            .subtitle(viewer.directory_name())
            .crumb("People", PEOPLE),
        ending: ending.map(|(_, domain)| domain.to_string()),
        writes: viewer.writes_directory(None).await?,
        problem: error.as_ref().map(|error| error.message.clone()),
        typed,
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}
