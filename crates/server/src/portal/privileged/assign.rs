//! Making somebody eligible for a role, or assigning it for a time.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::super::link;
use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::Viewer;
use super::ends::{Bounds, Ends};
use super::names::Known;
use super::{Family, scope_of};
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::ask::{authorization, of};

/// How long a role is offered to be given, in days.
const USUAL_DAYS: u32 = 90;

#[derive(Template)]
#[template(path = "portal/privileged/assign.html")]
struct AssignPage<'a> {
    frame: Frame,
    scope: &'a str,
    directory: Option<&'a str>,
    family: Family,
    roles: Vec<RoleDefinition>,
    people: Vec<Known>,
    bounds: Option<Bounds>,
    typed: Typed,
    problem: Option<String>,
    step_up: Option<String>,
}

/// A role that can be given at a scope.
#[derive(Clone, Debug, Deserialize)]
struct RoleDefinition {
    id: String,
    name: String,
    properties: RoleProperties,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleProperties {
    role_name: String,
}

/// What the form holds.
#[derive(Default)]
struct Typed {
    role: String,
    who: String,
    ends: Ends,
    reason: String,
    ticket: String,
}

/// Which kind, and for which role to begin with.
#[derive(Default, Deserialize)]
pub struct Which {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    role: String,
}

/// `GET /portal/privileged/assign/{scope}?kind=active`
pub async fn show(viewer: Viewer, Path(scope): Path<String>, Query(which): Query<Which>) -> Response {
    let page = async {
        let scope = scope_of(&scope)?;
        let role = match which.role.is_empty() && is_guard(&scope) {
            true => pim::policy::BACKUP_MUA_OPERATOR.to_string(),
            false => which.role.clone(),
        };
        let typed = Typed { role, ends: Ends::in_days(USUAL_DAYS), ..Typed::default() };
        page(&viewer, scope.as_str(), Family::of(&which.kind), typed, None).await
    };
    viewer.answer(page.await)
}

/// `POST` of the same.
pub async fn act(
    Path(scope): Path<String>,
    Query(which): Query<Which>,
    Posted { viewer, form }: Posted,
) -> Response {
    let outcome = async {
        let (scope, family) = (scope_of(&scope)?, Family::of(&which.kind));
        let typed = Typed::of(&form);
        match give(&viewer, scope.as_str(), family, &typed).await {
            Ok(said) => {
                let list = link::page("privileged/assignments", scope.as_str());
                Ok(viewer.done(&link::with(&list, "kind", family.word()), &said))
            }
            Err(error) => page(&viewer, scope.as_str(), family, typed, Some(&error)).await,
        }
    };
    viewer.answer(outcome.await)
}

/// Whether a scope is a guard, whose role to give is that which consents.
fn is_guard(scope: &arm::ResourceId) -> bool {
    let kind = scope.resource_type();
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("Microsoft.DataProtection/resourceGuards"))
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.owned(name).unwrap_or_default();
        Self {
            role: text("role"),
            who: text("who"),
            ends: Ends::of(form),
            reason: text("reason"),
            ticket: text("ticket"),
        }
    }
}

/// What became of it, as far as a page says it.
#[derive(Deserialize)]
struct Given {
    properties: GivenProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenProperties {
    status: String,
    #[serde(default)]
    approver_findings: Vec<Finding>,
}

/// Something that an owner should know about the approvers of a role.
#[derive(Clone, Debug, Deserialize)]
pub struct Finding {
    /// How grave it is.
    pub severity: String,
    /// What it is.
    pub message: String,
}

async fn give(viewer: &Viewer, scope: &str, family: Family, typed: &Typed) -> Result<String> {
    if typed.who.trim().is_empty() {
        return Err(Error::invalid(
            "NoPrincipal",
            "Who? Type a user name, or the name of a person or group.",
        ));
    }
    let whom = viewer.find_principal(viewer.tenant_for(scope), &typed.who).await?;
    if typed.role.is_empty() {
        return Err(Error::invalid("NoRole", "Which role? Choose one."));
    }
    let role = authorization(scope, &format!("roleDefinitions/{}", super::name_of(&typed.role)));
    let body = json!({"properties": {
        "principalId": whom.id,
        "roleDefinitionId": role,
        "requestType": "AdminAssign",
        "justification": typed.reason.trim(),
        "ticketInfo": {"ticketNumber": typed.ticket.trim()},
        "scheduleInfo": typed.ends.schedule()?,
    }});
    let path = authorization(scope, &format!("{}/{}", family.requests(), viewer.app.edge.uuid()));
    let given: Given = of(viewer.arm(Method::Put, &path, &[], body).await?)?;
    if given.properties.status == "FailedAsResourceIsLocked" {
        return Err(Error::conflict(
            "ScopeLocked",
            "A lock keeps the scope from being changed. Nobody was given anything.",
        ));
    }
    let mut said = match family {
        Family::Eligible => format!("{} is eligible.", whom.display_name),
        Family::Active => format!("{} has the role.", whom.display_name),
    };
    if let Some(finding) = given.properties.approver_findings.first() {
        said.push_str(&format!(" Look at the approvers of the role: {}", finding.message));
    }
    Ok(said)
}

async fn page(
    viewer: &Viewer,
    scope: &str,
    family: Family,
    typed: Typed,
    error: Option<&Error>,
) -> Result<Response> {
    let mut roles: Vec<RoleDefinition> = viewer.list(&authorization(scope, "roleDefinitions"), &[]).await?;
    roles.sort_by(|one, other| one.properties.role_name.cmp(&other.properties.role_name));
    let bounds = match typed.role.is_empty() {
        true => None,
        false => viewer
            .policy(scope, &typed.role)
            .await?
            .map(|policy| Bounds::of(policy.properties.effective_rules.get(family.expiration()))),
    };
    let people = viewer.some_principals(viewer.tenant_for(scope)).await?;
    let here = link::with(&link::page("privileged/assign", scope), "kind", family.word());
    let title = match family {
        Family::Eligible => "Make somebody eligible",
        Family::Active => "Assign a role for a time",
    };
    let list = link::page("privileged/assignments", scope);
    let page = AssignPage {
        frame: viewer
            .frame(super::Section::Privileged, title)
            .subtitle(format!("on {}", super::super::words::scope(scope)))
            .crumb("Assignments", super::ASSIGNMENTS)
            .crumb(super::super::words::scope(scope), list),
        scope,
        directory: viewer.directory_of(scope),
        family,
        roles,
        people,
        bounds,
        typed,
        problem: error.map(super::in_words),
        step_up: error.and_then(|error| viewer.step_up(error, &here)),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

impl AssignPage<'_> {
    fn list(&self) -> String {
        assignments_of(self.scope)
    }

    fn is_role(&self, role: &RoleDefinition) -> bool {
        super::name_of(&self.typed.role).eq_ignore_ascii_case(&role.name) || self.typed.role == role.id
    }
}

/// The list of a scope.
pub fn assignments_of(scope: &str) -> String {
    link::page("privileged/assignments", scope)
}
