//! One eligibility or active role: changing how long it lasts, giving more time that was asked for, and taking it away.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::consent::Schedule;
use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::Viewer;
use super::super::{link, moment::Moment, words};
use super::ends::{Bounds, Ends};
use super::{ASSIGNMENTS, Family, length, scope_of};
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::ask::{authorization, of};

/// How much more time is offered, in days.
const USUAL_DAYS: u32 = 90;

#[derive(Template)]
#[template(path = "portal/privileged/assignment.html")]
struct AssignmentPage<'a> {
    frame: Frame,
    now: Timestamp,
    family: Family,
    schedule: &'a Schedule,
    /// What of other people's ends with it.
    resting: Vec<Schedule>,
    /// What its holder asks.
    wanted: Option<Schedule>,
    bounds: Bounds,
    ends: Ends,
    reason: String,
    problem: Option<String>,
    step_up: Option<String>,
}

/// `GET /portal/privileged/assignment/{schedule}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let schedule = find(&viewer, &id).await?;
        page(&viewer, &schedule, Ends::in_days(USUAL_DAYS), String::new(), None).await
    };
    viewer.answer(page.await)
}

/// `POST` of the same: another time, or the end.
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let outcome = async {
        let schedule = find(&viewer, &id).await?;
        match change(&viewer, &schedule, &form).await {
            Ok(said) => {
                let list = link::page("privileged/assignments", &schedule.properties.scope);
                Ok(viewer.done(&link::with(&list, "kind", Family::of_schedule(&schedule).word()), &said))
            }
            Err(error) => {
                let reason = form.owned("reason").unwrap_or_default();
                page(&viewer, &schedule, Ends::of(&form), reason, Some(&error)).await
            }
        }
    };
    viewer.answer(outcome.await)
}

async fn find(viewer: &Viewer, id: &str) -> Result<Schedule> {
    viewer.read(scope_of(id)?.as_str(), &[]).await
}

async fn change(viewer: &Viewer, schedule: &Schedule, form: &Form) -> Result<String> {
    let family = Family::of_schedule(schedule);
    let whom = &schedule.properties.expanded_properties.principal.display_name;
    let (kind, time, said) = match form.get("do") {
        Some("remove") => ("AdminRemove", Value::Null, format!("{whom} does not have it any more.")),
        Some("extend") => ("AdminExtend", Ends::of(form).schedule()?, format!("{whom} has more time.")),
        _ => ("AdminUpdate", Ends::of(form).schedule()?, "The time was changed.".to_string()),
    };
    let mut properties = json!({
        "principalId": schedule.properties.principal_id,
        "roleDefinitionId": schedule.properties.role_definition_id,
        "requestType": kind,
        "justification": form.get("reason").unwrap_or_default().trim(),
        family.target(): schedule.id,
    });
    if let (false, Some(properties)) = (time.is_null(), properties.as_object_mut()) {
        properties.insert("scheduleInfo".into(), time);
    }
    let request = format!("{}/{}", family.requests(), viewer.app.edge.uuid());
    let path = authorization(&schedule.properties.scope, &request);
    let body = json!({"properties": properties});
    let answer: Schedule = of(viewer.arm(Method::Put, &path, &[], body).await?)?;
    if answer.properties.status == "FailedAsResourceIsLocked" {
        return Err(Error::conflict(
            "ScopeLocked",
            "A lock keeps the scope from being changed. Nothing was changed.",
        ));
    }
    Ok(said)
}

async fn page(
    viewer: &Viewer,
    schedule: &Schedule,
    ends: Ends,
    reason: String,
    error: Option<&Error>,
) -> Result<Response> {
    let family = Family::of_schedule(schedule);
    let scope = schedule.properties.scope.as_str();
    let title =
        format!("{} of {}", schedule.role(), schedule.properties.expanded_properties.principal.display_name);
    let mut resting = Vec::new();
    if matches!(family, Family::Eligible) {
        resting = viewer.list_if_any(&authorization(scope, "roleAssignmentSchedules"), &[]).await?;
        resting.retain(|active: &Schedule| {
            let behind = active.properties.linked_role_eligibility_schedule_id.as_deref();
            behind.is_some_and(|behind| behind.eq_ignore_ascii_case(&schedule.id))
        });
    }
    let open = [("$filter", "status eq 'PendingAdminDecision'")];
    let asked: Vec<Schedule> = viewer.list_if_any(&authorization(scope, family.requests()), &open).await?;
    let same = |request: &Schedule| {
        let (one, other) = (&request.properties, &schedule.properties);
        one.scope.eq_ignore_ascii_case(&other.scope)
            && one.role_definition_id == other.role_definition_id
            && one.principal_id == other.principal_id
    };
    let policy = viewer.policy(scope, &schedule.properties.role_definition_id).await?;
    let rule = policy.as_ref().and_then(|policy| policy.properties.effective_rules.get(family.expiration()));
    let here = link::page("privileged/assignment", &schedule.id);
    let page = AssignmentPage {
        frame: viewer
            .frame(super::Section::Privileged, title)
            .subtitle(format!("on {}", words::scope(scope)))
            .crumb("Assignments", ASSIGNMENTS)
            .crumb(words::scope(scope), link::page("privileged/assignments", scope)),
        now: viewer.now,
        family,
        schedule,
        resting,
        wanted: asked.into_iter().find(same),
        bounds: Bounds::of(rule),
        ends,
        reason,
        problem: error.map(super::in_words),
        step_up: error.and_then(|error| viewer.step_up(error, &here)),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

impl AssignmentPage<'_> {
    fn principal(&self) -> &str {
        &self.schedule.properties.expanded_properties.principal.display_name
    }

    fn begins(&self) -> Option<Moment> {
        self.schedule.properties.start_date_time.map(Moment)
    }

    fn is_activated(&self) -> bool {
        self.schedule.properties.assignment_type == "Activated"
    }

    fn wish(&self, request: &Schedule) -> String {
        length::wanted(request)
    }
}
