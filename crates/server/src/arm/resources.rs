//! Subscriptions, tenants, resource groups, providers, the generic list of resources, and locks.

use super::route::Route;

/// The routes of this part.
pub const ROUTES: &[Route] = &[];
