//! Just-in-time access: eligibility, activation, approval, role policies (contract 6.3 to 6.7).
//!
//! The rules are in the crate `pim`; here requests are read, the documents that a rule needs are gathered, and what it
//! says is written, together with the role assignment that an agreed activation amounts to.

mod approvals;
mod assign;
mod extensions;
mod notify;
mod opens;
mod people;
pub mod policies;
mod requests;
mod schedules;

pub use notify::overdue;

use super::route::Method::{Delete, Get, Patch, Post, Put};
use super::route::{Route, open_route, route};

const POLICY_READ: &str = "Microsoft.Authorization/roleManagementPolicies/read";
const POLICY_WRITE: &str = "Microsoft.Authorization/roleManagementPolicies/write";
const POLICY_ASSIGNMENT_READ: &str = "Microsoft.Authorization/roleManagementPolicyAssignments/read";
/// What an admin of roles holds.
const ASSIGN: &str = "Microsoft.Authorization/roleAssignments/write";
/// What somebody holds who may see everybody's schedules and requests.
const READ: &str = "Microsoft.Authorization/roleAssignments/read";

macro_rules! at {
    ($rest:literal) => {
        concat!("{scope}/providers/Microsoft.Authorization/", $rest)
    };
}

/// The routes of this part. Holders and approvers need no role at the scope, so that most of these ask for none; each
/// handler decides by the rule that `pim` has for it.
pub const ROUTES: &[Route] = &[
    open_route(Get, at!("roleEligibilityScheduleRequests"), requests::list_eligibility),
    open_route(Get, at!("roleEligibilityScheduleRequests/{name}"), requests::get_eligibility),
    open_route(Put, at!("roleEligibilityScheduleRequests/{name}"), requests::put_eligibility),
    open_route(Post, at!("roleEligibilityScheduleRequests/{name}/validate"), requests::validate_eligibility),
    open_route(Post, at!("roleEligibilityScheduleRequests/{name}/cancel"), requests::cancel_eligibility),
    open_route(Get, at!("roleAssignmentScheduleRequests"), requests::list_assignment),
    open_route(Get, at!("roleAssignmentScheduleRequests/{name}"), requests::get_assignment),
    open_route(Put, at!("roleAssignmentScheduleRequests/{name}"), requests::put_assignment),
    open_route(Post, at!("roleAssignmentScheduleRequests/{name}/validate"), requests::validate_assignment),
    open_route(Post, at!("roleAssignmentScheduleRequests/{name}/cancel"), requests::cancel_assignment),
    open_route(Get, at!("roleEligibilitySchedules"), schedules::eligibility_schedules),
    open_route(Get, at!("roleEligibilitySchedules/{name}"), schedules::eligibility_schedule),
    open_route(Get, at!("roleEligibilityScheduleInstances"), schedules::eligibility_instances),
    open_route(Get, at!("roleEligibilityScheduleInstances/{name}"), schedules::eligibility_instance),
    open_route(Get, at!("roleAssignmentSchedules"), schedules::assignment_schedules),
    open_route(Get, at!("roleAssignmentSchedules/{name}"), schedules::assignment_schedule),
    open_route(Get, at!("roleAssignmentScheduleInstances"), schedules::assignment_instances),
    open_route(Get, at!("roleAssignmentScheduleInstances/{name}"), schedules::assignment_instance),
    open_route(Get, at!("eligibleChildResources"), schedules::eligible_children),
    route(Get, at!("roleManagementPolicies"), POLICY_READ, policies::list),
    route(Get, at!("roleManagementPolicies/{name}"), POLICY_READ, policies::get),
    route(Patch, at!("roleManagementPolicies/{name}"), POLICY_WRITE, policies::patch),
    route(Delete, at!("roleManagementPolicies/{name}"), POLICY_WRITE, policies::reset),
    open_route(Get, at!("roleManagementPolicyAssignments"), policies::list_assignments),
    open_route(Get, at!("roleManagementPolicyAssignments/{name}"), policies::get_assignment),
    open_route(Get, at!("roleAssignmentApprovals"), approvals::list),
    open_route(Get, at!("roleAssignmentApprovals/{name}"), approvals::get),
    open_route(Get, at!("roleAssignmentApprovals/{name}/stages"), approvals::stages),
    open_route(Get, at!("roleAssignmentApprovals/{name}/stages/{stage}"), approvals::stage),
    open_route(Patch, at!("roleAssignmentApprovals/{name}/stages/{stage}"), approvals::decide),
    open_route(Put, at!("roleAssignmentApprovals/{name}/stages/{stage}"), approvals::decide),
];
