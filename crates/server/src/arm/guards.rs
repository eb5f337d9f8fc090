//! Resource Guards and their request objects (contract 2).

use super::route::Route;

/// The routes of this part.
pub const ROUTES: &[Route] = &[];
