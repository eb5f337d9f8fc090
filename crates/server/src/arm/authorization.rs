//! Role definitions and role assignments (contract 6.1, 6.2): who may do what.
//!
//! Whoever may write them is decided by the roles that they hold themselves; what is decided here is that nothing
//! reaches over the border of a tenant, that nothing looks granted which is not, and that a subscription never loses
//! its last administrator.

mod assignments;
mod check_access;
mod definitions;
mod effective;
mod operations;

pub use definitions::shown_id;

use super::route::Method::{Delete, Get, Post, Put};
use super::route::{Route, open_route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    // The built-in roles are the same everywhere and no secret.
    open_route(Get, "/providers/Microsoft.Authorization/roleDefinitions", definitions::list_built_in),
    open_route(Get, "/providers/Microsoft.Authorization/roleDefinitions/{name}", definitions::get_built_in),
    route(
        Get,
        "{scope}/providers/Microsoft.Authorization/roleDefinitions",
        "Microsoft.Authorization/roleDefinitions/read",
        definitions::list,
    ),
    route(
        Get,
        "{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        "Microsoft.Authorization/roleDefinitions/read",
        definitions::get,
    ),
    route(
        Put,
        "{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        definitions::WRITE,
        definitions::put,
    ),
    route(
        Delete,
        "{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        definitions::DELETE,
        definitions::delete,
    ),
    route(
        Get,
        "{scope}/providers/Microsoft.Authorization/roleAssignments",
        "Microsoft.Authorization/roleAssignments/read",
        assignments::list,
    ),
    route(
        Get,
        "{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "Microsoft.Authorization/roleAssignments/read",
        assignments::get,
    ),
    route(
        Put,
        "{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "Microsoft.Authorization/roleAssignments/write",
        assignments::put,
    ),
    route(
        Delete,
        "{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "Microsoft.Authorization/roleAssignments/delete",
        assignments::delete,
    ),
    open_route(Get, "{scope}/providers/Microsoft.Authorization/permissions", effective::permissions),
    // Of oneself, anybody may ask; of others, the handler says who.
    open_route(Post, "{scope}/providers/Microsoft.Authorization/checkAccess", check_access::check),
    route(
        Get,
        "{scope}/providers/Microsoft.Authorization/denyAssignments",
        "Microsoft.Authorization/denyAssignments/read",
        effective::none,
    ),
    route(
        Get,
        "/subscriptions/{subscription}/providers/Microsoft.Authorization/classicAdministrators",
        "Microsoft.Authorization/classicAdministrators/read",
        effective::none,
    ),
    open_route(Get, "/providers/Microsoft.Authorization/providerOperations", operations::list),
    open_route(Get, "/providers/Microsoft.Authorization/providerOperations/{namespace}", operations::get),
];
