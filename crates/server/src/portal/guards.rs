//! Resource Guards, and access control on every scope.

mod access;
mod activity;
mod delete;
mod findings;
mod holdings;
mod linked;
mod list;
mod new;
mod operations;
mod overview;
mod principals;
mod properties;
mod table;
pub mod tags;

use std::collections::BTreeMap;

use arm::{Error, ResourceId, Result};
use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use super::link;
use super::shell::{Frame, Section};
use super::viewer::Viewer;
use crate::app::App;

/// What guards are in ARM.
pub const GUARD_TYPE: &str = "Microsoft.DataProtection/resourceGuards";
/// The first page of this part.
const LIST: &str = "/portal/guards";

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
        .route(LIST, get(list::show))
        .route("/portal/guards/new", get(new::show).post(new::create))
        .route("/portal/guards/overview/{*id}", get(overview::show).post(overview::act))
        .route("/portal/guards/operations/{*id}", get(operations::show).post(operations::change))
        .route("/portal/guards/properties/{*id}", get(properties::show).post(properties::change))
        .route("/portal/guards/vaults/{*id}", get(linked::show))
        .route("/portal/guards/separation/{*id}", get(findings::separation))
        .route("/portal/guards/approvers/{*id}", get(findings::approvers))
        .route("/portal/guards/activity/{*id}", get(activity::show))
        .route("/portal/guards/delete/{*id}", get(delete::show).post(delete::delete))
        .merge(access::routes())
}

/// The pages about a guard, with what they are called: see [`super::shell::Frame::tabs`].
pub fn tabs(guard: &str) -> [(String, &'static str); 7] {
    let tab = |page: &str, text| (link::page(page, guard), text);
    [
        tab("guards/overview", "Overview"),
        tab("guards/operations", "Protected operations"),
        tab("guards/vaults", "Linked vaults"),
        tab("access/scope", "Access control"),
        tab("guards/separation", "Separation of duties"),
        tab("guards/approvers", "Approvers"),
        tab("guards/activity", "Activity"),
    ]
}

/// A guard, as far as pages read it.
#[derive(Clone, Debug, Deserialize)]
pub struct Guard {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// What people noted about it.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The rest.
    pub properties: GuardProperties,
}

/// What a guard says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardProperties {
    /// Whom to ask.
    #[serde(default)]
    pub description: Option<String>,
    /// What it protects.
    #[serde(default)]
    pub resource_guard_operations: Vec<Protected>,
    /// What it leaves out.
    #[serde(default)]
    pub vault_critical_operation_exclusion_list: Vec<String>,
}

/// An operation that a guard protects.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protected {
    /// The operation's full name.
    pub vault_critical_operation: String,
}

impl Guard {
    /// Whether it protects an operation.
    pub fn protects(&self, operation: mua::CriticalOperation) -> bool {
        let name = operation.name();
        self.properties
            .resource_guard_operations
            .iter()
            .any(|one| one.vault_critical_operation.eq_ignore_ascii_case(&name))
    }

    /// Whom to ask, if it says so.
    pub fn description(&self) -> Option<&str> {
        self.properties.description.as_deref().filter(|text| !text.is_empty())
    }

    /// The address of one of its pages: `overview`, `operations`, …
    pub fn page(&self, name: &str) -> String {
        link::page(&format!("guards/{name}"), &self.id)
    }

    /// The subscription's id.
    pub fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.id.split('/').nth(2).unwrap_or_default())
    }

    /// The resource group's name.
    pub fn group(&self) -> &str {
        self.id.split('/').nth(4).unwrap_or_default()
    }
}

/// The guards that the viewer may read, each with the name of its directory.
///
/// # Errors
/// What ARM answers.
pub async fn of_viewer(viewer: &Viewer) -> Result<Vec<(Guard, String)>> {
    let mut guards = Vec::new();
    for account in viewer.directories() {
        let found: Vec<Guard> =
            viewer.list_in(Some(account.tenant), &format!("/providers/{GUARD_TYPE}"), &[]).await?;
        guards.extend(found.into_iter().map(|guard| (guard, account.directory.clone())));
    }
    Ok(guards)
}

/// Reads the guard that the address of a page names.
///
/// # Errors
/// `ResourceNotFound` for what is no guard's id; what ARM answers.
async fn read_guard(viewer: &Viewer, path: &str) -> Result<Guard> {
    let id = ResourceId::parse(path)?;
    if !id.is_of_type(GUARD_TYPE) || id.tracked().as_ref() != Some(&id) {
        return Err(Error::not_found("ResourceNotFound", "The address names no Resource Guard."));
    }
    viewer.read(id.as_str(), &[]).await
}

/// The frame of a page about a guard, with the tab of that name.
fn frame_of(viewer: &Viewer, guard: &Guard, tab: &str) -> Frame {
    let place = viewer.directory_of(&guard.id).unwrap_or_default();
    viewer
        .frame(Section::Guards, &guard.name)
        .subtitle(format!("Resource Guard in {}, {place}", guard.location))
        .crumb("Resource Guards", LIST)
        .tabs(tabs(&guard.id), &link::page(tab, &guard.id))
}
