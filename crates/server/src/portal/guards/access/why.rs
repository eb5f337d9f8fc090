//! "Why can this person do that?", answered by assignment, group and path; and why not, with what would give it.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use rbac::Action;
use serde::Deserialize;

use super::Scope;
use super::tasks::{self, Task};
use crate::portal::guards::findings;
use crate::portal::guards::holdings::{self, Role};
use crate::portal::guards::principals::{self, Found, Principal};
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

/// How many roles that would give it are named.
const ROLES: usize = 4;

/// What is asked.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A part of somebody's name.
    q: String,
    /// Somebody's object id.
    who: String,
    /// A task's key.
    task: String,
    /// An action of one's own.
    action: String,
}

/// `checkAccess` about one action.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "AccessDecision")]
    decision: String,
    #[serde(rename = "RoleAssignment")]
    assignment: Option<Assignment>,
    reason: String,
    path: Option<Way>,
    #[serde(default)]
    locks: Vec<Lock>,
    #[serde(default)]
    eligibilities: Vec<Eligibility>,
}

#[derive(Deserialize)]
struct Assignment {
    #[serde(rename = "Id")]
    id: String,
}

/// How somebody comes to hold it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Way {
    #[serde(default)]
    groups: Vec<Named>,
    role_name: Option<String>,
    scope: String,
    scope_name: String,
    assignment_type: String,
    end_date_time: Option<jiff::Timestamp>,
    activation: Option<Activation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    #[serde(default)]
    display_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activation {
    requested_on: jiff::Timestamp,
    is_approved: bool,
    #[serde(default)]
    groups: Vec<Named>,
}

#[derive(Deserialize)]
struct Lock {
    id: String,
    level: String,
    #[serde(default)]
    notes: Option<String>,
}

/// What somebody could activate.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Eligibility {
    role_name: Option<String>,
    scope_name: String,
    #[serde(default)]
    groups: Vec<Named>,
    is_approval_required: bool,
    end_date_time: Option<jiff::Timestamp>,
}

/// The answer to a question, with what was asked.
struct Told {
    who: Principal,
    what: String,
    action: String,
    answer: Answer,
    /// Roles that would give it, those that give the least else first.
    roles: Vec<Role>,
}

/// Whether somebody is on a list of approvers.
struct Approval {
    who: Principal,
    /// The lists that they are on: of which role, and through which group, if it is one.
    lists: Vec<(String, Option<String>)>,
    /// All roles that were looked at, with the pages of their settings.
    roles: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "portal/guards/why.html")]
struct WhyPage {
    frame: Frame,
    scope: Scope,
    tasks: Vec<Task>,
    asked: Asked,
    found: Found,
    chosen: Option<Principal>,
    told: Option<Told>,
    approval: Option<Approval>,
    problem: Option<String>,
    now: jiff::Timestamp,
}

/// `GET /portal/access/why/{scope}`: asking changes nothing.
pub async fn show(viewer: Viewer, Path(scope): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = page(&viewer, &scope, asked).await;
    viewer.answer(page)
}

async fn page(viewer: &Viewer, path: &str, asked: Asked) -> Result<Response> {
    let scope = Scope::read(viewer, path).await?;
    let tasks = tasks::at(&scope);
    let (chosen, found) = whom(viewer, &scope, &asked).await?;
    let approval = match &chosen {
        Some(who) if asked.asks_to_approve() => Some(approval(viewer, &scope, who).await?),
        _ => None,
    };
    let question = question(&tasks, &asked).filter(|_| !asked.asks_to_approve());
    let (told, error) = match (&chosen, question) {
        (Some(who), Some(Ok((what, action)))) => match ask(viewer, &scope, who, what, action).await {
            Ok(told) => (Some(told), None),
            Err(error) => (None, Some(error)),
        },
        (_, Some(Err(error))) => (None, Some(error)),
        _ => (None, None),
    };
    let status = error.as_ref().map_or(StatusCode::OK, |error| status_of(error.kind));
    let mut frame = scope.frame(viewer).crumb(&scope.name, scope.page("scope"));
    frame.title = format!("Why can somebody do that on {}?", scope.name);
    let page = WhyPage {
        frame,
        scope,
        tasks,
        asked,
        found,
        chosen,
        told,
        approval,
        problem: error.map(|error| error.message),
        now: viewer.now,
    };
    Ok(viewer.page_with(status, &page))
}

/// Who is meant: by id, by the only name that fits, or else the viewer.
async fn whom(viewer: &Viewer, scope: &Scope, asked: &Asked) -> Result<(Option<Principal>, Found)> {
    let at = scope.id.as_str();
    // Who types another name means that one.
    let named = !asked.q.trim().is_empty();
    if !asked.who.is_empty() && !named {
        return Ok((Some(principals::one(viewer, at, &asked.who).await?), Found::default()));
    }
    if !named {
        let Some(me) = viewer.account_for(at) else { return Ok((None, Found::default())) };
        let me = principals::one(viewer, at, &me.signed_in.object.to_string()).await?;
        return Ok((Some(me), Found::default()));
    }
    let found = principals::find(viewer, at, &asked.q).await?;
    match found.principals.as_slice() {
        [only] => Ok((Some(only.clone()), Found::default())),
        _ => Ok((None, found)),
    }
}

