//! Resource Guards, and access control on every scope.
