//! The tamper-evident log, the part of it that is pure: what an entry is, the bytes it is hashed as, the chain
//! that ties it to all entries before it, and the check that finds what was changed afterwards.
//!
//! An [`Entry`] says who did what to which resource, whether it was done or refused, why, and whose consent was
//! used. Its [canonical form](Entry::canonical) is decided here for good. Three hashes are taken, each under a
//! first byte of its own, so that none can pass for another:
//!
//! | hash | bytes |
//! | --- | --- |
//! | leaf | `SHA-256(0x00 ‖ canonical form)`, the leaf of RFC 6962 section 2.1 |
//! | node | `SHA-256(0x01 ‖ left ‖ right)`: kept for the Merkle tree, which will stand on the same leaves |
//! | chain | `SHA-256(0x02 ‖ chain before ‖ leaf)`; before the first entry, 32 zero bytes |
//!
//! This crate does not know where entries are stored, what an operation means or what time it is. Nor can it
//! tell a log from another one that somebody rewrote and hashed anew from the start, or cut short: for that,
//! [`verify`] needs a [`Head`] that was kept elsewhere.
//!
//! Invariants:
//! - One entry has one canonical form, and [`Entry::parse`] accepts no other bytes for it.
//! - Entries are numbered from 0 without a gap: an entry's sequence is the number of entries before it.
//! - A member that is added, renamed or given a new meaning makes a new [`VERSION`]; entries of an old one
//!   stay as they are, and so do their hashes.

mod canonical;
mod chain;
mod digest;
mod entry;

pub use canonical::{Uncanonical, canonical_json};
pub use chain::{Break, Chain, Fault, Head, Link, OutOfTurn, Stored, verify};
pub use digest::{Digest, Digester, InvalidDigest};
pub use entry::{Actor, ActorKind, Consent, Entry, Unreadable, VERSION, Verdict};
