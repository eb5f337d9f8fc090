//! Separation of duties: who can change a vault and act for its guard as well, how they come to it, and what to do.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::vault::Vault;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::{name_of, scope};

/// People on one page.
const PAGE: &str = "25";

#[derive(Template)]
#[template(path = "portal/vaults/separation.html")]
struct SeparationPage {
    frame: Frame,
    vault: Vault,
    findings: Vec<Finding>,
    next: Option<String>,
}

/// A person on both sides.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    name: String,
    accounts: Vec<Account>,
    resource_guard_id: String,
    vault_rights: Option<Vec<Right>>,
    resource_guard_rights: Option<Vec<Right>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    principal_name: Option<String>,
}

/// How somebody comes to a right.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Right {
    scope: String,
    role_definition_name: String,
    #[serde(default)]
    groups: Vec<Group>,
    end_date_time: Option<String>,
    #[serde(default)]
    overrides: Vec<String>,
    /// Set for a role that is not held but can be activated without asking anybody.
    role_eligibility_schedule_id: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    name: Option<String>,
}

/// What is looked for.
#[derive(Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    after: String,
}

/// `GET /portal/vaults/separation/{vault}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(wanted): Query<Wanted>) -> Response {
    viewer.answer(page(&viewer, &id, &wanted).await)
}

async fn page(viewer: &Viewer, id: &str, wanted: &Wanted) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let mut query = vec![("$top", PAGE)];
    if !wanted.after.is_empty() {
        query.push(("$skiptoken", wanted.after.as_str()));
    }
    let (findings, next) = match vault.is_guarded() {
        true => {
            let path = format!("{}/separationOfDuties", vault.id);
            let part = viewer.part::<Finding>(&path, &query).await?;
            (part.entries, part.next)
        }
        false => (Vec::new(), None),
    };
    let page = SeparationPage {
        frame: vault
            .below(viewer, "Separation of duties")
            .subtitle("Who can change this vault and act for its Resource Guard as well"),
        next: next.map(|next| link::with(&vault.page("separation"), "after", &next)),
        vault,
        findings,
    };
    Ok(viewer.page(&page))
}

impl Finding {
    fn guard_name(&self) -> &str {
        name_of(&self.resource_guard_id)
    }

    /// The other names that the person goes by.
    fn also(&self) -> Vec<&str> {
        let names = self.accounts.iter().filter_map(|account| account.principal_name.as_deref());
        names.filter(|name| *name != self.name).collect()
    }

    fn has(&self, way: &str) -> bool {
        let rights = self.resource_guard_rights.iter().flatten();
        rights.flat_map(|right| &right.overrides).any(|known| known == way)
    }

    /// What the person could do, in words.
    fn means(&self) -> String {
        let ways = [
            ("Consent", "consent to what they do themselves"),
            ("ChangeGuard", "change or delete the guard"),
            ("GrantAccess", "give themselves the right to consent"),
        ];
        let said: Vec<&str> =
            ways.into_iter().filter(|(way, _)| self.has(way)).map(|(_, text)| text).collect();
        match said.as_slice() {
            [] => "override the guard".into(),
            [one] => (*one).into(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }

    /// What can be done about it.
    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let guard = self.guard_name();
        for right in self.resource_guard_rights.iter().flatten() {
            let (role, at) = (right.role_definition_name.as_str(), scope(&right.scope));
            advice.push(match (right.is_eligible(), right.groups()) {
                (true, _) => format!("Require an approval to activate {role} on {at}."),
                (false, Some(group)) => format!("Take {} out of the group {group}, or take {role} on {at} from the group.", self.name),
                (false, None) if right.overrides.iter().any(|way| way == "Consent") => {
                    format!("Take {role} on {at} away, and make {} eligible for Backup MUA Operator on {guard} instead, with somebody else’s approval.", self.name)
                }
                (false, None) => format!("Take {role} on {at} away."),
            });
        }
        if advice.is_empty() {
            advice.push(format!("Ask the owner of {guard}, who sees how {} comes to it.", self.name));
        }
        advice.push(format!("Or take the rights on the vault from {}.", self.name));
        advice
    }
}

impl Right {
    fn is_eligible(&self) -> bool {
        self.role_eligibility_schedule_id.is_some()
    }

    /// The groups through which it comes, the outer one first.
    fn groups(&self) -> Option<String> {
        let names: Vec<&str> = self.groups.iter().filter_map(|group| group.name.as_deref()).collect();
        (!names.is_empty()).then(|| names.join(", then "))
    }

    /// One line of it.
    fn line(&self) -> String {
        let how = if self.is_eligible() { "may activate, without asking anybody, " } else { "" };
        let through = self.groups().map(|groups| format!(", through the group {groups}")).unwrap_or_default();
        format!("{how}{} on {}{through}", self.role_definition_name, scope(&self.scope))
    }

    fn ends(&self) -> Option<Moment> {
        Moment::parse(self.end_date_time.as_deref()?)
    }
}
