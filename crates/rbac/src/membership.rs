//! Who is in which group, directly and through other groups.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use arm::ObjectId;

/// Memberships, readable in both directions. Groups may contain each other, and themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memberships {
    groups: Edges,
    members: Edges,
}

/// Sorted sets, so that of several equally short ways through groups always the same one is found.
type Edges = HashMap<ObjectId, BTreeSet<ObjectId>>;

/// A principal and all groups that it is in.
pub(crate) struct Reach {
    /// The principal, then its groups, the nearest first.
    pub(crate) order: Vec<ObjectId>,
    /// For each of those groups, the one before it on the way from the principal.
    before: HashMap<ObjectId, ObjectId>,
}

impl Memberships {
    pub(crate) fn add(&mut self, group: ObjectId, member: ObjectId) {
        self.groups.entry(member).or_default().insert(group);
        self.members.entry(group).or_default().insert(member);
    }

    pub(crate) fn remove(&mut self, group: ObjectId, member: ObjectId) {
        cut(&mut self.groups, member, group);
        cut(&mut self.members, group, member);
    }

    /// The principal and every group that it is in.
    pub(crate) fn above(&self, principal: ObjectId) -> Reach {
        walk(&self.groups, principal)
    }

    /// The principal and, if it is a group, everybody who is in it.
    pub(crate) fn below(&self, principal: ObjectId) -> Vec<ObjectId> {
        walk(&self.members, principal).order
    }
}

impl Reach {
    /// The groups on the way to the holder of an assignment, from the principal up. Empty for the principal.
    pub(crate) fn path_to(&self, holder: ObjectId) -> Vec<ObjectId> {
        // The start has no predecessor, because it was seen before any other: the walk back ends there.
        let way = std::iter::successors(Some(holder), |group| self.before.get(group).copied());
        let mut path: Vec<ObjectId> = way.collect();
        path.pop();
        path.reverse();
        path
    }
}

fn cut(edges: &mut Edges, from: ObjectId, to: ObjectId) {
    if let Some(ends) = edges.get_mut(&from) {
        ends.remove(&to);
        if ends.is_empty() {
            edges.remove(&from);
        }
    }
}

/// Everything that edges lead to from `start`, breadth first. Each is visited once, so that circles end.
fn walk(edges: &Edges, start: ObjectId) -> Reach {
    let mut order = vec![start];
    let mut before = HashMap::new();
    let mut seen = HashSet::from([start]);
    let mut waiting = VecDeque::from([start]);
    while let Some(at) = waiting.pop_front() {
        for next in edges.get(&at).into_iter().flatten() {
            if seen.insert(*next) {
                before.insert(*next, at);
                order.push(*next);
                waiting.push_back(*next);
            }
        }
    }
    Reach { order, before }
}
