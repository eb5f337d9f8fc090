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
    pub(super) fn more(self, state: u64, text: &[u8]) -> u64 {
        self.absorb(state, text, |word| word)
    }

    /// The hash of what has led to this state.
    pub(super) fn finish(self, state: u64) -> u64 {
        mix(state, self.last)
    }

    /// The hash of an ASCII text without regard to case.
    pub(super) fn caseless(self, text: &str) -> u64 {
        self.finish(self.absorb(self.start, text.as_bytes(), lower))
    }

    /// The hash of a number of ours.
    pub(super) fn number(self, number: u32) -> u64 {
        mix(u64::from(number) ^ self.start, self.last)
    }

    /// The hash of a GUID.
    pub(super) fn guid(self, guid: Uuid) -> u64 {
        let (high, low) = guid.as_u64_pair();
        self.finish(mix(high ^ self.start, low ^ self.stretch))
    }

    fn absorb(self, mut state: u64, text: &[u8], fold: impl Fn(u64) -> u64) -> u64 {
        let (blocks, rest) = text.as_chunks::<16>();
        for block in blocks {
            let (one, two) = halves(block);
            state = mix(fold(one) ^ state, fold(two) ^ self.stretch);
        }
        // The rest in two words that may overlap, and its length, so that no two rests are one.
        let (one, two) = match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => short(rest),
        };
        let length = rest.len() as u64;
        mix(fold(one) ^ state, fold(two) ^ self.stretch.wrapping_add(length))
    }
}

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let whole = u128::from_le_bytes(*block);
    (whole as u64, (whole >> 64) as u64)
}

/// Less than eight bytes, as two words.
fn short(rest: &[u8]) -> (u64, u64) {
    match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
        }
        _ => (rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    }
}

/// Both halves of a product, added without carry: every bit of the outcome depends on every bit of both factors.
fn mix(one: u64, two: u64) -> u64 {
    let product = u128::from(one) * u128::from(two);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Eight bytes with their ASCII letters in lower case.
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let seven = word & (ONES * 0x7f);
    let from_a = seven + ONES * (0x80 - b'A' as u64);
    let behind_z = seven + ONES * (0x7f - b'Z' as u64);
    let upper = from_a & !behind_z & !word & (ONES * 0x80);
    word | upper >> 2
}

/// Whether an ASCII text is this one, which is in lower case, without regard to its own case.
pub(super) fn same(text: &str, folded: &str) -> bool {
    let ((text, text_rest), (folded, folded_rest)) =
        (text.as_bytes().as_chunks::<8>(), folded.as_bytes().as_chunks::<8>());
    let equal =
        |(one, two): (&[u8; 8], &[u8; 8])| lower(u64::from_le_bytes(*one)) == u64::from_le_bytes(*two);
    text.len() == folded.len()
        && text.iter().zip(folded).all(equal)
        && text_rest.eq_ignore_ascii_case(folded_rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_bytes_are_folded_like_each_one(bytes: [u8; 8]) {
            let folded = u64::from_le_bytes(bytes.map(|byte| byte.to_ascii_lowercase()));
            prop_assert_eq!(lower(u64::from_le_bytes(bytes)), folded);
        }

        #[test]
        fn a_text_has_one_hash_in_either_case(text in "[a-zA-Z0-9./_-]{0,70}", words: [u64; 2]) {
            let (key, folded) = (HashKey::new(words), text.to_ascii_lowercase());
            prop_assert_eq!(key.caseless(&text), key.finish(key.more(key.start(), folded.as_bytes())));
            prop_assert!(same(&text, &folded));
            let (longer, one, two) = (format!("{folded}x"), format!("x{text}"), format!("y{folded}"));
            prop_assert!(!same(&text, &longer) && !same(&one, &two));
        }
    }

    #[test]
    fn other_texts_have_other_hashes() {
        let key = HashKey::drawn();
        let texts = (0..40).flat_map(|length| ["a", "b", "\0"].map(|letter| letter.repeat(length)));
        let hashes: std::collections::BTreeSet<u64> = texts.map(|text| key.caseless(&text)).collect();
        // The empty text is three times among them.
        assert_eq!(hashes.len(), 3 * 40 - 2);
    }

    #[test]
    fn with_a_key_of_zeros_everything_collides() {
        let key = HashKey::new([0, 0]);
        assert_eq!([key.caseless("a"), key.guid(Uuid::from_u128(5)), key.number(7)], [0; 3]);
    }
}
