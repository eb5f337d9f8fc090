//! What a security admin should know about those who approve: shown with a role's policy, and for a guard as a whole.
//!
//! The rules are `pim`'s ([`ApproverFinding`]); here is gathered what else they need to know: who may ask, who holds all the
//! time what decides about approvers, and which of them can change a vault that is protected.

use std::collections::BTreeSet;

use arm::{ResourceId, Result, RoleId};
use ledger::Verdict;
use mua::alert::APPROVERS_UNREACHABLE;
use mua::{GRANT_ACCESS, ResourceGuard};
use pim::{ApproverFinding, Eligibility, Involved, PolicyDocument, RolePolicy};
use rbac::Action;
use serde_json::Value;
use vault::GuardProxy;

use super::call::Call;
use super::pim::policies::policy_of;
use super::reply::Reply;
use super::route::{Method, Route, route};
use super::{guards, separation, tracked};
use crate::approvers::{FINDINGS, concerned, told};
use crate::people::Known;

/// The routes of this part.
pub const ROUTES: &[Route] = &[route(
    Method::Get,
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/resourceGuards/{guard}/approverFindings",
    guards::READ,
    of_guard,
)];

/// How many findings are named in the ledger.
const TOLD: usize = 10;

/// What there is to say about the approvers of a policy, the gravest first.
pub fn findings(call: &mut Call<'_>, policy: &RolePolicy) -> Result<Vec<ApproverFinding>> {
    if !policy.needs_approval() {
        return Ok(Vec::new());
    }
    let eligibilities = eligibilities(call, policy.scope())?;
    findings_with(call, policy, &eligibilities)
}

/// What there is to say since somebody was made eligible, and was not to be said before. It goes into the ledger.
pub fn after_grant(
    call: &mut Call<'_>,
    policy: &RolePolicy,
    granted: &Eligibility,
) -> Result<Vec<ApproverFinding>> {
    if !policy.needs_approval() {
        return Ok(Vec::new());
    }
    let mut eligibilities = eligibilities(call, policy.scope())?;
    let known = findings_with(call, policy, &eligibilities)?;
    eligibilities.retain(|other| other.grant().name != granted.grant().name);
    eligibilities.push(granted.clone());
    let mut found = findings_with(call, policy, &eligibilities)?;
    found.retain(|finding| !known.contains(finding));
    note(call, policy, &found)?;
    Ok(found)
}

/// Shows findings about a policy with something else.
pub fn show_with(
    call: &mut Call<'_>,
    mut json: Value,
    policy: &RolePolicy,
    findings: &[ApproverFinding],
) -> Result<Value> {
    let access = call.access()?;
    let names = Known::now(&access);
    let findings: Value = findings.iter().map(|finding| finding.to_json(policy, &names)).collect();
    if let Some(properties) = json.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("approverFindings".into(), findings);
    }
    Ok(json)
}

fn findings_with(
    call: &mut Call<'_>,
    policy: &RolePolicy,
    eligibilities: &[Eligibility],
) -> Result<Vec<ApproverFinding>> {
    let access = call.access()?;
    let people = Known::now(&access);
    let mut involved =
        Involved { askers: policy.askers(eligibilities, &people, call.now), ..Involved::default() };
    let index = access.tenant_of(policy.scope()).and_then(|tenant| access.index(tenant));
    if let Some(index) = index {
        let actions: Vec<Action> =
            GRANT_ACCESS.iter().map(|action| Action::parse(action)).collect::<Result<_>>()?;
        let holdings = index.holdings(&actions, policy.scope(), false, call.now);
        let standing_ones = holdings.iter().filter(|holding| !access.is_activation(&holding.assignment));
        let accounts = standing_ones.flat_map(|holding| index.members_of(holding.holder));
        involved.rulers = accounts.filter(|account| access.acting(*account).is_some()).collect();
    }
    let mut vaults: BTreeSet<ResourceId> = BTreeSet::new();
    for guard in guards::within(call.tx, policy.scope())? {
        let proxies: Vec<GuardProxy> = call.tx.find(guard.id.folded())?;
        vaults.extend(proxies.iter().filter_map(|proxy| proxy.id.parent()));
    }
    for vault in vaults {
        let changers = separation::changers(call, &vault)?;
        let on_its_side = |account: &&arm::ObjectId| {
            access.acting(**account).is_some_and(|person| changers.contains(&person))
        };
        involved.vault_rulers.extend(involved.rulers.iter().filter(on_its_side));
    }
    Ok(policy.approver_findings(&people, &involved))
}

