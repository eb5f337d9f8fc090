//! Creating a vault: of either kind, in a resource group that is there or made on the way.

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::vault::{BACKUP, RECOVERY};
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::link;
use crate::portal::places::{Place, of_viewer};
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

/// How often bytes are kept, by the API's word, with what people read.
pub const REDUNDANCY: [(&str, &str); 3] = [
    ("LocallyRedundant", "Locally redundant: on the storage of this server"),
    ("ZoneRedundant", "Zone redundant: as the storage below provides"),
    ("GeoRedundant", "Geo redundant: as the storage below provides"),
];

#[derive(Template)]
#[template(path = "portal/vaults/new.html")]
struct NewPage {
    frame: Frame,
    problem: Option<String>,
    typed: Typed,
    places: Vec<Offer>,
    regions: Vec<Region>,
}

/// A subscription, with the groups in it that the viewer may read.
struct Offer {
    place: Place,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    name: String,
    display_name: String,
}

/// What the form holds.
struct Typed {
    kind: String,
    place: String,
    group: String,
    name: String,
    region: String,
    redundancy: String,
    days: String,
}

impl Typed {
    fn new() -> Self {
        Self {
            kind: "recovery".into(),
            place: String::new(),
            group: String::new(),
            name: String::new(),
            region: "westeurope".into(),
            redundancy: "LocallyRedundant".into(),
            days: "14".into(),
        }
    }

    fn of(form: &Form) -> Self {
        let text = |name: &str| form.get(name).unwrap_or_default().trim().to_string();
        Self {
            kind: text("kind"),
            place: text("place"),
            group: text("group"),
            name: text("name"),
            region: text("region"),
            redundancy: text("redundancy"),
            days: text("days"),
        }
    }

    /// The path of the resource group, and whether it was typed as a new one.
    fn group_path(&self) -> Result<(String, bool)> {
        if self.place.to_ascii_lowercase().contains("/resourcegroups/") {
            return Ok((self.place.clone(), false));
        }
        if self.place.is_empty() {
            return Err(Error::invalid("MissingResourceGroup", "Choose where the vault is to be."));
        }
        if self.group.is_empty() || self.group.contains('/') {
            let text = "Name the new resource group, or choose one that is there already.";
            return Err(Error::invalid("MissingResourceGroup", text));
        }
        Ok((format!("{}/resourceGroups/{}", self.place, self.group), true))
    }

    fn is_backup_vault(&self) -> bool {
        self.kind == "backup"
    }

    fn body(&self) -> Result<Value> {
        let days: u16 = self.days.parse().map_err(|_| {
            Error::invalid(
                "InvalidDays",
                "For how many days are deleted items kept? Give a number from 14 to 180.",
            )
        })?;
        Ok(match self.is_backup_vault() {
            true => json!({"location": self.region, "properties": {
                "storageSettings": [{"datastoreType": "VaultStore", "type": self.redundancy}],
                "securitySettings": {"softDeleteSettings": {"state": "On", "retentionDurationInDays": days}},
            }}),
            false => json!({"location": self.region, "sku": {"name": "Standard"}, "properties": {
                "redundancySettings": {"standardTierStorageRedundancy": self.redundancy},
                "securitySettings": {"softDeleteSettings": {
                    "softDeleteState": "Enabled", "softDeleteRetentionPeriodInDays": days}},
            }}),
        })
    }
}

impl NewPage {
    fn redundancies(&self) -> [(&'static str, &'static str); 3] {
        REDUNDANCY
    }
}

/// `GET /portal/vaults/new`
pub async fn show(viewer: Viewer) -> Response {
    viewer.answer(page(&viewer, Typed::new(), None).await)
}

/// `POST /portal/vaults/new`
pub async fn post(Posted { viewer, form }: Posted) -> Response {
    let typed = Typed::of(&form);
    let outcome = match create(&viewer, &typed).await {
        Ok(response) => Ok(response),
        Err(error) => page(&viewer, typed, Some(&error)).await,
    };
    viewer.answer(outcome)
}

async fn page(viewer: &Viewer, typed: Typed, error: Option<&Error>) -> Result<Response> {
    let mut offers = Vec::new();
    let mut regions: Vec<Region> = Vec::new();
    for place in of_viewer(viewer).await? {
        let groups = viewer.list_if_any(&format!("{}/resourceGroups", place.id), &[]).await?;
        if regions.is_empty() {
            regions = viewer.list_if_any(&format!("{}/locations", place.id), &[]).await?;
        }
        offers.push(Offer { place, groups });
    }
    regions.sort_by(|one, other| one.display_name.cmp(&other.display_name));
    let page = NewPage {
        frame: viewer.frame(Section::Vaults, "Create a vault").crumb("Vaults", "/portal/vaults"),
        problem: error.map(|error| error.message.clone()),
        typed,
        places: offers,
        regions,
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

async fn create(viewer: &Viewer, typed: &Typed) -> Result<Response> {
    let (group, new) = typed.group_path()?;
    let body = typed.body()?;
    if typed.name.is_empty() || typed.name.contains('/') {
        return Err(Error::invalid("MissingName", "Give the vault a name: letters, digits and hyphens."));
    }
    let kind = if typed.is_backup_vault() { BACKUP } else { RECOVERY };
    let path = format!("{group}/providers/{kind}/{}", typed.name);
    if viewer.read_if_any::<Value>(&path, &[]).await?.is_some() {
        let text = format!("There is a vault named ‘{}’ in this resource group already.", typed.name);
        return Err(Error::conflict("VaultExists", text));
    }
    let mut said = vec![format!("The vault {} was created.", typed.name)];
    if new && viewer.read_if_any::<Value>(&group, &[]).await?.is_none() {
        viewer.arm(Method::Put, &group, &[], json!({"location": typed.region})).await?;
        said.push(format!("The resource group {} was created for it.", typed.group));
    }
    match viewer.arm(Method::Put, &path, &[], body.clone()).await {
        Err(error) if error.code == "MissingSubscriptionRegistration" => {
            let namespace = kind.split('/').next().unwrap_or_default();
            register(viewer, &path, namespace).await.map_err(|refused| unregistered(namespace, &refused))?;
            viewer.arm(Method::Put, &path, &[], body).await?;
            said.push(format!("Its subscription was registered to use {namespace} on the way."));
        }
        outcome => {
            outcome?;
        }
    }
    Ok(viewer.done(&link::page("vaults/overview", &path), &said.join(" ")))
}

/// Registers the provider of a path in its subscription.
pub async fn register(viewer: &Viewer, path: &str, namespace: &str) -> Result<()> {
    let id = arm::ResourceId::parse(path)?;
    let subscription = id.subscription_id().ok_or_else(|| Error::internal("a vault of no subscription"))?;
    let path = format!("/subscriptions/{subscription}/providers/{namespace}/register");
    viewer.arm(Method::Post, &path, &[], Value::Null).await.map(drop)
}

fn unregistered(namespace: &str, refused: &Error) -> Error {
    let text = format!(
        "The subscription is not registered to use {namespace}, and you may not register it. Ask its owner to. ({})",
        refused.message
    );
    Error::new(ErrorKind::Forbidden, "MissingSubscriptionRegistration", text)
}
