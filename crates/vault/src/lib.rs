//! Vaults and what they hold: settings, policies, containers, protected items, recovery points, and the link to a
//! Resource Guard; and every way in which these may change.
//!
//! A change is a value, [`VaultChange`], that carries the state before and after. It can only be built through
//! constructors that refuse what nobody may ever do: leave always-on soft delete, unlock locked immutability, delete
//! from an immutable vault. Whether a change that *may* happen needs somebody else's consent is decided elsewhere
//! (crate `mua`), from the same value.
//!
//! This crate does no I/O, reads no clock and knows neither callers nor roles.

mod change;
mod contents;
pub mod damage;
mod instance;
mod job;
pub mod keeping;
mod kind;
pub mod policy;
pub mod purge_rule;
mod repository_credential;
mod repository_quota;
mod restore;
mod security_level;
mod security_pin;
mod settings;
mod vault;
pub mod watch;

pub use change::{ChangeKind, Edit, ItemChange, ServerRemoval, VaultChange, VaultRemoval};
pub use contents::{
    BackupPolicy, Container, Deletion, GuardProxy, ProtectedItem, Protection, PurgeWarning, RecoveryPoint,
    Standstill,
};
pub use instance::Instance;
pub use job::{Job, JobInstance, Operation};
pub use kind::{VaultKind, vault_of};
pub use repository_credential::{CredentialUse, RepositoryCredential, RepositoryRight, RetiringSecret};
pub use repository_quota::RepositoryQuota;
pub use restore::Restore;
pub use security_level::SecurityLevel;
pub use security_pin::SecurityPin;
pub use settings::{Feature, Immutability, SoftDelete};
pub use vault::{FreeSettings, Stamp, Vault};
pub use watch::Freeze;
