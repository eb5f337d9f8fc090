//! All that decisions of one tenant are made from, arranged for asking.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arm::{ObjectId, ResourceId, RoleId, SubscriptionId};
use jiff::Timestamp;

use crate::membership::{Memberships, Reach};
use crate::{Action, Assignment, Decision, Grant, Permission, RoleDefinition};

/// Roles, assignments and memberships of one tenant, and the decisions that follow from them.
///
/// It changes only through its own functions, each of which takes effect on the very next question. Nothing needs
/// to be put in an order: an assignment whose role is not there (yet) grants nothing, and neither does an
/// assignment to a principal that nobody has heard of.
#[derive(Clone, Debug, Default)]
pub struct Index {
    roles: HashMap<RoleId, RoleDefinition>,
    assignments: BTreeMap<ResourceId, Assignment>,
    /// The ids of assignments by their scope, then by their principal. The ids are sorted, so that of several
    /// assignments that allow an action always the same one is named.
    held: HashMap<ResourceId, HashMap<ObjectId, BTreeSet<ResourceId>>>,
    memberships: Memberships,
}

/// Which subscriptions a principal sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All of the tenant: it holds a role at the root.
    All,
    /// These.
    Only(BTreeSet<SubscriptionId>),
}

impl Visibility {
    /// Whether this subscription is seen.
    pub fn includes(&self, subscription: SubscriptionId) -> bool {
        match self {
            Self::All => true,
            Self::Only(subscriptions) => subscriptions.contains(&subscription),
        }
    }
}

impl Index {
    /// An index of these roles, assignments, and pairs of a group and one of its direct members.
    ///
    /// Built-in roles are not added by themselves. Of two roles or assignments with the same id, the later counts.
    pub fn compile(
        roles: impl IntoIterator<Item = RoleDefinition>,
        assignments: impl IntoIterator<Item = Assignment>,
        memberships: impl IntoIterator<Item = (ObjectId, ObjectId)>,
    ) -> Self {
        let mut index = Self::default();
        roles.into_iter().for_each(|role| index.put_role(role));
        assignments.into_iter().for_each(|assignment| index.put_assignment(assignment));
        memberships.into_iter().for_each(|(group, member)| index.add_member(group, member));
        index
    }

    /// Adds a role, or replaces the one with its id.
    pub fn put_role(&mut self, role: RoleDefinition) {
        self.roles.insert(role.id, role);
    }

    /// Removes a role. Assignments of it stay, and grant nothing.
    pub fn remove_role(&mut self, role: RoleId) {
        self.roles.remove(&role);
    }

    /// Adds an assignment, or replaces the one with its id.
    pub fn put_assignment(&mut self, assignment: Assignment) {
        self.remove_assignment(&assignment.id);
        let holders = self.held.entry(assignment.scope.clone()).or_default();
        holders.entry(assignment.principal).or_default().insert(assignment.id.clone());
        self.assignments.insert(assignment.id.clone(), assignment);
    }

    /// Removes an assignment.
    pub fn remove_assignment(&mut self, id: &ResourceId) {
        let Some(old) = self.assignments.remove(id) else {
            return;
        };
        let Some(holders) = self.held.get_mut(&old.scope) else {
            return;
        };
        if let Some(ids) = holders.get_mut(&old.principal) {
            ids.remove(id);
            if ids.is_empty() {
                holders.remove(&old.principal);
            }
        }
        if holders.is_empty() {
            self.held.remove(&old.scope);
        }
    }

    /// Puts a principal, which may be a group, directly into a group.
    pub fn add_member(&mut self, group: ObjectId, member: ObjectId) {
        self.memberships.add(group, member);
    }

    /// Takes a direct member out of a group.
    pub fn remove_member(&mut self, group: ObjectId, member: ObjectId) {
        self.memberships.remove(group, member);
    }

    /// The role with this id.
    pub fn role(&self, id: RoleId) -> Option<&RoleDefinition> {
        self.roles.get(&id)
    }

    /// The assignment with this id.
    pub fn assignment(&self, id: &ResourceId) -> Option<&Assignment> {
        self.assignments.get(id)
    }

