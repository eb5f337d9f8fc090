//! Scopes as a tree, found by walking down the path of an id.
//!
//! Each scope that has assignments, and each above it, is a node. A path is looked up step by step, each step under a
//! hash of the whole path down to it: the places to look at do not depend on each other, so that the processor can read
//! them at once. Whether a node is the right one is decided by comparing its own part, letter by letter, and its parent.

use std::collections::HashMap;

use arm::{ResourceId, Steps};
use hashbrown::HashTable;

use super::held::{Held, Shelf, Slot};
use super::{HashKey, NONE, number, push};

/// The scopes of one index.
#[derive(Clone, Debug, Default)]
pub(super) struct Scopes {
    by_path: HashTable<u32>,
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

/// A walk down a path: the nodes of its scopes, from the top, as far as there are any.
pub(super) struct Walk<'a> {
    scopes: &'a Scopes,
    key: HashKey,
    steps: Steps<'a>,
    state: u64,
    parent: u32,
    /// Whether it has come to the end of the path.
    arrived: bool,
}

impl Iterator for Walk<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let Some(step) = self.steps.next() else {
            self.arrived = true;
            return None;
        };
        self.state = self.key.more(self.state, step.as_bytes());
        self.parent = self.scopes.child(self.key.finish(self.state), self.parent, step)?;
        Some(self.parent)
    }
}

impl Scopes {
    /// The nodes of a scope and those above it, from the top, as far as there are any.
    pub(super) fn walk<'a>(&'a self, key: HashKey, scope: &'a ResourceId) -> Walk<'a> {
        Walk { scopes: self, key, steps: scope.steps(), state: key.start(), parent: NONE, arrived: false }
    }

    /// The node of a scope.
    pub(super) fn find(&self, key: HashKey, scope: &ResourceId) -> Option<u32> {
        let mut walk = self.walk(key, scope);
        let last = walk.by_ref().last();
        last.filter(|_| walk.arrived)
    }

    /// Whether there is no node and no kind.
    pub(super) fn is_empty(&self) -> bool {
        self.by_path.is_empty() && self.kinds.numbers.is_empty()
    }

    /// The assignments at a scope.
    pub(super) fn held(&self, at: u32) -> Option<&Held> {
        self.nodes.get(at as usize).map(|node| &node.held)
    }

    /// Where the lists of few assignments are.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The numbers of all nodes, and of some that are not used.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..number(self.nodes.len())
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
            state = key.more(state, step.as_bytes());
            let hash = key.finish(state);
            parent = match self.child(hash, parent, step) {
                Some(node) => node,
                None => self.grow(key, hash, parent, step),
            };
        }
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.held.insert(&mut self.shelf, key, slot);
        }
        parent
    }

    /// Takes an assignment away from a scope, and gives what it was.
    pub(super) fn remove(&mut self, key: HashKey, at: u32, principal: u32, record: u32) -> Option<Slot> {
        let node = self.nodes.get_mut(at as usize)?;
        let gone = node.held.remove(&mut self.shelf, key, principal, record);
        self.prune(key, at);
        gone
    }

    fn child(&self, hash: u64, parent: u32, step: &str) -> Option<u32> {
        let (kind, name) = split(step);
        let is = |at: &u32| {
            self.nodes.get(*at as usize).is_some_and(|node| {
                node.parent == parent && node.name.as_bytes() == name && self.kinds.text(node.kind) == kind
            })
        };
        self.by_path.find(hash, is).copied()
    }

    fn grow(&mut self, key: HashKey, hash: u64, parent: u32, step: &str) -> u32 {
        let (kind, name) = split(step);
        let kind = self.kinds.take(kind);
        let node = Node { held: Held::default(), name: Name::new(name), parent, kind, children: 0 };
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
        let (nodes, kinds) = (&self.nodes, &self.kinds);
        self.by_path.insert_unique(hash, at, |at| key.finish(path_state(nodes, kinds, key, *at)));
        at
    }

    /// Removes a scope that nothing is at or below, and those above it of which the same is then true.
    fn prune(&mut self, key: HashKey, mut at: u32) {
        while let Some(node) =
            self.nodes.get(at as usize).filter(|node| node.children == 0 && node.held.is_empty())
        {
            let (parent, kind) = (node.parent, node.kind);
            let hash = key.finish(path_state(&self.nodes, &self.kinds, key, at));
            let Ok(entry) = self.by_path.find_entry(hash, |other| *other == at) else { return };
            entry.remove();
            self.kinds.release(kind);
            self.free.push(at);
            if let Some(above) = self.nodes.get_mut(parent as usize) {
                above.children = above.children.saturating_sub(1);
            }
            at = parent;
        }
    }
}

/// The state of the hash after the path of a node.
fn path_state(nodes: &[Node], kinds: &Kinds, key: HashKey, at: u32) -> u64 {
    let Some(node) = nodes.get(at as usize) else { return key.start() };
    let mut step = kinds.text(node.kind).to_vec();
    step.extend_from_slice(node.name.as_bytes());
    key.more(path_state(nodes, kinds, key, node.parent), &step)
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
