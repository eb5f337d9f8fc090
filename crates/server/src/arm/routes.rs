//! All routes, part by part. The first that matches answers.

use super::route::Route;
use super::{authorization, guards, pim, recovery, resources, vaults};

/// Every route of the ARM face.
pub const ROUTES: &[&[Route]] = &[
    resources::ROUTES,
    authorization::ROUTES,
    pim::ROUTES,
    guards::ROUTES,
    vaults::ROUTES,
    recovery::ROUTES,
];
