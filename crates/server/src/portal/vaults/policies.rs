//! The policies of a vault: when backups run, and for how long they are kept.

use arm::Result;
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::policy::lines;
use super::vault::Vault;
use crate::portal::link;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;

/// A policy of either kind.
#[derive(Clone, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it says.
    pub properties: Value,
}

#[derive(Template)]
#[template(path = "portal/vaults/policies.html")]
struct PoliciesPage {
    frame: Frame,
    vault: Vault,
    policies: Vec<Policy>,
}

impl Policy {
    /// What it is for.
    pub fn kind(&self) -> String {
        let kinds = super::policy::plan::KINDS.into_iter().chain(super::policy::rules::KINDS);
        let name = |word: &str| {
            let known = kinds.clone().find(|(known, _)| known.eq_ignore_ascii_case(word));
            known.map_or_else(|| word.to_string(), |(_, name)| name.to_string())
        };
        if let Some(kind) = self.properties.get("backupManagementType").and_then(Value::as_str) {
            return match kind {
                "AzureStorage" => "File shares".into(),
                "AzureWorkload" => "Databases in virtual machines".into(),
                kind => name(kind),
            };
        }
        let sources = self.properties.get("datasourceTypes").and_then(Value::as_array);
        let sources = sources.into_iter().flatten().filter_map(Value::as_str);
        sources.map(name).collect::<Vec<_>>().join(", ")
    }

    /// How many items have it, where the API counts them.
    pub fn items(&self) -> Option<u64> {
        self.properties.get("protectedItemsCount").and_then(Value::as_u64)
    }

    /// When backups run.
    pub fn schedule(&self) -> String {
        lines::schedule(&self.properties)
    }

    /// For how long they are kept.
    pub fn retention(&self) -> Vec<String> {
        lines::retention(&self.properties)
    }

    /// Its page.
    pub fn href(&self) -> String {
        link::page("vaults/policy", &self.id)
    }
}

/// `GET /portal/vaults/policies/{vault}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let vault = Vault::read(&viewer, &id).await?;
        let policies: Vec<Policy> = viewer.list(&format!("{}/backupPolicies", vault.id), &[]).await?;
        Ok(viewer.page(&PoliciesPage { frame: vault.tab(&viewer, "policies"), vault, policies }))
    };
    viewer.answer(page.await)
}

/// Reads a policy.
///
/// # Errors
/// What ARM answers.
pub async fn read(viewer: &Viewer, id: &str) -> Result<Policy> {
    viewer.read(id, &[]).await
}
