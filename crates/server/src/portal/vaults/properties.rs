//! The settings of a vault. What makes a vault weaker is shown before it is done, and goes through whoever has to consent.

mod wishes;

use std::collections::BTreeMap;

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use self::wishes::Wish;
use super::change::{Outlook, consider};
use super::create::{REDUNDANCY, register};
use super::overview::Quota;
use super::vault::{Proxy, Switch, Vault};
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::attempt::Attempt;
use crate::portal::guards::{self, Guard, tags};
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;
use crate::portal::words::{name_of, size};

/// Bytes of a GiB, in which quotas are typed.
const GIB: u64 = 1 << 30;

#[derive(Template)]
#[template(path = "portal/vaults/properties.html")]
struct PropertiesPage {
    frame: Frame,
    problem: Option<String>,
    /// The form that has the problem.
    at: String,
    vault: Vault,
    proxy: Option<Proxy>,
    guards: Vec<(Guard, String)>,
    quota: Option<Quota>,
    typed: BTreeMap<String, String>,
}

#[derive(Template)]
#[template(path = "portal/vaults/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    vault: Vault,
    what: String,
    outlook: Outlook,
    kept: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "portal/vaults/pin.html")]
struct PinPage {
    frame: Frame,
    back: String,
    pin: String,
    until: Option<Moment>,
    now: jiff::Timestamp,
}

/// The names of the fields that a form of this page may hold, to be shown again or sent with the confirmation.
const FIELDS: [&str; 9] = ["do", "state", "days", "name", "guard", "guard-id", "redundancy", "limit", "tags"];

/// `GET /portal/vaults/properties/{vault}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    viewer.answer(page(&viewer, &id, BTreeMap::new(), None).await)
}

async fn page(
    viewer: &Viewer,
    id: &str,
    typed: BTreeMap<String, String>,
    error: Option<&Error>,
) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let proxy = match vault.is_guarded() {
        true => viewer.read_if_any(&vault.proxy(), &[]).await?,
        false => None,
    };
    let guards = if vault.is_guarded() { Vec::new() } else { guards(viewer).await? };
    let page = PropertiesPage {
        frame: vault.tab(viewer, "properties"),
        problem: error.map(|error| error.message.clone()),
        at: typed.get("do").cloned().unwrap_or_default(),
        proxy,
        guards,
        quota: viewer.read_if_any(&format!("{}/repositoryQuotas/default", vault.id), &[]).await?,
        typed,
        vault,
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

/// The guards that the viewer may read, in the order of their directories and names.
async fn guards(viewer: &Viewer) -> Result<Vec<(Guard, String)>> {
    let mut guards = guards::of_viewer(viewer).await?;
    guards.sort_by_cached_key(|(guard, directory)| (directory.clone(), guard.name.to_lowercase()));
    Ok(guards)
}

/// `POST /portal/vaults/properties/{vault}`
pub async fn post(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let outcome = match act(&viewer, &id, &form).await {
        Ok(response) => Ok(response),
        Err(error) => page(&viewer, &id, typed(&form), Some(&error)).await,
    };
    viewer.answer(outcome)
}

fn typed(form: &Form) -> BTreeMap<String, String> {
    FIELDS.iter().filter_map(|name| Some(((*name).to_string(), form.owned(name)?))).collect()
}

async fn act(viewer: &Viewer, id: &str, form: &Form) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let wish = Wish::read(&vault, form)?;
    if wish.links {
        may_link(viewer, &vault).await;
    }
    let path = wish.path.clone();
    if wish.is_weighed && form.get("sure").is_none() {
        let outlook = consider(viewer, wish.method, &path, wish.body.clone()).await?;
        if let Some(refusal) = outlook.refusal() {
            return Err(Error::invalid("Refused", refusal));
        }
        if outlook.is_critical() {
            let page = ConfirmPage {
                frame: vault
                    .below(viewer, "This makes the vault weaker")
                    .crumb("Properties", vault.page("properties")),
                what: wish.title,
                outlook,
                kept: typed(form).into_iter().collect(),
                vault,
            };
            return Ok(viewer.page(&page));
        }
    }
    let attempt = Attempt {
        title: wish.title,
        done: wish.done,
        back: vault.page("properties"),
        vault: &vault.id,
        method: wish.method,
        path,
        body: wish.body,
    };
    viewer.attempt(attempt).await
}

/// Multi-user authorization needs a provider that a subscription may not have registered yet. Whoever may not register it is
/// told by the attempt itself.
async fn may_link(viewer: &Viewer, vault: &Vault) {
    const NAMESPACE: &str = "Microsoft.DataProtection";
    if let Err(error) = register(viewer, &vault.id, NAMESPACE).await {
        tracing::debug!(code = %error.code, "a subscription was not registered on the way to a guard");
    }
}

