//! Role policies: how a role at a scope is activated. Every pair of scope and role has one; only changed ones are stored.

use arm::{Error, Filter, ResourceId, Result, RoleId};
use mua::CriticalOperation;
use pim::{ActivationRequest, ApproverFinding, Eligibility, Listing, PolicyDocument, RolePolicy};
use rbac::{Action, RoleDefinition};
use serde_json::Value;
use store::{Transaction, pim_key};

use super::POLICY_ASSIGNMENT_READ;
use super::people::Directory;
use super::requests::at_and_above;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::{approvers, guards};
use crate::people::Known;

/// The policy of a role at a scope, as it is in force now.
pub fn policy_of(call: &mut Call<'_>, scope: &ResourceId, role: RoleId) -> Result<RolePolicy> {
    policy_at(call.tx, scope, role)
}

/// The same, for what nobody calls.
pub fn policy_at(tx: &mut Transaction, scope: &ResourceId, role: RoleId) -> Result<RolePolicy> {
    let guards_consent = guards_consent(tx, scope, role)?;
    let stored: Option<PolicyDocument> = tx.get(&pim_key(scope, "rolemanagementpolicies", &role))?;
    Ok(match stored {
        Some(document) => RolePolicy::in_force(document, guards_consent),
        None => RolePolicy::default_for(role, scope.clone(), guards_consent),
    })
}

/// The policy that an activation is decided by, as it is in force now.
pub(super) fn policy_over(tx: &mut Transaction, request: &ActivationRequest) -> Result<RolePolicy> {
    policy_at(tx, request.policy_scope(), request.role())
}

/// Whether the role, held at the scope, would consent for a guard that is there or below it.
fn guards_consent(tx: &mut Transaction, scope: &ResourceId, role: RoleId) -> Result<bool> {
    let Some(role) = role_in(tx, scope, role)? else {
        return Ok(false);
    };
    if !CriticalOperation::ALL.iter().any(|operation| consents_to(&role, *operation)) {
        return Ok(false);
    }
    Ok(!guards::within(tx, scope)?.is_empty())
}

/// Whether the role, held on a guard, consents to the operation.
pub(super) fn consents_to(role: &RoleDefinition, operation: CriticalOperation) -> bool {
    Action::parse(&operation.guard_action()).is_ok_and(|action| role.grants(&action))
}

/// The role with this id, if the scope's tenant has it.
pub(super) fn role_at(
    call: &mut Call<'_>,
    scope: &ResourceId,
    role: RoleId,
) -> Result<Option<RoleDefinition>> {
    role_in(call.tx, scope, role)
}

/// The same, for what nobody calls.
pub(super) fn role_in(
    tx: &mut Transaction,
    scope: &ResourceId,
    role: RoleId,
) -> Result<Option<RoleDefinition>> {
    let access = tx.access()?;
    let index = access.tenant_of(scope).and_then(|tenant| access.index(tenant));
    Ok(index.and_then(|index| index.role(role)).cloned())
}

/// All roles that the scope's tenant has, built-in ones first.
fn roles_at(call: &mut Call<'_>, scope: &ResourceId) -> Result<Vec<RoleId>> {
    let custom: Vec<RoleDefinition> = call.tx.all()?;
    let mut ids: Vec<RoleId> = rbac::builtin_roles().iter().map(|role| role.id).collect();
    ids.extend(custom.iter().filter(|role| role.is_assignable_at(scope)).map(|role| role.id));
    Ok(ids)
}

/// The policies that a list shows.
fn listed(call: &mut Call<'_>) -> Result<Vec<RolePolicy>> {
    let (scope, listing) = wanted(call)?;
    let roles = roles_at(call, &scope)?;
    let wanted = roles.into_iter().filter(|role| listing.role.is_none_or(|wanted| wanted == *role));
    wanted.map(|role| policy_of(call, &scope, role)).collect()
}

