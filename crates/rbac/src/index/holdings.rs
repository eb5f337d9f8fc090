//! All assignments that grant something at a scope, and everybody who holds them: what a report is made of.

use std::collections::HashMap;

use arm::{ObjectId, ResourceId, RoleId};
use jiff::Timestamp;

use super::held::Slot;
use super::records::role_of;
use super::{Index, ancestor};
use crate::Action;

/// An assignment that grants some of the actions that were asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The id of the assignment.
    pub assignment: ResourceId,
    /// Its scope.
    pub scope: ResourceId,
    /// The role it gives.
    pub role: RoleId,
    /// What the role is called.
    pub role_name: String,
    /// Who holds it: a principal, or a group, and then everybody in it does.
    pub holder: ObjectId,
    /// When it ends, if it does.
    pub expires: Option<Timestamp>,
    /// Which of the actions it grants, as places in the list that was asked about, ascending.
    pub actions: Vec<usize>,
}

impl Index {
    /// The assignments that grant any of these actions at a scope at this time, in the order of their ids: those at the
    /// scope and above it, and if `below` is set those at what lies in it, which grant an action there only.
    ///
    /// Each of them is looked at once, whatever the number of principals. Who is asked about what lies below reads all
    /// scopes once, if anything is assigned there at all.
    pub fn holdings(
        &self,
        actions: &[Action],
        scope: &ResourceId,
        below: bool,
        now: Timestamp,
    ) -> Vec<Holding> {
        let mut asked = Granting { index: self, actions, roles: HashMap::new(), now, found: Vec::new() };
        for (level, node) in self.scopes.path(self.key, scope).into_iter().enumerate() {
            let end = ancestor(scope, level).len();
            let text = scope.as_str().get(..end).unwrap_or_default();
            asked.take(node, || text.to_string());
        }
        if let Some(node) = self.scopes.find(self.key, scope).filter(|_| below) {
            for node in self.scopes.within(node) {
                asked.take(node, || self.scopes.text(node));
            }
        }
        let mut found = asked.found;
        found.sort_by(|one, two| one.assignment.folded().cmp(two.assignment.folded()));
        found
    }

    /// A principal and, if it is a group, everybody who is in it, directly or through other groups, groups included.
    /// Only itself when nothing is known of it.
    pub fn members_of(&self, principal: ObjectId) -> Vec<ObjectId> {
        let Some(at) = self.people.find(self.key, principal) else { return vec![principal] };
        self.people.below(at).into_iter().filter_map(|at| self.people.id(at)).collect()
    }

    /// The groups through which a principal is in a group, from the one it is in itself up to that one; empty when they
    /// are the same. It makes sense for those whom [`Index::members_of`] lists.
    pub fn path_to(&self, principal: ObjectId, group: ObjectId) -> Vec<ObjectId> {
        let places = self.people.find(self.key, principal).zip(self.people.find(self.key, group));
        places.map(|(principal, group)| self.people.path(principal, group)).unwrap_or_default()
    }
}

/// What is asked, what is known of each role, and what was found.
struct Granting<'a> {
    index: &'a Index,
    actions: &'a [Action],
    /// For each role that was met, which of the actions it grants.
    roles: HashMap<u32, Vec<usize>>,
    now: Timestamp,
    found: Vec<Holding>,
}

impl Granting<'_> {
    /// Takes what is assigned at a node.
    fn take(&mut self, node: u32, text: impl Fn() -> String) {
        let index = self.index;
        let Some(held) = index.scopes.held(node) else { return };
        let mut scope = None;
        for slot in held.iter(index.scopes.shelf()) {
            if !index.records.is_live(&slot, self.now) || self.granted(role_of(slot.role)).is_empty() {
                continue;
            }
            // The text of a node is an id.
            let scope = scope
                .get_or_insert_with(|| ResourceId::parse(&text()).unwrap_or_else(|_| ResourceId::root()));
            let holding = self.holding(&slot, scope);
            self.found.extend(holding);
        }
    }

    fn granted(&mut self, role: u32) -> &[usize] {
        let (index, actions) = (self.index, self.actions);
        self.roles.entry(role).or_insert_with(|| {
            let definition = index.roles.definition(role);
            let grants = |action: &Action| definition.is_some_and(|role| role.grants(action));
            actions.iter().enumerate().filter(|(_, action)| grants(action)).map(|(at, _)| at).collect()
        })
    }

    fn holding(&mut self, slot: &Slot, scope: &ResourceId) -> Option<Holding> {
        let index = self.index;
        let actions = self.granted(role_of(slot.role)).to_vec();
        let role = index.roles.definition(role_of(slot.role))?;
        Some(Holding {
            assignment: index.records.id(slot, scope),
            scope: scope.clone(),
            role: role.id,
            role_name: role.role_name.clone(),
            holder: index.people.id(slot.principal)?,
            expires: index.records.window(slot).and_then(|window| window.end),
            actions,
        })
    }
}
