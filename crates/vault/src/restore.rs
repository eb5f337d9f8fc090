//! Reading a recovery point back, as a change of the vault: what leaves it is no longer only there.

use arm::ResourceId;
use serde::{Deserialize, Serialize};

use crate::{ProtectedItem, RecoveryPoint};

/// An order to restore. It changes no document of the vault; it is a change all the same, because it may need consent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// The item whose recovery point is read.
    pub item: ResourceId,
    /// The recovery point.
    pub point: ResourceId,
    /// The item's repository, by the item's short name.
    pub repository: String,
    /// The name of the snapshot that is the point.
    pub snapshot: String,
}

impl Restore {
    /// The order for one recovery point of an item.
    pub fn of(item: &ProtectedItem, point: &RecoveryPoint) -> Self {
        Self {
            item: item.id.clone(),
            point: point.id.clone(),
            repository: item.short.clone(),
            snapshot: point.snapshot.clone(),
        }
    }
}
