//! Multi-user authorization: Resource Guards, the table of critical operations, what makes a change critical, and the
//! permits that let one happen.
//!
//! The crate has two sides that meet only in [`GuardQuestion`] and [`GuardAnswer`]:
//! - the *guard's side* ([`ResourceGuard`], [`answer`]) knows a guard and who may act on it, and nothing of vaults;
//! - the *vault's side* ([`clear`], [`unlock`]) knows the change and the link to a guard, and nothing of what the guard
//!   is made of. It only believes an answer.
//!
//! Invariants:
//! - A [`Permit`] and a [`Clearance`] have no public constructor. [`clear`] alone makes them, after every operation that
//!   the change needs was answered for by the guard.
//! - Every kind of change is classified by a total match, without a wildcard arm.
//! - A guard that is missing, unreadable or answers about something else protects everything.
//!
//! No I/O, no clock, no HTTP: values in, values out.

pub mod alert;
mod classify;
mod clear;
mod guard;
mod operation;
mod reading;
mod refusal;
mod separation;
mod unlock;
mod weakening;

pub use classify::{Finding, classify};
pub use clear::{Caller, Clearance, ConsentState, Permit, Presented, Standing, clear, examine};
pub use guard::{GuardAnswer, GuardQuestion, Protection, ResourceGuard, Right, answer};
pub use operation::{Consent, CriticalOperation};
pub use reading::{RESTORE_HOURS, RestoreWindow, may_read, restore_until};
pub use refusal::{Missing, Refusal};
pub use separation::{
    Conflict, GRANT_ACCESS, Held, Holders, Override, Side, conflicts, holders, overriding_actions,
};
pub use unlock::{UNLOCK_MINUTES, Unlock, UnlockRequest, unlock};
pub use vault::VaultKind;
use weakening::Weakening;
