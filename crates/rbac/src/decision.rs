//! The answer, with its reason.

use std::fmt::Write as _;

use arm::{ObjectId, ResourceId, RoleId};
use jiff::Timestamp;

/// Whether a principal may, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It may, by this grant.
    Allowed(Grant),
    /// It may not: no assignment grants it.
    Denied,
}

/// The assignment that allows an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The id of the assignment.
    pub assignment: ResourceId,
    /// The role it gives.
    pub role: RoleId,
    /// That role's name.
    pub role_name: String,
    /// The scope of the assignment: the scope that was asked about, or one above it.
    pub scope: ResourceId,
    /// The groups through which the principal holds it, from the one it is in itself up to the one that holds the
    /// assignment. Empty when the principal holds it itself.
    pub path: Vec<ObjectId>,
    /// When the assignment ends, if it does.
    pub expires: Option<Timestamp>,
}

impl Decision {
    /// Whether the principal may.
    pub fn is_allowed(&self) -> bool {
        self.grant().is_some()
    }

    /// What allows it, if anything does.
    pub fn grant(&self) -> Option<&Grant> {
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

impl Grant {
    fn explain(&self) -> String {
        let mut text = format!(
            "the role '{}' grants the action at scope '{}' by the assignment '{}'",
            self.role_name, self.scope, self.assignment
        );
        // Writing to a `String` cannot fail.
        for (at, group) in self.path.iter().enumerate() {
            let link = if at == 0 { ", held through the group" } else { " in the group" };
            let _ = write!(text, "{link} '{group}'");
        }
        if let Some(expires) = self.expires {
            let _ = write!(text, ", until {expires}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::role_ids;

    #[test]
    fn a_decision_explains_itself() {
        let grant = Grant {
            assignment: ResourceId::parse("/s/1/providers/Microsoft.Authorization/roleAssignments/a")
                .unwrap(),
            role: role_ids::READER,
            role_name: "Reader".into(),
            scope: ResourceId::parse("/s/1").unwrap(),
            path: vec![ObjectId(Uuid::from_u128(1)), ObjectId(Uuid::from_u128(2))],
            expires: Some("2026-01-01T10:00:00Z".parse().unwrap()),
        };
        let expected = "the role 'Reader' grants the action at scope '/s/1' by the assignment \
            '/s/1/providers/Microsoft.Authorization/roleAssignments/a', held through the group \
            '00000000-0000-0000-0000-000000000001' in the group '00000000-0000-0000-0000-000000000002', \
            until 2026-01-01T10:00:00Z";
        assert_eq!(Decision::Allowed(grant).explain(), expected);
        assert!(!Decision::Denied.is_allowed());
    }
}
