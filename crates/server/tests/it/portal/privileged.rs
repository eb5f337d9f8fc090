//! Privileged access: one's own roles, requests, approvals, assignments, role settings.

mod activation;
mod settings;

use serde_json::{Value, json};

use super::browser::{Browser, Shown};
use crate::pim::world::{APPROVERS, ELIGIBILITY, OPERATOR, World, approver, guard, lasting, stage};

const ALICE: &str = "alice@contoso.example";
const SAM: &str = "sam@fabsec.example";
const TESS: &str = "tess@fabsec.example";
/// Administers roles, and does not approve.
const UMA: &str = "uma@fabsec.example";
/// Knows nothing of the guard.
const BOB: &str = "bob@contoso.example";

/// The page of a name about the guard.
fn of_guard(name: &str) -> String {
    format!("/portal/privileged/{name}{}", guard())
}

fn activation() -> String {
    format!("{}?role={OPERATOR}", of_guard("activate"))
}

fn setting(edit: &str) -> String {
    format!("{}?role={OPERATOR}&edit={edit}", of_guard("setting"))
}
