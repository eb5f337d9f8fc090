//! What else is asked of an index: not on every request, so that here answers are collected.

use std::collections::{BTreeSet, HashSet};

use arm::{ObjectId, ResourceId, RoleId, SubscriptionId};
use jiff::Timestamp;

use super::held::{HAND, Hand, Slot};
use super::people::unmarked;
use super::records::role_of;
use super::{Found, Index};
use crate::{Action, Permission};

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
    /// The groups a principal is in, directly or through other groups, the nearest first. Never the principal
    /// itself, also when groups contain each other.
    pub fn groups_of(&self, principal: ObjectId) -> Vec<ObjectId> {
        let Some(asker) = self.people.find(self.key, principal) else { return Vec::new() };
        let reach = self.people.reach(asker);
        let groups = reach.marked().iter().skip(1);
        groups.filter_map(|group| self.people.id(unmarked(*group))).collect()
    }

    /// The first by id of the assignments of this role to this very principal at this very scope that hold at this
    /// time, whether or not the role is defined, and whether or not they have a condition.
    pub fn twin(
        &self,
        principal: ObjectId,
        role: RoleId,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Option<ResourceId> {
        let holder = self.people.find(self.key, principal)?;
        let role = self.roles.number_of(role)?;
        let held = self.scopes.held(self.scopes.find(self.key, scope)?)?;
        let holds = |slot: &Slot| {
            role_of(slot.role) == role && self.records.window(slot).is_none_or(|window| window.contains(now))
        };
        let twins = held.of(self.scopes.shelf(), self.key, holder).filter(holds);
        let first = twins.min_by(|one, two| self.records.order(one, two, scope.folded()))?;
        Some(self.records.id(&first, scope))
    }

    /// The permissions that a principal has at a scope at this time: those of every role it holds there, each role
    /// once. What `…/Microsoft.Authorization/permissions` answers (contract 6.2).
    pub fn effective_permissions(
        &self,
        principal: ObjectId,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Vec<Permission> {
        let Some(asker) = self.people.find(self.key, principal) else { return Vec::new() };
        let reach = self.people.reach(asker);
        let mut held: Vec<Found> = Vec::new();
        for (level, node) in self.scopes.path(self.key, scope).into_iter().enumerate() {
            for (at, holders) in reach.marked().chunks(HAND).enumerate() {
                self.show_held(node, &Hand::new(self.key, holders), |place, slot| {
                    if self.gives(&slot, now) {
                        held.push(Found { level, holder: at * HAND + place, slot });
                    }
                });
            }
        }
        held.sort_by(|one, two| self.naming_order(one, two, reach.marked(), scope));
        let mut seen = HashSet::new();
        let roles = held.iter().map(|found| role_of(found.slot.role)).filter(|role| seen.insert(*role));
        let definitions = roles.filter_map(|role| self.roles.definition(role));
        definitions.flat_map(|role| role.permissions.iter().cloned()).collect()
    }

    /// Everyone who may do an action at a scope at this time: exactly those for whom [`Index::check`] allows it,
    /// so groups that hold the right are among them, beside their members.
    pub fn principals_allowed(
        &self,
        action: &Action,
        scope: &ResourceId,
        now: Timestamp,
    ) -> BTreeSet<ObjectId> {
        let asked = self.roles.ask(self.key, action);
        let path = self.scopes.path(self.key, scope);
        let nodes = path.into_iter().filter_map(|node| self.scopes.held(node));
        let slots = nodes.flat_map(|held| held.iter(self.scopes.shelf()));
        let granting =
            slots.filter(|slot| self.records.is_live(slot, now) && asked.is_granted_by(role_of(slot.role)));
        let holders: HashSet<u32> = granting.map(|slot| slot.principal).collect();
        let allowed: HashSet<u32> =
            holders.into_iter().flat_map(|holder| self.people.below(holder)).collect();
        allowed.into_iter().filter_map(|at| self.people.id(at)).collect()
    }

    /// The subscriptions that a principal sees at this time: those at, above or below whose scope it holds any role.
    ///
    /// A role at a management group shows none, because no id says which subscriptions are in it.
    pub fn visible_subscriptions(&self, principal: ObjectId, now: Timestamp) -> Visibility {
        let mut subscriptions = BTreeSet::new();
        let Some(asker) = self.people.find(self.key, principal) else {
            return Visibility::Only(subscriptions);
        };
        let reach = self.people.reach(asker);
        for holders in reach.marked().chunks(HAND) {
            let hand = Hand::new(self.key, holders);
            for node in self.scopes.all() {
                let mut seen = false;
                self.show_held(node, &hand, |_, slot| seen |= self.gives(&slot, now));
                if !seen {
                    continue;
                }
                let path = self.scopes.text(node);
                if path.is_empty() {
                    return Visibility::All;
                }
                subscriptions.extend(ResourceId::parse(&path).ok().and_then(|scope| scope.subscription_id()));
            }
        }
        Visibility::Only(subscriptions)
    }

    /// Shows all that a hand holds at a node.
    fn show_held(&self, node: u32, hand: &Hand<'_>, show: impl FnMut(usize, Slot)) {
        if let Some(held) = self.scopes.held(node) {
            held.show(self.scopes.shelf(), hand, held.candidates(hand), |_| true, show);
        }
    }

    /// Whether an assignment gives a role that is defined, at this time.
    fn gives(&self, slot: &Slot, now: Timestamp) -> bool {
        self.records.is_live(slot, now) && self.roles.definition(role_of(slot.role)).is_some()
    }
}
