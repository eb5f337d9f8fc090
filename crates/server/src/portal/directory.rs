//! People, groups, guests, applications and their ways to sign in, as Graph answers whoever looks. All of it is of the
//! directory that the viewer looks at.

mod applications;
mod find;
mod group;
mod groups;
mod invite;
mod new_person;
mod overview;
mod people;
mod person;
mod rules;

pub use overview::show as overview;

use arm::{Error, ErrorKind, Result, TenantId};
use axum::Router;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use super::viewer::Viewer;
use crate::app::App;
use crate::login::Form;

/// The routes of this part; that of the overview is beside the one that turns to another directory.
pub fn routes() -> Router<App> {
    Router::new()
        .route(PEOPLE, get(people::list))
        .route("/portal/people/invite", get(invite::show).post(invite::act))
        .route("/portal/people/new", get(new_person::show).post(new_person::act))
        .route("/portal/people/{id}", get(person::show).post(person::act))
        .route(GROUPS, get(groups::list))
        .route("/portal/groups/new", get(groups::new).post(groups::create))
        .route("/portal/groups/{id}", get(group::show).post(group::act))
        .route(APPLICATIONS, get(applications::list))
        .route("/portal/applications/{id}", get(applications::show))
        .route(RULES, get(rules::show).post(rules::act))
}

const OVERVIEW: &str = "/portal/directory";
const PEOPLE: &str = "/portal/people";
const GROUPS: &str = "/portal/groups";
const APPLICATIONS: &str = "/portal/applications";
const RULES: &str = "/portal/sign-in-rules";

/// The pages of this part.
fn tabs() -> [(String, &'static str); 5] {
    [
        (OVERVIEW.into(), "Overview"),
        (PEOPLE.into(), "People"),
        (GROUPS.into(), "Groups"),
        (APPLICATIONS.into(), "Applications"),
        (RULES.into(), "Sign-in rules"),
    ]
}

/// A user, group or application, as Graph shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The object id.
    pub id: String,
    /// What people call it.
    pub display_name: String,
    /// What it is, in lists of several kinds.
    #[serde(rename = "@odata.type", default)]
    pub kind: String,
    /// The name that a person signs in with.
    #[serde(default)]
    pub user_principal_name: String,
    /// Where mail reaches a person.
    pub mail: Option<String>,
    /// `Member` or `Guest`.
    #[serde(default)]
    pub user_type: String,
    /// Whether a person or application can sign in.
    #[serde(default = "yes")]
    pub account_enabled: bool,
    /// What a group is for.
    pub description: Option<String>,
    /// The id that an application signs in with.
    #[serde(default)]
    pub app_id: String,
}

fn yes() -> bool {
    true
}

impl Listed {
    /// Whether another directory keeps the account.
    pub fn is_guest(&self) -> bool {
        self.user_type == "Guest"
    }

    /// The domain of the directory that keeps a guest's account, as the user name tells: `ann_home.example#EXT#@here.example`.
    pub fn home(&self) -> Option<&str> {
        let (at_home, _) = self.user_principal_name.split_once("#EXT#")?;
        at_home.rsplit_once('_').map(|(_, domain)| domain)
    }

    /// What it is, in a word.
    pub fn word(&self) -> &'static str {
        match self.kind.rsplit('.').next() {
            Some("group") => "Group",
            Some("servicePrincipal") => "Application",
            _ if self.is_guest() => "Guest",
            _ => "Person",
        }
    }

    /// Its page.
    pub fn href(&self) -> String {
        let pages = match self.kind.rsplit('.').next() {
            Some("group") => GROUPS,
            Some("servicePrincipal") => APPLICATIONS,
            _ => PEOPLE,
        };
        format!("{pages}/{}", self.id)
    }
}

/// What was typed into a form that was not taken; nothing at first.
#[derive(Default)]
pub struct Typed(Form);

impl Typed {
    /// What a field holds.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// Whether a field holds this.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }
}

impl Viewer {
    /// Whether the viewer may write a directory, or the one that they look at. Whoever may is shown what was written, too: Graph
    /// refuses everybody else before it looks for the entry, and there is none of this name.
    ///
    /// # Errors
    /// What Graph answers otherwise.
    pub async fn writes_directory(&self, directory: Option<TenantId>) -> Result<bool> {
        match self.graph(directory, "GET", "auditLogs/directoryAudits/none", &[], Value::Null).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind == ErrorKind::Forbidden => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What the directory that the viewer looks at is called.
    fn directory_name(&self) -> &str {
        self.account().map_or("", |account| account.directory.as_str())
    }

    /// The groups that an object is in, directly or through other groups.
    async fn groups_of(&self, object: &str) -> Result<Vec<Listed>> {
        #[derive(Deserialize)]
        struct Ids {
            value: Vec<String>,
        }
        let path = format!("directoryObjects/{object}/getMemberGroups");
        let body = serde_json::json!({"securityEnabledOnly": false});
        let ids: Ids = super::ask::of(self.graph(None, "POST", &path, &[], body).await?)?;
        let mut groups: Vec<Listed> = Vec::new();
        if !ids.value.is_empty() {
            let body = serde_json::json!({"ids": ids.value, "types": ["group"]});
            let path = "directoryObjects/getByIds";
            let answer = self.graph(None, "POST", path, &[("$top", "999")], body).await?;
            groups = super::ask::of(answer.get("value").cloned().unwrap_or_default())?;
        }
        find::sort(&mut groups);
        Ok(groups)
    }
}

/// Whether a form can be shown again for an error: whoever is signed out has no page.
fn is_for_the_form(error: &Error) -> bool {
    error.kind != ErrorKind::Unauthenticated
}
