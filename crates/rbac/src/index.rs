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
use std::hint::black_box;

use arm::{ObjectId, ResourceId, RoleId};
use jiff::Timestamp;
use uuid::Uuid;

pub use self::questions::Visibility;

use self::held::{HAND, Hand, Held, Slot};
use self::key::HashKey;
use self::people::{People, as_near};
use self::records::{Records, role_of};
use self::roles::{Asked, Roles};
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

/// What is asked.
struct Question<'a> {
    asked: Asked<'a>,
    /// The principal and its groups.
    reach: &'a [u32],
    scope: &'a ResourceId,
    now: Timestamp,
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
        index.add_members(memberships);
        roles.into_iter().for_each(|role| index.put_role(role));
        assignments.into_iter().for_each(|assignment| index.put_assignment(assignment));
        index.shrink_to_fit();
        index
    }

    /// Gives back room that is kept for more: of use after much was put, and before little is.
    pub fn shrink_to_fit(&mut self) {
        self.people.shrink();
        self.scopes.shrink();
        self.records.shrink();
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
        gone.iter().for_each(|slot| self.roles.release(role_of(slot.role)));
    }

    /// Puts a principal, which may be a group, directly into a group.
    pub fn add_member(&mut self, group: ObjectId, member: ObjectId) {
        self.people.add(self.key, group, member);
    }

    /// As [`Index::add_member`], for very many: pairs of a group and a principal. Who is in which groups is found out once,
    /// for everybody.
    pub fn add_members(&mut self, memberships: impl IntoIterator<Item = (ObjectId, ObjectId)>) {
        self.people.add_all(self.key, memberships);
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
        // All that lies far apart is asked for before any of it is needed, so that the processor waits for it once.
        let sought = self.people.seek(self.key, principal);
        let mut walk = self.scopes.walk(self.key, scope);
        walk.seek();
        let asked = self.roles.ask(self.key, action);
        let Some(asker) = self.people.found(sought, principal) else { return Decision::Denied };
        let reach = self.people.reach(asker);
        let question = Question { asked, reach: reach.marked(), scope, now };
        let (mut best, mut above) = (None, 0);
        loop {
            let nodes = walk.find();
            self.nearest(&question, nodes, above, &mut best);
            if nodes.len() < LEVELS {
                break;
            }
            above += LEVELS;
            walk.seek();
        }
        best.map_or(Decision::Denied, |Found { level, slot, .. }| {
            Decision::Allowed(Grant::new(Reason { index: self, asked: scope, asker, level, slot }))
        })
    }

    /// Of the assignments that allow what is asked, held at these scopes or found before, the one to name. The number of
    /// the first scope is counted from the top.
    #[inline]
    fn nearest(&self, question: &Question<'_>, nodes: &[u32], above: usize, best: &mut Option<Found>) {
        let Question { asked, reach, scope, now } = question;
        let roles = asked.mask();
        let (mut places, mut some) = ([None; LEVELS], false);
        for (held, node) in places.iter_mut().zip(nodes) {
            *held = self.scopes.held_with(*node, roles);
            some |= held.is_some();
        }
        for (at, holders) in reach.chunks(HAND).enumerate().filter(|_| some) {
            let hand = Hand::new(self.key, holders);
            let mut candidates = [0; LEVELS];
            for (candidates, held) in candidates.iter_mut().zip(&places) {
                *candidates = held.map_or(0, |held| held.candidates(&hand));
            }
            let glance = |(held, candidates): (&Option<&Held>, &u32)| {
                held.map_or(0, |held| held.glance(self.scopes.shelf(), &hand, *candidates))
            };
            black_box(places.iter().zip(&candidates).map(glance).fold(0, |seen, word| seen | word));
            for (level, (held, candidates)) in places.iter().zip(&candidates).enumerate().rev() {
                let level = above + level;
                if best.is_some_and(|best| best.level > level) {
                    break;
                }
                let Some(held) = held.filter(|_| *candidates != 0) else { continue };
                let grants = |role| asked.is_granted_by(role_of(role));
                held.show(self.scopes.shelf(), &hand, *candidates, grants, |place, slot| {
                    let found = Found { level, holder: at * HAND + place, slot };
                    let first = |best: Found| self.naming_order(&found, &best, reach, scope).is_lt();
                    if self.records.is_live(&slot, *now) && best.is_none_or(first) {
                        *best = Some(found);
                    }
                });
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
        self.index.roles.definition(role_of(self.slot.role))
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
