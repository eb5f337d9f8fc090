//! The backup items of a vault.

use arm::{Error, ResourceId, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::item::{Item, State};
use crate::portal::link;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::vaults::tabs;
use crate::portal::vaults::vault::Vault;
use crate::portal::viewer::Viewer;
use crate::portal::words::count;

/// How many items a page shows.
const SHOWN: usize = 50;

/// What the address asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    state: String,
    page: usize,
}

#[derive(Template)]
#[template(path = "portal/items/list.html")]
struct ListPage<'a> {
    frame: Frame,
    now: jiff::Timestamp,
    asked: &'a Asked,
    /// How many there are that are not deleted, shown or not.
    total: usize,
    /// How many the filter leaves.
    found: usize,
    rows: Vec<Item>,
    deleted: Vec<Item>,
    new_page: String,
    next: Option<String>,
    problem: Option<String>,
}

impl ListPage<'_> {
    fn heading(&self) -> String {
        let found = count(self.found, "backup item");
        if self.found == self.total { found } else { format!("{found} of {}", self.total) }
    }
}

/// `GET /portal/items/list/{vault}`
pub async fn show(viewer: Viewer, Path(vault): Path<String>, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, &vault, &asked, None).await)
}

/// `POST /portal/items/list/{vault}`: undeletes an item.
pub async fn act(Path(vault): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let id = form.get("item").unwrap_or_default();
    let outcome = async {
        let here = ResourceId::parse(&vault)?;
        let item = ResourceId::parse(id)?;
        if !item.is_within(&here) {
            return Err(Error::invalid("InvalidItem", "The item is in another vault."));
        }
        Item::undelete(&viewer, id).await
    };
    match outcome.await {
        Ok(()) => {
            let what = "Undeleted. Its backups are stopped: choose a policy to let them run again.";
            viewer.done(&link::page("items/settings", id), what)
        }
        Err(error) => viewer.answer(page(&viewer, &vault, &Asked::default(), Some(&error)).await),
    }
}

async fn page(viewer: &Viewer, vault: &str, asked: &Asked, error: Option<&Error>) -> Result<Response> {
    let vault = ResourceId::parse(vault)?;
    let all = Item::all(viewer, vault.as_str()).await?;
    let (deleted, live): (Vec<Item>, Vec<Item>) = all.into_iter().partition(|item| item.state.is_deleted());
    let total = live.len();
    let wanted = asked.q.trim().to_lowercase();
    let named = |item: &Item| {
        [item.name.as_str(), item.source.as_str(), item.policy_name().unwrap_or_default()]
            .iter()
            .any(|text| text.to_lowercase().contains(&wanted))
    };
    let mut found: Vec<Item> = live.into_iter().filter(named).collect();
    let needs_all = ["overdue", "waiting"].contains(&asked.state.as_str());
    if needs_all {
        look_closer(viewer, &mut found).await?;
    }
    found.retain(|item| fits(item, &asked.state));
    let count_found = found.len();
    let begin = asked.page.saturating_mul(SHOWN);
    let mut rows: Vec<Item> = found.into_iter().skip(begin).take(SHOWN).collect();
    if !needs_all {
        look_closer(viewer, &mut rows).await?;
    }
    let here = link::page("items/list", vault.as_str());
    let next = (count_found > begin.saturating_add(SHOWN)).then(|| {
        let next = link::with(&here, "page", &(asked.page + 1).to_string());
        link::with(&link::with(&next, "q", &asked.q), "state", &asked.state)
    });
    let page = ListPage {
        frame: Vault::read(viewer, vault.as_str()).await?.tab(viewer, "").tabs(tabs(vault.as_str()), &here),
        now: viewer.now,
        asked,
        total,
        found: count_found,
        rows,
        deleted: deleted.into_iter().filter(|item| named(item)).collect(),
        new_page: link::page("items/new", vault.as_str()),
        next,
        problem: error.map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

async fn look_closer(viewer: &Viewer, items: &mut [Item]) -> Result<()> {
    for item in items {
        item.look_closer(viewer).await?;
    }
    Ok(())
}

fn fits(item: &Item, state: &str) -> bool {
    match state {
        "overdue" => item.overdue,
        "frozen" => item.frozen.is_some(),
        "stopped" => matches!(item.state, State::Stopped | State::Suspended),
        "waiting" => item.state == State::First,
        _ => true,
    }
}
