//! Who holds what at a scope: assigned, for a while, activated, or eligible.
//!
//! Three lists of the API are put together. Role assignments are what counts now; schedules say of some of these when they
//! end and that they were activated, and of others that they begin later; eligibilities are what somebody may activate.

use std::collections::{BTreeMap, BTreeSet};

use arm::Result;
use rbac::{Action, Permission};
use serde::Deserialize;

use super::principals::{self, Principal};
use crate::portal::ask::authorization;
use crate::portal::consent::Schedule;
use crate::portal::moment::Moment;
use crate::portal::places::Names;
use crate::portal::viewer::Viewer;
use crate::portal::words;

/// How somebody holds a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Activated, for a short time.
    Activated,
    /// Assigned, without an end.
    Standing,
    /// Assigned until some day.
    UntilThen,
    /// Assigned from some day on.
    Later,
    /// Not held, but may be activated.
    Eligible,
}

/// One role of somebody at a scope.
#[derive(Clone, Debug)]
pub struct Holding {
    /// Whose.
    pub principal: Principal,
    /// The role definition's id.
    pub role_id: String,
    /// The role's name.
    pub role: String,
    /// Where it is held.
    pub scope: String,
    /// What that is called.
    pub place: String,
    /// Whether that is above the scope that was asked about.
    pub inherited: bool,
    /// How.
    pub how: How,
    /// Since when, if it is known.
    pub starts: Option<Moment>,
    /// Until when, if it ends.
    pub ends: Option<Moment>,
    /// What is removed to take it away.
    pub id: String,
    /// What somebody noted about it.
    pub description: String,
}

/// A role definition.
#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    /// Its id.
    pub id: String,
    /// Its name, which is the same below every scope.
    pub name: String,
    /// The rest.
    pub properties: RoleProperties,
}

/// What a role definition says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleProperties {
    /// What people call it.
    pub role_name: String,
    /// `BuiltInRole` or `CustomRole`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Where it may be assigned.
    #[serde(default)]
    pub assignable_scopes: Vec<String>,
    /// What it grants.
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

impl Role {
    /// Whether it grants an action.
    pub fn grants(&self, action: &Action) -> bool {
        self.properties.permissions.iter().any(|permission| permission.grants(action))
    }

