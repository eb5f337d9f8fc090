//! The decision "may principal P do action A at scope S at time T, and why", as Azure role-based access control
//! makes it (contract 6.1, 6.2 and 10).
//!
//! A [`RoleDefinition`] says which [`Action`]s a role grants, an [`Assignment`] gives a role to a principal at a
//! scope, and an [`Index`] of both answers the question with a [`Decision`] that names the assignment, and the
//! groups through which it is held.
//!
//! The definition, which `tests/model` states once more as a naive program:
//!
//! > P may do A at S at T if there is an assignment whose scope is S or above it, whose principal is P or a group
//! > that P is in, directly or through other groups, whose window holds T, which has no condition, and whose role
//! > has a permission with an action that matches A and no notAction that does.
//!
//! It is a union: nothing that one assignment grants is taken away by another. There are no deny assignments, and
//! notActions subtract from their own permission only. Data actions are kept, and never asked for.
//!
//! What this crate does not know:
//! - **Tenants.** Object ids, groups, the root scope and the ids of custom roles belong to one tenant each. An
//!   [`Index`] therefore speaks for one tenant: compile one per tenant, or the root of one would be the root of all.
//! - **Management groups' subscriptions.** An assignment holds where [`ResourceId::lineage`](arm::ResourceId::lineage)
//!   leads, and no id says which management group its subscription is in.
//! - **Conditions.** An assignment with one grants nothing.
//! - **Whether ids exist**, who may write an assignment, locks, and what time it is.
//!
//! Invariants:
//! - Whether an assignment holds is decided when it is asked, by `start <= now < end`. Nothing has to run for an
//!   activation to end.
//! - The same index gives the same answer, with the same reason: there is no dependence on hash order.
//! - Every function ends, also when groups contain each other.

mod action;
mod assignment;
mod builtin;
mod decision;
mod index;
mod role;

pub use action::{Action, ActionPattern, MAX_ACTION_BYTES};
pub use assignment::{Assignment, Origin, PlainAssignment, PrincipalKind, Window};
pub use builtin::{builtin_role, builtin_roles, role_ids};
pub use decision::{Decision, Grant};
pub use index::{Holding, Index, Visibility};
pub use role::{MAX_DESCRIPTION_CHARS, MAX_ROLE_NAME_CHARS, Permission, RoleDefinition, RoleKind};
