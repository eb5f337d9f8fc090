//! Who is eligible for which role at a scope, and whose role is active there: lists with how long they last.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::consent::Schedule;
use super::super::moment::Moment;
use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::Viewer;
use super::super::{link, words};
use super::{ASSIGNMENTS, Family, length, scope_of};
use crate::portal::ask::authorization;

#[derive(Template)]
#[template(path = "portal/privileged/assignments.html")]
struct AssignmentsPage<'a> {
    frame: Frame,
    now: Timestamp,
    scope: &'a str,
    family: Family,
    who: String,
    schedules: Vec<Schedule>,
    next: Option<String>,
    more_time: Vec<Schedule>,
    problem: Option<String>,
}

/// Which of them.
#[derive(Default, Deserialize)]
pub struct Which {
    /// `active` for active roles; eligible ones otherwise.
    #[serde(default)]
    kind: String,
    /// Whose: a name.
    #[serde(default)]
    who: String,
    /// From where on.
    #[serde(default)]
    after: String,
}

/// `GET /portal/privileged/assignments/{scope}?kind=active&who=…`
pub async fn show(viewer: Viewer, Path(scope): Path<String>, Query(which): Query<Which>) -> Response {
    let page = async {
        let scope = scope_of(&scope)?;
        page(&viewer, scope.as_str(), &which, None).await
    };
    viewer.answer(page.await)
}

/// `POST` of the same: denies a request for more time.
pub async fn act(Path(scope): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let scope = scope_of(&scope)?;
        match viewer.take_back(form.get("request").unwrap_or_default()).await {
            Ok(()) => {
                let here = link::page("privileged/assignments", scope.as_str());
                Ok(viewer.done(&here, "The request for more time was denied. Nothing changes."))
            }
            Err(error) => page(&viewer, scope.as_str(), &Which::default(), Some(error)).await,
        }
    };
    viewer.answer(page.await)
}

async fn page(viewer: &Viewer, scope: &str, which: &Which, error: Option<Error>) -> Result<Response> {
    let family = Family::of(&which.kind);
    let at = |kind: &str| authorization(scope, kind);
    let mut error = error;
    let mut filter = String::new();
    if !which.who.trim().is_empty() {
        match viewer.find_principal(viewer.tenant_for(scope), &which.who).await {
            Ok(known) => filter = format!("assignedTo('{}')", known.id),
            Err(refused) => error = Some(refused),
        }
    }
    let mut query = vec![("$filter", filter.as_str())];
    if !which.after.is_empty() {
        query.push(("$skiptoken", which.after.as_str()));
    }
    let part = viewer.part::<Schedule>(&at(family.schedules()), &query).await?;
    let open = [("$filter", "status eq 'PendingAdminDecision'")];
    let mut more_time: Vec<Schedule> = viewer.list(&at(Family::Eligible.requests()), &open).await?;
    more_time.extend(viewer.list::<Schedule>(&at(Family::Active.requests()), &open).await?);
    let here = link::page("privileged/assignments", scope);
    let next = part.next.map(|next| {
        let with_kind = link::with(&here, "kind", family.word());
        link::with(&link::with(&with_kind, "who", &which.who), "after", &next)
    });
    let page = AssignmentsPage {
        frame: frame(viewer, scope, &here),
        now: viewer.now,
        scope,
        family,
        who: which.who.clone(),
        schedules: part.entries,
        next,
        more_time,
        problem: error.as_ref().map(super::in_words),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

/// The frame of the two pages about a scope: what is given there, and what it takes.
pub fn frame(viewer: &Viewer, scope: &str, here: &str) -> Frame {
    let tabs = [
        (link::page("privileged/assignments", scope), "Assignments"),
        (link::page("privileged/settings", scope), "Role settings"),
    ];
    let directory = viewer.directory_of(scope).unwrap_or("a directory that does not know you");
    viewer
        .frame(super::Section::Privileged, words::scope(scope))
        .subtitle(format!("Privileged access in {directory}"))
        .crumb("Assignments", ASSIGNMENTS)
        .tabs(tabs, here)
}

impl AssignmentsPage<'_> {
    fn kind(&self, family: &str) -> String {
        link::with(&link::page("privileged/assignments", self.scope), "kind", family)
    }

    fn give(&self, family: &str) -> String {
        link::with(&link::page("privileged/assign", self.scope), "kind", family)
    }

    fn one(&self, schedule: &Schedule) -> String {
        link::page("privileged/assignment", &schedule.id)
    }

    /// Where it is set, when that is not here.
    fn elsewhere(&self, schedule: &Schedule) -> Option<String> {
        let set = &schedule.properties.scope;
        (!set.eq_ignore_ascii_case(self.scope)).then(|| words::scope(set))
    }

    fn begins(&self, schedule: &Schedule) -> Option<Moment> {
        schedule.properties.start_date_time.map(Moment)
    }

    fn how(&self, schedule: &Schedule) -> &'static str {
        match schedule.properties.assignment_type.as_str() {
            "Activated" => "Activated",
            _ => "Assigned",
        }
    }

    fn wish(&self, request: &Schedule) -> String {
        length::wanted(request)
    }

    /// The page of what somebody asks more time for.
    fn asked_about(&self, request: &Schedule) -> String {
        let properties = &request.properties;
        let target = properties.target_role_eligibility_schedule_id.as_ref();
        let target = target.or(properties.target_role_assignment_schedule_id.as_ref());
        link::page("privileged/assignment", target.map_or(properties.scope.as_str(), String::as_str))
    }
}
