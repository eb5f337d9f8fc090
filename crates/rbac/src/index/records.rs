//! Assignments by their ids, and what is told of few of them.

use std::cmp::Ordering;
use std::collections::HashMap;

use arm::ResourceId;
use hashbrown::HashTable;
use jiff::Timestamp;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::held::Slot;
use super::{HashKey, push};
use crate::{Assignment, PlainAssignment, Window};

/// What comes between the scope and the name in the id of an assignment.
const BELOW: &str = "/providers/Microsoft.Authorization/roleAssignments/";

/// The role has a window.
const TIMED: u32 = 1 << 31;
/// The assignment has a condition, so that it never grants anything.
const CONDITIONAL: u32 = 1 << 30;
/// The id has not the form that is made anew from scope and GUID.
const ODD: u32 = 1 << 29;

/// The number of a role, without marks.
pub(super) fn role_of(marked: u32) -> u32 {
    marked & !(TIMED | CONDITIONAL | ODD)
}

/// All assignments of one index.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    by_guid: HashTable<u32>,
    records: Vec<Record>,
    free: Vec<u32>,
    windows: HashMap<u32, Window>,
    odd: HashMap<ResourceId, u32>,
    odd_ids: HashMap<u32, ResourceId>,
}

/// What is needed to find an assignment by its id. Where its scope and its holder are kept, the rest is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// The last segment of the id, unless that is an odd one.
    guid: Uuid,
    pub(super) scope: u32,
    pub(super) principal: u32,
}

/// The GUID at the end of an assignment's id, if the id is its scope's text, [`BELOW`], and that GUID as ARM writes it.
fn guid_below(id: &ResourceId) -> Option<(&str, Uuid)> {
    let folded = id.folded();
    let (above, name) = folded.split_at_checked(folded.len().checked_sub(Hyphenated::LENGTH)?)?;
    let scope = above.strip_suffix(PlainAssignment::BELOW)?;
    Some((scope, PlainAssignment::name(name)?))
}

/// What the id of an assignment at this scope begins with.
fn stem(scope: &str) -> &str {
    if scope == "/" { "" } else { scope }
}

impl Records {
    /// The number of the assignment with this id. `find` finds the number of a scope.
    pub(super) fn find(
        &self,
        key: HashKey,
        id: &ResourceId,
        find: impl Fn(&ResourceId) -> Option<u32>,
    ) -> Option<u32> {
        if let Some(odd) = self.odd.get(id) {
            return Some(*odd);
        }
        let (scope, guid) = guid_below(id)?;
        let scope = find(&ResourceId::parse(scope).ok()?)?;
        let is = |at: &u32| {
            self.records.get(*at as usize).is_some_and(|record| record.guid == guid && record.scope == scope)
        };
        self.by_guid.find(key.guid(guid), is).copied()
    }

    /// Whether there is no assignment.
    pub(super) fn is_empty(&self) -> bool {
        let tables = [self.windows.len(), self.odd.len(), self.odd_ids.len()];
        self.by_guid.is_empty() && tables == [0; 3]
    }

    pub(super) fn get(&self, at: u32) -> Option<Record> {
        self.records.get(at as usize).copied()
    }

    /// The number of the assignment with this name at a scope.
    pub(super) fn at(&self, key: HashKey, name: Uuid, scope: u32) -> Option<u32> {
        let is = |at: &u32| {
            self.records.get(*at as usize).is_some_and(|record| record.guid == name && record.scope == scope)
        };
        self.by_guid.find(key.guid(name), is).copied()
    }

    /// Whether there are assignments whose ids are not made of scope and GUID.
    pub(super) fn has_odd(&self) -> bool {
        !self.odd.is_empty()
    }

    /// Keeps an assignment, whose id is not known yet. Its scope is still to be [placed](Self::place).
    pub(super) fn insert(
        &mut self,
        key: HashKey,
        assignment: &Assignment,
        principal: u32,
        role: u32,
    ) -> Slot {
        let name = PlainAssignment::name_in(assignment.id.folded(), &assignment.scope);
        let plain = PlainAssignment {
            name: name.unwrap_or_default(),
            role: assignment.role,
            principal: assignment.principal,
            window: assignment.window,
            conditional: assignment.condition.is_some(),
        };
        if name.is_some() {
            return self.insert_plain(key, &plain, principal, role);
        }
        let mut slot = self.keep(&plain, principal, role);
        slot.role |= ODD;
        self.odd.insert(assignment.id.clone(), slot.record);
        self.odd_ids.insert(slot.record, assignment.id.clone());
        slot
    }

