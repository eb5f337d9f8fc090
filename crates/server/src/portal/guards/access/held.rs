//! Who holds what at a scope, and above it.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::Scope;
use crate::portal::ask::authorization;
use crate::portal::guards::holdings::{self, Holding, How};
use crate::portal::link;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::count;

/// How many roles one page shows.
const PAGE: usize = 40;

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    how: String,
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "portal/guards/held.html")]
struct HeldPage {
    frame: Frame,
    scope: Scope,
    holdings: Vec<Holding>,
    /// How many there are of what was asked for, and in all.
    found: usize,
    all: usize,
    asked: Asked,
    more: Option<String>,
    now: jiff::Timestamp,
}

/// `GET /portal/access/scope/{scope}`
pub async fn show(viewer: Viewer, Path(scope): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = page(&viewer, &scope, asked).await;
    viewer.answer(page)
}

async fn page(viewer: &Viewer, path: &str, asked: Asked) -> Result<Response> {
    let scope = Scope::read(viewer, path).await?;
    let held = holdings::read(viewer, scope.id.as_str()).await?;
    let all = held.holdings.len();
    let mut holdings = held.holdings;
    holdings.retain(|holding| asked.admits(holding));
    let found = holdings.len();
    let next = asked.page.saturating_add(1);
    let more = (found > next.saturating_mul(PAGE)).then(|| {
        let here = link::with(&scope.page("scope"), "q", &asked.q);
        link::with(&link::with(&here, "how", &asked.how), "page", &next.to_string())
    });
    let holdings = holdings.into_iter().skip(asked.page.saturating_mul(PAGE)).take(PAGE).collect();
    let frame = scope.frame(viewer);
    Ok(viewer.page(&HeldPage { frame, scope, holdings, found, all, asked, more, now: viewer.now }))
}

impl Asked {
    fn admits(&self, holding: &Holding) -> bool {
        let text = self.q.trim().to_lowercase();
        let named = holding.principal.matches(&text) || holding.role.to_lowercase().contains(&text);
        let how = match self.how.as_str() {
            "active" => holding.counts_now(),
            "standing" => holding.how == How::Standing,
            "eligible" => holding.how == How::Eligible,
            "here" => !holding.inherited,
            _ => true,
        };
        named && how
    }
}

impl HeldPage {
    fn count(&self) -> String {
        count(self.found, "role")
    }

    /// What it takes to activate the roles here.
    fn settings(&self) -> String {
        link::page("privileged/settings", self.scope.id.as_str())
    }

    fn role_page(&self, holding: &Holding) -> String {
        link::page("access/role", &authorization(self.scope.id.as_str(), &role(holding)))
    }

    fn remove(&self, holding: &Holding) -> String {
        link::page("access/remove", &holding.id)
    }

    /// Where an inherited role is looked after.
    fn above(&self, holding: &Holding) -> Option<String> {
        let root = holding.scope.trim_matches('/').is_empty();
        (holding.inherited && !root).then(|| link::page("access/scope", &holding.scope))
    }

    fn why(&self, holding: &Holding) -> String {
        link::with(&self.scope.page("why"), "who", &holding.principal.id)
    }
}

fn role(holding: &Holding) -> String {
    format!("roleDefinitions/{}", crate::portal::words::name_of(&holding.role_id))
}
