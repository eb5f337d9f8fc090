//! Roles by number, and for each action that is known beforehand the set of roles that grant it.

use std::collections::HashMap;

use arm::RoleId;
use hashbrown::HashTable;

use super::{HashKey, number, push};
use crate::{Action, RoleDefinition};

/// The roles that are defined, or that assignments speak of, and the actions that are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    numbers: HashMap<RoleId, u32>,
    roles: Vec<Role>,
    free: Vec<u32>,
    by_text: HashTable<u32>,
    actions: Vec<Known>,
    free_actions: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Role {
    id: RoleId,
    /// Boxed, because a number of roles stand side by side.
    definition: Option<Box<RoleDefinition>>,
    assignments: u32,
}

/// An action that some role names without a wildcard, or that was [announced](Roles::know).
#[derive(Clone, Debug)]
struct Known {
    /// In lower case.
    text: Box<str>,
    /// A bit for each role: whether it grants this action.
    granting: Vec<u64>,
    /// How many roles name it, and one more if it was announced.
    uses: u32,
}

/// An action that is asked about.
pub(super) enum Asked<'a> {
    /// The bits of the roles that grant it.
    Known(&'a [u64]),
    /// Decided by matching patterns: its text in lower case.
    Unknown(&'a Roles, &'a str),
}

/// The bit of a role among 32, which it shares with others.
pub(super) fn mask_of(role: u32) -> u32 {
    1 << (role % 32)
}

impl Asked<'_> {
    /// The bits of the roles that grant it: who has none of them does not.
    pub(super) fn mask(&self) -> u32 {
        match self {
            Self::Known(granting) => granting.iter().fold(0, |mask, word| mask | (word | word >> 32) as u32),
            Self::Unknown(..) => u32::MAX,
        }
    }

    /// Whether a role grants it.
    pub(super) fn is_granted_by(&self, role: u32) -> bool {
        match self {
            Self::Known(granting) => {
                let word = granting.get(role as usize / 64);
                word.is_some_and(|word| word >> (role % 64) & 1 == 1)
            }
            Self::Unknown(roles, text) => roles.definition(role).is_some_and(|role| role.grants_folded(text)),
        }
    }
}

impl Roles {
    /// The definition of the role with this id.
    pub(super) fn find(&self, id: RoleId) -> Option<&RoleDefinition> {
        self.definition(*self.numbers.get(&id)?)
    }

    /// The number of the role with this id, if it is defined or assigned.
    pub(super) fn number_of(&self, id: RoleId) -> Option<u32> {
        self.numbers.get(&id).copied()
    }

    /// The definition of a role, if it is defined.
    pub(super) fn definition(&self, at: u32) -> Option<&RoleDefinition> {
        self.roles.get(at as usize)?.definition.as_deref()
    }

    /// Prepares an action for being asked about.
    pub(super) fn ask<'a>(&'a self, key: HashKey, action: &'a Action) -> Asked<'a> {
        let text = action.folded();
        match self.find_action(key, text).and_then(|at| self.actions.get(at as usize)) {
            Some(known) => Asked::Known(&known.granting),
            None => Asked::Unknown(self, text),
        }
    }

    fn find_action(&self, key: HashKey, text: &str) -> Option<u32> {
        let is = |at: &u32| self.actions.get(*at as usize).is_some_and(|known| *known.text == *text);
        self.by_text.find(key.text(text), is).copied()
    }

    /// Decides about an action now, so that it need not be done when it is asked.
    pub(super) fn know(&mut self, key: HashKey, action: &Action) {
        let text = action.folded();
        if let Some(known) = self.find_action(key, text).and_then(|at| self.actions.get_mut(at as usize)) {
            known.uses += 1;
            return;
        }
        let mut known = Known { text: text.into(), granting: Vec::new(), uses: 1 };
        for (at, role) in self.roles.iter().enumerate() {
            let grants = role.definition.as_ref().is_some_and(|role| role.grants_folded(text));
            known.set(number(at), grants);
        }
        let reused = self.free_actions.pop().and_then(|at| Some((at, self.actions.get_mut(at as usize)?)));
        let at = match reused {
            Some((at, place)) => {
                *place = known;
                at
            }
            None => push(&mut self.actions, known),
        };
        let actions = &self.actions;
        let rehash = |at: &u32| actions.get(*at as usize).map_or(0, |known| key.text(&known.text));
        self.by_text.insert_unique(key.text(text), at, rehash);
    }

