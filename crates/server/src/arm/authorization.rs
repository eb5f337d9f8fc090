//! Role definitions, role assignments and effective permissions (contract 6.1, 6.2).

use super::route::Route;

/// The routes of this part.
pub const ROUTES: &[Route] = &[];