/// What is asked about, in words and as an action; nothing while nothing was chosen.
fn question(tasks: &[Task], asked: &Asked) -> Option<Result<(String, String)>> {
    let action = asked.action.trim();
    if !action.is_empty() {
        return Some(
            Action::parse(action).map(|known| (known.as_str().to_string(), known.as_str().to_string())),
        );
    }
    if asked.task.is_empty() {
        return None;
    }
    let task = tasks.iter().find(|task| task.key == asked.task);
    let none = || Error::invalid("InvalidTask", "Choose what it is about.");
    Some(task.map(|task| (task.words.clone(), task.action.clone())).ok_or_else(none))
}

impl Asked {
    fn asks_to_approve(&self) -> bool {
        self.task == tasks::APPROVE && self.action.trim().is_empty()
    }
}

/// Who approves is said by the settings of roles.
async fn approval(viewer: &Viewer, scope: &Scope, who: &Principal) -> Result<Approval> {
    let at = scope.id.as_str();
    let groups = principals::groups_of(viewer, at, &who.id).await?;
    let mut lists = Vec::new();
    let policies = findings::policies(viewer, at).await?;
    for policy in &policies {
        for line in policy.stages.iter().flat_map(|stage| &stage.people) {
            if line.id == who.id {
                lists.push((policy.role.clone(), None));
            } else if groups.contains(&line.id) {
                lists.push((policy.role.clone(), Some(line.name().to_string())));
            }
        }
    }
    let roles = policies.into_iter().map(|policy| (policy.role, policy.settings)).collect();
    Ok(Approval { who: who.clone(), lists, roles })
}

async fn ask(viewer: &Viewer, scope: &Scope, who: &Principal, what: String, action: String) -> Result<Told> {
    let at = scope.id.as_str();
    let answers: Vec<Answer> = viewer.check_access(at, &who.id, &[&action]).await?;
    let none = || Error::internal("checkAccess did not answer");
    let answer = answers.into_iter().next().ok_or_else(none)?;
    let mut roles = Vec::new();
    if answer.decision != "Allowed" {
        let wanted = Action::parse(&action)?;
        // Whoever may not read roles is told of none.
        roles = holdings::roles(viewer, at).await.unwrap_or_default();
        roles.retain(|role| role.grants(&wanted));
        roles.sort_by_key(breadth);
        roles.truncate(ROLES);
    }
    Ok(Told { who: who.clone(), what, action, answer, roles })
}

/// How much a role gives: what it has without bounds counts most.
fn breadth(role: &Role) -> (usize, usize) {
    let actions = || role.properties.permissions.iter().flat_map(|permission| &permission.actions);
    (actions().filter(|action| action.as_str().starts_with('*')).count(), actions().count())
}

fn names(groups: &[Named]) -> String {
    let names: Vec<&str> = groups.iter().map(|group| group.display_name.as_str()).collect();
    names.join(", which is in ")
}

impl Told {
    fn is_allowed(&self) -> bool {
        self.answer.decision == "Allowed"
    }

    fn remove(&self) -> Option<String> {
        self.answer.assignment.as_ref().map(|assignment| link::page("access/remove", &assignment.id))
    }
}

impl Way {
    fn through(&self) -> String {
        names(&self.groups)
    }

    fn role(&self) -> &str {
        self.role_name.as_deref().unwrap_or("a role that is gone")
    }

    fn ends(&self) -> Option<Moment> {
        self.end_date_time.map(Moment)
    }

    fn is_activation(&self) -> bool {
        self.assignment_type == "Activated"
    }

    fn place(&self) -> &str {
        if self.scope == "/" { "all of the directory" } else { &self.scope_name }
    }
}

impl Activation {
    fn asked(&self) -> Moment {
        Moment(self.requested_on)
    }

    fn through(&self) -> String {
        names(&self.groups)
    }
}

impl Eligibility {
    fn through(&self) -> String {
        names(&self.groups)
    }

    fn role(&self) -> &str {
        self.role_name.as_deref().unwrap_or("a role that is gone")
    }

    fn ends(&self) -> Option<Moment> {
        self.end_date_time.map(Moment)
    }
}

impl Lock {
    fn name(&self) -> &str {
        crate::portal::words::name_of(&self.id)
    }
}

impl WhyPage {
    /// The same question about somebody else.
    fn about(&self, who: &Principal) -> String {
        let here = link::with(&self.scope.page("why"), "who", &who.id);
        let here = link::with(&here, "task", &self.asked.task);
        link::with(&here, "action", &self.asked.action)
    }

    fn groups(&self) -> Vec<(&'static str, Vec<&Task>)> {
        tasks::groups(&self.tasks)
    }

    fn is_task(&self, task: &Task) -> bool {
        self.asked.task == task.key
    }

    fn give(&self, role: &Role) -> String {
        let here = link::with(&self.scope.page("add"), "role", &role.id);
        match &self.chosen {
            Some(who) => link::with(&here, "who", &who.id),
            None => here,
        }
    }
}
