//! The decision once more, straight from the definition: quantifiers over lists, no index, no order, no thought of
//! speed. It shares no code with the crate beyond the types of its data.

use arm::{ObjectId, ResourceId, RoleId};
use jiff::Timestamp;
use rbac::{Action, ActionPattern, Assignment, RoleDefinition};

/// All roles, all assignments, and all pairs of a group and a direct member.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) roles: Vec<RoleDefinition>,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) memberships: Vec<(ObjectId, ObjectId)>,
}

impl World {
    /// May the principal do the action at the scope at this time?
    pub(crate) fn may(
        &self,
        principal: ObjectId,
        action: &Action,
        scope: &ResourceId,
        now: Timestamp,
    ) -> bool {
        self.assignments.iter().any(|assignment| {
            is_above(&assignment.scope, scope)
                && self.is_in(principal, assignment.principal)
                && self.gives(assignment, now)
                && self.grants(assignment.role, action)
        })
    }

    /// Is the principal the holder, or in it, through any number of groups?
    pub(crate) fn is_in(&self, principal: ObjectId, holder: ObjectId) -> bool {
        let mut known = vec![principal];
        for _ in &self.memberships {
            for (group, member) in &self.memberships {
                if known.contains(member) && !known.contains(group) {
                    known.push(*group);
                }
            }
        }
        known.contains(&holder)
    }

    /// Does the assignment give a role that exists, at this time?
    pub(crate) fn gives(&self, assignment: &Assignment, now: Timestamp) -> bool {
        let begun = assignment.window.is_none_or(|window| now >= window.start);
        let over = assignment.window.and_then(|window| window.end).is_some_and(|end| now >= end);
        let known = self.roles.iter().any(|role| role.id == assignment.role);
        begun && !over && known && assignment.condition.is_none()
    }

    /// Does the role have a permission with a matching action and no matching notAction?
    pub(crate) fn grants(&self, role: RoleId, action: &Action) -> bool {
        let among = |patterns: &[ActionPattern]| patterns.iter().any(|pattern| matches(pattern, action));
        self.roles.iter().any(|definition| {
            definition.id == role
                && definition
                    .permissions
                    .iter()
                    .any(|permission| among(&permission.actions) && !among(&permission.not_actions))
        })
    }
}

/// Is the one scope the other, or above it?
pub(crate) fn is_above(above: &ResourceId, below: &ResourceId) -> bool {
    let segments = |id: &ResourceId| -> Vec<String> { id.segments().map(str::to_lowercase).collect() };
    segments(below).starts_with(&segments(above))
}

fn matches(pattern: &ActionPattern, action: &Action) -> bool {
    run(pattern.as_str().to_lowercase().as_bytes(), action.as_str().to_lowercase().as_bytes())
}

fn run(pattern: &[u8], action: &[u8]) -> bool {
    match pattern.split_first() {
        None => action.is_empty(),
        Some((b'*', rest)) => run(rest, action) || (!action.is_empty() && run(pattern, &action[1..])),
        Some((byte, rest)) => action.first() == Some(byte) && run(rest, &action[1..]),
    }
}
