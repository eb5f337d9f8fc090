//! The answer, with its reason.

use std::fmt::{self, Write as _};

use arm::{ObjectId, ResourceId};
use jiff::Timestamp;

use crate::RoleDefinition;
use crate::index::Reason;

/// Whether a principal may, and why. It borrows the index and the question: what led to it is put into words when that
/// is asked for.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum Decision<'a> {
    /// It may, by this grant.
    Allowed(Grant<'a>),
    /// It may not: no assignment grants it.
    Denied,
}

/// The assignment that allows an action.
#[derive(Clone, Copy)]
pub struct Grant<'a>(Reason<'a>);

impl<'a> Decision<'a> {
    /// Whether the principal may.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// What allows it, if anything does.
    pub fn grant(&self) -> Option<&Grant<'a>> {
        match self {
            Self::Allowed(grant) => Some(grant),
            Self::Denied => None,
        }
    }

    /// One sentence for people, without a full stop. It names assignments and groups, so it is for the ledger and
    /// for those who may read assignments, not for whoever was refused.
    pub fn explain(&self) -> String {
        match self {
            Self::Allowed(grant) => grant.explain(),
            Self::Denied => "no role assignment at this scope or above it grants the action now".into(),
        }
    }
}

impl<'a> Grant<'a> {
    pub(crate) fn new(reason: Reason<'a>) -> Self {
        Self(reason)
    }

    /// The id of the assignment.
    pub fn assignment(&self) -> ResourceId {
        self.0.assignment()
    }

    /// The role it gives. Always there, because a role that is not defined grants nothing.
    pub fn role(&self) -> Option<&'a RoleDefinition> {
        self.0.role()
    }

    /// The scope of the assignment: the scope that was asked about, or one above it.
    pub fn scope(&self) -> ResourceId {
        self.0.scope()
    }

    /// The groups through which the principal holds it, from the one it is in itself up to the one that holds the
    /// assignment. Empty when the principal holds it itself.
    pub fn path(&self) -> Vec<ObjectId> {
        self.0.path()
    }

    /// When the assignment ends, if it does.
    pub fn expires(&self) -> Option<Timestamp> {
        self.0.expires()
    }

    fn explain(&self) -> String {
        let mut text = format!(
            "the role '{}' grants the action at scope '{}' by the assignment '{}'",
            self.role().map(|role| role.role_name.as_str()).unwrap_or_default(),
            self.scope(),
            self.assignment()
        );
        // Writing to a `String` cannot fail.
        for (at, group) in self.path().iter().enumerate() {
            let link = if at == 0 { ", held through the group" } else { " in the group" };
            let _ = write!(text, "{link} '{group}'");
        }
        if let Some(expires) = self.expires() {
            let _ = write!(text, ", until {expires}");
        }
        text
    }
}

impl fmt::Debug for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({})", self.explain())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Assignment, Index, PrincipalKind, Window, action, builtin_roles, role_ids};

    #[test]
    fn a_decision_explains_itself() {
        let (person, inner, outer) =
            (ObjectId(Uuid::from_u128(9)), ObjectId(Uuid::from_u128(1)), ObjectId(Uuid::from_u128(2)));
        let id = |text| ResourceId::parse(text).unwrap();
        let name = "/subscriptions/1/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-00000000000a";
        let mut assignment =
            Assignment::new(id(name), id("/subscriptions/1"), role_ids::READER, outer, PrincipalKind::Group);
        let end = "2026-01-01T10:00:00Z".parse().unwrap();
        assignment.window = Some(Window { start: Timestamp::UNIX_EPOCH, end: Some(end) });
        let index =
            Index::compile(builtin_roles().iter().cloned(), [assignment], [(outer, inner), (inner, person)]);
        let asked = id("/Subscriptions/1/resourceGroups/r");
        let decision = index.check(person, &action!("A.B/c/read"), &asked, Timestamp::UNIX_EPOCH);
        let expected = "the role 'Reader' grants the action at scope '/Subscriptions/1' by the assignment \
            '/Subscriptions/1/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-00000000000a', \
            held through the group '00000000-0000-0000-0000-000000000001' in the group \
            '00000000-0000-0000-0000-000000000002', until 2026-01-01T10:00:00Z";
        assert_eq!(decision.explain(), expected);
        let denied = index.check(person, &action!("A.B/c/read"), &asked, end);
        assert!(!denied.is_allowed());
        assert_eq!(denied.explain(), "no role assignment at this scope or above it grants the action now");
    }
}
