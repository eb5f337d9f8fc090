//! Backup vaults (contract 3): the vault itself and everything below it.
//!
//! A Backup vault is the same document as a Recovery Services vault, an instance the same as a protected item; what
//! differs is how they look on the wire and what they are called on a guard. Nothing here knows about consent: a handler
//! builds `after` from `before` and what the request names, and hands the change to the door.

/// The address of a vault, followed by what is below it.
macro_rules! vault_path {
    ($below:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{vault}",
            $below
        )
    };
}

/// The address of an instance, followed by what is below it.
macro_rules! instance_path {
    ($below:literal) => {
        concat!(vault_path!("/backupInstances/{instance}"), $below)
    };
}

/// An action on a vault or on what is below it.
macro_rules! vault_action {
    ($below:literal) => {
        concat!("Microsoft.DataProtection/backupVaults/", $below)
    };
}

/// An action on an instance or on what is below it.
macro_rules! instance_action {
    ($below:literal) => {
        concat!(vault_action!("backupInstances/"), $below)
    };
}

mod ask;
pub mod deleted;
pub mod instances;
pub mod jobs;
pub mod operations;
pub mod points;
pub mod policies;
pub mod proxies;
pub mod restore;
mod settings;
mod shape;
pub mod vaults;
mod view;
