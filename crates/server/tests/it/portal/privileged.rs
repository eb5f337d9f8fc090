//! Privileged access: one's own roles, requests, approvals, assignments, role settings.
