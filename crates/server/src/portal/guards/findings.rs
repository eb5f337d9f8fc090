//! What the owner of a guard should know: who is on both sides, and whether those who approve are enough.

use std::collections::BTreeSet;

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::access::scope_of;
use super::principals::{self, Principal};
use super::{Guard, frame_of, linked, read_guard};
use crate::portal::ask::{Part, authorization};
use crate::portal::consent::Schedule;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::places::Names;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// How many findings one page shows.
const PAGE: &str = "20";

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    after: String,
}

/// Somebody who can change a vault and override its guard.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conflict {
    name: String,
    vault_id: String,
    vault_rights: Option<Vec<Right>>,
    resource_guard_rights: Option<Vec<Right>>,
    /// The vault's page, for whoever its directory lets in.
    #[serde(skip)]
    vault_page: Option<String>,
}

/// By what they hold one of the two.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Right {
    role_assignment_id: Option<String>,
    role_eligibility_schedule_id: Option<String>,
    scope: String,
    role_definition_name: String,
    #[serde(default)]
    groups: Vec<Group>,
    end_date_time: Option<jiff::Timestamp>,
    #[serde(default)]
    overrides: Vec<String>,
    /// What the scope is called.
    #[serde(skip)]
    place: String,
}

#[derive(Deserialize)]
struct Group {
    name: Option<String>,
}

/// What there is to say about approvers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    severity: String,
    message: String,
    policy_id: String,
}

