//! All vaults that the viewer may read, whatever directory and subscription they are in.

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::vault::{LEVELS, Level, Vault};
use crate::portal::alert::Alert;
use crate::portal::ask::if_shown;
use crate::portal::link;
use crate::portal::places::{Place, of_viewer};
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;
use crate::portal::words::count;

/// Vaults on one page.
const PAGE: usize = 50;

/// What is looked for.
#[derive(Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    from: usize,
}

#[derive(Template)]
#[template(path = "portal/vaults/list.html")]
struct ListPage {
    frame: Frame,
    wanted: Wanted,
    rows: Vec<Row>,
    /// How many fit the filter, and how many there are.
    found: usize,
    all: usize,
    several_directories: bool,
    next: Option<String>,
}

struct Row {
    vault: Vault,
    subscription: String,
    directory: String,
    items: String,
    /// The newest alert that nobody has looked after.
    problem: Option<Alert>,
}

/// `GET /portal/vaults`
pub async fn show(viewer: Viewer, Query(wanted): Query<Wanted>) -> Response {
    viewer.answer(page(&viewer, wanted).await)
}

async fn page(viewer: &Viewer, wanted: Wanted) -> Result<Response> {
    let mut all: Vec<(Vault, Place)> = Vec::new();
    for place in of_viewer(viewer).await? {
        let vaults = Vault::all_in(viewer, &place.id).await?;
        all.extend(vaults.into_iter().map(|vault| (vault, place.clone())));
    }
    all.sort_by_cached_key(|(vault, _)| (vault.name.to_lowercase(), vault.id.to_lowercase()));
    let total = all.len();
    all.retain(|(vault, place)| wanted.admits(vault, place));
    let found = all.len();
    let next = (found > wanted.from.saturating_add(PAGE)).then(|| wanted.page(wanted.from + PAGE));
    let shown: Vec<(Vault, Place)> = all.into_iter().skip(wanted.from).take(PAGE).collect();
    let rows = rows(viewer, shown).await?;
    Ok(viewer.page(&ListPage {
        frame: viewer.frame(Section::Vaults, "Vaults").subtitle("Where backups are kept"),
        several_directories: viewer.accounts.len() > 1,
        wanted,
        rows,
        found,
        all: total,
        next,
    }))
}

impl Wanted {
    fn admits(&self, vault: &Vault, place: &Place) -> bool {
        let text = self.q.trim().to_lowercase();
        let tags = vault.tags.iter().flat_map(|(name, value)| [name.clone(), value.clone()]);
        let says = [vault.name.clone(), vault.group(), vault.location.clone(), place.name.clone()];
        let fits =
            text.is_empty() || says.into_iter().chain(tags).any(|say| say.to_lowercase().contains(&text));
        let kind = match self.kind.as_str() {
            "recovery" => !vault.is_backup_vault(),
            "backup" => vault.is_backup_vault(),
            _ => true,
        };
        let level = self.level.is_empty() || vault.level().word.eq_ignore_ascii_case(&self.level);
        fits && kind && level
    }

    fn page(&self, from: usize) -> String {
        let mut href = "/portal/vaults".to_string();
        for (name, value) in [("q", &self.q), ("kind", &self.kind), ("level", &self.level)] {
            if !value.is_empty() {
                href = link::with(&href, name, value);
            }
        }
        link::with(&href, "from", &from.to_string())
    }

    fn is_filter(&self) -> bool {
        !(self.q.trim().is_empty() && self.kind.is_empty() && self.level.is_empty())
    }
}

impl ListPage {
    fn levels(&self) -> [Level; 4] {
        LEVELS
    }

    fn summary(&self) -> String {
        match self.wanted.is_filter() {
            true => format!("{} of {}", self.found, count(self.all, "vault")),
            false => count(self.all, "vault"),
        }
    }
}

async fn rows(viewer: &Viewer, shown: Vec<(Vault, Place)>) -> Result<Vec<Row>> {
    let mut alerts: Vec<(String, Vec<Alert>)> = Vec::new();
    let mut rows = Vec::new();
    for (vault, place) in shown {
        if !alerts.iter().any(|(of, _)| *of == place.id) {
            alerts.push((place.id.clone(), viewer.new_alerts(&place.id).await?));
        }
        let known = alerts.iter().find(|(of, _)| *of == place.id).map(|(_, alerts)| alerts.as_slice());
        let of_vault = |alert: &&Alert| alert.target().eq_ignore_ascii_case(&vault.id);
        let problem = known.unwrap_or_default().iter().find(of_vault).cloned();
        rows.push(Row {
            items: items(viewer, &vault).await?,
            problem,
            subscription: place.name,
            directory: place.directory,
            vault,
        });
    }
    Ok(rows)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    current_value: usize,
}

/// How many items a vault has; nothing for whoever may not see them.
pub async fn items(viewer: &Viewer, vault: &Vault) -> Result<String> {
    let outcome = if vault.is_backup_vault() {
        let part = viewer.part::<Value>(&format!("{}/backupInstances", vault.id), &[]).await;
        part.map(|part| match part.next {
            Some(_) => format!("{}+", part.entries.len()),
            None => part.entries.len().to_string(),
        })
    } else {
        let usages = viewer.list::<Usage>(&format!("{}/backupUsageSummaries", vault.id), &[]).await;
        usages.map(|usages| usages.iter().map(|usage| usage.current_value).sum::<usize>().to_string())
    };
    Ok(if_shown(outcome)?.unwrap_or_default())
}
