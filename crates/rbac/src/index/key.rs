//! The keyed hash that all tables of an index use.
//!
//! Names of resources, assignments and roles are chosen by clients, so that a hash that they can compute would let them
//! fill one place of a table, and make every question about it slow. This one has a key that is drawn for each index and
//! never leaves it: who does not know the key cannot choose texts that collide, and nothing that depends on the key can
//! be read from an answer. It is no cryptographic hash, and need not be one: two things with the same hash are told apart
//! by comparing them, so that a collision costs time and never changes a decision.

use std::hash::{BuildHasher, Hasher, RandomState};

use uuid::Uuid;

/// The key of the hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashKey {
    start: u64,
    stretch: u64,
    last: u64,
}

impl HashKey {
    /// A key from these words. With zeros everything has the same hash, which is of use to tests alone.
    pub(super) fn new([start, last]: [u64; 2]) -> Self {
        Self { start, stretch: start.rotate_left(32) ^ last, last }
    }

    /// A key of its own, from where the standard library's tables have theirs.
    pub(super) fn drawn() -> Self {
        let word = || RandomState::new().build_hasher().finish();
        Self::new([word(), word()])
    }

    /// What a text begins with.
    pub(super) fn start(self) -> u64 {
        self.start
    }

    /// The state after more of a text.
    #[inline]
    pub(super) fn more(self, mut state: u64, text: &[u8]) -> u64 {
        let (blocks, _) = text.as_chunks::<16>();
        for block in blocks {
            let (one, two) = halves(block);
            state = mix(one ^ state, two ^ self.stretch);
        }
        // The end once more, with what no block held, and the length, so that no two texts are one.
        let (one, two) = match text.last_chunk::<16>() {
            Some(last) => halves(last),
            None => short(text),
        };
        mix(one ^ state, two ^ self.stretch.wrapping_add(text.len() as u64))
    }

    /// The hash of what has led to this state.
    pub(super) fn finish(self, state: u64) -> u64 {
        mix(state, self.last)
    }

    /// The hash of a text.
    pub(super) fn text(self, text: &str) -> u64 {
        self.finish(self.more(self.start, text.as_bytes()))
    }

    /// The hash of a number of ours, which nobody else chooses: of fewer bits, and quickly had.
    pub(super) fn tag(self, number: u32) -> u32 {
        (number ^ self.start as u32).wrapping_mul(self.last as u32 | 1)
    }

    /// The hash of a GUID.
    pub(super) fn guid(self, guid: Uuid) -> u64 {
        let (high, low) = guid.as_u64_pair();
        self.finish(mix(high ^ self.start, low ^ self.stretch))
    }
}

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let whole = u128::from_le_bytes(*block);
    (whole as u64, (whole >> 64) as u64)
}

/// Less than 16 bytes, as two words, which may overlap.
fn short(text: &[u8]) -> (u64, u64) {
    let wide = (text.first_chunk::<8>(), text.last_chunk::<8>());
    let narrow = (text.first_chunk::<4>(), text.last_chunk::<4>());
    match (wide, narrow) {
        ((Some(first), Some(last)), _) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        (_, (Some(first), Some(last))) => {
            (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
        }
        _ => (text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    }
}

/// Both halves of a product, added without carry: every bit of the outcome depends on every bit of both factors.
fn mix(one: u64, two: u64) -> u64 {
    let product = u128::from(one) * u128::from(two);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_have_other_hashes() {
        let key = HashKey::drawn();
        let texts = (0..40).flat_map(|length| ["a", "b", "\0"].map(|letter| letter.repeat(length)));
        let hashes: std::collections::BTreeSet<u64> = texts.map(|text| key.text(&text)).collect();
        // The empty text is three times among them.
        assert_eq!(hashes.len(), 3 * 40 - 2);
    }

    #[test]
    fn with_a_key_of_zeros_everything_collides() {
        let key = HashKey::new([0, 0]);
        assert_eq!([key.text("a"), key.guid(Uuid::from_u128(5))], [0; 2]);
    }
}
