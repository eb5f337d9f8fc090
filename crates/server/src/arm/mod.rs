//! The face that speaks Azure Resource Manager: a thin translation between HTTP and decisions.

mod authorization;
pub mod call;
pub mod dispatch;
pub mod door;
pub mod face;
mod guards;
mod metadata;
mod pim;
mod query;
mod recovery;
pub mod reply;
mod resources;
pub mod route;
pub mod routes;
mod scope;
mod tags;
