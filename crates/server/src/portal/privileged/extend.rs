//! Asking for more time for what ends: an admin of the role decides.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::json;

use super::super::consent::Schedule;
use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::Viewer;
use super::super::{link, words};
use super::ends::Ends;
use super::{Family, MINE, REQUESTS, scope_of};
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::ask::authorization;

/// How much more time is offered, in days.
const USUAL_DAYS: u32 = 30;

#[derive(Template)]
#[template(path = "portal/privileged/extend.html")]
struct ExtendPage<'a> {
    frame: Frame,
    now: Timestamp,
    family: Family,
    schedule: &'a Schedule,
    ends: Ends,
    reason: String,
    problem: Option<String>,
    step_up: Option<String>,
}

/// `GET /portal/privileged/extend/{schedule}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let schedule: Schedule = viewer.read(scope_of(&id)?.as_str(), &[]).await?;
        Ok(page(&viewer, &schedule, Ends::in_days(USUAL_DAYS), String::new(), None))
    };
    viewer.answer(page.await)
}

/// `POST` of the same.
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let outcome = async {
        let schedule: Schedule = viewer.read(scope_of(&id)?.as_str(), &[]).await?;
        match ask(&viewer, &schedule, &form).await {
            Ok(()) => Ok(viewer.done(REQUESTS, "Your request for more time waits for an admin of the role.")),
            Err(error) => {
                let reason = form.owned("reason").unwrap_or_default();
                Ok(page(&viewer, &schedule, Ends::of(&form), reason, Some(&error)))
            }
        }
    };
    viewer.answer(outcome.await)
}

async fn ask(viewer: &Viewer, schedule: &Schedule, form: &Form) -> Result<()> {
    let family = Family::of_schedule(schedule);
    let body = json!({"properties": {
        "principalId": schedule.properties.principal_id,
        "roleDefinitionId": schedule.properties.role_definition_id,
        "requestType": "SelfExtend",
        "justification": form.get("reason").unwrap_or_default().trim(),
        "scheduleInfo": Ends::of(form).schedule()?,
        family.target(): schedule.id,
    }});
    let request = format!("{}/{}", family.requests(), viewer.app.edge.uuid());
    let path = authorization(&schedule.properties.scope, &request);
    viewer.arm(Method::Put, &path, &[], body).await.map(drop)
}

fn page(viewer: &Viewer, schedule: &Schedule, ends: Ends, reason: String, error: Option<&Error>) -> Response {
    let here = link::page("privileged/extend", &schedule.id);
    let page = ExtendPage {
        frame: viewer
            .frame(super::Section::Privileged, format!("More time for {}", schedule.role()))
            .subtitle(format!("on {}", words::scope(&schedule.properties.scope)))
            .crumb("My roles", MINE),
        now: viewer.now,
        family: Family::of_schedule(schedule),
        schedule,
        ends,
        reason,
        problem: error.map(super::in_words),
        step_up: error.and_then(|error| viewer.step_up(error, &here)),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    viewer.page_with(status, &page)
}
