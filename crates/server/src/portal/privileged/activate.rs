//! Activating a role: what it asks for, and the request.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::super::consent::{Roles, Schedule, Wish};
use super::super::link;
use super::super::posted::Posted;
use super::super::shell::{Frame, Link, status_of};
use super::super::viewer::Viewer;
use super::super::words::name_of;
use super::rules::{Approval, Demands};
use super::{MINE, OfRole, REQUESTS, activation_page, length, scope_of};
use crate::login::Form;

/// Lengths that are offered, in minutes, as far as the role allows.
const LENGTHS: [i64; 8] = [15, 30, 60, 120, 240, 480, 720, 1440];
/// The length that is offered when the role allows it, in minutes.
const USUAL: i64 = 60;
/// What to offer when the rules are not told, in minutes.
const UNTOLD: i64 = 480;

#[derive(Template)]
#[template(path = "portal/privileged/activate.html")]
struct ActivatePage<'a> {
    frame: Frame,
    now: Timestamp,
    scope: &'a str,
    role: &'a str,
    directory: Option<&'a str>,
    eligible: Option<&'a Schedule>,
    /// The other roles that can be activated here.
    others: Vec<Link>,
    active: Option<&'a Schedule>,
    waiting: Option<&'a Schedule>,
    demands: Demands,
    approvers: Vec<String>,
    typed: Typed,
    problem: Option<String>,
    step_up: Option<String>,
}

/// What the form holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    reason: String,
    ticket: String,
    system: String,
    minutes: String,
    start: String,
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.owned(name).unwrap_or_default();
        Self {
            reason: text("reason"),
            ticket: text("ticket"),
            system: text("system"),
            minutes: text("minutes"),
            start: text("start"),
        }
    }

    /// The page with all that is typed.
    fn kept(&self, here: &str) -> String {
        let Self { reason, ticket, system, minutes, start } = self;
        let fields = [
            ("reason", reason),
            ("ticket", ticket),
            ("system", system),
            ("minutes", minutes),
            ("start", start),
        ];
        link::with_typed(here, &fields.map(|(name, value)| (name, value.as_str())))
    }
}

/// `GET /portal/privileged/activate/{scope}?role={guid}`
pub async fn show(
    viewer: Viewer,
    Path(scope): Path<String>,
    Query(of): Query<OfRole>,
    Query(typed): Query<Typed>,
) -> Response {
    let page = async {
        let scope = scope_of(&scope)?;
        page(&viewer, scope.as_str(), &of.role, typed, None).await
    };
    viewer.answer(page.await)
}

/// `POST` of the same: asks for it.
pub async fn act(
    Path(scope): Path<String>,
    Query(of): Query<OfRole>,
    Posted { viewer, form }: Posted,
) -> Response {
    let outcome = async {
        let scope = scope_of(&scope)?;
        let typed = Typed::of(&form);
        let role = form.get("role").unwrap_or(&of.role);
        match ask(&viewer, scope.as_str(), role, &typed).await {
            Ok(asked) => Ok(said(&viewer, &asked)),
            Err(error) => page(&viewer, scope.as_str(), role, typed, Some(&error)).await,
        }
    };
    viewer.answer(outcome.await)
}

fn said(viewer: &Viewer, asked: &Schedule) -> Response {
    match asked.properties.status.as_str() {
        "PendingApproval" => {
            viewer.done(REQUESTS, "Your request waits for approval. Its approvers have been told.")
        }
        "FailedAsResourceIsLocked" => {
            viewer.done(REQUESTS, "The request failed: a lock keeps the scope from being changed.")
        }
        _ => viewer.done(MINE, "The role is yours for the time that you asked for."),
    }
}

async fn ask(viewer: &Viewer, scope: &str, role: &str, typed: &Typed) -> Result<Schedule> {
    let roles = viewer.roles_at(scope).await?;
    let eligible = of_role(&roles.eligible, role).ok_or_else(not_eligible)?;
    let minutes: u32 = typed
        .minutes
        .trim()
        .parse()
        .map_err(|_| Error::invalid("InvalidDuration", "For how long? Choose one of the lengths."))?;
    let wish = Wish {
        scope,
        role: &eligible.properties.role_definition_id,
        reason: typed.reason.trim(),
        ticket: typed.ticket.trim(),
        ticket_system: typed.system.trim(),
        minutes,
        start: instant(&typed.start)?,
    };
    viewer.activate(&wish).await
}

fn not_eligible() -> Error {
    Error::invalid("NotEligible", "You are not eligible for this role here any more.")
}

/// A time as a form has it, in UTC.
pub fn instant(text: &str) -> Result<Option<Timestamp>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let at = text.trim().parse::<DateTime>().ok().and_then(|at| at.to_zoned(TimeZone::UTC).ok());
    let at = at.ok_or_else(|| {
        Error::invalid(
            "InvalidTime",
            format!("“{text}” is not a time. Write it as 2026-03-31T14:30, in UTC."),
        )
    })?;
    Ok(Some(at.timestamp()))
}