    /// The same for an assignment whose id follows from its scope and its name.
    pub(super) fn insert_plain(
        &mut self,
        key: HashKey,
        plain: &PlainAssignment,
        principal: u32,
        role: u32,
    ) -> Slot {
        let slot = self.keep(plain, principal, role);
        let records = &self.records;
        let hash = |at: &u32| records.get(*at as usize).map_or(0, |record| key.guid(record.guid));
        self.by_guid.insert_unique(key.guid(plain.name), slot.record, hash);
        slot
    }

    fn keep(&mut self, plain: &PlainAssignment, principal: u32, role: u32) -> Slot {
        let record = Record { guid: plain.name, scope: super::NONE, principal };
        let reused = self.free.pop().and_then(|at| Some((at, self.records.get_mut(at as usize)?)));
        let at = match reused {
            Some((at, place)) => {
                *place = record;
                at
            }
            None => push(&mut self.records, record),
        };
        let mut slot = Slot { principal, record: at, role };
        if let Some(window) = plain.window {
            slot.role |= TIMED;
            self.windows.insert(at, window);
        }
        if plain.conditional {
            slot.role |= CONDITIONAL;
        }
        slot
    }

    /// Says at which scope an assignment is.
    pub(super) fn place(&mut self, at: u32, scope: u32) {
        self.records.get_mut(at as usize).into_iter().for_each(|record| record.scope = scope);
    }

    pub(super) fn remove(&mut self, key: HashKey, at: u32) {
        let Some(record) = self.get(at) else { return };
        if let Some(id) = self.odd_ids.remove(&at) {
            self.odd.remove(&id);
        } else if let Ok(entry) = self.by_guid.find_entry(key.guid(record.guid), |other| *other == at) {
            entry.remove();
        }
        self.windows.remove(&at);
        self.free.push(at);
    }

    /// Gives back room that is kept for more.
    pub(super) fn shrink(&mut self) {
        self.records.shrink_to_fit();
    }

    /// When an assignment holds; always, when absent.
    pub(super) fn window(&self, slot: &Slot) -> Option<Window> {
        if slot.role & TIMED == 0 { None } else { self.windows.get(&slot.record).copied() }
    }

    /// Whether an assignment gives its role at that time: within its window, and without a condition.
    pub(super) fn is_live(&self, slot: &Slot, now: Timestamp) -> bool {
        match slot.role & (TIMED | CONDITIONAL) {
            0 => true,
            TIMED => self.windows.get(&slot.record).is_some_and(|window| window.contains(now)),
            _ => false,
        }
    }

    /// The id of an assignment at this scope.
    pub(super) fn id(&self, slot: &Slot, scope: &ResourceId) -> ResourceId {
        if let Some(odd) = self.odd_ids.get(&slot.record) {
            return odd.clone();
        }
        let guid = self.get(slot.record).map(|record| record.guid).unwrap_or_default();
        // As long as the one that was put, so that it is an id.
        ResourceId::parse(&format!("{scope}{BELOW}{guid}")).unwrap_or_else(|_| scope.clone())
    }

    /// The order of the ids of two assignments at the same scope, whose folded text this is.
    pub(super) fn order(&self, one: &Slot, two: &Slot, scope: &str) -> Ordering {
        let guid = |slot: &Slot| self.get(slot.record).map(|record| record.guid).unwrap_or_default();
        if (one.role | two.role) & ODD == 0 {
            // The text of a GUID has the order of its bytes.
            return guid(one).cmp(&guid(two));
        }
        let (mut room_one, mut room_two) = ([0; Hyphenated::LENGTH], [0; Hyphenated::LENGTH]);
        let (name_one, name_two) = (
            guid(one).as_hyphenated().encode_lower(&mut room_one),
            guid(two).as_hyphenated().encode_lower(&mut room_two),
        );
        self.letters(one, scope, name_one).cmp(self.letters(two, scope, name_two))
    }

    /// The folded id of an assignment, letter by letter.
    fn letters<'a>(&'a self, slot: &Slot, scope: &'a str, guid: &'a str) -> impl Iterator<Item = u8> + 'a {
        let parts = match self.odd_ids.get(&slot.record) {
            Some(id) => [id.folded(), "", ""],
            None => [stem(scope), PlainAssignment::BELOW, guid],
        };
        parts.into_iter().flat_map(str::bytes)
    }
}
