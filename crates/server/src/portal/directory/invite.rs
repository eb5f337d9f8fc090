//! Inviting a guest: somebody who signs in with another directory of this server.

use arm::Result;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::{PEOPLE, Typed, is_for_the_form};
use crate::portal::ask::of;
use crate::portal::link;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/invite.html")]
struct InvitePage {
    frame: Frame,
    typed: Typed,
    writes: bool,
    problem: Option<String>,
}

/// What Graph says of an invitation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invitation {
    invited_user_display_name: String,
    invited_user: Invited,
}

#[derive(Deserialize)]
struct Invited {
    id: String,
}

/// `GET /portal/people/invite`
pub async fn show(viewer: Viewer) -> Response {
    viewer.answer(page(&viewer, Typed::default(), None).await)
}

/// `POST /portal/people/invite`
pub async fn act(Posted { viewer, form }: Posted) -> Response {
    let typed = Typed(form);
    let outcome = match invite(&viewer, &typed).await {
        Ok(invitation) => {
            let href = format!("{PEOPLE}/{}", invitation.invited_user.id);
            Ok(viewer.done(&href, &format!("{} is a guest here now.", invitation.invited_user_display_name)))
        }
        Err(error) if is_for_the_form(&error) => page(&viewer, typed, Some(error)).await,
        Err(error) => Err(error),
    };
    viewer.answer(outcome)
}

async fn invite(viewer: &Viewer, typed: &Typed) -> Result<Invitation> {
    let body = json!({
        "invitedUserEmailAddress": typed.get("username"),
        "invitedUserDisplayName": Some(typed.get("name")).filter(|name| !name.is_empty()),
        "inviteRedirectUrl": format!("{}{}", viewer.visit.origin.arm, link::HOME),
    });
    of(viewer.graph(None, "POST", "invitations", &[], body).await?)
}

async fn page(viewer: &Viewer, typed: Typed, error: Option<arm::Error>) -> Result<Response> {
    let page = InvitePage {
        frame: viewer
            .frame(Section::Directory, "Invite a guest")
            .subtitle(viewer.directory_name())
            .crumb("People", PEOPLE),
        writes: viewer.writes_directory(None).await?,
        problem: error.as_ref().map(|error| error.message.clone()),
        typed,
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}
