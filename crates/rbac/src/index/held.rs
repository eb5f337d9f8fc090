//! The assignments at one scope, found by their principal.

use hashbrown::HashTable;

use super::people::unmarked;
use super::{HashKey, push};

/// Up to how many assignments a scope keeps as a plain list. A list of eight is as quickly read as one place of a table.
const FEW: usize = 8;
/// For how many principals a scope is asked at once.
pub(super) const HAND: usize = 16;
/// How many bits of the filter of a scope with many assignments there are for each: of a hundred principals that hold
/// nothing there, about two pass.
const BITS_EACH: usize = 16;

/// An assignment at a scope: all that a decision reads of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) principal: u32,
    /// The number of its record.
    pub(super) record: u32,
    /// Its role's number, with marks that `records` knows.
    pub(super) role: u32,
}

/// The assignments at one scope.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// At most [`FEW`], in the shelf.
    Few {
        at: u32,
        count: u8,
        /// One word of filter: two bits are set for each principal.
        filter: u64,
    },
    Many(Box<Many>),
}

#[derive(Clone, Debug)]
pub(super) struct Many {
    /// As the word of the few, but many of them, of which a principal has one.
    filter: Vec<u64>,
    slots: HashTable<Slot>,
    /// How many were removed whose bits are still set.
    stale: usize,
}

/// Where the lists of all scopes with few assignments are.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    slots: Vec<Slot>,
    /// Where lists were that are not needed any more, by their length less one.
    free: [Vec<u32>; FEW],
}

/// Some of the principals that an assignment may be held through, prepared for asking many scopes.
pub(super) struct Hand<'a> {
    pub(super) holders: &'a [u32],
    tags: [u64; HAND],
}

impl<'a> Hand<'a> {
    /// Of at most [`HAND`] holders.
    pub(super) fn new(key: HashKey, holders: &'a [u32]) -> Self {
        let mut tags = [0; HAND];
        for (tag, holder) in tags.iter_mut().zip(holders) {
            *tag = key.number(unmarked(*holder));
        }
        Self { holders, tags }
    }
}

/// The two bits of a principal in its word of a filter.
fn bits(tag: u64) -> u64 {
    1 << (tag & 63) | 1 << (tag >> 6 & 63)
}

/// Which word of a filter is a principal's.
fn word_of(filter: &[u64], tag: u64) -> usize {
    (((tag >> 32) * filter.len() as u64) >> 32) as usize
}

impl Default for Held {
    fn default() -> Self {
        Self::Few { at: 0, count: 0, filter: 0 }
    }
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Few { count: 0, .. })
    }

    /// Which of a hand may hold something here, as bits. The others hold nothing.
    pub(super) fn candidates(&self, hand: &Hand<'_>) -> u32 {
        let tags = hand.tags.iter().take(hand.holders.len()).enumerate();
        match self {
            Self::Few { filter, .. } => {
                tags.fold(0, |found, (place, tag)| found | u32::from(bits(*tag) & !filter == 0) << place)
            }
            Self::Many(many) => tags.fold(0, |found, (place, tag)| {
                let word = many.filter.get(word_of(&many.filter, *tag)).copied().unwrap_or(0);
                found | u32::from(bits(*tag) & !word == 0) << place
            }),
        }
    }

    /// All assignments here, in no order.
    pub(super) fn iter<'a>(&'a self, shelf: &'a Shelf) -> impl Iterator<Item = &'a Slot> {
        let (few, many) = self.parts(shelf);
        few.iter().chain(many.into_iter().flat_map(|many| many.slots.iter()))
    }

    /// What a principal holds here, in no order.
    pub(super) fn of<'a>(
        &'a self,
        shelf: &'a Shelf,
        key: HashKey,
        principal: u32,
    ) -> impl Iterator<Item = &'a Slot> {
        let (few, many) = self.parts(shelf);
        let tabled = many.into_iter().flat_map(move |many| many.slots.iter_hash(key.number(principal)));
        few.iter().chain(tabled).filter(move |slot| slot.principal == principal)
    }

    fn parts<'a>(&'a self, shelf: &'a Shelf) -> (&'a [Slot], Option<&'a Many>) {
        match self {
            Self::Few { at, count, .. } => (shelf.list(*at, *count), None),
            Self::Many(many) => (&[], Some(many)),
        }
    }

    pub(super) fn insert(&mut self, shelf: &mut Shelf, key: HashKey, slot: Slot) {
        match self {
            Self::Few { at, count, .. } if usize::from(*count) < FEW => {
                let list = shelf.take(*at, *count).chain([slot]);
                *self = Self::few(shelf, key, list);
            }
            Self::Few { at, count, .. } => {
                let mut many = Many { filter: Vec::new(), slots: HashTable::new(), stale: 0 };
                shelf.take(*at, *count).chain([slot]).for_each(|slot| many.insert(key, slot));
                *self = Self::Many(Box::new(many));
            }
            Self::Many(many) => many.insert(key, slot),
        }
    }

    /// Takes an assignment away, and gives what it was.
    pub(super) fn remove(
        &mut self,
        shelf: &mut Shelf,
        key: HashKey,
        principal: u32,
        record: u32,
    ) -> Option<Slot> {
        let slot = self.of(shelf, key, principal).find(|slot| slot.record == record).copied()?;
        match self {
            Self::Few { at, count, .. } => {
                let list = shelf.take(*at, *count).filter(|slot| slot.record != record);
                *self = Self::few(shelf, key, list);
            }
            Self::Many(many) => {
                many.remove(key, &slot);
                // Half, so that one assignment that comes and goes does not turn a list into a table each time.
                if many.slots.len() <= FEW / 2 {
                    let list = std::mem::take(&mut many.slots).into_iter();
                    *self = Self::few(shelf, key, list);
                }
            }
        }
        Some(slot)
    }

    fn few(shelf: &mut Shelf, key: HashKey, slots: impl Iterator<Item = Slot>) -> Self {
        let mut list = [Slot { principal: 0, record: 0, role: 0 }; FEW];
        let (mut count, mut filter) = (0, 0);
        for (place, slot) in list.iter_mut().zip(slots) {
            *place = slot;
            count += 1;
            filter |= bits(key.number(slot.principal));
        }
        let at = shelf.put(list.get(..usize::from(count)).unwrap_or_default());
        Self::Few { at, count, filter }
    }
}

