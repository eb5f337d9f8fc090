//! What an admin gives for a time: an eligibility, or a direct assignment.
//!
//! Both have the same shape and must never be taken for each other: to be eligible is to be allowed to ask. So they
//! are two types around one.

use std::collections::BTreeSet;

use arm::{ObjectId, RequestId, ResourceId, RoleId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::Occasion;
use crate::{People, PrincipalKind, ScheduleInfo, Window};

/// Which of the two families of the API (contract 6.3, `X`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    /// `roleEligibility…`: the right to ask.
    Eligibility,
    /// `roleAssignment…`: the role itself.
    Assignment,
}

impl Family {
    /// The occasion whose rules bind whoever gives it.
    pub(crate) fn occasion(self) -> Occasion {
        match self {
            Self::Eligibility => Occasion::AdminEligibility,
            Self::Assignment => Occasion::AdminAssignment,
        }
    }

    /// The start of the family's resource types.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Eligibility => "roleEligibility",
            Self::Assignment => "roleAssignment",
        }
    }
}

/// A role given to a principal at a scope for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The schedule's name: that of the request that made it.
    pub name: RequestId,
    /// Where. It holds below, too.
    pub scope: ResourceId,
    /// What.
    pub role: RoleId,
    /// To whom.
    pub principal: ObjectId,
    /// What sort of principal that is.
    pub principal_kind: PrincipalKind,
    /// When it holds.
    pub window: Window,
    /// What had been asked for.
    pub asked: ScheduleInfo,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Option<Timestamp>,
    /// The request that made it, or changed it last.
    pub request: RequestId,
}

/// The right to activate a role (`roleEligibilitySchedules`).
///
/// Only [`crate::request_eligibility`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Eligibility(Grant);

/// A role assigned by an admin for a time, without activation (`roleAssignmentSchedules`, `Assigned`).
///
/// Only [`crate::request_assignment`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DirectAssignment(Grant);

/// What the two have in common, for the functions of this crate that treat them alike.
pub(crate) trait Schedule: Clone {
    /// The family it belongs to.
    const FAMILY: Family;

    /// What is given.
    fn grant(&self) -> &Grant;

    /// The type around a grant. Not `From`, which would let every crate make an eligibility.
    fn around(grant: Grant) -> Self;
}

impl Schedule for Eligibility {
    const FAMILY: Family = Family::Eligibility;

    fn grant(&self) -> &Grant {
        &self.0
    }

    fn around(grant: Grant) -> Self {
        Self(grant)
    }
}

impl Schedule for DirectAssignment {
    const FAMILY: Family = Family::Assignment;

    fn grant(&self) -> &Grant {
        &self.0
    }

    fn around(grant: Grant) -> Self {
        Self(grant)
    }
}

/// How somebody comes to an eligibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holding {
    /// It was given to a group they are in.
    Through(ObjectId),
    /// It was given to them.
    Direct,
}

impl Eligibility {
    /// What may be activated, by whom, and when.
    pub fn grant(&self) -> &Grant {
        &self.0
    }

    /// Whether it is in force at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.0.window.contains(now)
    }

    /// Whether it lets `principal` ask for `role` at `scope` or at a scope above, now: in force, and given to the
    /// principal or to a group the principal is in.
    pub fn serves(
        &self,
        principal: ObjectId,
        role: RoleId,
        scope: &ResourceId,
        people: &dyn People,
        now: Timestamp,
    ) -> bool {
        self.0.role == role
            && scope.is_within(&self.0.scope)
            && self.is_live(now)
            && self.holding(principal, people).is_some()
    }

    /// How the principal holds it, if at all.
    pub(crate) fn holding(&self, principal: ObjectId, people: &dyn People) -> Option<Holding> {
        if self.0.principal == principal {
            return Some(Holding::Direct);
        }
        let is_member = people.groups_of(principal).contains(&self.0.principal);
        is_member.then_some(Holding::Through(self.0.principal))
    }
}

impl DirectAssignment {
    /// What was assigned, to whom, and when. The caller stores the role assignment with this window, under the
    /// grant's name.
    pub fn grant(&self) -> &Grant {
        &self.0
    }

    /// Whether it is in force at `now`.
    pub fn is_effective(&self, now: Timestamp) -> bool {
        self.0.window.contains(now)
    }
}

/// The scopes strictly below `scope` at which `principal` is eligible for some role now (`eligibleChildResources`),
/// each once.
pub fn eligible_child_scopes(
    eligibilities: &[Eligibility],
    scope: &ResourceId,
    principal: ObjectId,
    people: &dyn People,
    now: Timestamp,
) -> BTreeSet<ResourceId> {
    let mine = eligibilities
        .iter()
        .filter(|eligibility| eligibility.is_live(now) && eligibility.holding(principal, people).is_some());
    mine.map(|eligibility| eligibility.grant().scope.clone())
        .filter(|below| below.is_within(scope) && below != scope)
        .collect()
}
