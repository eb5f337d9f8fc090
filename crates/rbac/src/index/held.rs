//! The assignments at one scope, found by their principal.

use super::people::unmarked;
use super::ring::{EMPTY, free_place, high, home, low, probe, vacate, word};
use super::{HashKey, push};

/// Up to how many assignments a scope keeps as a plain list, which is as quickly read as one place of a table.
const FEW: usize = 8;
/// For how many principals a scope is asked at once.
pub(super) const HAND: usize = 16;

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
    Many(Crowd),
}

/// The assignments at a scope that has many, as a [ring](super::ring).
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    /// For so many places, which is a multiple of eight: an eighth as many words of filter, of which each principal has
    /// one, with the same two bits as among the few; then for each place principal and role; then for each place the
    /// record, two in a word. So of a hundred principals that hold nothing here, about three pass the filter.
    words: Box<[u64]>,
    count: u32,
    /// How many were removed whose bits are still set.
    stale: u32,
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
    /// For each its hash, and the bits in a word of a filter that follow from it.
    tags: [u32; HAND],
    bits: [u64; HAND],
}

impl<'a> Hand<'a> {
    /// Of at most [`HAND`] holders.
    pub(super) fn new(key: HashKey, holders: &'a [u32]) -> Self {
        let (mut tags, mut bits) = ([0; HAND], [0; HAND]);
        for ((tag, bits), holder) in tags.iter_mut().zip(&mut bits).zip(holders) {
            *tag = key.tag(unmarked(*holder));
            *bits = bits_of(*tag);
        }
        Self { holders, tags, bits }
    }
}

