//! Taking a role from somebody, and what they lose by it.

use arm::{Error, ResourceId, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Scope, scope_of, wording};
use crate::arm::route::Method;
use crate::portal::ask::authorization;
use crate::portal::guards::holdings::{self, Held, Holding, How};
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/guards/remove.html")]
struct RemovePage {
    frame: Frame,
    scope: Scope,
    holding: Holding,
    /// What the role lets its holder do.
    description: String,
    /// What they could not do any more, in words.
    loses: Vec<String>,
    /// The role is the viewer's own, and the last that counts here.
    own_last: bool,
    /// The role is the viewer's own.
    own: bool,
    problem: Option<String>,
    now: jiff::Timestamp,
}

/// `GET /portal/access/remove/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let (scope, held, holding) = find(&viewer, &id).await?;
        Ok(page(&viewer, scope, &held, holding, None))
    };
    viewer.answer(page.await)
}

/// `POST /portal/access/remove/{id}`
pub async fn take(Path(id): Path<String>, Posted { viewer, form: _ }: Posted) -> Response {
    let page = async {
        let (scope, held, holding) = find(&viewer, &id).await?;
        match remove(&viewer, &holding).await {
            Ok(()) => {
                let what = format!(
                    "{} does not have the role {} here any more.",
                    holding.principal.name(),
                    holding.role
                );
                Ok(viewer.done(&scope.page("scope"), &what))
            }
            Err(error) => Ok(page(&viewer, scope, &held, holding, Some(error))),
        }
    };
    viewer.answer(page.await)
}

/// The role that an address names, among those that are held at its own scope.
async fn find(viewer: &Viewer, path: &str) -> Result<(Scope, Held, Holding)> {
    let none =
        || Error::not_found("RoleAssignmentNotFound", "This role was taken away already, or has ended.");
    let id = ResourceId::parse(path)?;
    let scope = Scope::read(viewer, scope_of(id.as_str()).ok_or_else(none)?).await?;
    let held = holdings::read(viewer, scope.id.as_str()).await?;
    // A role that is assigned for a while is one thing under two names.
    let fits = |holding: &&Holding| {
        let other = ResourceId::parse(&holding.id).ok();
        other.is_some_and(|other| {
            let eligible = |id: &ResourceId| id.as_str().to_ascii_lowercase().contains("/roleeligibility");
            !holding.inherited && other.name() == id.name() && eligible(&other) == eligible(&id)
        })
    };
    let holding = held.holdings.iter().find(fits).cloned().ok_or_else(none)?;
    Ok((scope, held, holding))
}

async fn remove(viewer: &Viewer, holding: &Holding) -> Result<()> {
    let family = match holding.how {
        How::Standing if holding.id.to_ascii_lowercase().contains("/roleassignments/") => {
            return viewer.arm(Method::Delete, &holding.id, &[], Value::Null).await.map(drop);
        }
        How::Eligible => "Eligibility",
        How::Standing | How::UntilThen | How::Later | How::Activated => "Assignment",
    };
    let name = viewer.app.edge.uuid();
    let path = authorization(&holding.scope, &format!("role{family}ScheduleRequests/{name}"));
    let body = json!({"properties": {
        "principalId": holding.principal.id,
        "roleDefinitionId": holding.role_id,
        "requestType": "AdminRemove",
    }});
    viewer.arm(Method::Put, &path, &[], body).await.map(drop)
}

fn page(viewer: &Viewer, scope: Scope, held: &Held, holding: Holding, error: Option<Error>) -> Response {
    let status = error.as_ref().map_or(StatusCode::OK, |error| status_of(error.kind));
    let me = viewer.account_for(scope.id.as_str()).map(|account| account.signed_in.object.to_string());
    let is_mine = |other: &Holding| me.as_deref() == Some(other.principal.id.as_str());
    let own = is_mine(&holding);
    let mine = held.holdings.iter().filter(|other| is_mine(other) && other.counts_now()).count();
    let name = crate::portal::words::name_of(&holding.role_id);
    let role = held.roles.iter().find(|role| role.name.eq_ignore_ascii_case(name));
    let mut frame = scope.frame(viewer);
    frame.title = format!("Take a role from {}", holding.principal.name());
    let page = RemovePage {
        frame: frame.crumb(&scope.name, scope.page("scope")),
        scope,
        description: role.map(|role| role.properties.description.clone()).unwrap_or_default(),
        loses: role.map(wording::in_short).unwrap_or_default(),
        own_last: own && mine == 1 && holding.counts_now(),
        own,
        holding,
        problem: error.map(|error| error.message),
        now: viewer.now,
    };
    viewer.page_with(status, &page)
}

impl RemovePage {
    /// Whether the holder has it now, or could have it.
    fn is_eligible(&self) -> bool {
        self.holding.how == How::Eligible
    }

    fn is_activation(&self) -> bool {
        self.holding.how == How::Activated
    }
}
