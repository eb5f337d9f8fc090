//! Just-in-time roles, as in Azure's Privileged Identity Management (PIM): who may ask for a role, the asking, the
//! decision, and how long it holds (contract 6.3 to 6.7).
//!
//! Alice is *eligible* for Backup MUA Operator on a Resource Guard ([`Eligibility`]): she may ask. The role's policy
//! there ([`RolePolicy`]) wants a justification and Sam's approval, for eight hours at the most. She *activates*
//! ([`activate`]) and gets an [`ActivationRequest`] that waits. Sam decides ([`ActivationRequest::decide`]). Once he
//! approves, the request has a [`Window`]; the caller of this crate stores a role assignment with that window, and it
//! is the assignment that opens doors. Alice gives the role back ([`deactivate`]), an admin takes it, or the window
//! ends.
//!
//! What this crate does not know: how requests reach it and where documents are kept, what a role allows (crate
//! `rbac`; whether a role opens a guard comes in as a `bool`), who people are beyond the four questions of
//! [`People`], what time it is, and what is done with an effective role (crate `mua`). It draws no names: those of
//! policies and stages follow from what they name, the others are the client's.
//!
//! Invariants:
//! - A request for a role that needs approval has effect only after enough *other* people on the approver list
//!   approved. Who is on it, who is human and who is which person is asked when it is decided, not remembered.
//! - The person who asked never counts, through no account, guest or group. Nobody counts in two stages.
//! - Whoever holds something that ends may ask for more time ([`ExtensionRequest`]); an admin who is somebody else gives
//!   it or not. Silence extends nothing.
//! - A request is decided once. A denial, a cancellation and a revocation are final.
//! - Nothing depends on a job: that a request timed out or a window ended is found by comparing times.
//! - Silence, a missing approver and doubt refuse. Nothing is ever approved automatically where consent is at stake.
//! - To give a role back is never refused to its holder.
//! - Only the functions here make an [`Eligibility`], a [`DirectAssignment`] or an [`ActivationRequest`]. (Reading one
//!   back from the store is the other way, and the store is trusted with what it was given.)

mod activation;
mod admin;
mod body;
mod checks;
mod derived;
mod extension;
mod grant;
mod length;
mod listing;
pub mod notice;
mod paths;
mod people;
pub mod policy;
mod quorum;
mod reader;
mod reason;
mod record;
mod refusal;
mod status;
mod view;
mod window;

#[cfg(test)]
mod tests;

pub use activation::{
    ActivationRequest, Consent, Deactivation, DecisionBody, Progress, Verdict, Vote, activate, deactivate,
};
pub use admin::{Change, Settled, Standing, request_assignment, request_eligibility};
pub use body::{RequestType, ScheduleRequestBody};
pub use extension::{ExtensionRequest, extend_assignment, extend_eligibility};
pub use grant::{DirectAssignment, Eligibility, Family, Grant, eligible_child_scopes};
pub use length::Length;
pub use listing::{Entry, Listing};
pub use paths::{approval_id, role_definition_id};
pub use people::{Actor, Authentication, Caller, Context, People, Person, PrincipalKind};
pub use policy::{PolicyDocument, RolePolicy};
pub use quorum::{ApproverFinding, Involved, Who};
pub use reason::{MAX_JUSTIFICATION_CHARS, MAX_TICKET_CHARS, Ticket};
pub use record::RequestRecord;
pub use status::Status;
pub use view::{MemberType, Names, PrincipalName, RoleName, child_resource_json};
pub use window::{Expiration, ScheduleInfo, Window};