/// The two bits of a principal in its word of a filter.
fn bits_of(tag: u32) -> u64 {
    1 << (tag >> 20 & 63) | 1 << (tag >> 14 & 63)
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
    #[inline]
    pub(super) fn candidates(&self, hand: &Hand<'_>) -> u32 {
        let count = hand.holders.len();
        let mut found = 0;
        match self {
            Self::Few { filter: 0, .. } => {}
            Self::Few { filter, .. } => {
                for (at, bits) in hand.bits.iter().take(count).enumerate() {
                    found |= u32::from(bits & !filter == 0) << at;
                }
            }
            Self::Many(crowd) => {
                let (filter, _, _) = crowd.parts();
                for (at, (bits, tag)) in hand.bits.iter().zip(&hand.tags).take(count).enumerate() {
                    let word = filter.get(home(filter.len(), *tag)).copied().unwrap_or(0);
                    found |= u32::from(bits & !word == 0) << at;
                }
            }
        }
        found
    }

    /// Reads where `show` will begin to look. Of no use but that what lies far apart, at this scope and at others, is then
    /// read at once, and not each after the one before has been looked at.
    #[inline]
    pub(super) fn glance(&self, shelf: &Shelf, hand: &Hand<'_>, mut candidates: u32) -> u64 {
        match self {
            _ if candidates == 0 => 0,
            Self::Few { at, .. } => shelf.slots.get(*at as usize).map_or(0, |slot| u64::from(slot.principal)),
            Self::Many(crowd) => {
                let ((_, places, _), mut seen) = (crowd.parts(), 0);
                while candidates != 0 {
                    let tag = hand.tags.get(candidates.trailing_zeros() as usize).copied().unwrap_or(0);
                    candidates &= candidates - 1;
                    seen |= places.get(home(places.len(), tag)).copied().unwrap_or(0);
                }
                seen
            }
        }
    }

    /// Shows what these of a hand hold here of the roles that are wanted, and the place of each in the hand.
    #[inline]
    pub(super) fn show(
        &self,
        shelf: &Shelf,
        hand: &Hand<'_>,
        mut candidates: u32,
        wanted: impl Fn(u32) -> bool,
        mut show: impl FnMut(usize, Slot),
    ) {
        while candidates != 0 {
            let place = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            let (Some(holder), Some(tag)) = (hand.holders.get(place), hand.tags.get(place)) else { return };
            let principal = unmarked(*holder);
            match self {
                Self::Few { at, count, .. } => {
                    for slot in shelf.list(*at, *count) {
                        if slot.principal == principal && wanted(slot.role) {
                            show(place, *slot);
                        }
                    }
                }
                Self::Many(crowd) => crowd.show(principal, *tag, &wanted, |slot| show(place, slot)),
            }
        }
    }

    /// All assignments here, if they are few.
    pub(super) fn few<'a>(&self, shelf: &'a Shelf) -> Option<&'a [Slot]> {
        match self {
            Self::Few { at, count, .. } => Some(shelf.list(*at, *count)),
            Self::Many(_) => None,
        }
    }

    /// All assignments here, in no order.
    pub(super) fn iter<'a>(&'a self, shelf: &'a Shelf) -> impl Iterator<Item = Slot> {
        let (few, many) = self.parts(shelf);
        few.iter().copied().chain(many.into_iter().flat_map(Crowd::iter))
    }

    /// What a principal holds here, in no order.
    #[inline]
    pub(super) fn of<'a>(
        &'a self,
        shelf: &'a Shelf,
        key: HashKey,
        principal: u32,
    ) -> impl Iterator<Item = Slot> {
        let (few, many) = self.parts(shelf);
        let few = few.iter().copied().filter(move |slot| slot.principal == principal);
        few.chain(many.into_iter().flat_map(move |crowd| crowd.of(key, principal)).map(|(_, slot)| slot))
    }

    fn parts<'a>(&'a self, shelf: &'a Shelf) -> (&'a [Slot], Option<&'a Crowd>) {
        match self {
            Self::Few { at, count, .. } => (shelf.list(*at, *count), None),
            Self::Many(crowd) => (&[], Some(crowd)),
        }
    }

    pub(super) fn insert(&mut self, shelf: &mut Shelf, key: HashKey, slot: Slot) {
        match self {
            Self::Few { at, count, .. } if usize::from(*count) < FEW => {
                let list = shelf.take(*at, *count).chain([slot]);
                *self = Self::of_few(shelf, key, list);
            }
            Self::Few { at, count, .. } => {
                let list: Vec<Slot> = shelf.take(*at, *count).chain([slot]).collect();
                *self = Self::Many(Crowd::of_all(key, &list));
            }
            Self::Many(crowd) => crowd.insert(key, slot),
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
        let slot = self.of(shelf, key, principal).find(|slot| slot.record == record)?;
        match self {
            Self::Few { at, count, .. } => {
                let list = shelf.take(*at, *count).filter(|slot| slot.record != record);
                *self = Self::of_few(shelf, key, list);
            }
            Self::Many(crowd) => {
                crowd.remove(key, slot);
                // Half, so that one assignment that comes and goes does not turn a list into a table each time.
                if crowd.count as usize <= FEW / 2 {
                    let list: Vec<Slot> = crowd.iter().collect();
                    *self = Self::of_few(shelf, key, list.into_iter());
                }
            }
        }
        Some(slot)
    }

    fn of_few(shelf: &mut Shelf, key: HashKey, slots: impl Iterator<Item = Slot>) -> Self {
        let mut list = [Slot { principal: 0, record: 0, role: 0 }; FEW];
        let (mut count, mut filter) = (0, 0);
        for (place, slot) in list.iter_mut().zip(slots) {
            *place = slot;
            count += 1;
            filter |= bits_of(key.tag(slot.principal));
        }
        let at = shelf.put(list.get(..usize::from(count)).unwrap_or_default());
        Self::Few { at, count, filter }
    }
}

impl Crowd {
    /// A crowd of these, with as much room as keeps a quarter of the places free.
    fn of_all(key: HashKey, slots: &[Slot]) -> Self {
        let eighths = (slots.len() * 4 / 3 / 8 + 1).max(2);
        // An eighth of the places is one word of filter, eight places, and eight records in four words.
        let mut words = vec![EMPTY; eighths * 13];
        words.iter_mut().take(eighths).for_each(|word| *word = 0);
        let mut crowd = Self { words: words.into(), count: 0, stale: 0 };
        slots.iter().for_each(|slot| crowd.put(key, *slot));
        crowd
    }

    /// Its filter, its places and their records.
    fn parts(&self) -> (&[u64], &[u64], &[u64]) {
        let eighths = self.words.len() / 13;
        let (filter, rest) = self.words.split_at_checked(eighths).unwrap_or_default();
        let (places, records) = rest.split_at_checked(eighths * 8).unwrap_or_default();
        (filter, places, records)
    }

