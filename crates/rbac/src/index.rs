//! All that decisions of one tenant are made from, arranged for asking.
//!
//! Everything has a number: principals, scopes, roles and assignments. A question finds the number of its principal and
//! the groups that it is in, which are listed beforehand; the set of roles that grant its action, which is decided when
//! a role is defined; and the scopes of its path. Then it looks at each scope whether one of those principals may hold
//! something there, by a filter of a few words, and only where one may at the assignments.

mod held;
mod key;
mod people;
mod questions;
mod records;
mod ring;
mod roles;
mod scopes;

use std::borrow::Borrow;
use std::cmp::Ordering;

use arm::{ObjectId, ResourceId, RoleId};
use jiff::Timestamp;
use uuid::Uuid;

pub use self::questions::Visibility;

use self::held::{HAND, Hand, Slot};
use self::key::HashKey;
use self::people::{People, as_near, unmarked};
use self::records::{Records, role_of};
use self::ring::Sought;
use self::roles::Roles;
use self::scopes::{LEVELS, Scopes};
use crate::{Action, Assignment, Decision, Grant, PlainAssignment, RoleDefinition};

/// The number of nothing.
const NONE: u32 = u32::MAX;

/// A place in a list as a number. No list has more places than there are numbers: it would be larger than 60 GB.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

/// Adds to a list and gives the number of the place. The list grows by an eighth, not to the double: it may be long.
fn push<T>(list: &mut Vec<T>, value: T) -> u32 {
    let place = list.len();
    if place == list.capacity() {
        list.reserve_exact(place / 8 + 4);
    }
    list.push(value);
    number(place)
}

/// Roles, assignments and memberships of one tenant, and the decisions that follow from them.
///
/// It changes only through its own functions, each of which takes effect on the very next question. Nothing needs
/// to be put in an order: an assignment whose role is not there (yet) grants nothing, and neither does an
/// assignment to a principal that nobody has heard of.
///
/// Of an assignment it keeps what decides, not the document: scopes and ids are given back in the letter case in which
/// they were asked about.
#[derive(Clone, Debug)]
pub struct Index {
    key: HashKey,
    roles: Roles,
    people: People,
    scopes: Scopes,
    records: Records,
}

impl Default for Index {
    fn default() -> Self {
        Self::with_hash_key(HashKey::drawn())
    }
}

