//! Schedule requests as the API shows them (contract 6.4).

use arm::{ObjectId, RequestId, ResourceId, RoleId, long_timestamp};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::names::{Names, expanded};
use crate::{
    ActivationRequest, Expiration, ExtensionRequest, Family, PrincipalKind, Progress, RequestRecord,
    RequestType, ScheduleInfo, Status, Ticket, paths,
};

/// What every schedule request shows.
struct Shown<'a> {
    family: Family,
    name: RequestId,
    scope: &'a ResourceId,
    role: RoleId,
    principal: ObjectId,
    principal_kind: PrincipalKind,
    request_type: RequestType,
    status: Status,
    start: Timestamp,
    asked: &'a ScheduleInfo,
    justification: &'a str,
    ticket: &'a Ticket,
    requestor: ObjectId,
    created: Timestamp,
}

impl RequestRecord {
    /// The request as `role{Eligibility,Assignment}ScheduleRequests/{name}` at `now`.
    pub fn to_json(&self, names: &dyn Names, now: Timestamp) -> Value {
        let shown = Shown {
            family: self.family,
            name: self.name,
            scope: &self.scope,
            role: self.role,
            principal: self.principal,
            principal_kind: self.principal_kind,
            request_type: self.request_type,
            status: self.status_at(now),
            start: self.window.map_or(self.created, |window| window.start()),
            asked: &self.asked,
            justification: &self.justification,
            ticket: &self.ticket,
            requestor: self.by.object,
            created: self.created,
        };
        let target = (!self.locked).then_some(self.target);
        let mut more = target_schedule(self.family, &self.scope, target);
        if let Some(linked) = self.linked_eligibility {
            more.insert("linkedRoleEligibilityScheduleId".into(), json!(linked));
        }
        shown.to_json(names, more)
    }
}

/// The property that names the schedule a request is about.
fn target_schedule(family: Family, scope: &ResourceId, target: Option<RequestId>) -> Map<String, Value> {
    let kind = format!("{}Schedules", family.prefix());
    let id = target.map(|target| paths::below(scope, &kind, &target.to_string()));
    Map::from_iter([(format!("target{}ScheduleId", capitalised(family)), json!(id))])
}

impl ExtensionRequest {
    /// The request as `role{Eligibility,Assignment}ScheduleRequests/{name}`, with the status the caller passes:
    /// [`ExtensionRequest::status_at`], or `PendingEvaluation` for `validate`.
    pub fn to_json(&self, names: &dyn Names, status: Status) -> Value {
        let shown = Shown {
            family: self.family(),
            name: self.name(),
            scope: self.scope(),
            role: self.role(),
            principal: self.principal(),
            principal_kind: PrincipalKind::User,
            request_type: self.request_type(),
            status,
            start: self.asked().start.unwrap_or(self.created()),
            asked: self.asked(),
            justification: self.justification(),
            ticket: self.ticket(),
            requestor: self.principal(),
            created: self.created(),
        };
        shown.to_json(names, target_schedule(self.family(), self.scope(), Some(self.target())))
    }
}

impl ActivationRequest {
    /// The request as `roleAssignmentScheduleRequests/{name}`, with the status the caller passes:
    /// [`ActivationRequest::status_at`], or [`ActivationRequest::status_of_dry_run`] for `validate`.
    pub fn to_json(&self, names: &dyn Names, status: Status) -> Value {
        let start = match self.progress() {
            Progress::Provisioned { window, .. } | Progress::Revoked { window, .. } => window.start(),
            Progress::PendingApproval { .. } | Progress::Denied { .. } | Progress::Canceled { .. } => {
                self.asked().start.unwrap_or(self.created())
            }
        };
        let shown = Shown {
            family: Family::Assignment,
            name: self.name(),
            scope: self.scope(),
            role: self.role(),
            principal: self.principal(),
            principal_kind: PrincipalKind::User,
            request_type: RequestType::SelfActivate,
            status,
            start,
            asked: self.asked(),
            justification: self.justification(),
            ticket: self.ticket(),
            requestor: self.principal(),
            created: self.created(),
        };
        shown.to_json(names, self.own_properties())
    }

    fn own_properties(&self) -> Map<String, Value> {
        let approval = self.has_approval().then(|| paths::approval_id(self.name()));
        let schedule = match self.progress() {
            Progress::Provisioned { .. } | Progress::Revoked { .. } => {
                Some(paths::below(self.scope(), "roleAssignmentSchedules", &self.name().to_string()))
            }
            Progress::PendingApproval { .. } | Progress::Denied { .. } | Progress::Canceled { .. } => None,
        };
        Map::from_iter([
            ("approvalId".to_string(), json!(approval)),
            ("linkedRoleEligibilityScheduleId".to_string(), json!(self.eligibility())),
            ("targetRoleAssignmentScheduleId".to_string(), json!(schedule)),
        ])
    }
}

impl Shown<'_> {
    fn to_json(&self, names: &dyn Names, more: Map<String, Value>) -> Value {
        let kind = format!("{}ScheduleRequests", self.family.prefix());
        let mut properties = more;
        let mut put = |key: &str, value: Value| properties.insert(key.into(), value);
        put("scope", self.scope.as_str().into());
        put("roleDefinitionId", paths::role_definition_id(self.scope, self.role).into());
        put("principalId", json!(self.principal));
        put("principalType", self.principal_kind.as_str().into());
        put("requestType", self.request_type.as_str().into());
        put("status", self.status.as_str().into());
        put("scheduleInfo", schedule_info(self.start, self.asked));
        put("ticketInfo", ticket(self.ticket));
        put("requestorId", json!(self.requestor));
        put("createdOn", long_timestamp(self.created).into());
        put("expandedProperties", expanded(names, self.scope, self.role, self.principal));
        if !self.justification.is_empty() {
            put("justification", self.justification.into());
        }
        json!({
            "id": paths::below(self.scope, &kind, &self.name.to_string()),
            "name": self.name,
            "type": format!("Microsoft.Authorization/{kind}"),
            "properties": properties,
        })
    }
}

fn capitalised(family: Family) -> &'static str {
    match family {
        Family::Eligibility => "RoleEligibility",
        Family::Assignment => "RoleAssignment",
    }
}

pub(super) fn schedule_info(start: Timestamp, asked: &ScheduleInfo) -> Value {
    let expiration = match asked.expiration {
        Expiration::AfterDuration(length) => json!({"type": "AfterDuration", "duration": length}),
        Expiration::AfterDateTime(end) => {
            json!({"type": "AfterDateTime", "endDateTime": long_timestamp(end)})
        }
        Expiration::NoExpiration => json!({"type": "NoExpiration"}),
    };
    json!({"startDateTime": long_timestamp(start), "expiration": expiration})
}

pub(super) fn ticket(ticket: &Ticket) -> Value {
    let fields = [("ticketNumber", &ticket.number), ("ticketSystem", &ticket.system)];
    let given =
        fields.into_iter().filter_map(|(key, value)| Some((key.to_string(), Value::from(value.clone()?))));
    Value::Object(given.collect())
}
