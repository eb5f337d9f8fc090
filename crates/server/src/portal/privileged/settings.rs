//! The roles of a scope, with what it takes to activate each.

use arm::{Error, ResourceId, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::link;
use super::super::shell::Frame;
use super::super::viewer::Viewer;
use super::rules::{PolicyAssignment, Rules};
use super::{assignments, length, scope_of};
use crate::portal::ask::authorization;

#[derive(Template)]
#[template(path = "portal/privileged/settings.html")]
struct SettingsPage<'a> {
    frame: Frame,
    scope: &'a str,
    q: String,
    policies: Vec<PolicyAssignment>,
}

/// Which roles: a part of the name.
#[derive(Default, Deserialize)]
pub struct Which {
    #[serde(default)]
    q: String,
}

/// `GET /portal/privileged/settings/{scope}?q=…`
pub async fn show(viewer: Viewer, Path(scope): Path<String>, Query(which): Query<Which>) -> Response {
    let page = async {
        let scope = scope_of(&scope)?;
        match policy_of(&scope) {
            Some(above) => of_policy(&viewer, above.as_str(), &scope).await,
            None => page(&viewer, scope.as_str(), which.q).await,
        }
    };
    viewer.answer(page.await)
}

/// The scope of a policy, if the id is one of a policy: findings name it so.
fn policy_of(id: &ResourceId) -> Option<ResourceId> {
    let (scope, kind) = id.as_str().split_at_checked(id.as_str().rfind("/providers/")?)?;
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("/providers/microsoft.authorization/rolemanagementpolicies/")
        .then(|| ResourceId::parse(scope).ok())
        .flatten()
}

/// Leads to the role that a policy is about.
async fn of_policy(viewer: &Viewer, scope: &str, policy: &ResourceId) -> Result<Response> {
    let policies = policies(viewer, scope).await?;
    let found = policies
        .iter()
        .find(|known| known.properties.policy_id.eq_ignore_ascii_case(policy.as_str()))
        .ok_or_else(|| Error::not_found("RoleManagementPolicyNotFound", "There is no such policy."))?;
    Ok(Redirect::to(&setting_page(scope, &found.properties.role_definition_id)).into_response())
}

async fn policies(viewer: &Viewer, scope: &str) -> Result<Vec<PolicyAssignment>> {
    viewer.list(&authorization(scope, "roleManagementPolicyAssignments"), &[]).await
}

async fn page(viewer: &Viewer, scope: &str, q: String) -> Result<Response> {
    let mut policies = policies(viewer, scope).await?;
    let wanted = q.trim().to_lowercase();
    policies.retain(|policy| policy.role().to_lowercase().contains(&wanted));
    policies
        .sort_by_cached_key(|policy| (policy.properties.changed().is_none(), policy.role().to_lowercase()));
    let here = link::page("privileged/settings", scope);
    let page = SettingsPage { frame: assignments::frame(viewer, scope, &here), scope, q, policies };
    Ok(viewer.page(&page))
}

impl SettingsPage<'_> {
    fn one(&self, policy: &PolicyAssignment) -> String {
        setting_page(self.scope, &policy.properties.role_definition_id)
    }

    fn longest(&self, policy: &PolicyAssignment) -> String {
        let rule = policy.properties.effective_rules.get("Expiration_EndUser_Assignment");
        rule.map(|rule| length::in_words(&rule.maximum_duration)).unwrap_or_default()
    }

    fn approval(&self, policy: &PolicyAssignment) -> (&'static str, String) {
        match policy.properties.effective_rules.approval() {
            None => ("quiet", "Not needed".into()),
            Some(approval) => {
                let listed = approval.approval_stages.iter().map(|stage| stage.primary_approvers.len()).sum();
                match listed {
                    0 => ("bad", "Needed, and nobody is named".into()),
                    listed => ("ok", super::super::words::count(listed, "approver")),
                }
            }
        }
    }

    fn asks(&self, policy: &PolicyAssignment) -> String {
        asks(&policy.properties.effective_rules)
    }
}

/// What an activation has to come with, in a few words.
fn asks(rules: &Rules) -> String {
    const RULE: &str = "Enablement_EndUser_Assignment";
    let mut asks = Vec::new();
    if let Some(context) = rules.context() {
        asks.push(format!("context {context}"));
    }
    for (rule, word) in
        [("MultiFactorAuthentication", "second factor"), ("Justification", "reason"), ("Ticketing", "ticket")]
    {
        if rules.asks(RULE, rule) {
            asks.push(word.into());
        }
    }
    if asks.is_empty() { "nothing".into() } else { asks.join(", ") }
}

/// The address of a role's settings at a scope.
pub fn setting_page(scope: &str, role: &str) -> String {
    link::with(&link::page("privileged/setting", scope), "role", super::name_of(role))
}
