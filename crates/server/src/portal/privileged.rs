//! Privileged access: one's own roles, requests, approvals, assignments, role settings.

mod activate;
mod approval;
mod approvals;
mod assign;
mod assignment;
mod assignments;
mod ends;
mod extend;
mod length;
mod mine;
mod names;
mod requests;
mod rules;
mod scopes;
mod setting;
mod setting_form;
mod settings;

use arm::{Error, ResourceId, Result, TenantId};
use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use super::consent::Schedule;
use super::link;
use super::shell::{Frame, Section};
use super::viewer::Viewer;
use super::words::name_of;
use crate::app::App;
use crate::portal::ask::authorization;

/// The first page of this part.
const MINE: &str = "/portal/privileged";
const REQUESTS: &str = "/portal/privileged/requests";
const APPROVALS: &str = "/portal/privileged/approvals";
const ASSIGNMENTS: &str = "/portal/privileged/assignments";
const SETTINGS: &str = "/portal/privileged/settings";

/// What one may have in common with every list of one's own, in a whole directory.
/// The filters of one's own.
const AS_TARGET: [(&str, &str); 1] = [("$filter", "asTarget()")];
const AS_REQUESTOR: [(&str, &str); 1] = [("$filter", "asRequestor()")];
const AS_APPROVER: [(&str, &str); 1] = [("$filter", "asApprover()")];

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
        .route(MINE, get(mine::show).post(mine::act))
        .route("/portal/privileged/activate/{*scope}", get(activate::show).post(activate::act))
        .route("/portal/privileged/extend/{*schedule}", get(extend::show).post(extend::act))
        .route(REQUESTS, get(requests::show).post(requests::act))
        .route(APPROVALS, get(approvals::show))
        .route("/portal/approvals/{id}", get(approval::show).post(approval::act))
        .route(ASSIGNMENTS, get(scopes::of_assignments))
        .route("/portal/privileged/assignments/{*scope}", get(assignments::show).post(assignments::act))
        .route("/portal/privileged/assign/{*scope}", get(assign::show).post(assign::act))
        .route("/portal/privileged/assignment/{*schedule}", get(assignment::show).post(assignment::act))
        .route(SETTINGS, get(scopes::of_settings))
        .route("/portal/privileged/settings/{*scope}", get(settings::show))
        .route("/portal/privileged/setting/{*scope}", get(setting::show).post(setting::act))
}

/// A schedule or request of one's own, in the directory that it is in.
pub struct Held {
    /// The directory's name.
    pub directory: String,
    /// What is held or asked for.
    pub schedule: Schedule,
}

/// The two ways to have a role for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// One may activate it.
    Eligible,
    /// One has it.
    Active,
}

impl Family {
    /// The one of a word in an address.
    fn of(word: &str) -> Self {
        if word == Self::Active.word() { Self::Active } else { Self::Eligible }
    }

    /// The one that a schedule is of.
    fn of_schedule(schedule: &Schedule) -> Self {
        match schedule.id.to_ascii_lowercase().contains("/roleeligibilityschedules/") {
            true => Self::Eligible,
            false => Self::Active,
        }
    }

    /// The word in addresses.
    fn word(self) -> &'static str {
        match self {
            Self::Eligible => "eligible",
            Self::Active => "active",
        }
    }

    /// What the API calls its schedules.
    fn schedules(self) -> &'static str {
        match self {
            Self::Eligible => "roleEligibilitySchedules",
            Self::Active => "roleAssignmentSchedules",
        }
    }

    /// What the API calls its requests.
    fn requests(self) -> &'static str {
        match self {
            Self::Eligible => "roleEligibilityScheduleRequests",
            Self::Active => "roleAssignmentScheduleRequests",
        }
    }

    /// The property of a request that names what it is about.
    fn target(self) -> &'static str {
        match self {
            Self::Eligible => "targetRoleEligibilityScheduleId",
            Self::Active => "targetRoleAssignmentScheduleId",
        }
    }

    /// The rule about how long an admin may give it.
    fn expiration(self) -> &'static str {
        match self {
            Self::Eligible => "Expiration_Admin_Eligibility",
            Self::Active => "Expiration_Admin_Assignment",
        }
    }

    fn is_eligible(self) -> bool {
        self == Self::Eligible
    }
}

/// Which role of a scope a page is about.
#[derive(Deserialize)]
struct OfRole {
    /// The role definition's GUID.
    #[serde(default)]
    role: String,
}

impl Viewer {
    /// The frame of a page of this part.
    fn privileged(&self, title: impl Into<String>, here: &str) -> Frame {
        let tabs = [
            (MINE.to_string(), "My roles"),
            (REQUESTS.into(), "My requests"),
            (APPROVALS.into(), "To approve"),
            (ASSIGNMENTS.into(), "Assignments"),
            (SETTINGS.into(), "Role settings"),
        ];
        self.frame(Section::Privileged, title).tabs(tabs, here)
    }

    /// One's own of a kind, in all directories: `roleEligibilitySchedules`, …
    async fn own(&self, kind: &str, filter: &[(&str, &str)]) -> Result<Vec<Held>> {
        let path = authorization("", kind);
        let mut all = Vec::new();
        for account in self.directories() {
            let found: Vec<Schedule> = self.list_in(Some(account.tenant), &path, filter).await?;
            let held = |schedule| Held { directory: account.directory.clone(), schedule };
            all.extend(found.into_iter().map(held));
        }
        Ok(all)
    }

    /// The directory that owns a scope, for somebody whom it lets in.
    fn tenant_for(&self, scope: &str) -> Option<TenantId> {
        self.account_for(scope).map(|account| account.tenant)
    }
}

/// What a refusal says to somebody at a page: the rules that were broken in words, without the fields of the API.
fn in_words(error: &Error) -> String {
    const RULES: [(&str, &str); 4] = [
        ("\"JustificationRule\"", "Say why: this asks for a reason."),
        ("\"TicketingRule\"", "Name the ticket: this asks for one."),
        ("\"ExpirationRule\"", "It may not last as long as that. Choose a shorter time."),
        ("\"MfaRule\"", "Sign in with a second factor: this asks for one."),
    ];
    let message = error.message.as_str();
    let Some((rules, why)) =
        message.strip_prefix("The following policy rules failed: [").and_then(|rest| rest.split_once("]. "))
    else {
        return message.to_string();
    };
    let named: Vec<&str> = rules.split(',').map(str::trim).collect();
    let words: Option<Vec<&str>> = named
        .iter()
        .map(|rule| RULES.iter().find(|(known, _)| known == rule).map(|(_, words)| *words))
        .collect();
    // What is about eligibility or approvers is said well enough.
    words.map_or_else(|| why.to_string(), |words| words.join(" "))
}

/// The scope behind a page's name in its address.
fn scope_of(rest: &str) -> Result<ResourceId> {
    ResourceId::parse(&format!("/{}", rest.trim_matches('/')))
}

/// The address of the page on which a role is activated.
fn activation_page(scope: &str, role: &str) -> String {
    link::with(&link::page("privileged/activate", scope), "role", name_of(role))
}
