//! The part of Microsoft Graph that serves people and groups (azure-clients 4), on a port of its own with an audience of
//! its own.
//!
//! Who may do what:
//! - Everybody who is signed in to a tenant, guests included, reads its users, groups and applications. Nobody reads
//!   another tenant's: there is no call that takes a tenant's id, the token's is the only one there is.
//! - Who may write is said, with the reasons, at [`may_write_directory`](crate::administrators::may_write_directory).
//! - Whoever may write reads what was written (`auditLogs`), and nobody else.
//! - Nothing here takes the last administrator from a subscription.
//! - Nothing here but disabling an account takes those who approve from a role's policy
//!   ([`approvers`](crate::approvers)).
//!
//! What is answered is built from what decisions about access know of people, which holds no password, no secret and no
//! seed. Each write has its entry in the ledger.

mod ask;
mod audits;
mod face;
mod groups;
mod invitations;
mod links;
mod methods;
mod objects;
mod policies;
mod query;
mod routes;
mod shape;
mod users;

use axum::Router;

pub(crate) use ask::Request;
pub(crate) use face::dispatch;

use crate::app::App;

/// The routes of this face.
pub fn router() -> Router<App> {
    // Paths are matched in `routes`: a fallback leaves the health check to its own route.
    Router::new().fallback(face::serve)
}
