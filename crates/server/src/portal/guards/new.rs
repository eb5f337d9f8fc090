//! Creating a guard: where first, then what.

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::table::{self, Kind};
use super::{Guard, LIST, tags};
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::link;
use crate::portal::places::{self, Place, Resource};
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

const HERE: &str = "/portal/guards/new";
/// The providers that the subscription of a guard needs: its own, and the vaults’, without which they cannot be linked to it.
const NAMESPACES: [&str; 2] = ["Microsoft.DataProtection", "Microsoft.RecoveryServices"];
/// How many vaults the warning names.
const NAMED: usize = 5;
/// What changing a vault takes, of either kind: whoever may do that is on the vaults' side.
const CHANGES: [&str; 2] =
    ["Microsoft.RecoveryServices/Vaults/write", "Microsoft.DataProtection/backupVaults/write"];

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    subscription: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    registration_state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    name: String,
    display_name: String,
}

#[derive(Deserialize)]
struct Permissions {
    value: Vec<rbac::Permission>,
}

/// What was typed.
#[derive(Default)]
struct Typed {
    group: String,
    new_group: String,
    region: String,
    name: String,
    description: String,
    tags: String,
}

#[derive(Template)]
#[template(path = "portal/guards/where.html")]
struct WherePage {
    frame: Frame,
    places: Vec<Place>,
}

#[derive(Template)]
#[template(path = "portal/guards/new.html")]
struct NewPage {
    frame: Frame,
    place: Place,
    several: bool,
    /// Vaults of the same directory that the viewer can change.
    own_vaults: Vec<String>,
    more_vaults: bool,
    groups: Vec<Resource>,
    regions: Vec<Region>,
    registered: bool,
    kinds: Vec<Kind>,
    typed: Typed,
    problem: Option<String>,
}

/// `GET /portal/guards/new`
pub async fn show(viewer: Viewer, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let mut places = places::of_viewer(&viewer).await?;
        let several = places.len() != 1;
        let chosen = places.iter().position(|place| place.id == asked.subscription || !several);
        match chosen {
            Some(at) => {
                let place = places.swap_remove(at);
                page(&viewer, place, several, Typed::default(), table::kinds(|_| true), None).await
            }
            None => {
                let frame = frame(&viewer);
                Ok(viewer.page(&WherePage { frame, places }))
            }
        }
    };
    viewer.answer(page.await)
}

/// `POST /portal/guards/new`
pub async fn create(Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let mut places = places::of_viewer(&viewer).await?;
        let asked = form.get("subscription").unwrap_or_default();
        let several = places.len() != 1;
        let at = places.iter().position(|place| place.id == asked);
        let at =
            at.ok_or_else(|| Error::not_found("SubscriptionNotFound", "Choose a subscription first."))?;
        let place = places.swap_remove(at);
        let typed = Typed::of(&form);
        match make(&viewer, &place, &typed, &form).await {
            Ok(guard) => {
                let what = format!(
                    "The Resource Guard {} was created. Next: make somebody eligible to be given consent.",
                    guard.name
                );
                Ok(viewer.done(&guard.page("overview"), &what))
            }
            Err(error) => {
                let kinds = table::kinds(table::ticked(&form));
                page(&viewer, place, several, typed, kinds, Some(error)).await
            }
        }
    };
    viewer.answer(page.await)
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.owned(name).unwrap_or_default().trim().to_string();
        Self {
            group: text("group"),
            new_group: text("new_group"),
            region: text("region"),
            name: text("name"),
            description: text("description"),
            tags: text("tags"),
        }
    }
}

