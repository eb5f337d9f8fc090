//! The face that speaks Azure Resource Manager: a thin translation between HTTP and decisions.

pub(crate) mod activity;
mod alerts;
mod approvers;
mod authorization;
mod backup;
pub mod call;
mod challenge;
pub mod dispatch;
pub mod door;
pub mod face;
pub(crate) mod filters;
pub(crate) mod guards;
mod metadata;
mod orphans;
pub(crate) mod pim;
mod recovery;
mod rehearsal;
pub mod reply;
mod resources;
pub mod route;
pub mod routes;
mod scope;
mod separation;
mod tags;
mod tracked;
pub mod vaults;
