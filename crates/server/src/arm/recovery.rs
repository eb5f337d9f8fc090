//! What is below a Recovery Services vault (contract 4.4 to 4.7): policies, containers, protected items, their recovery
//! points and repository credentials, jobs and operations.
//!
//! Nothing here knows about consent: a handler builds `after` from `before` and what the request names, and hands the
//! change to the door.

/// The address of a vault, followed by what is below it.
macro_rules! vault_path {
    ($below:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults/{vault}",
            $below
        )
    };
}

/// The address of a container, followed by what is below it.
macro_rules! container_path {
    ($below:literal) => {
        concat!(vault_path!("/backupFabrics/{fabric}/protectionContainers/{container}"), $below)
    };
}

/// The address of an item, followed by what is below it.
macro_rules! item_path {
    ($below:literal) => {
        concat!(container_path!("/protectedItems/{item}"), $below)
    };
}

/// An action on what is below a vault.
macro_rules! vault_action {
    ($below:literal) => {
        concat!("Microsoft.RecoveryServices/Vaults/", $below)
    };
}

/// An action on an item or on what is below it.
macro_rules! item_action {
    ($below:literal) => {
        concat!(vault_action!("backupFabrics/protectionContainers/protectedItems/"), $below)
    };
}

pub mod calendar;
pub mod containers;
pub mod credentials;
pub mod integrity;
pub mod item_view;
pub mod items;
pub mod jobs;
pub mod operations;
pub mod outlook;
pub mod place;
pub mod points;
pub mod policies;
mod protect;
pub mod quotas;
pub mod restore;
pub mod summaries;
pub mod thaw;
