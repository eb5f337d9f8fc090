//! What somebody holds, may ask for and has asked for at a scope: the ways to consent from where they stand.

use arm::Result;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ask::authorization;
use super::moment::Moment;
use super::viewer::{Account, Viewer};
use super::words::name_of;
use crate::arm::route::Method;

/// One's own roles at a scope, by how they are held.
pub struct Roles {
    /// Those that one may activate.
    pub eligible: Vec<Schedule>,
    /// Those that are active, by activation or assignment.
    pub active: Vec<Schedule>,
    /// The requests that wait for somebody's approval.
    pub waiting: Vec<Schedule>,
}

/// A role that somebody holds, may activate or has asked for, as PIM's lists have it.
#[derive(Clone, Debug, Deserialize)]
pub struct Schedule {
    /// The resource's id.
    pub id: String,
    /// Its name, which is the schedule's.
    pub name: String,
    /// The rest.
    pub properties: ScheduleProperties,
}

/// What PIM says of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleProperties {
    /// Where it holds.
    pub scope: String,
    /// The role.
    pub role_definition_id: String,
    /// Whose it is.
    pub principal_id: String,
    /// `Provisioned`, `PendingApproval`, …
    #[serde(default)]
    pub status: String,
    /// Since when.
    pub start_date_time: Option<Timestamp>,
    /// Until when.
    pub end_date_time: Option<Timestamp>,
    /// When it was made.
    pub created_on: Option<Timestamp>,
    /// `Direct` or `Group`.
    #[serde(default)]
    pub member_type: String,
    /// `Activated` or `Assigned`.
    #[serde(default)]
    pub assignment_type: String,
    /// Why it was asked for.
    #[serde(default)]
    pub justification: String,
    /// What a request wants: `SelfActivate`, `AdminAssign`, …
    #[serde(default)]
    pub request_type: String,
    /// How long a request wants it.
    pub schedule_info: Option<ScheduleInfo>,
    /// The ticket that a request names.
    #[serde(default)]
    pub ticket_info: TicketInfo,
    /// The eligibility behind an activation: its id, or in a request its name alone.
    pub linked_role_eligibility_schedule_id: Option<String>,
    /// The eligibility that a request is about.
    pub target_role_eligibility_schedule_id: Option<String>,
    /// The assignment that a request is about.
    pub target_role_assignment_schedule_id: Option<String>,
    /// Names for people.
    pub expanded_properties: Expanded,
}

/// How long something is wanted.
#[derive(Clone, Debug, Deserialize)]
pub struct ScheduleInfo {
    /// How long.
    pub expiration: Expiration,
}

/// How long something is wanted: one of the two, or without end.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiration {
    /// An ISO 8601 duration.
    pub duration: Option<String>,
    /// Until when.
    pub end_date_time: Option<Timestamp>,
}

/// A ticket somewhere else.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketInfo {
    /// Its number.
    #[serde(default)]
    pub ticket_number: String,
    /// The system that it is of.
    #[serde(default)]
    pub ticket_system: String,
}

/// Names for people.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expanded {
    /// Of the role.
    pub role_definition: Named,
    /// Of the scope.
    pub scope: Named,
    /// Of whose it is.
    pub principal: Named,
}

/// A thing and its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub display_name: String,
}

impl Schedule {
    /// What the role is called.
    pub fn role(&self) -> &str {
        &self.properties.expanded_properties.role_definition.display_name
    }

    /// What the scope is called.
    pub fn scope(&self) -> &str {
        &self.properties.expanded_properties.scope.display_name
    }

    /// Until when, if it ends.
    pub fn ends(&self) -> Option<Moment> {
        self.properties.end_date_time.map(Moment)
    }

    /// When it was asked for.
    pub fn asked(&self) -> Option<Moment> {
        self.properties.created_on.map(Moment)
    }

    /// Whether it holds at a scope: it is set there or above.
    pub fn covers(&self, scope: &str) -> bool {
        let (mine, other) = (self.properties.scope.to_ascii_lowercase(), scope.to_ascii_lowercase());
        let mine = mine.trim_end_matches('/');
        other.strip_prefix(mine).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Where somebody stands who wants to do something: whether they may, or how they could.
#[derive(Default)]
pub struct Standing {
    /// By what they may.
    pub held: Option<Held>,
    /// The roles that they could activate for it.
    pub ways: Vec<Way>,
    /// Their requests for one of those roles, which wait for approval.
    pub waiting: Vec<Schedule>,
}

/// What lets somebody do something.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The role.
    #[serde(default)]
    pub role_name: String,
    /// Where it holds.
    #[serde(default)]
    pub scope_name: String,
    /// Until when, if it ends.
    pub end_date_time: Option<Timestamp>,
}

impl Held {
    /// Until when, if it ends.
    pub fn ends(&self) -> Option<Moment> {
        self.end_date_time.map(Moment)
    }
}

/// A role that somebody could activate.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// The role definition's id.
    pub role_definition_id: String,
    /// The role.
    #[serde(default)]
    pub role_name: String,
    /// Where they are eligible for it.
    #[serde(default)]
    pub scope_name: String,
    /// Whether somebody else has to approve.
    #[serde(default)]
    pub is_approval_required: bool,
}

