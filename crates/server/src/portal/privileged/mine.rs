//! One's own roles: those that one may activate, and those that are active, with a clock that runs down.

use arm::Result;
use askama::Template;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::json;

use super::super::consent::Schedule;
use super::super::moment::Moment;
use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::Viewer;
use super::{AS_TARGET, Held, MINE, activation_page};
use crate::arm::route::Method;
use crate::portal::ask::authorization;

#[derive(Template)]
#[template(path = "portal/privileged/mine.html")]
struct MinePage {
    frame: Frame,
    now: Timestamp,
    active: Vec<Held>,
    waiting: Vec<Held>,
    eligible: Vec<Held>,
    problem: Option<String>,
}

/// `GET /portal/privileged`
pub async fn show(viewer: Viewer) -> Response {
    viewer.answer(page(&viewer, None).await)
}

/// `POST /portal/privileged`: gives a role back, or takes a request back.
pub async fn act(Posted { viewer, form }: Posted) -> Response {
    let id = form.get("schedule").unwrap_or_default();
    let done = match form.get("do") {
        Some("take-back") => viewer.take_back(id).await.map(|()| "The request was taken back."),
        _ => viewer.give_back(id).await.map(|()| "The role is not active any more."),
    };
    let outcome = match done {
        Ok(what) => Ok(viewer.done(MINE, what)),
        Err(error) => page(&viewer, Some(&error)).await,
    };
    viewer.answer(outcome)
}

async fn page(viewer: &Viewer, error: Option<&arm::Error>) -> Result<Response> {
    let mut eligible = viewer.own("roleEligibilitySchedules", &AS_TARGET).await?;
    let mut active = viewer.own("roleAssignmentSchedules", &AS_TARGET).await?;
    let mut waiting = viewer.own("roleAssignmentScheduleRequests", &AS_TARGET).await?;
    waiting.retain(|request| request.schedule.properties.status == "PendingApproval");
    eligible.sort_by_cached_key(by_name);
    // What ends first stands first.
    active.sort_by_key(|held| held.schedule.properties.end_date_time.unwrap_or(Timestamp::MAX));
    waiting.sort_by_key(|held| held.schedule.properties.created_on);
    let page = MinePage {
        frame: viewer
            .privileged("Privileged access", MINE)
            .subtitle("Roles that are yours for a time, in all your directories")
            .live(),
        now: viewer.now,
        active,
        waiting,
        eligible,
        problem: error.map(super::in_words),
    };
    let status = error.map_or(axum::http::StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

fn by_name(held: &Held) -> (String, String, String) {
    (held.directory.clone(), held.schedule.role().to_lowercase(), held.schedule.scope().to_lowercase())
}

impl Viewer {
    /// Gives a role back that was activated.
    async fn give_back(&self, schedule: &str) -> Result<()> {
        let schedule: Schedule = self.read(schedule, &[]).await?;
        let body = json!({"properties": {
            "principalId": schedule.properties.principal_id,
            "roleDefinitionId": schedule.properties.role_definition_id,
            "requestType": "SelfDeactivate",
            "targetRoleAssignmentScheduleId": schedule.id,
        }});
        let request = format!("roleAssignmentScheduleRequests/{}", self.app.edge.uuid());
        let path = authorization(&schedule.properties.scope, &request);
        self.arm(Method::Put, &path, &[], body).await.map(drop)
    }
}

impl MinePage {
    /// The same role at the same scope, active or asked for: it cannot be asked for twice. How a badge shows it, and in words.
    fn stands(&self, eligible: &Held) -> Option<(&'static str, &'static str)> {
        let same = |other: &&Held| {
            let (one, other) = (&eligible.schedule.properties, &other.schedule.properties);
            one.scope.eq_ignore_ascii_case(&other.scope) && one.role_definition_id == other.role_definition_id
        };
        match (self.active.iter().find(same), self.waiting.iter().find(same)) {
            (Some(_), _) => Some(("ok", "Active")),
            (None, Some(_)) => Some(("warn", "Waits for approval")),
            (None, None) => None,
        }
    }

    fn begins(&self, held: &Held) -> Option<Moment> {
        held.schedule.properties.start_date_time.filter(|start| *start > self.now).map(Moment)
    }

    /// How much of its time is left, in percent.
    fn left(&self, held: &Held) -> Option<i64> {
        let (start, end) =
            (held.schedule.properties.start_date_time?, held.schedule.properties.end_date_time?);
        let all = end.duration_since(start).as_secs().max(1);
        Some((end.duration_since(self.now).as_secs() * 100 / all).clamp(0, 100))
    }

    /// Where one asks for more time: for what ends and was given to oneself.
    fn extension_page(&self, held: &Held) -> Option<String> {
        let properties = &held.schedule.properties;
        let own = properties.member_type != "Group" && properties.assignment_type != "Activated";
        let ends = own && properties.end_date_time.is_some();
        ends.then(|| super::link::page("privileged/extend", &held.schedule.id))
    }

    fn activation_page(&self, held: &Held) -> String {
        activation_page(&held.schedule.properties.scope, &held.schedule.properties.role_definition_id)
    }
}
