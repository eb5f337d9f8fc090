//! Subscriptions, tenants, resource groups, providers, the generic list of resources, and locks (contract 6.8, 9.2).
//!
//! Who holds a role only on a guard must still be able to sign in and find it: the lists here are open to everybody
//! who is signed in, and show each caller what they may read.

mod groups;
mod inventory;
mod locks;
mod providers;
mod regions;
mod subscriptions;

use super::route::Method::{Delete, Get, Head, Patch, Post, Put};
use super::route::{Route, open_route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    open_route(Get, "/tenants", subscriptions::tenants),
    open_route(Get, "/subscriptions", subscriptions::list),
    open_route(Get, "/subscriptions/{subscription}", subscriptions::get),
    open_route(Get, "/subscriptions/{subscription}/locations", subscriptions::locations),
    open_route(Get, "/subscriptions/{subscription}/resourceGroups", groups::list),
    // Before the GET: asked for its head only, a group answers 204.
    route(Head, "/subscriptions/{subscription}/resourceGroups/{group}", groups::READ, groups::head),
    route(Get, "/subscriptions/{subscription}/resourceGroups/{group}", groups::READ, groups::get),
    route(
        Put,
        "/subscriptions/{subscription}/resourceGroups/{group}",
        "Microsoft.Resources/subscriptions/resourceGroups/write",
        groups::put,
    ),
    route(
        Patch,
        "/subscriptions/{subscription}/resourceGroups/{group}",
        "Microsoft.Resources/subscriptions/resourceGroups/write",
        groups::patch,
    ),
    route(
        Delete,
        "/subscriptions/{subscription}/resourceGroups/{group}",
        "Microsoft.Resources/subscriptions/resourceGroups/delete",
        groups::delete,
    ),
    open_route(Get, "/subscriptions/{subscription}/operationresults/{operation}", groups::deletion_result),
    open_route(Get, "/subscriptions/{subscription}/resources", inventory::in_subscription),
    open_route(Get, "/subscriptions/{subscription}/resourceGroups/{group}/resources", inventory::in_group),
    open_route(Get, "/subscriptions/{subscription}/providers", providers::list),
    open_route(Get, "/subscriptions/{subscription}/providers/{namespace}", providers::get),
    route(
        Post,
        "/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/register",
        "Microsoft.RecoveryServices/register/action",
        providers::register,
    ),
    route(
        Post,
        "/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/unregister",
        "Microsoft.RecoveryServices/unregister/action",
        providers::unregister,
    ),
    route(
        Post,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/register",
        "Microsoft.DataProtection/register/action",
        providers::register,
    ),
    route(
        Post,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/unregister",
        "Microsoft.DataProtection/unregister/action",
        providers::unregister,
    ),
    open_route(
        Post,
        "/subscriptions/{subscription}/providers/{namespace}/register",
        providers::register_fixed,
    ),
    open_route(
        Post,
        "/subscriptions/{subscription}/providers/{namespace}/unregister",
        providers::unregister_fixed,
    ),
    route(Get, "{scope}/providers/Microsoft.Authorization/locks", locks::READ, locks::list),
    route(Get, "{scope}/providers/Microsoft.Authorization/locks/{name}", locks::READ, locks::get),
    route(
        Put,
        "{scope}/providers/Microsoft.Authorization/locks/{name}",
        "Microsoft.Authorization/locks/write",
        locks::put,
    ),
    route(
        Delete,
        "{scope}/providers/Microsoft.Authorization/locks/{name}",
        "Microsoft.Authorization/locks/delete",
        locks::delete,
    ),
];
