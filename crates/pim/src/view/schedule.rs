//! Schedules and their instances as the API shows them (contract 6.5). A schedule is what will hold, holds, and
//! disappears when it is over; an instance is what holds now. Both bear the name of the request that made them, so a
//! client that mixes the two names up still finds what it looks for.

use arm::{ObjectId, RequestId, ResourceId, RoleId, long_timestamp};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::names::{Names, expanded, scope_kind};
use crate::{
    ActivationRequest, DirectAssignment, Eligibility, Family, Grant, PrincipalKind, Status, Window, paths,
};

/// How a schedule concerns whoever lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberType {
    /// It is theirs, at the scope that is listed.
    Direct,
    /// It comes from a scope above.
    Inherited,
    /// It is that of a group they are in.
    Group,
}

impl MemberType {
    /// How `grant` concerns `viewer` (anybody in general, if none) in a list at `scope`.
    pub fn of(grant: &Grant, viewer: Option<ObjectId>, scope: &ResourceId) -> Self {
        match viewer {
            Some(viewer) if viewer != grant.principal => Self::Group,
            _ if grant.scope != *scope && scope.is_within(&grant.scope) => Self::Inherited,
            _ => Self::Direct,
        }
    }

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "Direct",
            Self::Inherited => "Inherited",
            Self::Group => "Group",
        }
    }
}

/// What every schedule and instance shows.
struct Shown<'a> {
    family: Family,
    name: RequestId,
    scope: &'a ResourceId,
    role: RoleId,
    principal: ObjectId,
    principal_kind: PrincipalKind,
    window: Window,
    member: MemberType,
    created: Timestamp,
    updated: Timestamp,
    request: RequestId,
    /// How an assignment came about; none for an eligibility.
    assignment: Option<Origin>,
}

/// How an assignment came about.
enum Origin {
    Activated { eligibility: RequestId, eligibility_scope: ResourceId },
    Assigned,
}

impl Eligibility {
    /// The eligibility as `roleEligibilitySchedules/{name}`; none when it is over.
    pub fn schedule_json(&self, member: MemberType, names: &dyn Names, now: Timestamp) -> Option<Value> {
        let shown = Shown::of_grant(self.grant(), Family::Eligibility, member, None);
        shown.schedule(names, now)
    }

    /// The eligibility as `roleEligibilityScheduleInstances/{name}`; none when it is not in force.
    pub fn instance_json(&self, member: MemberType, names: &dyn Names, now: Timestamp) -> Option<Value> {
        let shown = Shown::of_grant(self.grant(), Family::Eligibility, member, None);
        shown.instance(names, now)
    }
}

impl DirectAssignment {
    /// The assignment as `roleAssignmentSchedules/{name}`; none when it is over.
    pub fn schedule_json(&self, member: MemberType, names: &dyn Names, now: Timestamp) -> Option<Value> {
        let shown = Shown::of_grant(self.grant(), Family::Assignment, member, Some(Origin::Assigned));
        shown.schedule(names, now)
    }

    /// The assignment as `roleAssignmentScheduleInstances/{name}`; none when it is not in force.
    pub fn instance_json(&self, member: MemberType, names: &dyn Names, now: Timestamp) -> Option<Value> {
        let shown = Shown::of_grant(self.grant(), Family::Assignment, member, Some(Origin::Assigned));
        shown.instance(names, now)
    }
}

impl ActivationRequest {
    /// The activation as `roleAssignmentSchedules/{name}`; none unless it holds or will.
    pub fn schedule_json(&self, names: &dyn Names, now: Timestamp) -> Option<Value> {
        self.shown()?.schedule(names, now)
    }

    /// The activation as `roleAssignmentScheduleInstances/{name}`; none unless it is in force.
    pub fn instance_json(&self, names: &dyn Names, now: Timestamp) -> Option<Value> {
        self.shown()?.instance(names, now)
    }

    fn shown(&self) -> Option<Shown<'_>> {
        Some(Shown {
            family: Family::Assignment,
            name: self.name(),
            scope: self.scope(),
            role: self.role(),
            principal: self.principal(),
            principal_kind: PrincipalKind::User,
            window: self.window()?,
            member: match self.through() {
                Some(_) => MemberType::Group,
                None => MemberType::Direct,
            },
            created: self.created(),
            updated: self.created(),
            request: self.name(),
            assignment: Some(Origin::Activated {
                eligibility: self.eligibility(),
                eligibility_scope: self.eligibility_scope().clone(),
            }),
        })
    }
}