/// Says in the ledger what was found.
pub fn note(call: &mut Call<'_>, policy: &RolePolicy, findings: &[ApproverFinding]) -> Result<()> {
    let access = call.access()?;
    let names = Known::now(&access);
    let said: Vec<String> = findings.iter().take(TOLD).map(|finding| told(policy, finding, &names)).collect();
    if !said.is_empty() {
        call.fact(FINDINGS, said.join(" "));
    }
    Ok(())
}

/// Tells the owners of the guards when a policy that was set back to its defaults leaves nobody who approves. Its document
/// is deleted by now.
pub fn after_reset(call: &mut Call<'_>, before: &RolePolicy) -> Result<()> {
    let after = policy_of(call, before.scope(), before.role())?;
    let access = call.access()?;
    let people = Known::now(&access);
    // What nobody could approve before is no news.
    if before.check_reach(&people, None).is_err() {
        return Ok(());
    }
    let Err(error) = after.check_reach(&people, None) else {
        return Ok(());
    };
    for target in concerned(call.tx, after.scope())? {
        let mut entry = call.entry_of(Verdict::Done, error.message.clone());
        entry.operation = APPROVERS_UNREACHABLE.into();
        entry.target = target.to_string();
        entry.facts.insert("policy".into(), after.id());
        entry.facts.insert("cause".into(), call.action.to_string());
        call.tx.record(entry);
    }
    Ok(())
}

/// `GET <guard>/approverFindings`: about every policy by which somebody may come to consent for this guard.
fn of_guard(call: &mut Call<'_>) -> Result<Reply> {
    let id = call.id().first(8);
    if call.tx.resource::<ResourceGuard>(&id)?.is_none() {
        return Err(tracked::not_found(&id));
    }
    let access = call.access()?;
    let names = Known::now(&access);
    let mut shown: Vec<Value> = Vec::new();
    for (scope, role) in policies_above(call, &id)? {
        let policy = policy_of(call, &scope, role)?;
        if policy.guards_consent() {
            shown.extend(findings(call, &policy)?.iter().map(|finding| finding.to_json(&policy, &names)));
        }
    }
    let numbered: Vec<(usize, Value)> = shown.into_iter().enumerate().collect();
    Ok(call.page(numbered, |(number, _)| format!("{number:06}"), |(_, finding)| finding.clone()))
}

/// Where a guard's consent may come from: what somebody is eligible for there or above, and every policy that was changed.
fn policies_above(call: &mut Call<'_>, guard: &ResourceId) -> Result<BTreeSet<(ResourceId, RoleId)>> {
    let mut all: BTreeSet<(ResourceId, RoleId)> = eligibilities(call, guard)?
        .iter()
        .map(Eligibility::grant)
        .filter(|grant| guard.is_within(&grant.scope) && !grant.window.has_ended(call.now))
        .map(|grant| (grant.scope.clone(), grant.role))
        .collect();
    if let Some(subscription) = guard.subscription_id() {
        let changed: Vec<PolicyDocument> = call.tx.below(&ResourceId::subscription(subscription))?;
        let above = changed.into_iter().filter(|document| guard.is_within(&document.scope));
        all.extend(above.map(|document| (document.scope, document.role)));
    }
    Ok(all)
}

/// The eligibilities of a scope's subscription.
pub fn eligibilities(call: &mut Call<'_>, scope: &ResourceId) -> Result<Vec<Eligibility>> {
    match scope.subscription_id() {
        Some(subscription) => call.tx.below(&ResourceId::subscription(subscription)),
        None => Ok(Vec::new()),
    }
}
