//! All routes, part by part. The first that matches answers.

use std::sync::LazyLock;

use super::route::{Route, Table};
use super::{
    activity, alerts, approvers, authorization, backup, guards, pim, recovery, resources, separation, vaults,
};

/// Every route of the ARM face.
pub const ROUTES: &[&[Route]] = &[
    resources::ROUTES,
    authorization::ROUTES,
    pim::ROUTES,
    // Before the guards' own, in which any word is a kind of request.
    separation::ROUTES,
    approvers::ROUTES,
    guards::ROUTES,
    vaults::ROUTES,
    recovery::policies::ROUTES,
    recovery::containers::ROUTES,
    recovery::items::ROUTES,
    recovery::credentials::ROUTES,
    recovery::quotas::ROUTES,
    recovery::thaw::ROUTES,
    recovery::integrity::ROUTES,
    recovery::points::ROUTES,
    recovery::outlook::ROUTES,
    recovery::restore::ROUTES,
    recovery::jobs::ROUTES,
    recovery::operations::ROUTES,
    recovery::summaries::ROUTES,
    backup::vaults::ROUTES,
    backup::proxies::ROUTES,
    backup::policies::ROUTES,
    backup::instances::ROUTES,
    backup::deleted::ROUTES,
    backup::points::ROUTES,
    backup::restore::ROUTES,
    backup::jobs::ROUTES,
    backup::operations::ROUTES,
    activity::ROUTES,
    alerts::ROUTES,
];

/// The same, to be looked up.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| Table::of(ROUTES));
