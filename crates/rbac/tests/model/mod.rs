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

    /// The assignment to name, of those that allow it, and through how many groups it is held: at the nearest scope,
    /// through the fewest groups, the first by id.
    pub(crate) fn reason(
        &self,
        principal: ObjectId,
        action: &Action,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Option<(&Assignment, usize)> {
        let allowing = self.assignments.iter().filter(|assignment| {
            is_above(&assignment.scope, scope)
                && self.gives(assignment, now)
                && self.grants(assignment.role, action)
        });
        let held = allowing
            .filter_map(|assignment| Some((assignment, self.groups_to(principal, assignment.principal)?)));
        held.min_by_key(|(assignment, groups)| {
            let below = scope.segments().count() - assignment.scope.segments().count();
            (below, *groups, assignment.id.as_str().to_lowercase())
        })
    }

    /// Through how many groups, at the least, does the principal hold what the holder holds?
    fn groups_to(&self, principal: ObjectId, holder: ObjectId) -> Option<usize> {
        let mut known = vec![principal];
        for groups in 0..=self.memberships.len() {
            if known.contains(&holder) {
                return Some(groups);
            }
            let further = self.memberships.iter().filter(|(_, member)| known.contains(member));
            known = known.iter().copied().chain(further.map(|(group, _)| *group)).collect();
            known.sort();
            known.dedup();
        }
        None
    }

    /// The first by id of the assignments of the role to the principal itself at the scope itself whose window holds
    /// the time.
    pub(crate) fn twin(
        &self,
        principal: ObjectId,
        role: RoleId,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Option<&ResourceId> {
        let same = self.assignments.iter().filter(|assignment| {
            assignment.principal == principal
                && assignment.role == role
                && assignment.scope == *scope
                && assignment.window.is_none_or(|window| window.contains(now))
        });
        same.map(|assignment| &assignment.id).min_by_key(|id| id.as_str().to_lowercase())
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