    fn forget(&mut self, key: HashKey, action: &Action) {
        let Some(at) = self.find_action(key, action.folded()) else { return };
        let Some(known) = self.actions.get_mut(at as usize) else { return };
        known.uses = known.uses.saturating_sub(1);
        if known.uses > 0 {
            return;
        }
        if let Ok(entry) = self.by_text.find_entry(key.text(action.folded()), |other| *other == at) {
            entry.remove();
            self.free_actions.push(at);
        }
    }

    /// Adds a role, or replaces the one with its id.
    pub(super) fn put(&mut self, key: HashKey, definition: RoleDefinition) {
        let at = self.number(definition.id);
        named(&definition).for_each(|action| self.know(key, &action));
        let before = self.define(at, Some(definition));
        before.iter().flat_map(|before| named(before)).for_each(|action| self.forget(key, &action));
    }

    /// Removes a role's definition.
    pub(super) fn remove(&mut self, key: HashKey, id: RoleId) {
        let Some(at) = self.numbers.get(&id).copied() else { return };
        let before = self.define(at, None);
        before.iter().flat_map(|before| named(before)).for_each(|action| self.forget(key, &action));
        self.forget_idle(at);
    }

    fn define(&mut self, at: u32, definition: Option<RoleDefinition>) -> Option<Box<RoleDefinition>> {
        for known in &mut self.actions {
            let grants = definition.as_ref().is_some_and(|definition| definition.grants_folded(&known.text));
            known.set(at, grants);
        }
        let role = self.roles.get_mut(at as usize)?;
        std::mem::replace(&mut role.definition, definition.map(Box::new))
    }

    /// Counts an assignment of a role.
    pub(super) fn hold(&mut self, id: RoleId) -> u32 {
        let at = self.number(id);
        self.roles.get_mut(at as usize).into_iter().for_each(|role| role.assignments += 1);
        at
    }

    /// Counts an assignment of a role no more.
    pub(super) fn release(&mut self, at: u32) {
        if let Some(role) = self.roles.get_mut(at as usize) {
            role.assignments = role.assignments.saturating_sub(1);
        }
        self.forget_idle(at);
    }

    fn forget_idle(&mut self, at: u32) {
        let idle = |role: &&Role| role.assignments == 0 && role.definition.is_none();
        if let Some(role) = self.roles.get(at as usize).filter(idle) {
            self.numbers.remove(&role.id);
            self.free.push(at);
        }
    }

    fn number(&mut self, id: RoleId) -> u32 {
        if let Some(at) = self.numbers.get(&id) {
            return *at;
        }
        let role = Role { id, definition: None, assignments: 0 };
        let reused = self.free.pop().and_then(|at| Some((at, self.roles.get_mut(at as usize)?)));
        let at = match reused {
            Some((at, place)) => {
                *place = role;
                at
            }
            None => push(&mut self.roles, role),
        };
        self.numbers.insert(id, at);
        at
    }
}

impl Known {
    fn set(&mut self, role: u32, grants: bool) {
        let (word, bit) = (role as usize / 64, 1 << (role % 64));
        if self.granting.len() <= word {
            self.granting.resize(word + 1, 0);
        }
        if let Some(word) = self.granting.get_mut(word) {
            *word = if grants { *word | bit } else { *word & !bit };
        }
    }
}

/// The actions that a role names without a wildcard.
fn named(definition: &RoleDefinition) -> impl Iterator<Item = Action> {
    let patterns = definition.permissions.iter().flat_map(|permission| &permission.actions);
    patterns.filter_map(|pattern| Action::parse(pattern.as_str()).ok())
}
