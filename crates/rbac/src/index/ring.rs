//! Open addressing over words: what the tables of principals, of scopes, and of the holders at one scope share.
//!
//! A table is a list of words, of which some are empty. A word has a home, and stands at the first place from there on
//! that was free; the list is thought of as a ring. So one look at a cache line mostly decides, and where that line is
//! depends on the hash alone: whoever asks for several things can have all their lines read at once.

/// The word of a free place.
pub(super) const EMPTY: u64 = u64::MAX;

/// A word of a half that says where it belongs and one that says what it is.
pub(super) fn word(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

pub(super) fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

pub(super) fn low(word: u64) -> u32 {
    word as u32
}

/// Which of so many places is the home of a hash.
pub(super) fn home(places: usize, tag: u32) -> usize {
    ((u64::from(tag) * places as u64) >> 32) as usize
}

/// The words from a home on, with their places, up to the first free place.
pub(super) fn probe(words: &[u64], home: usize) -> impl Iterator<Item = (usize, u64)> {
    let (before, behind) = words.split_at_checked(home).unwrap_or_default();
    let ring = behind.iter().zip(home..).chain(before.iter().zip(0..));
    ring.map(|(word, place)| (place, *word)).take_while(|(_, word)| *word != EMPTY)
}

/// The first free place from a home on.
pub(super) fn free_place(words: &[u64], home: usize) -> Option<usize> {
    let free = |from: &[u64]| from.iter().position(|word| *word == EMPTY);
    let (before, behind) = words.split_at_checked(home)?;
    free(behind).map(|place| home + place).or_else(|| free(before))
}

/// Makes a place free, and moves words behind it so that each is still found from its home: `moved` is told from where
/// to where.
pub(super) fn vacate(
    words: &mut [u64],
    place: usize,
    home_of: impl Fn(u64) -> usize,
    mut moved: impl FnMut(usize, usize),
) {
    let size = words.len();
    let ahead = |from: usize, to: usize| if to < from { to + size - from } else { to - from };
    let (mut gap, mut at) = (place, place);
    loop {
        at = if at + 1 < size { at + 1 } else { 0 };
        let Some(word) = words.get(at).copied().filter(|word| *word != EMPTY && at != place) else { break };
        if ahead(home_of(word), at) >= ahead(gap, at) {
            words.get_mut(gap).into_iter().for_each(|place| *place = word);
            moved(at, gap);
            gap = at;
        }
    }
    words.get_mut(gap).into_iter().for_each(|place| *place = EMPTY);
}

/// A table of numbers by hash. Several may have the same hash, and are told apart by whoever asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// The upper half of a hash, and a number.
    words: Vec<u64>,
    count: usize,
}

/// A hash, its home, and what is there.
#[derive(Clone, Copy, Default)]
pub(super) struct Sought {
    tag: u32,
    home: u32,
    first: u64,
}

impl Sought {
    /// What it probably is.
    pub(super) fn guess(self) -> u32 {
        low(self.first)
    }
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Begins to look for a hash.
    #[inline]
    pub(super) fn seek(&self, hash: u64) -> Sought {
        let tag = high(hash);
        let home = home(self.words.len(), tag);
        let first = self.words.get(home).copied().unwrap_or(EMPTY);
        Sought { tag, home: home as u32, first }
    }

    /// The number with the hash that was sought of which this is true.
    #[inline]
    pub(super) fn find(&self, sought: Sought, is: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut place, mut word) = (sought.home as usize, sought.first);
        while word != EMPTY {
            if high(word) == sought.tag && is(low(word)) {
                return Some(low(word));
            }
            place = if place + 1 < self.words.len() { place + 1 } else { 0 };
            word = self.words.get(place).copied().unwrap_or(EMPTY);
        }
        None
    }

    /// Adds a number, which is not in it.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        // Never more than two places of three are taken, so that most are found at their home or next to it.
        if (self.count + 1) * 3 > self.words.len() * 2 {
            self.resize(self.words.len() * 3 / 2 + 8);
        }
        self.put(word(high(hash), number));
        self.count += 1;
    }

    /// Gives back room that is kept for more.
    pub(super) fn shrink(&mut self) {
        self.resize(self.count * 3 / 2 + 2);
    }

    fn resize(&mut self, places: usize) {
        let words = std::mem::replace(&mut self.words, vec![EMPTY; places]);
        words.into_iter().filter(|word| *word != EMPTY).for_each(|word| self.put(word));
    }

    fn put(&mut self, word: u64) {
        let place = free_place(&self.words, home(self.words.len(), high(word)));
        place.and_then(|place| self.words.get_mut(place)).into_iter().for_each(|place| *place = word);
    }

    /// Removes a number, and says whether it was in it.
    pub(super) fn remove(&mut self, hash: u64, number: u32) -> bool {
        let size = self.words.len();
        let wanted = word(high(hash), number);
        let found = probe(&self.words, home(size, high(hash))).find(|(_, word)| *word == wanted);
        let Some((place, _)) = found else { return false };
        vacate(&mut self.words, place, |word| home(size, high(word)), |_, _| ());
        self.count -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_table_holds_what_was_put_and_not_removed(
            changes in prop::collection::vec((any::<bool>(), 0_u32..60), 0..300),
            spread in prop::sample::select(vec![0, 1 << 26, 1 << 29, u32::MAX / 7]),
        ) {
            let hash = |number: u32| word(number.wrapping_mul(spread), 0);
            let (mut table, mut set) = (Table::default(), BTreeSet::new());
            for (put, number) in changes {
                let known = table.find(table.seek(hash(number)), |other| other == number);
                prop_assert_eq!(known.is_some(), set.contains(&number));
                if put && set.insert(number) {
                    table.insert(hash(number), number);
                } else if number == 7 {
                    table.shrink();
                } else if !put {
                    prop_assert_eq!(table.remove(hash(number), number), set.remove(&number));
                }
            }
            for number in 0..60 {
                let known = table.find(table.seek(hash(number)), |other| other == number);
                prop_assert_eq!(known.is_some(), set.contains(&number));
            }
        }
    }
}
