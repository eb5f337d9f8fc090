//! What the API shows of the documents: the JSON of contract 6.4 to 6.6.

mod approval;
mod brief;
mod names;
mod request;
mod schedule;

pub use names::{Names, PrincipalName, RoleName};
pub(crate) use names::{expanded_principal, expanded_role, expanded_scope};
pub use schedule::{MemberType, child_resource_json};