impl<'a> Shown<'a> {
    fn of_grant(grant: &'a Grant, family: Family, member: MemberType, assignment: Option<Origin>) -> Self {
        Self {
            family,
            name: grant.name,
            scope: &grant.scope,
            role: grant.role,
            principal: grant.principal,
            principal_kind: grant.principal_kind,
            window: grant.window,
            member,
            created: grant.created,
            updated: grant.updated.unwrap_or(grant.created),
            request: grant.request,
            assignment,
        }
    }

    fn schedule(&self, names: &dyn Names, now: Timestamp) -> Option<Value> {
        if self.window.has_ended(now) {
            return None;
        }
        let prefix = self.family.prefix();
        let mut properties = self.common(names, now);
        let request =
            paths::below(self.scope, &format!("{prefix}ScheduleRequests"), &self.request.to_string());
        properties.insert(format!("{prefix}ScheduleRequestId"), request.into());
        properties.insert("updatedOn".into(), long_timestamp(self.updated).into());
        if let Some(Origin::Activated { .. }) = self.assignment {
            let linked = self.linked("roleEligibilitySchedules");
            properties.insert("linkedRoleEligibilityScheduleId".into(), json!(linked));
        }
        Some(self.resource(&format!("{prefix}Schedules"), properties))
    }

    fn instance(&self, names: &dyn Names, now: Timestamp) -> Option<Value> {
        if !self.window.contains(now) {
            return None;
        }
        let prefix = self.family.prefix();
        let name = self.name.to_string();
        let mut properties = self.common(names, now);
        let schedule = paths::below(self.scope, &format!("{prefix}Schedules"), &name);
        properties.insert(format!("{prefix}ScheduleId"), schedule.into());
        if self.assignment.is_some() {
            let origin = paths::below(self.scope, "roleAssignments", &name);
            properties.insert("originRoleAssignmentId".into(), origin.into());
        }
        if let Some(Origin::Activated { .. }) = self.assignment {
            let linked = self.linked("roleEligibilitySchedules");
            let instance = self.linked("roleEligibilityScheduleInstances");
            properties.insert("linkedRoleEligibilityScheduleId".into(), json!(linked));
            properties.insert("linkedRoleEligibilityScheduleInstanceId".into(), json!(instance));
        }
        Some(self.resource(&format!("{prefix}ScheduleInstances"), properties))
    }

    /// The id of the eligibility behind an activation, as a resource of the given kind.
    fn linked(&self, kind: &str) -> Option<String> {
        match &self.assignment {
            Some(Origin::Activated { eligibility, eligibility_scope }) => {
                Some(paths::below(eligibility_scope, kind, &eligibility.to_string()))
            }
            Some(Origin::Assigned) | None => None,
        }
    }

    fn common(&self, names: &dyn Names, now: Timestamp) -> Map<String, Value> {
        let status = match self.window.start() > now {
            true => Status::Granted,
            false => Status::Provisioned,
        };
        let mut properties = Map::new();
        let mut put = |key: &str, value: Value| properties.insert(key.into(), value);
        put("scope", self.scope.as_str().into());
        put("roleDefinitionId", paths::role_definition_id(self.scope, self.role).into());
        put("principalId", json!(self.principal));
        put("principalType", self.principal_kind.as_str().into());
        put("memberType", self.member.as_str().into());
        put("status", status.as_str().into());
        put("startDateTime", long_timestamp(self.window.start()).into());
        put("endDateTime", json!(self.window.end().map(long_timestamp)));
        put("createdOn", long_timestamp(self.created).into());
        put("condition", Value::Null);
        put("conditionVersion", Value::Null);
        put("expandedProperties", expanded(names, self.scope, self.role, self.principal));
        match self.assignment {
            Some(Origin::Activated { .. }) => put("assignmentType", "Activated".into()),
            Some(Origin::Assigned) => put("assignmentType", "Assigned".into()),
            None => None,
        };
        properties
    }

    fn resource(&self, kind: &str, properties: Map<String, Value>) -> Value {
        json!({
            "id": paths::below(self.scope, kind, &self.name.to_string()),
            "name": self.name,
            "type": format!("Microsoft.Authorization/{kind}"),
            "properties": properties,
        })
    }
}

/// A scope as an entry of `eligibleChildResources`.
pub fn child_resource_json(scope: &ResourceId, names: &dyn Names) -> Value {
    json!({"id": scope.as_str(), "name": names.scope(scope), "type": scope_kind(scope)})
}