impl Many {
    fn insert(&mut self, key: HashKey, slot: Slot) {
        let tag = key.number(slot.principal);
        self.slots.insert_unique(tag, slot, |slot| key.number(slot.principal));
        if self.filter.len() * 64 < self.slots.len() * BITS_EACH {
            self.refill(key);
        } else {
            self.set(tag);
        }
    }

    fn remove(&mut self, key: HashKey, gone: &Slot) {
        if let Ok(entry) = self.slots.find_entry(key.number(gone.principal), |slot| slot == gone) {
            entry.remove();
            self.stale += 1;
        }
        if self.stale > self.slots.len() {
            self.refill(key);
        }
    }

    fn set(&mut self, tag: u64) {
        let word = word_of(&self.filter, tag);
        self.filter.get_mut(word).into_iter().for_each(|word| *word |= bits(tag));
    }

    /// Makes the filter anew, with room for half as many assignments again.
    fn refill(&mut self, key: HashKey) {
        let words = (self.slots.len() * 3 / 2 * BITS_EACH).div_ceil(64).max(1);
        self.filter = vec![0; words];
        self.stale = 0;
        let tags: Vec<u64> = self.slots.iter().map(|slot| key.number(slot.principal)).collect();
        tags.into_iter().for_each(|tag| self.set(tag));
    }
}

impl Shelf {
    fn list(&self, at: u32, count: u8) -> &[Slot] {
        let at = at as usize;
        self.slots.get(at..at + usize::from(count)).unwrap_or_default()
    }

    /// Gives a list away, and its room free.
    fn take(&mut self, at: u32, count: u8) -> impl Iterator<Item = Slot> + use<> {
        let mut list = [Slot { principal: 0, record: 0, role: 0 }; FEW];
        for (place, slot) in list.iter_mut().zip(self.list(at, count)) {
            *place = *slot;
        }
        self.free.get_mut(usize::from(count).wrapping_sub(1)).into_iter().for_each(|free| free.push(at));
        list.into_iter().take(usize::from(count))
    }

    fn put(&mut self, list: &[Slot]) -> u32 {
        let Some(free) = self.free.get_mut(list.len().wrapping_sub(1)) else { return 0 };
        if let Some(at) = free.pop() {
            let room = self.slots.iter_mut().skip(at as usize);
            room.zip(list).for_each(|(place, slot)| *place = *slot);
            return at;
        }
        let mut places = list.iter().map(|slot| push(&mut self.slots, *slot));
        let at = places.next().unwrap_or(0);
        places.for_each(drop);
        at
    }
}
