//! A vault at a glance: what is in it, how well that is protected, and what happened lately.

use arm::Result;
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::alerts;
use super::jobs::Job;
use super::vault::{Proxy, Switch, Vault};
use crate::portal::alert::Alert;
use crate::portal::ask::if_shown;
use crate::portal::items::item::{Item, State};
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::{count, name_of, size};

/// How many of the newest jobs and alerts are shown.
const NEWEST: &str = "5";

#[derive(Template)]
#[template(path = "portal/vaults/overview.html")]
struct OverviewPage {
    frame: Frame,
    now: jiff::Timestamp,
    vault: Vault,
    /// What is in it; nothing for whoever may not see that.
    items: Option<Vec<Item>>,
    proxy: Option<Proxy>,
    quota: Option<Quota>,
    integrity: Option<Integrity>,
    /// How many people are on both sides; nothing for whoever may not ask, and without a guard.
    findings: Option<usize>,
    alerts: Vec<Alert>,
    jobs: Vec<Job>,
}

/// What is stored, and how much may be.
#[derive(Clone, Deserialize)]
pub struct Quota {
    /// The numbers.
    pub properties: QuotaProperties,
}

/// See [`Quota`].
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaProperties {
    /// In bytes; nothing limits it without.
    pub limit_in_bytes: Option<u64>,
    /// In bytes.
    pub used_in_bytes: u64,
}

#[derive(Deserialize)]
struct Integrity {
    properties: IntegrityProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntegrityProperties {
    last_pass: Option<Pass>,
    current_pass: Option<Pass>,
    #[serde(default)]
    damaged_objects: Vec<Damaged>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pass {
    start_time: String,
    end_time: Option<String>,
    bytes_verified: u64,
}

#[derive(Deserialize)]
struct Damaged {
    item: String,
    object: String,
    since: String,
    reason: String,
}

/// `GET /portal/vaults/overview/{vault}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    viewer.answer(page(&viewer, &id).await)
}

async fn page(viewer: &Viewer, id: &str) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let at = |below: &str| format!("{}/{below}", vault.id);
    let (proxy, findings) = match vault.is_guarded() {
        true => {
            let findings = viewer.part::<Value>(&at("separationOfDuties"), &[]).await;
            (
                viewer.read_if_any(&vault.proxy(), &[]).await?,
                if_shown(findings)?.map(|part| part.entries.len()),
            )
        }
        false => (None, None),
    };
    let jobs = viewer.part(&at("backupJobs"), &[("$top", NEWEST)]).await;
    let page = OverviewPage {
        frame: vault.tab(viewer, "overview").live(),
        now: viewer.now,
        items: if_shown(Item::all(viewer, &vault.id).await)?,
        proxy,
        quota: viewer.read_if_any(&at("repositoryQuotas/default"), &[]).await?,
        integrity: viewer.read_if_any(&at("repositoryIntegrity"), &[]).await?,
        findings,
        alerts: alerts::newest(viewer, &vault.id, NEWEST).await?,
        jobs: if_shown(jobs)?.map(|part| part.entries).unwrap_or_default(),
        vault,
    };
    Ok(viewer.page(&page))
}

impl OverviewPage {
    /// Whether there is nothing in it yet, so that the page says what to do first.
    fn is_new(&self) -> bool {
        self.items.as_ref().is_some_and(Vec::is_empty)
    }

    /// How many items there are, without the deleted ones.
    fn kept(&self) -> usize {
        self.items.iter().flatten().filter(|item| !item.state.is_deleted()).count()
    }

    fn deleted(&self) -> usize {
        self.items.iter().flatten().filter(|item| item.state.is_deleted()).count()
    }

    /// Those that something is wrong with.
    fn troubled(&self) -> Vec<&Item> {
        let wrong = |item: &&Item| {
            !item.state.is_deleted()
                && (item.frozen.is_some() || item.overdue || item.state != State::Protected)
        };
        self.items.iter().flatten().filter(wrong).collect()
    }

    fn new_item(&self) -> String {
        link::page("items/new", &self.vault.id)
    }

    fn soft_delete(&self) -> String {
        let days = self.vault.soft_delete_days();
        match self.vault.soft_delete() {
            Switch::Off => "Off: what is deleted is gone at once".into(),
            Switch::On => format!("On, {days} days"),
            Switch::Always => format!("On for good, {days} days"),
        }
    }

    fn immutability(&self) -> &'static str {
        match self.vault.immutability() {
            Switch::Off => "Off",
            Switch::On => "On, can be switched off",
            Switch::Always => "Locked for good",
        }
    }

    fn guard(&self) -> Option<(&str, String)> {
        let id = self.proxy.as_ref()?.properties.resource_guard_resource_id.as_str();
        Some((name_of(id), link::page("guards/overview", id)))
    }

    fn protected(&self) -> String {
        let details = self.proxy.as_ref().map(|proxy| &proxy.properties.resource_guard_operation_details);
        count(details.map_or(0, Vec::len), "critical operation")
    }

    fn badge(&self, switch: Switch) -> &'static str {
        match switch {
            Switch::Off => "bad",
            Switch::On => "info",
            Switch::Always => "ok",
        }
    }

    fn item_list(&self) -> String {
        link::page("items/list", &self.vault.id)
    }

    fn used(&self) -> String {
        self.quota.as_ref().map(|quota| size(quota.properties.used_in_bytes)).unwrap_or_default()
    }

    /// Where the limit is, and how much of it is used in percent.
    fn limit(&self) -> Option<(String, u64)> {
        let QuotaProperties { limit_in_bytes, used_in_bytes } = self.quota.as_ref()?.properties;
        let limit = limit_in_bytes?;
        let percent = used_in_bytes.saturating_mul(100).checked_div(limit).unwrap_or(100);
        Some((size(limit), percent.min(100)))
    }

    fn findings_text(&self, number: usize) -> String {
        match number {
            1 => "1 person can change this vault and act for its guard".into(),
            number => format!("{number} people can change this vault and act for its guard"),
        }
    }
}

impl Pass {
    fn began(&self) -> Option<Moment> {
        Moment::parse(&self.start_time)
    }

    fn ended(&self) -> Option<Moment> {
        Moment::parse(self.end_time.as_deref()?)
    }

    fn bytes(&self) -> String {
        size(self.bytes_verified)
    }
}

impl Damaged {
    fn item_name(&self) -> &str {
        name_of(&self.item)
    }

    fn at(&self) -> Option<Moment> {
        Moment::parse(&self.since)
    }
}
