//! Where the link in a mail leads until the portal shows requests: how to look at one and decide it. The page holds nothing
//! but the id, so that it needs no sign-in; and it decides nothing.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use uuid::Uuid;

use crate::app::App;
use crate::login::{Visit, show};

#[derive(Template)]
#[template(path = "portal/approval.html")]
struct ApprovalPage<'a> {
    origin: &'a str,
    request: Uuid,
    /// Where the approval is asked for.
    address: &'a str,
}

#[derive(Template)]
#[template(path = "login/message.html")]
struct NoPage {
    title: &'static str,
    text: &'static str,
}

/// The routes.
pub fn router() -> Router<App> {
    Router::new().route("/portal/approvals/{id}", get(approval))
}

async fn approval(visit: Visit, Path(id): Path<String>) -> Response {
    let Ok(request) = id.parse::<Uuid>() else {
        let none = NoPage {
            title: "There is no such request",
            text: "The address of a request ends in its id, as in the mail.",
        };
        return show(&visit, StatusCode::NOT_FOUND, &none);
    };
    let address =
        format!("{}/providers/Microsoft.Authorization/roleAssignmentApprovals/{request}", visit.origin.arm);
    show(&visit, StatusCode::OK, &ApprovalPage { origin: &visit.origin.arm, request, address: &address })
}
