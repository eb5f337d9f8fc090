//! Names of people and groups, from the directory that knows them.

use std::collections::BTreeMap;

use arm::{Error, Result, TenantId};
use serde::Deserialize;
use serde_json::json;

use super::super::viewer::Viewer;

/// Somebody or some group in a directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// The object id.
    pub id: String,
    /// The name for people.
    #[serde(default)]
    pub display_name: String,
    /// The name they sign in with; groups have none.
    pub user_principal_name: Option<String>,
}

impl Known {
    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        self.user_principal_name.is_none()
    }

    /// What somebody types to name it.
    pub fn handle(&self) -> &str {
        self.user_principal_name.as_deref().unwrap_or(&self.display_name)
    }

    /// How a page calls it, so that it is not taken for a namesake.
    pub fn label(&self) -> String {
        match &self.user_principal_name {
            Some(user) => format!("{} ({user})", self.display_name),
            None => format!("the group {}", self.display_name),
        }
    }
}

/// How many people, and how many groups, a form offers to choose from. Others are typed.
const OFFERED: &str = "100";
/// The most ids that Graph answers at once.
const AT_ONCE: usize = 1000;

impl Viewer {
    /// What objects of a directory are called, as far as this viewer may know.
    ///
    /// # Errors
    /// What Graph answers but for a refusal.
    pub(super) async fn principals_of(
        &self,
        directory: Option<TenantId>,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Known>> {
        #[derive(Deserialize)]
        struct Found {
            value: Vec<Known>,
        }
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<&str> = ids.iter().copied().take(AT_ONCE).collect();
        let body = json!({"ids": ids, "types": ["user", "group"]});
        let answer = self.graph(directory, "POST", "directoryObjects/getByIds", &[], body).await;
        match answer.and_then(super::super::ask::of::<Found>) {
            Ok(found) => Ok(found.value.into_iter().map(|known| (known.id.clone(), known)).collect()),
            Err(error) if error.kind == arm::ErrorKind::Forbidden => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Some of a directory's people and groups, to choose from.
    ///
    /// # Errors
    /// What Graph answers but for a refusal.
    pub(super) async fn some_principals(&self, directory: Option<TenantId>) -> Result<Vec<Known>> {
        let mut some = Vec::new();
        for kind in ["users", "groups"] {
            match self.people::<Known>(directory, kind, &[("$top", OFFERED)]).await {
                Ok(part) => some.extend(part.entries),
                Err(error) if error.kind == arm::ErrorKind::Forbidden => {}
                Err(error) => return Err(error),
            }
        }
        Ok(some)
    }

    /// The one person or group that a text names: a user name, a name for people, or an object id.
    ///
    /// # Errors
    /// `PrincipalNotFound` when nobody is called that or several are, with their names; what Graph answers.
    pub(super) async fn find_principal(&self, directory: Option<TenantId>, text: &str) -> Result<Known> {
        let text = text.trim();
        let quoted = text.replace('\'', "''");
        let queries = [
            ("users", format!("userPrincipalName eq '{quoted}'")),
            ("users", format!("mail eq '{quoted}'")),
            ("users", format!("id eq '{quoted}'")),
            ("groups", format!("id eq '{quoted}'")),
        ];
        for (kind, filter) in queries {
            let found = self.people::<Known>(directory, kind, &[("$filter", &filter)]).await?;
            if let [one] = found.entries.as_slice() {
                return Ok(one.clone());
            }
        }
        let mut named = Vec::new();
        for kind in ["users", "groups"] {
            let filter = format!("startswith(displayName,'{quoted}')");
            named.extend(self.people::<Known>(directory, kind, &[("$filter", &filter)]).await?.entries);
        }
        let exact: Vec<&Known> =
            named.iter().filter(|known| known.display_name.eq_ignore_ascii_case(text)).collect();
        match (exact.as_slice(), named.as_slice()) {
            ([one], _) => Ok((*one).clone()),
            ([], [one]) => Ok(one.clone()),
            ([], []) => Err(not_found(format!(
                "Nobody in this directory is called “{text}”. Type a user name, the name of a person or of a group."
            ))),
            _ => {
                let labels: Vec<String> = named.iter().take(5).map(Known::label).collect();
                Err(not_found(format!(
                    "“{text}” may be {}. Type the user name, or the object id of the group.",
                    labels.join(", or ")
                )))
            }
        }
    }
}

fn not_found(message: String) -> Error {
    Error::invalid("PrincipalNotFound", message)
}
