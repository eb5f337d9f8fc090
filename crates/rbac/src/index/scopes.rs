//! Scopes as a tree, found by walking down the path of an id.
//!
//! Each scope that has assignments, and each above it, is a node. A path is looked up step by step, each step under a
//! hash of the whole path down to it: the places to look at do not depend on each other, so that the processor can read
//! them at once. Whether a node is the right one is decided by comparing its own part, letter by letter, and its parent.

use std::collections::HashMap;

use super::held::{Held, Shelf, Slot};
use super::records::role_of;
use super::ring::{Sought, Table};
use super::roles::mask_of;
use super::{HashKey, NONE, number, push};
use arm::{ResourceId, Steps};

/// The scopes of one index.
#[derive(Clone, Debug, Default)]
pub(super) struct Scopes {
    by_path: Table,
    /// The node of the root, which most paths begin with.
    root: Option<u32>,
    nodes: Vec<Node>,
    free: Vec<u32>,
    kinds: Kinds,
    shelf: Shelf,
}

/// One scope. As large as a cache line, and it begins at one.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Node {
    held: Held,
    name: Name,
    parent: u32,
    /// What comes before the name in the scope's own part of the path.
    kind: u32,
    children: u32,
    /// The bits of the roles that are assigned here, and of some that were.
    roles: u32,
}

/// The last segment of a path. Most names are short.
#[derive(Clone, Debug)]
enum Name {
    Short { length: u8, bytes: [u8; 22] },
    Long(Box<[u8]>),
}

impl Name {
    fn new(text: &[u8]) -> Self {
        let mut bytes = [0; 22];
        match bytes.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text);
                Self::Short { length: text.len() as u8, bytes }
            }
            None => Self::Long(text.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

/// A step of a path, as the kind of a scope, with the slashes around it, and its name.
fn split(step: &str) -> (&[u8], &[u8]) {
    let bytes = step.as_bytes();
    let name = bytes.iter().rev().take_while(|byte| **byte != b'/').count();
    bytes.split_at_checked(bytes.len() - name).unwrap_or_default()
}

/// How many scopes of a path are looked up together. Few paths have more.
pub(super) const LEVELS: usize = 8;

/// A walk down a path: the nodes of its scopes, from the top, as far as there are any.
pub(super) struct Walk<'a> {
    scopes: &'a Scopes,
    key: HashKey,
    steps: Steps<'a>,
    state: u64,
    parent: u32,
    /// The steps that are looked up together, how many these are, and what is where their nodes should be.
    taken: [&'a str; LEVELS],
    count: usize,
    sought: [Sought; LEVELS],
    parents: [u32; LEVELS],
    nodes: [u32; LEVELS],
}

impl Walk<'_> {
    /// Begins to look for the next [`LEVELS`] nodes: finds out where all of them should be, and reads what is there.
    #[inline]
    pub(super) fn seek(&mut self) {
        self.count = 0;
        for ((sought, taken), step) in self.sought.iter_mut().zip(&mut self.taken).zip(&mut self.steps) {
            if !step.is_empty() {
                self.state = self.key.more(self.state, step.as_bytes());
                *sought = self.scopes.by_path.seek(self.key.finish(self.state));
            }
            *taken = step;
            self.count += 1;
        }
        for (parent, sought) in self.parents.iter_mut().zip(&self.sought).take(self.count) {
            *parent = self.scopes.nodes.get(sought.guess() as usize).map_or(NONE, |node| node.parent);
        }
    }

    /// Those of the nodes that were looked for that are there: all [`LEVELS`], or fewer at the end alone.
    #[inline]
    pub(super) fn find(&mut self) -> &[u32] {
        let mut count = 0;
        let read = self.sought.iter().zip(&self.parents);
        let all = self.nodes.iter_mut().zip(&self.taken).zip(read).take(self.count);
        for ((node, step), (sought, guess)) in all {
            let parent = self.parent;
            let right =
                |at: u32| (at != sought.guess() || *guess == parent) && self.scopes.is(at, parent, step);
            let found =
                if step.is_empty() { self.scopes.root } else { self.scopes.by_path.find(*sought, right) };
            let Some(found) = found else { break };
            (*node, self.parent) = (found, found);
            count += 1;
        }
        self.nodes.get(..count).unwrap_or_default()
    }
}

