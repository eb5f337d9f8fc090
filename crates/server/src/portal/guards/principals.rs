//! People, groups and applications by their names, as the directory of a scope knows them.

use std::collections::{BTreeMap, BTreeSet};

use arm::{Result, TenantId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::portal::ask::of;
use crate::portal::viewer::Viewer;

/// How many ids one call names.
const AT_ONCE: usize = 900;
/// How many are offered when somebody is looked for.
const OFFERED: usize = 20;
/// How many pages of a directory are looked through.
const PAGES: usize = 10;

/// A person, group or application.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// The object id.
    pub id: String,
    /// `#microsoft.graph.user`, …
    #[serde(default, rename = "@odata.type")]
    pub kind: String,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<String>,
    /// What a person signs in with.
    #[serde(default)]
    pub user_principal_name: Option<String>,
    /// Where a person gets mail: of a guest, the name that they sign in with at home.
    #[serde(default)]
    pub mail: Option<String>,
    /// `Guest` or `Member`.
    #[serde(default)]
    pub user_type: Option<String>,
}

#[derive(Deserialize)]
struct Many {
    value: Vec<Principal>,
}

impl Principal {
    /// One of which nothing is known but the id: it is gone.
    pub fn unknown(id: &str) -> Self {
        Self {
            id: id.into(),
            kind: String::new(),
            display_name: None,
            user_principal_name: None,
            mail: None,
            user_type: None,
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.id)
    }

    /// The name that it signs in with, or what sort of thing it is.
    pub fn detail(&self) -> &str {
        let mail = self.mail.as_deref().filter(|_| self.user_type.as_deref() == Some("Guest"));
        mail.or(self.user_principal_name.as_deref()).unwrap_or_else(|| self.sort())
    }

    /// Person, guest, group or application.
    pub fn sort(&self) -> &'static str {
        match self.kind.rsplit('.').next() {
            Some("user") if self.user_type.as_deref() == Some("Guest") => "Guest",
            Some("user") => "Person",
            Some("group") => "Group",
            Some("servicePrincipal") => "Application",
            _ => "No longer in the directory",
        }
    }

    /// Whether some text is in a name of it, without regard to case.
    pub fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let names = [
            self.display_name.as_deref(),
            self.user_principal_name.as_deref(),
            self.mail.as_deref(),
            Some(&self.id),
        ];
        names.into_iter().flatten().any(|name| name.to_lowercase().contains(&text))
    }
}

/// Who was found.
#[derive(Default)]
pub struct Found {
    /// The first of them.
    pub principals: Vec<Principal>,
    /// Whether there are more.
    pub more: bool,
}

/// The directory that owns a scope, if it lets the viewer in.
fn tenant_of(viewer: &Viewer, scope: &str) -> Option<TenantId> {
    viewer.account_for(scope).map(|account| account.tenant)
}

/// The names behind object ids, as the directory of a scope knows them. Who is gone is missing.
///
/// # Errors
/// What Graph answers.
pub async fn names(
    viewer: &Viewer,
    scope: &str,
    ids: BTreeSet<String>,
) -> Result<BTreeMap<String, Principal>> {
    let mut names = BTreeMap::new();
    let ids: Vec<String> = ids.into_iter().collect();
    for some in ids.chunks(AT_ONCE) {
        let query = [("$top", "999")];
        let path = "directoryObjects/getByIds";
        let answer =
            viewer.graph(tenant_of(viewer, scope), "POST", path, &query, json!({"ids": some})).await?;
        let found: Many = of(answer)?;
        names.extend(found.value.into_iter().map(|principal| (principal.id.clone(), principal)));
    }
    Ok(names)
}

/// One of the directory of a scope, by object id.
///
/// # Errors
/// What Graph answers.
pub async fn one(viewer: &Viewer, scope: &str, id: &str) -> Result<Principal> {
    let path = format!("directoryObjects/{}", id.replace('/', ""));
    of(viewer.graph(tenant_of(viewer, scope), "GET", &path, &[], Value::Null).await?)
}

/// The groups that somebody is in, directly or through other groups.
///
/// # Errors
/// What Graph answers.
pub async fn groups_of(viewer: &Viewer, scope: &str, id: &str) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Ids {
        value: BTreeSet<String>,
    }
    let path = format!("directoryObjects/{}/getMemberGroups", id.replace('/', ""));
    let body = json!({"securityEnabledOnly": false});
    let ids: Ids = of(viewer.graph(tenant_of(viewer, scope), "POST", &path, &[], body).await?)?;
    Ok(ids.value)
}

/// Everybody of the directory of a scope who has a text in the name: people first, then groups and applications.
///
/// # Errors
/// What Graph answers.
pub async fn find(viewer: &Viewer, scope: &str, text: &str) -> Result<Found> {
    let mut found = Found::default();
    let text = text.trim();
    if text.is_empty() {
        return Ok(found);
    }
    for (collection, kind) in
        [("users", "user"), ("groups", "group"), ("servicePrincipals", "servicePrincipal")]
    {
        let mut next = None;
        for _ in 0..PAGES {
            let mut query = vec![("$top", "999")];
            query.extend(next.iter().map(|next: &String| ("$skiptoken", next.as_str())));
            let part = viewer.people::<Principal>(tenant_of(viewer, scope), collection, &query).await?;
            for mut principal in part.entries {
                if principal.matches(text) {
                    principal.kind = format!("#microsoft.graph.{kind}");
                    found.principals.push(principal);
                }
            }
            next = part.next;
            if next.is_none() {
                break;
            }
        }
    }
    found.more = found.principals.len() > OFFERED;
    found.principals.truncate(OFFERED);
    Ok(found)
}