    /// Whether people made it.
    pub fn is_custom(&self) -> bool {
        self.properties.kind == "CustomRole"
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Assignment {
    id: String,
    name: String,
    properties: AssignmentProperties,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssignmentProperties {
    role_definition_id: String,
    principal_id: String,
    scope: String,
    #[serde(default)]
    description: Option<String>,
    created_on: Option<jiff::Timestamp>,
}

/// Everything about roles at a scope.
pub struct Held {
    /// Who holds or may activate what there, at it and above it: by name.
    pub holdings: Vec<Holding>,
    /// The roles that can be assigned there.
    pub roles: Vec<Role>,
}

/// The roles that can be assigned at a scope, by name.
///
/// # Errors
/// What ARM answers.
pub async fn roles(viewer: &Viewer, scope: &str) -> Result<Vec<Role>> {
    let mut roles: Vec<Role> = viewer.list(&authorization(scope, "roleDefinitions"), &[]).await?;
    roles.sort_by(|one, other| one.properties.role_name.cmp(&other.properties.role_name));
    Ok(roles)
}

/// Who holds what at a scope and above it.
///
/// # Errors
/// What ARM answers: a refusal for whoever may not read role assignments there.
pub async fn read(viewer: &Viewer, scope: &str) -> Result<Held> {
    let here = [("$filter", "atScope()")];
    let assignments: Vec<Assignment> = viewer.list(&authorization(scope, "roleAssignments"), &here).await?;
    let schedules: Vec<Schedule> =
        viewer.list(&authorization(scope, "roleAssignmentSchedules"), &here).await?;
    let eligible: Vec<Schedule> =
        viewer.list(&authorization(scope, "roleEligibilitySchedules"), &here).await?;
    let roles = roles(viewer, scope).await?;
    let ids = assignments.iter().map(|one| &one.properties.principal_id);
    let ids = ids.chain(schedules.iter().chain(&eligible).map(|one| &one.properties.principal_id));
    let names = principals::names(viewer, scope, ids.cloned().collect()).await?;
    let at = assignments.iter().map(|one| one.properties.scope.as_str());
    let at = at.chain(eligible.iter().map(|one| one.properties.scope.as_str()));
    let places = Names::of_scopes(viewer, at).await?;
    let book = Book { scope, names, places, roles: &roles };
    let mut holdings = book.assigned(&assignments, &schedules);
    holdings.extend(eligible.iter().map(|one| book.scheduled(one, How::Eligible)));
    holdings.sort_by(|one, other| one.order().cmp(&other.order()));
    Ok(Held { holdings, roles })
}

/// What names stand for at a scope.
struct Book<'a> {
    scope: &'a str,
    names: BTreeMap<String, Principal>,
    places: Names,
    roles: &'a [Role],
}

impl Book<'_> {
    fn assigned(&self, assignments: &[Assignment], schedules: &[Schedule]) -> Vec<Holding> {
        let by_name: BTreeMap<&str, &Schedule> =
            schedules.iter().map(|schedule| (schedule.name.as_str(), schedule)).collect();
        let mut seen = BTreeSet::new();
        let mut holdings = Vec::new();
        for assignment in assignments {
            seen.insert(assignment.name.as_str());
            holdings.push(match by_name.get(assignment.name.as_str()) {
                Some(schedule) => self.scheduled(schedule, how(schedule)),
                None => self.standing(assignment),
            });
        }
        // What begins later has no role assignment that counts yet.
        let later = schedules.iter().filter(|one| !seen.contains(one.name.as_str()));
        holdings.extend(later.map(|one| self.scheduled(one, How::Later)));
        holdings
    }

    fn standing(&self, assignment: &Assignment) -> Holding {
        let properties = &assignment.properties;
        Holding {
            principal: self.principal(&properties.principal_id),
            role: self.role(&properties.role_definition_id),
            role_id: properties.role_definition_id.clone(),
            inherited: self.is_above(&properties.scope),
            place: self.places.of(&properties.scope),
            scope: properties.scope.clone(),
            how: How::Standing,
            starts: properties.created_on.map(Moment),
            ends: None,
            id: assignment.id.clone(),
            description: properties.description.clone().unwrap_or_default(),
        }
    }

    fn scheduled(&self, schedule: &Schedule, how: How) -> Holding {
        let properties = &schedule.properties;
        Holding {
            principal: self.principal(&properties.principal_id),
            role: schedule.role().to_string(),
            role_id: properties.role_definition_id.clone(),
            inherited: self.is_above(&properties.scope),
            place: self.places.of(&properties.scope),
            scope: properties.scope.clone(),
            how,
            starts: properties.start_date_time.map(Moment),
            ends: properties.end_date_time.map(Moment),
            id: schedule.id.clone(),
            description: String::new(),
        }
    }

    fn principal(&self, id: &str) -> Principal {
        self.names.get(id).cloned().unwrap_or_else(|| Principal::unknown(id))
    }

    fn role(&self, id: &str) -> String {
        let name = words::name_of(id);
        let known = self.roles.iter().find(|role| role.name.eq_ignore_ascii_case(name));
        known.map_or_else(|| name.to_string(), |role| role.properties.role_name.clone())
    }

    fn is_above(&self, scope: &str) -> bool {
        !scope.trim_end_matches('/').eq_ignore_ascii_case(self.scope.trim_end_matches('/'))
    }
}

fn how(schedule: &Schedule) -> How {
    match (schedule.properties.assignment_type.as_str(), schedule.properties.end_date_time) {
        ("Activated", _) => How::Activated,
        (_, Some(_)) => How::UntilThen,
        (_, None) => How::Standing,
    }
}

impl Holding {
    fn order(&self) -> (String, How, &str) {
        (self.principal.name().to_lowercase(), self.how, &self.role)
    }

    /// How it is held, in a word or two.
    pub fn way(&self) -> &'static str {
        match self.how {
            How::Activated => "Active",
            How::Standing => "Always",
            How::UntilThen => "For a time",
            How::Later => "Later",
            How::Eligible => "Eligible",
        }
    }

    /// The kind of its badge.
    pub fn badge(&self) -> &'static str {
        match self.how {
            How::Activated => "warn",
            How::Eligible => "info",
            How::Standing | How::UntilThen | How::Later => "quiet",
        }
    }

    /// When it begins, if that is still to come.
    pub fn begins(&self) -> Option<Moment> {
        self.starts.filter(|_| self.how == How::Later)
    }

    /// Whether it counts now.
    pub fn counts_now(&self) -> bool {
        !matches!(self.how, How::Eligible | How::Later)
    }
}
