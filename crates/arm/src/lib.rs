//! The vocabulary of Azure Resource Manager: resource ids, typed ids, errors, filters, paging and time formats.
//!
//! This crate knows how the API *speaks*, and nothing about what is said: no vault, no role, no HTTP status, no
//! clock. Everything in it is a value or a function from values to values.
//!
//! Invariants:
//! - Two [`ResourceId`]s are equal when Azure would call them equal: compared without regard to ASCII case.
//! - A [`ResourceId`] that exists has been validated: no empty, `.` or `..` segment, no control character.
//! - An [`Error`] keeps what a client may see apart from what only the log may see.

mod error;
mod fields;
mod filter;
mod ids;
mod paging;
mod resource_id;
mod text;

pub use error::{Error, ErrorKind, Result};
pub use fields::Fields;
pub use filter::{Clause, Comparison, Filter};
pub use ids::{ObjectId, RequestId, RoleId, SubscriptionId, TenantId};
pub use paging::{Page, Skip, newest_first};
pub use resource_id::{MAX_ID_BYTES, MAX_SEGMENT_BYTES, ResourceId, Steps};
pub use text::{Region, long_timestamp, plausible_api_version, timestamp};
