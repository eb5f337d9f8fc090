//! What lies between a subscription and a vault: resource groups, provider registrations and management locks.
//!
//! It knows what a lock forbids (contract 6.8), and nothing of who may set one.

use std::collections::BTreeMap;

use arm::{Error, Region, ResourceId, Result, SubscriptionId};
use serde::{Deserialize, Serialize};

/// A resource group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceGroup {
    /// Its id, in the case it was created with.
    pub id: ResourceId,
    /// Where its metadata is.
    pub location: Region,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A subscription's registration of a resource provider. Absent means not registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The namespace, e.g. `Microsoft.RecoveryServices`.
    pub namespace: String,
}

/// What a lock forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LockLevel {
    /// Deletions.
    CanNotDelete,
    /// Everything but reads, actions included.
    ReadOnly,
}

impl LockLevel {
    /// Reads Azure's spelling in any case. `NotSpecified` is no level a lock can have.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "cannotdelete" => Some(Self::CanNotDelete),
            "readonly" => Some(Self::ReadOnly),
            _ => None,
        }
    }

    /// Azure's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CanNotDelete => "CanNotDelete",
            Self::ReadOnly => "ReadOnly",
        }
    }
}

/// A management lock. It holds for its scope and everything below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// `<scope>/providers/Microsoft.Authorization/locks/{name}`.
    pub id: ResourceId,
    /// What it is for.
    pub scope: ResourceId,
    /// What it forbids.
    pub level: LockLevel,
    /// Why it is there, in its owner's words.
    pub notes: Option<String>,
}

/// What a request does to a resource, as locks see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only looks.
    Read,
    /// It writes or acts.
    Write,
    /// It deletes.
    Delete,
}

/// Checks the locks at and above a resource.
///
/// # Errors
/// `ScopeLocked` naming the locked scopes.
pub fn check_locks<'a>(
    target: &ResourceId,
    effect: Effect,
    locks: impl IntoIterator<Item = &'a Lock>,
) -> Result<()> {
    let forbids = |lock: &&Lock| {
        target.is_within(&lock.scope)
            && match effect {
                Effect::Read => false,
                Effect::Write => lock.level == LockLevel::ReadOnly,
                Effect::Delete => true,
            }
    };
    let scopes: Vec<&str> = locks.into_iter().filter(forbids).map(|lock| lock.scope.as_str()).collect();
    if scopes.is_empty() {
        return Ok(());
    }
    let verb = if effect == Effect::Delete { "delete" } else { "write" };
    Err(Error::conflict(
        "ScopeLocked",
        format!(
            "The scope '{target}' cannot perform {verb} operation because following scope(s) are locked: '{}'. \
             Please remove the lock and try again.",
            scopes.join("', '")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(scope: &str, level: LockLevel) -> Lock {
        let scope = ResourceId::parse(scope).unwrap();
        let id = scope.child("providers/Microsoft.Authorization/locks/l").unwrap();
        Lock { id, scope, level, notes: None }
    }

    #[test]
    fn a_lock_holds_for_everything_below_and_nothing_beside() {
        let group = "/subscriptions/s/resourceGroups/rg";
        let vault = ResourceId::parse(&format!("{group}/providers/N/vaults/v")).unwrap();
        let locks = [lock(group, LockLevel::CanNotDelete)];
        assert!(check_locks(&vault, Effect::Delete, &locks).is_err());
        assert!(check_locks(&vault, Effect::Write, &locks).is_ok());
        let other = ResourceId::parse("/subscriptions/s/resourceGroups/rg2").unwrap();
        assert!(check_locks(&other, Effect::Delete, &locks).is_ok());
    }

    #[test]
    fn read_only_forbids_all_but_reads() {
        let locks = [lock("/subscriptions/s", LockLevel::ReadOnly)];
        let vault = ResourceId::parse("/subscriptions/S/resourceGroups/rg").unwrap();
        assert!(check_locks(&vault, Effect::Write, &locks).is_err());
        assert!(check_locks(&vault, Effect::Delete, &locks).is_err());
        assert!(check_locks(&vault, Effect::Read, &locks).is_ok());
    }
}
