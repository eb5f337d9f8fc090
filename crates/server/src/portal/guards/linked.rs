//! The vaults that a guard protects.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::{Guard, frame_of, read_guard};
use crate::portal::ask::Part;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::places;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// A vault that is linked to a guard, as far as the guard's side knows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Linked {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    properties: LinkedProperties,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkedProperties {
    linked_time: jiff::Timestamp,
}

impl Linked {
    /// What sort of vault it is.
    pub fn sort(&self) -> &'static str {
        places::sort_of(self.kind.as_deref().unwrap_or_default())
    }

    /// Since when.
    pub fn since(&self) -> Moment {
        Moment(self.properties.linked_time)
    }

    /// The subscription, by its id.
    pub fn subscription(&self) -> &str {
        self.id.split('/').nth(2).unwrap_or_default()
    }

    /// The resource group.
    pub fn group(&self) -> &str {
        self.id.split('/').nth(4).unwrap_or_default()
    }
}

/// The vaults that are linked to a guard, as far as the viewer may know.
///
/// # Errors
/// What ARM answers.
pub async fn read(viewer: &Viewer, guard: &str) -> Result<Vec<Linked>> {
    viewer.list_if_any(&format!("{guard}/linkedVaults"), &[]).await
}

/// How many one page shows.
const PAGE: &str = "50";

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    after: String,
}

/// A vault with the directory that it is in, for somebody who is known there.
struct Line {
    vault: Linked,
    directory: Option<String>,
}

impl Line {
    fn page(&self) -> Option<String> {
        self.directory.as_ref().map(|_| link::page("vaults/overview", &self.vault.id))
    }
}

#[derive(Template)]
#[template(path = "portal/guards/vaults.html")]
struct VaultsPage {
    frame: Frame,
    guard: Guard,
    lines: Vec<Line>,
    more: Option<String>,
    /// Whether this is the first page.
    begins: bool,
    now: jiff::Timestamp,
}

/// `GET /portal/guards/vaults/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let mut query = vec![("$top", PAGE)];
        if !asked.after.is_empty() {
            query.push(("$skiptoken", &asked.after));
        }
        let part: Part<Linked> = viewer.part(&format!("{}/linkedVaults", guard.id), &query).await?;
        let line =
            |vault: Linked| Line { directory: viewer.directory_of(&vault.id).map(String::from), vault };
        let page = VaultsPage {
            frame: frame_of(&viewer, &guard, "guards/vaults"),
            lines: part.entries.into_iter().map(line).collect(),
            more: part.next.map(|next| link::with(&guard.page("vaults"), "after", &next)),
            begins: asked.after.is_empty(),
            guard,
            now: viewer.now,
        };
        Ok(viewer.page(&page))
    };
    viewer.answer(page.await)
}

impl VaultsPage {
    /// The name of the guard, as a vault's owner types it.
    fn id(&self) -> &str {
        &self.guard.id
    }

    fn name(&self) -> &str {
        name_of(&self.guard.id)
    }
}
