//! Just-in-time access: eligibility, activation, approval, role policies (contract 6.3 to 6.7).

use super::route::Route;

/// The routes of this part.
pub const ROUTES: &[Route] = &[];
