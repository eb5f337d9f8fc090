//! Jobs of a vault: what was done, and one of them.

use std::collections::BTreeMap;

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use super::vault::Vault;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;

/// Jobs on one page.
const PAGE: &str = "50";

/// What jobs do, by the API's word.
const OPERATIONS: [(&str, &str); 6] = [
    ("Backup", "Backup"),
    ("ConfigureBackup", "Protection configured"),
    ("DisableBackup", "Protection stopped"),
    ("DeleteBackupData", "Backup data deleted"),
    ("Undelete", "Deletion undone"),
    ("Restore", "Restore"),
];
/// States, by the API's word.
const STATES: [(&str, &str); 4] = [
    ("Completed", "Completed"),
    ("InProgress", "In progress"),
    ("Failed", "Failed"),
    ("Cancelled", "Cancelled"),
];
/// How far back one looks, in hours, with what people read.
pub const SPANS: [(&str, &str); 4] =
    [("24", "Last 24 hours"), ("168", "Last 7 days"), ("720", "Last 30 days"), ("", "Any time")];

/// A job.
#[derive(Clone, Deserialize)]
pub struct Job {
    id: String,
    name: String,
    properties: JobProperties,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobProperties {
    operation: String,
    status: String,
    #[serde(default, alias = "backupInstanceFriendlyName")]
    entity_friendly_name: String,
    #[serde(default)]
    container_name: String,
    start_time: String,
    #[serde(default)]
    end_time: String,
    #[serde(default)]
    policy_id: Option<String>,
    #[serde(default)]
    extended_info: Value,
}

/// What is looked for.
#[derive(Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    status: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    hours: String,
    #[serde(default)]
    after: String,
}

#[derive(Template)]
#[template(path = "portal/vaults/jobs.html")]
struct JobsPage {
    frame: Frame,
    wanted: Wanted,
    jobs: Vec<Job>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/vaults/job.html")]
struct JobPage {
    frame: Frame,
    job: Job,
    facts: BTreeMap<String, String>,
}

impl Job {
    /// What it did.
    pub fn what(&self) -> &str {
        let operation = self.properties.operation.as_str();
        OPERATIONS.iter().find(|(name, _)| *name == operation).map_or(operation, |(_, text)| text)
    }

    /// What it was about.
    pub fn item(&self) -> &str {
        &self.properties.entity_friendly_name
    }

    /// Where that is.
    pub fn container(&self) -> &str {
        &self.properties.container_name
    }

    /// How it went.
    pub fn status(&self) -> &str {
        let status = self.properties.status.as_str();
        STATES.iter().find(|(name, _)| *name == status).map_or(status, |(_, text)| text)
    }

    /// The kind of badge for that.
    pub fn badge(&self) -> &'static str {
        match self.properties.status.as_str() {
            "Completed" => "ok",
            "Failed" => "bad",
            "InProgress" => "info",
            _ => "quiet",
        }
    }

    /// When it began.
    pub fn began(&self) -> Option<Moment> {
        Moment::parse(&self.properties.start_time)
    }

    fn ended(&self) -> Option<Moment> {
        Moment::parse(&self.properties.end_time)
    }

    /// Its page.
    pub fn href(&self) -> String {
        link::page("vaults/job", &self.id)
    }
}

impl JobsPage {
    fn operations(&self) -> [(&'static str, &'static str); 6] {
        OPERATIONS
    }

    fn states(&self) -> [(&'static str, &'static str); 4] {
        STATES
    }

    fn spans(&self) -> [(&'static str, &'static str); 4] {
        SPANS
    }
}

impl Wanted {
    fn filter(&self, now: jiff::Timestamp) -> String {
        let named = [("status", &self.status), ("operation", &self.operation)];
        let mut clauses: Vec<String> = named
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name} eq '{}'", quoted(value)))
            .collect();
        if let Some(since) = since(&self.hours, now) {
            clauses.push(format!("startTime eq '{}'", arm::timestamp(since)));
        }
        clauses.join(" and ")
    }

    fn is_filter(&self) -> bool {
        !(self.status.is_empty() && self.operation.is_empty() && self.hours.is_empty())
    }
}

/// A text as a filter of the API's holds it.
pub fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// So many hours ago; nothing for a text that is no number.
pub fn since(hours: &str, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let hours: i64 = hours.parse::<u16>().ok()?.into();
    now.checked_sub(SignedDuration::from_hours(hours)).ok()
}

/// `GET /portal/vaults/jobs/{vault}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(wanted): Query<Wanted>) -> Response {
    viewer.answer(page(&viewer, &id, wanted).await)
}

async fn page(viewer: &Viewer, id: &str, wanted: Wanted) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let filter = wanted.filter(viewer.now);
    let mut query = vec![("$top", PAGE)];
    if !filter.is_empty() {
        query.push(("$filter", filter.as_str()));
    }
    if !wanted.after.is_empty() {
        query.push(("$skiptoken", wanted.after.as_str()));
    }
    let part = viewer.part::<Job>(&format!("{}/backupJobs", vault.id), &query).await?;
    let next = part.next.map(|next| {
        let filters =
            [("status", &wanted.status), ("operation", &wanted.operation), ("hours", &wanted.hours)];
        let href = filters
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(vault.page("jobs"), |href, (name, value)| link::with(&href, name, value));
        link::with(&href, "after", &next)
    });
    Ok(viewer.page(&JobsPage { frame: vault.tab(viewer, "jobs"), wanted, jobs: part.entries, next }))
}

/// `GET /portal/vaults/job/{job}`
pub async fn show_one(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let vault = Vault::read(&viewer, &super::vault_of(&id)?).await?;
        let job: Job = viewer.read(&id, &[]).await?;
        let frame = vault
            .below(&viewer, &format!("{}: {}", job.what(), job.item()))
            .crumb("Jobs", vault.page("jobs"))
            .subtitle(format!("Job {}", job.name));
        Ok(viewer.page(&JobPage { frame, facts: facts(&job.properties.extended_info), job }))
    };
    viewer.answer(page.await)
}

/// What else there is to say of a job, in either kind's place for it.
fn facts(extended: &Value) -> BTreeMap<String, String> {
    let bag = extended.get("propertyBag").or_else(|| extended.get("additionalDetails"));
    let members = bag.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string()))).collect()
}

impl JobPage {
    fn policy(&self) -> Option<(String, &str)> {
        let id = self.job.properties.policy_id.as_deref()?;
        Some((link::page("vaults/policy", id), crate::portal::words::name_of(id)))
    }
}
