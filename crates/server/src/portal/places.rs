//! Where things are: the subscriptions that a person sees in all their directories, and what is in them.

use std::collections::BTreeMap;

use arm::{ResourceId, Result, TenantId};
use serde::Deserialize;

use crate::portal::guards::GUARD_TYPE;
use crate::portal::viewer::Viewer;
use crate::portal::words;

/// A subscription, with the directory that it belongs to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory.
    pub tenant: TenantId,
    /// Its name.
    pub directory: String,
    /// The subscription's id: `/subscriptions/…`.
    pub id: String,
    /// The subscription's name.
    pub name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    display_name: String,
}

/// A resource or a resource group.
#[derive(Clone, Debug, Deserialize)]
pub struct Resource {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its type, if it has one.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// The subscriptions in which the viewer holds anything, by directory.
///
/// # Errors
/// What ARM answers.
pub async fn of_viewer(viewer: &Viewer) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for account in viewer.directories() {
        let found: Vec<Subscription> = viewer.list_in(Some(account.tenant), "/subscriptions", &[]).await?;
        places.extend(found.into_iter().map(|subscription| Place {
            tenant: account.tenant,
            directory: account.directory.clone(),
            id: subscription.id,
            name: subscription.display_name,
        }));
    }
    Ok(places)
}

/// The resources of a subscription that the viewer may read.
///
/// # Errors
/// What ARM answers.
pub async fn resources(viewer: &Viewer, subscription: &str) -> Result<Vec<Resource>> {
    viewer.list_if_any(&format!("{subscription}/resources"), &[]).await
}

/// What scopes are called: subscriptions as their owners call them, everything else as its id ends.
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Looks the subscriptions up that are among some scopes, as far as the viewer may.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn of_scopes<'a>(viewer: &Viewer, scopes: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut names = BTreeMap::new();
        for scope in scopes {
            let subscription = ResourceId::parse(scope).is_ok_and(|id| id.segments().count() == 2);
            if !subscription || names.contains_key(scope) || viewer.account_for(scope).is_none() {
                continue;
            }
            if let Some(known) = viewer.read_if_any::<Subscription>(scope, &[]).await? {
                names.insert(scope.to_string(), known.display_name);
            }
        }
        Ok(Self(names))
    }

    /// What a scope is called.
    pub fn of(&self, scope: &str) -> String {
        self.0.get(scope).map_or_else(|| words::scope(scope), |name| format!("Subscription {name}"))
    }
}

impl Resource {
    /// Whether it is a vault of either kind.
    pub fn is_vault(&self) -> bool {
        let is = |kind: vault::VaultKind| self.kind.eq_ignore_ascii_case(kind.resource_type());
        is(vault::VaultKind::RecoveryServices) || is(vault::VaultKind::Backup)
    }

    /// What sort of thing it is, in words.
    pub fn sort(&self) -> &'static str {
        sort_of(&self.kind)
    }
}

/// What sort of thing a type is, in words.
pub fn sort_of(kind: &str) -> &'static str {
    let is = |known: &str| kind.eq_ignore_ascii_case(known);
    match () {
        () if is(vault::VaultKind::RecoveryServices.resource_type()) => "Recovery Services vault",
        () if is(vault::VaultKind::Backup.resource_type()) => "Backup vault",
        () if is(GUARD_TYPE) => "Resource Guard",
        () => "Resource",
    }
}
