//! What Graph says of a person besides the account itself.

use std::collections::BTreeMap;

use arm::{ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::super::find::quoted;
use crate::portal::ask::of;
use crate::portal::moment::Moment;
use crate::portal::viewer::Viewer;

/// How somebody signs in.
pub struct Methods {
    /// Whether there is a password.
    pub password: bool,
    /// The authenticator.
    pub authenticator: Option<Method>,
    /// A temporary access pass that was made and not used.
    pub pass: Option<Method>,
}

/// One way to sign in.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    #[serde(rename = "@odata.type")]
    kind: String,
    /// Its id.
    pub id: String,
    created_date_time: Option<jiff::Timestamp>,
    #[serde(default)]
    lifetime_in_minutes: i64,
    /// Whether a pass counts.
    #[serde(default)]
    pub is_usable: bool,
}

impl Method {
    /// Since when it is there.
    pub fn since(&self) -> Option<Moment> {
        self.created_date_time.map(Moment)
    }

    /// Until when a pass counts.
    pub fn until(&self) -> Option<Moment> {
        let lifetime = jiff::SignedDuration::from_mins(self.lifetime_in_minutes);
        self.created_date_time.and_then(|at| at.checked_add(lifetime).ok()).map(Moment)
    }
}

/// Two accounts that are one human's.
pub struct AccountLink {
    /// Both, as far as they have a name here.
    pub accounts: Vec<LinkedAccount>,
    /// Since when.
    pub since: Option<Moment>,
    /// The directories whose administrators must agree to undo it.
    pub must_agree: Vec<String>,
    /// Those that have.
    pub have_agreed: Vec<String>,
}

/// One of the two.
pub struct LinkedAccount {
    /// Its id at home, by which a link is undone.
    pub id: String,
    /// Its id here, if it is known here.
    pub here: Option<String>,
    /// What it is called here, or its id at home.
    pub name: String,
    /// The directory that it is at home in.
    pub directory: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkJson {
    accounts: Vec<Option<AccountJson>>,
    created_date_time: Option<jiff::Timestamp>,
    removal: Removal,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountJson {
    id: String,
    tenant_id: String,
    local_id: Option<String>,
    user_principal_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Removal {
    must_agree: Vec<String>,
    have_agreed: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Audit {
    #[serde(default)]
    additional_details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    key: String,
    value: String,
}

impl AccountLink {
    /// The account that is not this one.
    pub fn other(&self, id: &str) -> Option<&LinkedAccount> {
        self.accounts.iter().find(|account| account.id != id && account.here.as_deref() != Some(id))
    }

    /// Whether it is one of this account's own links, and not of another account of the same human.
    pub fn is_of(&self, id: &str) -> bool {
        self.accounts.iter().any(|account| account.id == id || account.here.as_deref() == Some(id))
    }
}

impl Viewer {
    /// How somebody signs in; `None` for whoever may not see it.
    pub(super) async fn methods_of(&self, id: &str) -> Result<Option<Methods>> {
        let path = format!("users/{id}/authentication/methods");
        let part = match self.people::<Method>(None, &path, &[]).await {
            Ok(part) => part,
            Err(error) if error.kind == ErrorKind::Forbidden => return Ok(None),
            Err(error) => return Err(error),
        };
        let of_kind = |kind: &str| part.entries.iter().find(|method| method.kind.ends_with(kind)).cloned();
        Ok(Some(Methods {
            password: of_kind(".passwordAuthenticationMethod").is_some(),
            authenticator: of_kind(".softwareOathAuthenticationMethod"),
            pass: of_kind(".temporaryAccessPassAuthenticationMethod"),
        }))
    }

    /// Which accounts are the same human's.
    pub(super) async fn links_of(&self, id: &str) -> Result<Vec<AccountLink>> {
        let path = format!("users/{id}/linkedAccounts");
        let links = self.people::<LinkJson>(None, &path, &[]).await?.entries;
        let names: BTreeMap<String, &str> = self
            .accounts
            .iter()
            .map(|account| (account.tenant.to_string(), account.directory.as_str()))
            .collect();
        let name = |tenant: String| names.get(&tenant).map_or(tenant, |name| (*name).to_string());
        let account = |json: AccountJson| LinkedAccount {
            name: json.user_principal_name.unwrap_or_else(|| json.id.clone()),
            id: json.id,
            here: json.local_id,
            directory: name(json.tenant_id),
        };
        let link = |json: LinkJson| AccountLink {
            accounts: json.accounts.into_iter().flatten().map(account).collect(),
            since: json.created_date_time.map(Moment),
            must_agree: json.removal.must_agree.into_iter().map(name).collect(),
            have_agreed: json.removal.have_agreed.into_iter().map(name).collect(),
        };
        Ok(links.into_iter().map(link).collect())
    }

    /// What the entry of a change says of those who approve.
    pub(super) async fn approvers_after(&self, correlation: &str) -> Result<Option<String>> {
        let filter = format!("correlationId eq {}", quoted(correlation));
        let recent = self.now.checked_sub(jiff::SignedDuration::from_hours(1)).unwrap_or(self.now);
        let filter = format!("{filter} and activityDateTime ge {recent}");
        let query = [("$filter", filter.as_str())];
        let answer = self.graph(None, "GET", "auditLogs/directoryAudits", &query, Value::Null).await?;
        let audits: Vec<Audit> = of(answer.get("value").cloned().unwrap_or_default())?;
        let details = audits.into_iter().flat_map(|audit| audit.additional_details);
        Ok(details.into_iter().find(|detail| detail.key == "approverFindings").map(|detail| detail.value))
    }
}
