//! Principals by number, who is in which group, and for each principal all groups that it is in.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use super::ring::{Sought, Table};
use super::{HashKey, NONE, number, push};
use arm::ObjectId;

/// How many principals a chain of groups may hold before it is walked when it is asked for, and not kept: what is kept
/// for one principal, and what a change costs for each principal that it affects, have a bound.
const KEPT: usize = 256;
/// Marks, in a list of a principal and its groups, the first of those that are one group further away.
const FURTHER: u32 = 1 << 31;

/// Principals that are in a group, have a member or hold an assignment. All others are unknown.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    by_id: Table,
    people: Vec<Person>,
    links: Vec<Links>,
    /// The direct members of those that have any.
    members: HashMap<u32, HashSet<u32>>,
    free: Vec<u32>,
}

/// What a decision reads of a principal. As large as a cache line, and it begins at one.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Person {
    id: ObjectId,
    holders: Holders,
}

/// A principal and all groups that it is in, with marks, the nearest first, among equally near ones in a fixed order.
#[derive(Clone, Debug)]
enum Holders {
    /// As many as there is room for here.
    Few {
        count: u8,
        list: [u32; FEW],
    },
    Kept(Box<[u32]>),
    /// More than are kept.
    TooMany,
}

/// How many principals there is room for in a line beside the id.
const FEW: usize = 11;

impl Holders {
    fn new(order: Vec<u32>) -> Self {
        let mut list = [0; FEW];
        match list.get_mut(..order.len()) {
            _ if order.len() > KEPT => Self::TooMany,
            Some(room) => {
                room.copy_from_slice(&order);
                Self::Few { count: order.len() as u8, list }
            }
            None => Self::Kept(order.into()),
        }
    }
}

/// What changes read of a principal.
#[derive(Clone, Debug, Default)]
struct Links {
    /// The groups it is in itself, in the order of their ids, so that of several equally short ways through groups
    /// always the same one is found.
    groups: Box<[u32]>,
    assignments: u32,
}

/// A principal and its groups, as a decision asks for them.
pub(super) enum Reach<'a> {
    Kept(&'a [u32]),
    Walked(Vec<u32>),
}

impl Reach<'_> {
    /// The numbers with marks.
    pub(super) fn marked(&self) -> &[u32] {
        match self {
            Self::Kept(kept) => kept,
            Self::Walked(walked) => walked,
        }
    }
}

/// The number without its mark.
pub(super) fn unmarked(holder: u32) -> u32 {
    holder & !FURTHER
}

/// Whether all of these holders are reached through as many groups as the one before them.
pub(super) fn as_near(marked: &[u32]) -> bool {
    marked.iter().all(|holder| holder & FURTHER == 0)
}

impl People {
    /// The number of a principal, if it is known.
    pub(super) fn find(&self, key: HashKey, id: ObjectId) -> Option<u32> {
        self.found(self.seek(key, id), id)
    }

    /// Begins to look for a principal: reads what is where it should be.
    #[inline]
    pub(super) fn seek(&self, key: HashKey, id: ObjectId) -> (Sought, Option<ObjectId>) {
        let sought = self.by_id.seek(key.guid(id.0));
        (sought, self.id(sought.guess()))
    }

    /// The number of a principal that was looked for, if it is known.
    #[inline]
    pub(super) fn found(&self, (sought, guess): (Sought, Option<ObjectId>), id: ObjectId) -> Option<u32> {
        let is = |at| if at == sought.guess() { guess == Some(id) } else { self.id(at) == Some(id) };
        self.by_id.find(sought, is)
    }

    /// Gives back room that is kept for more.
    pub(super) fn shrink(&mut self) {
        self.by_id.shrink();
        self.people.shrink_to_fit();
        self.links.shrink_to_fit();
    }