/// The schedule of a role among those at a scope; the first when no role is named.
fn of_role<'s>(schedules: &'s [Schedule], role: &str) -> Option<&'s Schedule> {
    if role.is_empty() {
        return schedules.first();
    }
    let named = |schedule: &&Schedule| {
        name_of(&schedule.properties.role_definition_id).eq_ignore_ascii_case(name_of(role))
    };
    schedules.iter().find(named)
}

async fn page(
    viewer: &Viewer,
    scope: &str,
    role: &str,
    typed: Typed,
    error: Option<&Error>,
) -> Result<Response> {
    let Roles { eligible, active, waiting } = viewer.roles_at(scope).await?;
    let all = eligible;
    let eligible = of_role(&all, role);
    let role = eligible.map_or(role, |eligible| name_of(&eligible.properties.role_definition_id));
    let demands = match eligible {
        Some(eligible) => viewer.demands(scope, &eligible.properties.scope, role).await?,
        None => Demands::default(),
    };
    let approvers = approvers(viewer, scope, demands.approval.as_ref()).await?;
    let title =
        eligible.map_or_else(|| "Activate a role".into(), |eligible| format!("Activate {}", eligible.role()));
    let here = typed.kept(&activation_page(scope, role));
    let page = ActivatePage {
        frame: viewer.frame(super::Section::Privileged, title).crumb("My roles", MINE),
        now: viewer.now,
        scope,
        role,
        directory: viewer.directory_of(scope),
        eligible,
        others: others(&all, scope, role),
        // Another scope above may hold the same role; only what is at this one keeps it from being asked for here.
        active: of_role(&active, role).filter(|held| held.properties.scope.eq_ignore_ascii_case(scope)),
        waiting: of_role(&waiting, role).filter(|held| held.properties.scope.eq_ignore_ascii_case(scope)),
        demands,
        approvers,
        typed,
        problem: error.map(super::in_words),
        step_up: error.and_then(|error| viewer.step_up(error, &here)),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

/// The other roles that can be activated at a scope.
fn others(eligible: &[Schedule], scope: &str, role: &str) -> Vec<Link> {
    let other =
        |schedule: &&Schedule| !name_of(&schedule.properties.role_definition_id).eq_ignore_ascii_case(role);
    let mut links: Vec<Link> = eligible
        .iter()
        .filter(other)
        .map(|schedule| Link {
            href: activation_page(scope, &schedule.properties.role_definition_id),
            text: schedule.role().into(),
            current: false,
        })
        .collect();
    links.sort_by(|one, other| one.text.cmp(&other.text));
    links.dedup_by(|one, other| one.href == other.href);
    links
}

/// Whom to expect a decision from: the names on the list, as far as the directory tells them.
async fn approvers(viewer: &Viewer, scope: &str, approval: Option<&Approval>) -> Result<Vec<String>> {
    let listed = approval.into_iter().flat_map(|approval| &approval.approval_stages);
    let listed: Vec<_> = listed.flat_map(|stage| &stage.primary_approvers).collect();
    let ids: Vec<&str> = listed.iter().map(|approver| approver.id.as_str()).collect();
    let names = viewer.principals_of(viewer.tenant_for(scope), &ids).await?;
    let name = |approver: &&super::rules::Approver| match names.get(&approver.id) {
        Some(known) => known.label(),
        None if approver.description.is_empty() => "somebody whose name you may not see".into(),
        None => approver.description.clone(),
    };
    Ok(listed.iter().map(name).collect())
}

impl ActivatePage<'_> {
    /// The lengths to choose from, with what was typed among them.
    fn lengths(&self) -> Vec<(i64, String)> {
        let longest = self.demands.longest.unwrap_or(UNTOLD);
        let mut lengths: Vec<i64> = LENGTHS.into_iter().filter(|length| *length <= longest).collect();
        lengths.push(longest);
        lengths.extend(self.typed.minutes.parse::<i64>().ok().filter(|typed| (1..=1440).contains(typed)));
        lengths.sort_unstable();
        lengths.dedup();
        lengths.into_iter().map(|length| (length, length::of_minutes(length))).collect()
    }

    fn is_chosen(&self, length: &i64) -> bool {
        match self.typed.minutes.parse::<i64>() {
            Ok(typed) => typed == *length,
            Err(_) => *length == USUAL.min(self.demands.longest.unwrap_or(UNTOLD)),
        }
    }

    /// Where one signs in with a second factor beforehand, when the role asks for it.
    fn sign_in_first(&self) -> bool {
        self.demands.second_factor || !self.demands.contexts.is_empty()
    }
}
