//! A Backup vault's link to a Resource Guard (contract 3.6). It is the same as that of the other kind of vault.

use crate::arm::route::{Method, Route, route};
use crate::arm::vaults::proxy;

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        vault_path!("/backupResourceGuardProxies"),
        vault_action!("backupResourceGuardProxies/read"),
        proxy::list,
    ),
    route(
        Method::Get,
        vault_path!("/backupResourceGuardProxies/{proxy}"),
        vault_action!("backupResourceGuardProxies/read"),
        proxy::get,
    ),
    route(
        Method::Put,
        vault_path!("/backupResourceGuardProxies/{proxy}"),
        vault_action!("backupResourceGuardProxies/write"),
        proxy::put,
    ),
    route(
        Method::Delete,
        vault_path!("/backupResourceGuardProxies/{proxy}"),
        vault_action!("backupResourceGuardProxies/delete"),
        proxy::delete,
    ),
    route(
        Method::Post,
        vault_path!("/backupResourceGuardProxies/{proxy}/unlockDelete"),
        vault_action!("backupResourceGuardProxies/unlockDelete/action"),
        proxy::unlock_delete,
    ),
];