/// An assignment found for a question.
#[derive(Clone, Copy)]
struct Found {
    /// How far down the path its scope is.
    level: usize,
    /// The place of its holder among those that the principal holds assignments through.
    holder: usize,
    slot: Slot,
}

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty index whose hash tables have this key, instead of one that nobody knows. No answer depends on it. With
    /// zeros everything collides: that is how tests see that collisions are harmless.
    #[doc(hidden)]
    pub fn with_key(key: [u64; 2]) -> Self {
        Self::with_hash_key(HashKey::new(key))
    }

    fn with_hash_key(key: HashKey) -> Self {
        Self {
            key,
            roles: Roles::default(),
            people: People::default(),
            scopes: Scopes::default(),
            records: Records::default(),
        }
    }

    /// Whether nothing is kept of any scope, principal or assignment: how tests see that what is removed is forgotten.
    #[doc(hidden)]
    pub fn holds_nothing(&self) -> bool {
        self.scopes.is_empty() && self.people.is_empty() && self.records.is_empty()
    }

    /// An index of these roles, assignments, and pairs of a group and one of its direct members.
    ///
    /// Built-in roles are not added by themselves. Of two roles or assignments with the same id, the later counts.
    pub fn compile(
        roles: impl IntoIterator<Item = RoleDefinition>,
        assignments: impl IntoIterator<Item = Assignment>,
        memberships: impl IntoIterator<Item = (ObjectId, ObjectId)>,
    ) -> Self {
        let mut index = Self::new();
        index.people.add_all(index.key, memberships);
        roles.into_iter().for_each(|role| index.put_role(role));
        assignments.into_iter().for_each(|assignment| index.put_assignment(assignment));
        index
    }

    /// Says that an action will be asked about: which roles grant it is then decided whenever a role changes, and not
    /// at each question. Any other action is asked about in the same way, and decided more slowly, unless a role
    /// names it without a wildcard.
    pub fn know_action(&mut self, action: &Action) {
        self.roles.know(self.key, action);
    }

    /// Adds a role, or replaces the one with its id.
    pub fn put_role(&mut self, role: RoleDefinition) {
        self.roles.put(self.key, role);
    }

    /// Removes a role. Assignments of it stay, and grant nothing.
    pub fn remove_role(&mut self, role: RoleId) {
        self.roles.remove(self.key, role);
    }

    /// Adds an assignment, or replaces the one with its id.
    pub fn put_assignment(&mut self, assignment: impl Borrow<Assignment>) {
        let assignment = assignment.borrow();
        self.remove_assignment(&assignment.id);
        let principal = self.people.hold(self.key, assignment.principal);
        let role = self.roles.hold(assignment.role);
        let slot = self.records.insert(self.key, assignment, principal, role);
        let scope = self.scopes.insert(self.key, &assignment.scope, slot);
        self.records.place(slot.record, scope);
    }

    /// As [`Index::put_assignment`], for several assignments at one scope. It makes nothing of what it reads, and is
    /// the quicker way to put very many.
    pub fn put_plain(&mut self, scope: &ResourceId, assignments: impl IntoIterator<Item = PlainAssignment>) {
        let mut node = self.scopes.find(self.key, scope);
        for plain in assignments {
            if self.records.has_odd() {
                self.remove_odd(scope, plain.name);
                node = self.scopes.find(self.key, scope);
            }
            if let Some(at) = node.and_then(|node| self.records.at(self.key, plain.name, node)) {
                self.remove_record(at);
                node = self.scopes.find(self.key, scope);
            }
            let principal = self.people.hold(self.key, plain.principal);
            let role = self.roles.hold(plain.role);
            let slot = self.records.insert_plain(self.key, &plain, principal, role);
            let at = match node {
                Some(node) => {
                    self.scopes.hold(self.key, node, slot);
                    node
                }
                None => self.scopes.insert(self.key, scope, slot),
            };
            self.records.place(slot.record, at);
            node = Some(at);
        }
    }

    /// An assignment of another scope may have had the id that now follows from scope and name.
    fn remove_odd(&mut self, scope: &ResourceId, name: Uuid) {
        let below = format!("{}{name}", PlainAssignment::BELOW);
        let id = if scope.is_root() { ResourceId::parse(&below) } else { scope.child(&below) };
        id.iter().for_each(|id| self.remove_assignment(id));
    }

    /// Removes an assignment.
    pub fn remove_assignment(&mut self, id: &ResourceId) {
        let found = self.records.find(self.key, id, |scope| self.scopes.find(self.key, scope));
        found.into_iter().for_each(|at| self.remove_record(at));
    }

    fn remove_record(&mut self, at: u32) {
        let Some(record) = self.records.get(at) else { return };
        let gone = self.scopes.remove(self.key, record.scope, record.principal, at);
        self.records.remove(self.key, at);
        self.people.release(self.key, record.principal);
        gone.iter().for_each(|slot| self.roles.release(role_of(slot)));
    }

    /// Puts a principal, which may be a group, directly into a group.
    pub fn add_member(&mut self, group: ObjectId, member: ObjectId) {
        self.people.add(self.key, group, member);
    }

    /// Takes a direct member out of a group.
    pub fn remove_member(&mut self, group: ObjectId, member: ObjectId) {
        self.people.remove(self.key, group, member);
    }

    /// The definition of the role with this id.
    pub fn role(&self, id: RoleId) -> Option<&RoleDefinition> {
        self.roles.find(id)
    }

    /// Whether a principal may do an action at a scope at this time, and why.
    ///
    /// Of several assignments that allow it, the one named is at the nearest scope, among those held through the
    /// fewest groups, among those the first by id.
    ///
    /// The scope is a resource, a resource group, a subscription, a management group or the root. A collection, such
    /// as `…/resourceGroups`, is none: its lineage misses the scopes above it, so that ask at its parent instead.
    ///
    /// It takes well below a microsecond and allocates nothing, unless the principal is in more than 255 groups: then
    /// these are found out when it is asked.
    pub fn check<'a>(
        &'a self,
        principal: ObjectId,
        action: &Action,
        scope: &'a ResourceId,
        now: Timestamp,
    ) -> Decision<'a> {
        let sought = self.people.seek(self.key, principal);
        let asked = self.roles.ask(self.key, action);
        let allows = |slot: &Slot| asked.is_granted_by(role_of(slot)) && self.records.is_live(slot, now);
        match self.nearest(sought, principal, scope, allows) {
            None => Decision::Denied,
            Some((asker, Found { level, slot, .. })) => {
                Decision::Allowed(Grant::new(Reason { index: self, asked: scope, asker, level, slot }))
            }
        }
    }

    /// The number of a principal, and of the assignments that it and its groups hold at a scope and above it, the one to
    /// name of those that are wanted.
    ///
    /// All that is read far apart is asked for before it is needed, so that the processor waits for it once.
    fn nearest(
        &self,
        sought: Sought,
        principal: ObjectId,
        scope: &ResourceId,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Option<(u32, Found)> {
        let mut walk = self.scopes.walk(self.key, scope);
        let (mut nodes, mut count) = walk.next();
        let asker = self.people.found(sought, principal)?;
        let reach = self.people.reach(asker);
        let reach = reach.marked();
        let (mut best, mut above): (Option<Found>, _) = (None, 0);
        while count > 0 {
            for (at, holders) in reach.chunks(HAND).enumerate() {
                let hand = Hand::new(self.key, holders);
                let mut candidates = [0; LEVELS];
                for (candidates, node) in candidates.iter_mut().zip(&nodes).take(count) {
                    *candidates = self.scopes.held(*node).map_or(0, |held| held.candidates(&hand));
                }
                for (level, (node, candidates)) in nodes.iter().zip(candidates).enumerate().take(count).rev()
                {
                    let level = above + level;
                    if best.is_some_and(|best| best.level > level) {
                        break;
                    }
                    self.show_held(*node, &hand, candidates, |place, slot| {
                        let found = Found { level, holder: at * HAND + place, slot };
                        let first = |best: Found| self.naming_order(&found, &best, reach, scope).is_lt();
                        if wanted(&slot) && best.is_none_or(first) {
                            best = Some(found);
                        }
                    });
                }
            }
            above += LEVELS;
            (nodes, count) = walk.next();
        }
        best.map(|best| (asker, best))
    }

    /// Shows all that these of a hand hold at a node.
    fn show_held(&self, node: u32, hand: &Hand<'_>, mut candidates: u32, mut show: impl FnMut(usize, Slot)) {
        let Some(held) = self.scopes.held(node) else { return };
        while candidates != 0 {
            let place = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            if let Some(holder) = hand.holders.get(place) {
                let slots = held.of(self.scopes.shelf(), self.key, unmarked(*holder));
                slots.for_each(|slot| show(place, slot));
            }
        }
    }

    /// Which of two is to be named first.
    fn naming_order(&self, one: &Found, two: &Found, reach: &[u32], scope: &ResourceId) -> Ordering {
        let nearer = one.holder.min(two.holder);
        let between = reach.get(nearer + 1..=one.holder.max(two.holder)).unwrap_or_default();
        two.level.cmp(&one.level).then_with(|| {
            if as_near(between) {
                self.records.order(&one.slot, &two.slot, ancestor(scope, one.level))
            } else {
                one.holder.cmp(&two.holder)
            }
        })
    }
}