impl Scopes {
    /// A walk to a scope.
    #[inline]
    pub(super) fn walk<'a>(&'a self, key: HashKey, scope: &'a ResourceId) -> Walk<'a> {
        Walk {
            scopes: self,
            key,
            steps: scope.steps(),
            state: key.start(),
            parent: NONE,
            taken: [""; LEVELS],
            count: 0,
            sought: [Sought::default(); LEVELS],
            parents: [NONE; LEVELS],
            nodes: [NONE; LEVELS],
        }
    }

    /// The nodes of a scope and those above it, from the top, as far as there are any.
    pub(super) fn path(&self, key: HashKey, scope: &ResourceId) -> Vec<u32> {
        let mut walk = self.walk(key, scope);
        let mut path = Vec::new();
        loop {
            walk.seek();
            let nodes = walk.find();
            path.extend(nodes);
            if nodes.len() < LEVELS {
                return path;
            }
        }
    }

    /// The node of a scope.
    pub(super) fn find(&self, key: HashKey, scope: &ResourceId) -> Option<u32> {
        let path = self.path(key, scope);
        path.last().copied().filter(|_| path.len() == scope.steps().count())
    }

    /// Gives back room that is kept for more.
    pub(super) fn shrink(&mut self) {
        self.by_path.shrink();
        self.nodes.shrink_to_fit();
        self.shelf.shrink();
    }

    /// Whether there is no node and no kind.
    pub(super) fn is_empty(&self) -> bool {
        self.by_path.is_empty() && self.root.is_none() && self.kinds.numbers.is_empty()
    }

    /// The assignments at a scope.
    pub(super) fn held(&self, at: u32) -> Option<&Held> {
        self.nodes.get(at as usize).map(|node| &node.held)
    }

    /// The assignments at a scope, if some of them may be of a role with one of these bits.
    #[inline]
    pub(super) fn held_with(&self, at: u32, roles: u32) -> Option<&Held> {
        self.nodes.get(at as usize).filter(|node| node.roles & roles != 0).map(|node| &node.held)
    }

