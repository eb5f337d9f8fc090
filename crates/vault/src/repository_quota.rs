//! How much may be stored.

use arm::ResourceId;
use serde::{Deserialize, Serialize};

/// A limit on what the repository of an item, or those of all items of a vault, may hold. What clients deleted counts as
/// long as it is kept, because it takes up space; locks do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryQuota {
    /// The most, in bytes.
    pub limit: u64,
    /// The item, or the vault.
    pub scope: ResourceId,
}