/// Where, and what a list shall show.
fn wanted(call: &Call<'_>) -> Result<(ResourceId, Listing)> {
    let scope = checked_scope(call)?;
    let filter = Filter::parse(call.request.query("$filter").unwrap_or_default())?;
    Ok((scope, Listing::parse(&filter)?))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply> {
    let policies = listed(call)?;
    let access = call.access()?;
    let names = Known::now(&access);
    Ok(Reply::list(policies.iter().map(|policy| policy.to_json(&names)).collect()))
}

pub(super) fn list_assignments(call: &mut Call<'_>) -> Result<Reply> {
    let (scope, listing) = wanted(call)?;
    let seen = seen(call, &scope, listing.role)?;
    let policies = listed(call)?;
    let access = call.access()?;
    let names = Known::now(&access);
    Ok(Reply::list(policies.iter().map(|policy| seen.of(policy.assignment_json(&names))).collect()))
}

/// How much of a policy's assignment the caller sees.
#[derive(Clone, Copy)]
enum Seen {
    /// All of it: a reader of policies.
    All,
    /// The rules that they have to keep: somebody who is eligible for the role.
    Asking,
}

/// Whoever is eligible for a role may see what to ask for it takes; everybody else needs to be a reader.
fn seen(call: &mut Call<'_>, scope: &ResourceId, role: Option<RoleId>) -> Result<Seen> {
    if call.may(POLICY_ASSIGNMENT_READ, scope)? {
        return Ok(Seen::All);
    }
    if let Some(role) = role {
        let people = Directory::of(call)?;
        let (caller, now) = (call.who().object, call.now);
        let all = at_and_above::<Eligibility>(call, scope, |eligibility| &eligibility.grant().scope)?;
        if all.iter().any(|eligibility| eligibility.serves(caller, role, scope, &people, now)) {
            return Ok(Seen::Asking);
        }
    }
    call.demand(POLICY_ASSIGNMENT_READ, scope)?;
    Ok(Seen::All)
}

impl Seen {
    fn of(self, mut assignment: Value) -> Value {
        let rules = assignment.pointer_mut("/properties/effectiveRules").and_then(Value::as_array_mut);
        if let (Self::Asking, Some(rules)) = (self, rules) {
            let binds = |id: &str| id.ends_with("_EndUser_Assignment") && !id.starts_with("Notification_");
            rules.retain(|rule| rule.get("id").and_then(Value::as_str).is_some_and(binds));
        }
        assignment
    }
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Reply> {
    let policy = named(call)?;
    let findings = approvers::findings(call, &policy)?;
    shown(call, &policy, &findings)
}

/// A policy, with what there is to say about its approvers.
fn shown(call: &mut Call<'_>, policy: &RolePolicy, findings: &[ApproverFinding]) -> Result<Reply> {
    let access = call.access()?;
    let json = policy.to_json(&Known::now(&access));
    Ok(Reply::ok(approvers::show_with(call, json, policy, findings)?))
}

pub(super) fn get_assignment(call: &mut Call<'_>) -> Result<Reply> {
    let scope = checked_scope(call)?;
    let name = call.params.get("name");
    let role = pim::policy::role_of_assignment(&scope, name);
    let missing = not_found(name);
    let seen = seen(call, &scope, role)?;
    let policy = policy_of(call, &scope, role.ok_or(missing)?)?;
    let access = call.access()?;
    Ok(Reply::ok(seen.of(policy.assignment_json(&Known::now(&access)))))
}

pub(super) fn patch(call: &mut Call<'_>) -> Result<Reply> {
    let policy = named(call)?;
    let patched = policy.patch(&call.request.body, call.who().object, call.now)?;
    check_approvers(call, &patched)?;
    let findings = approvers::findings(call, &patched)?;
    if patched.rules().approval != policy.rules().approval {
        let access = call.access()?;
        check_quorum(&patched, &findings, &Known::now(&access))?;
    }
    call.tx.put(patched.document())?;
    call.fact("role", patched.role().to_string());
    approvers::note(call, &patched, &findings)?;
    call.because("the role's policy was changed");
    shown(call, &patched, &findings)
}

/// Refuses approvers who are too few for somebody: whoever names them is there to name one more, and later nobody may be.
fn check_quorum(policy: &RolePolicy, findings: &[ApproverFinding], names: &Known<'_>) -> Result<()> {
    match findings.iter().find(|finding| matches!(finding, ApproverFinding::Deadlock { .. })) {
        None => Ok(()),
        Some(deadlock) => Err(Error::invalid("InvalidPolicy", deadlock.message(names))
            .with_target(format!("{}/rules/Approval_EndUser_Assignment", policy.id()))),
    }
}

/// Back to the defaults. That is allowed when these name no approver: then nothing is approved, which the guard's owner
/// is told of.
pub(super) fn reset(call: &mut Call<'_>) -> Result<Reply> {
    let policy = named(call)?;
    let key = pim_key(policy.scope(), "rolemanagementpolicies", &policy.role());
    if call.tx.get::<PolicyDocument>(&key)?.is_none() {
        return Ok(Reply::empty(204));
    }
    call.tx.delete::<PolicyDocument>(&key);
    call.because("the role's policy was set back to its defaults");
    approvers::after_reset(call, &policy)?;
    Ok(Reply::empty(200))
}

fn named(call: &mut Call<'_>) -> Result<RolePolicy> {
    let scope = checked_scope(call)?;
    let name = call.params.get("name").to_string();
    let roles = roles_at(call, &scope)?;
    let role = roles
        .into_iter()
        .find(|role| pim::policy::policy_name(&scope, *role).to_string().eq_ignore_ascii_case(&name));
    policy_of(call, &scope, role.ok_or_else(|| not_found(&name))?)
}

/// Approvers must be known to the tenant: a name that nobody answers to would be a policy that nobody can fulfil.
fn check_approvers(call: &mut Call<'_>, policy: &RolePolicy) -> Result<()> {
    let access = call.access()?;
    let people = Known::now(&access);
    for approver in policy.rules().approval.stages().flat_map(|stage| &stage.approvers) {
        if people.kind_at(approver.id, policy.scope()).is_none() {
            return Err(Error::invalid(
                "InvalidPolicy",
                format!(
                    "the approver '{}' is no user or group of the tenant that owns '{}'",
                    approver.id,
                    policy.scope()
                ),
            ));
        }
    }
    Ok(())
}

/// The scope of a request, which must be one that roles can be held at.
pub(super) fn checked_scope(call: &Call<'_>) -> Result<ResourceId> {
    let scope = call.scope()?;
    if scope.subscription_id().is_none() {
        return Err(Error::invalid(
            "InvalidScope",
            format!("'{scope}' is not supported here: name a subscription, a resource group or a resource"),
        ));
    }
    Ok(scope)
}

/// The same, or the root, which stands for all of the caller's directory.
pub(super) fn checked_scope_or_root(call: &Call<'_>) -> Result<ResourceId> {
    let scope = call.scope()?;
    if scope.is_root() { Ok(scope) } else { checked_scope(call) }
}

fn not_found(name: &str) -> Error {
    Error::not_found(
        "RoleManagementPolicyNotFound",
        format!("there is no role management policy '{name}' at this scope"),
    )
}