    /// Whether a principal may do an action at a scope at this time, and why.
    ///
    /// Of several assignments that allow it, the one named is at the nearest scope, among those held through the
    /// fewest groups, among those the first by id.
    ///
    /// The scope is a resource, a resource group, a subscription, a management group or the root. A collection, such
    /// as `…/resourceGroups`, is none: its lineage misses the scopes above it, so that ask at its parent instead.
    pub fn check(
        &self,
        principal: ObjectId,
        action: &Action,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Decision {
        let action = action.folded();
        let reach = self.memberships.above(principal);
        let granting =
            self.held_at(&reach, scope, now).into_iter().find(|(_, role)| role.grants_folded(&action));
        match granting {
            None => Decision::Denied,
            Some((assignment, role)) => Decision::Allowed(Grant {
                assignment: assignment.id.clone(),
                role: role.id,
                role_name: role.role_name.clone(),
                scope: assignment.scope.clone(),
                path: reach.path_to(assignment.principal),
                expires: assignment.expires(),
            }),
        }
    }

    /// The groups a principal is in, directly or through other groups, the nearest first. Never the principal
    /// itself, also when groups contain each other.
    pub fn groups_of(&self, principal: ObjectId) -> Vec<ObjectId> {
        self.memberships.above(principal).order.split_off(1)
    }

    /// The assignments that a principal holds itself or through groups, by id, whether or not they hold now: what
    /// `assignedTo('…')` asks for (contract 6.2).
    pub fn assignments_for(&self, principal: ObjectId) -> impl Iterator<Item = &Assignment> {
        let holders: HashSet<ObjectId> = self.memberships.above(principal).order.into_iter().collect();
        self.assignments.values().filter(move |assignment| holders.contains(&assignment.principal))
    }

    /// The permissions that a principal has at a scope at this time: those of every role it holds there, each role
    /// once. What `…/Microsoft.Authorization/permissions` answers (contract 6.2).
    pub fn effective_permissions(
        &self,
        principal: ObjectId,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Vec<Permission> {
        let held = self.held_at(&self.memberships.above(principal), scope, now);
        let mut seen = HashSet::new();
        let roles = held.into_iter().map(|(_, role)| role).filter(|role| seen.insert(role.id));
        roles.flat_map(|role| role.permissions.iter().cloned()).collect()
    }

    /// Everyone who may do an action at a scope at this time: exactly those for whom [`Index::check`] allows it,
    /// so groups that hold the right are among them, beside their members.
    pub fn principals_allowed(
        &self,
        action: &Action,
        scope: &ResourceId,
        now: Timestamp,
    ) -> BTreeSet<ObjectId> {
        let action = action.folded();
        let mut holders = BTreeSet::new();
        for scope in scope.lineage() {
            let ids = self.held.get(&scope).into_iter().flat_map(HashMap::values).flatten();
            let granting =
                ids.filter_map(|id| self.live(id, now)).filter(|(_, role)| role.grants_folded(&action));
            holders.extend(granting.map(|(assignment, _)| assignment.principal));
        }
        holders.into_iter().flat_map(|holder| self.memberships.below(holder)).collect()
    }

    /// The subscriptions that a principal sees at this time: those at, above or below whose scope it holds any role.
    ///
    /// A role at a management group shows none, because no id says which subscriptions are in it.
    pub fn visible_subscriptions(&self, principal: ObjectId, now: Timestamp) -> Visibility {
        let held = self.assignments_for(principal).filter_map(|assignment| self.live(&assignment.id, now));
        let mut subscriptions = BTreeSet::new();
        for (assignment, _) in held {
            if assignment.scope.is_root() {
                return Visibility::All;
            }
            subscriptions.extend(assignment.scope.subscription_id());
        }
        Visibility::Only(subscriptions)
    }

    /// The live assignments that hold at a scope for a principal: from the nearest scope up, and at each scope the
    /// principal's own before those of its groups.
    fn held_at<'a>(
        &'a self,
        reach: &Reach,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Vec<(&'a Assignment, &'a RoleDefinition)> {
        let mut held = Vec::new();
        for scope in scope.lineage() {
            let Some(holders) = self.held.get(&scope) else {
                continue;
            };
            let ids = reach.order.iter().filter_map(|holder| holders.get(holder)).flatten();
            held.extend(ids.filter_map(|id| self.live(id, now)));
        }
        held
    }

    /// An assignment and its role, if it gives it now.
    fn live(&self, id: &ResourceId, now: Timestamp) -> Option<(&Assignment, &RoleDefinition)> {
        let assignment = self.assignments.get(id).filter(|assignment| assignment.is_live(now))?;
        Some((assignment, self.roles.get(&assignment.role)?))
    }
}