    fn parts_mut(&mut self) -> (&mut [u64], &mut [u64], &mut [u64]) {
        let eighths = self.words.len() / 13;
        let (filter, rest) = self.words.split_at_mut_checked(eighths).unwrap_or_default();
        let (places, records) = rest.split_at_mut_checked(eighths * 8).unwrap_or_default();
        (filter, places, records)
    }

    fn slot(word: u64, records: &[u64], place: usize) -> Slot {
        let pair = records.get(place / 2).copied().unwrap_or(EMPTY);
        let record = if place.is_multiple_of(2) { low(pair) } else { high(pair) };
        Slot { principal: high(word), role: low(word), record }
    }

    fn iter(&self) -> impl Iterator<Item = Slot> {
        let (_, places, records) = self.parts();
        let taken = places.iter().enumerate().filter(|(_, word)| **word != EMPTY);
        taken.map(move |(place, word)| Self::slot(*word, records, place))
    }

    /// What a principal holds, and at which places that is.
    fn of(&self, key: HashKey, principal: u32) -> impl Iterator<Item = (usize, Slot)> {
        let (_, places, records) = self.parts();
        let own = probe(places, home(places.len(), key.tag(principal)));
        let own = own.filter(move |(_, word)| high(*word) == principal);
        own.map(move |(place, word)| (place, Self::slot(word, records, place)))
    }

    /// Shows what a principal with this hash holds of the roles that are wanted.
    #[inline]
    fn show(&self, principal: u32, tag: u32, wanted: impl Fn(u32) -> bool, mut show: impl FnMut(Slot)) {
        let (_, places, records) = self.parts();
        let mut place = home(places.len(), tag);
        while let Some(word) = places.get(place).copied().filter(|word| *word != EMPTY) {
            if high(word) == principal && wanted(low(word)) {
                show(Self::slot(word, records, place));
            }
            place = if place + 1 < places.len() { place + 1 } else { 0 };
        }
    }

    fn insert(&mut self, key: HashKey, slot: Slot) {
        let places = self.words.len() / 13 * 8;
        if (self.count as usize + 1) * 8 > places * 7 {
            let all: Vec<Slot> = self.iter().chain([slot]).collect();
            *self = Self::of_all(key, &all);
        } else {
            self.put(key, slot);
        }
    }

    fn put(&mut self, key: HashKey, slot: Slot) {
        let tag = key.tag(slot.principal);
        let (filter, places, records) = self.parts_mut();
        let Some(place) = free_place(places, home(places.len(), tag)) else { return };
        let bits = filter.get_mut(home(filter.len(), tag));
        if let (Some(word_at), Some(pair), Some(bits)) =
            (places.get_mut(place), records.get_mut(place / 2), bits)
        {
            *word_at = word(slot.principal, slot.role);
            set_record(pair, place, slot.record);
            *bits |= bits_of(tag);
            self.count += 1;
        }
    }

    fn remove(&mut self, key: HashKey, slot: Slot) {
        let found = self.of(key, slot.principal).find(|(_, other)| *other == slot);
        let Some((place, _)) = found else { return };
        let (_, places, records) = self.parts_mut();
        let size = places.len();
        vacate(
            places,
            place,
            |word| home(size, key.tag(high(word))),
            |from, to| {
                let record = Self::slot(0, records, from).record;
                records.get_mut(to / 2).into_iter().for_each(|pair| set_record(pair, to, record));
            },
        );
        self.count -= 1;
        self.stale += 1;
        // The bits of what is gone are cleared, and room that is not needed is given back, now and then.
        if self.stale > self.count {
            let all: Vec<Slot> = self.iter().collect();
            *self = Self::of_all(key, &all);
        }
    }
}

fn set_record(pair: &mut u64, place: usize, record: u32) {
    *pair = if place.is_multiple_of(2) { word(high(*pair), record) } else { word(record, low(*pair)) };
}

impl Shelf {
    /// Gives back room that is kept for more.
    pub(super) fn shrink(&mut self) {
        self.slots.shrink_to_fit();
    }

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
