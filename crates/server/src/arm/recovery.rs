//! Recovery Services vaults and everything below them (contract 4).

use super::route::Route;

/// The routes of this part.
pub const ROUTES: &[Route] = &[];