    /// Whether nobody is known.
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.members.is_empty()
    }

    /// The principal with this number.
    pub(super) fn id(&self, at: u32) -> Option<ObjectId> {
        self.people.get(at as usize).map(|person| person.id)
    }

    /// A principal and all its groups.
    pub(super) fn reach(&self, at: u32) -> Reach<'_> {
        match self.people.get(at as usize).map(|person| &person.holders) {
            None => Reach::Kept(&[]),
            Some(Holders::Few { count, list }) => {
                Reach::Kept(list.get(..usize::from(*count)).unwrap_or_default())
            }
            Some(Holders::Kept(kept)) => Reach::Kept(kept),
            Some(Holders::TooMany) => Reach::Walked(self.walk(at).0),
        }
    }

    /// The groups from a principal up to one that it is in: a shortest way.
    pub(super) fn path(&self, from: u32, holder: u32) -> Vec<ObjectId> {
        let (_, before) = self.walk(from);
        // The start has no predecessor, because it was seen before any other: the way back ends there.
        let way = std::iter::successors(Some(holder), |group| before.get(group).copied());
        let mut path: Vec<ObjectId> = way.filter_map(|group| self.id(group)).collect();
        path.pop();
        path.reverse();
        path
    }

    /// The principal and, if it is a group, everybody who is in it.
    pub(super) fn below(&self, at: u32) -> Vec<u32> {
        self.descend(at, |_| true)
    }

    /// Counts an assignment of a principal.
    pub(super) fn hold(&mut self, key: HashKey, id: ObjectId) -> u32 {
        let at = self.number(key, id);
        if let Some(links) = self.links.get_mut(at as usize) {
            links.assignments += 1;
        }
        at
    }

    /// Counts an assignment of a principal no more.
    pub(super) fn release(&mut self, key: HashKey, at: u32) {
        if let Some(links) = self.links.get_mut(at as usize) {
            links.assignments = links.assignments.saturating_sub(1);
        }
        self.forget_idle(key, at);
    }

    /// Puts a principal directly into a group.
    pub(super) fn add(&mut self, key: HashKey, group: ObjectId, member: ObjectId) {
        let (_, member) = self.link(key, group, member);
        // Below somebody with too many groups, everybody has too many.
        let few =
            |at: u32| !self.people.get(at as usize).is_some_and(|p| matches!(p.holders, Holders::TooMany));
        let affected = self.descend(member, few);
        affected.into_iter().for_each(|at| self.refresh(at));
    }

    /// Puts principals into groups, all at once.
    pub(super) fn add_all(&mut self, key: HashKey, pairs: impl IntoIterator<Item = (ObjectId, ObjectId)>) {
        for (group, member) in pairs {
            self.link(key, group, member);
        }
        (0..number(self.people.len())).for_each(|at| self.refresh(at));
    }

    /// Takes a direct member out of a group.
    pub(super) fn remove(&mut self, key: HashKey, group: ObjectId, member: ObjectId) {
        let (Some(group), Some(member)) = (self.find(key, group), self.find(key, member)) else {
            return;
        };
        let affected = self.below(member);
        if let Some(links) = self.links.get_mut(member as usize) {
            links.groups = links.groups.iter().copied().filter(|at| *at != group).collect();
        }
        if let Entry::Occupied(mut members) = self.members.entry(group) {
            members.get_mut().remove(&member);
            if members.get().is_empty() {
                members.remove();
            }
        }
        affected.into_iter().for_each(|at| self.refresh(at));
        self.forget_idle(key, group);
        self.forget_idle(key, member);
    }

    fn link(&mut self, key: HashKey, group: ObjectId, member: ObjectId) -> (u32, u32) {
        let (group, member) = (self.number(key, group), self.number(key, member));
        let groups = self.groups(member);
        let place = groups.binary_search_by_key(&self.id(group), |at| self.id(*at));
        if let Err(place) = place {
            let mut longer = groups.to_vec();
            longer.insert(place, group);
            if let Some(links) = self.links.get_mut(member as usize) {
                links.groups = longer.into();
            }
            self.members.entry(group).or_default().insert(member);
        }
        (group, member)
    }

    fn groups(&self, at: u32) -> &[u32] {
        self.links.get(at as usize).map(|links| &*links.groups).unwrap_or_default()
    }

    /// The number of a principal, which is given one if it has none.
    fn number(&mut self, key: HashKey, id: ObjectId) -> u32 {
        if let Some(at) = self.find(key, id) {
            return at;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            push(&mut self.links, Links::default());
            push(&mut self.people, Person { id, holders: Holders::TooMany })
        });
        if let Some(person) = self.people.get_mut(at as usize) {
            *person = Person { id, holders: Holders::new(vec![at]) };
        }
        self.by_id.insert(key.guid(id.0), at);
        at
    }

    /// Forgets a principal that is in no group, has no member and holds nothing.
    fn forget_idle(&mut self, key: HashKey, at: u32) {
        let Some(links) = self.links.get(at as usize) else { return };
        if links.assignments > 0 || !links.groups.is_empty() || self.members.contains_key(&at) {
            return;
        }
        let Some(id) = self.id(at) else { return };
        if self.by_id.remove(key.guid(id.0), at) {
            self.free.push(at);
        }
    }

    /// Finds out anew which groups a principal is in.
    fn refresh(&mut self, at: u32) {
        let holders = self.holders(at);
        if let Some(person) = self.people.get_mut(at as usize) {
            person.holders = holders;
        }
    }

    fn holders(&self, at: u32) -> Holders {
        let mut order = vec![at];
        let mut level = 0..1;
        while !level.is_empty() {
            for place in level.clone() {
                let from = order.get(place).copied().map_or(NONE, unmarked);
                for group in self.groups(from) {
                    if !order.iter().any(|known| unmarked(*known) == *group) {
                        order.push(*group);
                    }
                }
                if order.len() > KEPT {
                    return Holders::TooMany;
                }
            }
            level = level.end..order.len();
            order.get_mut(level.start).into_iter().for_each(|first| *first |= FURTHER);
        }
        Holders::new(order)
    }

    /// A principal and all its groups, with marks, and for each group the one before it on the way. Breadth first, each
    /// visited once, so that circles end.
    fn walk(&self, start: u32) -> (Vec<u32>, HashMap<u32, u32>) {
        let mut order = vec![start];
        let mut before = HashMap::new();
        let mut seen = HashSet::from([start]);
        let mut level = 0..1;
        while !level.is_empty() {
            for place in level.clone() {
                let at = order.get(place).copied().map_or(NONE, unmarked);
                for group in self.groups(at) {
                    if seen.insert(*group) {
                        before.insert(*group, at);
                        order.push(*group);
                    }
                }
            }
            level = level.end..order.len();
            order.get_mut(level.start).into_iter().for_each(|first| *first |= FURTHER);
        }
        (order, before)
    }

    /// A principal and everybody in it, but nobody whom only those lead to who are not wanted.
    fn descend(&self, start: u32, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut order = Vec::new();
        let mut seen = HashSet::from([start]);
        let mut waiting = VecDeque::from([start]);
        while let Some(at) = waiting.pop_front() {
            if !wanted(at) {
                continue;
            }
            order.push(at);
            let members = self.members.get(&at);
            waiting.extend(members.into_iter().flatten().filter(|member| seen.insert(**member)));
        }
        order
    }
}