/// Registers the provider and creates the group where they are missing, then the guard.
async fn make(viewer: &Viewer, place: &Place, typed: &Typed, form: &Form) -> Result<Guard> {
    let tags = tags::read(&typed.tags)?;
    if typed.name.is_empty() || typed.name.contains('/') {
        return Err(
            Error::invalid("InvalidName", "Give the guard a name, without a slash.").with_target("name")
        );
    }
    let group = match (typed.new_group.as_str(), typed.group.as_str()) {
        ("", "") => {
            let why = "Choose a resource group, or give a new one a name.";
            return Err(Error::invalid("InvalidGroup", why).with_target("group"));
        }
        ("", existing) => existing,
        (new, _) => new,
    };
    if group.contains('/') {
        return Err(
            Error::invalid("InvalidGroup", "The name of a resource group has no slash.").with_target("group")
        );
    }
    let group = format!("{}/resourceGroups/{group}", place.id);
    let id = format!("{group}/providers/{}/{}", super::GUARD_TYPE, typed.name);
    for namespace in unregistered(viewer, place).await? {
        let path = format!("{}/providers/{namespace}/register", place.id);
        viewer.arm(Method::Post, &path, &[], Value::Null).await?;
    }
    if !typed.new_group.is_empty() && viewer.read_if_any::<Value>(&group, &[]).await?.is_none() {
        viewer.arm(Method::Put, &group, &[], json!({"location": typed.region})).await?;
    }
    // A PUT would change a guard that is there, also for whoever cannot see it.
    match viewer.read::<Value>(&id, &[]).await {
        Err(error) if error.kind == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(_) => {
            let why = format!("There is a Resource Guard {} in this resource group already.", typed.name);
            return Err(Error::conflict("ResourceExists", why).with_target("name"));
        }
    }
    let body = json!({
        "location": typed.region,
        "tags": tags,
        "properties": {
            "description": typed.description,
            "vaultCriticalOperationExclusionList": table::exclusions(table::ticked(form)),
        },
    });
    crate::portal::ask::of(viewer.arm(Method::Put, &id, &[], body).await?)
}

/// Which of [`NAMESPACES`] the subscription lacks.
async fn unregistered(viewer: &Viewer, place: &Place) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for namespace in NAMESPACES {
        let provider: Provider = viewer.read(&format!("{}/providers/{namespace}", place.id), &[]).await?;
        if !provider.registration_state.eq_ignore_ascii_case("Registered") {
            missing.push(namespace);
        }
    }
    Ok(missing)
}

fn frame(viewer: &Viewer) -> Frame {
    let frame = viewer.frame(Section::Guards, "Create a Resource Guard").crumb("Resource Guards", LIST);
    frame.subtitle("It says which operations on vaults need consent, and who gives it")
}

async fn page(
    viewer: &Viewer,
    place: Place,
    several: bool,
    typed: Typed,
    kinds: Vec<Kind>,
    error: Option<Error>,
) -> Result<Response> {
    let status = error.as_ref().map_or(StatusCode::OK, |error| status_of(error.kind));
    let mut own_vaults = own_vaults(viewer, &place).await?;
    let more_vaults = own_vaults.len() > NAMED;
    own_vaults.truncate(NAMED);
    let page = NewPage {
        frame: frame(viewer),
        several,
        own_vaults,
        more_vaults,
        groups: viewer.list_if_any(&format!("{}/resourceGroups", place.id), &[]).await?,
        regions: viewer.list(&format!("{}/locations", place.id), &[]).await?,
        registered: unregistered(viewer, &place).await?.is_empty(),
        place,
        kinds,
        typed,
        problem: error.map(|error| error.message),
    };
    Ok(viewer.page_with(status, &page))
}

/// The vaults of the same directory that the viewer can change: a guard beside them would be in the same hands.
async fn own_vaults(viewer: &Viewer, chosen: &Place) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for place in places::of_viewer(viewer).await?.iter().filter(|place| place.tenant == chosen.tenant) {
        for vault in places::resources(viewer, &place.id).await?.iter().filter(|one| one.is_vault()) {
            if names.len() > NAMED {
                return Ok(names);
            }
            if can_change(viewer, &vault.id).await? {
                names.push(vault.name.clone());
            }
        }
    }
    Ok(names)
}

async fn can_change(viewer: &Viewer, vault: &str) -> Result<bool> {
    let path = format!("{vault}/providers/Microsoft.Authorization/permissions");
    let held: Permissions = viewer.read(&path, &[]).await?;
    for action in CHANGES {
        let action = rbac::Action::parse(action)?;
        if held.value.iter().any(|permission| permission.grants(&action)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl NewPage {
    /// The address to choose another place at.
    fn elsewhere(&self) -> &'static str {
        HERE
    }

    fn is_region(&self, region: &Region) -> bool {
        match self.typed.region.as_str() {
            "" => region.name == "westeurope",
            typed => region.name == typed,
        }
    }
}

impl WherePage {
    fn page(&self, place: &Place) -> String {
        link::with(HERE, "subscription", &place.id)
    }
}
