//! Backup policies: what they mean, and whether one is weaker than another (contract 7).
//!
//! A policy says when backups run and which of them are kept for how long. Weakening one is how a stolen account
//! empties a vault without deleting anything, so [`compare`] decides whether a change needs somebody else's consent.
//!
//! ```text
//! body      what a client wrote, kept as it is, and what it means
//! plan      the meaning of a whole policy         kinds  reading it, by kind of backup
//! schedule  when backups run            days       which days of the calendar a tier keeps
//! rules     the meaning of a policy of a Backup vault
//! retention what is kept for how long   read, rest reading JSON, and what in it nobody understands
//! compare   the order "not weaker"      reason     why something is weaker, as a phrase
//! ```
//!
//! Invariants:
//! - Everything that is not understood is carried along, and counts as weaker as soon as it changes.
//! - "Not weaker" is an order: reflexive and transitive, so that no chain of free edits ends at a weaker policy.
//! - Whatever is not weaker keeps, of every day, at least as many backups for at least as long.
//!
//! The policies of Recovery Services vaults (contract 7.2) make a `plan::Plan`. Those of Backup vaults (contract 7.4)
//! have another shape (`objectType`, rules, tags) and make `rules::Rules`.

mod body;
mod built_in;
mod compare;
mod days;
mod kinds;
mod plan;
mod read;
mod reason;
mod rest;
mod retention;
mod rules;
mod schedule;

pub use body::{KeptTier, PolicyBody};
pub use built_in::{built_in, mab_daily};
pub use compare::{Verdict, compare};
pub use reason::Reason;