/// What a grant is made of: what has to be known to tell about it.
#[derive(Clone, Copy)]
pub(crate) struct Reason<'a> {
    index: &'a Index,
    asked: &'a ResourceId,
    asker: u32,
    level: usize,
    slot: Slot,
}

impl<'a> Reason<'a> {
    pub(crate) fn assignment(&self) -> ResourceId {
        self.index.records.id(&self.slot, &self.scope())
    }

    pub(crate) fn role(&self) -> Option<&'a RoleDefinition> {
        self.index.roles.definition(role_of(&self.slot))
    }

    pub(crate) fn scope(&self) -> ResourceId {
        let end = ancestor(self.asked, self.level).len();
        let text = self.asked.as_str().get(..end).unwrap_or_default();
        // The beginning of an id is one.
        ResourceId::parse(text).unwrap_or_else(|_| self.asked.clone())
    }

    pub(crate) fn path(&self) -> Vec<ObjectId> {
        self.index.people.path(self.asker, self.slot.principal)
    }

    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.index.records.window(&self.slot)?.end
    }
}

/// The folded path of the scope on this level of the lineage, counted from the top; empty for the root.
fn ancestor(scope: &ResourceId, level: usize) -> &str {
    let end = scope.steps().take(level + 1).map(str::len).sum();
    scope.folded().get(..end).unwrap_or_default()
}
