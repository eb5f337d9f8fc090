//! Role assignments: who holds which role where, and when.

use arm::{ObjectId, RequestId, ResourceId, RoleId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// What sort of principal holds an assignment. Written as ARM's `principalType`.
///
/// It is what the assignment was made for, and shown to clients; the decision goes by object ids alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A group; its members hold the role.
    Group,
    /// An application.
    ServicePrincipal,
}

/// The time during which an assignment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant at which it holds.
    pub start: Timestamp,
    /// The first instant at which it no longer does; never, when absent.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether `start <= now < end`.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && self.end.is_none_or(|end| now < end)
    }
}

/// How an assignment came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Origin {
    /// Somebody with the right to do so made it.
    Assigned,
    /// Its holder activated an eligible assignment.
    Activated {
        /// The schedule request that did.
        request: RequestId,
    },
}

/// A role assignment (contract 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Its full id, `<scope>/providers/Microsoft.Authorization/roleAssignments/<guid>`.
    pub id: ResourceId,
    /// The scope at and below which it holds: what its id is an extension of.
    pub scope: ResourceId,
    /// The role it gives.
    pub role: RoleId,
    /// Who holds it.
    pub principal: ObjectId,
    /// What sort of principal that is.
    pub principal_kind: PrincipalKind,
    /// When it holds; always, when absent.
    pub window: Option<Window>,
    /// How it came about.
    pub origin: Origin,
    /// What it is for.
    pub description: Option<String>,
    /// A condition in Azure's language. Nothing here can evaluate one, so an assignment that has one grants nothing.
    pub condition: Option<String>,
    /// The version of that language.
    pub condition_version: Option<String>,
    /// When it was made.
    pub created_on: Option<Timestamp>,
    /// When it was last changed.
    pub updated_on: Option<Timestamp>,
    /// Who made it.
    pub created_by: Option<ObjectId>,
    /// Who last changed it.
    pub updated_by: Option<ObjectId>,
}

/// What decides of an assignment at a known scope whose id is that scope's, with
/// `/providers/Microsoft.Authorization/roleAssignments/` and a GUID behind it, as the ids of assignments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainAssignment {
    /// The GUID.
    pub name: Uuid,
    /// The role it gives.
    pub role: RoleId,
    /// Who holds it.
    pub principal: ObjectId,
    /// When it holds; always, when absent.
    pub window: Option<Window>,
    /// Whether it has a condition, and so grants nothing.
    pub conditional: bool,
}

impl PlainAssignment {
    /// What comes between the scope and the name in a folded id.
    pub const BELOW: &str = "/providers/microsoft.authorization/roleassignments/";

    /// The name in the folded id of an assignment at this scope, if it has that form, down to how the GUID is written.
    pub fn name_in(id: &str, scope: &ResourceId) -> Option<Uuid> {
        let above = if scope.is_root() { "" } else { scope.folded() };
        Self::name(id.strip_prefix(above)?.strip_prefix(Self::BELOW)?)
    }

    /// The GUID at the end of a folded id, as ARM writes it.
    pub(crate) fn name(name: &str) -> Option<Uuid> {
        // Of the forms that a GUID is read from, only one is as long as that.
        let usual = name.len() == Hyphenated::LENGTH && !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if usual { Uuid::try_parse(name).ok() } else { None }
    }
}

impl Assignment {
    /// An assignment that always holds, made by somebody with the right to: nothing else is known of it.
    pub fn new(
        id: ResourceId,
        scope: ResourceId,
        role: RoleId,
        principal: ObjectId,
        principal_kind: PrincipalKind,
    ) -> Self {
        Self {
            id,
            scope,
            role,
            principal,
            principal_kind,
            window: None,
            origin: Origin::Assigned,
            description: None,
            condition: None,
            condition_version: None,
            created_on: None,
            updated_on: None,
            created_by: None,
            updated_by: None,
        }
    }

    /// Whether it gives its role at that time: within its window, and without a condition.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.condition.is_none() && self.window.is_none_or(|window| window.contains(now))
    }

    /// When it ends, if it does.
    pub fn expires(&self) -> Option<Timestamp> {
        self.window.and_then(|window| window.end)
    }
}
