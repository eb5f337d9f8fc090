//! The body of a schedule request (contract 6.4), read once and typed from then on.

use arm::{Error, ObjectId, RequestId, ResourceId, Result, RoleId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reader::Reader;
use crate::reason::{self, Ticket};
use crate::refusal::content;
use crate::{Expiration, Length, ScheduleInfo};

/// What a schedule request wants done (contract 6.4, `requestType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestType {
    /// An admin gives an eligibility or an assignment.
    AdminAssign,
    /// An admin takes it away.
    AdminRemove,
    /// An admin changes its time.
    AdminUpdate,
    /// An admin lets it last longer.
    AdminExtend,
    /// An admin gives it again after it ran out.
    AdminRenew,
    /// Somebody who is eligible asks for the role.
    SelfActivate,
    /// The holder gives the role back.
    SelfDeactivate,
    /// The holder asks for more time.
    SelfExtend,
    /// Who held it asks to have it again.
    SelfRenew,
}

impl RequestType {
    /// Whether it takes something away. Nothing hinders that, not even a lock.
    pub fn takes_away(self) -> bool {
        matches!(self, Self::AdminRemove | Self::SelfDeactivate)
    }

    const WORDS: [(&str, Self); 9] = [
        ("AdminAssign", Self::AdminAssign),
        ("AdminRemove", Self::AdminRemove),
        ("AdminUpdate", Self::AdminUpdate),
        ("AdminExtend", Self::AdminExtend),
        ("AdminRenew", Self::AdminRenew),
        ("SelfActivate", Self::SelfActivate),
        ("SelfDeactivate", Self::SelfDeactivate),
        ("SelfExtend", Self::SelfExtend),
        ("SelfRenew", Self::SelfRenew),
    ];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdminAssign => "AdminAssign",
            Self::AdminRemove => "AdminRemove",
            Self::AdminUpdate => "AdminUpdate",
            Self::AdminExtend => "AdminExtend",
            Self::AdminRenew => "AdminRenew",
            Self::SelfActivate => "SelfActivate",
            Self::SelfDeactivate => "SelfDeactivate",
            Self::SelfExtend => "SelfExtend",
            Self::SelfRenew => "SelfRenew",
        }
    }

    /// Whether an admin makes it, who needs `roleAssignments/write` at the scope. The others need no role: the person
    /// who asks is the one it is about.
    pub fn is_admins(self) -> bool {
        matches!(
            self,
            Self::AdminAssign | Self::AdminRemove | Self::AdminUpdate | Self::AdminExtend | Self::AdminRenew
        )
    }
}

/// A schedule request as it was sent to `role{Eligibility,Assignment}ScheduleRequests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRequestBody {
    /// Whom it is about.
    pub principal: ObjectId,
    /// Which role.
    pub role: RoleId,
    /// What is wanted.
    pub request_type: RequestType,
    /// Why; empty when nothing was said.
    pub justification: String,
    /// The ticket, if any.
    pub ticket: Ticket,
    /// From when and how long.
    pub schedule: ScheduleInfo,
    /// The eligibility that an activation rests on, or is given back from.
    pub linked_eligibility: Option<RequestId>,
    /// The schedule that an update or a removal is about, if it names one.
    pub target: Option<RequestId>,
}

impl ScheduleRequestBody {
    /// Reads a body, tolerant as Azure is: a role definition id with or without its leading slash, `null` for absent,
    /// times with any offset, a schedule's GUID or its whole resource id, words in any case, unknown fields ignored.
    ///
    /// # Errors
    /// `InvalidRequestContent` (400) whose target names the field, for what is missing or of a wrong type;
    /// `ConditionsNotSupported` for a condition, which would otherwise silently not narrow what it should.
    pub fn parse(body: &Value) -> Result<Self> {
        let properties = Reader::properties(body)?;
        let missing = |key: &str| {
            let field = properties.field(key);
            content(&field, format!("`{field}` is required"))
        };
        if properties.filled("condition")?.is_some() {
            return Err(conditions(&properties));
        }
        Ok(Self {
            principal: properties.id("principalId")?.ok_or_else(|| missing("principalId"))?,
            role: role(&properties)?.ok_or_else(|| missing("roleDefinitionId"))?,
            request_type: properties
                .word("requestType", &RequestType::WORDS)?
                .ok_or_else(|| missing("requestType"))?,
            justification: reason::justification(&properties)?,
            ticket: Ticket::read(&properties)?,
            schedule: schedule_info(&properties)?,
            linked_eligibility: properties.last_id("linkedRoleEligibilityScheduleId")?,
            target: target(&properties)?,
        })
    }
}

fn conditions(properties: &Reader<'_>) -> Error {
    Error::invalid(
        "ConditionsNotSupported",
        "conditions on role assignments are not supported; leave `condition` out and choose a narrower scope or role",
    )
    .with_target(properties.field("condition"))
}

fn role(properties: &Reader<'_>) -> Result<Option<RoleId>> {
    let key = "roleDefinitionId";
    let Some(text) = properties.filled(key)? else {
        return Ok(None);
    };
    let wrong = || properties.wrong(key, "the resource id of a role definition");
    let id = ResourceId::parse(text).map_err(|_| wrong())?;
    let is_definition = id
        .resource_type()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("Microsoft.Authorization/roleDefinitions"));
    let role = id.name().parse().ok().filter(|_| is_definition);
    role.map(Some).ok_or_else(wrong)
}

fn schedule_info(properties: &Reader<'_>) -> Result<ScheduleInfo> {
    let Some(info) = properties.object("scheduleInfo")? else {
        return Ok(ScheduleInfo::default());
    };
    Ok(ScheduleInfo {
        start: info.instant("startDateTime")?,
        expiration: match info.object("expiration")? {
            Some(expiration) => read_expiration(&expiration)?,
            None => Expiration::NoExpiration,
        },
    })
}

fn read_expiration(body: &Reader<'_>) -> Result<Expiration> {
    #[derive(Clone, Copy)]
    enum Kind {
        Duration,
        DateTime,
        Never,
    }
    let words =
        [("AfterDuration", Kind::Duration), ("AfterDateTime", Kind::DateTime), ("NoExpiration", Kind::Never)];
    let duration = match body.filled("duration")? {
        Some(text) => {
            let length = Length::parse(text);
            Some(
                length
                    .ok_or_else(|| body.wrong("duration", "an ISO 8601 duration above zero such as PT1H"))?,
            )
        }
        None => None,
    };
    let end = body.instant("endDateTime")?;
    match (body.word("type", &words)?, duration, end) {
        (Some(Kind::Duration) | None, Some(length), _) => Ok(Expiration::AfterDuration(length)),
        (Some(Kind::DateTime) | None, _, Some(end)) => Ok(Expiration::AfterDateTime(end)),
        (Some(Kind::Never) | None, _, _) => Ok(Expiration::NoExpiration),
        (Some(Kind::Duration), None, _) => Err(body.wrong("duration", "given when `type` is AfterDuration")),
        (Some(Kind::DateTime), _, None) => {
            Err(body.wrong("endDateTime", "given when `type` is AfterDateTime"))
        }
    }
}

/// The schedule that the request names, by any of the names Azure has for it. Our instances bear their schedule's name.
fn target(properties: &Reader<'_>) -> Result<Option<RequestId>> {
    for key in [
        "targetRoleAssignmentScheduleId",
        "targetRoleAssignmentScheduleInstanceId",
        "targetRoleEligibilityScheduleId",
        "targetRoleEligibilityScheduleInstanceId",
    ] {
        if let Some(id) = properties.last_id(key)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
