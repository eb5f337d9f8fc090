//! The roles of a scope, with what it takes to activate each.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::super::link;
use super::super::shell::Frame;
use super::super::viewer::Viewer;
use super::rules::{PolicyAssignment, Rules};
use super::{AUTHORIZATION, assignments, length, scope_of};

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
        page(&viewer, scope.as_str(), which.q).await
    };
    viewer.answer(page.await)
}

async fn page(viewer: &Viewer, scope: &str, q: String) -> Result<Response> {
    let mut policies: Vec<PolicyAssignment> =
        viewer.list(&format!("{scope}{AUTHORIZATION}/roleManagementPolicyAssignments"), &[]).await?;
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