/// What an answer holds that can be seen this once: a security PIN.
pub fn shown_once(viewer: &Viewer, vault: &str, answer: &Value) -> Option<Response> {
    /// Ticks of .NET, which are 100 nanoseconds, from the year 1 to 1970.
    const TICKS_TO_1970: i64 = 621_355_968_000_000_000;
    let pin = answer.get("securityPIN")?.as_str()?.to_string();
    let ticks = answer.get("expiryTimeInUtcTicks").and_then(Value::as_i64);
    let microseconds = ticks.and_then(|ticks| ticks.checked_sub(TICKS_TO_1970)).map(|ticks| ticks / 10);
    let until = microseconds.and_then(|at| jiff::Timestamp::from_microsecond(at).ok()).map(Moment);
    let back = link::page("vaults/properties", vault);
    let frame = viewer
        .frame(crate::portal::shell::Section::Vaults, "The security PIN")
        .crumb("Vaults", "/portal/vaults")
        .crumb(name_of(vault), link::page("vaults/overview", vault))
        .crumb("Properties", back.clone());
    Some(viewer.page(&PinPage { frame, back, pin, until, now: viewer.now }))
}

impl PropertiesPage {
    /// What was typed into a form that was not taken, or else what is there.
    fn value(&self, form: &str, field: &str, there: &str) -> String {
        let typed = self.typed.get(field).filter(|_| self.at == form);
        typed.cloned().unwrap_or_else(|| there.to_string())
    }

    fn days(&self) -> String {
        self.value("soft-delete", "days", &self.vault.soft_delete_days().to_string())
    }

    fn soft_delete_is(&self, state: &str) -> bool {
        let there = if self.vault.soft_delete() == Switch::Off { "off" } else { "on" };
        self.value("soft-delete", "state", there) == state
    }

    fn immutability_is(&self, state: &str) -> bool {
        let there = if self.vault.immutability() == Switch::Off { "off" } else { "on" };
        self.value("immutability", "state", there) == state
    }

    fn is_always(&self, switch: Switch) -> bool {
        switch == Switch::Always
    }

    fn redundancies(&self) -> [(&'static str, &'static str); 3] {
        REDUNDANCY
    }

    fn tags(&self) -> String {
        self.value("tags", "tags", &tags::write(&self.vault.tags))
    }

    fn limit(&self) -> String {
        let limit = self.quota.as_ref().and_then(|quota| quota.properties.limit_in_bytes);
        self.value("quota", "limit", &limit.map(|limit| (limit / GIB).to_string()).unwrap_or_default())
    }

    fn has_limit(&self) -> bool {
        self.quota.as_ref().is_some_and(|quota| quota.properties.limit_in_bytes.is_some())
    }

    fn used(&self) -> String {
        self.quota.as_ref().map(|quota| size(quota.properties.used_in_bytes)).unwrap_or_default()
    }

    fn guard(&self) -> Option<(&str, String)> {
        let id = self.proxy.as_ref()?.properties.resource_guard_resource_id.as_str();
        Some((name_of(id), link::page("guards/overview", id)))
    }

    /// The guards that this vault can be linked to, which are those of its region.
    fn near(&self) -> impl Iterator<Item = &(Guard, String)> {
        self.guards.iter().filter(|(guard, _)| guard.location == self.vault.location)
    }

    fn far(&self) -> usize {
        self.guards.iter().filter(|(guard, _)| guard.location != self.vault.location).count()
    }
}

#[derive(Template)]
#[template(path = "portal/vaults/delete.html")]
struct DeletePage {
    frame: Frame,
    problem: Option<String>,
    vault: Vault,
    items: String,
    containers: Vec<Container>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Container {
    properties: ContainerProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerProperties {
    #[serde(default)]
    friendly_name: String,
}

impl DeletePage {
    fn item_list(&self) -> String {
        link::page("items/list", &self.vault.id)
    }

    fn is_in_the_way(&self) -> bool {
        self.vault.is_guarded() || self.refusal.is_some()
    }
}

/// `GET /portal/vaults/delete/{vault}`
pub async fn show_delete(viewer: Viewer, Path(id): Path<String>) -> Response {
    viewer.answer(delete_page(&viewer, &id, None).await)
}

async fn delete_page(viewer: &Viewer, id: &str, error: Option<&Error>) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let outlook = consider(viewer, Method::Delete, &vault.id, Value::Null).await?;
    let containers = match vault.is_backup_vault() {
        true => Vec::new(),
        false => viewer.list_if_any(&format!("{}/backupProtectionContainers", vault.id), &[]).await?,
    };
    let page = DeletePage {
        frame: vault
            .below(viewer, &format!("Delete the vault {}", vault.name))
            .crumb("Properties", vault.page("properties")),
        problem: error.map(|error| error.message.clone()),
        items: super::list::items(viewer, &vault).await?,
        containers,
        refusal: outlook.refusal().map(String::from),
        vault,
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

/// `POST /portal/vaults/delete/{vault}`
pub async fn post_delete(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let outcome = async {
        let vault = Vault::read(&viewer, &id).await?;
        wishes::named(&vault, &form)?;
        viewer.arm(Method::Delete, &vault.id, &[], Value::Null).await?;
        Ok(viewer.done("/portal/vaults", &format!("The vault {} was deleted.", vault.name)))
    };
    let outcome = match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => delete_page(&viewer, &id, Some(&error)).await,
    };
    viewer.answer(outcome)
}
