//! A form that was sent: it counts when it comes from a page of ours, in the session of whoever sends it.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::Response;
use directory::SecretDigest;

use super::viewer::Viewer;
use crate::app::App;
use crate::login::Form;

/// A form, and who sends it.
pub struct Posted {
    /// Who sends it.
    pub viewer: Viewer,
    /// What it holds.
    pub form: Form,
}

impl FromRequest<App> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let viewer = Viewer::from_request_parts(&mut parts, app).await?;
        let form = Form::from_request(Request::from_parts(parts, body), app).await?;
        let token = form.get("csrf").unwrap_or_default();
        let same = SecretDigest::of(&viewer.csrf).matches(token);
        if viewer.visit.own_page && same {
            return Ok(Self { viewer, form });
        }
        let text = "This form was sent by another web site, or by a page of an older session. Nothing was done with it.";
        Err(viewer.problem(StatusCode::FORBIDDEN, "The form does not count", text))
    }
}
