//! Access control: who may do what at a scope, why, and giving and taking it.

mod add;
mod choose;
mod held;
mod remove;
mod roles;
mod tasks;
mod why;
mod wording;

use arm::{Error, ResourceId, Result};
use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use crate::app::App;
use crate::portal::places::sort_of;
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;
use crate::portal::{link, vaults};

/// The first page of this part.
const CHOOSE: &str = "/portal/access";

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
        .route(CHOOSE, get(choose::show))
        .route("/portal/access/scope/{*scope}", get(held::show))
        .route("/portal/access/add/{*scope}", get(add::show).post(add::give))
        .route("/portal/access/remove/{*id}", get(remove::show).post(remove::take))
        .route("/portal/access/roles/{*scope}", get(roles::list))
        .route("/portal/access/role/{*id}", get(roles::show))
        .route("/portal/access/why/{*scope}", get(why::show))
}

/// Where roles are held: a subscription, a resource group, a resource.
pub struct Scope {
    /// Its id.
    pub id: ResourceId,
    /// What people call it.
    pub name: String,
    /// What sort of thing it is.
    pub sort: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    display_name: String,
}

impl Scope {
    /// The scope that an address names.
    ///
    /// # Errors
    /// `InvalidScope` for what roles cannot be held at; what ARM answers.
    async fn read(viewer: &Viewer, path: &str) -> Result<Self> {
        let id = ResourceId::parse(path)?;
        // Nothing of a directory is told to whoever it does not let in.
        let (Some(_), Some(_)) = (id.subscription_id(), viewer.account_for(id.as_str())) else {
            let why = "The address names no subscription, resource group or resource of a directory that knows you.";
            return Err(Error::not_found("InvalidScope", why));
        };
        let (name, sort) = match (id.provider_index(), id.segments().count()) {
            (None, 2) => {
                let known: Option<Subscription> = viewer.read_if_any(id.as_str(), &[]).await?;
                (known.map_or_else(|| id.name().to_string(), |known| known.display_name), "Subscription")
            }
            (None, _) => (id.name().to_string(), "Resource group"),
            (Some(_), _) => (id.name().to_string(), sort_of(&id.resource_type().unwrap_or_default())),
        };
        Ok(Self { id, name, sort })
    }

    /// Whether it is a vault itself.
    fn is_vault(&self) -> bool {
        self.sort.ends_with("vault")
    }

    /// Whether it is a guard itself.
    pub fn is_guard(&self) -> bool {
        self.sort == "Resource Guard"
    }

    /// The address of a page about its access.
    fn page(&self, name: &str) -> String {
        link::page(&format!("access/{name}"), self.id.as_str())
    }

    /// The frame of a page about it: with the tabs of a vault or a guard, if it is one.
    fn frame(&self, viewer: &Viewer) -> Frame {
        let id = self.id.as_str();
        let here = self.page("scope");
        let section = match () {
            () if self.is_vault() => Section::Vaults,
            () if self.is_guard() => Section::Guards,
            () => Section::Access,
        };
        let directory = viewer.directory_of(id).unwrap_or_default();
        let frame = viewer.frame(section, &self.name).subtitle(format!("{} in {directory}", self.sort));
        match () {
            () if self.is_vault() => frame.crumb("Vaults", "/portal/vaults").tabs(vaults::tabs(id), &here),
            () if self.is_guard() => frame.crumb("Resource Guards", super::LIST).tabs(super::tabs(id), &here),
            () => frame.crumb("Access control", CHOOSE),
        }
    }
}

/// The scope of something about access: what stands before the last `/providers/Microsoft.Authorization/`.
pub(super) fn scope_of(id: &str) -> Option<&str> {
    let at = id.to_ascii_lowercase().rfind("/providers/microsoft.authorization/")?;
    id.get(..at)
}
