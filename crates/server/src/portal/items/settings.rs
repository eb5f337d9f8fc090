//! What can be changed of an item: its policy, stopping and resuming, the quota, and its end.

use arm::{Error, ResourceId, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use vault::VaultKind;

use super::item::{Item, Quota, State};
use super::retention::Policy;
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::attempt::Attempt;
use crate::portal::link;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::vaults::change::{Outlook, consider};
use crate::portal::vaults::policy::lines::{self, Change};
use crate::portal::vaults::vault::{Switch, Vault};
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// Bytes in a GiB, in which quotas are given.
const GIB: u64 = 1 << 30;

/// What the address asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The policy to compare with: its name.
    policy: String,
}

#[derive(Template)]
#[template(path = "portal/items/settings.html")]
struct SettingsPage {
    frame: Frame,
    now: jiff::Timestamp,
    here: String,
    policies: Vec<Policy>,
    chosen: Option<Chosen>,
    quota: Option<Quota>,
    vault: Option<Vault>,
    limit: String,
    confirm: String,
    item: Item,
    problem: Option<String>,
    step_up: Option<String>,
}

/// A policy that may take the place of the present one, and what that would come to.
struct Chosen {
    policy: Policy,
    /// Line by line; none of an item whose backups are stopped, because its policy is not shown then.
    changes: Vec<Change>,
    outlook: Outlook,
}

/// `GET /portal/items/settings/{item}`
pub async fn show(viewer: Viewer, Path(item): Path<String>, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, &item, &asked.policy, None).await)
}

/// `POST /portal/items/settings/{item}`: the button says what to change.
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    match change(&viewer, &id, &form).await {
        Ok(response) => response,
        Err(error) => {
            let policy = form.get("policy").map(name_of).unwrap_or_default();
            viewer.answer(page(&viewer, &id, policy, Some((&error, &form))).await)
        }
    }
}

async fn change(viewer: &Viewer, id: &str, form: &Form) -> Result<Response> {
    let item = Item::read(viewer, id).await?;
    let name = item.name.as_str();
    let quota = format!("{}/repositoryQuotas/default", item.id);
    let here = item.page("items/settings");
    let (title, done, back, (method, path, body)) = match form.get("do") {
        Some("policy") => {
            let policy = policy_id(&item, form)?;
            let title = format!("give {name} the policy {}", name_of(&policy));
            (title, "The policy was changed.", here, item.policy_change(&policy))
        }
        Some("stop") => {
            let retain = form.get("how") != Some("policy");
            (format!("stop the backups of {name}"), "Backups are stopped.", here, item.stop(retain))
        }
        Some("resume") => {
            let request = resume(&item, form)?;
            (format!("resume the backups of {name}"), "Backups run again.", here, request)
        }
        Some("quota") => {
            let body = json!({ "properties": { "limitInBytes": limit(form)? } });
            (format!("limit what {name} may hold"), "The quota was saved.", here, (Method::Put, quota, body))
        }
        Some("no-quota") => {
            let request = (Method::Delete, quota, Value::Null);
            (format!("remove the quota of {name}"), "The quota was removed.", here, request)
        }
        Some("delete") => {
            check_typed(&item, form)?;
            let request = (Method::Delete, item.id.clone(), Value::Null);
            (format!("delete the backups of {name}"), "The item was deleted.", item.list_page(), request)
        }
        Some("undelete") => {
            Item::undelete(viewer, id).await?;
            let what = "Undeleted. Its backups are stopped: choose a policy to let them run again.";
            return Ok(viewer.done(&here, what));
        }
        _ => return Err(Error::invalid("NothingAsked", "The form does not say what to change.")),
    };
    let attempt = Attempt { title, done: done.into(), back, vault: &item.vault, method, path, body };
    viewer.attempt(attempt).await
}

/// The policy that a form names: one of the same vault.
fn policy_id(item: &Item, form: &Form) -> Result<String> {
    let Some(name) = form.get("policy") else {
        return Err(Error::invalid("PolicyMissing", "Choose a policy."));
    };
    let vault = ResourceId::parse(&item.vault)?;
    Ok(vault.child(&format!("backupPolicies/{}", name_of(name)))?.to_string())
}

