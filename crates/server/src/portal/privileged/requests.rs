//! What one has asked for, and what became of it.

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::link;
use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::Viewer;
use super::{AS_REQUESTOR, Held, REQUESTS, length};

/// How many requests stand on a page.
const A_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "portal/privileged/requests.html")]
struct RequestsPage {
    frame: Frame,
    requests: Vec<Held>,
    newer: Option<String>,
    older: Option<String>,
    problem: Option<String>,
}

/// Which part of the list.
#[derive(Default, Deserialize)]
pub struct Which {
    #[serde(default)]
    page: usize,
}

/// `GET /portal/privileged/requests`
pub async fn show(viewer: Viewer, Query(which): Query<Which>) -> Response {
    viewer.answer(page(&viewer, which.page, None).await)
}

/// `POST` of the same: takes one back.
pub async fn act(Posted { viewer, form }: Posted) -> Response {
    let outcome = match viewer.take_back(form.get("request").unwrap_or_default()).await {
        Ok(()) => Ok(viewer.done(REQUESTS, "The request was taken back.")),
        Err(error) => page(&viewer, 0, Some(&error)).await,
    };
    viewer.answer(outcome)
}

async fn page(viewer: &Viewer, number: usize, error: Option<&arm::Error>) -> Result<Response> {
    let mut requests = viewer.own("roleAssignmentScheduleRequests", &AS_REQUESTOR).await?;
    requests.extend(viewer.own("roleEligibilityScheduleRequests", &AS_REQUESTOR).await?);
    requests.sort_by_key(|held| std::cmp::Reverse(held.schedule.properties.created_on));
    let all = requests.len();
    let first = number.saturating_mul(A_PAGE);
    let at = |number: usize| link::with(REQUESTS, "page", &number.to_string());
    let page = RequestsPage {
        frame: viewer
            .privileged("My requests", REQUESTS)
            .subtitle("What you asked for, and what became of it")
            .live(),
        requests: requests.into_iter().skip(first).take(A_PAGE).collect(),
        newer: number.checked_sub(1).map(at),
        older: (all > first.saturating_add(A_PAGE)).then(|| at(number.saturating_add(1))),
        problem: error.map(super::in_words),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

impl RequestsPage {
    /// What was asked for.
    fn wish(&self, held: &Held) -> String {
        let properties = &held.schedule.properties;
        let eligibility = held.schedule.id.to_ascii_lowercase().contains("/roleeligibilityschedulerequests/");
        let kind = if eligibility { "eligible" } else { "assigned" };
        let whom = &properties.expanded_properties.principal.display_name;
        match properties.request_type.as_str() {
            "SelfActivate" => "Activate".into(),
            "SelfDeactivate" => "Deactivate".into(),
            "SelfExtend" => "More time".into(),
            "SelfRenew" => "The same again".into(),
            "AdminAssign" => format!("Make {whom} {kind}"),
            "AdminUpdate" => format!("Change how long {whom} is {kind}"),
            "AdminExtend" => format!("More time for {whom}"),
            "AdminRenew" => format!("The same again for {whom}"),
            "AdminRemove" if eligibility => format!("{whom} is not eligible any more"),
            "AdminRemove" => format!("Take the role from {whom}"),
            other => other.into(),
        }
    }

    /// For how long.
    fn length(&self, held: &Held) -> Option<String> {
        let properties = &held.schedule.properties;
        if matches!(properties.request_type.as_str(), "SelfDeactivate" | "AdminRemove") {
            return None;
        }
        Some(length::wanted(&held.schedule))
    }

    fn is_open(&self, held: &Held) -> bool {
        matches!(held.schedule.properties.status.as_str(), "PendingApproval" | "PendingAdminDecision")
    }

    /// What became of it: how a badge shows it, and in words.
    fn outcome(&self, held: &Held) -> (&'static str, String) {
        outcome(&held.schedule.properties.status)
    }
}

/// What became of a request: how a badge shows it, and in words.
pub fn outcome(status: &str) -> (&'static str, String) {
    let (kind, words) = match status {
        "PendingApproval" => ("warn", "Waits for approval"),
        "PendingAdminDecision" => ("warn", "Waits for an admin"),
        "Provisioned" => ("ok", "Granted"),
        "Granted" | "ScheduleCreated" => ("ok", "Granted for later"),
        "AdminApproved" => ("ok", "Agreed to"),
        "Denied" | "AdminDenied" => ("bad", "Denied"),
        "TimedOut" => ("bad", "Nobody decided in time"),
        "Canceled" => ("quiet", "Taken back"),
        "Revoked" => ("quiet", "Over"),
        "FailedAsResourceIsLocked" => ("bad", "Failed: the scope is locked"),
        other => return ("quiet", other.to_string()),
    };
    (kind, words.into())
}