/// What `checkAccess` says of an action.
#[derive(Deserialize)]
struct Checked {
    path: Option<Held>,
    #[serde(default)]
    eligibilities: Vec<Way>,
}

impl Viewer {
    /// Whether one may do something somewhere, and how one could; nothing of either where the directory does not know one.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn standing(&self, action: &str, scope: &str) -> Result<Standing> {
        let Some(account) = self.account_for(scope) else { return Ok(Standing::default()) };
        let me = account.signed_in.object.to_string();
        let checked: Vec<Checked> = self.check_access(scope, &me, &[action]).await?;
        let Some(Checked { path: held, eligibilities: ways }) = checked.into_iter().next() else {
            return Ok(Standing::default());
        };
        let mut waiting = self.waiting_at(scope).await?;
        waiting.retain(|request| {
            let role = name_of(&request.properties.role_definition_id);
            ways.iter().any(|way| name_of(&way.role_definition_id).eq_ignore_ascii_case(role))
        });
        Ok(Standing { held, ways, waiting })
    }

    /// What `checkAccess` says of somebody and some actions at a scope, an entry for each.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn check_access<T: DeserializeOwned>(
        &self,
        scope: &str,
        whom: &str,
        actions: &[&str],
    ) -> Result<Vec<T>> {
        let body = json!({
            "Subject": {"Attributes": {"ObjectId": whom}},
            "Actions": actions.iter().map(|action| json!({"Id": action})).collect::<Vec<_>>(),
            "Resource": {"Id": scope},
        });
        super::ask::of(self.arm(Method::Post, &authorization(scope, "checkAccess"), &[], body).await?)
    }

    /// One's own roles at a scope, as the directory knows one that owns it.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn roles_at(&self, scope: &str) -> Result<Roles> {
        Ok(Roles {
            eligible: self.own_at(scope, "roleEligibilityScheduleInstances").await?,
            active: self.own_at(scope, "roleAssignmentScheduleInstances").await?,
            waiting: self.waiting_at(scope).await?,
        })
    }

    /// One's own requests at a scope that wait for somebody's approval.
    async fn waiting_at(&self, scope: &str) -> Result<Vec<Schedule>> {
        let mut waiting = self.own_at(scope, "roleAssignmentScheduleRequests").await?;
        waiting.retain(|request| request.properties.status == "PendingApproval");
        Ok(waiting)
    }

    /// What one of PIM's lists has of one's own that holds at a scope.
    async fn own_at(&self, scope: &str, kind: &str) -> Result<Vec<Schedule>> {
        let mut own: Vec<Schedule> =
            self.list_if_any(&authorization(scope, kind), &[("$filter", "asTarget()")]).await?;
        own.retain(|schedule| schedule.covers(scope));
        Ok(own)
    }

    /// The account in the directory that owns a resource.
    pub fn account_for(&self, id: &str) -> Option<&Account> {
        let tenant = self.access.tenant_of(&arm::ResourceId::parse(id).ok()?)?;
        self.account_in(tenant)
    }

    /// The name of the directory that owns a resource, for somebody whom it lets in.
    pub fn directory_of(&self, id: &str) -> Option<&str> {
        self.account_for(id).map(|account| account.directory.as_str())
    }

    /// Asks to activate a role at a scope.
    ///
    /// # Errors
    /// What ARM answers: an authentication context that is missing ([`Viewer::step_up`]), a rule that is not kept.
    pub async fn activate(&self, wish: &Wish<'_>) -> Result<Schedule> {
        let principal = self.account_for(wish.scope).or_else(|| self.account());
        let principal = principal.map(|account| account.signed_in.object.to_string());
        let name = self.app.edge.uuid();
        let path = authorization(wish.scope, &format!("roleAssignmentScheduleRequests/{name}"));
        let body = json!({"properties": {
            "principalId": principal,
            "roleDefinitionId": wish.role,
            "requestType": "SelfActivate",
            "justification": wish.reason,
            "ticketInfo": {"ticketNumber": wish.ticket, "ticketSystem": wish.ticket_system},
            "scheduleInfo": {
                "startDateTime": wish.start.map(arm::long_timestamp),
                "expiration": {"type": "AfterDuration", "duration": format!("PT{}M", wish.minutes)},
            },
        }});
        super::ask::of(self.arm(Method::Put, &path, &[], body).await?)
    }

    /// Takes a request back that waits.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn take_back(&self, request: &str) -> Result<()> {
        self.arm(Method::Post, &format!("{request}/cancel"), &[], Value::Null).await.map(drop)
    }
}

/// What somebody asks to activate.
pub struct Wish<'a> {
    /// Where.
    pub scope: &'a str,
    /// The role definition's id.
    pub role: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The number of a ticket, or nothing.
    pub ticket: &'a str,
    /// The system that it is of, or nothing.
    pub ticket_system: &'a str,
    /// For how long.
    pub minutes: u32,
    /// From when, if not at once.
    pub start: Option<Timestamp>,
}