    /// Where the lists of few assignments are.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The numbers of all nodes, and of some that are not used.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..number(self.nodes.len())
    }

    /// The nodes that lie in this one, and not this one.
    pub(super) fn within(&self, at: u32) -> Vec<u32> {
        if self.nodes.get(at as usize).is_none_or(|node| node.children == 0) {
            return Vec::new();
        }
        // Nodes know what is above them and not what is below.
        let above = |from: u32| {
            let parent = |at: &u32| self.nodes.get(*at as usize).map(|node| node.parent);
            std::iter::successors(Some(from), parent).skip(1).take_while(|at| *at != NONE)
        };
        let live = |node: &u32| self.held(*node).is_some_and(|held| !held.is_empty());
        self.all().filter(live).filter(|node| above(*node).any(|parent| parent == at)).collect()
    }

    /// The path of a scope in the form in which it is compared; empty for the root.
    pub(super) fn text(&self, at: u32) -> String {
        let way =
            std::iter::successors(self.nodes.get(at as usize), |node| self.nodes.get(node.parent as usize));
        let mut nodes: Vec<&Node> = way.collect();
        nodes.reverse();
        let parts = nodes.into_iter().flat_map(|node| [self.kinds.text(node.kind), node.name.as_bytes()]);
        // Made of whole texts, each at its borders.
        String::from_utf8(parts.flatten().copied().collect()).unwrap_or_default()
    }

    /// Puts an assignment at a scope, and gives the scope's number.
    pub(super) fn insert(&mut self, key: HashKey, scope: &ResourceId, slot: Slot) -> u32 {
        let (mut parent, mut state) = (NONE, key.start());
        for step in scope.steps() {
            if !step.is_empty() {
                state = key.more(state, step.as_bytes());
            }
            let hash = key.finish(state);
            let known = if step.is_empty() { self.root } else { self.child(hash, parent, step) };
            parent = known.unwrap_or_else(|| self.grow(hash, parent, step));
        }
        self.hold(key, parent, slot);
        parent
    }

    /// Puts an assignment at a scope that has a number.
    pub(super) fn hold(&mut self, key: HashKey, at: u32, slot: Slot) {
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.held.insert(&mut self.shelf, key, slot);
            node.roles |= mask_of(role_of(slot.role));
        }
    }

    /// Takes an assignment away from a scope, and gives what it was.
    pub(super) fn remove(&mut self, key: HashKey, at: u32, principal: u32, record: u32) -> Option<Slot> {
        let node = self.nodes.get_mut(at as usize)?;
        let gone = node.held.remove(&mut self.shelf, key, principal, record);
        if let Some(few) = node.held.few(&self.shelf) {
            node.roles = few.iter().fold(0, |bits, slot| bits | mask_of(role_of(slot.role)));
        }
        self.prune(key, at);
        gone
    }

    fn child(&self, hash: u64, parent: u32, step: &str) -> Option<u32> {
        self.by_path.find(self.by_path.seek(hash), |at| self.is(at, parent, step))
    }

    /// Whether a node is this step down from that parent.
    #[inline]
    fn is(&self, at: u32, parent: u32, step: &str) -> bool {
        self.nodes.get(at as usize).is_some_and(|node| {
            let (kind, name) = (self.kinds.text(node.kind), node.name.as_bytes());
            let own = step.as_bytes().split_at_checked(kind.len());
            node.parent == parent && own.is_some_and(|own| own.1 == name && own.0 == kind)
        })
    }

    fn grow(&mut self, hash: u64, parent: u32, step: &str) -> u32 {
        let (kind, name) = split(step);
        let kind = self.kinds.take(kind);
        let node = Node { held: Held::default(), name: Name::new(name), parent, kind, children: 0, roles: 0 };
        let reused = self.free.pop().and_then(|at| Some((at, self.nodes.get_mut(at as usize)?)));
        let at = match reused {
            Some((at, place)) => {
                *place = node;
                at
            }
            None => push(&mut self.nodes, node),
        };
        if let Some(above) = self.nodes.get_mut(parent as usize) {
            above.children += 1;
        }
        if step.is_empty() {
            self.root = Some(at);
        } else {
            self.by_path.insert(hash, at);
        }
        at
    }

    /// The state of the hash after the path of a node.
    fn path_state(&self, key: HashKey, at: u32) -> u64 {
        let Some(node) = self.nodes.get(at as usize).filter(|_| self.root != Some(at)) else {
            return key.start();
        };
        let step = [self.kinds.text(node.kind), node.name.as_bytes()].concat();
        key.more(self.path_state(key, node.parent), &step)
    }

    /// Removes a scope that nothing is at or below, and those above it of which the same is then true.
    fn prune(&mut self, key: HashKey, mut at: u32) {
        while let Some(node) =
            self.nodes.get(at as usize).filter(|node| node.children == 0 && node.held.is_empty())
        {
            let (parent, kind) = (node.parent, node.kind);
            if self.root == Some(at) {
                self.root = None;
            } else {
                self.by_path.remove(key.finish(self.path_state(key, at)), at);
            }
            self.kinds.release(kind);
            self.free.push(at);
            if let Some(above) = self.nodes.get_mut(parent as usize) {
                above.children = above.children.saturating_sub(1);
            }
            at = parent;
        }
    }
}

/// The kinds of scopes, each kept once.
#[derive(Clone, Debug, Default)]
struct Kinds {
    numbers: HashMap<Box<[u8]>, u32>,
    kinds: Vec<Kind>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Kind {
    text: Box<[u8]>,
    scopes: u32,
}

impl Kinds {
    fn text(&self, at: u32) -> &[u8] {
        self.kinds.get(at as usize).map(|kind| &*kind.text).unwrap_or_default()
    }

    fn take(&mut self, text: &[u8]) -> u32 {
        let known = self.numbers.get(text).copied();
        if let Some((at, kind)) = known.and_then(|at| Some((at, self.kinds.get_mut(at as usize)?))) {
            kind.scopes += 1;
            return at;
        }
        let kind = Kind { text: text.into(), scopes: 1 };
        let reused = self.free.pop().and_then(|at| Some((at, self.kinds.get_mut(at as usize)?)));
        let at = match reused {
            Some((at, place)) => {
                *place = kind;
                at
            }
            None => push(&mut self.kinds, kind),
        };
        self.numbers.insert(text.into(), at);
        at
    }

    fn release(&mut self, at: u32) {
        let Some(kind) = self.kinds.get_mut(at as usize) else { return };
        kind.scopes = kind.scopes.saturating_sub(1);
        if kind.scopes == 0 {
            self.numbers.remove(&kind.text);
            self.free.push(at);
        }
    }
}
