//! Approvals: what waits for somebody's decision, and the decision (contract 6.6).

use arm::{Error, ErrorKind, Filter, Result};
use ledger::Verdict;
use pim::{ActivationRequest, DecisionBody, Listing, RolePolicy};
use serde_json::{Value, json};

use super::people::Directory;
use super::policies::policy_over;
use super::requests::{awaits, check_locks, eligibility_behind};
use super::{READ, assign, opens};
use crate::arm::call::Call;
use crate::arm::dispatch::check_place;
use crate::arm::reply::Reply;

/// The approvals that wait for the caller.
pub(super) fn list(call: &mut Call<'_>) -> Result<Reply> {
    let filter = Filter::parse(call.request.query("$filter").unwrap_or_default())?;
    Listing::parse(&filter)?;
    let people = Directory::of(call)?;
    let mut waiting = Vec::new();
    for request in call.tx.all::<ActivationRequest>()? {
        if let Some(policy) = awaits(call, &request, &people)? {
            waiting.extend(shown(call, &request, &policy, &people)?);
        }
    }
    Ok(Reply::list(waiting))
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (request, policy, people) = visible(call)?;
    let json = shown(call, &request, &policy, &people)?;
    json.map(Reply::ok).ok_or_else(|| no_approval(call))
}

/// An approval with what its approvers need to know. Only for those who may see it.
fn shown(
    call: &mut Call<'_>,
    request: &ActivationRequest,
    policy: &RolePolicy,
    people: &Directory,
) -> Result<Option<Value>> {
    let Some(mut json) = request.approval_json(policy, people, &people.context()) else { return Ok(None) };
    let brief = opens::brief(call, request, policy, people)?;
    if let Some(properties) = json.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("request".into(), brief);
    }
    Ok(Some(json))
}

pub(super) fn stages(call: &mut Call<'_>) -> Result<Reply> {
    let (request, policy, people) = visible(call)?;
    Ok(Reply::list(request.stages_json(&policy, &people, &people.context())))
}

pub(super) fn stage(call: &mut Call<'_>) -> Result<Reply> {
    let (request, policy, people) = visible(call)?;
    let stage = request.stage_json(call.guid("stage")?, &policy, &people, &people.context());
    stage.map(Reply::ok).ok_or_else(|| no_approval(call))
}

pub(super) fn decide(call: &mut Call<'_>) -> Result<Reply> {
    call.action = "Microsoft.Authorization/roleAssignmentApprovals/stages/write";
    let stage = call.guid("stage")?;
    let decision = DecisionBody::parse(&call.request.body)?;
    let request = find(call)?;
    let policy = policy_over(call.tx, &request)?;
    let eligibility = eligibility_behind(call, &request)?;
    let people = Directory::of(call)?;
    let decided = match request.decide(stage, &decision, &policy, eligibility.as_ref(), &people.context()) {
        Ok(decided) => decided,
        Err(error) => return Err(refused(call, &request, error)),
    };
    if decision.verdict == pim::Verdict::Approve {
        check_place(call, request.scope())?;
        check_locks(call, request.scope())??;
    }
    assign::store_activation(call, &decided)?;
    let status = decided.status_at(call.now);
    call.fact("status", status.as_str());
    call.fact("requester", request.person().0.clone());
    call.fact("requesterAccount", request.principal().to_string());
    call.fact("request", request.name().to_string());
    call.fact("scope", request.scope().to_string());
    call.because(format!("a decision about an activation; it is {} now", status.as_str()));
    let json = decided.stage_json(stage, &policy, &people, &people.context());
    Ok(Reply::ok(json.unwrap_or_else(|| json!({}))))
}

/// Somebody who may not decide and tried to is worth an entry: above all whoever would approve their own request.
fn refused(call: &mut Call<'_>, request: &ActivationRequest, error: Error) -> Error {
    if error.kind == ErrorKind::Forbidden {
        let mut entry = call.entry_of(Verdict::Refused, error.message.clone());
        entry.facts.insert("request".into(), request.name().to_string());
        entry.facts.insert("requester".into(), request.person().0.clone());
        entry.facts.insert("requesterAccount".into(), request.principal().to_string());
        // The path may name any scope.
        entry.facts.insert("scope".into(), request.scope().to_string());
        call.tx.record_refusal(entry);
    }
    error
}

/// The request behind an approval, if the caller may see it.
fn visible(call: &mut Call<'_>) -> Result<(ActivationRequest, RolePolicy, Directory)> {
    let request = find(call)?;
    let policy = policy_over(call.tx, &request)?;
    let may_read = call.may(READ, request.scope())?;
    let people = Directory::of(call)?;
    request.may_see(&policy, may_read, &people.context())?;
    Ok((request, policy, people))
}

/// An approval has the name of the request that it is about, and is found by that alone.
fn find(call: &mut Call<'_>) -> Result<ActivationRequest> {
    let name = call.guid("name")?;
    let found: Vec<ActivationRequest> = call.tx.find(&name.to_string())?;
    found.into_iter().next().ok_or_else(|| no_approval(call))
}

fn no_approval(call: &Call<'_>) -> Error {
    let name = call.params.get("name");
    Error::not_found(
        "RoleAssignmentApprovalNotFound",
        format!("there is no approval '{name}' that you may see"),
    )
}