#[derive(Template)]
#[template(path = "portal/guards/separation.html")]
struct SeparationPage {
    frame: Frame,
    guard: Guard,
    conflicts: Vec<Conflict>,
    /// How many vaults are linked.
    linked: usize,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/guards/approvers.html")]
struct ApproversPage {
    frame: Frame,
    findings: Vec<Finding>,
    policies: Vec<Policy>,
}

/// Who approves, for a role.
#[derive(Deserialize)]
struct PolicyAssignment {
    properties: PolicyProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyProperties {
    policy_id: String,
    role_definition_id: String,
    #[serde(default)]
    effective_rules: Vec<Rule>,
    policy_assignment_properties: PolicyNames,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyNames {
    role_definition: Named,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    display_name: String,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    #[serde(default)]
    setting: Option<Setting>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Setting {
    #[serde(default)]
    is_approval_required: bool,
    #[serde(default)]
    approval_stages: Vec<Stage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stage {
    #[serde(default = "one")]
    required_approvals: u32,
    #[serde(default)]
    primary_approvers: Vec<Approver>,
}

fn one() -> u32 {
    1
}

#[derive(Clone, Deserialize)]
struct Approver {
    id: String,
}

/// Who approves activations of a role.
pub struct Policy {
    /// The page of the role's settings.
    pub settings: String,
    /// The role's name.
    pub role: String,
    /// Each list of those who approve.
    pub stages: Vec<Approvers>,
    /// Whether anybody has to approve at all.
    needed: bool,
}

/// A stage, with names.
pub struct Approvers {
    needed: u32,
    /// People and groups.
    pub people: Vec<Principal>,
}

/// `GET /portal/guards/separation/{id}`
pub async fn separation(viewer: Viewer, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let path = format!("{}/separationOfDuties", guard.id);
        let mut query = vec![("$top", PAGE)];
        if !asked.after.is_empty() {
            query.push(("$skiptoken", &asked.after));
        }
        let part: Part<Conflict> = viewer.part(&path, &query).await?;
        let mut conflicts = part.entries;
        let scopes = conflicts.iter().flat_map(Conflict::rights).map(|right| right.scope.as_str());
        let places = Names::of_scopes(&viewer, scopes).await?;
        for conflict in &mut conflicts {
            conflict.name_places(&places);
            let known = viewer.directory_of(&conflict.vault_id).is_some();
            conflict.vault_page = known.then(|| link::page("vaults/overview", &conflict.vault_id));
        }
        let linked = linked::read(&viewer, &guard.id).await?.len();
        let frame = frame_of(&viewer, &guard, "guards/separation");
        let more = part.next.map(|next| link::with(&guard.page("separation"), "after", &next));
        Ok(viewer.page(&SeparationPage { frame, guard, conflicts, linked, more }))
    };
    viewer.answer(page.await)
}

/// `GET /portal/guards/approvers/{id}`
pub async fn approvers(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let findings = viewer.list(&format!("{}/approverFindings", guard.id), &[]).await?;
        let frame = frame_of(&viewer, &guard, "guards/approvers");
        let policies = policies(&viewer, &guard.id).await?;
        Ok(viewer.page(&ApproversPage { frame, findings, policies }))
    };
    viewer.answer(page.await)
}

/// Who approves at the guard: for the role that is made for it, and for those that somebody is eligible for. Nothing for
/// whoever may not read the settings of roles.
///
/// # Errors
/// What ARM answers.
pub async fn policies(viewer: &Viewer, guard: &str) -> Result<Vec<Policy>> {
    let here = [("$filter", "atScope()")];
    let path = authorization(guard, "roleEligibilitySchedules");
    let eligible: Vec<Schedule> = viewer.list_if_any(&path, &here).await?;
    let mut roles: BTreeSet<String> =
        eligible.iter().map(|one| name_of(&one.properties.role_definition_id).to_ascii_lowercase()).collect();
    roles.insert(rbac::role_ids::BACKUP_MUA_OPERATOR.to_string());
    let path = authorization(guard, "roleManagementPolicyAssignments");
    let mut all: Vec<PolicyAssignment> = viewer.list_if_any(&path, &[]).await?;
    all.retain(|policy| roles.contains(&name_of(&policy.properties.role_definition_id).to_ascii_lowercase()));
    let ids = all.iter().flat_map(PolicyAssignment::approvers).map(|approver| approver.id.clone());
    let names = principals::names(viewer, guard, ids.collect()).await?;
    let known = |approver: &Approver| {
        names.get(&approver.id).cloned().unwrap_or_else(|| Principal::unknown(&approver.id))
    };
    Ok(all.iter().map(|policy| policy.show(known)).collect())
}

impl PolicyAssignment {
    fn setting(&self) -> Option<&Setting> {
        let rules = &self.properties.effective_rules;
        rules.iter().find(|rule| rule.id == "Approval_EndUser_Assignment")?.setting.as_ref()
    }

    fn approvers(&self) -> impl Iterator<Item = &Approver> {
        self.setting()
            .into_iter()
            .flat_map(|setting| &setting.approval_stages)
            .flat_map(|stage| &stage.primary_approvers)
    }

    fn show(&self, known: impl Fn(&Approver) -> Principal) -> Policy {
        let setting = self.setting();
        let stages = setting.map(|setting| setting.approval_stages.as_slice()).unwrap_or_default();
        let stage = |stage: &Stage| Approvers {
            needed: stage.required_approvals,
            people: stage.primary_approvers.iter().map(&known).collect(),
        };
        Policy {
            settings: link::with(
                &link::page("privileged/setting", scope_of(&self.properties.policy_id).unwrap_or_default()),
                "role",
                name_of(&self.properties.role_definition_id),
            ),
            role: self.properties.policy_assignment_properties.role_definition.display_name.clone(),
            stages: stages.iter().map(stage).collect(),
            needed: setting.is_some_and(|setting| setting.is_approval_required),
        }
    }
}

impl Policy {
    fn has_nobody(&self) -> bool {
        self.stages.iter().all(|stage| stage.people.is_empty())
    }
}

impl Conflict {
    fn vault(&self) -> &str {
        name_of(&self.vault_id)
    }

    fn rights(&self) -> impl Iterator<Item = &Right> {
        self.on_vault().iter().chain(self.on_guard())
    }

    fn name_places(&mut self, places: &Names) {
        let sides = [&mut self.vault_rights, &mut self.resource_guard_rights];
        for right in sides.into_iter().flatten().flatten() {
            right.place = places.of(&right.scope);
        }
    }

    fn on_vault(&self) -> &[Right] {
        self.vault_rights.as_deref().unwrap_or_default()
    }

    fn on_guard(&self) -> &[Right] {
        self.resource_guard_rights.as_deref().unwrap_or_default()
    }
}

impl Right {
    /// Where it can be taken away.
    fn page(&self) -> Option<String> {
        let id = self.role_assignment_id.as_ref().or(self.role_eligibility_schedule_id.as_ref())?;
        Some(link::page("access/remove", id))
    }

    fn is_eligible(&self) -> bool {
        self.role_eligibility_schedule_id.is_some()
    }

    fn ends(&self) -> Option<Moment> {
        self.end_date_time.map(Moment)
    }

    /// Through which groups, the nearest first.
    fn through(&self) -> String {
        let names: Vec<&str> =
            self.groups.iter().map(|group| group.name.as_deref().unwrap_or("a group that is gone")).collect();
        names.join(", ")
    }

    /// What it does to the guard.
    fn does(&self) -> String {
        let words: Vec<&str> = self
            .overrides
            .iter()
            .map(|way| match way.as_str() {
                "Consent" => "consents to critical operations",
                "ChangeGuard" => "changes the guard",
                "GrantAccess" => "gives rights on the guard",
                _ => "overrides the guard",
            })
            .collect();
        words.join(", ")
    }
}

impl Finding {
    /// The kind of its badge, and what that says.
    fn severity(&self) -> (&'static str, &'static str) {
        match self.severity.as_str() {
            "Error" => ("bad", "Serious"),
            "Warning" => ("warn", "Warning"),
            _ => ("quiet", "To know"),
        }
    }

    fn settings(&self) -> String {
        link::page("privileged/settings", scope_of(&self.policy_id).unwrap_or_default())
    }
}
