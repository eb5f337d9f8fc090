//! Giving somebody a role: now or for when they ask, for good or for a while.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::Scope;
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::ask::authorization;
use crate::portal::guards::holdings::{self, Role};
use crate::portal::guards::principals::{self, Found};
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

/// What the address says, and what was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    q: String,
    who: String,
    role: String,
    how: String,
    days: String,
    why: String,
}

#[derive(Template)]
#[template(path = "portal/guards/add.html")]
struct AddPage {
    frame: Frame,
    scope: Scope,
    roles: Vec<Role>,
    found: Found,
    typed: Typed,
    problem: Option<String>,
    step_up: Option<String>,
}

/// `GET /portal/access/add/{scope}`
pub async fn show(viewer: Viewer, Path(scope): Path<String>, Query(typed): Query<Typed>) -> Response {
    let page = async {
        let scope = Scope::read(&viewer, &scope).await?;
        page(&viewer, scope, typed, None).await
    };
    viewer.answer(page.await)
}

/// `POST /portal/access/add/{scope}`
pub async fn give(Path(scope): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let scope = Scope::read(&viewer, &scope).await?;
        let typed = Typed::of(&form);
        match put(&viewer, &scope, &typed).await {
            Ok(what) => Ok(viewer.done(&scope.page("scope"), &what)),
            Err(error) => page(&viewer, scope, typed, Some(error)).await,
        }
    };
    viewer.answer(page.await)
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.owned(name).unwrap_or_default().trim().to_string();
        Self {
            q: text("q"),
            who: text("who"),
            role: text("role"),
            how: text("how"),
            days: text("days"),
            why: text("why"),
        }
    }

    fn is_eligible(&self) -> bool {
        self.how == "eligible"
    }

    /// For how many days; `None` for without an end.
    fn days(&self) -> Result<Option<u32>> {
        match self.days.as_str() {
            "" => Ok(None),
            days => {
                let days = days.parse().ok().filter(|days| (1..=3650).contains(days));
                let why = "For how many days? Give a number from 1 to 3650, or nothing for without an end.";
                days.map(Some).ok_or_else(|| Error::invalid("InvalidDuration", why).with_target("days"))
            }
        }
    }
}

async fn put(viewer: &Viewer, scope: &Scope, typed: &Typed) -> Result<String> {
    if typed.who.is_empty() {
        return Err(
            Error::invalid("NobodyChosen", "Look for somebody and choose them first.").with_target("q")
        );
    }
    if typed.role.is_empty() {
        return Err(Error::invalid("NoRoleChosen", "Choose a role.").with_target("role"));
    }
    let days = typed.days()?;
    let whom = principals::one(viewer, scope.id.as_str(), &typed.who).await?;
    let name = viewer.app.edge.uuid();
    let at = scope.id.as_str();
    let (path, body) = match (typed.is_eligible(), days) {
        (false, None) => {
            let mut body = json!({"roleDefinitionId": typed.role, "principalId": whom.id});
            if let Some(body) = body.as_object_mut().filter(|_| !typed.why.is_empty()) {
                body.insert("description".into(), typed.why.clone().into());
            }
            (authorization(at, &format!("roleAssignments/{name}")), body)
        }
        (eligible, days) => {
            let family = if eligible { "Eligibility" } else { "Assignment" };
            let expiration = match days {
                Some(days) => json!({"type": "AfterDuration", "duration": format!("P{days}D")}),
                None => json!({"type": "NoExpiration"}),
            };
            let body = json!({
                "principalId": whom.id,
                "roleDefinitionId": typed.role,
                "requestType": "AdminAssign",
                "justification": typed.why,
                "scheduleInfo": {"expiration": expiration},
            });
            (authorization(at, &format!("role{family}ScheduleRequests/{name}")), body)
        }
    };
    viewer.arm(Method::Put, &path, &[], json!({"properties": body})).await?;
    Ok(match typed.is_eligible() {
        true => format!("{} may activate the role from now on.", whom.name()),
        false => format!("{} has the role from now on.", whom.name()),
    })
}

async fn page(viewer: &Viewer, scope: Scope, typed: Typed, error: Option<Error>) -> Result<Response> {
    let status = error.as_ref().map_or(StatusCode::OK, |error| status_of(error.kind));
    let at = scope.id.as_str();
    // On a guard, whoever has a role all the time consents alone.
    let typed = match typed.how.is_empty() && scope.is_guard() {
        true => Typed { how: "eligible".into(), ..typed },
        false => typed,
    };
    let roles = holdings::roles(viewer, at).await?;
    let mut found = principals::find(viewer, at, &typed.q).await?;
    if found.principals.is_empty() && typed.q.is_empty() && !typed.who.is_empty() {
        found.principals.extend(principals::one(viewer, at, &typed.who).await.ok());
    }
    let mut frame = scope.frame(viewer);
    frame.title = format!("Give a role on {}", scope.name);
    let page = AddPage {
        frame: frame.crumb(&scope.name, scope.page("scope")),
        step_up: error.as_ref().and_then(|error| viewer.step_up(error, &scope.page("add"))),
        scope,
        roles,
        found,
        typed,
        problem: error.map(|error| error.message),
    };
    Ok(viewer.page_with(status, &page))
}

impl AddPage {
    /// Whether somebody is chosen: who was, or the only one that there is.
    fn chosen(&self, id: &str) -> bool {
        self.typed.who == id || self.found.principals.len() == 1
    }

    fn is_role(&self, role: &Role) -> bool {
        self.typed.role == role.id
    }
}
