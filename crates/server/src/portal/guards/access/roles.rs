//! Roles: which there are at a scope, and what one lets its holder do.

use arm::{Error, ResourceId, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::wording::{self, Chapter};
use super::{Scope, scope_of};
use crate::portal::ask::authorization;
use crate::portal::guards::holdings::{self, Role};
use crate::portal::link;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words;

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "portal/guards/roles.html")]
struct RolesPage {
    frame: Frame,
    scope: Scope,
    roles: Vec<Role>,
    q: String,
}

#[derive(Template)]
#[template(path = "portal/guards/role.html")]
struct RolePage {
    frame: Frame,
    role: Role,
    chapters: Vec<Chapter>,
    without: Vec<Chapter>,
}

/// `GET /portal/access/roles/{scope}`
pub async fn list(viewer: Viewer, Path(scope): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let scope = Scope::read(&viewer, &scope).await?;
        let mut roles = holdings::roles(&viewer, scope.id.as_str()).await?;
        let q = asked.q.trim().to_lowercase();
        roles.retain(|role| {
            let properties = &role.properties;
            [&properties.role_name, &properties.description]
                .iter()
                .any(|text| text.to_lowercase().contains(&q))
        });
        let mut frame = scope.frame(&viewer).crumb(&scope.name, scope.page("scope"));
        frame.title = format!("Roles on {}", scope.name);
        Ok(viewer.page(&RolesPage { frame, scope, roles, q: asked.q }))
    };
    viewer.answer(page.await)
}

/// `GET /portal/access/role/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = page(&viewer, &id).await;
    viewer.answer(page)
}

async fn page(viewer: &Viewer, path: &str) -> Result<Response> {
    let none = || Error::not_found("RoleDefinitionDoesNotExist", "The address names no role.");
    let id = ResourceId::parse(path)?;
    let scope = Scope::read(viewer, scope_of(id.as_str()).ok_or_else(none)?).await?;
    let id = authorization(scope.id.as_str(), &format!("roleDefinitions/{}", id.name()));
    let role: Role = viewer.read(&id, &[]).await?;
    let mut frame = scope.frame(viewer).crumb(&scope.name, scope.page("scope"));
    frame = frame.crumb("Roles", scope.page("roles"));
    frame.title = role.properties.role_name.clone();
    frame.subtitle = if role.is_custom() { "A role of your own".into() } else { "A built-in role".into() };
    let permissions = &role.properties.permissions;
    let chapters = wording::chapters(permissions.iter().flat_map(|one| &one.actions));
    let without = wording::chapters(permissions.iter().flat_map(|one| &one.not_actions));
    Ok(viewer.page(&RolePage { frame, role, chapters, without }))
}

impl RolesPage {
    fn page(&self, role: &Role) -> String {
        link::page(
            "access/role",
            &authorization(self.scope.id.as_str(), &format!("roleDefinitions/{}", role.name)),
        )
    }
}

impl RolePage {
    /// Where it can be assigned, in words.
    fn places(&self) -> Vec<String> {
        self.role.properties.assignable_scopes.iter().map(|scope| words::scope(scope)).collect()
    }
}
