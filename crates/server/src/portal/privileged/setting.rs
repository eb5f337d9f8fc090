//! The settings of a role at a scope: all of its rules in words, and the forms that change them.

use std::collections::BTreeMap;

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::Viewer;
use super::super::{link, words};
use super::assign::Finding;
use super::names::Known;
use super::rules::{Rule, Rules, Stage};
use super::setting_form::{Activation, Giving, MailForm};
use super::settings::setting_page;
use super::{SETTINGS, length, scope_of};
use crate::arm::route::Method;
use crate::login::Form;

/// A policy, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
struct Policy {
    properties: PolicyProperties,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyProperties {
    rules: Rules,
    last_modified_by: Option<Modifier>,
    last_modified_date_time: Option<jiff::Timestamp>,
    #[serde(default)]
    approver_findings: Vec<Finding>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modifier {
    display_name: String,
}

/// A role at a scope, and what holds for it.
struct Setting {
    scope: String,
    role: String,
    role_name: String,
    policy_id: String,
    policy: PolicyProperties,
    /// The names of approvers, by their ids.
    names: BTreeMap<String, Known>,
}

#[derive(Template)]
#[template(path = "portal/privileged/setting.html")]
struct SettingPage<'a> {
    frame: Frame,
    setting: &'a Setting,
    rules: &'a Rules,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/privileged/setting_activation.html")]
struct ActivationPage<'a> {
    frame: Frame,
    here: String,
    form: Activation,
    contexts: Vec<Context>,
    people: Vec<Known>,
    names: &'a BTreeMap<String, Known>,
    problem: Option<String>,
    step_up: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/privileged/setting_giving.html")]
struct GivingPage {
    frame: Frame,
    here: String,
    forms: [Giving; 2],
    problem: Option<String>,
    step_up: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/privileged/setting_mails.html")]
struct MailsPage {
    frame: Frame,
    here: String,
    form: MailForm,
    problem: Option<String>,
    step_up: Option<String>,
}

/// An authentication context that a directory knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    id: String,
    #[serde(default)]
    display_name: String,
}

/// Which role, and what of it is to be changed.
#[derive(Default, Deserialize)]
pub struct Which {
    #[serde(default)]
    role: String,
    #[serde(default)]
    edit: String,
}

/// What a form came to.
enum Outcome {
    /// The rules are to be changed.
    Save(Value),
    /// The form is to be shown again.
    Again,
}

/// `GET /portal/privileged/setting/{scope}?role={guid}&edit=activation`
pub async fn show(viewer: Viewer, Path(scope): Path<String>, Query(which): Query<Which>) -> Response {
    let page = async {
        let setting = find(&viewer, scope_of(&scope)?.as_str(), &which.role).await?;
        page(&viewer, &setting, &which.edit, None, None).await
    };
    viewer.answer(page.await)
}

/// `POST` of the same.
pub async fn act(
    Path(scope): Path<String>,
    Query(which): Query<Which>,
    Posted { viewer, form }: Posted,
) -> Response {
    let outcome = async {
        let mut setting = find(&viewer, scope_of(&scope)?.as_str(), &which.role).await?;
        let here = setting_page(&setting.scope, &setting.role);
        if form.get("do") == Some("reset") {
            viewer.arm(Method::Delete, &setting.policy_id, &[], Value::Null).await?;
            return Ok(viewer.done(&here, "The rules are the defaults again."));
        }
        match save(&viewer, &mut setting, &which.edit, &form).await {
            Ok(true) => Ok(viewer.done(&here, "The rules were saved.")),
            Ok(false) => page(&viewer, &setting, &which.edit, Some(&form), None).await,
            Err(error) => page(&viewer, &setting, &which.edit, Some(&form), Some(&error)).await,
        }
    };
    viewer.answer(outcome.await)
}

/// Saves; `false` when the form only wants to be shown with one more line.
async fn save(viewer: &Viewer, setting: &mut Setting, edit: &str, form: &Form) -> Result<bool> {
    let outcome = match edit {
        "activation" => {
            let mut activation = Activation::typed(form);
            let directory = viewer.tenant_for(&setting.scope);
            for added in activation.added() {
                let known = viewer.find_principal(directory, &added.1).await?;
                setting.names.insert(known.id.clone(), known.clone());
                activation.add(added.0, &known);
            }
            match form.get("do") {
                Some("save") => Outcome::Save(activation.rules(&setting.names)?),
                _ => Outcome::Again,
            }
        }
        "assignment" => {
            let forms = [Giving::typed("Eligibility", form), Giving::typed("Assignment", form)];
            let mut rules = Vec::new();
            for giving in &forms {
                rules.extend(giving.rules(&setting.policy.rules)?);
            }
            Outcome::Save(Value::Array(rules))
        }
        _ => Outcome::Save(MailForm::typed(form).rules()),
    };
    match outcome {
        Outcome::Save(rules) => {
            let body = json!({"properties": {"rules": rules}});
            viewer.arm(Method::Patch, &setting.policy_id, &[], body).await?;
            Ok(true)
        }
        Outcome::Again => Ok(false),
    }
}

async fn find(viewer: &Viewer, scope: &str, role: &str) -> Result<Setting> {
    let none = || Error::not_found("RoleManagementPolicyNotFound", "There is no such role at this scope.");
    let assignment = viewer.policy(scope, role).await?.ok_or_else(none)?;
    let policy: Policy = viewer.read(&assignment.properties.policy_id, &[]).await?;
    let approval =
        policy.properties.rules.get("Approval_EndUser_Assignment").and_then(|rule| rule.setting.as_ref());
    let stages = approval.into_iter().flat_map(|approval| &approval.approval_stages);
    let ids: Vec<&str> =
        stages.flat_map(|stage| &stage.primary_approvers).map(|approver| approver.id.as_str()).collect();
    let names = viewer.principals_of(viewer.tenant_for(scope), &ids).await?;
    Ok(Setting {
        scope: scope.into(),
        role: super::name_of(role).into(),
        role_name: assignment.role().into(),
        policy_id: assignment.properties.policy_id.clone(),
        policy: policy.properties,
        names,
    })
}

async fn page(
    viewer: &Viewer,
    setting: &Setting,
    edit: &str,
    typed: Option<&Form>,
    error: Option<&Error>,
) -> Result<Response> {
    let here = setting_page(&setting.scope, &setting.role);
    let list = link::page("privileged/settings", &setting.scope);
    let frame = viewer
        .frame(super::Section::Privileged, setting.role_name.as_str())
        .subtitle(format!("Role settings on {}", words::scope(&setting.scope)))
        .crumb("Role settings", SETTINGS)
        .crumb(words::scope(&setting.scope), list);
    let frame = if edit.is_empty() { frame } else { frame.crumb(setting.role_name.as_str(), here.as_str()) };
    let problem = error.map(super::in_words);
    let step_up = error.and_then(|error| viewer.step_up(error, &link::with(&here, "edit", edit)));
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    let rules = &setting.policy.rules;
    Ok(match edit {
        "activation" => {
            let directory = viewer.tenant_for(&setting.scope);
            let mut form = typed.map_or_else(|| Activation::of(rules), Activation::typed);
            if let Some(typed) = typed {
                again(viewer, &mut form, typed, &setting.names);
            }
            let page = ActivationPage {
                frame,
                here,
                form,
                contexts: contexts(viewer, directory).await?,
                people: viewer.some_principals(directory).await?,
                names: &setting.names,
                problem,
                step_up,
            };
            viewer.page_with(status, &page)
        }
        "assignment" => {
            let one = |level: &'static str| {
                typed.map_or_else(|| Giving::of(level, rules), |form| Giving::typed(level, form))
            };
            let page =
                GivingPage { frame, here, forms: [one("Eligibility"), one("Assignment")], problem, step_up };
            viewer.page_with(status, &page)
        }
        "mails" => {
            let form = typed.map_or_else(|| MailForm::of(rules), MailForm::typed);
            viewer.page_with(status, &MailsPage { frame, here, form, problem, step_up })
        }
        _ => viewer.page_with(status, &SettingPage { frame, setting, rules, problem }),
    })
}

/// A form that is shown again: with those who were found, and with one more stage if that was asked for.
fn again(_viewer: &Viewer, form: &mut Activation, typed: &Form, names: &BTreeMap<String, Known>) {
    for (stage, text) in form.added() {
        let found = names.values().find(|known| {
            known.handle().eq_ignore_ascii_case(&text)
                || known.id.eq_ignore_ascii_case(&text)
                || known.display_name.eq_ignore_ascii_case(&text)
        });
        if let Some(known) = found {
            form.add(stage, known);
        }
    }
    if typed.get("do") == Some("add-stage") {
        form.add_stage();
    }
}

/// The contexts of a directory, as far as the viewer may know them.
async fn contexts(viewer: &Viewer, directory: Option<arm::TenantId>) -> Result<Vec<Context>> {
    let path = "identity/conditionalAccess/authenticationContextClassReferences";
    match viewer.people::<Context>(directory, path, &[]).await {
        Ok(part) => Ok(part.entries),
        Err(error) if error.kind == arm::ErrorKind::Forbidden => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A mail rule in words.
struct Mail {
    occasion: &'static str,
    to: &'static str,
    words: String,
}

impl SettingPage<'_> {
    fn edit(&self, what: &str) -> String {
        link::with(&setting_page(&self.setting.scope, &self.setting.role), "edit", what)
    }

    fn changed(&self) -> Option<super::super::moment::Moment> {
        self.setting.policy.last_modified_date_time.map(super::super::moment::Moment)
    }

    fn changed_by(&self) -> &str {
        self.setting.policy.last_modified_by.as_ref().map_or("nobody", |by| by.display_name.as_str())
    }

    fn longest(&self) -> String {
        let rule = self.rules.get("Expiration_EndUser_Assignment");
        rule.map(|rule| length::in_words(&rule.maximum_duration)).unwrap_or_default()
    }

    fn asks(&self, level: &str, what: &str) -> bool {
        self.rules.asks(&format!("Enablement_{level}"), what)
    }

    fn stages(&self) -> &[Stage] {
        self.rules.approval().map_or(&[], |approval| approval.approval_stages.as_slice())
    }

    /// Names for people of whoever decides in a stage.
    fn approvers(&self, stage: &Stage) -> Vec<String> {
        let name = |approver: &super::rules::Approver| match self.setting.names.get(&approver.id) {
            Some(known) => known.label(),
            None if approver.description.is_empty() => {
                format!("{} (not in the directory any more)", approver.id)
            }
            None => format!("{} (not in the directory any more)", approver.description),
        };
        stage.primary_approvers.iter().map(name).collect()
    }

    /// How long somebody may be given it.
    fn given(&self, level: &str) -> String {
        match self.rules.get(&format!("Expiration_Admin_{level}")) {
            Some(Rule { is_expiration_required: true, maximum_duration, .. }) => {
                format!("It ends after {} at the latest", length::in_words(maximum_duration))
            }
            _ => "It may be given without an end".into(),
        }
    }

    fn mails(&self) -> Vec<Mail> {
        super::setting_form::mail_rules()
            .map(|(id, occasion, to)| Mail { occasion, to, words: mail_words(self.rules.get(&id)) })
            .collect()
    }

    fn findings(&self) -> Vec<(&'static str, &str)> {
        let kind = |severity: &str| match severity {
            "Error" => "bad",
            "Warning" => "warn",
            _ => "",
        };
        let findings = self.setting.policy.approver_findings.iter();
        findings.map(|finding| (kind(&finding.severity), finding.message.as_str())).collect()
    }
}

fn mail_words(rule: Option<&Rule>) -> String {
    let Some(rule) = rule else { return "unknown".into() };
    let which = match rule.notification_level.as_str() {
        "All" => "All mails",
        "Critical" => "Mails that ask for something",
        _ => return "No mail".into(),
    };
    let more = rule.notification_recipients.as_deref().unwrap_or_default().join(", ");
    match (rule.is_default_recipients_enabled, more.is_empty()) {
        (true, true) => which.into(),
        (true, false) => format!("{which}, and also to {more}"),
        (false, true) => "Nobody".into(),
        (false, false) => format!("{which}, only to {more}"),
    }
}