fn resume(item: &Item, form: &Form) -> Result<(Method, String, Value)> {
    match item.kind {
        VaultKind::RecoveryServices => Ok(item.policy_change(&policy_id(item, form)?)),
        VaultKind::Backup => Ok((Method::Post, format!("{}/resumeProtection", item.id), json!({}))),
    }
}

/// The limit that a form gives, in bytes.
fn limit(form: &Form) -> Result<u64> {
    let gib: Option<u64> = form.get("limit").and_then(|limit| limit.trim().parse().ok());
    let bytes = gib.and_then(|gib| gib.checked_mul(GIB)).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| {
        Error::invalid("LimitInvalid", "How much may it hold? Give a whole number of GiB, at least 1.")
    })
}

fn check_typed(item: &Item, form: &Form) -> Result<()> {
    match form.get("confirm").map(str::trim) == Some(item.name.trim()) {
        true => Ok(()),
        false => {
            let message = format!("Nothing was deleted. Type the name “{}” to confirm.", item.name);
            Err(Error::invalid("NameNotTyped", message))
        }
    }
}

async fn page(viewer: &Viewer, id: &str, policy: &str, refused: Option<(&Error, &Form)>) -> Result<Response> {
    let item = Item::read(viewer, id).await?;
    let current = item.policy(viewer).await?;
    let path = format!("{}/backupPolicies", item.vault);
    let mut policies: Vec<Policy> = viewer.list_if_any(&path, &[]).await?;
    if let Some(current) = &current {
        policies.retain(|policy| policy.source_type() == current.source_type());
    }
    let index = policies.iter().position(|each| !policy.is_empty() && each.name.eq_ignore_ascii_case(policy));
    let chosen = match index.map(|index| policies.remove(index)) {
        Some(policy) => Some(choose(viewer, &item, current.as_ref(), policy).await?),
        None => None,
    };
    let quota = item.quota;
    let typed = |name: &str| refused.and_then(|(_, form)| form.owned(name));
    let limit = quota.and_then(|quota| quota.limit_in_bytes).map(|limit| (limit / GIB).to_string());
    let here = item.page("items/settings");
    let page = SettingsPage {
        frame: item.frame(viewer, "items/settings"),
        now: viewer.now,
        policies,
        chosen,
        vault: viewer.read_if_any(&item.vault, &[]).await?,
        limit: typed("limit").or(limit).unwrap_or_default(),
        confirm: typed("confirm").unwrap_or_default(),
        quota,
        item,
        problem: refused.map(|(error, _)| error.message.clone()),
        step_up: refused.and_then(|(error, _)| viewer.step_up(error, &here)),
        here,
    };
    let status = refused.map_or(StatusCode::OK, |(error, _)| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

/// What a policy would change.
async fn choose(viewer: &Viewer, item: &Item, current: Option<&Policy>, policy: Policy) -> Result<Chosen> {
    let (method, path, body) = match (item.kind, item.state.runs()) {
        (VaultKind::Backup, false) => (Method::Post, format!("{}/resumeProtection", item.id), json!({})),
        _ => item.policy_change(&policy.id),
    };
    let outlook = consider(viewer, method, &path, body).await?;
    let weakenings: Vec<String> = outlook.weakenings().map(String::from).collect();
    let changes = current.map(|current| lines::changes(&current.properties, &policy.properties, &weakenings));
    Ok(Chosen { policy, changes: changes.unwrap_or_default(), outlook })
}

impl SettingsPage {
    /// What becomes of it when it is deleted: for how many days it can be undeleted; none at all without soft delete.
    fn undeletable_days(&self) -> Option<Option<u16>> {
        let vault = self.vault.as_ref()?;
        Some((vault.soft_delete() != Switch::Off).then(|| vault.soft_delete_days()))
    }

    /// Whether there is a policy that it does not have already.
    fn has_others(&self) -> bool {
        self.policies.iter().any(|policy| self.item.policy.as_ref() != Some(&policy.id))
    }

    fn policies_page(&self) -> String {
        link::page("vaults/policies", &self.item.vault)
    }

    /// Whether a guard protects the vault, as far as the viewer may know.
    fn is_guarded(&self) -> bool {
        self.vault.as_ref().is_none_or(Vault::is_guarded)
    }
}
