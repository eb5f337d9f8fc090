//! The chain: each entry's hash takes in the chain before it, so that no entry can be changed, dropped, added
//! or moved without changing every chain value behind it.

use serde::{Deserialize, Serialize};

use crate::entry::leaf_hash;
use crate::{Digest, Entry};

/// First byte under which a chain value is hashed; 0x00 and 0x01 belong to the Merkle tree (RFC 6962).
const CHAIN: u8 = 0x02;

/// The state of a log: how many entries it has, and the chain value behind the last one.
///
/// Whoever keeps a head can later find out whether that part of the log is still what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of entries, which is also the sequence of the next one.
    pub size: u64,
    /// The chain value behind the last entry.
    pub chain: Digest,
}

impl Head {
    /// The head of a log without entries.
    pub const EMPTY: Self = Self { size: 0, chain: Digest::ZERO };

    fn next(self, leaf: Digest) -> Self {
        Self {
            size: self.size + 1,
            chain: Digest::of_parts(&[&[CHAIN], self.chain.as_bytes(), leaf.as_bytes()]),
        }
    }
}

/// A log being written: it knows its head alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    head: Head,
}

/// What is to be stored of an appended entry, and the head it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The entry's canonical form.
    pub canonical: Vec<u8>,
    /// Its leaf hash.
    pub leaf: Digest,
    /// The log's head with this entry; `head.chain` is the entry's chain value.
    pub head: Head,
}

/// An entry whose sequence is not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the next ledger entry is {expected}, not {found}")]
pub struct OutOfTurn {
    /// The sequence the entry should have had.
    pub expected: u64,
    /// The sequence it has.
    pub found: u64,
}

impl Chain {
    /// Goes on behind a head; [`Head::EMPTY`] begins a log.
    pub fn resume(head: Head) -> Self {
        Self { head }
    }

    /// The present head.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the entry's sequence is not the head's size; the chain then stays as it was.
    pub fn append(&mut self, entry: &Entry) -> Result<Link, OutOfTurn> {
        if entry.sequence != self.head.size {
            return Err(OutOfTurn { expected: self.head.size, found: entry.sequence });
        }
        let canonical = entry.canonical();
        let leaf = leaf_hash(&canonical);
        self.head = self.head.next(leaf);
        Ok(Link { canonical, leaf, head: self.head })
    }
}

/// An entry as it is stored: the bytes and the two hashes that were taken when it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<B> {
    /// The entry's canonical form.
    pub canonical: B,
    /// Its leaf hash.
    pub leaf: Digest,
    /// The chain value behind it.
    pub chain: Digest,
}

/// Where a log stops being what was once written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is broken at entry {sequence}: {fault}")]
pub struct Break {
    /// The sequence that should have stood at the place that is broken. All entries before it are whole.
    pub sequence: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// How a log is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The entry or its leaf hash was changed: the one does not hash to the other.
    #[error("its bytes do not have the stored leaf hash")]
    Altered,
    /// The bytes have the stored leaf hash, and yet are no entry.
    #[error("its bytes are not an entry in canonical form")]
    Unreadable,
    /// Entries are missing: a later one stands in their place.
    #[error("it is missing; entry {found} stands in its place")]
    Gap {
        /// The sequence of the entry that stands there.
        found: u64,
    },
    /// The right entry stands elsewhere, or one that was already seen stands here.
    #[error("entry {found} stands in its place, out of order")]
    Reordered {
        /// The sequence of the entry that stands there.
        found: u64,
    },
    /// The stored chain value does not follow from the one before and the leaf.
    #[error("the stored chain value does not follow from the entries up to here")]
    Unchained,
    /// The log ends before the head that was expected.
    #[error("the log ends here, and had {expected} entries")]
    Truncated {
        /// The size of the head that was expected.
        expected: u64,
    },
    /// The log is consistent in itself, but not the one that the expected head was taken from: somebody wrote
    /// it anew. Which entry was changed cannot be told; it is one before this place.
    #[error("the entries before it are not those of the expected head")]
    Rewritten,
}

/// Checks a whole log, from its first entry, in the order in which it is stored.
///
/// With an `expected` head that was kept elsewhere, the log must also reach that head and have been exactly
/// that at that size; it may have grown since. Without one, a log that lost its last entries or was hashed
/// anew from the start cannot be told from a whole one.
///
/// # Errors
/// The first [`Break`].
pub fn verify<B: AsRef<[u8]>>(
    stored: impl IntoIterator<Item = Stored<B>>,
    expected: Option<Head>,
) -> Result<Head, Break> {
    let mut head = Head::EMPTY;
    let mut rest = stored.into_iter();
    check_expected(head, expected)?;
    while let Some(row) = rest.next() {
        let broken = |fault| Break { sequence: head.size, fault };
        let found = sequence_of(&row).map_err(broken)?;
        if found != head.size {
            let elsewhere = found < head.size || rest.any(|later| sequence_of(&later) == Ok(head.size));
            return Err(broken(if elsewhere { Fault::Reordered { found } } else { Fault::Gap { found } }));
        }
        let next = head.next(row.leaf);
        if next.chain != row.chain {
            return Err(broken(Fault::Unchained));
        }
        head = next;
        check_expected(head, expected)?;
    }
    match expected {
        Some(expected) if head.size < expected.size => {
            Err(Break { sequence: head.size, fault: Fault::Truncated { expected: expected.size } })
        }
        _ => Ok(head),
    }
}

/// The sequence an entry gives itself, if the entry is whole.
fn sequence_of<B: AsRef<[u8]>>(row: &Stored<B>) -> Result<u64, Fault> {
    let canonical = row.canonical.as_ref();
    if leaf_hash(canonical) != row.leaf {
        return Err(Fault::Altered);
    }
    let entry = Entry::parse(canonical).map_err(|_| Fault::Unreadable)?;
    Ok(entry.sequence)
}

/// Whether a log that has come to `head` is the one that the expected head was taken from.
fn check_expected(head: Head, expected: Option<Head>) -> Result<(), Break> {
    match expected {
        Some(expected) if expected.size == head.size && expected.chain != head.chain => {
            Err(Break { sequence: head.size, fault: Fault::Rewritten })
        }
        _ => Ok(()),
    }
}
